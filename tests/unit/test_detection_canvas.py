"""Fitting pages onto canvases: nothing is lost on the way there, and positions survive the way back."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ocr_core.contracts.tensors import DETECTION_SHAPES
from preprocess_svc.canvas import (
    MAX_AREA_PX,
    PAD_VALUE,
    SHRINK_TOLERANCE,
    TILE_OVERLAP_PX,
    CanvasPlan,
    lay_out,
    plan_canvas,
    stitch,
)
from preprocess_svc.detection import (
    DOUBTFUL_SHARE,
    FIRST_AREA_PX,
    MAX_MAGNIFICATION,
    SMALL_TEXT_PX,
    first_scale,
    second_scale,
)
from preprocess_svc.text_boxes import TextBoxes

sides = st.integers(1, 3000)


@settings(max_examples=300, deadline=None)
@given(height=sides, width=sides, scale=st.floats(0.2, 2.0))
def test_a_plan_covers_the_page_and_shrinks_it_little(height: int, width: int, scale: float) -> None:
    # The finest look has 2.7 million pixels; far beyond that the cost is what counts.
    assume(height * width * scale**2 <= 4_000_000)
    plan = plan_canvas(height, width, scale)
    assert (plan.canvas_height_px, plan.canvas_width_px) in DETECTION_SHAPES
    rows, columns = np.zeros(plan.scaled_height_px, bool), np.zeros(plan.scaled_width_px, bool)
    for top, left in plan.tile_offsets_px:
        assert 0 <= top < plan.scaled_height_px
        assert 0 <= left < plan.scaled_width_px
        rows[top : top + plan.canvas_height_px] = True
        columns[left : left + plan.canvas_width_px] = True
    assert rows.all()
    assert columns.all()
    assert scale * (1 - SHRINK_TOLERANCE) * height - 1 <= plan.scaled_height_px <= scale * height + 1


@settings(max_examples=200, deadline=None)
@given(height=st.integers(1, 20_000), width=st.integers(1, 3000), scale=st.floats(0.2, 1.0))
def test_neighbouring_tiles_overlap_by_at_least_the_margin(height: int, width: int, scale: float) -> None:
    plan = plan_canvas(height, width, scale)
    tops = sorted({top for top, _ in plan.tile_offsets_px})
    for upper, lower in itertools.pairwise(tops):
        assert upper + plan.canvas_height_px - lower >= TILE_OVERLAP_PX - 1


@settings(max_examples=25, deadline=None)
@given(height=st.integers(40, 2500), width=st.integers(40, 900), scale=st.floats(0.4, 1.5), seed=st.integers(0, 99))
def test_stitching_what_was_laid_out_gives_the_scaled_page(height: int, width: int, scale: float, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (-(-height // 16), -(-width // 16), 1), dtype=np.uint8)
    page = np.repeat(np.kron(noise, np.ones((16, 16, 1), np.uint8))[:height, :width], 3, axis=2)
    plan = plan_canvas(height, width, scale)
    tiles = lay_out(page, plan)
    assert all(tile.shape == (plan.canvas_height_px, plan.canvas_width_px, 3) for tile in tiles)
    whole = stitch([tile[..., 0] for tile in tiles], plan)
    assert whole.shape == (plan.scaled_height_px, plan.scaled_width_px)
    for (top, left), tile in zip(plan.tile_offsets_px, tiles, strict=True):
        shared = whole[top : top + plan.canvas_height_px, left : left + plan.canvas_width_px]
        assert np.array_equal(shared, tile[: shared.shape[0], : shared.shape[1], 0])
        assert (tile[shared.shape[0] :] == PAD_VALUE).all()
        assert (tile[:, shared.shape[1] :] == PAD_VALUE).all()


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(200, 4000),
    width=st.integers(200, 1500),
    at=st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)),
    scale=st.floats(0.3, 1.2),
)
def test_a_mark_is_mapped_back_to_where_it_was(height: int, width: int, at: tuple[float, float], scale: float) -> None:
    page = np.zeros((height, width, 3), np.uint8)
    y, x = int(at[0] * (height - 24)), int(at[1] * (width - 24))
    page[y : y + 24, x : x + 24] = 255
    plan = plan_canvas(height, width, scale)
    found_y, found_x = np.nonzero(stitch([tile[..., 0] for tile in lay_out(page, plan)], plan) > 127)
    assert (found_y.mean() + 0.5) / plan.scale_y == pytest.approx(y + 12, abs=1 + 1 / plan.scale_y)
    assert (found_x.mean() + 0.5) / plan.scale_x == pytest.approx(x + 12, abs=1 + 1 / plan.scale_x)


@pytest.mark.parametrize(
    ("height", "width", "canvas"),
    [
        (2339, 1654, (1088, 768)),  # A4
        (1654, 2339, (768, 1088)),
        (2200, 1700, (1024, 800)),  # Letter
        (1841, 936, (1312, 640)),  # a receipt
        (7016, 4961, (1088, 768)),  # A4 at 600 dpi
    ],
)
def test_ordinary_pages_take_one_canvas(height: int, width: int, canvas: tuple[int, int]) -> None:
    plan = plan_canvas(height, width, first_scale(height, width))
    assert (plan.canvas_height_px, plan.canvas_width_px) == canvas
    assert len(plan.tile_offsets_px) == 1
    assert plan.area_px <= 1.01 * FIRST_AREA_PX


def test_a_long_strip_is_tiled_before_its_text_shrinks_to_nothing() -> None:
    plan = plan_canvas(9000, 690, first_scale(9000, 690))
    assert len(plan.tile_offsets_px) > 1
    assert plan.scale_y > 0.5


def test_small_images_are_scaled_up_within_reason() -> None:
    assert first_scale(700, 500) > 1.3
    assert first_scale(40, 120) == MAX_MAGNIFICATION


def boxes_of_height(height_px: float, plan: CanvasPlan) -> TextBoxes:
    """Twenty lines, ``height_px`` high on the canvas."""
    page_height = height_px / plan.scale_y
    quad = np.array([[0, 0], [300, 0], [300, page_height], [0, page_height]], np.float32)
    return TextBoxes(quads=np.tile(quad, (20, 1, 1)), scores=np.ones(20, np.float32))


def test_only_small_print_is_looked_at_twice() -> None:
    plan = plan_canvas(2339, 1654, first_scale(2339, 1654))
    assert second_scale(boxes_of_height(SMALL_TEXT_PX + 1, plan), plan) is None
    larger = second_scale(boxes_of_height(SMALL_TEXT_PX - 1, plan), plan)
    assert larger is not None
    assert larger > 1.5 * plan.scale_y
    some = boxes_of_height(SMALL_TEXT_PX + 1, plan)
    assert second_scale(replace(some, doubtful_share=2 * DOUBTFUL_SHARE), plan) == larger
    large = boxes_of_height(2 * SMALL_TEXT_PX, plan)
    assert second_scale(replace(large, doubtful_share=2 * DOUBTFUL_SHARE), plan) is None
    nothing = TextBoxes(quads=np.empty((0, 4, 2), np.float32), scores=np.empty(0, np.float32))
    assert second_scale(nothing, plan) is None


@pytest.mark.parametrize(("height", "width"), [(8, 32_767), (32_767, 8), (40, 32_767)])
def test_a_ribbon_costs_a_bounded_work(height: int, width: int) -> None:
    plan = plan_canvas(height, width, first_scale(height, width))
    assert 0 < plan.area_px <= MAX_AREA_PX
