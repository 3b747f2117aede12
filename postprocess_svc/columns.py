"""Columns or cells: what the two sides of a white gutter are to each other.

Cells of a row stand level, columns do so by chance only; prose that happens to be set on one grid is told from cells by
filling its column, and letterheads from labels with their values by being level not quite.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import nlargest
from itertools import pairwise
from statistics import median

from postprocess_svc.layout import Gap, Region, Row, line_height, rows_of, split_x, x_gaps

# Lengths in line heights, shares from 0 to 1.
_MIN_GUTTER = 1.0
"""Columns stand at least this far apart; a space between words is a third."""
_MAX_GUTTERS = 12
"""Whatever has more columns than this is a table; it also bounds the work on a page of thousands of specks."""
_SECTION_GAP = 2.0
"""A white band this high ends whatever stands above it, unless that is prose in columns."""
_MAX_WRAPPED = 4
"""Lines of a cell that is wrapped in a row of a table."""
_LEVEL = 0.3
"""Centres of cells of one row differ by less than this."""
_COLUMNS_BELOW = 0.5
_ROWS_FROM = 0.8
"""Two sides of which this share of rows is level are cells of rows; columns do not reach half by chance. In between,
the distances from row to row decide."""
_BLOCK_CELLS = 1.2
_MIN_BLOCK_ROWS = 6
_MIN_BLOCK_ROWS_FAR_APART = 4
_FAR_APART = 8.0
_BLOCK_LEVEL = 0.12
_ROWS_FROM_IN_BLOCKS = 0.6
"""Two blocks of text with at most so many texts a row and so many rows between them are an address beside another
unless they are level to within the detector's noise: a label and its value are set on one line, two letterheads are
not. (On a page of 1654 x 2339 px cells of a row differed by 1 to 3 px of 43, blocks by 3 to 9 and more.)"""
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


def columns_of(region: Region, bands: list[Gap]) -> list[Region]:
    """The region's columns from left to right; empty if it has none."""
    em = line_height(region)
    gutters = list(_gutters(region, em))
    if not gutters:
        return []
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


def has_prose_columns(region: Region) -> bool:
    """Whether some gutter of the region has running text on both sides."""
    if len(region) < 2 * _PROSE_ROWS:
        return False
    em = line_height(region)
    return any(left.is_prose(em) and right.is_prose(em) for _, left, right in _gutters(region, em))


def _gutters(region: Region, em: float) -> Iterator[tuple[float, _Side, _Side]]:
    """The x position of each of the widest gutters, from the left, with what stands on either side of it."""
    gaps = x_gaps(region, _MIN_GUTTER * em)
    if len(gaps) > _MAX_GUTTERS:
        gaps = sorted(nlargest(_MAX_GUTTERS, gaps, key=lambda gap: gap[1] - gap[0]))
    for start, end in gaps:
        middle = (start + end) / 2
        left = [box for box in region if box.left < middle]
        right = [box for box in region if box.left >= middle]
        yield middle, _Side(left), _Side(right)


def _stand_alone(left: _Side, right: _Side) -> bool:
    """Whether two sides of a gutter are columns that merely stand beside each other, not cells of the same rows."""
    top, bottom = left.extent_y()
    other_top, other_bottom = right.extent_y()
    beside = min(bottom, other_bottom) - max(top, other_top)
    if beside < _MIN_BESIDE * min(bottom - top, other_bottom - other_top):
        return False
    few, many = sorted((left, right), key=lambda side: len(side.rows))
    if len(few.rows) == 1 and len(many.rows) > 2:
        # A label centred on a cell of several lines stands alone; level with the first or last of them it does not.
        return _is_centred(few, many)
    if _are_blocks(left, right):
        return few.level_share(many, _BLOCK_LEVEL) < _ROWS_FROM_IN_BLOCKS
    share = few.level_share(many, _LEVEL)
    if _COLUMNS_BELOW <= share < _ROWS_FROM:
        closer, wider = sorted((few.pitch, many.pitch))
        return closer < _SAME_PITCH * wider
    return share < _COLUMNS_BELOW


def _are_blocks(left: _Side, right: _Side) -> bool:
    """Whether both sides may be blocks of text; two short ones are, if far apart."""
    apart = (right.extent_x()[0] - left.extent_x()[1]) / min(left.heights[0], right.heights[0])
    rows = len(left.rows) + len(right.rows)
    return (
        rows >= (_MIN_BLOCK_ROWS if apart < _FAR_APART else _MIN_BLOCK_ROWS_FAR_APART)
        and left.is_block()
        and right.is_block()
    )


def _is_wrapped(left: _Side, right: _Side) -> bool:
    """Whether one of two neighbouring cells is wrapped and the other is centred on its lines."""
    few, many = sorted((left, right), key=lambda side: len(side.rows))
    return len(few.rows) == 1 < len(many.rows) <= _MAX_WRAPPED and _is_centred(few, many)


def _is_centred(single: _Side, many: _Side) -> bool:
    near = _LEVEL * line_height(single.rows[0])
    return many.middles[0] + near < single.middles[0] < many.middles[-1] - near


class _Side:
    """What stands on one side of a gutter; its rows are found when they are first asked for."""

    def __init__(self, region: Region) -> None:
        self._region = region
        # No ``cached_property``, whose lock costs as much as what a short side has it keep.
        self._rows: list[Row] | None = None
        self._middles: list[float] | None = None
        self._heights: list[float] | None = None

    def extent_x(self) -> tuple[float, float]:
        """Its left and its right edge."""
        return min([box.left for box in self._region]), max([box.right for box in self._region])

    def extent_y(self) -> tuple[float, float]:
        """Its upper and its lower edge."""
        return min([box.top for box in self._region]), max([box.bottom for box in self._region])

    @property
    def rows(self) -> list[Row]:
        """Visual rows from the top down."""
        if self._rows is None:
            self._rows = rows_of(self._region)
        return self._rows

    @property
    def middles(self) -> list[float]:
        """Each row's y coordinate."""
        if self._middles is None:
            self._middles = [sum([box.middle for box in row]) / len(row) for row in self.rows]
        return self._middles

    @property
    def heights(self) -> list[float]:
        """Each row's line height."""
        if self._heights is None:
            self._heights = [line_height(row) for row in self.rows]
        return self._heights

    @property
    def pitch(self) -> float:
        """The usual distance from a row to the next."""
        steps = [below - above for above, below in pairwise(self.middles)]
        return median(steps) if steps else 0.0

    def is_prose(self, em: float) -> bool:
        """Whether the lines fill their column, row after row, as running text does and cells of a table do not."""
        if len(self._region) < _PROSE_ROWS:
            return False
        left, right = self.extent_x()
        width = right - left
        if width < _PROSE_WIDTH * em or len(self.rows) < _PROSE_ROWS:
            return False
        full = sum(sum([box.width for box in row]) >= _PROSE_FILL * width for row in self.rows)
        return full >= _PROSE_SHARE * len(self.rows)

    def is_block(self) -> bool:
        """Whether it has one text a row, and seldom a mere number: an address, a letterhead; or a column of labels."""
        values = sum([box.is_value for box in self._region])
        return len(self._region) <= _BLOCK_CELLS * len(self.rows) and 2 * values <= len(self._region)

    def level_share(self, other: _Side, tolerance: float) -> float:
        """The share of this side's rows that have a row of the other side level with them.

        Level are middles, or the lower edges where the letters differ in size, within ``tolerance`` line heights.
        """
        count = 0
        middles, heights = other.middles, other.heights
        for middle, height in zip(self.middles, self.heights, strict=True):
            at = bisect_left(middles, middle)
            for i in range(max(0, at - 1), min(len(middles), at + 1)):
                off = abs(middle - middles[i])
                off_below = abs(middle + height / 2 - middles[i] - heights[i] / 2)
                if min(off, off_below) <= tolerance * max(height, heights[i]):
                    count += 1
                    break
        return count / len(self.rows)
