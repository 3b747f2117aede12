"""A page with what was read on it: lines in their boxes, numbered in reading order, and the fields named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
from ocr_client import OcrResult
from ocr_client.types import Page
from PIL import Image, ImageDraw, ImageFont

from evaluation.datasets import page_images

LINE_COLOUR = (38, 110, 200)
ORDER_COLOUR = (150, 180, 215)
FIELD_COLOUR = (214, 69, 36)
FIELD_FILL = (255, 214, 92, 90)
LABEL_SHARE = 0.0085
"""Height of the labels as a share of the page's height: legible at half size."""

Points = list[tuple[float, float]]


def annotate(image: Image.Image, page: Page, result: OcrResult) -> Image.Image:
    """Draw one page's lines and fields onto its image, which is upright and of the page's size."""
    canvas = image.convert("RGBA")
    overlay = Image.new("RGBA", canvas.size)
    draw = ImageDraw.Draw(overlay)
    label_px = max(10, round(image.height * LABEL_SHARE))
    # Pillow's own font: labels are digits and the fields' names, so that no font has to be installed.
    font = ImageFont.load_default(label_px)
    width_px = max(1, label_px // 7)
    quads = [_points(line["quad"]) for line in page.get("lines", [])]
    draw.line([_centre(quad) for quad in quads], fill=(*ORDER_COLOUR, 160), width=width_px)
    for number, quad in enumerate(quads, start=1):
        draw.polygon(quad, outline=LINE_COLOUR, width=width_px)
        _label(
            draw, str(number), at=(quad[0][0], quad[0][1] - label_px / 2), font=font, colour=LINE_COLOUR, before=True
        )
    for name, quad in _fields_on(page["number"], result):
        draw.polygon(quad, fill=FIELD_FILL, outline=FIELD_COLOUR, width=2 * width_px)
        at = (_free_right_of(quad, quads) + width_px, _centre(quad)[1] - label_px / 2)
        _label(draw, name, at=at, font=font, colour=FIELD_COLOUR)
    return Image.alpha_composite(canvas, overlay).convert("RGB")


def page_image(path: Path, page: Page) -> Image.Image:
    """The pixels that a result's quads refer to: a page of the document, in the result's size and upright.

    Raises:
        ValueError: the page was not read, or is not there.
    """
    if "width_px" not in page or "height_px" not in page:
        raise ValueError(f"page {page['number']} was not read")
    size = (page["width_px"], page["height_px"])
    rotation_deg = page.get("rotation_deg", 0)
    image = _pdf_page(path, page["number"], size, rotation_deg) if path.suffix.lower() == ".pdf" else None
    if image is None:
        pixels = next((pixels for n, pixels in enumerate(page_images(path), start=1) if n == page["number"]), None)
        if pixels is None:
            raise ValueError(f"{path.name} has no page {page['number']}")
        image = Image.fromarray(pixels)
    # Ours turns clockwise, Pillow the other way.
    upright = image.rotate(-rotation_deg, expand=True)
    return upright if upright.size == size else upright.resize(size)


def _pdf_page(path: Path, number: int, size: tuple[int, int], rotation_deg: int) -> Image.Image:
    with pdfium.PdfDocument(path) as document:
        page = document[number - 1]
        width_px = size[1] if rotation_deg % 180 else size[0]
        bitmap = page.render(scale=width_px / page.get_width(), rev_byteorder=True)
        return Image.fromarray(np.array(bitmap.to_numpy()[:, :, :3], np.uint8))


def _fields_on(page_number: int, result: OcrResult) -> Iterator[tuple[str, Points]]:
    for name, answer in (result["fields"] or {}).items():
        for entry in answer if isinstance(answer, list) else [answer]:
            if entry is not None and entry["page"] == page_number:
                yield name, _points(entry["quad"])


def _points(quad: list[list[float]]) -> Points:
    return [(x, y) for x, y in quad]


def _centre(points: Points) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _free_right_of(field: Points, lines: list[Points]) -> float:
    """Where a field's line ends, so that the label covers none of it."""
    x, y = _centre(field)
    beside = [line for line in lines if line[0][0] <= x <= line[1][0] and line[0][1] <= y <= line[3][1]]
    return max(point[0] for quad in (field, *beside) for point in quad)


def _label(
    draw: ImageDraw.ImageDraw,
    text: str,
    *,
    at: tuple[float, float],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    colour: tuple[int, int, int],
    before: bool = False,
) -> None:
    """White text on a coloured plate whose left edge, or right edge if ``before``, is at the point."""
    left, top, right_px, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right_px - left, bottom - top
    # Nothing is pushed over the page's edge.
    x = max(0.0, min(at[0] - width - 4 if before else at[0], draw.im.size[0] - width - 4))
    y = max(0.0, at[1])
    draw.rectangle((x, y, x + width + 4, y + height + 4), fill=(*colour, 235))
    draw.text((x + 2 - left, y + 2 - top), text, font=font, fill="white")
