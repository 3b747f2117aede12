"""What the function's children say about a document, call by call, as if it were one child on this machine.

::

    call 1: pages 1-4 ──► answer ──► receive: Document, Page, Page, Page, Page
                                        │ begun when the first of them is taken
    call 2: pages 5-8 ──► answer ──►    └──► (Document, compared) Page, Page, Page, Page
                                                │ …

At most one call is ahead of what is being read, and at most one page is fetched ahead.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ocr_core.adapters.lambda_exchange import Called, Exchange
from ocr_core.adapters.sandbox_channel import ChildEnded
from ocr_core.adapters.sandbox_pages import PageMemory
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import PageSelection
from ocr_core.contracts.errors import DeadlineExceeded, InvalidRequest
from ocr_core.contracts.lambda_wire import Answer, Ending
from ocr_core.contracts.opening_wire import (
    FAILURES_OF_A_PAGE,
    DocumentOpened,
    ForgedMessage,
    OpenFailed,
    OpenRequest,
    PageFailed,
    PageReady,
    SandboxMessage,
    decode_message,
)
from ocr_core.contracts.page_memory import PageLayout, page_memory_bytes
from ocr_core.contracts.pool_wire import PoolMessage

_LEAST_CPU_S = 1.0
_GOING_ON = (Ending.MORE, Ending.COMPLETE)
"""A later call asks for its own pages only, and is complete with them."""


class FetchedPage:
    """``PageMemory`` over bytes that are this process's own: nobody else can change them."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def take(self, byte_count: int) -> memoryview:
        """See ``PageMemory.take``."""
        if len(self._content) < byte_count:
            raise ForgedMessage("memory that is smaller than its page")
        return memoryview(self._content)[:byte_count]

    def close(self) -> None:
        """Let go of it."""
        self._content = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One message of an answer, and where its page is."""

    message: SandboxMessage
    page_key: str | None = None


class LambdaConversation:
    """``Conversation`` with as many children as there are calls; each is asked for some pages of the same document.

    Args:
        exchange: The document's, already stored.
        request: What is wanted.
        pages_per_call: At most.
        deadline: When it must have ended.
        on_exit: Told how each child ended.
    """

    def __init__(
        self,
        exchange: Exchange,
        request: OpenRequest,
        *,
        pages_per_call: int,
        deadline: Deadline,
        on_exit: Callable[[PoolMessage], None],
    ) -> None:
        self._exchange = exchange
        self._on_exit = on_exit
        self._request = request
        self._pages_per_call = pages_per_call
        self._deadline = deadline
        self._opened: DocumentOpened | None = None
        self._numbers: list[int] = []
        self._pages_answered = 0
        self._any_page = False
        self._cpu_ms = 0
        self._lines: deque[_Line] = deque()
        self._answer: Answer | None = None
        self._next: asyncio.Task[Called] | None = None
        self._fetching: asyncio.Task[bytes] | None = None

    def begin(self) -> None:
        """Call the function for the first pages; they are waited for in ``receive``."""
        self._begin_call(self._request.selection)

    async def receive(self) -> tuple[SandboxMessage, PageMemory | None]:
        """See ``Conversation.receive``.

        Raises:
            Overloaded, NotReady, DeadlineExceeded: the function or the store is not to be had, or was not in time.
        """
        while not self._lines:
            await self._hear_next()
        line = self._lines[0]
        content = await self._fetched(line)
        self._lines.popleft()
        self._fetch_ahead()
        return line.message, None if content is None else FetchedPage(content)

    def page_taken(self, pages_left: int) -> None:
        """See ``Conversation.page_taken``: with the first page of an answer, the call for the next is begun."""
        if pages_left and self._next is None and self._has_more():
            self._begin_call(self._next_selection())

    async def exit(self, timeout_s: float) -> PoolMessage | None:
        """See ``Conversation.exit``; it came with the answer."""
        del timeout_s
        if self._answer is None or self._answer.exit is None:
            return None
        return dataclasses.replace(self._answer.exit, cpu_ms=self._cpu_ms)

    def end(self) -> None:
        """See ``Conversation.end``. A call under way runs on, no longer than its own time."""
        self._lines.clear()
        for task in (self._next, self._fetching):
            if task is not None:
                task.cancel()
                task.add_done_callback(_forget)
        self._next = self._fetching = None

    # Calls.

    def _begin_call(self, selection: PageSelection) -> asyncio.Task[Called]:
        # One budget of processor time for all calls.
        limits = self._request.limits
        limits = dataclasses.replace(limits, max_cpu_s=max(_LEAST_CPU_S, limits.max_cpu_s - self._cpu_ms / 1000))
        timeout_s = min(self._deadline.remaining_s(), limits.max_wall_s)
        request = dataclasses.replace(self._request, selection=selection, limits=limits, timeout_s=timeout_s)
        calling = self._exchange.call(request, pages=self._pages_per_call)
        self._next = asyncio.get_running_loop().create_task(calling)
        return self._next

    async def _hear_next(self) -> None:
        """Take the next answer in, or tell why there is none."""
        if self._next is None and not self._has_more():
            raise self._why_it_ended()
        called = await asyncio.shield(self._next or self._begin_call(self._next_selection()))
        self._next = None
        self._take_in(called)
        self._fetch_ahead()

    def _take_in(self, called: Called) -> None:
        answer, page_keys = called.answer, iter(called.page_keys)
        if answer.exit is not None:
            self._cpu_ms += answer.exit.cpu_ms
            self._on_exit(answer.exit)
        lines = []
        try:
            for raw in answer.messages:
                message = decode_message(raw)
                lines.append(_Line(message=message, page_key=next(page_keys) if _is_ready(message) else None))
        except (ForgedMessage, StopIteration):
            # What was said before is heard first, as from a child's socket.
            answer = dataclasses.replace(answer, ending=Ending.FORGED)
        if self._opened is not None:
            lines = self._without_opening(lines)
        elif lines and isinstance(lines[0].message, DocumentOpened):
            self._remember(lines[0].message)
        if not lines and answer.ending in _GOING_ON:
            raise ForgedMessage("an answer that brings nothing and promises more")
        self._pages_answered += sum(isinstance(line.message, PageReady | PageFailed) for line in lines)
        self._any_page = self._any_page or any(_is_ready(line.message) for line in lines)
        self._lines.extend(lines)
        self._answer = answer

    def _remember(self, opened: DocumentOpened) -> None:
        """Which pages there are to ask for; what is wrong with them, the document's reader says."""
        self._opened = opened
        selection = self._request.selection
        try:
            if selection.count(opened.page_count) <= self._request.limits.max_pages:
                self._numbers = selection.numbers(opened.page_count)
        except InvalidRequest as error:
            raise ForgedMessage("fewer pages than were opened") from error

    def _without_opening(self, lines: list[_Line]) -> list[_Line]:
        """The lines of a later answer as if there had been one child: the document is opened once.

        A child of whose pages none can be read says that of the document: it knows of no others. Here they are known.
        """
        if not lines or isinstance(lines[0].message, OpenFailed):
            return lines
        if lines[0].message != self._opened:
            raise ForgedMessage("another document than before")
        last, wanted = lines[-1].message, self._next_numbers()
        if isinstance(last, OpenFailed) and last.failure in FAILURES_OF_A_PAGE and len(lines) == len(wanted) + 1:
            any_other = self._any_page or self._pages_answered + len(wanted) < len(self._numbers)
            if any_other:
                return [*lines[1:-1], _Line(message=PageFailed(number=wanted[-1], memory=0, failure=last.failure))]
        return lines[1:]

    def _next_numbers(self) -> list[int]:
        return self._numbers[self._pages_answered : self._pages_answered + self._pages_per_call]

    def _next_selection(self) -> PageSelection:
        return PageSelection(ranges=tuple((number, number) for number in self._next_numbers()))

    def _has_more(self) -> bool:
        return self._answer is not None and self._answer.ending in _GOING_ON and bool(self._next_numbers())

    def _why_it_ended(self) -> Exception:
        match self._answer:
            case Answer(ending=Ending.FORGED):
                return ForgedMessage("what the function did not pass on, or should not have")
            case Answer(ending=Ending.OVERDUE):
                return DeadlineExceeded("the deadline passed before stage 'open' ended")
            case _:
                return ChildEnded()

    # Pages.

    async def _fetched(self, line: _Line) -> bytes | None:
        if line.page_key is None:
            return None
        if self._fetching is None:
            self._fetching = self._fetch(line)
        content = await asyncio.shield(self._fetching)
        self._fetching = None
        return content

    def _fetch_ahead(self) -> None:
        if self._fetching is None and self._lines and self._lines[0].page_key is not None:
            self._fetching = self._fetch(self._lines[0])

    def _fetch(self, line: _Line) -> asyncio.Task[bytes]:
        return asyncio.get_running_loop().create_task(self._bytes_of(line))

    async def _bytes_of(self, line: _Line) -> bytes:
        match line:
            case _Line(message=PageReady() as page, page_key=str(key)):
                layout = PageLayout.of(
                    width_px=page.width_px,
                    height_px=page.height_px,
                    word_count=page.word_count,
                    code_point_count=page.code_point_count,
                )
                # Before it is fetched: nothing larger than any page may be is taken into memory.
                if layout.total_bytes > page_memory_bytes(self._request.limits):
                    raise ForgedMessage("a page over the pixel limit")
                return await self._exchange.page(key, byte_count=layout.total_bytes)
            case _:
                raise ForgedMessage("a message without a page")


def _is_ready(message: SandboxMessage) -> bool:
    return isinstance(message, PageReady)


def _forget(task: asyncio.Task[Called] | asyncio.Task[bytes]) -> None:
    if not task.cancelled():
        task.exception()
