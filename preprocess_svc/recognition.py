"""From boxes on a page to line readings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.errors import UnreadablePage
from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.reading import LineReading
from ocr_core.contracts.tensors import CTC_BLANK_ID, RECOGNITION_STRIDE_PX
from preprocess_svc.crops import CropBatch, batch_crops, crop_widths_px, cut_lines
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spelling:
    """How much each of N lines or crops spells, and how surely."""

    characters: NDArray[np.intp]
    """(N,) how many characters."""
    confidences: NDArray[np.float64]
    """(N,) their mean probability, 0 to 1; 0 where there are none."""


def spelling(readings: Sequence[CropReading | LineReading]) -> Spelling:
    """What ``CropReading.spelt`` says of each of many readings, reckoned at once: 75 one by one take 0.8 ms."""
    count = len(readings)
    if count == 0:
        return Spelling(characters=np.zeros(0, np.intp), confidences=np.zeros(0))
    lengths = np.array([len(reading.class_ids) for reading in readings])
    ids = np.concatenate([reading.class_ids for reading in readings])
    probabilities = np.concatenate([reading.probabilities for reading in readings])
    owners = np.repeat(np.arange(count), lengths)
    begins = np.ones(len(ids), np.bool_)
    begins[1:] = (ids[1:] != ids[:-1]) | (owners[1:] != owners[:-1])
    spelt = begins & (ids != CTC_BLANK_ID)
    characters = np.bincount(owners[spelt], minlength=count)
    sums = np.bincount(owners[spelt], weights=probabilities[spelt], minlength=count)
    return Spelling(characters=characters, confidences=sums / np.maximum(characters, 1))


async def recognise_crops(crops: list[NDArray[np.uint8]], tools: Tools) -> list[CropReading]:
    """Recognise crops; their batches are asked for at once, the widest first.

    Args:
        crops: Per crop (48, W, 3) uint8 RGB.
        tools: The recogniser and the threads.

    Raises:
        Overloaded, NotReady, DeadlineExceeded.
    """
    return await _recognise_batches(await tools.in_thread(batch_crops, crops), len(crops), tools)


async def _recognise_batches(batches: list[CropBatch], count: int, tools: Tools) -> list[CropReading]:
    """The readings of so many crops, which the batches hold."""
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(tools.recognise(batch.crops)) for batch in batches]
    parts: list[list[tuple[int, CropReading]]] = [[] for _ in range(count)]
    for batch, task in zip(batches, answers, strict=True):
        answer = task.result()
        class_ids = answer.class_ids.astype(np.uint16)
        for row, place in enumerate(batch.rows):
            part = CropReading(
                class_ids=class_ids[row, : place.timesteps],
                probabilities=answer.probabilities[row, : place.timesteps],
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
    widths_px = crop_widths_px(boxes.quads, stretch=stretch).tolist()
    batches = await tools.in_thread(_cut_and_batch, pixels, boxes.quads, stretch)
    readings = await _recognise_batches(batches, len(boxes), tools)
    height, width = pixels.shape[:2]
    return [
        LineReading(
            quad=quad,
            class_ids=reading.class_ids,
            probabilities=reading.probabilities,
            timestep_px=length_px * RECOGNITION_STRIDE_PX / width_px,
            detection_confidence=score,
        )
        for quad, length_px, score, width_px, reading in zip(
            _quads_on_page(boxes.quads, width_px=width, height_px=height),
            boxes.lengths_px.tolist(),
            boxes.scores.tolist(),
            widths_px,
            readings,
            strict=True,
        )
    ]


def _cut_and_batch(pixels: NDArray[np.uint8], quads: NDArray[np.float32], stretch: float) -> list[CropBatch]:
    return batch_crops(cut_lines(pixels, quads, stretch=stretch))


def _end_to_end(parts: list[tuple[int, CropReading]]) -> CropReading:
    """Put the parts of a line that was cut back together."""
    if len(parts) == 1:
        return parts[0][1]
    in_order = [reading for _, reading in sorted(parts, key=lambda part: part[0])]
    return CropReading(
        class_ids=np.concatenate([reading.class_ids for reading in in_order]),
        probabilities=np.concatenate([reading.probabilities for reading in in_order]),
    )


def _quads_on_page(quads: NDArray[np.float32], *, width_px: int, height_px: int) -> list[Quad]:
    """Boxes, (N, 4, 2), as quads, with what sticks out of the page cut off."""
    return [
        ((x0, y0), (x1, y1), (x2, y2), (x3, y3))
        for (x0, y0), (x1, y1), (x2, y2), (x3, y3) in np.clip(quads, 0, (width_px, height_px)).round(1).tolist()
    ]
