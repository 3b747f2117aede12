"""A page that has seen life: folds, a stain, faded print, a stamp over the text, skew, a bad JPEG."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from evaluation.generator.damage.page import DamagedPage, Pixels, as_pixels, grey, noisy, rotated, smooth_field


def heavy(page: Pixels, draw: np.random.Generator) -> DamagedPage:
    """Two or three of the accidents, then a turn of up to five degrees, blur and strong JPEG."""
    is_thermal = page.shape[1] < 0.62 * page.shape[0]
    accidents: list[Callable[[Pixels, np.random.Generator], Pixels]] = [_folded, _stained, _stamped, _faded, _creased]
    weights = np.asarray([2, 1, 1, 4, 2] if is_thermal else [3, 2, 3, 1, 2], np.float64)
    chosen = draw.choice(len(accidents), size=int(draw.integers(2, 4)), replace=False, p=weights / weights.sum())
    image = page
    for place in sorted(int(choice) for choice in chosen):
        image = accidents[place](image, draw)
    angle = draw.uniform(1.0, 5.0) * (1 if draw.random() < 0.5 else -1)
    image, homography = rotated(image, angle, background=(236, 236, 232))
    if draw.random() < 0.4:
        image = grey(image)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), draw.uniform(0.6, 1.1)), np.uint8)
    image = noisy(image, draw, draw.uniform(4, 10))
    return DamagedPage(pixels=image, homography=homography, suffix=".jpg", jpeg_quality=int(draw.integers(28, 50)))


def _folded(page: Pixels, draw: np.random.Generator) -> Pixels:
    """A letter's folds: a dark and a bright line beside each other, the panels lit differently."""
    height, width = page.shape[:2]
    light = np.ones((height, width), np.float32)
    for share in (1 / 3, 2 / 3) if draw.random() < 0.6 else (0.5,):
        fold = height * (share + draw.uniform(-0.03, 0.03)) + np.linspace(0, draw.uniform(-8, 8), width)
        distance = (np.arange(height)[:, None] - fold[None, :]).astype(np.float32)
        light -= 0.3 * np.exp(-((distance / 2.5) ** 2))
        light += 0.08 * np.exp(-(((distance - 7) / 5) ** 2))
        light -= np.where(distance > 0, 0.06 * np.exp(-distance / (0.2 * height)), 0).astype(np.float32)
    return as_pixels(page.astype(np.float32) * light[:, :, None])


def _stained(page: Pixels, draw: np.random.Generator) -> Pixels:
    """A cup's ring of coffee, or two, and a splash."""
    height, width = page.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    strength = np.zeros((height, width), np.float32)
    for _ in range(int(draw.integers(1, 3))):
        x, y = draw.uniform(0.1, 0.9) * width, draw.uniform(0.1, 0.9) * height
        radius = draw.uniform(0.12, 0.2) * min(width, height)
        distance = np.hypot(columns - x, rows - y)
        strength += 0.55 * np.exp(-(((distance - radius) / (0.05 * radius)) ** 2)).astype(np.float32)
        strength += np.where(distance < radius, 0.14, 0).astype(np.float32)
    strength *= 0.6 + 0.4 * smooth_field(draw, height, width, cells=9)
    brown = np.asarray([150, 105, 60], np.float32) / 255
    factor = 1 - strength[:, :, None] * (1 - brown)
    return as_pixels(page.astype(np.float32) * factor)


def _stamped(page: Pixels, draw: np.random.Generator) -> Pixels:
    """A receiving office's stamp over whatever stands there: a double ring and a bar, in thin red or blue."""
    height, width = page.shape[:2]
    layer = np.zeros((height, width), np.uint8)
    for _ in range(int(draw.integers(1, 3))):
        x, y = int(draw.uniform(0.2, 0.8) * width), int(draw.uniform(0.15, 0.85) * height)
        radius = int(draw.uniform(0.06, 0.09) * min(width, height))
        cv2.circle(layer, (x, y), radius, 255, max(2, radius // 16), cv2.LINE_AA)
        for shift in (-radius // 3, radius // 3):
            half = int((radius**2 - shift**2) ** 0.5)
            cv2.line(layer, (x - half, y + shift), (x + half, y + shift), 255, max(2, radius // 20), cv2.LINE_AA)
        text = f"{draw.integers(23, 28)}.{draw.integers(1, 13)}.{draw.integers(1, 29)}"
        scale = radius / 52
        (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
        origin = (x - text_width // 2, y + text_height // 2)
        cv2.putText(layer, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 2, cv2.LINE_AA)
    colour = np.asarray([200, 40, 40] if draw.random() < 0.7 else [40, 50, 170], np.float32) / 255
    strength = (layer.astype(np.float32) / 255 * draw.uniform(0.45, 0.7))[:, :, None]
    return as_pixels(page.astype(np.float32) * (1 - strength * (1 - colour)))


def _faded(page: Pixels, draw: np.random.Generator) -> Pixels:
    """Print that has lost its black, unevenly, and in stripes as a worn thermal head leaves them."""
    height, width = page.shape[:2]
    loss = draw.uniform(0.25, 0.4) + draw.uniform(0.1, 0.25) * smooth_field(draw, height, width, cells=4)
    stripes = np.repeat(draw.random(width // 12 + 1, np.float32), 12)[:width]
    loss = np.clip(loss + np.where(stripes > 0.93, 0.12, 0)[None, :], 0, 0.72).astype(np.float32)[:, :, None]
    return as_pixels(page.astype(np.float32) * (1 - loss) + 246 * loss)


def _creased(page: Pixels, draw: np.random.Generator) -> Pixels:
    """Thin creases across the sheet, some of the ink rubbed off along them."""
    height, width = page.shape[:2]
    layer = np.zeros((height, width), np.float32)
    for _ in range(int(draw.integers(3, 7))):
        start = (int(draw.uniform(0, width)), int(draw.uniform(0, height)))
        end = (int(draw.uniform(0, width)), int(draw.uniform(0, height)))
        cv2.line(layer, start, end, float(draw.uniform(0.15, 0.4)), 2, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(layer, (0, 0), 1.2), np.float32)[:, :, None]
    # Towards a light grey: black ink gets lighter, white paper darker.
    target = np.float32(190)
    return as_pixels(page.astype(np.float32) * (1 - soft) + target * soft)
