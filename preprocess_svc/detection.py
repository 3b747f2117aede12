"""Where the lines of a page are.

How large must text be for the detector? Its cost is area, so every page is first looked at small, and only where the
boxes that come back are low a second, larger look replaces the first. Measured over 134 pages of the four labelled
sets (detected at six sizes, against the lines of RapidOCR's defaults, which look at an A4 page at 1984 x 1408): of
lines whose box is at least 14 canvas pixels high 0.2 % are missed at any size, of those of 12 to 13 pixels 3 %, of
those of 9 to 10 pixels 18 %, and below 7 nearly all.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from preprocess_svc.canvas import CanvasPlan, lay_out, plan_canvas, stitch
from preprocess_svc.text_boxes import NO_BOXES, TextBoxes, find_text_boxes
from preprocess_svc.tools import Tools

FIRST_AREA_PX = 1088 * 769
"""Size of the first look: an A4 page at 1088 x 769, where 7 point print has boxes of 12 pixels."""

FIRST_SHORT_SIDE_PX = 448
"""A strip is given more than that area, so that its short side does not fall below this."""

SECOND_AREA_PX = 1952 * 1380
"""Size of the second look, about that of RapidOCR's defaults."""

SMALL_TEXT_PX = 12.0
"""A second look is taken where the lowest boxes of the first are lower than this on its canvas."""

SMALL_TEXT_PERCENTILE = 2.0
"""... "the lowest boxes" being this percentile."""

DOUBTFUL_SHARE = 0.025
"""Print too small to make boxes leaves faint traces: with more than this share of them a second look is taken too,
where there is small text at all. Pages with print that was missed had 0.027 to 0.24, other pages at most 0.016 (but
for one large-type receipt on a patterned ground). Both rules together look twice at 8 of 178 pages."""

SMALLISH_TEXT_PX = 16.0
"""What "small text at all" means for that rule."""

MIN_PAGE_SIDE_PX = 8
"""Nothing that is this thin holds a line of text."""

MAX_MAGNIFICATION = 2.0
"""Small images are scaled up, but blur is not text."""


def first_scale(page_height_px: int, page_width_px: int) -> float:
    """By how much to scale a page for the first look."""
    by_area = math.sqrt(FIRST_AREA_PX / (page_height_px * page_width_px))
    by_short_side = min(1.0, FIRST_SHORT_SIDE_PX / min(page_height_px, page_width_px))
    return min(max(by_area, by_short_side), MAX_MAGNIFICATION)


def second_scale(boxes: TextBoxes, plan: CanvasPlan) -> float | None:
    """By how much to scale a page for a second look, given the boxes of the first in page pixels; null for none."""
    if len(boxes) == 0:
        return None
    lowest_px = float(np.percentile(boxes.heights_px, SMALL_TEXT_PERCENTILE)) * plan.scale_y
    larger = min(math.sqrt(SECOND_AREA_PX / (plan.page_height_px * plan.page_width_px)), MAX_MAGNIFICATION)
    too_small = lowest_px < SMALL_TEXT_PX
    missed_some = boxes.doubtful_share > DOUBTFUL_SHARE and lowest_px < SMALLISH_TEXT_PX
    return larger if (too_small or missed_some) and larger > plan.scale_y * 1.1 else None


async def detect_text(pixels: NDArray[np.uint8], tools: Tools) -> TextBoxes:
    """Find the lines of a page.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        tools: The detector and the threads.

    Returns:
        Boxes in page pixels.

    Raises:
        Overloaded, NotReady, DeadlineExceeded.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_PAGE_SIDE_PX:
        return NO_BOXES
    plan = plan_canvas(height, width, first_scale(height, width))
    boxes = await _look(pixels, plan, tools)
    larger = second_scale(boxes, plan)
    if larger is None:
        return boxes
    return await _look(pixels, plan_canvas(height, width, larger), tools)


async def _look(pixels: NDArray[np.uint8], plan: CanvasPlan, tools: Tools) -> TextBoxes:
    """Detect at one scale; the tiles of a long page go to the detector together."""
    tiles = await tools.in_thread(lay_out, pixels, plan)
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(tools.detect(tile)) for tile in tiles]
    return await tools.in_thread(_boxes_on_page, [look.result() for look in looks], plan)


def _boxes_on_page(maps: list[NDArray[np.uint8]], plan: CanvasPlan) -> TextBoxes:
    """Post-process the tiles' maps and carry the boxes back to page pixels."""
    boxes = find_text_boxes(stitch(maps, plan))
    scale = np.array([plan.scale_x, plan.scale_y], dtype=np.float32)
    return replace(boxes, quads=boxes.quads / scale)
