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


def gif(*frames: str) -> bytes:
    """An animation with a line of text a frame."""
    first, *others = (text_image([line]) for line in frames)
    return _saved(first, "GIF", save_all=True, append_images=others, duration=100)


def pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF whose pages are images."""
    first, *others = (text_image(lines) for lines in pages)
    return _saved(first, "PDF", save_all=True, append_images=others, resolution=100.0)


def pdf_with_hidden_text(lines: Sequence[str], *, hidden: Sequence[str]) -> bytes:
    """A page that shows an image of ``lines`` and carries ``hidden``, invisible, in their places and below."""
    rows = max(len(lines), len(hidden))
    image = text_image([*lines, *[""] * (rows - len(lines))])
    points = 72 / 100  # of a pixel, at 100 dpi
    width, height = image.width * points, image.height * points
    content = [f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Image Do Q BT 3 Tr /Font {32 * points:.2f} Tf"]
    for row, line in enumerate(hidden):
        baseline = image.height - (60 // 2 + row * 60 + 30)
        escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        content.append(f"1 0 0 1 {30 * points:.2f} {baseline * points:.2f} Tm ({escaped}) Tj")
    stream = " ".join([*content, "ET"]).encode()
    pixels = image.tobytes()
    page = (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] /Contents 6 0 R"
        " /Resources << /XObject << /Image 4 0 R >> /Font << /Font 5 0 R >> >> >>"
    )
    picture = (
        f"<< /Type /XObject /Subtype /Image /Width {image.width} /Height {image.height} /ColorSpace /DeviceRGB"
        f" /BitsPerComponent 8 /Length {len(pixels)} >>\nstream\n"
    )
    return _pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page.encode(),
            picture.encode() + pixels + b"\nendstream",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream",
        ]
    )


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    """The objects, numbered from 1 (the catalog), with their table of offsets."""
    file = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(file)


def blank_png(width_px: int, height_px: int) -> bytes:
    """A large picture in few bytes."""
    return _saved(Image.new("1", (width_px, height_px), 1), "PNG")


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
