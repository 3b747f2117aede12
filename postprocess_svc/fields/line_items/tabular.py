"""Line items out of tables: a header says what the columns hold, or arithmetic does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from postprocess_svc.fields.line_items.counts import counted_name
from postprocess_svc.fields.line_items.headers import Column, columns_of_header, is_item_header
from postprocess_svc.fields.line_items.item import PrintedItem
from postprocess_svc.fields.line_items.numbers import Number, find_number, find_rate, split_quantity
from postprocess_svc.fields.line_items.summaries import ends_items, is_discount, is_summary, names_sum
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.lines import TextLine
from postprocess_svc.tables.table import TextCell, TextTable
from postprocess_svc.tables.values import is_value

_HEADER_ROWS = 4
"""A header stands among the first rows; before it there may be a title."""
_MAX_ROWS = 500
_MIN_PRODUCTS = 0.6
"""Columns without a header are quantity, price and amount where this share of the rows multiplies."""
_SAME_COLUMNS = 0.7
_LETTERS = re.compile(r"[^\W\d_]")

Columns = Mapping[Column, int]


@dataclass(slots=True)
class _Cells:
    """A row of a table by its columns; a cell over several counts for the first."""

    by_column: dict[int, TextCell]

    def text(self, column: int | None) -> str:
        """The text in a column; empty where there is none."""
        cell = None if column is None else self.by_column.get(column)
        return "" if cell is None else cell.text

    @property
    def lines(self) -> list[TextLine]:
        """All lines of the row."""
        return [line for cell in self.by_column.values() for line in cell.lines]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableItems:
    """The items of one table."""

    items: list[PrintedItem]
    has_header: bool
    multiplies: bool
    """Without a header: quantity times price is the amount, row by row."""

    @property
    def is_sure(self) -> bool:
        """Whether something says what its columns hold."""
        return self.has_header or self.multiplies

    @property
    def has_prices(self) -> bool:
        """Whether any item has an amount."""
        return any(item.amount is not None for item in self.items)


def items_of_tables(tables: Sequence[TextTable]) -> list[TableItems]:
    """The items of each table that lists some; a table that goes on with another's columns needs no header."""
    found: list[TableItems] = []
    known: tuple[TextTable, Columns] | None = None
    for table in tables:
        rows = [_Cells({cell.column: cell for cell in row}) for row in table.rows[:_MAX_ROWS]]
        start, columns = _header(rows)
        has_header = columns is not None
        if columns is None and known is not None and _goes_on(table, known[0]):
            columns, has_header = known[1], True
        if columns is None:
            columns = _guessed(rows)
        if columns is None:
            continue
        items = list(_items(rows[start:], columns, table.page))
        if items:
            multiplies = not has_header and _share_that_multiplies(items) >= _MIN_PRODUCTS
            found.append(TableItems(items=items, has_header=has_header, multiplies=multiplies))
            if has_header:
                known = table, columns
    return found


def _header(rows: Sequence[_Cells]) -> tuple[int, Columns | None]:
    """Where the rows of items begin, and what their columns hold; None where no row is a header of items."""
    start, found = 0, None
    for number, row in enumerate(rows[:_HEADER_ROWS]):
        headers = [(column, text) for column, cell in sorted(row.by_column.items()) if (text := cell.text)]
        if len(headers) < 2 or sum(is_value(text) for _, text in headers) > 1:
            continue
        columns = columns_of_header(headers)
        if is_item_header(columns) and (found is None or len(columns) > len(found)):
            start, found = number + 1, columns
    if found is None:
        return start, None
    below = rows[start:]
    placed = {column: _filled_most(rows[start - 1].by_column[at], below) for column, at in found.items()}
    return start, _completed(placed, below)


def _filled_most(header: TextCell, rows: Sequence[_Cells]) -> int:
    """Of the columns that a header spans, the one with most below it."""
    spanned = range(header.column, header.column + header.column_span)
    return (
        max(spanned, key=lambda column: sum(bool(row.text(column)) for row in rows)) if len(spanned) > 1 else spanned[0]
    )


def _completed(columns: Columns, rows: Sequence[_Cells]) -> Columns:
    """The columns with the widest words for a description, and the last values for amounts, where no header says so."""
    found = dict(columns)
    taken = set(found.values())
    others = sorted({column for row in rows for column in row.by_column} - taken)
    if Column.DESCRIPTION not in found and others:
        letters = {column: sum(len(_LETTERS.findall(row.text(column))) for row in rows) for column in others}
        widest = max(others, key=lambda column: letters[column])
        if letters[widest] > 2 * len(rows):
            found[Column.DESCRIPTION] = widest
            others.remove(widest)
    if Column.AMOUNT not in found and others and Column.UNIT_PRICE in found:
        behind = [column for column in others if column > found[Column.UNIT_PRICE]]
        if behind and 2 * sum(is_value(row.text(behind[-1])) for row in rows) > len(rows):
            found[Column.AMOUNT] = behind[-1]
    if Column.QUANTITY not in found and {Column.UNIT_PRICE, Column.AMOUNT} <= found.keys():
        taken = set(found.values()) - {found.get(Column.CODE)}
        for column in sorted({column for row in rows for column in row.by_column} - taken):
            trial = {**found, Column.QUANTITY: column}
            if _products(rows, trial) >= _MIN_PRODUCTS:
                return {key: value for key, value in trial.items() if key is not Column.CODE or value != column}
    return found


def _products(rows: Sequence[_Cells], columns: Columns) -> float:
    """The share of rows in which quantity times price is the amount; nothing where the rows do not say."""
    return _share_that_multiplies(_items(rows, columns, 1))


def _share_that_multiplies(items: Iterable[PrintedItem]) -> float:
    checks = [check for item in items if (check := item.multiplies()) is not None]
    return sum(checks) / len(checks) if checks else 0.0


def _guessed(rows: Sequence[_Cells]) -> Columns | None:
    """Columns without a header: words at the left, and values that multiply, or one of amounts at the right."""
    count = 1 + max((column for row in rows for column in row.by_column), default=0)
    values = [
        column
        for column in range(count)
        if (texts := [text for row in rows if (text := row.text(column))])
        and 2 * sum(map(is_value, texts)) >= len(texts)
    ]
    words = [column for column in range(count) if column not in values]
    if not values or not words or words[0] > values[-1]:
        return None
    letters = {column: sum(len(_LETTERS.findall(row.text(column))) for row in rows) for column in words}
    description = max(words, key=lambda column: letters[column])
    for quantity, price, amount in _triples(values):
        columns = {
            Column.DESCRIPTION: description,
            Column.QUANTITY: quantity,
            Column.UNIT_PRICE: price,
            Column.AMOUNT: amount,
        }
        if _products(rows, columns) >= _MIN_PRODUCTS:
            swapped = {**columns, Column.QUANTITY: price, Column.UNIT_PRICE: quantity}
            whole = [row for row in rows if is_value(row.text(amount))]
            return swapped if _looks_counted(whole, price) > _looks_counted(whole, quantity) else columns
    if len(words) + len(values) == count and description < values[-1] and letters[description] > 2 * len(rows):
        return {Column.DESCRIPTION: description, Column.AMOUNT: values[-1]}
    return None


def _triples(values: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(quantity, price, amount) from left to right; the first two may be the other way round."""
    yield from combinations(values[-5:], 3)


def _looks_counted(rows: Sequence[_Cells], column: int) -> int:
    """How many cells of a column have a unit, or no decimals."""
    read = [split_quantity(text) for row in rows if (text := row.text(column))]
    return sum(unit is not None or (number is not None and number.decimals == 0) for number, unit in read)


def _goes_on(table: TextTable, before: TextTable) -> bool:
    """Whether a table has the columns of one before it: as many, and about as wide."""
    if table.column_count != before.column_count:
        return False
    lefts, others = _lefts(table), _lefts(before)
    width = abs(before.quad[1][0] - before.quad[0][0]) or 1.0
    near = sum(abs(lefts[column] - others[column]) < width / 20 for column in lefts if column in others)
    return near >= _SAME_COLUMNS * table.column_count


def _lefts(table: TextTable) -> dict[int, float]:
    return {cell.column: cell.quad[0][0] for row in table.rows for cell in row}


def _items(rows: Sequence[_Cells], columns: Columns, page: int) -> Iterator[PrintedItem]:
    for row in rows:
        item = _item(row, columns, page)
        if item is not None:
            yield item
        elif any(ends_items(text) for text in _names(row, columns)):
            return


def _item(row: _Cells, columns: Columns, page: int) -> PrintedItem | None:
    """The item of a row; None where it sums up, is a heading, or has no price."""
    description = row.text(columns.get(Column.DESCRIPTION)).rstrip(" :：")
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
    if any(names_sum(text) or (not whole and is_summary(text)) for text in _names(row, columns)):
        return None
    if not _LETTERS.search(description):
        named = [text for text in _names(row, columns) if _LETTERS.search(text)]
        if not named:
            return None
        description = description or named[0]
    item = PrintedItem(
        description=description,
        quantity=None if quantity is None else quantity.value,
        unit=own_unit or unit,
        unit_price=None if price is None else price.value,
        amount=None if amount is None else amount.value,
        tax_rate_percent=find_rate(row.text(columns.get(Column.TAX_RATE))),
        is_reduced=bool(row.text(columns.get(Column.DISCOUNT))),
        decimals=max((number.decimals for number in (price, amount) if number is not None), default=0),
        page=page,
        lines=row.lines,
    )
    _settle(item, quantity, price)
    if quantity is None and price is None and amount is not None:
        counted = counted_name(fold(description), amount.value)
        if counted is not None:
            item.description, count = counted
            item.quantity, item.unit, item.unit_price = count.count, count.unit, count.price
    if amount is not None and amount.value > 0 and is_discount(description) and not whole:
        item.amount, item.sign_is_assumed = -amount.value, True
    return item


def _number(row: _Cells, column: int | None) -> Number | None:
    text = row.text(column)
    return find_number(fold(text)) if text else None


def _names(row: _Cells, columns: Columns) -> Iterator[str]:
    """The texts of a row that may say what it is: all but its values."""
    values = {
        columns.get(column)
        for column in (Column.QUANTITY, Column.UNIT_PRICE, Column.AMOUNT, Column.UNIT, Column.TAX_RATE)
    }
    for column, cell in sorted(row.by_column.items()):
        text = cell.text
        if text and (column not in values or not is_value(text)):
            yield text


def _settle(item: PrintedItem, quantity: Number | None, price: Number | None) -> None:
    """Where 1.000 may be a thousand or one, take what multiplies."""
    if item.multiplies() is not False or quantity is None or price is None or item.amount is None:
        return
    for one in (quantity.value, quantity.other):
        # A point that was not read: 180 for 1.80.
        for each in (price.value, price.other, price.value.scaleb(-2) if price.decimals == 0 else None):
            if one is not None and each is not None and abs(one * each - item.amount) <= Decimal("0.01"):
                item.quantity, item.unit_price = one, each
                return
