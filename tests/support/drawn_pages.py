"""Fields of a page drawn in characters (``evaluation.mockups``)."""

from __future__ import annotations

from evaluation.mockups.drawing import parse_drawing
from evaluation.mockups.reading import charset_of, reading_of
from ocr_core.contracts.result import FieldValue
from postprocess_svc.ctc import Charsets
from postprocess_svc.fields import extract
from postprocess_svc.pipeline import TextPipeline

SURE = 0.5


def value_of(name: str, text: str) -> str | None:
    """What a caller is answered for one field of a drawn page: at the API's own threshold."""
    charset = charset_of([text])
    pipeline = TextPipeline(charsets=Charsets([charset]))
    pages = pipeline.page_lines(reading_of("page", [parse_drawing(text)], charset))
    answer = extract(pages).fields[name]
    return str(answer.value) if isinstance(answer, FieldValue) and answer.confidence >= SURE else None
