"""A page that has been damaged, and the geometry that all levels share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Field: TypeAlias = NDArray[np.float32]
"""(H, W) float32, a factor or an offset a pixel."""
Homography: TypeAlias = NDArray[np.float64]
"""(3, 3) float64, from one image's pixels to another's."""
Colour: TypeAlias = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedPage:
    """The image, and (3, 3) float64 from the undamaged page's pixels to its own."""

    pixels: Pixels
    homography: Homography
    suffix: str
    """The file format that such an image comes in, as a file name's ending."""
    jpeg_quality: int = 95


def rotated(page: Pixels, degrees: float, *, background: Colour = WHITE) -> tuple[Pixels, Homography]:
    """The page turned about its middle, anticlockwise, on a sheet large enough to keep its corners."""
    height, width = page.shape[:2]
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0), [0, 0, 1]])
    return warped(page, matrix, background=background)


def warped(page: Pixels, matrix: Homography, *, background: Colour = WHITE) -> tuple[Pixels, Homography]:
    """The page under a homography, moved so that all of it is in the image."""
    height, width = page.shape[:2]
    corners = np.asarray([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    moved = cv2.perspectiveTransform(corners, matrix)[0]
    low = moved.min(axis=0)
    size = np.ceil(moved.max(axis=0) - low).astype(int)
    shift = np.asarray([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], np.float64)
    full = shift @ matrix
    image = cv2.warpPerspective(
        page, full, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR, borderValue=background
    )
    return np.asarray(image, np.uint8), full


def as_pixels(values: NDArray[np.floating[Any]]) -> Pixels:
    """(H, W, 3) floats cut to 0-255 and made uint8."""
    return np.asarray(np.clip(values, 0, 255).astype(np.uint8), np.uint8)


def lit(page: Pixels, light: Field) -> Pixels:
    """The page with each pixel's brightness multiplied by (H, W) factors."""
    return as_pixels(page.astype(np.float32) * light[:, :, None])


def noisy(page: Pixels, draw: np.random.Generator, sigma: float) -> Pixels:
    """The page with Gaussian noise, the same on all channels."""
    height, width = page.shape[:2]
    noise = draw.standard_normal((height, width), np.float32) * np.float32(sigma)
    return as_pixels(page.astype(np.float32) + noise[:, :, None])


def smooth_field(draw: np.random.Generator, height: int, width: int, *, cells: int) -> Field:
    """(H, W) float32 in 0-1 that changes slowly: ``cells`` random values along each side, interpolated."""
    coarse = draw.random((cells, cells), np.float32)
    grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(grown, 0, 1), np.float32)


def grey(page: Pixels) -> Pixels:
    """The page without colour, still with three channels."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
