"""The result as placed text: what a searchable PDF needs of it. Internal: the pixel side adds the page images.

``format=pdf`` is written down where the pixels are; no caller ever gets what is written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from ocr_core.contracts.geometry import angle_deg
from ocr_core.contracts.placed_text import DocumentTitle, PlacedDocument, PlacedLine, PlacedPage, UnreadPlace
from ocr_core.contracts.placed_text_codec import CONTENT_TYPE, encode_placed_text
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.result import Line, OcrResult, PageResult, UnreadPage
from postprocess_svc.formats.written_page import EAST_ASIAN, KANA, TURNED_DEG, gaps
from postprocess_svc.lines import TextLine

_JAPANESE = "ja"
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters: a line is one line, and no reader has a use for them."""


def render(result: OcrResult) -> RenderedResult:
    """The whole document, in MessagePack."""
    document = PlacedDocument(title=document_title(result), pages=tuple(placed_pages(result)))
    return RenderedResult(content_type=CONTENT_TYPE, body=encode_placed_text(document))


def document_title(result: OcrResult) -> DocumentTitle:
    """What the document says of itself as a whole."""
    return DocumentTitle(
        title=result.document.file_name or result.id,
        file_name=result.document.file_name,
        sha256=result.document.sha256,
        # Kana are Japanese; other scripts serve many languages.
        language=_JAPANESE if KANA.search(result.text) else None,
    )


def placed_pages(result: OcrResult) -> Iterator[PlacedPage | UnreadPlace]:
    """The pages one by one, since a document may have thousands."""
    for page in result.pages:
        if isinstance(page, UnreadPage):
            yield UnreadPlace(number=page.number, detail=page.error.detail)
        else:
            yield _page(page)


def _page(page: PageResult) -> PlacedPage:
    lines = [line for line in page.lines if line.text.strip()]
    goes_on = [(after.block, after.row) == (line.block, line.row) for line, after in pairwise(lines)]
    return PlacedPage(
        number=page.number,
        width_px=page.width_px,
        height_px=page.height_px,
        lines=tuple(_line(line, row_goes_on=last) for line, last in zip(lines, [*goes_on, False], strict=False)),
    )


def _line(line: Line, *, row_goes_on: bool) -> PlacedLine:
    direction_deg = angle_deg(line.quad)
    placed = TextLine(text=line.text, confidence=line.confidence, quad=line.quad, positions=line.positions)
    return PlacedLine(
        text=_BREAKS.sub(" ", line.text),
        quad=line.quad,
        extents=tuple(_extents(placed)),
        is_column=TURNED_DEG <= direction_deg <= 180 - TURNED_DEG and bool(EAST_ASIAN.search(line.text)),
        row_goes_on=row_goes_on,
    )


def _extents(line: TextLine) -> Iterator[tuple[float, float]]:
    """Where each character begins and ends, ascending.

    Characters of one run touch, however wide they are set: a reader that sees white between them would put blanks into
    the text. Only a gap between two runs stays white.
    """
    count, positions = len(line.text), line.positions
    are_known = len(positions) == count
    behind_gap = set(gaps(line))
    last = 0.0
    for index in range(count):
        start, end = line.extent(index)
        if are_known and index and index not in behind_gap:
            start = last
        if are_known and index + 1 < count and index + 1 not in behind_gap:
            end = (positions[index] + positions[index + 1]) / 2
        start = min(max(start, last), 1.0)
        last = min(max(end, start), 1.0)
        yield start, last
