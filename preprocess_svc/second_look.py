"""Narrow print that was read without confidence is read a second time, stretched.

Half-width kana, in which Japan's banks print account holders («ｶ)ﾔﾏﾀﾞｼｮｳﾃﾝ»), is half as wide as all other Japanese
print. The recogniser was hardly trained on it, and at 8 pixels a timestep some of its characters have a single one:
two alike next to each other, or a mark after its kana, cannot be told. Stretched it looks as it does elsewhere, and
there are timesteps enough. What that gains, and costs, is in ``docs/adr/0013-a-second-look.md``;
``python -m evaluation.second_look`` measures it.

The pixel side does not know what class ids mean, so lines are chosen by their shape and by the recogniser's own
confidence: a page without doubtful narrow lines pays nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.reading import LineReading
from ocr_core.contracts.tensors import RECOGNITION_STRIDE_PX
from preprocess_svc.crops import crop_widths_px
from preprocess_svc.orientation import runs_down
from preprocess_svc.recognition import recognise_lines, spelling
from preprocess_svc.text_boxes import TextBoxes
from preprocess_svc.tools import Tools

STRETCH = 1.5
"""How much wider than printed. Of 1.5, 1.75 and 2 the best over 300 made-up holders in six fonts."""

DOUBTFUL_CONFIDENCE = 0.93
"""Lines whose characters have less than this on average are doubtful. At 0.95 twice as many ordinary lines are looked
at, for hardly more gain."""

NARROW_CHARACTER_PX = 25.0
"""Narrow: characters of a crop, 48 pixels high, that take less than this on average. Full-width print takes some 30,
half-width kana 12 to 17 where all of it is read, and up to 25 where some is passed over. Latin letters are as narrow,
but seldom doubtful."""

MAX_PAGE_SHARE = 0.10
"""Stretched crops of a page may be this wide together, as a share of all its crops: the recogniser's cost is width, and
a page that is a blur shall not be read twice. The most doubtful lines come first."""

FREE_WIDTH_PX = 1280
"""... but this much is allowed on any page, small ones too: three holders of an account, or one long line."""


async def look_again(
    pixels: NDArray[np.uint8], boxes: TextBoxes, lines: list[LineReading], tools: Tools
) -> list[LineReading]:
    """Read doubtful narrow lines a second time, and keep whichever reading is the better one.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        boxes: In page pixels.
        lines: What was read in them, in their order.
        tools: The recogniser and the threads.

    Returns:
        The lines, in the same order; quads are those of the boxes whichever reading is kept.

    Raises:
        Overloaded, NotReady, DeadlineExceeded.
    """
    doubtful = doubtful_lines(boxes, lines)
    if len(doubtful) == 0:
        return lines
    second = await recognise_lines(pixels, boxes.select(doubtful), tools, stretch=STRETCH)
    kept = list(lines)
    for index, line in zip(doubtful.tolist(), second, strict=True):
        if is_better(line, than=lines[index]):
            kept[index] = line
    return kept


def doubtful_lines(boxes: TextBoxes, lines: list[LineReading]) -> NDArray[np.intp]:
    """Indices of the lines that are worth a second look and may have one, the most doubtful first."""
    spelt = spelling(lines)
    width_px = np.array([len(line.class_ids) * RECOGNITION_STRIDE_PX for line in lines])
    is_narrow = width_px < NARROW_CHARACTER_PX * spelt.characters
    candidates = np.flatnonzero(is_narrow & (spelt.confidences < DOUBTFUL_CONFIDENCE) & ~runs_down(boxes))
    if len(candidates) == 0:
        return candidates
    candidates = candidates[np.argsort(spelt.confidences[candidates], kind="stable")]
    allowed_px = max(FREE_WIDTH_PX, MAX_PAGE_SHARE * float(crop_widths_px(boxes.quads).sum()))
    costs_px = crop_widths_px(boxes.quads[candidates], stretch=STRETCH)
    return candidates[np.cumsum(costs_px) <= allowed_px]


def is_better(second: LineReading, *, than: LineReading) -> bool:
    """Whether a stretched reading has characters that the first passed over.

    That is what too few timesteps do. Of two readings equally long neither is known to be right, however sure: the
    commas and full stops of faint amounts come out either way, and the first look saw the print as it is.
    """
    characters = spelling([second, than]).characters
    return bool(characters[0] > characters[1])
