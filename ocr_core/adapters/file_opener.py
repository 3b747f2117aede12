"""Opens untrusted files in a process of their own: a child of the pool, one a file, killed when its time is up.

::

    LocalFileOpener ── places, limits of the request
      ├ SandboxPool ─────── the pool process: start, jobs, restart      (sandbox_pool)
      │   └ Launcher ────── executed here, or in a container beside     (sandbox_launch)
      └ SandboxedDocument ─ one document's pages, in order, checked     (sandbox_document)
          ├ Conversation ── one child: messages, memory                 (sandbox_channel, sandbox_child)
          ├ map_page ────── a page's memory, checked and mapped         (sandbox_pages)
          └ *_error ─────── numbers to sentences                        (sandbox_errors, sandbox_evidence)
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from ocr_core import tracing
from ocr_core.adapters.opener_metrics import OpenerMetrics
from ocr_core.adapters.sandbox_channel import Conversation, within
from ocr_core.adapters.sandbox_child import ChildConversation
from ocr_core.adapters.sandbox_document import SandboxedDocument
from ocr_core.adapters.sandbox_errors import failure_error
from ocr_core.adapters.sandbox_evidence import report_exit
from ocr_core.adapters.sandbox_launch import ExecutingLauncher, Launcher
from ocr_core.adapters.sandbox_pages import seal_document
from ocr_core.adapters.sandbox_pool import SandboxPool
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import DocumentTooLarge, InvalidRequest, NotReady, Overloaded, UnsupportedMediaType
from ocr_core.contracts.opening_wire import MAX_RANGES, Failure, OpenRequest
from ocr_core.contracts.pool_wire import PoolMessage
from ocr_core.contracts.ports import OpenedDocument

_COPY_IN_THREAD_BYTES = 1 << 20
"""Above this, filling the document's memory (0.4 ms a megabyte) would hold the event loop up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenerSettings:
    """How the local opener works."""

    max_children: int = 8
    """Files open at once. Each may use ``OpenLimits.max_memory_bytes``."""
    max_waiting: int = 64
    """Files that wait for one of these places; more are refused at once."""
    launcher: Launcher = field(default_factory=ExecutingLauncher)
    """How to come by the pool."""
    start_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if self.max_children < 1 or self.max_waiting < 0 or self.start_timeout_s <= 0:
            raise ValueError("max_children and start_timeout_s must be positive, max_waiting not negative")


class LocalFileOpener:
    """``FileOpener`` over a pool process on this machine. ``start`` and ``close`` it with the service."""

    def __init__(self, settings: OpenerSettings | None = None, metrics: OpenerMetrics | None = None) -> None:
        self._metrics = metrics
        self._settings = settings or OpenerSettings()
        self._pool = SandboxPool(self._settings.launcher, start_timeout_s=self._settings.start_timeout_s)
        self._places = asyncio.Semaphore(self._settings.max_children)
        self._waiting = 0

    @property
    def pool_pid(self) -> int | None:
        """The pool's process id, while it runs."""
        return self._pool.pid

    async def start(self) -> None:
        """Start the pool, so that the first file does not wait for it. Call it from the thread that stays.

        Raises:
            NotReady: it could not be started.
        """
        await self._pool.start()

    async def close(self) -> None:
        """End the pool and every file that is open in it."""
        await self._pool.close()

    @asynccontextmanager
    async def open(
        self,
        untrusted_bytes: bytes,
        *,
        selection: PageSelection,
        limits: OpenLimits,
        deadline: Deadline,
        text_layer: bool,
    ) -> AsyncIterator[OpenedDocument]:
        """Open a document; see ``FileOpener.open``. Leaving the context kills the child, however far it is.

        Raises:
            NotReady: the pool is down, or went down while the document was open (the same bytes may succeed).
        """
        check_request(untrusted_bytes, selection, limits)
        deadline.check("open")
        request = OpenRequest(
            selection=selection, limits=limits, text_layer=text_layer, timeout_s=deadline.remaining_s()
        )
        try:
            document_fd = await _seal(untrusted_bytes)
        except OSError as error:
            raise NotReady("the service is short of descriptors or memory", retry_after_s=1.0) from error
        document = SandboxedDocument(
            untrusted_bytes,
            request,
            converse=lambda asked: self._converse(untrusted_bytes, document_fd, asked, deadline),
            deadline=deadline,
            metrics=self._metrics,
        )
        try:
            await document.begin()
            yield document
        finally:
            document.end()
            os.close(document_fd)

    async def _converse(
        self, untrusted_bytes: bytes, document_fd: int, request: OpenRequest, deadline: Deadline
    ) -> Conversation:
        """Wait for a place and start a child; the place is free again when that child has ended.

        The child's span is ours, from its start to its end, with what the pool tells of it then.
        """
        if self._places.locked() and self._waiting >= self._settings.max_waiting:
            raise Overloaded("too many documents are being opened", retry_after_s=1.0)
        self._waiting += 1
        try:
            with tracing.span("wait for a child"):
                async with within(deadline):
                    await self._places.acquire()
        finally:
            self._waiting -= 1
        span = tracing.span("file opener child")
        try:
            async with within(deadline):
                conversation = await ChildConversation.begin(
                    self._pool, document_fd, request, on_exit=partial(report_exit, untrusted_bytes, self._metrics)
                )
        except BaseException as error:
            self._places.release()
            span.end(error)
            if isinstance(error, OSError):
                raise NotReady("the service is short of descriptors or memory", retry_after_s=1.0) from error
            raise
        conversation.exited.add_done_callback(lambda _: self._places.release())
        conversation.exited.add_done_callback(partial(_end_span, span))
        return conversation


def _end_span(span: tracing.Span, exited: asyncio.Future[PoolMessage | None]) -> None:
    told = None if exited.cancelled() else exited.result()
    if told is not None:
        span.tell(
            {
                "ocr.child.wait_status": told.wait_status,
                "ocr.child.cpu_ms": told.cpu_ms,
                "ocr.child.peak_memory_kib": told.peak_memory_kib,
            }
        )
    span.end()


def check_request(untrusted_bytes: bytes, selection: PageSelection, limits: OpenLimits) -> None:
    """Refuse what needs no opening to be refused."""
    if not untrusted_bytes:
        raise UnsupportedMediaType("the document is empty")
    if len(untrusted_bytes) > limits.max_body_bytes:
        raise DocumentTooLarge(
            f"the document has {len(untrusted_bytes)} bytes; the limit is {limits.max_body_bytes} bytes "
            "(max_body_bytes)"
        )
    # Each range is at least one page. This also bounds the request that the child reads.
    if len(selection.merged()) > limits.max_pages:
        count = sum(last - first + 1 for first, last in selection.merged())
        raise failure_error(Failure.PAGES, limits, value=count)
    if len(selection.merged()) > MAX_RANGES:
        raise InvalidRequest(f"parameter 'pages' has more than {MAX_RANGES} ranges")


async def _seal(untrusted_bytes: bytes) -> int:
    if len(untrusted_bytes) <= _COPY_IN_THREAD_BYTES:
        return seal_document(untrusted_bytes)
    sealing = asyncio.get_running_loop().run_in_executor(None, seal_document, untrusted_bytes)
    try:
        return await asyncio.shield(sealing)
    except asyncio.CancelledError:
        sealing.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(sealing: asyncio.Future[int]) -> None:
    if not sealing.cancelled() and sealing.exception() is None:
        os.close(sealing.result())
