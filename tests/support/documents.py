"""Small documents with known text, made where they are needed."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont


def text_image(lines: Sequence[str], *, width_px: int = 640, line_height_px: int = 60) -> Image.Image:
    """White paper with black lines of Latin text, in the font that Pillow carries."""
    image = Image.new("RGB", (width_px, line_height_px * (len(lines) + 1)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=32)
    for row, line in enumerate(lines):
        draw.text((30, line_height_px // 2 + row * line_height_px), line, fill="black", font=font)
    return image


def png(*lines: str) -> bytes:
    """One page as PNG."""
    return _saved(text_image(lines), "PNG")


def pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF whose pages are images."""
    first, *others = (text_image(lines) for lines in pages)
    return _saved(first, "PDF", save_all=True, append_images=others, resolution=100.0)


def blank_png(width_px: int, height_px: int) -> bytes:
    """A large picture in few bytes."""
    return _saved(Image.new("1", (width_px, height_px), 1), "PNG")


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
