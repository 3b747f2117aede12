"""How a result is written down: one module a format, each with ``render(result) -> RenderedResult``.

To add a format: a member of ``OutputFormat``, a module here, a line below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.result import OcrResult, OutputFormat, UnreadPage
from postprocess_svc.formats import alto_format, hocr_format, json_format, markdown_format, placed_format, text_format

Render = Callable[[OcrResult], RenderedResult]

RENDERERS: Mapping[OutputFormat, Render] = MappingProxyType(
    {
        OutputFormat.JSON: json_format.render,
        OutputFormat.TEXT: text_format.render,
        OutputFormat.MARKDOWN: markdown_format.render,
        OutputFormat.HOCR: hocr_format.render,
        OutputFormat.ALTO: alto_format.render,
        # The text alone: whoever has the page images makes the PDF (preprocess_svc/searchable_pdf).
        OutputFormat.PDF: placed_format.render,
    }
)


def render(result: OcrResult, output_format: OutputFormat) -> RenderedResult:
    """Write a result down."""
    unread = [page.error.code for page in result.pages if isinstance(page, UnreadPage)]
    codes = dict.fromkeys([notice.code for notice in result.warnings] + unread)
    return replace(RENDERERS[output_format](result), warning_codes=tuple(codes))
