"""Fitting a page onto the detector's canvases, and the way back.

The detector's cost is the area of its canvas (measured: 42 to 46 microseconds per 1000 pixels), and it knows a fixed
list of shapes. So a page is scaled to the size at which its text is large enough, put in the top-left corner of the
smallest canvas that holds it, and the rest is padded. A strip too long for any canvas is cut into tiles that overlap;
their probability maps are stitched back into one map, so that nothing after this module knows of tiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.tensors import DETECTION_SHAPES

PAD_VALUE = 255
"""White, as paper is."""

TILE_OVERLAP_PX = 160
"""Canvas pixels that neighbouring tiles share: the detector sees every line near a cut whole in one of the two."""

MAX_AREA_PX = 12_000_000
"""What one look at a page may cost, half a second of detector: a till receipt of 20,000 pixels at full size. A longer
strip is shown smaller, so that a file of a few hundred bytes does not keep the detector busy for seconds."""

AREA_SHRINK = 0.8
"""Step by which it is shown smaller."""

SHRINK_TOLERANCE = 0.12
"""A page may come out this much smaller than wanted where that saves a larger canvas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasPlan:
    """How one page lies on one or more canvases of the same shape."""

    canvas_height_px: int
    canvas_width_px: int
    page_height_px: int
    page_width_px: int
    scaled_height_px: int
    """The whole page's height after scaling; with more than one tile it exceeds the canvas along one side."""
    scaled_width_px: int
    tile_offsets_px: tuple[tuple[int, int], ...]
    """(top, left) of each tile in the scaled page."""

    @property
    def scale_x(self) -> float:
        """Canvas pixels per page pixel, to the right."""
        return self.scaled_width_px / self.page_width_px

    @property
    def scale_y(self) -> float:
        """Canvas pixels per page pixel, down."""
        return self.scaled_height_px / self.page_height_px

    @property
    def area_px(self) -> int:
        """What the detector has to look at, padding included."""
        return self.canvas_height_px * self.canvas_width_px * len(self.tile_offsets_px)


def plan_canvas(page_height_px: int, page_width_px: int, scale: float) -> CanvasPlan:
    """Choose the canvas, and the tiles, for a page that is to be scaled by ``scale``.

    The plan with the smallest area wins, counted as if each showed the page at full size.
    """
    plans = [_fit(page_height_px, page_width_px, scale, height, width) for height, width in DETECTION_SHAPES]
    best = min(plans, key=lambda plan: plan.area_px / plan.scale_y**2)
    if best.area_px > MAX_AREA_PX:
        return plan_canvas(page_height_px, page_width_px, scale * AREA_SHRINK)
    return best


def _fit(page_height_px: int, page_width_px: int, scale: float, canvas_height: int, canvas_width: int) -> CanvasPlan:
    """One canvas shape: shrink a little if that makes the page fit, else tile along whatever is too long."""
    snug = min(scale, canvas_height / page_height_px, canvas_width / page_width_px)
    if snug < scale * (1 - SHRINK_TOLERANCE):
        snug = scale
    scaled_height = max(1, round(page_height_px * snug))
    scaled_width = max(1, round(page_width_px * snug))
    tops, lefts = _offsets(scaled_height, canvas_height), _offsets(scaled_width, canvas_width)
    return CanvasPlan(
        canvas_height_px=canvas_height,
        canvas_width_px=canvas_width,
        page_height_px=page_height_px,
        page_width_px=page_width_px,
        scaled_height_px=scaled_height,
        scaled_width_px=scaled_width,
        tile_offsets_px=tuple((top, left) for top in tops for left in lefts),
    )


def _offsets(length_px: int, canvas_px: int) -> list[int]:
    """Where tiles begin along one side: evenly spread, overlapping by at least ``TILE_OVERLAP_PX``."""
    if length_px <= canvas_px:
        return [0]
    count = math.ceil((length_px - TILE_OVERLAP_PX) / (canvas_px - TILE_OVERLAP_PX))
    return [round(index * (length_px - canvas_px) / (count - 1)) for index in range(count)]


def lay_out(pixels: NDArray[np.uint8], plan: CanvasPlan) -> list[NDArray[np.uint8]]:
    """Scale a page and cut it into the plan's tiles.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        plan: Made for this page's size.

    Returns:
        Per tile (canvas_height_px, canvas_width_px, 3) uint8 RGB, contiguous.
    """
    height, width = plan.scaled_height_px, plan.scaled_width_px
    canvas = (plan.canvas_height_px, plan.canvas_width_px)
    # Scaled straight into its canvas, where that is one.
    scaled = np.empty((max(height, canvas[0]), max(width, canvas[1]), 3), dtype=np.uint8)
    _scale(pixels, into=scaled[:height, :width])
    scaled[height:] = PAD_VALUE
    scaled[:height, width:] = PAD_VALUE
    if scaled.shape[:2] == canvas:
        return [scaled]
    return [
        np.ascontiguousarray(scaled[top : top + canvas[0], left : left + canvas[1]])
        for top, left in plan.tile_offsets_px
    ]


def _scale(pixels: NDArray[np.uint8], *, into: NDArray[np.uint8]) -> None:
    """Scale a page: halved by averaging while that leaves enough, the rest by interpolation.

    An A4 page at 200 dpi to 1088 x 768 takes 1.6 ms like this, 12 ms by averaging alone. Halving leaves out the last
    row or column of an odd number.
    """
    height_px, width_px = into.shape[:2]
    while pixels.shape[0] >= 2 * height_px and pixels.shape[1] >= 2 * width_px:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        even = pixels[: 2 * half[1], : 2 * half[0]]
        pixels = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    cv2.resize(pixels, (width_px, height_px), dst=into, interpolation=cv2.INTER_LINEAR)


def stitch(maps: list[NDArray[np.uint8]], plan: CanvasPlan) -> NDArray[np.uint8]:
    """Put the tiles' probability maps together, padding cut off.

    In an overlap each tile answers for the half that is farther from its own cut.

    Args:
        maps: Per tile (canvas_height_px, canvas_width_px) uint8.
        plan: The plan that the tiles were laid out by.

    Returns:
        (scaled_height_px, scaled_width_px) uint8.
    """
    if len(maps) == 1:
        return maps[0][: plan.scaled_height_px, : plan.scaled_width_px]
    whole = np.empty((plan.scaled_height_px, plan.scaled_width_px), dtype=np.uint8)
    tops = sorted({top for top, _ in plan.tile_offsets_px})
    lefts = sorted({left for _, left in plan.tile_offsets_px})
    for (top, left), tile in zip(plan.tile_offsets_px, maps, strict=True):
        rows = _own_part(tops, top, plan.canvas_height_px, plan.scaled_height_px)
        columns = _own_part(lefts, left, plan.canvas_width_px, plan.scaled_width_px)
        whole[rows, columns] = tile[
            rows.start - top : rows.stop - top,
            columns.start - left : columns.stop - left,
        ]
    return whole


def _own_part(starts: list[int], start: int, canvas_px: int, length_px: int) -> slice:
    """The stretch of the scaled page that the tile starting at ``start`` answers for."""
    index = starts.index(start)
    begin = 0 if index == 0 else (start + starts[index - 1] + canvas_px) // 2
    end = length_px if index == len(starts) - 1 else (starts[index + 1] + start + canvas_px) // 2
    return slice(begin, end)
