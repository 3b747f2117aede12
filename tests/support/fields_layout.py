"""Pages made by hand: text at places, as the text side hands them to the fields."""

from __future__ import annotations

from collections.abc import Iterable

from ocr_core.contracts.geometry import Box
from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields import FieldsOutcome, extract
from postprocess_svc.lines import PageLines, TextLine

Placed = tuple[float, float, str] | tuple[float, float, str, float]
"""Left, top, text, and the type's height in pixels where it is not the ordinary one."""

WIDTH, HEIGHT = 1654, 2339
ORDINARY_PX = 30.0


def width_px(text: str, height_px: float) -> float:
    """Full-width characters are as wide as high, others half that."""
    return sum(height_px if ord(character) > 0x2E7F else 0.55 * height_px for character in text)


def line(left: float, top: float, text: str, height_px: float = ORDINARY_PX, confidence: float = 0.98) -> TextLine:
    """One printed line with its characters' places."""
    total = width_px(text, height_px)
    positions, at = [], 0.0
    for character in text:
        own = width_px(character, height_px)
        positions.append((at + own / 2) / total)
        at += own
    return TextLine(
        text=text,
        confidence=confidence,
        quad=Box(left=left, top=top, right=left + total, bottom=top + height_px).to_quad(),
        positions=tuple(positions),
        character_confidences=(confidence,) * len(text),
    )


def page(placed: Iterable[Placed], *, number: int = 1, width: int = WIDTH, height: int = HEIGHT) -> PageLines:
    """A page from texts at places."""
    lines = tuple(line(*item) for item in placed)
    return PageLines(number=number, width_px=width, height_px=height, lines=lines)


def receipt(rows: Iterable[str | tuple[str, str] | tuple[str, str, float]], *, width: int = 560) -> PageLines:
    """A till's roll: a row a string; of a pair the second stands at the right edge; a third is the type's height."""
    placed: list[Placed] = []
    top = 40.0
    for row in rows:
        left, right, height = (
            (row, "", 28.0) if isinstance(row, str) else (row[0], row[1], row[2] if len(row) > 2 else 28.0)
        )
        if right:
            placed.append((30, top, left, height))
            placed.append((width - 30 - width_px(right, height), top, right, height))
        else:
            placed.append(((width - width_px(left, height)) / 2, top, left, height))
        top += height + 12
    return page(placed, width=width, height=int(top) + 40)


def read(*pages: PageLines, document_type: DocumentType | None = None) -> FieldsOutcome:
    """All fields of some pages."""
    return extract(pages, document_type=document_type)
