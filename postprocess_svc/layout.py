"""Where lines stand on a page once its skew is taken out: boxes, rows, white gaps.

Layout coordinates: pixels, x in reading direction, y from line to line. For horizontal text they are the page's own,
turned level; for a region of vertical text x runs down the page and y from right to left, so that one algorithm
orders both.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Sequence
from operator import attrgetter, itemgetter

from ocr_core.contracts.frozen import value
from ocr_core.contracts.geometry import Quad
from postprocess_svc.lines import runs_down

# A row's lines agree in height to within a descender or so; their centres are this close, in line heights.
_SAME_ROW = 0.5


@value
class Placed:
    """A line's upright box in layout coordinates; ``middle`` and ``height`` follow from it and are looked at often."""

    index: int
    """Which line of the page it is."""
    left: float
    right: float
    top: float
    bottom: float
    middle: float
    height: float
    vertical: bool
    """It is set in a column, read from the top down."""
    is_value: bool
    """It is little more than a number: a quantity, an amount, a date."""

    @classmethod
    def at(
        cls, index: int, left: float, right: float, top: float, bottom: float, *, vertical: bool, is_value: bool
    ) -> Placed:
        """The box of line ``index``."""
        return cls(
            index=index,
            left=left,
            right=right,
            top=top,
            bottom=bottom,
            middle=(top + bottom) / 2,
            height=bottom - top,
            vertical=vertical,
            is_value=is_value,
        )

    @property
    def width(self) -> float:
        """Extent in x."""
        return self.right - self.left

    def turned(self) -> Placed:
        """The same box with x running down the page and y from right to left."""
        return Placed.at(
            self.index,
            self.top,
            self.bottom,
            -self.right,
            -self.left,
            vertical=self.vertical,
            is_value=self.is_value,
        )


_left = attrgetter("left")
_from_the_top = attrgetter("middle", "left")
_right_edge = itemgetter(1)

Region = list[Placed]
Row = list[Placed]
Gap = tuple[float, float]


class Leveller:
    """Takes a page's skew out of the quads of its lines."""

    def __init__(self, skew_deg: float) -> None:
        """``skew_deg`` is the text's mean direction, clockwise from level."""
        self._sine, self._cosine = math.sin(math.radians(skew_deg)), math.cos(math.radians(skew_deg))

    def place(self, index: int, quad: Quad, *, vertical: bool, is_value: bool = False) -> Placed:
        """The line's box on the page turned level.

        The box is as long and as high as the quad itself, not as its bounding box, which grows with the skew.
        """
        p0, p1, p2, p3 = quad
        centre_x = (p0[0] + p1[0] + p2[0] + p3[0]) / 4
        centre_y = (p0[1] + p1[1] + p2[1] + p3[1]) / 4
        x = centre_x * self._cosine + centre_y * self._sine
        y = centre_y * self._cosine - centre_x * self._sine
        along = (math.dist(p0, p1) + math.dist(p3, p2)) / 2
        across = (math.dist(p0, p3) + math.dist(p1, p2)) / 2
        if runs_down(quad):
            along, across = across, along
        return Placed.at(
            index, x - along / 2, x + along / 2, y - across / 2, y + across / 2, vertical=vertical, is_value=is_value
        )


def from_the_top(region: Sequence[Placed]) -> Region:
    """The region's boxes by their middles; its parts, however they are split off, keep that order."""
    return sorted(region, key=_from_the_top)


def line_height(region: Sequence[Placed]) -> float:
    """The usual height of a line, in pixels; at least one."""
    if len(region) == 1:
        return max(1.0, region[0].height)
    heights = sorted([box.height for box in region])
    middle = len(heights) // 2
    return max(1.0, heights[middle] if len(heights) % 2 else (heights[middle - 1] + heights[middle]) / 2)


def rows_of(region: Region) -> list[Row]:
    """Visual rows of a region sorted ``from_the_top``: from the top down, each from left to right."""
    rows: list[Row] = []
    row: Row = []
    covered: list[tuple[float, float]] = []
    middle = height = 0.0
    for box in region:
        if row and box.middle - middle <= _SAME_ROW * min(height, box.height) and _is_beside(box, covered):
            row.append(box)
            if box.left < box.right:
                insort(covered, (box.left, box.right))
            middle += (box.middle - middle) / len(row)
            height = min(height, box.height)
        else:
            row = [box]
            rows.append(row)
            covered = [(box.left, box.right)] if box.left < box.right else []  # one without width covers nothing
            middle, height = box.middle, box.height
    for row in rows:
        if len(row) > 1:
            row.sort(key=_left)
    return rows


def _is_beside(box: Placed, covered: Sequence[tuple[float, float]]) -> bool:
    """Whether the box stands beside all boxes of a row, rather than on top of one of them.

    Args:
        box: The box.
        covered: The x intervals of the row's boxes, ascending. As none of them stands on top of another, their right
            edges ascend too and no point is covered more than twice: only a few neighbours have to be looked at, also
            in a row of thousands.
    """
    for at in range(bisect_right(covered, box.left, key=_right_edge), len(covered)):
        left, right = covered[at]
        if left >= box.right:
            break
        if min(box.right, right) - max(box.left, left) > 0.5 * min(box.width, right - left):
            return False
    return True


def x_gaps(region: Sequence[Placed], more_than: float) -> list[Gap]:
    """White gutters from left to right: x intervals that no line of the region touches, with lines on both sides."""
    return _gaps([(box.left, box.right) for box in region], more_than)


def y_gaps(region: Sequence[Placed], more_than: float) -> list[Gap]:
    """White bands from the top down, likewise.

    Boxes of neighbouring rows overlap a little where the detector was generous, so a tenth of a height is cut off
    either side first.
    """
    spans = [(box.top + 0.1 * box.height, box.bottom - 0.1 * box.height) for box in region]
    return _gaps(spans, more_than)


def split_x(region: Region, at: Sequence[float]) -> list[Region]:
    """The region cut at ascending x positions inside its gutters; parts that would be empty are left out."""
    return _split(region, at, [box.left for box in region])


def split_y(region: Region, at: Sequence[float]) -> list[Region]:
    """The region cut at ascending y positions inside its white bands, likewise."""
    return _split(region, at, [box.middle for box in region])


def _split(region: Region, at: Sequence[float], places: list[float]) -> list[Region]:
    parts: list[Region] = [[] for _ in range(len(at) + 1)]
    for box, position in zip(region, places, strict=True):
        parts[bisect_right(at, position)].append(box)
    return [part for part in parts if part]


def _gaps(spans: list[tuple[float, float]], more_than: float) -> list[Gap]:
    spans.sort()
    found: list[Gap] = []
    reach = spans[0][1] if spans else 0.0
    for start, end in spans:
        if end > reach:
            if start - reach > more_than:
                found.append((reach, start))
            reach = end
    return found
