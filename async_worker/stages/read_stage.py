"""Pixels: a document, or a range of its pages, from its source to a stored ``Reading``."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import itertools
import math
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import partial

from async_worker.object_keys import reading_key
from async_worker.stages.keeping import DocumentKeeping, PagesToKeep
from async_worker.stages.metrics import StageMetrics
from async_worker.stages.page_images import KeptImages, kept_images, needs_page_images
from async_worker.stages.remembered_readings import RecalledReading, RememberedReadings
from async_worker.stages.sources import SourceReader
from async_worker.stages.work import Closing, NotBegun, insist
from ocr_core import tracing
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import DocumentInfo, OpenLimits, PageSelection, Priority
from ocr_core.contracts.errors import NotReady, Overloaded, UnreadableDocument, UnreadablePage
from ocr_core.contracts.job_store import Leases
from ocr_core.contracts.jobs import Lease, PageRange, Stage
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.page import PageError, PageImage
from ocr_core.contracts.ports import FileOpener, OpenedDocument, TextModels
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import encode_reading
from ocr_core.settings import BulkSettings, PdfSettings
from ocr_core.telemetry import observe
from preprocess_svc.pipeline import KeepPage, ReadingDeclined, read_document

SOURCE_CHANGED = "the object at the source was replaced while its pages were being read"
READING_CONTENT_TYPE = "application/vnd.msgpack"


class ReadStage:
    """``StageWork`` of ``Stage.READ`` and ``Stage.READ_RANGE``."""

    def __init__(
        self,
        *,
        store: Leases,
        objects: ObjectStore,
        sources: SourceReader,
        opener: FileOpener,
        models: TextModels,
        workers: Executor,
        limits: OpenLimits,
        settings: BulkSettings,
        pdf: PdfSettings,
        metrics: StageMetrics,
        second_look: bool,
        remembered: RememberedReadings | None = None,
        keeping: DocumentKeeping | None = None,
    ) -> None:
        self._keeping = keeping
        self._store = store
        self._objects = objects
        self._sources = sources
        self._opener = opener
        self._models = models
        self._workers = workers
        self._limits = bulk_limits(limits, settings)
        self._range_pages = settings.range_pages
        self._pdf = pdf
        self._metrics = metrics
        self._second_look = second_look
        self._remembered = remembered

    async def work(self, lease: Lease, deadline: Deadline) -> Closing:
        """See ``StageWork``."""
        try:
            with tracing.span("fetch"):
                content = await self._sources.fetch(lease, max_bytes=self._limits.max_body_bytes, deadline=deadline)
        except NotReady as error:
            raise NotBegun(error) from error
        try:
            pages_kept = self._keeping is not None and bool(await self._keeping.days(lease))
            if not pages_kept and not needs_page_images(lease):
                return await self._recall_or_read(lease, content, deadline)
            with ExitStack() as held:
                images = held.enter_context(kept_images(self._pdf)) if needs_page_images(lease) else None
                pages = None
                if self._keeping is not None and pages_kept:
                    pages = held.enter_context(self._keeping.pages())
                reading = await self._read(lease, content, deadline, keep_page=_keeper_of(images, pages))
                if pages is not None:
                    await pages.store(lease, deadline)
                return await self._keep(lease, reading, deadline, images=images)
        except _IsLong as long:
            ranges = split_pages(long.page_count, self._range_pages)
            commit = partial(self._store.split_into_ranges, lease.token, ranges=ranges, page_count=long.page_count)
            return Closing(outcome="split", commit=commit)

    async def _recall_or_read(self, lease: Lease, content: bytes, deadline: Deadline) -> Closing:
        if self._remembered is None:
            return await self._keep(lease, await self._read(lease, content, deadline), deadline)
        recalled = await self._remembered.look_up(lease, content, file_name=_file_name(lease))
        if recalled.found is not None:
            return await self._keep(lease, recalled.found, deadline, recalled=recalled)
        reading = await self._read(lease, content, deadline, sha256=recalled.document_sha256)
        return await self._keep(lease, reading, deadline, recalled=recalled)

    async def _read(
        self,
        lease: Lease,
        content: bytes,
        deadline: Deadline,
        *,
        keep_page: KeepPage | None = None,
        sha256: str | None = None,
    ) -> Reading:
        look = _FirstLook(lease, at_most_pages=self._range_pages)
        pages = () if lease.pages is None else ((lease.pages.first, lease.pages.last),)
        try:
            return await read_document(
                content,
                file_name=_file_name(lease),
                selection=PageSelection(ranges=pages),
                limits=self._limits,
                text_layer=False,
                priority=Priority.BULK,
                deadline=deadline,
                opener=self._opener,
                models=self._models,
                workers=self._workers,
                on_opened=look,
                keep_page=keep_page,
                second_look=self._second_look,
                sha256=sha256,
            )
        except Overloaded as error:
            if look.opened is None:  # it was not even opened
                raise NotBegun(error) from error
            raise
        except UnreadableDocument as error:
            if lease.pages is None or look.opened is None or type(error) is not UnreadableDocument:
                raise
            # Other ranges may hold pages that can be read; if none does, the structure stage says so.
            return await self._unread(lease, lease.pages, look.opened, content, error)

    async def _unread(
        self, lease: Lease, pages: PageRange, opened: OpenedDocument, content: bytes, error: UnreadableDocument
    ) -> Reading:
        """The reading of a range that has no readable page."""
        loop = asyncio.get_running_loop()
        sha256 = await loop.run_in_executor(self._workers, lambda: hashlib.sha256(content).hexdigest())
        in_use = await self._models.in_use()
        return Reading(
            document=DocumentInfo(
                file_name=_file_name(lease),
                media_type=opened.media_type,
                page_count=opened.page_count,
                sha256=sha256,
            ),
            pages=tuple(
                PageError(number=number, code=UnreadablePage.code, detail=error.detail)
                for number in range(pages.first, pages.last + 1)
            ),
            model_versions=in_use.versions,
            charset_sha256=in_use.charset_sha256,
            warnings=opened.warnings,
        )

    async def _keep(
        self,
        lease: Lease,
        reading: Reading,
        deadline: Deadline,
        *,
        images: KeptImages | None = None,
        recalled: RecalledReading | None = None,
    ) -> Closing:
        """Store the reading under the attempt's own key, and what is kept of its pages beside it."""
        with tracing.span("store"):
            return await self._kept(lease, reading, deadline, images, recalled)

    def _note_steps(self, reading: Reading) -> None:
        """As the sync road does, under the same names: which of a document's steps takes how long."""
        steps = {
            "open": reading.timing.open_ms,
            "detect": reading.timing.detect_ms,
            "recognise": reading.timing.recognise_ms,
        }
        for step, elapsed_ms in steps.items():
            observe(self._metrics.steps.labels(step), elapsed_ms / 1_000)

    async def _kept(
        self,
        lease: Lease,
        reading: Reading,
        deadline: Deadline,
        images: KeptImages | None,
        recalled: RecalledReading | None,
    ) -> Closing:
        encoded = await asyncio.get_running_loop().run_in_executor(self._workers, encode_reading, reading)
        key = reading_key(lease)
        written_keys = (key,) if images is None else (key, await images.store(self._objects, key, deadline))
        await insist(lambda: self._objects.put(key, encoded, content_type=READING_CONTENT_TYPE), deadline)
        is_recalled = recalled is not None and recalled.found is not None
        if not is_recalled:
            self._note_steps(reading)
        for page in reading.pages:
            outcome = "remembered" if is_recalled else "read" if isinstance(page, PageReading) else "unreadable"
            self._metrics.pages.labels(outcome).inc()
        if self._remembered is not None and recalled is not None and not is_recalled:
            await self._remembered.keep(recalled, reading, encoded)
        if lease.stage is Stage.READ_RANGE:
            commit = partial(self._store.finish_range, lease.token, reading_key=key)
        else:
            page_count = reading.document.page_count
            commit = partial(self._store.finish_read, lease.token, reading_key=key, page_count=page_count)
        return Closing(outcome="read", commit=commit, written_keys=written_keys)


def _keeper_of(*holders: KeptImages | PagesToKeep | None) -> KeepPage | None:
    """Who is given each page's pixels."""
    keepers = [holder.keep for holder in holders if holder is not None]
    if not keepers:
        return None

    def keep(page: PageImage, rotation_deg: int) -> None:
        for keeper in keepers:
            keeper(page, rotation_deg)

    return keep


def bulk_limits(limits: OpenLimits, settings: BulkSettings) -> OpenLimits:
    """What one opening may cost here.

    Bytes and pages are the bulk road's own. The budgets of pixels and of processor time are meant for
    ``limits.max_pages``; no opening reads more than ``range_pages`` here, and a page may cost as much as there.
    """
    share = max(1.0, settings.range_pages / limits.max_pages)
    return dataclasses.replace(
        limits,
        max_body_bytes=settings.max_body_bytes,
        max_pages=settings.max_pages,
        max_document_pixels=math.ceil(limits.max_document_pixels * share),
        max_cpu_s=limits.max_cpu_s * share,
    )


def split_pages(page_count: int, range_pages: int) -> tuple[PageRange, ...]:
    """As few ranges of at most ``range_pages`` as there can be, as even as they can be, so that all end together."""
    count = math.ceil(page_count / range_pages)
    ends = [page_count * number // count for number in range(count + 1)]
    return tuple(PageRange(first=before + 1, last=end) for before, end in itertools.pairwise(ends))


def _file_name(lease: Lease) -> str:
    """As the caller said, else the source's last segment, as on the sync road."""
    return lease.file_name or lease.source.rsplit("/", 1)[-1]


class _IsLong(ReadingDeclined):
    """The document has more pages than are read at one time."""

    def __init__(self, page_count: int) -> None:
        super().__init__(f"{page_count} pages")
        self.page_count = page_count


class _FirstLook:
    """Looks at a document that has just been opened, before its first page."""

    def __init__(self, lease: Lease, *, at_most_pages: int) -> None:
        self._lease = lease
        self._at_most_pages = at_most_pages
        self.opened: OpenedDocument | None = None

    def __call__(self, opened: OpenedDocument) -> None:
        if self._lease.pages is None:
            if opened.page_count > self._at_most_pages:
                raise _IsLong(opened.page_count)
        elif opened.page_count != self._lease.page_count:
            raise UnreadableDocument(SOURCE_CHANGED)
        self.opened = opened
