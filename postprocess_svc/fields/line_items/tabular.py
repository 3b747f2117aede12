"""Line items out of tables: a header says what the columns hold, or arithmetic does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from postprocess_svc.fields.line_items.columns import MIN_PRODUCTS, completed, guessed, share_that_multiplies
from postprocess_svc.fields.line_items.headers import (
    Column,
    columns_of_header,
    is_item_header,
    may_be_item_header,
    meaning_of,
)
from postprocess_svc.fields.line_items.item import PrintedItem
from postprocess_svc.fields.line_items.table_rows import Columns, RowCells, read_rows
from postprocess_svc.tables.table import TextCell, TextTable
from postprocess_svc.tables.values import is_value

_HEADER_ROWS, _MAX_HEADER_ROWS = 4, 16
"""A header stands among the first rows, before it there may be a title; a letterhead that was taken for rows of the
table may stand before one of several columns."""
_MIN_COLUMNS = 3
_MAX_ROWS = 500
_SAME_COLUMNS = 0.7
_NOWHERE = 10_000
"""Beyond the last column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableItems:
    """The items of one table."""

    items: list[PrintedItem]
    sums: set[Decimal]
    """What stands in rows of the table that sum up."""
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
        listed = _lists(rows)
        if not listed and known is not None and _goes_on(table, known[0]):
            listed = [(rows, known[1])]
        has_header = bool(listed)
        if not listed and (columns := guessed(rows)) is not None:
            listed = [(rows, columns)]
        for below, columns in listed:
            read = read_rows(below, columns, table.page)
            if not read.items:
                continue
            multiplies = not has_header and share_that_multiplies(read.items) >= MIN_PRODUCTS
            if Column.QUANTITY in columns and (has_header or multiplies):
                for item in read.items:
                    item.supply_quantity()
            found.append(TableItems(items=read.items, sums=read.sums, has_header=has_header, multiplies=multiplies))
            if has_header:
                known = table, columns
    return found


def _lists(rows: Sequence[RowCells]) -> list[tuple[Sequence[RowCells], Columns]]:
    """The rows below a header of items, and what their columns hold; of two lists side by side each.

    None where no row is a header of items.
    """
    start, headers = _header(rows)
    found: list[tuple[Sequence[RowCells], Columns]] = []
    if headers is None:
        return found
    header, below = rows[start - 1], rows[start:]
    cut = _second_list(headers)
    for first, end in ((0, cut), (cut, _NOWHERE)):
        part = [(at, text) for at, text in headers if first <= at < end]
        if not part:
            continue
        own = [RowCells({at: cell for at, cell in row.by_column.items() if first <= at < end}) for row in below]
        meant = columns_of_header(part)
        placed = {
            column: [_filled_most(header.by_column[at], own) for at in listed] for column, listed in meant.items()
        }
        parts = sorted(placed.get(Column.AMOUNT_PART, ()))
        amounts, columns = _with_parts(own, completed(placed, own), parts)
        named = columns.get(Column.DESCRIPTION, _NOWHERE)
        if is_item_header(meant) or (is_item_header(columns) and named < columns.get(Column.AMOUNT, -1)):
            found.append((amounts, columns))
    return found


def _header(rows: Sequence[RowCells]) -> tuple[int, Sequence[tuple[int, str]] | None]:
    """Where the rows of items begin, and (column, header); None where no row may be a header of items."""
    start, found, known = 0, None, 0
    for number, row in enumerate(rows[:_MAX_HEADER_ROWS]):
        if number >= _HEADER_ROWS and (found is not None or len(row.by_column) < _MIN_COLUMNS):
            continue
        headers = [(column, text) for column, cell in sorted(row.by_column.items()) if (text := cell.text)]
        if len(headers) < 2 or sum(is_value(text) for _, text in headers) > (number < _HEADER_ROWS):
            continue
        columns = columns_of_header(headers)
        if number >= _HEADER_ROWS and len(columns) < _MIN_COLUMNS:
            continue
        if may_be_item_header(columns, headers) and len(columns) > known:
            start, found, known = number + 1, headers, len(columns)
    return start, found


def _second_list(headers: Sequence[tuple[int, str]]) -> int:
    """The column that a second list beside the first begins with: words once more, behind the first one's numbers."""
    meanings = [(at, meaning.column) for at, text in headers if (meaning := meaning_of(text)) is not None]
    names = [at for at, column in meanings if column is Column.DESCRIPTION]
    amounts = [at for at, column in meanings if column in {Column.AMOUNT, Column.QUANTITY}]
    texts = dict(headers)
    for first, second in pairwise(names):
        alike = texts[first] == texts[second]
        between = any(first < at < second for at in amounts)
        if alike and between and any(at > second for at in amounts):
            return second
    return _NOWHERE


def _with_parts(rows: Sequence[RowCells], columns: Columns, parts: Sequence[int]) -> tuple[Sequence[RowCells], Columns]:
    """The rows with what stands in columns of amounts by kind in the column of amounts, where that is empty."""
    if not parts:
        return rows, columns
    into = columns.get(Column.AMOUNT, parts[0])
    moved = []
    for row in rows:
        filled = [at for at in parts if at != into and is_value(row.text(at))]
        if filled and not row.text(into):
            cells = {at: cell for at, cell in row.by_column.items() if at != filled[0]}
            moved.append(RowCells({**cells, into: row.by_column[filled[0]]}))
        else:
            moved.append(row)
    return moved, {**columns, Column.AMOUNT: into}


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
