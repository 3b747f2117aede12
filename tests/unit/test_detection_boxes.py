"""Boxes out of a probability map: drawn rectangles come back, grown, in the house's order of points."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from preprocess_svc.text_boxes import UNCLIP_RATIO, TextBoxes, find_text_boxes

MAP_HEIGHT, MAP_WIDTH = 480, 640
# Drawing on whole pixels and the smallest rectangle each move an edge by up to a pixel, and growing adds to that: 4.6
# is the most that 20,000 random lines showed.
TOLERANCE_PX = 5.5
DRAWN_OF_BOX = 0.82
"""What a box's score has at the least of what it should: its mask lies on whole pixels too (0.86 of the same lines)."""


def empty_map() -> NDArray[np.uint8]:
    return np.zeros((MAP_HEIGHT, MAP_WIDTH), dtype=np.uint8)


def rectangle(center: tuple[float, float], length: float, height: float, degrees: float) -> NDArray[np.float64]:
    """Corners from the text's own top-left, for text that runs ``degrees`` clockwise from level."""
    radians = math.radians(degrees)
    along = np.array([math.cos(radians), math.sin(radians)]) * length / 2
    across = np.array([-math.sin(radians), math.cos(radians)]) * height / 2
    middle = np.array(center)
    return np.stack(
        [middle - along - across, middle + along - across, middle + along + across, middle - along + across]
    )


def draw(probability: NDArray[np.uint8], corners: NDArray[np.float64], value: int = 230) -> None:
    cv2.fillPoly(probability, [np.rint(corners).astype(np.int32)], value)


def grown(center: tuple[float, float], length: float, height: float, degrees: float) -> NDArray[np.float64]:
    distance = length * height * UNCLIP_RATIO / (2 * (length + height))
    return rectangle(center, length + 2 * distance, height + 2 * distance, degrees)


@settings(max_examples=150, deadline=None)
@given(
    length=st.floats(60, 200),
    height=st.floats(12, 32),
    tilt=st.floats(-35, 35),
    runs_down=st.booleans(),
    center=st.tuples(st.floats(200, 440), st.floats(180, 300)),
)
def test_a_drawn_line_comes_back_grown_and_in_order(
    length: float, height: float, tilt: float, runs_down: bool, center: tuple[float, float]
) -> None:
    degrees = tilt + (90 if runs_down else 0)
    # Within this range a box is clearly wider than high, or clearly higher than wide.
    assume(length / height >= 2.5)
    probability = empty_map()
    draw(probability, rectangle(center, length, height, degrees))
    boxes = find_text_boxes(probability)
    assert len(boxes) == 1
    # Dilation makes a region larger by a pixel up and left, before its box is measured.
    wider = abs(math.cos(math.radians(degrees))) + abs(math.sin(math.radians(degrees)))
    middle = (center[0] - 0.5, center[1] - 0.5)
    distances = np.linalg.norm(boxes.quads[0] - grown(middle, length + wider, height + wider, degrees), axis=1)
    assert distances.max() <= TOLERANCE_PX
    drawn = length * height / ((length + wider) * (height + wider))
    assert DRAWN_OF_BOX * drawn * 230 / 255 < boxes.scores[0] <= 230 / 255 + 0.01


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.integers(60, 500), min_size=1, max_size=10))
def test_every_line_of_a_column_is_found_once(rows: list[int]) -> None:
    probability = empty_map()
    for index, width in enumerate(rows):
        probability[20 + 45 * index : 34 + 45 * index, 50 : 50 + width] = 200
    boxes = find_text_boxes(probability)
    assert sorted(boxes.quads[:, 0, 1]) == pytest.approx([20 + 45 * i - 11 for i in range(len(rows))], abs=3)
    assert np.all(boxes.lengths_px > boxes.heights_px)


def test_faint_and_tiny_regions_are_not_text() -> None:
    probability = empty_map()
    probability[100:120, 100:300] = 100  # above the binary threshold, below the box threshold
    probability[200:201, 100:102] = 255
    boxes = find_text_boxes(probability)
    assert len(boxes) == 0
    assert boxes.doubtful_share == 1.0
    probability[300:320, 100:300] = 230
    assert 0.1 < find_text_boxes(probability).doubtful_share < 0.5


def test_an_empty_map_has_no_boxes() -> None:
    boxes = find_text_boxes(empty_map())
    assert len(boxes) == 0
    assert boxes.quads.shape == (0, 4, 2)


@settings(max_examples=50, deadline=None)
@given(noise=st.integers(0, 2**32 - 1), share=st.floats(0.0, 1.0))
def test_noise_gives_finite_boxes_in_bounded_number(noise: int, share: float) -> None:
    random = np.random.default_rng(noise)
    probability = (random.random((96, 128)) < share).astype(np.uint8) * random.integers(
        0, 256, (96, 128), dtype=np.uint8
    )
    boxes = find_text_boxes(probability)
    assert len(boxes) <= 1000
    assert np.isfinite(boxes.quads).all()
    assert ((boxes.scores >= 0) & (boxes.scores <= 1)).all()
    # Clockwise with y down: the cross product of the first two edges is positive.
    first, second = boxes.quads[:, 1] - boxes.quads[:, 0], boxes.quads[:, 2] - boxes.quads[:, 1]
    assert (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] > 0).all()


def test_selecting_keeps_quads_and_scores_together() -> None:
    boxes = TextBoxes(
        quads=np.arange(24, dtype=np.float32).reshape(3, 4, 2), scores=np.array([0.1, 0.2, 0.3], dtype=np.float32)
    )
    chosen = boxes.select(np.array([2, 0]))
    assert chosen.scores.tolist() == pytest.approx([0.3, 0.1])
    assert chosen.quads[0, 0].tolist() == [16, 17]


def test_a_page_of_two_thousand_cells_keeps_its_top() -> None:
    probability = np.zeros((1472, 1056), dtype=np.uint8)
    for top in range(8, 1460, 24):
        for left in range(8, 1040, 32):
            probability[top : top + 10, left : left + 22] = 230
    boxes = find_text_boxes(probability)
    assert len(boxes) == len(range(8, 1460, 24)) * len(range(8, 1040, 32)) > 1_500
    assert boxes.quads[:, :, 1].min() < 10
    assert boxes.left_out == 0


def test_what_is_left_out_of_an_overfull_page_is_counted_and_least_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preprocess_svc.text_boxes.MAX_BOXES", 3)
    probability = empty_map()
    for index, value in enumerate((150, 250, 200, 240, 160)):
        draw(probability, rectangle((300, 60 + 80 * index), 200, 24, 0), value)
    boxes = find_text_boxes(probability)
    assert boxes.left_out == 2
    middles = boxes.quads[:, :, 1].mean(axis=1)
    assert sorted(round(float(middle) / 80 - 0.75) for middle in middles) == [1, 2, 3]


def test_specks_do_not_push_lines_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preprocess_svc.text_boxes.MAX_REGIONS", 10)
    probability = empty_map()
    draw(probability, rectangle((300, 60), 200, 24, 0))
    probability[200:460:8, 8:600:8] = 255
    boxes = find_text_boxes(probability)
    assert len(boxes) == 1
    assert boxes.left_out > 0
