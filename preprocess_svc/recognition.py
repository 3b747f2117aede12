"""From boxes on a page to line readings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.errors import UnreadablePage
from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.reading import LineReading
from ocr_core.contracts.tensors import CTC_BLANK_ID, RECOGNITION_STRIDE_PX
from preprocess_svc.crops import batch_crops, crop_widths_px, cut_lines
from preprocess_svc.text_boxes import TextBoxes
from preprocess_svc.tools import Tools

MAX_CROPS_WIDTH_PX = 1_000_000
"""Lines of a page, laid end to end at 48 pixels height: 144 MB of crops, and some ten seconds of recogniser. A dense
A4 page has 60,000."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CropReading:
    """What the recogniser sees in one crop; (T,) each, padding cut off."""

    class_ids: NDArray[np.uint16]
    probabilities: NDArray[np.float32]

    @property
    def spelt(self) -> NDArray[np.intp]:
        """The timesteps at which a character begins (CTC: not blank, and not the step before again)."""
        ids = self.class_ids
        return np.flatnonzero((ids != CTC_BLANK_ID) & np.concatenate([[True], ids[1:] != ids[:-1]]))

    @property
    def confidence(self) -> float:
        """Mean probability of the characters, 0 to 1; 0 where there are none."""
        spelt = self.spelt
        return float(self.probabilities[spelt].mean()) if len(spelt) else 0.0


async def recognise_crops(crops: list[NDArray[np.uint8]], tools: Tools) -> list[CropReading]:
    """Recognise crops; their batches are asked for at once, the widest first.

    Args:
        crops: Per crop (48, W, 3) uint8 RGB.
        tools: The recogniser and the threads.

    Raises:
        Overloaded, NotReady, DeadlineExceeded.
    """
    batches = await tools.in_thread(batch_crops, crops)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(tools.recognise(batch.crops)) for batch in batches]
    parts: list[list[tuple[int, CropReading]]] = [[] for _ in crops]
    for batch, answer in zip(batches, answers, strict=True):
        for row, place in enumerate(batch.rows):
            part = CropReading(
                class_ids=answer.result().class_ids[row, : place.timesteps].astype(np.uint16),
                probabilities=answer.result().probabilities[row, : place.timesteps],
            )
            parts[place.line].append((place.part, part))
    return [_end_to_end(crop_parts) for crop_parts in parts]


async def recognise_lines(
    pixels: NDArray[np.uint8], boxes: TextBoxes, tools: Tools, *, stretch: float = 1.0
) -> list[LineReading]:
    """Recognise the text in each box.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        boxes: In page pixels.
        tools: The recogniser and the threads.
        stretch: How much wider than printed the recogniser is shown them; their places on the page stay the same.

    Returns:
        One reading a box, in the order of the boxes.

    Raises:
        UnreadablePage: the page holds more text than ``MAX_CROPS_WIDTH_PX``.
        Overloaded, NotReady, DeadlineExceeded.
    """
    if len(boxes) == 0:
        return []
    if crop_widths_px(boxes.quads).sum() > MAX_CROPS_WIDTH_PX:
        raise UnreadablePage(f"the page's lines are longer than the limit of {MAX_CROPS_WIDTH_PX} px together")
    crops = await tools.in_thread(cut_lines, pixels, boxes.quads, stretch=stretch)
    readings = await recognise_crops(crops, tools)
    height, width = pixels.shape[:2]
    return [
        LineReading(
            quad=_quad_on_page(quad, width_px=width, height_px=height),
            class_ids=reading.class_ids,
            probabilities=reading.probabilities,
            timestep_px=float(length_px) * RECOGNITION_STRIDE_PX / crop.shape[1],
            detection_confidence=float(score),
        )
        for quad, length_px, score, crop, reading in zip(
            boxes.quads, boxes.lengths_px, boxes.scores, crops, readings, strict=True
        )
    ]


def line_confidence(line: LineReading) -> float:
    """Mean probability of the characters that a line spells, 0 to 1; 0 where it spells none."""
    return CropReading(class_ids=line.class_ids, probabilities=line.probabilities).confidence


def _end_to_end(parts: list[tuple[int, CropReading]]) -> CropReading:
    """Put the parts of a line that was cut back together."""
    in_order = [reading for _, reading in sorted(parts, key=lambda part: part[0])]
    return CropReading(
        class_ids=np.concatenate([reading.class_ids for reading in in_order]),
        probabilities=np.concatenate([reading.probabilities for reading in in_order]),
    )


def _quad_on_page(corners: NDArray[np.float32], *, width_px: int, height_px: int) -> Quad:
    """A box as a quad, with what sticks out of the page cut off."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = np.clip(corners, 0, (width_px, height_px)).round(1).tolist()
    return ((x0, y0), (x1, y1), (x2, y2), (x3, y3))
