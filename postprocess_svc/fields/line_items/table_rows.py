"""One row of an item table, and the item that it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import dist

from postprocess_svc.fields.line_items.counts import counted_name, find_count
from postprocess_svc.fields.line_items.headers import Column
from postprocess_svc.fields.line_items.item import PrintedItem, sum_of
from postprocess_svc.fields.line_items.numbers import Number, find_number, find_rate, split_quantity
from postprocess_svc.fields.line_items.summaries import ends_items, is_discount, is_summary, names_sum
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.lines import TextLine
from postprocess_svc.tables.table import TextCell, joined_text
from postprocess_svc.tables.values import is_value

LETTERS = re.compile(r"[^\W\d_]")
_IN_BRACKETS = re.compile(r"[(（~〔\[].*[)）~〕\]]")
_LIST_MARK = re.compile(
    r"^(?:[・•●◆■▪◇○►▶](?=\s*\S)|[-－](?=\s)|(?:内訳|明細)\s*[:：]|[(（][イロハニホヘトチリ][)）])\s*"
)
_NUMBERED = re.compile(r"^(?:[1-9１-９]\d?[.)．、]|[(（][1-9１-９]\d?[)）]) ?(?=\D)")
_SMALLER, _SET_IN = 0.9, 0.6
"""Notes below a name: in type of this share of its height, or set in by so many of its heights."""

Columns = Mapping[Column, int]


@dataclass(slots=True)
class RowCells:
    """A row of a table by its columns; a cell over several stands in the first."""

    by_column: dict[int, TextCell]

    def text(self, column: int | None) -> str:
        """The text in a column; empty where there is none."""
        cell = None if column is None else self.by_column.get(column)
        return "" if cell is None else cell.text

    @property
    def lines(self) -> list[TextLine]:
        """All lines of the row."""
        return [line for cell in self.by_column.values() for line in cell.lines]


@dataclass(slots=True)
class RowsRead:
    """What the rows of a table say."""

    items: list[PrintedItem]
    sums: set[Decimal]
    """What stands in rows that sum up."""


def read_rows(rows: Sequence[RowCells], columns: Columns, page: int) -> RowsRead:
    """The items of a table's rows, up to the total, and what the table says that they add up to."""
    read = RowsRead([], set())
    since = 0
    names_beside_amounts = False
    for row in rows:
        beside = _names_amount(row, columns)
        item = _item(row, columns, page)
        if item is None:
            if read.items:
                _take_count_of(read.items[-1], row.by_column.values())
            amount = _number(row, columns.get(Column.AMOUNT))
            if amount is not None:
                read.sums.add(amount.value)
                since = len(read.items)
            names_beside_amounts |= beside and bool(read.items)
            if any(ends_items(text) for text in _names(row, columns)):
                break
        elif (names_beside_amounts and beside) or _sums_up(item, read.items, since):
            # The first sum whose name stands beside its amount begins the sums: what is named there is no item.
            if item.amount is not None:
                read.sums.add(item.amount)
            since = len(read.items)
        else:
            read.items.append(item)
    drop_numbers(read.items)
    return read


def _sums_up(item: PrintedItem, before: Sequence[PrintedItem], since: int) -> bool:
    """Whether what has neither quantity nor price, among items that have, is what those above it add up to."""
    if item.quantity is not None or item.unit_price is not None or not item.amount:
        return False
    for first in {0, since}:
        above = before[first:]
        priced = sum(each.unit_price is not None for each in above)
        if len(above) > 1 and 2 * priced > len(above) and sum_of(above) == item.amount:
            return True
    return False


def _names_amount(row: RowCells, columns: Columns) -> bool:
    """Whether words stand beside an amount where numbers are expected, as the names of sums do."""
    if Column.AMOUNT not in columns or not row.text(columns[Column.AMOUNT]):
        return False
    numbers = {columns[column] for column in (Column.QUANTITY, Column.UNIT_PRICE) if column in columns}
    named = columns.get(Column.DESCRIPTION, -1)
    for column, cell in row.by_column.items():
        is_beside = column in numbers or named < column < columns[Column.AMOUNT] < column + cell.column_span + 1
        if is_beside and column != named and len(LETTERS.findall(cell.text)) > 1 and not cell.text[0].isdigit():
            return column in numbers or cell.column_span > 1
    return False


def _take_count_of(item: PrintedItem, cells: Iterable[TextCell]) -> None:
    """Take quantity and price out of what stands beside or below an item: 12名×100円, (18 m3 × @420)."""
    if item.quantity is not None or item.unit_price is not None or item.amount is None:
        return
    for cell in cells:
        count = find_count(fold(cell.text))
        if count is not None and count.price is not None and abs(count.count * count.price - item.amount) < 1:
            item.quantity, item.unit, item.unit_price = count.count, count.unit, count.price
            return


def _item(row: RowCells, columns: Columns, page: int) -> PrintedItem | None:
    """The item of a row; None where it sums up, is a heading, or has no price."""
    named = row.by_column.get(columns.get(Column.DESCRIPTION, -1))
    description = "" if named is None else own_name(named).rstrip(" :：")
    quantity, unit = split_quantity(row.text(columns.get(Column.QUANTITY)))
    own_unit = row.text(columns.get(Column.UNIT))
    if quantity is None and own_unit:  # the two stand so close that they were read as one
        quantity, unit = split_quantity(own_unit)
        own_unit = "" if quantity is not None else own_unit
    price = _number(row, columns.get(Column.UNIT_PRICE))
    amount = _number(row, columns.get(Column.AMOUNT))
    # Delivery notes have no prices: there a quantity is what makes an item.
    prices = Column.AMOUNT in columns or Column.UNIT_PRICE in columns
    if amount is None and (quantity is None or (price is None and prices)):
        return None
    if amount is not None and amount.value == 0 and quantity is None and price is None:
        return None
    whole = quantity is not None and price is not None and amount is not None
    sums_up = names_sum if whole else is_summary
    if any(sums_up(text) for text in _names(row, columns, beside_values=not whole)):
        return None
    is_listed = bool(LETTERS.search(description)) and named is not None and named.column_span == 1
    if not LETTERS.search(description):
        others = [text for text in _names(row, columns) if LETTERS.search(text)]
        if not others:
            return None
        description = description or others[0]
    item = PrintedItem(
        description=without_list_mark(description),
        quantity=None if quantity is None else quantity.value,
        unit=own_unit or unit,
        unit_price=None if price is None else price.value,
        amount=None if amount is None else amount.value,
        tax_rate_percent=find_rate(row.text(columns.get(Column.TAX_RATE))),
        is_reduced=bool(row.text(columns.get(Column.DISCOUNT))),
        decimals=max((number.decimals for number in (price, amount) if number is not None), default=0),
        amount_decimals=None if amount is None else amount.decimals,
        is_listed=is_listed,
        page=page,
        lines=row.lines,
    )
    _settle(item, quantity, price, find_rate(row.text(columns.get(Column.DISCOUNT))))
    if quantity is None and amount is not None:
        _take_count(item, amount.value)
        beside = [cell for cell in row.by_column.values() if cell is not named]
        _take_count_of(item, beside)
    in_brackets = _IN_BRACKETS.fullmatch(row.text(columns.get(Column.AMOUNT))) is not None
    if amount is not None and amount.value > 0 and (is_discount(description) or in_brackets) and not whole:
        item.amount, item.sign_is_assumed = -amount.value, True
    return item


def _take_count(item: PrintedItem, amount: Decimal) -> None:
    """Take the count out of a name, where it and the price make the amount."""
    priced = item.description if item.unit_price is None else f"{item.description} @{item.unit_price}"
    counted = counted_name(fold(priced), amount)
    if counted is not None:
        item.description, count = counted
        item.quantity, item.unit, item.unit_price = count.count, count.unit, count.price


def own_name(cell: TextCell) -> str:
    """What a cell names: its lines but for notes below the first, set in, in smaller type or in brackets."""
    lines = cell.lines
    if len(lines) < 2:
        return cell.text
    first = lines[0]
    height = _height(first)
    own = [first]
    for line in lines[1:]:
        is_below = line.row != first.row
        is_note = (
            _height(line) < _SMALLER * height
            or line.quad[0][0] - first.quad[0][0] > _SET_IN * height
            or _IN_BRACKETS.fullmatch(line.text) is not None
        )
        if is_below and is_note:
            break
        own.append(line)
    return cell.text if len(own) == len(lines) else joined_text(own)


def without_list_mark(name: str) -> str:
    """A name without the mark of a list before it."""
    return _LIST_MARK.sub("", name) or name


def drop_numbers(items: Sequence[PrintedItem]) -> None:
    """Take the numbers of a list out of the names, where each item has one."""
    matches = [_NUMBERED.match(item.description) for item in items]
    if len(items) > 1 and all(match is not None for match in matches):
        for item, match in zip(items, matches, strict=True):
            item.description = item.description[match.end() :] if match is not None else item.description


def _height(line: TextLine) -> float:
    return dist(line.quad[0], line.quad[3])


def _number(row: RowCells, column: int | None) -> Number | None:
    text = row.text(column)
    return find_number(fold(text)) if text else None


_VALUES = (Column.QUANTITY, Column.UNIT_PRICE, Column.AMOUNT, Column.UNIT)
_NAMELESS = (Column.TAX_RATE, Column.TAX_AMOUNT, Column.REMARKS, Column.DISCOUNT)


def _names(row: RowCells, columns: Columns, *, beside_values: bool = True) -> Iterator[str]:
    """The texts of a row that may say what it is: its name, or where it has none all but its values.

    Args:
        row: As printed.
        columns: What they hold.
        beside_values: Texts in the columns of values too, where the name of a sum may stand, and units do.
    """
    values = {columns[column] for column in _VALUES if column in columns}
    nameless = {columns[column] for column in _NAMELESS if column in columns}
    description = columns.get(Column.DESCRIPTION)
    is_named = LETTERS.search(row.text(description)) is not None
    for column, cell in sorted(row.by_column.items()):
        text = cell.text
        if not text or column in nameless:
            continue
        if column in values:
            if beside_values and not is_value(text):
                yield text
        elif column == description or not is_named:
            yield text


def _settle(item: PrintedItem, quantity: Number | None, price: Number | None, discount: Decimal | None) -> None:
    """Where 1.000 may be a thousand or one, take what multiplies; with what goes off by the hundred, if any does."""
    if quantity is None or price is None or item.amount is None:
        return
    share = 1 if discount is None else 1 - discount / 100
    if discount is None and item.multiplies() is not False:
        return
    if abs(quantity.value * price.value * share - item.amount) <= Decimal("0.01"):
        return
    for one in (quantity.value, quantity.other):
        # A point that was not read: 180 for 1.80.
        for each in (price.value, price.other, price.value.scaleb(-2) if price.decimals == 0 else None):
            if one is not None and each is not None and abs(one * each * share - item.amount) <= Decimal("0.01"):
                item.quantity, item.unit_price = one, each
                return
