"""The pixel pipeline: a document's bytes in, a ``Reading`` out. Both roads, sync and bulk, run this.

Pages overlap: while one is recognised the next is detected and the one after that is opened. How many are in flight is
bounded, and so is memory, however many pages the document has. Everything that is started belongs to a task group: a
deadline, a disconnect or an error ends all of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from ocr_core import tracing
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import DocumentInfo, OpenLimits, PageSelection, Priority
from ocr_core.contracts.errors import DeadlineExceeded, NotReady, OcrError, UnreadableDocument, UnreadablePage
from ocr_core.contracts.page import Notice, PageError, PageImage
from ocr_core.contracts.ports import FileOpener, OpenedDocument, TextModels
from ocr_core.contracts.reading import PageReading, Reading, StageTiming
from preprocess_svc.page_reader import ReadPage, read_page
from preprocess_svc.tools import Tools

PAGES_IN_FLIGHT = 3
"""One being opened, one being detected, one being recognised."""

RECOGNITIONS_IN_FLIGHT = 8
"""Requests of one document that wait for the recogniser at once: enough to keep its streams busy."""

DETECTIONS_IN_FLIGHT = 2
"""Likewise for the detector; each tile of a long page counts as one."""


KeepPage = Callable[[PageImage, int], None]
"""Takes a page as opened, and by how many degrees clockwise it was turned upright; keeps of it what it needs. Called in
a thread while the pixels are there, after the page has been read, or could not be."""


class ReadingDeclined(Exception):
    """What ``on_opened`` raises where the document is not to be read after all; it comes out as it is."""


def _read_on(_opened: OpenedDocument) -> None:
    pass


def _go_on() -> None:
    pass


async def read_document(
    untrusted_bytes: bytes,
    *,
    file_name: str | None,
    selection: PageSelection,
    limits: OpenLimits,
    text_layer: bool,
    priority: Priority,
    deadline: Deadline,
    opener: FileOpener,
    models: TextModels,
    workers: Executor,
    pages_in_flight: int = PAGES_IN_FLIGHT,
    on_opened: Callable[[OpenedDocument], None] = _read_on,
    on_page: Callable[[], None] = _go_on,
    keep_page: KeepPage | None = None,
    second_look: bool = True,
    sha256: str | None = None,
) -> Reading:
    """Open a document and read its pages.

    Args:
        untrusted_bytes: The file.
        file_name: What the caller calls it; passed on, never believed.
        selection: Which pages.
        limits: What opening may cost.
        text_layer: Whether a PDF's own text is wanted as well.
        priority: Sync goes before bulk.
        deadline: Of the whole request.
        opener: Opens the file away from this process.
        models: Detector and recogniser.
        workers: The process's one bounded pool for work on pixels.
        pages_in_flight: How many pages may be in memory at once.
        on_opened: Told what the document is and how many pages it has, before the first of them is asked for.
        on_page: Told of each page that has been read, or could not be.
        keep_page: Given each page's pixels; what it raises ends the reading.
        second_look: Whether doubtful narrow print is read a second time.
        sha256: Of the file, where it is known already.

    Raises:
        ReadingDeclined: ``on_opened`` did.
        UnreadableDocument: also where no selected page could be read.
        DeadlineExceeded: nothing that was started goes on.
        NotReady: also where Triton was started anew meanwhile, with another recogniser.
        OcrError: whatever else the opener or the models report.
    """
    tools = Tools(
        models=models,
        workers=workers,
        priority=priority,
        deadline=deadline,
        detection_slots=asyncio.Semaphore(DETECTIONS_IN_FLIGHT),
        recognition_slots=asyncio.Semaphore(RECOGNITIONS_IN_FLIGHT),
        second_look=second_look,
    )
    walk = _Walk(tools, pages_in_flight, keep_page, on_page)
    with _plain_errors():
        async with asyncio.timeout(deadline.remaining_s()), asyncio.TaskGroup() as group:
            hashing = group.create_task(_digest(untrusted_bytes, sha256, tools))
            charset_before = group.create_task(models.charset_sha256())
            opening = opener.open(
                untrusted_bytes, selection=selection, limits=limits, deadline=deadline, text_layer=text_layer
            )
            opened_s = time.perf_counter()
            async with opening as opened:
                walk.open_s += time.perf_counter() - opened_s
                on_opened(opened)
                charset_sha256 = await charset_before
                await walk.read_pages(opened)
                media_type, page_count = opened.media_type, opened.page_count
            # Class ids mean nothing under another charset: both ends must agree (1.5 ms, beside 100 for a page).
            in_use = await models.in_use()
            if in_use.charset_sha256 != charset_sha256:
                raise NotReady("the recogniser was replaced while it read the document")
    return Reading(
        document=DocumentInfo(
            file_name=file_name, media_type=media_type, page_count=page_count, sha256=hashing.result()
        ),
        pages=walk.pages_in_order(),
        model_versions=in_use.versions,
        charset_sha256=charset_sha256,
        warnings=tuple(walk.warnings),
        timing=walk.timing(),
    )


class _Walk:
    """The walk over one document's pages, and what has come of it so far."""

    def __init__(
        self, tools: Tools, pages_in_flight: int, keep_page: KeepPage | None, on_page: Callable[[], None]
    ) -> None:
        self._tools = tools
        self._keep_page = keep_page
        self._on_page = on_page
        self._slots = asyncio.Semaphore(pages_in_flight)
        self._read: list[ReadPage] = []
        self._failed: list[PageError] = []
        self._started_s = time.perf_counter()
        self.warnings: list[Notice] = []
        self.open_s = 0.0

    async def read_pages(self, opened: OpenedDocument) -> None:
        """Read every page that the opener hands out; a page is asked for only when there is room for it."""
        pages = opened.pages()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._slots.acquire()
                asked_s = time.perf_counter()
                page = await anext(pages, None)
                self.open_s += time.perf_counter() - asked_s
                if page is None:
                    break
                if isinstance(page, PageError):
                    self._failed.append(page)
                    self._on_page()
                    self._slots.release()
                else:
                    group.create_task(self._read_page(page))
                del page  # the pixels belong to the task alone, and go with it
        self.warnings[:0] = opened.warnings

    async def _read_page(self, page: PageImage) -> None:
        rotation_deg = 0
        try:
            try:
                with tracing.span("read page", {"ocr.page": page.number}) as span:
                    read = await read_page(page, self._tools)
                    span.tell({"ocr.lines": len(read.reading.lines), "ocr.rotation_deg": read.reading.rotation_deg})
                rotation_deg = read.reading.rotation_deg
                self.warnings.extend(read.warnings)
                self._read.append(read)
            except UnreadablePage as error:
                self._failed.append(PageError(number=page.number, code=error.code, detail=error.detail))
            if self._keep_page is not None:
                await self._tools.in_thread(self._keep_page, page, rotation_deg)
            self._on_page()
        finally:
            self._slots.release()

    def pages_in_order(self) -> tuple[PageReading | PageError, ...]:
        """What became of the selected pages.

        Raises:
            UnreadableDocument: none of them could be read.
        """
        if not self._read:
            detail = self._failed[0].detail if self._failed else "the document has no pages"
            raise UnreadableDocument(f"no page could be read: {detail}")
        pages: list[PageReading | PageError] = [page.reading for page in self._read]
        return tuple(sorted([*pages, *self._failed], key=lambda page: page.number))

    def timing(self) -> StageTiming:
        """What the stages took, summed over the pages, and what has passed since the start."""
        return StageTiming(
            open_ms=self.open_s * 1000,
            detect_ms=sum(page.detect_ms for page in self._read),
            recognise_ms=sum(page.recognise_ms for page in self._read),
            elapsed_ms=(time.perf_counter() - self._started_s) * 1000,
        )


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what a task group and a timeout raise into errors of the tree; anything else stays as it is."""
    try:
        yield
    except TimeoutError as error:
        raise DeadlineExceeded("the deadline passed while the document was being read") from error
    except BaseExceptionGroup as group:
        first = _first_foreseen(group)
        if first is None:
            raise
        raise first from group


def _first_foreseen(group: BaseExceptionGroup) -> BaseException | None:
    """The first error of the tree inside nested groups; null where there is something that is none of ours."""
    ours, others = group.split((OcrError, ReadingDeclined))
    if ours is None or others is not None:
        return None
    first: BaseException = ours
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


async def _digest(content: bytes, known_sha256: str | None, tools: Tools) -> str:
    if known_sha256 is not None:
        return known_sha256
    return await tools.in_thread(_sha256, content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
