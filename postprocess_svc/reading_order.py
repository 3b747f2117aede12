"""Reading order by layout.

A recursive cut along white space, as in Nagy and Seth's XY-cut ("Hierarchical representation of optically scanned
documents", 1984), with one question added at every gutter: are the two sides columns, each to be read to its end
(the columns of an article, the recipient beside the issuer), or are they cells of the same rows (a table, labels and
their values)? Cells stand level with each other, columns do so by chance only; prose that happens to be set on one
grid is told from cells by filling its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from postprocess_svc.layout import Gap, Region, Row, line_height, place, rows_of, split, x_gaps, y_gaps
from postprocess_svc.lines import TextLine

# Lengths in line heights, shares from 0 to 1.
_MIN_GUTTER = 1.0
"""Columns stand at least this far apart; a space between words is a third."""
_SECTION_GAP = 2.0
"""A white band this high ends whatever stands above it, unless that is prose in columns."""
_BLOCK_GAP = 1.2
"""Rows further apart than this belong to different blocks."""
_LEVEL = 0.3
"""Centres of cells of one row differ by less than this."""
_COLUMNS_BELOW = 0.5
_ROWS_FROM = 0.8
"""Two sides of which this share of rows is level are cells of rows; columns do not reach half by chance. In between,
the distances from row to row decide."""
_SAME_PITCH = 0.85
"""Cells of the same rows are as far apart on either side, columns seldom are."""
_MIN_BESIDE = 0.5
"""Columns stand beside each other for at least this share of the shorter one."""
_PROSE_ROWS = 4
_PROSE_FILL = 0.7
_PROSE_WIDTH = 8.0
"""Prose: at least so many rows, the median row filling so much of a column of at least this width."""
_FEW_ROWS = 2
"""A side with no more rows than this, beside one with many that are not level, is a title or label beside a block."""
_CUT_WITH = 0.7
"""White bands at least this high, relative to the highest, are cut at the same time as it."""


def in_reading_order(lines: Sequence[TextLine], *, skew_deg: float) -> tuple[TextLine, ...]:
    """The lines of a page as a person would read them, with ``row`` and ``block`` set.

    Args:
        lines: In any order, in pixels of the upright page.
        skew_deg: The text's mean direction, clockwise from level.
    """
    placed = [place(at, line.quad, skew_deg=skew_deg, vertical=line.vertical) for at, line in enumerate(lines)]
    ordering = _Ordering()
    if placed:
        ordering.add(placed)
    return tuple(
        replace(lines[box.index], row=number, block=row.block)
        for number, row in enumerate(ordering.rows)
        for box in row.boxes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _NumberedRow:
    boxes: Row
    block: int


class _Ordering:
    """The rows of a page in the order in which they are found."""

    def __init__(self) -> None:
        self.rows: list[_NumberedRow] = []
        self._block = 0

    def add(self, region: Region, *, turned: bool = False) -> None:
        """Order a region's lines and append its rows."""
        if not turned and 2 * sum(box.vertical for box in region) > len(region):
            turned = True
            region = [box.turned() for box in region]
        bands = y_gaps(region, 0.0)
        if columns := _columns(region, bands):
            for column in columns:
                self._block += 1
                self.add(column, turned=turned)
            self._block += 1
        elif bands:
            for section in _sections(region, bands):
                self.add(section, turned=turned)
        else:
            for row in rows_of(region):
                self._append(row)

    def _append(self, row: Row) -> None:
        if self.rows and self.rows[-1].block == self._block:
            above = self.rows[-1].boxes
            gap = min(box.top for box in row) - max(box.bottom for box in above)
            if gap > _BLOCK_GAP * min(line_height(row), line_height(above)):
                self._block += 1
        self.rows.append(_NumberedRow(boxes=row, block=self._block))


def _sections(region: Region, bands: list[Gap]) -> list[Region]:
    """The region cut at its highest white bands; columns of prose that a band crosses by chance stay whole."""
    highest = max(end - start for start, end in bands)
    cuts = [(start + end) / 2 for start, end in bands if end - start >= _CUT_WITH * highest]
    parts = split(region, cuts, lambda box: box.middle)
    joined = parts[:1]
    for part in parts[1:]:
        both = joined[-1] + part
        if len(parts) > 2 and _prose_columns(both):
            joined[-1] = both
        else:
            joined.append(part)
    return joined


def _columns(region: Region, bands: list[Gap]) -> list[Region]:
    """The region's columns from left to right; empty if it has none."""
    em = line_height(region)
    gutters = x_gaps(region, _MIN_GUTTER * em)
    if not gutters:
        return []
    in_sections = any(end - start >= _SECTION_GAP * em for start, end in bands)
    cuts = []
    for start, end in gutters:
        middle = (start + end) / 2
        left, right = split(region, [middle], lambda box: box.left)
        prose = _is_prose(left, em) and _is_prose(right, em)
        if prose or (not in_sections and _stand_alone(left, right)):
            cuts.append(middle)
    return split(region, cuts, lambda box: box.left) if cuts else []


def _prose_columns(region: Region) -> bool:
    em = line_height(region)
    for start, end in x_gaps(region, _MIN_GUTTER * em):
        left, right = split(region, [(start + end) / 2], lambda box: box.left)
        if _is_prose(left, em) and _is_prose(right, em):
            return True
    return False


def _is_prose(side: Region, em: float) -> bool:
    """Whether the lines fill their column, row after row, as running text does and cells of a table do not."""
    width = max(box.right for box in side) - min(box.left for box in side)
    if width < _PROSE_WIDTH * em:
        return False
    rows = rows_of(side)
    return len(rows) >= _PROSE_ROWS and median(sum(box.width for box in row) for row in rows) >= _PROSE_FILL * width


def _stand_alone(left: Region, right: Region) -> bool:
    """Whether two sides of a gutter are columns that merely stand beside each other, not cells of the same rows."""
    top = max(min(box.top for box in left), min(box.top for box in right))
    bottom = min(max(box.bottom for box in left), max(box.bottom for box in right))
    shorter = min(_extent(left), _extent(right))
    if bottom - top < _MIN_BESIDE * shorter:
        return False
    few, many = sorted((rows_of(left), rows_of(right)), key=len)
    share = _level_rows(few, many) / len(few)
    if len(few) <= _FEW_ROWS and len(many) > 2 * len(few):
        # A label centred on a cell of several lines: read first. At the cell's first line both answers are the same.
        return _middle(many[0]) < _middle(few[0]) and _middle(few[-1]) < _middle(many[-1])
    if _COLUMNS_BELOW <= share < _ROWS_FROM:
        apart = sorted((_pitch(few), _pitch(many)))
        return apart[0] < _SAME_PITCH * apart[1]
    return share < _COLUMNS_BELOW


def _level_rows(some: list[Row], others: list[Row]) -> int:
    """How many rows of one side have a row of the other side level with them."""
    places = [(_middle(row), line_height(row)) for row in others]
    count = 0
    for row in some:
        middle, height = _middle(row), line_height(row)
        count += any(abs(middle - other) <= _LEVEL * max(height, size) for other, size in places)
    return count


def _pitch(rows: list[Row]) -> float:
    """The usual distance from a row to the next."""
    middles = [_middle(row) for row in rows]
    return median(below - above for above, below in pairwise(middles)) if len(rows) > 1 else 0.0


def _middle(row: Row) -> float:
    return sum(box.middle for box in row) / len(row)


def _extent(side: Region) -> float:
    return max(box.bottom for box in side) - min(box.top for box in side)
