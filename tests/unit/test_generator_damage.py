from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.generator.damage import CLEAN, LEVELS

A4_PX = (1170, 827)
ROLL_PX = (1000, 500)


def page_with_words(height: int, width: int) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, int]]]:
    """A white page with words on a grid, and their boxes: left, top, right, bottom."""
    page = np.full((height, width, 3), 255, np.uint8)
    boxes = []
    for top in range(60, height - 80, 120):
        for left in range(40, width - 160, 160):
            cv2.putText(page, "12345", (left, top + 28), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (0, 0, 0), 3, cv2.LINE_AA)
            boxes.append((left, top, left + 110, top + 34))
    return page, boxes


@pytest.mark.parametrize("size", [A4_PX, ROLL_PX])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_ink_is_where_the_homography_says(level: str, size: tuple[int, int], seed: int) -> None:
    page, boxes = page_with_words(*size)
    damaged = LEVELS[level](page, np.random.default_rng(seed))
    grey = cv2.cvtColor(damaged.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    for box in boxes:
        inside, around = _mean_inside(grey, box, damaged.homography), _mean_around(grey, box, damaged.homography)
        assert inside < around - 12, f"{level}: no ink in {box}"


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_chance_makes_the_same_image(level: str) -> None:
    page, _ = page_with_words(*ROLL_PX)
    images = [LEVELS[level](page, np.random.default_rng((7, seed))).pixels for seed in (1, 1, 2)]
    assert np.array_equal(images[0], images[1])
    if level != CLEAN:
        assert images[0].shape != images[2].shape or not np.array_equal(images[0], images[2])


def test_a_fax_is_black_and_white() -> None:
    page, _ = page_with_words(*A4_PX)
    assert set(np.unique(LEVELS["fax"](page, np.random.default_rng(1)).pixels)) == {0, 255}


def _corners(box: tuple[float, float, float, float], homography: NDArray[np.float64]) -> NDArray[np.int32]:
    left, top, right, bottom = box
    corners = np.asarray([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float64)
    return np.round(cv2.perspectiveTransform(corners, homography)).astype(np.int32)


def _mean_inside(
    grey: NDArray[np.float32], box: tuple[float, float, float, float], homography: NDArray[np.float64]
) -> float:
    mask = cv2.fillPoly(np.zeros(grey.shape, np.uint8), _corners(box, homography), 1)
    return float(grey[mask > 0].mean())


def _mean_around(
    grey: NDArray[np.float32], box: tuple[float, float, float, float], homography: NDArray[np.float64]
) -> float:
    """The paper above and below the word, as wide as the word."""
    left, top, right, bottom = box
    strips = [(left, top - 30, right, top - 12), (left, bottom + 12, right, bottom + 30)]
    return float(np.median([_mean_inside(grey, strip, homography) for strip in strips]))
