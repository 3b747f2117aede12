"""Doubtful narrow lines are read a second time, and the better reading is kept, at the same place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.ports import ModelsInUse, Recognition
from ocr_core.contracts.reading import LineReading
from ocr_core.contracts.tensors import RECOGNITION_STRIDE_PX
from preprocess_svc.second_look import (
    DOUBTFUL_CONFIDENCE,
    FREE_WIDTH_PX,
    MAX_PAGE_SHARE,
    STRETCH,
    doubtful_lines,
    is_better,
    look_again,
)
from preprocess_svc.text_boxes import TextBoxes
from preprocess_svc.tools import Tools

LINE_HEIGHT_PX = 48
NARROW_STEPS, WIDE_STEPS = 2, 4
SURE, UNSURE = 0.99, 0.6


def reading(
    characters: int, *, steps: int = NARROW_STEPS, probability: float = UNSURE, length_px: float | None = None
) -> LineReading:
    """A line of characters so many timesteps apart, as wide as they are."""
    ids = np.zeros(characters * steps, np.uint16)
    ids[::steps] = np.arange(1, characters + 1)
    length = length_px or len(ids) * RECOGNITION_STRIDE_PX
    return LineReading(
        quad=((0.0, 0.0), (length, 0.0), (length, 48.0), (0.0, 48.0)),
        class_ids=ids,
        probabilities=np.full(len(ids), probability, np.float32),
        timestep_px=length / max(len(ids), 1),
        detection_confidence=0.9,
    )


def boxes_of(lines: Sequence[LineReading]) -> TextBoxes:
    """Their boxes, below each other."""
    quads = np.array([line.quad for line in lines], np.float32).reshape(-1, 4, 2)
    quads[:, :, 1] += LINE_HEIGHT_PX * np.arange(len(lines), dtype=np.float32)[:, None]
    return TextBoxes(quads=quads, scores=np.full(len(lines), 0.9, np.float32))


def chosen(*lines: LineReading) -> list[int]:
    indices: list[int] = doubtful_lines(boxes_of(lines), list(lines)).tolist()
    return indices


def test_only_lines_that_are_both_narrow_and_doubtful_are_chosen() -> None:
    assert chosen(
        reading(10, probability=SURE),
        reading(10, steps=WIDE_STEPS),
        reading(10),
        reading(10, probability=DOUBTFUL_CONFIDENCE + 0.001),
    ) == [2]


def test_a_page_of_empty_lines_has_nothing_to_look_at() -> None:
    assert chosen(reading(0, length_px=80.0), reading(0, length_px=300.0)) == []


def test_a_line_that_runs_down_is_not_chosen() -> None:
    line = reading(10)
    boxes = boxes_of([line])
    down = TextBoxes(quads=boxes.quads[:, :, ::-1].copy(), scores=boxes.scores)
    assert doubtful_lines(boxes, [line]).tolist() == [0]
    assert doubtful_lines(down, [line]).tolist() == []


def test_a_page_that_is_a_blur_is_not_read_twice() -> None:
    lines = [reading(20, probability=0.5 + index / 1000) for index in range(100)][::-1]
    width_px = 20 * NARROW_STEPS * RECOGNITION_STRIDE_PX
    indices = chosen(*lines)
    assert indices == [99 - rank for rank in range(len(indices))], "the most doubtful come first"
    assert len(indices) == int(MAX_PAGE_SHARE * 100 * width_px / (STRETCH * width_px))


def test_a_small_page_may_have_one_look_all_the_same() -> None:
    assert chosen(reading(20)) == [0]
    assert chosen(reading(int(FREE_WIDTH_PX / (STRETCH * NARROW_STEPS * RECOGNITION_STRIDE_PX)) + 1)) == []


@pytest.mark.parametrize(
    ("second", "first", "expected"),
    [
        (reading(11, probability=0.5), reading(10, probability=0.9), True),
        (reading(9, probability=0.9), reading(10, probability=0.5), False),
        (reading(10, probability=0.9), reading(10, probability=0.5), False),
        (reading(0, length_px=80), reading(0, length_px=80), False),
    ],
)
def test_more_characters_count_and_not_confidence(second: LineReading, first: LineReading, expected: bool) -> None:
    assert is_better(second, than=first) is expected


class ScriptedRecogniser:
    """``TextModels`` that reads a character in every second timestep, surely; remembers how wide crops were."""

    def __init__(self, probability: float) -> None:
        self._probability = probability
        self.widths_px: list[int] = []

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        del image, priority, deadline
        raise AssertionError("nothing is detected here")

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        del priority, deadline
        self.widths_px += [crops.shape[2]] * len(crops)
        steps = crops.shape[2] // RECOGNITION_STRIDE_PX
        ids = np.where(np.arange(steps) % 2 == 0, np.arange(steps) + 1, 0).astype(np.int32)
        return Recognition(
            class_ids=np.tile(ids, (len(crops), 1)),
            probabilities=np.full((len(crops), steps), self._probability, np.float32),
        )

    async def in_use(self) -> ModelsInUse:
        raise AssertionError("nobody asks")

    async def charset_sha256(self) -> str:
        raise AssertionError("nobody asks")


def look(lines: list[LineReading], models: ScriptedRecogniser, boxes: TextBoxes | None = None) -> list[LineReading]:
    async def run() -> list[LineReading]:
        with ThreadPoolExecutor(1) as workers:
            tools = Tools(
                models=models,
                workers=workers,
                priority=Priority.SYNC,
                deadline=Deadline.after(30),
                detection_slots=asyncio.Semaphore(1),
                recognition_slots=asyncio.Semaphore(1),
            )
            page = np.full((1000, 1000, 3), 255, np.uint8)
            return await look_again(page, boxes or boxes_of(lines), lines, tools)

    return asyncio.run(run())


def test_without_doubtful_lines_the_recogniser_is_not_asked() -> None:
    lines, models = [reading(10, probability=SURE), reading(10, steps=WIDE_STEPS)], ScriptedRecogniser(SURE)
    assert look(lines, models) is lines
    assert models.widths_px == []


def test_a_kept_second_reading_has_finer_timesteps_over_the_same_place() -> None:
    lines = [reading(10, probability=SURE), reading(10)]
    first, second = look(lines, ScriptedRecogniser(SURE))
    assert first is lines[0]
    assert second.quad == ((0.0, 48.0), (160.0, 48.0), (160.0, 96.0), (0.0, 96.0))
    assert len(second.class_ids) == 20 * STRETCH
    assert second.timestep_px * len(second.class_ids) == pytest.approx(160.0)
    assert second.timestep_px == pytest.approx(RECOGNITION_STRIDE_PX / STRETCH)
    assert second.detection_confidence == pytest.approx(0.9)


def test_a_second_reading_that_is_no_better_is_thrown_away() -> None:
    lines = [reading(35, steps=1)]
    assert look(lines, ScriptedRecogniser(SURE))[0] is lines[0]
