"""Reading order by layout.

A recursive cut along white space, as in Nagy and Seth's XY-cut ("Hierarchical representation of optically scanned
documents", 1984), with one question added at every gutter: are the two sides columns, each to be read to its end
(the columns of an article, the recipient beside the issuer), or are they cells of the same rows (a table, labels and
their values)? Cells stand level with each other, columns do so by chance only; prose that happens to be set on one
grid is told from cells by filling its column.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nlargest
from itertools import pairwise
from statistics import median

from postprocess_svc.layout import (
    Gap,
    Region,
    Row,
    from_the_top,
    line_height,
    place,
    rows_of,
    split_x,
    split_y,
    x_gaps,
    y_gaps,
)
from postprocess_svc.lines import TextLine

# Lengths in line heights, shares from 0 to 1.
_MIN_GUTTER = 1.0
"""Columns stand at least this far apart; a space between words is a third."""
_MAX_GUTTERS = 12
"""Whatever has more columns than this is a table; it also bounds the work on a page of thousands of specks."""
_SECTION_GAP = 2.0
"""A white band this high ends whatever stands above it, unless that is prose in columns."""
_BLOCK_GAP = 1.2
_TABLE_GAP = 2.5
"""Rows further apart than this belong to different blocks; rows of several cells are set wider."""
_MAX_WRAPPED = 4
"""Lines of a cell that is wrapped in a row of a table."""
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
_PROSE_WIDTH = 12.0
_PROSE_FILL = 0.8
_PROSE_SHARE = 0.6
"""Prose: at least so many rows in a column at least this wide (25 letters or 12 kanji), so much of it filled by this
share of the rows."""
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
        ordering.add(from_the_top(placed))
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
        """Order the lines of a region, sorted from the top, and append its rows."""
        if not turned and 2 * sum(box.vertical for box in region) > len(region):
            turned = True
            region = from_the_top([box.turned() for box in region])
        if row := _single_row(region):
            self._append(row)
            return
        bands = y_gaps(region, 0.0)
        if columns := _columns(region, bands):
            self._add_columns(columns, turned=turned)
        elif bands:
            for section in _sections(region, bands):
                self.add(section, turned=turned)
        else:
            for row in rows_of(region):
                self._append(row)

    def _add_columns(self, columns: list[Region], *, turned: bool) -> None:
        tall = sum(len(rows_of(column)) > 1 for column in columns)
        if tall == 1 and len(columns) > 2:
            # A table's row, one of whose cells is wrapped.
            self._append([box for column in columns for row in rows_of(column) for box in row])
            return
        for column in columns:
            self._block += tall > 1
            self.add(column, turned=turned)
        self._block += tall > 1

    def _append(self, row: Row) -> None:
        if self.rows and self.rows[-1].block == self._block:
            above = self.rows[-1].boxes
            gap = min(box.top for box in row) - max(box.bottom for box in above)
            limit = _BLOCK_GAP if len(row) == 1 or len(above) == 1 else _TABLE_GAP
            if gap > limit * min(line_height(row), line_height(above)):
                self._block += 1
        self.rows.append(_NumberedRow(boxes=row, block=self._block))


class _Side:
    """What stands on one side of a gutter."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self.top = min([box.top for box in region])
        self.bottom = max([box.bottom for box in region])
        self.width = max([box.right for box in region]) - min([box.left for box in region])

    @cached_property
    def rows(self) -> list[Row]:
        """Visual rows from the top down."""
        return rows_of(self._region)

    @cached_property
    def middles(self) -> list[float]:
        """Each row's y coordinate."""
        return [sum([box.middle for box in row]) / len(row) for row in self.rows]

    @property
    def pitch(self) -> float:
        """The usual distance from a row to the next."""
        steps = [below - above for above, below in pairwise(self.middles)]
        return median(steps) if steps else 0.0

    def is_prose(self, em: float) -> bool:
        """Whether the lines fill their column, row after row, as running text does and cells of a table do not."""
        if self.width < _PROSE_WIDTH * em or len(self._region) < _PROSE_ROWS or len(self.rows) < _PROSE_ROWS:
            return False
        full = sum(sum([box.width for box in row]) >= _PROSE_FILL * self.width for row in self.rows)
        return full >= _PROSE_SHARE * len(self.rows)

    def level_share(self, other: _Side) -> float:
        """The share of this side's rows that have a row of the other side level with them."""
        heights = [line_height(row) for row in other.rows]
        count = 0
        for row, middle in zip(self.rows, self.middles, strict=True):
            at = bisect_left(other.middles, middle)
            near = range(max(0, at - 1), min(len(heights), at + 1))
            height = line_height(row)
            count += any(abs(middle - other.middles[i]) <= _LEVEL * max(height, heights[i]) for i in near)
        return count / len(self.rows)


def _single_row(region: Region) -> Row:
    """The region's boxes from left to right if they are one row; else empty."""
    if len(region) > 1:
        spread = region[-1].middle - region[0].middle
        if spread > _LEVEL * min([box.height for box in region]) or len(rows := rows_of(region)) > 1:
            return []
        return rows[0]
    return region


def _sections(region: Region, bands: list[Gap]) -> list[Region]:
    """The region cut at its highest white bands; columns of prose that a band crosses by chance stay whole."""
    highest = max(end - start for start, end in bands)
    cuts = [(start + end) / 2 for start, end in bands if end - start >= _CUT_WITH * highest]
    parts = split_y(region, cuts)
    joined = parts[:1]
    for part in parts[1:]:
        both = joined[-1] + part
        # Two parts are the whole region, which has been looked at already.
        if len(parts) > 2 and _has_prose_columns(both):
            joined[-1] = both
        else:
            joined.append(part)
    return joined


def _has_prose_columns(region: Region) -> bool:
    if len(region) < 2 * _PROSE_ROWS:
        return False
    em = line_height(region)
    return any(left.is_prose(em) and right.is_prose(em) for _, left, right in _gutters(region, em))


def _gutters(region: Region, em: float) -> Iterator[tuple[float, _Side, _Side]]:
    """The x position of each of the widest gutters, from the left, with what stands on either side of it."""
    gaps = x_gaps(region, _MIN_GUTTER * em)
    for start, end in sorted(nlargest(_MAX_GUTTERS, gaps, key=lambda gap: gap[1] - gap[0])):
        middle = (start + end) / 2
        left, right = split_x(region, [middle])
        yield middle, _Side(left), _Side(right)


def _columns(region: Region, bands: list[Gap]) -> list[Region]:
    """The region's columns from left to right; empty if it has none."""
    em = line_height(region)
    gutters = list(_gutters(region, em))
    in_sections = any(end - start >= _SECTION_GAP * em for start, end in bands)
    cuts = [
        middle
        for middle, left, right in gutters
        if (left.is_prose(em) and right.is_prose(em)) or (not in_sections and _stand_alone(left, right))
    ]
    if not cuts and not bands:
        middles = [middle for middle, _, _ in gutters]
        cells = [_Side(cell) for cell in split_x(region, middles)]
        cuts = [middle for middle, beside in zip(middles, pairwise(cells), strict=True) if _is_wrapped(*beside)]
    return split_x(region, cuts) if cuts else []


def _is_wrapped(left: _Side, right: _Side) -> bool:
    """Whether one of two neighbouring cells is wrapped and the other is centred on its lines."""
    few, many = sorted((left, right), key=lambda side: len(side.rows))
    return len(few.rows) == 1 < len(many.rows) <= _MAX_WRAPPED and _is_centred(few, many)


def _is_centred(single: _Side, many: _Side) -> bool:
    near = _LEVEL * line_height(single.rows[0])
    return many.middles[0] + near < single.middles[0] < many.middles[-1] - near


def _stand_alone(left: _Side, right: _Side) -> bool:
    """Whether two sides of a gutter are columns that merely stand beside each other, not cells of the same rows."""
    beside = min(left.bottom, right.bottom) - max(left.top, right.top)
    if beside < _MIN_BESIDE * min(left.bottom - left.top, right.bottom - right.top):
        return False
    few, many = sorted((left, right), key=lambda side: len(side.rows))
    if len(few.rows) == 1 and len(many.rows) > 2:
        # A label centred on a cell of several lines stands alone; level with the first or last of them it does not.
        return _is_centred(few, many)
    share = few.level_share(many)
    if _COLUMNS_BELOW <= share < _ROWS_FROM:
        closer, wider = sorted((few.pitch, many.pitch))
        return closer < _SAME_PITCH * wider
    return share < _COLUMNS_BELOW
