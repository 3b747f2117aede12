"""One page, from pixels to a reading."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ocr_core import tracing
from ocr_core.contracts.geometry import turn_quad
from ocr_core.contracts.page import Notice, PageImage, TextLayerWord
from ocr_core.contracts.reading import LineReading, PageReading, Ruling, Stamp
from preprocess_svc.detection import detect_text
from preprocess_svc.orientation import (
    is_upside_down,
    looks_sideways,
    reversed_boxes,
    runs_down,
    sideways_rotation_deg,
    skew_deg,
    turned,
)
from preprocess_svc.recognition import recognise_lines, spelling
from preprocess_svc.rulings import find_rulings, turned_rulings
from preprocess_svc.second_look import look_again
from preprocess_svc.stamp_ink import without_stamps
from preprocess_svc.stamp_text import read_stamps
from preprocess_svc.stamps import find_stamps, turned_stamps
from preprocess_svc.text_boxes import MAX_BOXES, TextBoxes
from preprocess_svc.tools import Tools

T = TypeVar("T")

POOR_TALL_LINE_CONFIDENCE = 0.80
"""Text along a margin may run up instead of down: a tall line read with less than this is also read upwards."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadPage:
    """A page's reading and what it took."""

    reading: PageReading
    warnings: tuple[Notice, ...]
    detect_ms: float
    recognise_ms: float


async def read_page(page: PageImage, tools: Tools) -> ReadPage:
    """Find a page's lines, set the page upright, read the lines; and find its ruling lines meanwhile.

    All of it on the page without its stamps, which are read by themselves: printed names are found whole where a seal
    lies over them, and a seal's frame is no cell of a table.

    Raises:
        UnreadablePage: the page holds more text than is read of one page.
        Overloaded, NotReady, DeadlineExceeded.
    """
    stamps = await tools.in_thread(find_stamps, page.pixels, page.dpi)
    printed = await tools.in_thread(without_stamps, page.pixels, stamps) if stamps else page.pixels
    # It starts once this coroutine first waits, and so goes into the pool behind what the detector waits for.
    rulings = asyncio.ensure_future(tools.in_thread(find_rulings, printed))
    try:
        return await _read_upright(page, printed, stamps, rulings, tools)
    finally:
        rulings.cancel()


async def _read_upright(
    page: PageImage,
    printed: NDArray[np.uint8],
    stamps: tuple[Stamp, ...],
    rulings: asyncio.Future[tuple[Ruling, ...]],
    tools: Tools,
) -> ReadPage:
    clock = _StageClock()
    pixels, rotation_deg = printed, 0
    boxes = await clock.detect(detect_text(pixels, tools))
    if looks_sideways(boxes):
        rotation_deg = await clock.recognise(sideways_rotation_deg(pixels, boxes, tools))
        if rotation_deg:
            pixels = await tools.in_thread(turned, printed, rotation_deg)
            boxes = await clock.detect(detect_text(pixels, tools))
    lines = await clock.recognise(recognise_lines(pixels, boxes, tools))
    if rotation_deg == 0 and await clock.recognise(is_upside_down(pixels, boxes, lines, tools)):
        rotation_deg = 180
        pixels = await tools.in_thread(turned, printed, rotation_deg)
        boxes = await clock.detect(detect_text(pixels, tools))
        lines = await clock.recognise(recognise_lines(pixels, boxes, tools))
    lines = await clock.recognise(_tall_lines_the_better_way(pixels, boxes, lines, tools))
    if tools.second_look:
        lines = await clock.recognise(look_again(pixels, boxes, lines, tools))
    stamps = _turned_stamps(stamps, page, rotation_deg)
    stamped = await clock.recognise(read_stamps(page.pixels, stamps, tools, rotation_deg=rotation_deg))
    reading = PageReading(
        number=page.number,
        width_px=pixels.shape[1],
        height_px=pixels.shape[0],
        dpi=page.dpi,
        rotation_deg=rotation_deg,
        skew_deg=skew_deg(lines),
        lines=(*lines, *stamped),
        text_layer=await tools.in_thread(_turned_words, page, rotation_deg) if rotation_deg else page.text_layer,
        rulings=_turned_rulings(await rulings, page, rotation_deg),
        stamps=stamps,
    )
    return ReadPage(
        reading=reading,
        warnings=_warnings(page, boxes),
        detect_ms=clock.detect_ms,
        recognise_ms=clock.recognise_ms,
    )


def _warnings(page: PageImage, boxes: TextBoxes) -> tuple[Notice, ...]:
    """What became of the page that its reader should know, from its opening to its lines."""
    if not boxes.left_out:
        return page.warnings
    detail = f"the page has more than {MAX_BOXES} lines of text; {boxes.left_out} of the least sure were not read"
    return (*page.warnings, Notice(code="lines_left_out", detail=detail, page=page.number))


async def _tall_lines_the_better_way(
    pixels: NDArray[np.uint8], boxes: TextBoxes, lines: list[LineReading], tools: Tools
) -> list[LineReading]:
    """Read poor lines in tall boxes upwards as well, and keep whichever way is surer."""
    confidences = spelling(lines).confidences
    doubtful = np.flatnonzero(runs_down(boxes) & (confidences < POOR_TALL_LINE_CONFIDENCE))
    if len(doubtful) == 0:
        return lines
    upwards = await recognise_lines(pixels, reversed_boxes(boxes.select(doubtful)), tools)
    surer = spelling(upwards).confidences > confidences[doubtful]
    kept = list(lines)
    for index, line, is_surer in zip(doubtful.tolist(), upwards, surer.tolist(), strict=True):
        if is_surer:
            kept[index] = line
    return kept


def _turned_words(page: PageImage, rotation_deg: int) -> tuple[TextLayerWord, ...]:
    """The PDF's own words where the page turned them."""
    height, width = page.pixels.shape[:2]
    return tuple(
        replace(word, quad=turn_quad(word.quad, rotation_deg=rotation_deg, width_px=width, height_px=height))
        for word in page.text_layer
    )


def _turned_rulings(rulings: tuple[Ruling, ...], page: PageImage, rotation_deg: int) -> tuple[Ruling, ...]:
    """The ruling lines where the page turned them."""
    height, width = page.pixels.shape[:2]
    if rotation_deg == 0:
        return rulings
    return turned_rulings(rulings, rotation_deg=rotation_deg, width_px=width, height_px=height)


def _turned_stamps(stamps: tuple[Stamp, ...], page: PageImage, rotation_deg: int) -> tuple[Stamp, ...]:
    """The stamps where the page turned them."""
    height, width = page.pixels.shape[:2]
    if rotation_deg == 0:
        return stamps
    return turned_stamps(stamps, rotation_deg=rotation_deg, width_px=width, height_px=height)


class _StageClock:
    """Wall time by stage, summed over the stage's turns."""

    def __init__(self) -> None:
        self.detect_ms = 0.0
        self.recognise_ms = 0.0

    async def detect(self, work: Awaitable[T]) -> T:
        """Wait for a step of detection."""
        start_s = time.perf_counter()
        with tracing.span("detect"):
            answer = await work
        self.detect_ms += (time.perf_counter() - start_s) * 1000
        return answer

    async def recognise(self, work: Awaitable[T]) -> T:
        """Wait for a step of recognition."""
        start_s = time.perf_counter()
        with tracing.span("recognise"):
            answer = await work
        self.recognise_ms += (time.perf_counter() - start_s) * 1000
        return answer
