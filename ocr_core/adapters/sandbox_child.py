"""A child of a pool on this machine, as a document's reader speaks with it: messages, and memory for its pages."""

from __future__ import annotations

import asyncio
import os
import socket

from ocr_core.adapters.sandbox_channel import receive
from ocr_core.adapters.sandbox_pages import PageMemory, make_page_memory
from ocr_core.adapters.sandbox_pool import Job, SandboxPool
from ocr_core.contracts.opening_wire import CREDIT, PAGES_IN_FLIGHT, OpenRequest, SandboxMessage, encode_request
from ocr_core.contracts.page_memory import page_memory_bytes
from ocr_core.contracts.pool_wire import PoolMessage, PoolMessageKind


class ChildConversation:
    """``Conversation`` with a child that was forked for it.

    A child has memory for as many pages as it may have in flight and gets more for each page that is taken, so that
    it never holds more than that, however many pages the document has.
    """

    def __init__(self, pool: SandboxPool, job: Job, *, page_bytes: int) -> None:
        self._pool = pool
        self._job = job
        self._page_bytes = page_bytes

    @classmethod
    async def begin(cls, pool: SandboxPool, document_fd: int, request: OpenRequest) -> ChildConversation:
        """Have a child open a document.

        Args:
            pool: Which forks it.
            document_fd: Sealed memory; the caller keeps and closes its descriptor.
            request: What is wanted.

        Raises:
            NotReady: no pool runs.
        """
        page_bytes = page_memory_bytes(request.limits)
        # The first page's memory is the child's own, prepared while it waited.
        memories = [make_page_memory(page_bytes) for _ in range(PAGES_IN_FLIGHT - 1)]
        try:
            job = await pool.run(document_fd, encode_request(request), memories)
        finally:
            for memory in memories:
                os.close(memory)
        return cls(pool, job, page_bytes=page_bytes)

    @property
    def exited(self) -> asyncio.Future[PoolMessage | None]:
        """Done when the child has ended."""
        return self._job.exited

    async def receive(self) -> tuple[SandboxMessage, PageMemory | None]:
        """See ``Conversation.receive``."""
        return await receive(self._job.socket)

    def page_taken(self, pages_left: int) -> None:
        """See ``Conversation.page_taken``."""
        if pages_left < PAGES_IN_FLIGHT:
            return  # It has memory for these.
        memory = make_page_memory(self._page_bytes)
        try:
            socket.send_fds(self._job.socket, [CREDIT], [memory])
        except OSError:
            pass  # It is gone already; what it had to say is read, and then its end noticed.
        finally:
            os.close(memory)

    async def exit(self, timeout_s: float) -> PoolMessage | None:
        """See ``Conversation.exit``."""
        await asyncio.wait({self._job.exited}, timeout=timeout_s)
        if self._job.exited.done():
            return self._job.exited.result()
        # It closed its socket and lives on: as good as crashed, and killed when the document is let go.
        return PoolMessage(kind=PoolMessageKind.EXITED, job_id=self._job.id)

    def end(self) -> None:
        """See ``Conversation.end``."""
        self._pool.end(self._job)
