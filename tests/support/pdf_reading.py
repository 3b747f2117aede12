"""Searchable PDFs read back: by PDFium as a reader sees them, and by pikepdf as the file says it."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pikepdf
import pypdfium2 as pdfium
from numpy.typing import NDArray
from pypdfium2 import raw

from ocr_core.contracts.geometry import Box

_JOINED_HYPHEN = "\ufffe"
"""What PDFium makes of a hyphen at a line's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedCharacter:
    """A character and its box, in points from the page's upper left corner."""

    text: str
    box: Box


def texts(content: bytes) -> list[str]:
    """The text of each page as PDFium extracts it."""
    with pdfium.PdfDocument(content) as document:
        return [page.get_textpage().get_text_range().replace(_JOINED_HYPHEN, "-") for page in document]


def without_space(text: str) -> str:
    return "".join(text.split())


def characters(content: bytes, page: int = 0, *, loose: bool = False) -> list[PrintedCharacter]:
    """A page's characters in their order but for white space; ``loose`` boxes are as high as the type."""
    with pdfium.PdfDocument(content) as document:
        opened = document[page]
        height_pt = opened.get_size()[1]
        text_page = opened.get_textpage()
        found = []
        for at in range(text_page.count_chars()):
            character = chr(raw.FPDFText_GetUnicode(text_page, at))
            if character.isspace() or character == "\0" or raw.FPDFText_IsGenerated(text_page, at) == 1:
                continue
            left, bottom, right, top = text_page.get_charbox(at, loose=loose)
            box = Box(left=left, top=height_pt - top, right=right, bottom=height_pt - bottom)
            found.append(PrintedCharacter(text=character, box=box))
        return found


def pixels(content: bytes, page: int = 0, *, dpi: float = 72) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB: a page as it is shown."""
    with pdfium.PdfDocument(content) as document:
        shown: NDArray[np.uint8] = document[page].render(scale=dpi / 72, rev_byteorder=True).to_numpy()[:, :, :3].copy()
        return shown


def image(content: bytes, page: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB: a page's image, pixel by pixel."""
    with pikepdf.open(io.BytesIO(content)) as document:
        stored = pikepdf.PdfImage(document.pages[page].Resources.XObject.Page)
        return np.asarray(stored.as_pil_image().convert("RGB"))


def sizes_pt(content: bytes) -> list[tuple[float, float]]:
    with pdfium.PdfDocument(content) as document:
        return [page.get_size() for page in document]


def labels(content: bytes) -> list[str]:
    with pdfium.PdfDocument(content) as document:
        return [document.get_page_label(at) for at in range(len(document))]


def check_sound(content: bytes) -> None:
    """See that the file is what the specification says; qpdf does, inside pikepdf."""
    with pikepdf.open(io.BytesIO(content)) as document:
        assert document.check_pdf_syntax() == []
        assert document.get_warnings() == []


def check_by_command(file: Path) -> None:
    """The same by the command, which may be a newer qpdf, where it is installed."""
    if (qpdf := shutil.which("qpdf")) is not None:
        done = subprocess.run([qpdf, "--check", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def written_text(content: bytes) -> list[str]:
    """The strings of each page in the order of the file, by their fonts' ToUnicode alone."""
    with pikepdf.open(io.BytesIO(content)) as document:
        return ["".join(_strings(page)) for page in document.pages]


def _strings(page: pikepdf.Page) -> Iterator[str]:
    maps = {
        str(name): _unicode_map(font.ToUnicode.read_bytes().decode("ascii"))
        for name, font in page.resources.get("/Font", {}).items()
        if "/ToUnicode" in font
    }
    current: dict[str, str] = {}
    for instruction in pikepdf.parse_content_stream(page):
        operator = str(instruction.operator)
        if operator == "Tf":
            current = maps.get(str(instruction.operands[0]), {})
        elif operator == "TJ":
            for part in instruction.operands[0]:
                if isinstance(part, pikepdf.String):
                    codes = bytes(part).hex().upper()
                    yield "".join(current[codes[at : at + 4]] for at in range(0, len(codes), 4))


def _unicode_map(cmap: str) -> dict[str, str]:
    pairs = re.findall(r"^<([0-9A-F]{4})><([0-9A-F]+)>$", cmap, re.MULTILINE)
    return {code: bytes.fromhex(text).decode("utf-16-be") for code, text in pairs if len(code) == 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How near characters of one layer are to the same characters of another, medians over all that were found."""

    found_share: float
    """Of the characters of the first layer that the second has within one type size."""
    across: float
    """Distance of the centres in reading direction, in type sizes of the second."""
    along: float
    """The same from line to line."""
    overlap: float
    """Intersection over union."""


def placement(ours: list[PrintedCharacter], printed: list[PrintedCharacter]) -> Placement:
    """Compare level text with the print below it."""
    by_text = defaultdict(list)
    for character in printed:
        by_text[character.text].append(character.box)
    across, along, overlaps = [], [], []
    for character in ours:
        candidates = by_text.get(character.text, [])
        near = min(candidates, key=lambda box: _distance(box, character.box), default=None)
        if near is None or _distance(near, character.box) > near.height:
            continue
        across.append(abs(_centre(near)[0] - _centre(character.box)[0]) / near.height)
        along.append(abs(_centre(near)[1] - _centre(character.box)[1]) / near.height)
        overlaps.append(_overlap(near, character.box))
    return Placement(
        found_share=len(overlaps) / len(ours),
        across=median(across),
        along=median(along),
        overlap=median(overlaps),
    )


def _centre(box: Box) -> tuple[float, float]:
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def _distance(a: Box, b: Box) -> float:
    (ax, ay), (bx, by) = _centre(a), _centre(b)
    return max(abs(ax - bx), abs(ay - by))


def _overlap(a: Box, b: Box) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (a.width * a.height + b.width * b.height - common)
