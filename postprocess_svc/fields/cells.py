"""Cells: what stands together in a row, and the column of cells above and below it."""

from __future__ import annotations

from collections.abc import Iterator

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values.names import has_letters

_MAX_LINE_GAP = 1.6
_ALIGNED_HEIGHTS = 1.2


@value
class Cell:
    """A stretch of a row between tabs."""

    facts: RowFacts
    start: int
    end: int
    text: str
    extent: Extent
    has_letters: bool
    """Any letter at all: a cell of figures names nobody."""


def find_cells(context: DocumentContext) -> list[list[Cell]]:
    """Cells by row number."""
    return [list(_cells(facts)) for facts in context.facts]


def _cells(facts: RowFacts) -> Iterator[Cell]:
    start = 0
    for part in facts.row.text.split("\t"):
        text = part.strip()
        if text:
            begin = facts.row.text.index(text, start)
            yield Cell(
                facts=facts,
                start=begin,
                end=begin + len(text),
                text=text,
                extent=facts.row.extent(begin, begin + len(text)),
                has_letters=has_letters(text),
            )
        start += len(part) + 1


def column_below(context: DocumentContext, cell: Cell, *, limit: int = 6, max_gap: float = _MAX_LINE_GAP) -> list[Cell]:
    """The cells under a cell that continue its block: aligned with it, without an empty line between."""
    return _column(context, cell, step=1, limit=limit, max_gap=max_gap)


def column_above(context: DocumentContext, cell: Cell, *, limit: int = 6, max_gap: float = _MAX_LINE_GAP) -> list[Cell]:
    """The cells above, nearest first; see ``column_below``."""
    return _column(context, cell, step=-1, limit=limit, max_gap=max_gap)


def _column(context: DocumentContext, cell: Cell, *, step: int, limit: int, max_gap: float) -> list[Cell]:
    rows = context.shared(find_cells)
    found: list[Cell] = []
    current = cell
    number = cell.facts.row.number + step
    while 0 <= number < len(rows) and len(found) < limit and rows[number]:
        if rows[number][0].facts.row.page != cell.facts.row.page:
            break
        upper, lower = (current.extent, rows[number]) if step > 0 else (None, rows[number])
        aligned = next((other for other in lower if is_aligned(other.extent, current.extent)), None)
        reach = rows[number][0].extent
        gap = (reach.top - current.extent.bottom) if upper is not None else (current.extent.top - reach.bottom)
        height = min(current.extent.height, reach.height)
        if gap > max_gap * height:
            break
        if aligned is not None:
            found.append(aligned)
            current = aligned
        number += step
    return found


def is_aligned(first: Extent, second: Extent) -> bool:
    """Same left edge, same right edge or same centre, within about a character; or one within the other."""
    near = _ALIGNED_HEIGHTS * min(first.height, second.height)
    centre = abs((first.left + first.right) - (second.left + second.right)) / 2
    return abs(first.left - second.left) < near or abs(first.right - second.right) < near or centre < near


def near_rows(context: DocumentContext, cell: Cell, *, below: int, above: int = 0) -> Iterator[Cell]:
    """Cells in the rows around that overlap a cell horizontally."""
    rows = context.shared(find_cells)
    own = cell.facts.row.number
    for number in range(max(0, own - above), min(len(rows), own + below + 1)):
        for other in rows[number]:
            near = other.extent.overlap_x(cell.extent) > -cell.extent.height
            if near and other.facts.row.page == cell.facts.row.page and other is not cell:
                yield other
