"""Finds in the printed PDF where each document lies and where each value stands."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from evaluation.generator.printout import LINK_SCHEME

POINTS_PER_INCH = 72
DPI = 200
SCALE = DPI / POINTS_PER_INCH
ROLL_MARGIN_PT = 12
MERGE_GAP = 0.35
"""Pieces of a line stand nearer than this share of their height."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels at ``DPI``, origin top-left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedMark:
    """Where a mark is printed; a value that is broken over lines has several."""

    number: int
    """Which of the document's marks."""
    page: int
    """1-based within the document."""
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLine:
    """A run of text from the text layer."""

    text: str
    page: int
    box: Box


@dataclass(slots=True, kw_only=True)
class PrintedDocument:
    """One document in the PDF of a run."""

    index: int
    pdf_pages: list[int] = field(default_factory=list)
    sizes_px: list[tuple[int, int]] = field(default_factory=list)
    marks: list[PlacedMark] = field(default_factory=list)
    lines: list[PlacedLine] = field(default_factory=list)


def find_documents(pdf: pdfium.PdfDocument, *, roll_indexes: frozenset[int]) -> dict[int, PrintedDocument]:
    """Take a run's PDF apart by its links; rolls of paper are cut where their text ends.

    Args:
        pdf: The run; the media boxes of rolls are changed.
        roll_indexes: Which documents are printed on a roll.
    """
    documents: dict[int, PrintedDocument] = {}
    index = -1
    for pdf_page in range(len(pdf)):
        page = pdf[pdf_page]
        links = list(_links(pdf, page))
        # A page without a link belongs to the document before: its text ran over.
        index = links[0][0] if links else index
        document = documents.setdefault(index, PrintedDocument(index=index))
        document.pdf_pages.append(pdf_page)
        number = len(document.pdf_pages)
        left, bottom, right, top = page.get_mediabox()
        if index in roll_indexes and links:
            bottom = max(bottom, min(box[1] for _, _, box in links) - ROLL_MARGIN_PT)
            page.set_mediabox(left, bottom, right, top)
            page.set_cropbox(left, bottom, right, top)
        document.sizes_px.append((round((right - left) * SCALE), round((top - bottom) * SCALE)))
        document.marks += [
            PlacedMark(number=mark, page=number, box=_pixels(box, left=left, top=top)) for _, mark, box in links
        ]
        document.lines += [
            PlacedLine(text=text, page=number, box=_pixels(box, left=left, top=top)) for text, box in _lines(page)
        ]
    return documents


def _links(pdf: pdfium.PdfDocument, page: pdfium.PdfPage) -> Iterator[tuple[int, int, Box]]:
    """Document, mark and box (left, bottom, right, top in points) of each of the generator's links."""
    for place in range(pdfium_c.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page, place)
        try:
            action = pdfium_c.FPDFLink_GetAction(pdfium_c.FPDFAnnot_GetLink(annotation))
            length = pdfium_c.FPDFAction_GetURIPath(pdf, action, None, 0)
            address = ctypes.create_string_buffer(length)
            pdfium_c.FPDFAction_GetURIPath(pdf, action, address, length)
            text = address.value.decode("ascii", errors="replace")
            if text.startswith(LINK_SCHEME):
                rectangle = pdfium_c.FS_RECTF()
                pdfium_c.FPDFAnnot_GetRect(annotation, rectangle)
                document, mark = text.removeprefix(LINK_SCHEME).split("/")
                box = (rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
                yield int(document), int(mark), box
        finally:
            pdfium_c.FPDFPage_CloseAnnot(annotation)


def _lines(page: pdfium.PdfPage) -> Iterator[tuple[str, Box]]:
    """The text layer's runs, those that touch put together; boxes in points: left, bottom, right, top."""
    text_page = page.get_textpage()
    last: tuple[str, Box] | None = None
    for place in range(text_page.count_rects()):
        box = text_page.get_rect(place)
        text = "".join(text_page.get_text_bounded(*box).split("\r\n")).strip()
        if not text:
            continue
        if last is not None and (joined := _joined(last, (text, box))):
            last = joined
            continue
        if last is not None:
            yield last
        last = (text, box)
    if last is not None:
        yield last


def _joined(before: tuple[str, Box], after: tuple[str, Box]) -> tuple[str, Box] | None:
    """Two runs as one, where the second goes on with the first's line; else ``None``."""
    (text, (left, bottom, right, top)), (more, (left_2, bottom_2, right_2, top_2)) = before, after
    height = min(top - bottom, top_2 - bottom_2)
    in_row = abs((top + bottom) - (top_2 + bottom_2)) < height
    if in_row and -height < left_2 - right < MERGE_GAP * height:
        return text + more, (left, min(bottom, bottom_2), right_2, max(top, top_2))
    return None


def _pixels(box: Box, *, left: float, top: float) -> Box:
    """A box in points (left, bottom, right, top) as pixels from the page's top left."""
    return ((box[0] - left) * SCALE, (top - box[3]) * SCALE, (box[2] - left) * SCALE, (top - box[1]) * SCALE)
