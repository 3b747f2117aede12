"""The text pipeline: a ``Reading`` in, an ``OcrResult`` out. Plain computation, a few milliseconds a page."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.page import Notice, PageError
from ocr_core.contracts.ports import RenderedResult, StructureOptions
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import decode_reading
from ocr_core.contracts.result import (
    DocumentType,
    FieldAnswer,
    Line,
    OcrResult,
    PageProblem,
    PageResult,
    Schema,
    Timing,
    UnreadPage,
)
from postprocess_svc import fields, formats
from postprocess_svc.classify import classify
from postprocess_svc.ctc import Charset, Charsets, decode_lines
from postprocess_svc.lines import PageLines, TextLine, text_line
from postprocess_svc.reading_order import in_reading_order
from postprocess_svc.text_layer import prefer_text_layer

PAGE_BREAK = "\n\f"
"""Between the texts of two pages: a form feed, as pdftotext and printers have it. A page that could not be read has
empty text: otherwise those after it would be counted wrongly."""

MIN_LINE_CONFIDENCE = 0.5
"""A line recognised worse than this is specks, not text; RapidOCR's ``text_score``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPipeline:
    """The steps, with what they need to know beforehand. Holds no state: threads may share it."""

    charsets: Charsets
    min_line_confidence: float = MIN_LINE_CONFIDENCE

    def __post_init__(self) -> None:
        """Have the dictionaries ready before the first document."""
        fields.prepare()

    def answer(
        self,
        untrusted_reading: bytes,
        options: StructureOptions,
        request_id: str,
        deadline: Deadline | None = None,
    ) -> RenderedResult:
        """Decode a reading, structure it and write the result down.

        A thread cannot be interrupted, so ``deadline`` is looked at between steps and between pages.

        Raises:
            InvalidRequest: the bytes are no reading.
            NotReady: the charset that it was made with is not known here.
            DeadlineExceeded: before the answer was complete.
        """
        _check(deadline)  # it may have waited long for its thread
        reading = decode_reading(untrusted_reading)
        result = self.structure(reading, options=options, request_id=request_id, deadline=deadline)
        _check(deadline)
        return formats.render(result, options.output_format)

    def structure(
        self,
        reading: Reading,
        *,
        options: StructureOptions,
        request_id: str,
        deadline: Deadline | None = None,
        charsets_by_page: Mapping[int, str] | None = None,
    ) -> OcrResult:
        """Turn class ids into lines in reading order, and lines into fields.

        Args:
            reading: The whole document.
            options: What the caller wants.
            request_id: The result carries it.
            deadline: Looked at between steps and between pages.
            charsets_by_page: Digests of the charsets of pages that were not read with the reading's own.

        Raises:
            InvalidRequest: a class id is beyond the charset.
            NotReady: the charset that the reading was made with is not known here.
            DeadlineExceeded: before the result was complete.
        """
        started_s = time.perf_counter()
        digests = charsets_by_page or {}
        warnings = list(reading.warnings)
        pages = []
        for page in reading.pages:
            if isinstance(page, PageReading):
                _check(deadline)
                charset = self.charsets.named(digests.get(page.number, reading.charset_sha256))
                pages.append(self._page_lines(page, charset, warnings))
        answers = _answer_schemas(pages, options, warnings, deadline)
        structure_ms = (time.perf_counter() - started_s) * 1000
        return OcrResult(
            id=f"doc_{uuid.uuid4().hex}",
            request_id=request_id,
            document=reading.document,
            document_type=answers.document_type,
            pages=_page_results(reading, pages),
            text=_text(reading, pages),
            fields=answers.fields,
            schemas=answers.schemas,
            models=reading.model_versions,
            warnings=tuple(warnings),
            timing_ms=_timing(reading, structure_ms),
        )

    def _page_lines(self, page: PageReading, charset: Charset, warnings: list[Notice]) -> PageLines:
        """The page's lines in reading order; a text layer that was not believed is added to ``warnings``."""
        lines = seen = _text_lines(page, charset)
        if page.text_layer:
            preferred = prefer_text_layer(seen, page.text_layer, page=page.number)
            lines = preferred.lines
            if preferred.notice is not None:
                warnings.append(preferred.notice)
        # Only now: a line that was hardly read is text nevertheless where the layer spells what was seen.
        kept = [
            line
            for line, before in zip(lines, seen, strict=True)
            if line is not before or line.confidence >= self.min_line_confidence
        ]
        return PageLines(
            number=page.number,
            width_px=page.width_px,
            height_px=page.height_px,
            lines=in_reading_order(kept, skew_deg=page.skew_deg),
            skew_deg=page.skew_deg,
        )


def _text_lines(page: PageReading, charset: Charset) -> tuple[TextLine, ...]:
    """The page's lines in the order of their detection; those in which nothing was recognised are left out."""
    decoded = decode_lines(
        [line.class_ids for line in page.lines], [line.probabilities for line in page.lines], charset
    )
    return tuple(
        text_line(reading, line)
        for reading, line in zip(page.lines, decoded, strict=True)
        if line.text and not line.text.isspace()
    )


def _check(deadline: Deadline | None) -> None:
    if deadline is not None:
        deadline.check("structure")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    document_type: DocumentType | None
    fields: dict[str, FieldAnswer] | None
    schemas: dict[str, dict[str, FieldAnswer]] | None


def _answer_schemas(
    pages: Sequence[PageLines], options: StructureOptions, warnings: list[Notice], deadline: Deadline | None
) -> _Answers:
    """Classify once, then extract once a schema; what went wrong is added to ``warnings``."""
    wanted = list(dict.fromkeys(schema for schema in options.schemas if schema is not Schema.NONE))
    if not wanted:
        return _Answers(document_type=None, fields=None, schemas=None)
    _check(deadline)
    document_type = classify(pages)
    by_schema: dict[str, dict[str, FieldAnswer]] = {}
    for schema in wanted:
        _check(deadline)
        outcome = fields.extract(pages, schema=_resolved(schema, document_type))
        warnings += [notice for notice in outcome.warnings if notice not in warnings]
        by_schema[schema.value] = {
            name: _confident(answer, options.min_confidence) for name, answer in outcome.fields.items()
        }
    if len(options.schemas) == 1:
        return _Answers(document_type=document_type, fields=by_schema[wanted[0].value], schemas=None)
    return _Answers(document_type=document_type, fields=None, schemas=by_schema)


def _resolved(schema: Schema, document_type: DocumentType) -> Schema:
    """What ``auto`` stands for, once the document is classified, so that it need not be classified again."""
    match schema, document_type:
        case Schema.AUTO, DocumentType.INVOICE:
            return Schema.INVOICE
        case Schema.AUTO, DocumentType.RECEIPT:
            return Schema.RECEIPT
        case _:
            return schema


def _confident(answer: FieldAnswer, min_confidence: float) -> FieldAnswer:
    """The answer, or null where it is less sure than the caller wants."""
    if answer is None:
        return None
    if isinstance(answer, tuple):
        return tuple(account for account in answer if account.confidence >= min_confidence) or None
    return answer if answer.confidence >= min_confidence else None


def _text(reading: Reading, pages: Sequence[PageLines]) -> str:
    """The text of every selected page."""
    texts = {page.number: page.text for page in pages}
    return PAGE_BREAK.join(texts.get(page.number, "") for page in reading.pages)


def _page_results(reading: Reading, pages: Sequence[PageLines]) -> tuple[PageResult | UnreadPage, ...]:
    """The pages that were read and those that were not, in page order."""
    lines_by_number = {page.number: page.lines for page in pages}
    return tuple(
        UnreadPage(number=page.number, error=PageProblem(code=page.code, detail=page.detail))
        if isinstance(page, PageError)
        else PageResult(
            number=page.number,
            width_px=page.width_px,
            height_px=page.height_px,
            dpi=page.dpi,
            rotation_deg=page.rotation_deg,
            lines=tuple(_line(line) for line in lines_by_number[page.number]),
        )
        for page in reading.pages
    )


def _line(line: TextLine) -> Line:
    return Line(
        text=line.text,
        confidence=line.confidence,
        quad=line.quad,
        row=line.row,
        block=line.block,
        positions=line.positions,
        character_confidences=line.character_confidences,
    )


def _timing(reading: Reading, structure_ms: float) -> Timing:
    stages = reading.timing
    before_ms = stages.elapsed_ms or stages.open_ms + stages.detect_ms + stages.recognise_ms
    return Timing(
        open=stages.open_ms,
        detect=stages.detect_ms,
        recognise=stages.recognise_ms,
        structure=structure_ms,
        total=before_ms + structure_ms,
    )
