"""A child of a pool on this machine, as a document's reader speaks with it: messages, and memory for its pages."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
from collections.abc import Callable

from ocr_core.adapters.sandbox_channel import ChildEnded, receive
from ocr_core.adapters.sandbox_pages import PageMemory, SharedPageMemory, make_page_memory
from ocr_core.adapters.sandbox_pool import Job, SandboxPool
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.opening_wire import (
    CREDIT,
    PAGES_IN_FLIGHT,
    ForgedMessage,
    OpenRequest,
    OwnMemory,
    PageFailed,
    PageReady,
    SandboxMessage,
    encode_request,
)
from ocr_core.contracts.page_memory import page_memory_bytes
from ocr_core.contracts.pool_wire import PoolMessage, PoolMessageKind


class ChildConversation:
    """``Conversation`` with a child that was forked for it.

    A child has memory for as many pages as it may have in flight, and gets more for each page that is taken. Of all of
    it a descriptor stays here until its page is taken, so that no descriptor has to come from the child once it has
    seen its file.
    """

    def __init__(self, pool: SandboxPool, job: Job, *, page_bytes: int, memories: list[int]) -> None:
        self._pool = pool
        self._job = job
        self._page_bytes = page_bytes
        self._memories = dict(enumerate(memories, start=1))
        self._given = len(memories)
        self._has_its_own = False

    @classmethod
    async def begin(
        cls,
        pool: SandboxPool,
        document_fd: int,
        request: OpenRequest,
        *,
        on_exit: Callable[[PoolMessage], None],
    ) -> ChildConversation:
        """Have a child open a document.

        Args:
            pool: Which forks it.
            document_fd: Sealed memory; the caller keeps and closes its descriptor.
            request: What is wanted.
            on_exit: Told how the child ended, whoever still listens then.

        Raises:
            NotReady: no pool runs.
            OSError: this process is short of descriptors.
        """
        page_bytes = page_memory_bytes(request.limits)
        memories: list[int] = []
        try:
            memories.extend(make_page_memory(page_bytes) for _ in range(PAGES_IN_FLIGHT - 1))
            job = await pool.run(document_fd, encode_request(request), memories)
        except BaseException:
            for memory in memories:
                os.close(memory)
            raise
        # Room for a few credits and no more: descriptors that a child leaves unread count against all of this user's.
        job.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        job.exited.add_done_callback(lambda exited: _tell(exited.result(), on_exit))
        return cls(pool, job, page_bytes=page_bytes, memories=memories)

    @property
    def exited(self) -> asyncio.Future[PoolMessage | None]:
        """Done when the child has ended."""
        return self._job.exited

    async def receive(self) -> tuple[SandboxMessage, PageMemory | None]:
        """See ``Conversation.receive``."""
        if not self._has_its_own:
            await self._receive_its_own()
        message, _ = await receive(self._job.socket)
        match message:
            case OwnMemory():
                raise ForgedMessage("memory from a child that has seen its file")
            case PageReady():
                return message, SharedPageMemory(self._taken(message.memory))
            case PageFailed():
                SharedPageMemory(self._taken(message.memory)).discard()
        return message, None

    def page_taken(self, pages_left: int) -> None:
        """See ``Conversation.page_taken``.

        Raises:
            ForgedMessage: it does not take the memory that it gets.
            OSError: this process is short of descriptors.
        """
        if not pages_left:
            # Now, while the child still has it: who lets go last frees it, which for a touched one takes 2 ms.
            self._let_go()
        if pages_left < PAGES_IN_FLIGHT:
            return  # It has memory for these.
        memory = make_page_memory(self._page_bytes)
        try:
            socket.send_fds(self._job.socket, [CREDIT], [memory])
        except BlockingIOError as error:
            os.close(memory)
            raise ForgedMessage("a child that does not take its memory") from error
        except OSError as error:
            os.close(memory)
            if isinstance(error, (BrokenPipeError, ConnectionResetError)):
                return  # It has gone: what it had to say is read, and then its end noticed.
            raise
        # Only now: both sides count what has come.
        self._given += 1
        self._memories[self._given] = memory

    async def exit(self, timeout_s: float) -> PoolMessage | None:
        """See ``Conversation.exit``."""
        await asyncio.wait({self._job.exited}, timeout=timeout_s)
        if self._job.exited.done():
            return self._job.exited.result()
        # It closed its socket and lives on: as good as crashed. What it has used counts all the same.
        self.end()
        await asyncio.wait({self._job.exited}, timeout=timeout_s)
        exited = self._job.exited.result() if self._job.exited.done() else None
        return dataclasses.replace(exited or PoolMessage(kind=PoolMessageKind.EXITED), wait_status=0)

    def end(self) -> None:
        """See ``Conversation.end``."""
        self._let_go()
        self._pool.end(self._job)

    def _let_go(self) -> None:
        while self._memories:
            os.close(self._memories.popitem()[1])

    async def _receive_its_own(self) -> None:
        try:
            message, descriptors = await receive(self._job.socket, descriptors=1)
        except ChildEnded as ended:
            # It has not looked at the file yet: whatever it died of, it was not that.
            raise NotReady("a process for the file could not be prepared", retry_after_s=1.0) from ended
        if not isinstance(message, OwnMemory) or len(descriptors) != 1:
            for descriptor in descriptors:
                os.close(descriptor)
            raise ForgedMessage("a child that does not begin with its memory")
        self._memories[0] = descriptors[0]
        self._has_its_own = True

    def _taken(self, untrusted_number: int) -> int:
        try:
            return self._memories.pop(untrusted_number)
        except KeyError:
            raise ForgedMessage("memory that it does not have") from None


def _tell(exited: PoolMessage | None, on_exit: Callable[[PoolMessage], None]) -> None:
    if exited is not None:
        on_exit(exited)
