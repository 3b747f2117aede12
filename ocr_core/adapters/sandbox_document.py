"""A document inside the sandbox, as the pipeline sees it.

Every message was checked by itself when it was decoded; here it is held against what is expected at this moment: the
pages that were asked for, in order, within the limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from ocr_core.adapters.sandbox_channel import ChildEnded, receive, within
from ocr_core.adapters.sandbox_errors import exit_error, failure_error
from ocr_core.adapters.sandbox_pages import map_page
from ocr_core.adapters.sandbox_pool import Job
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, PageSelection
from ocr_core.contracts.errors import UnreadableDocument, UnreadablePage
from ocr_core.contracts.opening_wire import (
    CREDIT,
    DocumentOpened,
    Failure,
    ForgedMessage,
    OpenFailed,
    OpenRequest,
    PageFailed,
    PageReady,
    SandboxMessage,
)
from ocr_core.contracts.page import Notice, PageError, PageImage
from ocr_core.contracts.pool_wire import PoolMessage, PoolMessageKind

logger = logging.getLogger(__name__)

MAX_CRASHED_PAGES = 5
"""Pages of one document that may kill their decoder before the document is given up; each costs a new child."""

_EXIT_REPORT_S = 2.0


class SandboxedDocument:
    """A document that one child, or one after another, decodes: a page that kills its child costs that page only.

    Args:
        request: What is wanted; its deadline is the third argument's.
        begin_job: Starts a child for a request.
        end_job: Kills it if it still runs.
        deadline: When all of it must have ended.
    """

    def __init__(
        self,
        request: OpenRequest,
        *,
        begin_job: Callable[[OpenRequest], Awaitable[Job]],
        end_job: Callable[[Job], None],
        deadline: Deadline,
    ) -> None:
        self.media_type = MediaType.PDF
        self.page_count = 0
        self.warnings: tuple[Notice, ...] = ()
        self._request = request
        self._begin_job = begin_job
        self._end_job = end_job
        self._deadline = deadline
        self._numbers: list[int] = []
        self._pixels = 0
        self._cpu_s = 0.0
        self._crashed_pages = 0
        self._job: Job | None = None

    async def begin(self) -> None:
        """Have the document opened, up to what it is and how many pages it has.

        Raises:
            OcrError: as ``FileOpener.open`` says.
        """
        opened = await self._open(self._request.selection)
        self.media_type, self.page_count = opened.media_type, opened.page_count
        # Counted before they are listed: the page count is a stranger's number.
        count = self._request.selection.count(opened.page_count)
        if count > self._request.limits.max_pages:
            raise failure_error(Failure.PAGES, self._request.limits, value=count)
        self._numbers = self._request.selection.numbers(opened.page_count)

    def end(self) -> None:
        """Let go of the child; one that still works is killed."""
        job, self._job = self._job, None
        if job is not None:
            self._end_job(job)

    async def pages(self) -> AsyncIterator[PageImage | PageError]:
        """The selected pages in order; see ``OpenedDocument.pages``.

        Raises:
            OcrError: as ``FileOpener.open`` says.
        """
        any_page = False
        for position, number in enumerate(self._numbers):
            page = await self._page(number, rest=self._numbers[position + 1 :])
            any_page = any_page or isinstance(page, PageImage)
            if position == len(self._numbers) - 1:
                self.end()
                if not any_page:
                    raise failure_error(Failure.UNREADABLE, self._request.limits)
            yield page

    async def _page(self, number: int, *, rest: list[int]) -> PageImage | PageError:
        if self._job is None:
            raise UnreadableDocument("the document is closed")
        try:
            message, untrusted_fd = await self._receive(self._job)
            try:
                page = await self._checked(message, untrusted_fd, number)
            finally:
                if untrusted_fd is not None:
                    os.close(untrusted_fd)
        except ChildEnded:
            await self._go_on_without(rest)
            return _page_error(number)
        except ForgedMessage as forged:
            raise self._refused(forged) from forged
        # The child may be gone already: it sends its last pages and ends.
        with contextlib.suppress(OSError):
            self._job.socket.send(CREDIT)
        return page

    async def _checked(self, message: SandboxMessage, untrusted_fd: int | None, number: int) -> PageImage | PageError:
        match message:
            case PageReady() if untrusted_fd is not None and message.number == number:
                self._pixels += message.width_px * message.height_px
                if self._pixels > self._request.limits.max_document_pixels:
                    raise failure_error(Failure.DOCUMENT_PIXELS, self._request.limits)
                return await map_page(
                    untrusted_fd,
                    message,
                    media_type=self.media_type,
                    limits=self._request.limits,
                    text_layer=self._request.text_layer,
                )
            case PageFailed() if untrusted_fd is None and message.number == number:
                return _page_error(number)
            case OpenFailed() if untrusted_fd is None:
                raise failure_error(message.failure, self._request.limits, value=message.value)
            case _:
                raise ForgedMessage("a message that does not belong here")

    async def _open(self, selection: PageSelection) -> DocumentOpened:
        # One budget for all the children of a document.
        limits = self._request.limits
        limits = dataclasses.replace(limits, max_cpu_s=max(1.0, limits.max_cpu_s - self._cpu_s))
        timeout_s = self._deadline.remaining_s()
        request = dataclasses.replace(self._request, selection=selection, limits=limits, timeout_s=timeout_s)
        self._job = job = await self._begin_job(request)
        try:
            message, untrusted_fd = await self._receive(job)
        except ChildEnded as ended:
            raise exit_error(await self._exit_of(job), self._request.limits) from ended
        except ForgedMessage as forged:
            raise self._refused(forged) from forged
        if untrusted_fd is not None:
            os.close(untrusted_fd)
        elif isinstance(message, DocumentOpened):
            return message
        elif isinstance(message, OpenFailed):
            raise failure_error(message.failure, self._request.limits, value=message.value)
        raise self._refused(ForgedMessage("a message that does not belong here"))

    async def _go_on_without(self, rest: list[int]) -> None:
        """After a crash: have the document opened again for the pages behind the one that caused it.

        Raises:
            OcrError: the child was not killed by damage but by a limit, or it happened too often.
        """
        job = self._job
        if job is None:
            return
        exited = await self._exit_of(job)
        self.end()
        self._crashed_pages += 1
        by_damage = type(exit_error(exited, self._request.limits)) is UnreadableDocument
        if not by_damage or self._crashed_pages > MAX_CRASHED_PAGES:
            # Not kept in a variable: with its own traceback it would be a cycle that holds pages until it is collected.
            raise exit_error(exited, self._request.limits)
        if exited is not None:
            self._cpu_s += exited.cpu_ms / 1000
        if rest:
            opened = await self._open(PageSelection(ranges=tuple((number, number) for number in rest)))
            if (opened.media_type, opened.page_count) != (self.media_type, self.page_count):
                raise self._refused(ForgedMessage("another document than before"))

    async def _receive(self, job: Job) -> tuple[SandboxMessage, int | None]:
        async with within(self._deadline):
            return await receive(job.socket)

    async def _exit_of(self, job: Job) -> PoolMessage | None:
        """How the child that hung up ended; the pool says so in the next moment."""
        await asyncio.wait({job.exited}, timeout=min(_EXIT_REPORT_S, self._deadline.remaining_s()))
        if job.exited.done():
            return job.exited.result()
        # It closed its socket and lives on: as good as crashed, and killed when the document is let go.
        return PoolMessage(kind=PoolMessageKind.EXITED, job_id=job.id)

    def _refused(self, forged: ForgedMessage) -> UnreadableDocument:
        # Only a child that has been taken over, or a fault of ours, gets here. The reason holds numbers only.
        logger.error("refused what came out of the sandbox: %s", forged, extra={"action": "opener_forged"})
        self.end()
        return UnreadableDocument("the document's decoder answered nonsense")


def _page_error(number: int) -> PageError:
    return PageError(number=number, code=UnreadablePage.code, detail="the page is damaged and could not be decoded")
