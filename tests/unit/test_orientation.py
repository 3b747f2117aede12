"""What the shape of boxes and lines says of how a page stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.geometry import Quad, turn_quad
from ocr_core.contracts.reading import LineReading
from preprocess_svc.orientation import looks_sideways, reversed_boxes, runs_down, skew_deg, turned
from preprocess_svc.recognition import CropReading
from preprocess_svc.text_boxes import TextBoxes
from preprocess_svc.vertical_script import upright_characters


def boxes_of(*sizes: tuple[float, float]) -> TextBoxes:
    """Boxes of (width, height) on the page; a tall one is read downwards, as the detector takes it."""
    quads = []
    for width, height in sizes:
        corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
        quads.append(corners[1:] + corners[:1] if height >= 1.5 * width else corners)
    return TextBoxes(quads=np.array(quads, np.float32).reshape(-1, 4, 2), scores=np.ones(len(sizes), np.float32))


def line_at(degrees: float, length: float = 400, height: float = 30) -> LineReading:
    radians = math.radians(degrees)
    ax, ay = math.cos(radians) * length, math.sin(radians) * length
    dx, dy = -math.sin(radians) * height, math.cos(radians) * height
    quad: Quad = ((50.0, 50.0), (50 + ax, 50 + ay), (50 + ax + dx, 50 + ay + dy), (50 + dx, 50 + dy))
    steps = 40
    return LineReading(
        quad=quad,
        class_ids=np.ones(steps, np.uint16),
        probabilities=np.ones(steps, np.float32),
        timestep_px=length / steps,
        detection_confidence=0.9,
    )


def test_a_page_is_on_its_side_where_most_text_runs_down() -> None:
    assert looks_sideways(boxes_of((30, 300), (30, 500), (200, 30)))
    assert not looks_sideways(boxes_of((300, 30), (500, 30), (30, 200)))


def test_square_boxes_say_nothing() -> None:
    assert not looks_sideways(boxes_of((30, 35), (30, 30)))
    assert looks_sideways(boxes_of((30, 35), (200, 210), (20, 120)))
    assert not looks_sideways(boxes_of())


def test_reversing_twice_changes_nothing() -> None:
    boxes = boxes_of((300, 30), (30, 200))
    assert np.array_equal(reversed_boxes(reversed_boxes(boxes)).quads, boxes.quads)
    assert runs_down(boxes).tolist() == [False, True]


@given(skew=st.floats(-5, 5), others=st.lists(st.floats(-40, 40), max_size=2))
def test_skew_is_that_of_the_most_text(skew: float, others: list[float]) -> None:
    lines = [line_at(skew, length=500) for _ in range(4)] + [line_at(other, length=120) for other in others]
    assert skew_deg(lines) == pytest.approx(skew, abs=0.01)


def test_short_and_upright_lines_say_nothing_of_skew() -> None:
    assert skew_deg([line_at(3, length=40), line_at(88)]) == 0.0
    assert skew_deg([]) == 0.0


def test_a_few_short_lines_that_do_not_agree_tell_no_direction() -> None:
    assert skew_deg([line_at(2.3, length=140), line_at(0.7, length=260), line_at(1.7, length=170)]) == 0.0
    assert skew_deg([line_at(2.0, length=140), line_at(2.4, length=260)]) == pytest.approx(2.4, abs=0.01)


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_pixels_turn_as_quads_do(rotation_deg: int) -> None:
    page = np.zeros((60, 100, 3), np.uint8)
    page[10:20, 30:70] = 255
    quad: Quad = ((30.0, 10.0), (70.0, 10.0), (70.0, 20.0), (30.0, 20.0))
    moved = turn_quad(quad, rotation_deg=rotation_deg, width_px=100, height_px=60)
    rows, columns = np.nonzero(turned(page, rotation_deg)[..., 0])
    assert min(x for x, _ in moved) == columns.min()
    assert max(x for x, _ in moved) == columns.max() + 1
    assert min(y for _, y in moved) == rows.min()
    assert max(y for _, y in moved) == rows.max() + 1


def reading_with_characters_at(*timesteps: int, total: int = 60) -> CropReading:
    ids = np.zeros(total, np.uint16)
    ids[list(timesteps)] = np.arange(1, len(timesteps) + 1)
    return CropReading(class_ids=ids, probabilities=np.ones(total, np.float32))


def test_characters_are_turned_one_by_one() -> None:
    crop = np.full((48, 480, 3), 255, np.uint8)
    crop[4:8] = 0  # along the top of every character: to its right once it is turned
    stood = upright_characters(crop, reading_with_characters_at(3, 8, 13, 18, 23))
    assert stood is not None
    assert stood.shape == (48, 5 * 48, 3)
    for index in range(5):
        character = stood[:, 48 * index : 48 * (index + 1), 0]
        assert character[:, 40:44].mean() < 30
        assert character[:, :36].mean() > 225


def test_narrow_or_few_characters_are_no_vertical_script() -> None:
    crop = np.full((48, 480, 3), 255, np.uint8)
    assert upright_characters(crop, reading_with_characters_at(3, 8, 13)) is None
    assert upright_characters(crop, reading_with_characters_at(*range(3, 30))) is None
