"""Where a line that was too long for its column goes on."""

from __future__ import annotations

from postprocess_svc.fields.cells import Cell, find_cells
from postprocess_svc.fields.context import DocumentContext

_ROWS_BELOW = 3
"""A neighbouring column's lines may lie between two lines of one."""
_MAX_SHIFT = 0.8
_MAX_GAP = 1.1


def hanging(context: DocumentContext, cell: Cell) -> Cell | None:
    """The next line of a cell's text that begins further right, under it: a name that was broken and set in."""
    rows, own = context.shared(find_cells), cell.extent
    number = cell.facts.row.number + 1
    if number >= len(rows) or len(rows[number]) != 1:
        return None
    (other,) = rows[number]
    gap = other.extent.top - own.bottom
    is_under = own.left < other.extent.left < own.right and -0.5 * own.height < gap < _MAX_GAP * own.height
    return other if is_under and other.facts.row.page == cell.facts.row.page else None


def continuation(context: DocumentContext, cell: Cell) -> Cell | None:
    """The next line of a cell's text: right below, from the same left edge, and no longer than it."""
    rows = context.shared(find_cells)
    own = cell.extent
    for row in rows[cell.facts.row.number + 1 : cell.facts.row.number + 1 + _ROWS_BELOW]:
        for other in row:
            gap = other.extent.top - own.bottom
            if (
                other.facts.row.page == cell.facts.row.page
                and abs(other.extent.left - own.left) < _MAX_SHIFT * own.height
                and -0.5 * own.height < gap < _MAX_GAP * own.height
                and other.extent.right <= own.right + own.height
            ):
                return other
    return None
