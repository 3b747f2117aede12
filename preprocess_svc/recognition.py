"""From boxes on a page to line readings."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.ports import Recognition
from ocr_core.contracts.reading import LineReading
from ocr_core.contracts.tensors import CTC_BLANK_ID, RECOGNITION_STRIDE_PX
from preprocess_svc.crops import CropBatch, crop_widths_px, cut_lines
from preprocess_svc.text_boxes import TextBoxes
from preprocess_svc.tools import Tools


async def recognise_lines(pixels: NDArray[np.uint8], boxes: TextBoxes, tools: Tools) -> list[LineReading]:
    """Recognise the text in each box; the batches are asked for at once, the longest lines first.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        boxes: In page pixels.
        tools: The recogniser and the threads.

    Returns:
        One reading a box, in the order of the boxes.

    Raises:
        Overloaded, NotReady, DeadlineExceeded.
    """
    if len(boxes) == 0:
        return []
    batches = await tools.in_thread(cut_lines, pixels, boxes.quads)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(tools.recognise(batch.crops)) for batch in batches]
    height, width = pixels.shape[:2]
    return _line_readings(boxes, batches, [answer.result() for answer in answers], width_px=width, height_px=height)


def line_confidence(line: LineReading) -> float:
    """Mean probability of the characters that a reading spells, 0 to 1; 0 where it spells none."""
    ids = line.class_ids
    spelt = (ids != CTC_BLANK_ID) & np.concatenate([[True], ids[1:] != ids[:-1]])
    return float(line.probabilities[spelt].mean()) if spelt.any() else 0.0


def _line_readings(
    boxes: TextBoxes, batches: list[CropBatch], answers: list[Recognition], *, width_px: int, height_px: int
) -> list[LineReading]:
    """Put the rows of the answers back to lines; a line cut into parts is put end to end."""
    parts: dict[int, list[tuple[int, NDArray[np.uint16], NDArray[np.float32]]]] = {}
    for batch, answer in zip(batches, answers, strict=True):
        for row, place in enumerate(batch.rows):
            ids = answer.class_ids[row, : place.timesteps].astype(np.uint16)
            parts.setdefault(place.line, []).append((place.part, ids, answer.probabilities[row, : place.timesteps]))
    timesteps_px = boxes.lengths_px * RECOGNITION_STRIDE_PX / crop_widths_px(boxes.quads)
    lines = []
    for line in range(len(boxes)):
        in_order = sorted(parts[line], key=lambda part: part[0])
        class_ids = np.concatenate([ids for _, ids, _ in in_order])
        lines.append(
            LineReading(
                quad=_quad_on_page(boxes.quads[line], width_px=width_px, height_px=height_px),
                class_ids=class_ids,
                probabilities=np.concatenate([probabilities for _, _, probabilities in in_order]),
                timestep_px=float(timesteps_px[line]),
                detection_confidence=float(boxes.scores[line]),
            )
        )
    return lines


def _quad_on_page(corners: NDArray[np.float32], *, width_px: int, height_px: int) -> Quad:
    """A box as a quad, with what sticks out of the page cut off."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = np.clip(corners, 0, (width_px, height_px)).round(1).tolist()
    return ((x0, y0), (x1, y1), (x2, y2), (x3, y3))
