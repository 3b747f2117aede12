"""A fax: fewer dots, black or white, specks and a lost line here and there."""

from __future__ import annotations

import cv2
import numpy as np

from evaluation.generator.damage.page import DamagedPage, Pixels, rotated

FINE_DPI = 200
RECEIVED_DPI = 150
"""Standard resolution (98 lines an inch) makes small kanji unreadable; what offices keep is nearer to this."""


def fax(page: Pixels, draw: np.random.Generator) -> DamagedPage:
    """The page as it comes out of a fax machine; the image keeps the page's own pixel size."""
    image, homography = rotated(page, draw.uniform(-0.8, 0.8))
    height, width = image.shape[:2]
    share = draw.uniform(RECEIVED_DPI, FINE_DPI) / FINE_DPI
    dots = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    threshold = draw.uniform(150, 190)
    rough = dots.astype(np.float32) + draw.standard_normal(dots.shape, np.float32) * np.float32(draw.uniform(4, 14))
    black = rough < threshold
    specks = draw.random(dots.shape, np.float32)
    black |= specks < draw.uniform(0.0002, 0.001)
    black &= specks < 1 - draw.uniform(0.002, 0.01)
    for row in draw.integers(0, len(black), int(draw.integers(0, 4))):
        black[row, draw.integers(0, black.shape[1]) :] = False
    received = cv2.resize(np.where(black, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    pixels = np.where(received < 128, 0, 255).astype(np.uint8)
    return DamagedPage(pixels=np.repeat(pixels[:, :, None], 3, axis=2), homography=homography, suffix=".png")
