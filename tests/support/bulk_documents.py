"""Tiny documents for the bulk road's fault tests: each carries a number that Triton's double can read back."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from tests.support.documents import _pdf_file
from tests.support.triton_double import BAND_HEIGHT_PX, Mark, band_colour

WIDTH_PX = 320
HEIGHT_PX = 160
_POINTS_A_PIXEL = 72 / 200
"""A PDF is rendered at 200 dpi: one pixel of the picture is one of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDocument:
    """A document, and what is to become of it."""

    __test__ = False  # a value, whatever pytest thinks of its name

    number: int
    content: bytes
    error_code: str | None = None
    """With which error it is to fail; null: it is to be read."""

    @property
    def reference(self) -> str:
        """What result lines call it."""
        return f"document-{self.number}"

    @property
    def sha256(self) -> str:
        """Of its bytes: the result names it."""
        return hashlib.sha256(self.content).hexdigest()


def picture(number: int, mark: Mark = Mark.PLAIN) -> Image.Image:
    """White paper, the number in print, the band above."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH_PX, BAND_HEIGHT_PX - 1), fill=band_colour(number, mark))
    draw.text((24, 60), f"document {number}", fill="black", font=ImageFont.load_default(size=36))
    return image


def png_document(number: int, mark: Mark = Mark.PLAIN, *, error_code: str | None = None) -> TestDocument:
    """One page as PNG."""
    stream = io.BytesIO()
    picture(number, mark).save(stream, "PNG", compress_level=1)
    return TestDocument(number=number, content=stream.getvalue(), error_code=error_code)


def broken_document(number: int) -> TestDocument:
    """A PNG that ends in its middle."""
    whole = png_document(number).content
    return TestDocument(number=number, content=whole[: len(whole) // 3], error_code="unreadable_document")


def foreign_document(number: int) -> TestDocument:
    """Bytes that are no document."""
    content = f"This is number {number}, and no document.\n".encode() * 20
    return TestDocument(number=number, content=content, error_code="unsupported_media_type")


def pdf_document(number: int, pages: Sequence[Mark]) -> TestDocument:
    """A PDF of so many pages; all carry the document's number, each its own mark."""
    width, height = WIDTH_PX * _POINTS_A_PIXEL, HEIGHT_PX * _POINTS_A_PIXEL
    marks = sorted(set(pages))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    for mark in marks:
        pixels = picture(number, mark).tobytes()
        objects.append(
            f"<< /Type /XObject /Subtype /Image /Width {WIDTH_PX} /Height {HEIGHT_PX} /ColorSpace /DeviceRGB"
            f" /BitsPerComponent 8 /Length {len(pixels)} >>\nstream\n".encode()
            + pixels
            + b"\nendstream"
        )
    content = f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Image Do Q".encode()
    objects.append(b"<< /Length %d >>\nstream\n" % len(content) + content + b"\nendstream")
    content_at = len(objects)
    kids = []
    for mark in pages:
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] /Contents {content_at} 0 R"
            f" /Resources << /XObject << /Image {3 + marks.index(mark)} 0 R >> >> >>".encode()
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    return TestDocument(number=number, content=_pdf_file(objects))
