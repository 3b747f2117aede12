"""Where lines stand on a page once its skew is taken out: boxes, rows, white gaps.

Layout coordinates: pixels, x in reading direction, y from line to line. For horizontal text they are the page's own,
turned level; for a region of vertical text x runs down the page and y from right to left, so that one algorithm
orders both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from ocr_core.contracts.geometry import Quad, angle_deg

# A row's lines agree in height to within a descender or so; their centres are this close, in line heights.
_SAME_ROW = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A line's upright box in layout coordinates."""

    index: int
    """Which line of the page it is."""
    left: float
    right: float
    top: float
    bottom: float
    vertical: bool = False
    """It is set in a column, read from the top down."""

    @property
    def middle(self) -> float:
        """The y coordinate of the box's centre."""
        return (self.top + self.bottom) / 2

    @property
    def width(self) -> float:
        """Extent in x."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Extent in y."""
        return self.bottom - self.top

    def turned(self) -> Placed:
        """The same box with x running down the page and y from right to left."""
        return Placed(
            index=self.index,
            left=self.top,
            right=self.bottom,
            top=-self.right,
            bottom=-self.left,
            vertical=self.vertical,
        )


Region = list[Placed]
Row = list[Placed]
Gap = tuple[float, float]


def place(index: int, quad: Quad, *, skew_deg: float, vertical: bool) -> Placed:
    """The line's box on the page turned level.

    The box is as long and as high as the quad itself, not as its bounding box, which grows with the skew.
    """
    centre_x = sum(x for x, _ in quad) / 4
    centre_y = sum(y for _, y in quad) / 4
    sine, cosine = math.sin(math.radians(skew_deg)), math.cos(math.radians(skew_deg))
    x = centre_x * cosine + centre_y * sine
    y = centre_y * cosine - centre_x * sine
    along = (math.dist(quad[0], quad[1]) + math.dist(quad[3], quad[2])) / 2
    across = (math.dist(quad[0], quad[3]) + math.dist(quad[1], quad[2])) / 2
    if 45 < abs(angle_deg(quad)) < 135:
        along, across = across, along
    return Placed(
        index=index,
        left=x - along / 2,
        right=x + along / 2,
        top=y - across / 2,
        bottom=y + across / 2,
        vertical=vertical,
    )


def line_height(region: Sequence[Placed]) -> float:
    """The usual height of a line, in pixels; at least one."""
    return max(1.0, median(box.height for box in region))


def rows_of(region: Sequence[Placed]) -> list[Row]:
    """Visual rows from the top down, each from left to right."""
    rows: list[Row] = []
    middle = height = 0.0
    for box in sorted(region, key=lambda box: (box.middle, box.left)):
        if rows and abs(box.middle - middle) <= _SAME_ROW * min(height, box.height) and _beside(box, rows[-1]):
            row = rows[-1]
            row.append(box)
            middle += (box.middle - middle) / len(row)
            height = min(height, box.height)
        else:
            rows.append([box])
            middle, height = box.middle, box.height
    for row in rows:
        row.sort(key=lambda box: box.left)
    return rows


def x_gaps(region: Sequence[Placed], at_least: float) -> list[Gap]:
    """White gutters from left to right: x intervals that no line of the region touches, with lines on both sides."""
    return _gaps([(box.left, box.right) for box in region], at_least)


def y_gaps(region: Sequence[Placed], at_least: float) -> list[Gap]:
    """White bands from the top down, likewise.

    Boxes of neighbouring rows overlap a little where the detector was generous, so a tenth of a height is cut off
    either side first.
    """
    spans = [(box.top + 0.1 * box.height, box.bottom - 0.1 * box.height) for box in region]
    return _gaps(spans, at_least)


def split(region: Sequence[Placed], at: Sequence[float], key: Callable[[Placed], float]) -> list[Region]:
    """The region cut at ascending positions of ``key``; parts that would be empty are left out."""
    parts: list[Region] = [[] for _ in range(len(at) + 1)]
    for box in region:
        value = key(box)
        parts[sum(1 for position in at if value >= position)].append(box)
    return [part for part in parts if part]


def _gaps(spans: list[tuple[float, float]], at_least: float) -> list[Gap]:
    spans.sort()
    found: list[Gap] = []
    reach = spans[0][1] if spans else 0.0
    for start, end in spans:
        if start - reach >= at_least:
            found.append((reach, start))
        reach = max(reach, end)
    return found


def _beside(box: Placed, row: Row) -> bool:
    """Whether the box stands beside all boxes of the row, rather than on top of one of them."""
    return all(
        min(box.right, other.right) - max(box.left, other.left) <= 0.5 * min(box.width, other.width) for other in row
    )
