"""Crops come out upright whichever way the line runs, and batches hold each of them once."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ocr_core.contracts.reading_codec import MAX_TIMESTEPS_PER_LINE
from ocr_core.contracts.tensors import (
    RECOGNITION_HEIGHT_PX,
    RECOGNITION_PAD_VALUE,
    RECOGNITION_STRIDE_PX,
    RECOGNITION_WIDTHS_PX,
    TEXT_RECOGNITION,
)
from preprocess_svc.crops import batch_crops, crop_widths_px, cut_line, cut_lines, split_wide

LINE_WIDTH_PX = 400


@pytest.fixture(scope="module")
def line_image() -> NDArray[np.uint8]:
    """(48, 400, 3) a line of text that looks like no other way up."""
    image = Image.new("RGB", (LINE_WIDTH_PX, RECOGNITION_HEIGHT_PX), (250, 240, 225))
    ImageDraw.Draw(image).text((12, 6), "FLAG 7142 upright", fill=(20, 30, 90), font=ImageFont.load_default(size=32))
    return np.array(image)


def placed(
    line: NDArray[np.uint8], degrees: float, magnification: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A page with the line turned clockwise about the page's middle, and the quad around it."""
    side = int(700 * max(1.0, magnification))
    height, width = line.shape[:2]
    radians = math.radians(degrees)
    along = np.array([math.cos(radians), math.sin(radians)]) * magnification
    across = np.array([-along[1], along[0]])
    origin = np.array([side / 2, side / 2]) - along * width / 2 - across * height / 2
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    quad = (origin + corners[:, :1] * along + corners[:, 1:] * across).astype(np.float32)
    source = corners[[0, 1, 3]].astype(np.float32) - 0.5
    transform = cv2.getAffineTransform(source, quad[[0, 1, 3]] - 0.5)
    page = cv2.warpAffine(line, transform, (side, side), flags=cv2.INTER_CUBIC, borderValue=(250, 240, 225))
    return np.asarray(page, dtype=np.uint8), quad


def likeness(crop: NDArray[np.uint8], line: NDArray[np.uint8]) -> float:
    """Correlation of two images of the same size."""
    return float(np.corrcoef(crop.reshape(-1), line.reshape(-1))[0, 1])


@settings(max_examples=80, deadline=None)
@given(
    quarter=st.sampled_from([0, 90, 180, 270]),
    tilt=st.one_of(st.just(0.0), st.floats(-30, 30)),
    magnification=st.floats(0.8, 3.5),
)
def test_a_crop_is_upright_whichever_way_its_line_runs(
    line_image: NDArray[np.uint8], quarter: int, tilt: float, magnification: float
) -> None:
    page, quad = placed(line_image, quarter + tilt, magnification)
    width = int(crop_widths_px(quad[None])[0])
    assert width == LINE_WIDTH_PX
    assert likeness(cut_line(page, quad, width), line_image) > 0.9


@pytest.mark.parametrize("offset", [(-900, 0), (0, -900), (300, 300), (-340, -20)])
def test_what_sticks_out_of_the_page_repeats_its_edge(line_image: NDArray[np.uint8], offset: tuple[int, int]) -> None:
    page, quad = placed(line_image, 0, 1.0)
    for shifted in (quad + np.array(offset, np.float32), placed(line_image, 7, 1.0)[1] + np.array(offset, np.float32)):
        crop = cut_line(page, shifted.astype(np.float32), LINE_WIDTH_PX)
        assert crop.shape == (RECOGNITION_HEIGHT_PX, LINE_WIDTH_PX, 3)


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-50, 250), st.floats(-50, 250)), min_size=2, max_size=2),
    height=st.floats(0.5, 120),
)
def test_any_rectangle_gives_a_crop(points: list[tuple[float, float]], height: float) -> None:
    page = np.full((200, 200, 3), 200, np.uint8)
    start, end = np.array(points, np.float32)
    along = end - start
    length = max(float(np.hypot(*along)), 1e-3)
    across = np.array([-along[1], along[0]]) / length * height
    quad = np.array([start, end, end + across, start + across], np.float32)
    (crop,) = cut_lines(page, quad[None])
    assert crop.shape[0] == RECOGNITION_HEIGHT_PX
    assert crop.shape[1] >= RECOGNITION_STRIDE_PX
    assert np.abs(crop.astype(int) - 200).max() <= 1


@settings(max_examples=60, deadline=None)
@given(widths=st.lists(st.integers(8, 9000), min_size=1, max_size=40))
def test_batches_hold_every_column_of_every_crop_once(widths: list[int]) -> None:
    random = np.random.default_rng(sum(widths))
    crops = [random.integers(0, 100, (RECOGNITION_HEIGHT_PX, width, 3), dtype=np.uint8) for width in widths]
    batches = batch_crops(crops)
    found: dict[int, list[tuple[int, NDArray[np.uint8]]]] = {}
    for batch in batches:
        assert batch.crops.shape[2] in RECOGNITION_WIDTHS_PX
        assert len(batch.rows) == len(batch.crops) <= TEXT_RECOGNITION.max_batch_size
        for row, crop in zip(batch.rows, batch.crops, strict=True):
            assert 0 < row.timesteps * RECOGNITION_STRIDE_PX < batch.crops.shape[2] + RECOGNITION_STRIDE_PX
            assert (crop[:, row.timesteps * RECOGNITION_STRIDE_PX :] == RECOGNITION_PAD_VALUE).all()
            found.setdefault(row.line, []).append((row.part, crop))
    assert sorted(found) == list(range(len(crops)))
    for line, parts in found.items():
        cut = split_wide(crops[line])
        assert sorted(part for part, _ in parts) == list(range(len(cut)))
        for part, crop in parts:
            assert np.array_equal(crop[:, : cut[part].shape[1]], cut[part])
    class_widths = [batch.crops.shape[2] for batch in batches]
    assert class_widths == sorted(class_widths, reverse=True)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(RECOGNITION_WIDTHS_PX[-1] + 1, 20_000), seed=st.integers(0, 99))
def test_a_line_wider_than_any_class_is_cut_on_timesteps(width: int, seed: int) -> None:
    crop = np.random.default_rng(seed).integers(0, 256, (RECOGNITION_HEIGHT_PX, width, 3), dtype=np.uint8)
    parts = split_wide(crop)
    assert np.array_equal(np.concatenate(parts, axis=1), crop)
    assert all(0 < part.shape[1] <= RECOGNITION_WIDTHS_PX[-1] for part in parts)
    assert all(part.shape[1] % RECOGNITION_STRIDE_PX == 0 for part in parts[:-1])


def test_a_wide_line_is_cut_between_words_not_through_them() -> None:
    crop = np.full((RECOGNITION_HEIGHT_PX, 4000, 3), 255, np.uint8)
    word, gap = 160, 48
    for left in range(0, 4000, word + gap):
        crop[10:38, left : left + word] = 0
    first, *_ = split_wide(crop)
    assert (first[:, -1] == 255).all()
    assert (crop[:, first.shape[1]] == 255).all()


def test_an_endless_line_is_squeezed_into_what_a_reading_holds() -> None:
    ribbon = np.array([[[0, 0], [32_767, 0], [32_767, 12], [0, 12]]], dtype=np.float32)
    assert crop_widths_px(ribbon).tolist() == [MAX_TIMESTEPS_PER_LINE * RECOGNITION_STRIDE_PX]
