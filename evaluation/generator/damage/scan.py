"""An office scanner: a little skew, grey or colour, some noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from evaluation.generator.damage.page import DamagedPage, Pixels, as_pixels, grey, lit, noisy, rotated, smooth_field


def scan(page: Pixels, draw: np.random.Generator) -> DamagedPage:
    """The page through a flat-bed or sheet-feed scanner."""
    image, homography = rotated(page, draw.uniform(-1.2, 1.2))
    if draw.random() < 0.6:
        image = grey(image)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), draw.uniform(0.4, 0.8)), np.uint8)
    height, width = image.shape[:2]
    light = 1 - 0.06 * smooth_field(draw, height, width, cells=3)
    # Scanners pull the paper's white up and make the ink a little lighter.
    image = noisy(lit(image, light), draw, draw.uniform(2, 6))
    image = as_pixels(image.astype(np.float32) * 0.9 + draw.uniform(10, 24))
    return DamagedPage(pixels=image, homography=homography, suffix=".jpg", jpeg_quality=int(draw.integers(55, 85)))
