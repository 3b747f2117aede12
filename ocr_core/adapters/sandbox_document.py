"""A document inside the sandbox, as the pipeline sees it.

Every message was checked by itself when it was decoded; here it is held against what is expected at this moment: the
pages that were asked for, in order, within the limits.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from ocr_core import tracing
from ocr_core.adapters.opener_metrics import OpenerMetrics
from ocr_core.adapters.sandbox_channel import ChildEnded, Conversation, within
from ocr_core.adapters.sandbox_errors import cpu_error, exit_error, failure_error, is_violation, page_error, wall_error
from ocr_core.adapters.sandbox_evidence import report_forgery
from ocr_core.adapters.sandbox_pages import PageMemory, map_page
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, PageSelection
from ocr_core.contracts.errors import NotReady, UnreadableDocument
from ocr_core.contracts.opening_wire import (
    FAILURES_OF_A_PAGE,
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
from ocr_core.contracts.pool_wire import PoolMessage

MAX_CRASHED_PAGES = 5
"""Pages of one document that may kill their decoder before the document is given up; each costs a new child."""

_EXIT_REPORT_S = 2.0


class SandboxedDocument:
    """A document that one child, or one after another, decodes: a page that kills its child costs that page only.

    Args:
        untrusted_bytes: The document; only for its digest, should it have to be told from others in the log.
        request: What is wanted; its deadline is the argument of that name's.
        converse: Starts a child for a request.
        deadline: When all of it must have ended.
        metrics: Where forgeries are counted.
    """

    def __init__(
        self,
        untrusted_bytes: bytes,
        request: OpenRequest,
        *,
        converse: Callable[[OpenRequest], Awaitable[Conversation]],
        deadline: Deadline,
        metrics: OpenerMetrics | None = None,
    ) -> None:
        self._metrics = metrics
        self.media_type = MediaType.PDF
        self.page_count = 0
        self.warnings: tuple[Notice, ...] = ()
        self._untrusted_bytes = untrusted_bytes
        self._request = request
        self._converse = converse
        self._deadline = deadline
        self._numbers: list[int] = []
        self._any_page = False
        self._pixels = 0
        self._cpu_s = 0.0
        self._waited_s = 0.0
        self._crashed_pages = 0
        self._conversation: Conversation | None = None

    async def begin(self) -> None:
        """Have the document opened, up to what it is and how many pages it has.

        Raises:
            OcrError: as ``FileOpener.open`` says.
        """
        with tracing.span("open file", {"ocr.body_bytes": len(self._untrusted_bytes)}) as span:
            opened = await self._open(self._request.selection)
            span.tell({"ocr.media_type": opened.media_type.value, "ocr.page_count": opened.page_count})
        self.media_type, self.page_count = opened.media_type, opened.page_count
        # Counted before they are listed: the page count is a stranger's number.
        count = self._request.selection.count(opened.page_count)
        if count > self._request.limits.max_pages:
            raise failure_error(Failure.PAGES, self._request.limits, value=count)
        self._numbers = self._request.selection.numbers(opened.page_count)

    def end(self) -> None:
        """Let go of the child; one that still works is killed."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.end()

    async def pages(self) -> AsyncIterator[PageImage | PageError]:
        """The selected pages in order; see ``OpenedDocument.pages``.

        Raises:
            OcrError: as ``FileOpener.open`` says.
        """
        for position, number in enumerate(self._numbers):
            page = await self._page(number, rest=self._numbers[position + 1 :])
            self._any_page = self._any_page or isinstance(page, PageImage)
            if position == len(self._numbers) - 1:
                self.end()
                if not self._any_page:
                    raise failure_error(Failure.UNREADABLE, self._request.limits)
            yield page

    async def _page(self, number: int, *, rest: list[int]) -> PageImage | PageError:
        with tracing.span("open page", {"ocr.page": number}) as span:
            page = await self._received_page(number, rest=rest)
            if isinstance(page, PageError):
                span.fail(page.code)
            else:
                height_px, width_px = page.pixels.shape[:2]
                span.tell({"ocr.width_px": width_px, "ocr.height_px": height_px, "ocr.words": len(page.text_layer)})
            return page

    async def _received_page(self, number: int, *, rest: list[int]) -> PageImage | PageError:
        conversation = self._conversation
        if conversation is None:
            raise UnreadableDocument("the document is closed")
        try:
            message, untrusted = await self._receive(conversation)
            try:
                page = await self._checked(message, untrusted, number, is_last=not rest)
            finally:
                if untrusted is not None:
                    untrusted.close()
            conversation.page_taken(len(rest))
        except ChildEnded:
            await self._go_on_without(rest)
            return page_error(number, Failure.UNREADABLE, self._request.limits)
        except ForgedMessage as forged:
            raise self._refused(forged) from forged
        except OSError as error:
            raise _short_of_something() from error
        return page

    async def _checked(
        self, message: SandboxMessage, untrusted: PageMemory | None, number: int, *, is_last: bool
    ) -> PageImage | PageError:
        match message:
            case PageReady() if untrusted is not None and message.number == number:
                self._pixels += message.width_px * message.height_px
                if self._pixels > self._request.limits.max_document_pixels:
                    raise failure_error(Failure.DOCUMENT_PIXELS, self._request.limits)
                return await map_page(
                    untrusted,
                    message,
                    media_type=self.media_type,
                    limits=self._request.limits,
                    text_layer=self._request.text_layer,
                )
            case PageFailed() if untrusted is None and message.number == number:
                return page_error(number, message.failure, self._request.limits)
            case OpenFailed() if untrusted is None:
                if is_last and self._any_page and message.failure in FAILURES_OF_A_PAGE:
                    # A child that goes on behind a crash knows nothing of the pages that were read before it.
                    return page_error(number, message.failure, self._request.limits)
                raise failure_error(message.failure, self._request.limits, value=message.value)
            case _:
                raise ForgedMessage("a message that does not belong here")

    async def _open(self, selection: PageSelection) -> DocumentOpened:
        # One budget for all the children of a document.
        limits = self._request.limits
        limits = dataclasses.replace(limits, max_cpu_s=max(1.0, limits.max_cpu_s - self._cpu_s))
        timeout_s = self._deadline.remaining_s()
        request = dataclasses.replace(self._request, selection=selection, limits=limits, timeout_s=timeout_s)
        self._conversation = conversation = await self._converse(request)
        try:
            message, untrusted = await self._receive(conversation)
        except ChildEnded as ended:
            raise exit_error(await self._exit_of(conversation), self._request.limits) from ended
        except ForgedMessage as forged:
            raise self._refused(forged) from forged
        except OSError as error:
            raise _short_of_something() from error
        if untrusted is not None:
            untrusted.close()
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
        conversation = self._conversation
        if conversation is None:
            return
        exited = await self._exit_of(conversation)
        self.end()
        self._crashed_pages += 1
        error = exit_error(exited, self._request.limits)
        by_damage = type(error) is UnreadableDocument and not (exited is not None and is_violation(exited))
        if not by_damage or self._crashed_pages > MAX_CRASHED_PAGES:
            try:
                raise error
            finally:
                del error  # with its own traceback it would be a cycle that holds pages until it is collected
        if exited is not None:
            self._cpu_s += exited.cpu_ms / 1000
        if self._cpu_s >= self._request.limits.max_cpu_s:
            raise cpu_error(self._request.limits)
        if rest:
            opened = await self._open(PageSelection(ranges=tuple((number, number) for number in rest)))
            if (opened.media_type, opened.page_count) != (self.media_type, self.page_count):
                raise self._refused(ForgedMessage("another document than before"))

    async def _receive(self, conversation: Conversation) -> tuple[SandboxMessage, PageMemory | None]:
        """The next message, within the deadline and within what the document may have of anybody's time.

        Only time in which the host waits for the child counts: a child that waits for the host is not slow.
        """
        limits, started_s = self._request.limits, time.monotonic()
        try:
            async with asyncio.timeout(limits.max_wall_s - self._waited_s), within(self._deadline):
                return await conversation.receive()
        except TimeoutError as error:
            raise wall_error(limits) from error
        finally:
            self._waited_s += time.monotonic() - started_s

    async def _exit_of(self, conversation: Conversation) -> PoolMessage | None:
        return await conversation.exit(min(_EXIT_REPORT_S, self._deadline.remaining_s()))

    def _refused(self, forged: ForgedMessage) -> UnreadableDocument:
        # Only a child that has been taken over, or a fault of ours, gets here. The reason holds numbers only.
        report_forgery(self._untrusted_bytes, self._metrics, forged)
        self.end()
        return UnreadableDocument("the document's decoder answered nonsense")


def _short_of_something() -> NotReady:
    return NotReady("the service is short of descriptors or memory", retry_after_s=1.0)
