"""Pages with seals pressed over their print: ink that takes light away, as red ink on paper does."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

VERMILION = (214, 62, 48)
DPI = 200
MM = DPI / 25.4
"""Pixels."""

Pixels = NDArray[np.uint8]


def printed_page(
    lines: Sequence[str], *, width_px: int = 1000, height_px: int = 700, size_px: int = 34, left_px: int = 120
) -> Pixels:
    """White paper with black lines of Latin text, 60 px apart, the first at 100."""
    image = Image.new("RGB", (width_px, height_px), "white")
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((left_px, 100 + 60 * row), line, fill="black", font=ImageFont.load_default(size=size_px))
    return np.array(image)


def seal_ink(side_px: int, rows: Sequence[str], *, is_round: bool, frame_px: int, tilt_deg: float = 0.0) -> Image.Image:
    """A seal as an image of its ink, white on black, with room around it to be turned in."""
    room = side_px * 3 // 2
    image = Image.new("L", (room, room), 0)
    draw = ImageDraw.Draw(image)
    edge = (room - side_px) / 2
    box = (edge, edge, room - edge, room - edge)
    if is_round:
        draw.ellipse(box, outline=255, width=frame_px)
    else:
        draw.rectangle(box, outline=255, width=frame_px)
    share = 0.5 if is_round else 0.75
    pitch = side_px * share / len(rows)
    for number, row in enumerate(rows):
        y = room / 2 + (number - (len(rows) - 1) / 2) * pitch
        size = min(pitch * 0.8, side_px * 0.75 / (0.6 * len(row)))
        draw.text((room / 2, y), row, fill=255, font=ImageFont.load_default(size=round(size)), anchor="mm")
    return image.rotate(-tilt_deg, resample=Image.Resampling.BICUBIC)


def stamped(
    page: Pixels,
    centre: tuple[int, int],
    *,
    side_mm: float = 18.0,
    rows: Sequence[str] = ("KRM", "OAB", "LTS"),
    is_round: bool = False,
    frame_mm: float = 0.8,
    tilt_deg: float = 0.0,
    strength: float = 0.85,
    colour: tuple[int, int, int] = VERMILION,
) -> Pixels:
    """The page with a seal pressed onto it.

    Args:
        page: (H, W, 3) uint8 RGB at ``DPI``; it is left alone.
        centre: x, y of the seal's in pixels.
        side_mm: Its side or diameter.
        rows: What stands in it.
        is_round: Or square.
        frame_mm: Thickness of the frame.
        tilt_deg: Clockwise.
        strength: Of the ink, 0 to 1.
        colour: Of the ink on white paper at full strength.
    """
    ink = seal_ink(
        round(side_mm * MM), rows, is_round=is_round, frame_px=max(1, round(frame_mm * MM)), tilt_deg=tilt_deg
    )
    layer = Image.new("L", (page.shape[1], page.shape[0]), 0)
    layer.paste(ink, (centre[0] - ink.width // 2, centre[1] - ink.height // 2))
    covered = np.asarray(layer, np.float32)[:, :, None] / 255 * strength
    passes = 1 - covered * (1 - np.array(colour, np.float32) / 255)
    return np.rint(page * passes).astype(np.uint8)


def photographed(page: Pixels, *, seed: int = 7) -> Pixels:
    """The page under a warm lamp at its left, its right in the shade, with a camera's noise and JPEG."""
    height, width = page.shape[:2]
    x = np.linspace(1.0, 0.5, width, dtype=np.float32)[None, :, None]
    y = np.linspace(1.0, 0.8, height, dtype=np.float32)[:, None, None]
    lit = page.astype(np.float32) * x * y * np.array([0.98, 0.9, 0.78], np.float32)
    noise = np.random.default_rng(seed).normal(0, 3.0, page.shape).astype(np.float32)
    return jpeg(np.clip(lit + noise, 0, 255).astype(np.uint8), quality=70)


def jpeg(page: Pixels, *, quality: int) -> Pixels:
    """The page through JPEG, with its colours at half the resolution."""
    file = io.BytesIO()
    Image.fromarray(page).save(file, "JPEG", quality=quality, subsampling=2)
    return np.array(Image.open(file))
