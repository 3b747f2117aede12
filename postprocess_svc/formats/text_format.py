"""The result as plain text."""

from __future__ import annotations

from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.result import OcrResult

CONTENT_TYPE = "text/plain; charset=utf-8"


def render(result: OcrResult) -> RenderedResult:
    """The text in reading order, a line a row of the page, UTF-8; a form feed between pages, read or not."""
    return RenderedResult(content_type=CONTENT_TYPE, body=f"{result.text}\n".encode() if result.text else b"")
