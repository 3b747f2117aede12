"""The text pipeline: a ``Reading`` in, an ``OcrResult`` out. Plain computation, a few milliseconds a page."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ocr_core import tracing
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
    Table,
    TableCell,
    Timing,
    UnreadPage,
)
from ocr_core.contracts.schema_names import NONE
from postprocess_svc import fields, formats
from postprocess_svc.classify import classify
from postprocess_svc.ctc import Charset, Charsets, decode_lines
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.extraction import FieldsOutcome
from postprocess_svc.fields.registry import Families, shipped_families
from postprocess_svc.japanese_forms import in_japanese_forms, japanese_variants
from postprocess_svc.lines import PageLines, TextLine, text_line
from postprocess_svc.partners.issuer import CONTEXT, ISSUER, settle_issuer
from postprocess_svc.partners.match import PartnersInUse
from postprocess_svc.quality import Quality
from postprocess_svc.reading_order import followed_by_stamps, in_reading_order
from postprocess_svc.schemas import Catalogue, answer_schema, shipped_schemas
from postprocess_svc.tables import TextTable, find_tables, split_at_rulings
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
    families: Families = field(default_factory=shipped_families)
    schemas: Catalogue = field(default_factory=shipped_schemas)
    partners: PartnersInUse | None = None
    """Where there is a table of business partners."""
    quality: Quality | None = None
    """Told how well each document could be read, where anybody wants to know."""

    def __post_init__(self) -> None:
        """Have the dictionaries ready before the first document."""
        fields.prepare()
        japanese_variants()

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
            InvalidRequest: the bytes are no reading, or there is no such schema.
            NotReady: the charset that it was made with is not known here.
            DeadlineExceeded: before the answer was complete.
        """
        _check(deadline)  # it may have waited long for its thread
        with tracing.span("decode reading"):
            reading = decode_reading(untrusted_reading)
        result = self.structure(reading, options=options, request_id=request_id, deadline=deadline)
        _check(deadline)
        with tracing.span("render", {"ocr.format": options.output_format.value}):
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
            InvalidRequest: a class id is beyond the charset, or there is no such schema.
            NotReady: the charset that the reading was made with is not known here.
            DeadlineExceeded: before the result was complete.
        """
        started_s = time.perf_counter()
        self.schemas.check(options.schemas)
        digests = charsets_by_page or {}
        warnings = list(reading.warnings)
        pages = []
        with tracing.span("lines"):
            for page in reading.pages:
                if isinstance(page, PageReading):
                    _check(deadline)
                    charset = self.charsets.named(digests.get(page.number, reading.charset_sha256))
                    pages.append(self._page_lines(page, charset, warnings))
        if self.quality is not None:
            self.quality.note_pages(pages)
        with tracing.span("fields"):
            answers = self._answer_schemas(pages, options, warnings, deadline)
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

    def page_lines(self, reading: Reading) -> list[PageLines]:
        """The lines of every page that could be read, in reading order: what fields are looked for in.

        Raises:
            InvalidRequest, NotReady: as ``structure``.
        """
        charset = self.charsets.named(reading.charset_sha256)
        return [self._page_lines(page, charset, []) for page in reading.pages if isinstance(page, PageReading)]

    def _answer_schemas(
        self,
        pages: Sequence[PageLines],
        options: StructureOptions,
        warnings: list[Notice],
        deadline: Deadline | None,
    ) -> _Answers:
        """Classify and index once, ask the families once a kind of document, then hand each schema its fields.

        What went wrong is added to ``warnings``.
        """
        wanted = tuple(dict.fromkeys(name for name in options.schemas if name != NONE))
        if not wanted:
            return _Answers(document_type=None, fields=None, schemas=None)
        _check(deadline)
        document_type = classify(pages)
        schemas = {name: self.schemas.named(name, document_type) for name in wanted}
        read_as = {name: schema.document_type or document_type for name, schema in schemas.items()}
        context = fields.build_context(pages, document_type=document_type)
        found: dict[DocumentType, FieldsOutcome] = {}
        for kind in dict.fromkeys(read_as.values()):
            _check(deadline)
            sources = frozenset().union(*(schemas[name].sources for name in wanted if read_as[name] is kind))
            found[kind] = self._find_fields(context.read_as(kind), sources)
            warnings += [notice for notice in found[kind].warnings if notice not in warnings]
            if self.quality is not None and kind is document_type:
                self.quality.note_fields(kind, found[kind].fields)
        by_schema: dict[str, dict[str, FieldAnswer]] = {}
        for name, schema in schemas.items():
            answer = answer_schema(
                schema,
                found[read_as[name]].fields,
                min_confidence=options.min_confidence,
                today=dt.datetime.now(dt.UTC).date(),
            )
            by_schema[name] = answer.fields
            warnings += answer.warnings
        if len(wanted) == 1:
            return _Answers(document_type=document_type, fields=by_schema[wanted[0]], schemas=None)
        return _Answers(document_type=document_type, fields=None, schemas=by_schema)

    def _find_fields(self, context: DocumentContext, wanted: frozenset[str]) -> FieldsOutcome:
        """What the families find, the issuer by the name that the table of partners has for it."""
        if self.partners is None or ISSUER not in wanted:
            return fields.find_fields(context, wanted=wanted, families=self.families)
        outcome = fields.find_fields(context, wanted=wanted | CONTEXT, families=self.families)
        return settle_issuer(outcome, self.partners.matcher)

    def _page_lines(self, page: PageReading, charset: Charset, warnings: list[Notice]) -> PageLines:
        """The page's lines in reading order; a text layer that was not believed is added to ``warnings``."""
        lines = seen = in_japanese_forms(_text_lines(page, charset))
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
        printed = [line for line in kept if line.stamp is None]
        ordered = PageLines(
            number=page.number,
            width_px=page.width_px,
            height_px=page.height_px,
            lines=followed_by_stamps(
                in_reading_order(split_at_rulings(printed, page.rulings), skew_deg=page.skew_deg),
                [line for line in kept if line.stamp is not None],
            ),
            skew_deg=page.skew_deg,
        )
        return replace(ordered, tables=find_tables(ordered, page.rulings))


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


def _text(reading: Reading, pages: Sequence[PageLines]) -> str:
    """The text of every selected page."""
    texts = {page.number: page.text for page in pages}
    return PAGE_BREAK.join(texts.get(page.number, "") for page in reading.pages)


def _page_results(reading: Reading, pages: Sequence[PageLines]) -> tuple[PageResult | UnreadPage, ...]:
    """The pages that were read and those that were not, in page order."""
    read = {page.number: page for page in pages}
    return tuple(
        UnreadPage(number=page.number, error=PageProblem(code=page.code, detail=page.detail))
        if isinstance(page, PageError)
        else PageResult(
            number=page.number,
            width_px=page.width_px,
            height_px=page.height_px,
            dpi=page.dpi,
            rotation_deg=page.rotation_deg,
            lines=tuple(_line(line) for line in read[page.number].lines),
            tables=tuple(_table(table) for table in read[page.number].tables),
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


def _table(table: TextTable) -> Table:
    return Table(
        quad=table.quad,
        rows=tuple(
            tuple(
                TableCell(text=cell.text, quad=cell.quad, row_span=cell.row_span, column_span=cell.column_span)
                for cell in row
            )
            for row in table.rows
        ),
        line_indices=tuple(sorted(table.line_indices)),
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
