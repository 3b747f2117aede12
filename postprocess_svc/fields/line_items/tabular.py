"""Line items out of tables: a header says what the columns hold, or arithmetic does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postprocess_svc.fields.line_items.columns import MIN_PRODUCTS, completed, guessed, share_that_multiplies
from postprocess_svc.fields.line_items.headers import Column, columns_of_header, is_item_header
from postprocess_svc.fields.line_items.item import PrintedItem
from postprocess_svc.fields.line_items.table_rows import Columns, RowCells, items_of
from postprocess_svc.tables.table import TextCell, TextTable
from postprocess_svc.tables.values import is_value

_HEADER_ROWS, _MAX_HEADER_ROWS = 4, 16
"""A header stands among the first rows, before it there may be a title; a letterhead that was taken for rows of the
table may stand before one of several columns."""
_MIN_COLUMNS = 3
_MAX_ROWS = 500
_SAME_COLUMNS = 0.7


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
        rows = [RowCells({cell.column: cell for cell in row}) for row in table.rows[:_MAX_ROWS]]
        start, columns = _header(rows)
        has_header = columns is not None
        if columns is None and known is not None and _goes_on(table, known[0]):
            columns, has_header = known[1], True
        if columns is None:
            columns = guessed(rows)
        if columns is None:
            continue
        items = list(items_of(rows[start:], columns, table.page))
        if items:
            multiplies = not has_header and share_that_multiplies(items) >= MIN_PRODUCTS
            if Column.QUANTITY in columns and (has_header or multiplies):
                for item in items:
                    item.supply_quantity()
            found.append(TableItems(items=items, has_header=has_header, multiplies=multiplies))
            if has_header:
                known = table, columns
    return found


def _header(rows: Sequence[RowCells]) -> tuple[int, Columns | None]:
    """Where the rows of items begin, and what their columns hold; None where no row is a header of items."""
    start, found = 0, None
    for number, row in enumerate(rows[:_MAX_HEADER_ROWS]):
        if number >= _HEADER_ROWS and (found is not None or len(row.by_column) < _MIN_COLUMNS):
            continue
        headers = [(column, text) for column, cell in sorted(row.by_column.items()) if (text := cell.text)]
        if len(headers) < 2 or sum(is_value(text) for _, text in headers) > (number < _HEADER_ROWS):
            continue
        columns = columns_of_header(headers)
        if number >= _HEADER_ROWS and len(columns) < _MIN_COLUMNS:
            continue
        if is_item_header(columns) and (found is None or len(columns) > len(found)):
            start, found = number + 1, columns
    if found is None:
        return start, None
    below = rows[start:]
    placed = {column: _filled_most(rows[start - 1].by_column[at], below) for column, at in found.items()}
    return start, completed(placed, below)


def _filled_most(header: TextCell, rows: Sequence[RowCells]) -> int:
    """Of the columns that a header spans the first, where values have the same width, or else that of most values."""
    spanned = range(header.column, header.column + header.column_span)
    if len(spanned) == 1:
        return header.column
    alike = [row.by_column.get(header.column) for row in rows]
    if any(cell is not None and cell.column_span == header.column_span and is_value(cell.text) for cell in alike):
        return header.column
    texts = {column: [text for row in rows if (text := row.text(column))] for column in spanned}
    return max(spanned, key=lambda column: (sum(map(is_value, texts[column])), len(texts[column])))


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
