"""One row of an item table, and the item that it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from postprocess_svc.fields.line_items.counts import counted_name
from postprocess_svc.fields.line_items.headers import Column
from postprocess_svc.fields.line_items.item import PrintedItem
from postprocess_svc.fields.line_items.numbers import Number, find_number, find_rate, split_quantity
from postprocess_svc.fields.line_items.summaries import ends_items, is_discount, is_summary, names_sum
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.lines import TextLine
from postprocess_svc.tables.table import TextCell
from postprocess_svc.tables.values import is_value

LETTERS = re.compile(r"[^\W\d_]")

Columns = Mapping[Column, int]


@dataclass(slots=True)
class RowCells:
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


def items_of(rows: Sequence[RowCells], columns: Columns, page: int) -> Iterator[PrintedItem]:
    """The items of a table's rows, up to the total."""
    for row in rows:
        item = _item(row, columns, page)
        if item is not None:
            yield item
        elif any(ends_items(text) for text in _names(row, columns)):
            return


def _item(row: RowCells, columns: Columns, page: int) -> PrintedItem | None:
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
    sums_up = names_sum if whole else is_summary
    if any(sums_up(text) for text in _names(row, columns, beside_values=not whole)):
        return None
    if not LETTERS.search(description):
        named = [text for text in _names(row, columns) if LETTERS.search(text)]
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


def _number(row: RowCells, column: int | None) -> Number | None:
    text = row.text(column)
    return find_number(fold(text)) if text else None


def _names(row: RowCells, columns: Columns, *, beside_values: bool = True) -> Iterator[str]:
    """The texts of a row that may say what it is: all but its values.

    Args:
        row: As printed.
        columns: What they hold.
        beside_values: Texts in the columns of values too, where the name of a sum may stand, and units do.
    """
    values = {
        columns.get(column)
        for column in (Column.QUANTITY, Column.UNIT_PRICE, Column.AMOUNT, Column.UNIT, Column.TAX_RATE)
    }
    for column, cell in sorted(row.by_column.items()):
        text = cell.text
        if text and (column not in values or (beside_values and not is_value(text))):
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
