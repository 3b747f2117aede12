"""A telephone's picture of a page on a desk: perspective, uneven light, a shadow, some blur."""

from __future__ import annotations

import cv2
import numpy as np

from evaluation.generator.damage.page import (
    DamagedPage,
    Field,
    Homography,
    Pixels,
    as_pixels,
    lit,
    noisy,
    smooth_field,
    warped,
)

DESKS = ((96, 72, 52), (60, 60, 64), (150, 128, 100), (40, 44, 52), (120, 120, 118))


def photo(page: Pixels, draw: np.random.Generator) -> DamagedPage:
    """The page from a telephone held by hand."""
    height, width = page.shape[:2]
    desk = DESKS[int(draw.integers(len(DESKS)))]
    border = int(draw.uniform(0.01, 0.05) * min(height, width))
    framed = cv2.copyMakeBorder(page, border, border, border, border, cv2.BORDER_CONSTANT, value=desk)
    moved = np.asarray([[1, 0, border], [0, 1, border], [0, 0, 1]], np.float64)
    matrix = _perspective(framed.shape[1], framed.shape[0], draw)
    image, homography = warped(np.asarray(framed, np.uint8), matrix, background=desk)
    height, width = image.shape[:2]
    light = (0.72 + 0.3 * smooth_field(draw, height, width, cells=3)).astype(np.float32)
    if draw.random() < 0.6:
        light *= _shadow(height, width, draw)
    image = lit(image, light)
    # Lamps are seldom white.
    tint = np.asarray([1.0, draw.uniform(0.94, 1.0), draw.uniform(0.82, 1.0)], np.float32)
    image = as_pixels(image.astype(np.float32) * tint)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), draw.uniform(0.6, 1.2)), np.uint8)
    image = noisy(image, draw, draw.uniform(2, 6))
    return DamagedPage(
        pixels=image, homography=homography @ moved, suffix=".jpg", jpeg_quality=int(draw.integers(60, 88))
    )


def _perspective(width: int, height: int, draw: np.random.Generator) -> Homography:
    """Each corner moved inwards by up to 4 % of its side, and the whole turned by up to 3 degrees."""
    corners = np.asarray([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inwards = np.asarray([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    shifts = draw.uniform(0, 0.04, (4, 2)) * [width, height]
    tilt = cv2.getPerspectiveTransform(corners, (corners + inwards * shifts).astype(np.float32))
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), draw.uniform(-3, 3), 1.0), [0, 0, 1]])
    return np.asarray(turn @ tilt, np.float64)


def _shadow(height: int, width: int, draw: np.random.Generator) -> Field:
    """A hand's or telephone's shadow: a soft edge across the page, down to two thirds of the light."""
    angle = draw.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    along = (columns / width - 0.5) * np.cos(angle) + (rows / height - 0.5) * np.sin(angle)
    edge = draw.uniform(-0.2, 0.3)
    soft = draw.uniform(0.02, 0.12)
    depth = draw.uniform(0.15, 0.35)
    return np.asarray(1 - depth / (1 + np.exp(-(along - edge) / soft)), np.float32)
