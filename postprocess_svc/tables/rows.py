"""The rows of a page that are in no ruled table, as cells from left to right."""

from __future__ import annotations

from collections.abc import Collection

from postprocess_svc.tables.beside import joined_beside
from postprocess_svc.tables.cells import Cell, Row, left_of
from postprocess_svc.tables.level import LevelPage
from postprocess_svc.tables.values import is_value

_LEVEL = 0.3
"""Middles of cells of one row differ by less than this, in line heights."""
_CURRENCIES = frozenset({"¥", "￥", "\\", "$", "€", "£", "₹", "US$", "S$"})
_MIN_CELL_GAP = 0.5
"""White space between two cells of a row, in line heights; a space between words is a third."""


def _is_currency(page: LevelPage, cell: Cell) -> bool:
    """Whether a cell is the sign of a currency and no more: at the left edge of a column, far from its number."""
    return len(cell.members) == 1 and page.lines[cell.members[0]].text in _CURRENCIES


def rows_of_lines(page: LevelPage, free: Collection[int]) -> list[Row]:
    """The free lines row by row, in reading order."""
    rows: list[Row] = []
    blocks: list[int] = []
    number = None
    near = _MIN_CELL_GAP * page.em
    for index in free:
        line, box = page.lines[index], page.boxes[index]
        cell = Cell(box.left, box.right, [index])
        if line.row != number:
            rows.append(Row([cell], box.top, box.bottom))
            blocks.append(line.block)
            number = line.row
            continue
        row = rows[-1]
        last = row.cells[-1]
        goes_on = box.left - last.right < near and last.left - box.right < near
        if goes_on or (box.left > last.left and _is_currency(page, last) and is_value(line.text)):
            last.left, last.right = min(last.left, box.left), max(last.right, box.right)
            last.members.append(index)
        else:
            row.cells.append(cell)
        row.top, row.bottom = min(row.top, box.top), max(row.bottom, box.bottom)
    lines = page.lines
    for row in rows:
        if len(row.cells) > 1:
            row.cells.sort(key=left_of)
        for cell in row.cells:
            members = cell.members
            text = lines[members[0]].text if len(members) == 1 else " ".join([lines[index].text for index in members])
            cell.is_value = is_value(text)
    return joined_beside(rows, blocks, near=_LEVEL * page.em) if blocks and blocks[0] != blocks[-1] else rows
