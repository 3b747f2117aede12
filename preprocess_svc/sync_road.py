"""The sync road: one document, from the request to its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import from_json

from ocr_core import tracing
from ocr_core.contracts.access import Caller
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, Priority, TextLayerUse
from ocr_core.contracts.page import PageError, PageImage
from ocr_core.contracts.ports import FileOpener, RenderedResult, StructureOptions, Structurer, TextModels
from ocr_core.contracts.reading import Reading
from ocr_core.contracts.result import OutputFormat
from ocr_core.service import RequestContext
from ocr_core.service.quotas import SyncQuotas
from ocr_core.telemetry import Metrics
from preprocess_svc.admission import Admission, Permit
from preprocess_svc.completing import complete, reserve_s, rounded
from preprocess_svc.door import Door
from preprocess_svc.keeping import DocumentKeeper, KeptDocument
from preprocess_svc.page_guess import guess_pages
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.pdf_answers import PdfAnswer, PdfAnswers
from preprocess_svc.pipeline import KeepPage, read_document
from preprocess_svc.remembered_answers import Recall, RememberedAnswers, sha256_of
from preprocess_svc.shown_pages import ShownAnswer, ShownPages
from preprocess_svc.sources import AllowList, S3Location, Sources
from preprocess_svc.text_side_watch import TextSideWatch
from preprocess_svc.uploads import Upload

_MAX_BYTES_GUESSED_ON_THE_LOOP = 1 << 20
"""Of a document that is searched for its pages there: 1.3 ms."""


_MAX_BYTES_HASHED_ON_THE_LOOP = 1 << 20
"""Of a document: 0.6 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request wants, beside its document."""

    caller: Caller
    parameters: OcrParameters
    deadline: Deadline
    context: RequestContext


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    untrusted_bytes: bytes
    file_name: str | None
    sha256: str | None
    """Null where nobody needs it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRoad:
    """Everything that a document passes on its way. Stores only; ``main`` starts and closes the parts."""

    admission: Admission
    quotas: SyncQuotas
    limits: OpenLimits
    sources: Sources
    opener: FileOpener
    models: TextModels
    workers: Executor
    structurer: Structurer
    text_side: TextSideWatch
    """Whether it is worth while to read a document for the structurer."""
    pdfs: PdfAnswers
    shown_pages: ShownPages
    metrics: Metrics
    second_look: bool
    """Whether doubtful narrow print is read a second time."""
    keeper: DocumentKeeper | None = None
    """Keeps documents of tenants that have retention; null where none can have."""
    remembered: RememberedAnswers | None = None
    """Where answers are remembered."""
    door: Door = field(default_factory=Door)
    """Who is turned away, and may be answered from memory all the same."""

    async def answer(
        self,
        submission: Upload | S3Location,
        asked: Asked,
        *,
        permit: Permit,
    ) -> RenderedResult:
        """Fetch; look whether the answer is remembered; else wait for a place, read, structure.

        Raises:
            Overloaded: now that more is known of the document, it would take too long.
            NotReady: while it waited the text side went away.
            OcrError: whatever else stands in the way.
        """
        document = await self._fetch(submission, asked)
        recall = await self._recall(document, asked)
        if (answer := await self._repeat(recall, document, asked)) is not None:
            return answer
        permit.expect(await self._guess_pages(document.untrusted_bytes, asked.parameters))
        with ExitStack() as held:
            images = held.enter_context(self._images_for(asked))
            kept, caller, parameters = None, asked.caller, asked.parameters
            if self.keeper is not None and parameters.store and (days := caller.policy.retention_days):
                kept = held.enter_context(
                    self.keeper.document(caller.tenant, schemas=parameters.schemas, retention_days=days)
                )
            result = await self._read(document, asked, permit=permit, images=images, kept=kept)
        if self.remembered is not None and recall is not None:
            self.remembered.keep(recall, result)
        return result

    async def answer_from_memory(
        self,
        submission: Upload | S3Location,
        asked: Asked,
    ) -> RenderedResult | None:
        """The answer, if it is remembered; null where the document would have to be read.

        Raises:
            OcrError: the source cannot be fetched.
        """
        document = await self._fetch(submission, asked)
        recall = await self._recall(document, asked)
        return await self._repeat(recall, document, asked)

    async def _fetch(self, submission: Upload | S3Location, asked: Asked) -> _Document:
        if isinstance(submission, S3Location):
            with _stage(asked.context, "fetch"):
                content = await self.sources.fetch(
                    submission,
                    allow_list=AllowList(asked.caller.policy.source_prefixes),
                    max_bytes=self.limits.max_body_bytes,
                    deadline=asked.deadline,
                )
        else:
            content = submission.untrusted_bytes
        asked.context.facts["body_bytes"] = len(content)
        sha256 = None
        if self.remembered is not None:
            is_small = len(content) <= _MAX_BYTES_HASHED_ON_THE_LOOP
            sha256 = sha256_of(content) if is_small else await asyncio.to_thread(sha256_of, content)
        return _Document(untrusted_bytes=content, file_name=submission.file_name, sha256=sha256)

    async def _recall(self, document: _Document, asked: Asked) -> Recall | None:
        """Null where nothing is remembered at all."""
        if self.remembered is None or document.sha256 is None:
            return None
        with _stage(asked.context, "recall"):
            return await self.remembered.look_up(
                document.sha256,
                file_name=document.file_name,
                parameters=asked.parameters,
                caller=asked.caller,
                deadline=asked.deadline,
            )

    async def _repeat(self, recall: Recall | None, document: _Document, asked: Asked) -> RenderedResult | None:
        """The answer that was found; null where none was."""
        if self.remembered is None or recall is None or recall.found is None:
            return None
        asked.context.facts["from_memory"] = True
        asked.context.stages_ms["total"] = asked.context.elapsed_ms()
        return await self.remembered.renewed(
            recall.found,
            output_format=asked.parameters.format,
            file_name=document.file_name,
            context=asked.context,
        )

    def _images_for(self, asked: Asked) -> AbstractContextManager[PdfAnswer | ShownAnswer | None]:
        """Who keeps page images for the answer; nobody where it shows none."""
        if asked.parameters.format is OutputFormat.PDF:
            return self.pdfs.answer(asked.deadline)
        return self.shown_pages.answer() if asked.parameters.page_images else nullcontext()

    async def _guess_pages(self, content: bytes, parameters: OcrParameters) -> int | None:
        most = self.limits.max_pages
        if len(content) <= _MAX_BYTES_GUESSED_ON_THE_LOOP:
            return guess_pages(content, parameters.selection, at_most=most)
        return await asyncio.to_thread(guess_pages, content, parameters.selection, at_most=most)

    async def _read(
        self,
        document: _Document,
        asked: Asked,
        *,
        permit: Permit,
        images: PdfAnswer | ShownAnswer | None,
        kept: KeptDocument | None,
    ) -> RenderedResult:
        """Wait for a place, read, structure, and put the pages' images to it where they are wanted; keep it."""
        parameters, deadline, context = asked.parameters, asked.deadline, asked.context
        async with AsyncExitStack() as place:
            with _stage(context, "wait"):
                await place.enter_async_context(permit.reading_place())
            self.text_side.require()  # it may have gone while the document waited
            reading = await read_document(
                document.untrusted_bytes,
                sha256=document.sha256,
                file_name=document.file_name,
                selection=parameters.selection,
                text_layer=parameters.text_layer is TextLayerUse.PREFER,
                limits=self.limits,
                priority=Priority.SYNC,
                deadline=deadline,
                opener=self.opener,
                models=self.models,
                workers=self.workers,
                on_opened=lambda opened: permit.expect(parameters.selection.count(opened.page_count)),
                on_page=permit.page_done,
                keep_page=_keeper_of(images, kept),
                second_look=self.second_look,
            )
        self._note(reading, context)
        with _stage(context, "structure"):
            result = await self._structure(reading, parameters.structure_options, asked)
        if isinstance(images, PdfAnswer):
            with _stage(context, "write"):
                result = await images.write(result)
        is_completed = parameters.format is OutputFormat.JSON
        shown = images if isinstance(images, ShownAnswer) else None
        if kept is not None:
            with _stage(context, "keep"):
                left_s = reserve_s(result, shown, is_completed=is_completed)
                await self._keep(kept, reading, result, asked, reserve_s=left_s)
            result = kept.tell_by_headers(result)
        context.stages_ms["total"] = context.elapsed_ms()
        return await complete(result, context, shown, kept) if is_completed else result

    async def _keep(
        self,
        kept: KeptDocument,
        reading: Reading,
        result: RenderedResult,
        asked: Asked,
        *,
        reserve_s: float,
    ) -> None:
        """Keep the document; of an answer in another format the JSON is made as well."""
        parameters, context = asked.parameters, asked.context

        async def as_json() -> dict[str, Any]:
            rendered = result
            if parameters.format is not OutputFormat.JSON:
                options = replace(parameters.structure_options, output_format=OutputFormat.JSON)
                rendered = await self._structure(reading, options, asked)
            answer: dict[str, Any] = await asyncio.to_thread(from_json, rendered.body)
            return answer

        timing_ms = rounded({**context.stages_ms, "total": context.elapsed_ms()})
        await kept.finish(as_json, timing_ms=timing_ms, deadline=asked.deadline, reserve_s=reserve_s)

    async def _structure(self, reading: Reading, options: StructureOptions, asked: Asked) -> RenderedResult:
        with self.text_side.call():
            return await self.structurer.structure(
                reading, options=options, request_id=asked.context.request_id, deadline=asked.deadline
            )

    def _note(self, reading: Reading, context: RequestContext) -> None:
        unread = sum(isinstance(page, PageError) for page in reading.pages)
        self.metrics.pages.labels("unread").inc(unread)
        self.metrics.pages.labels("read").inc(len(reading.pages) - unread)
        timing = reading.timing
        context.stages_ms |= {"open": timing.open_ms, "detect": timing.detect_ms, "recognise": timing.recognise_ms}
        context.facts |= {
            "media_type": reading.document.media_type,
            "page_count": reading.document.page_count,
            "pages_read": len(reading.pages) - unread,
            "pages_unread": unread,
        }


def _keeper_of(images: PdfAnswer | ShownAnswer | None, kept: KeptDocument | None) -> KeepPage | None:
    """Who is given each page's pixels."""
    if kept is None:
        return None if images is None else images.keep
    if images is None:
        return kept.keep

    def both(page: PageImage, rotation_deg: int) -> None:
        if isinstance(images, ShownAnswer):  # compressed once for both
            kept.take(images.keep_shown(page, rotation_deg))
        else:
            images.keep(page, rotation_deg)
            kept.keep(page, rotation_deg)

    return both


@contextmanager
def _stage(context: RequestContext, stage: str) -> Iterator[None]:
    started_s = time.monotonic()
    try:
        with tracing.span(stage):
            yield
    finally:
        context.stages_ms[stage] = (time.monotonic() - started_s) * 1_000
