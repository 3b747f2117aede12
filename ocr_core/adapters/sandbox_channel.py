"""The host's end of what a child says: one checked message at a time, read only when somebody waits for it.

Nothing is buffered here: what a child sends unasked fills the kernel's buffer of its own socket and then stops it.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from ocr_core.adapters.sandbox_pages import PageMemory
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded
from ocr_core.contracts.opening_wire import MESSAGE_BYTES, ForgedMessage, SandboxMessage, decode_message
from ocr_core.contracts.pool_wire import PoolMessage


class ChildEnded(Exception):
    """The child hung up before it had said all it had to say."""


class Conversation(Protocol):
    """What the host and one child say to each other about a document, wherever that child runs."""

    async def receive(self) -> tuple[SandboxMessage, PageMemory | None]:
        """The next message, and the memory that came with it, which is the caller's to close.

        Raises:
            ChildEnded: there is nothing more.
            ForgedMessage: what came is not one message.
        """
        ...

    def page_taken(self, pages_left: int) -> None:
        """A page was taken; so many are still wanted, of which the child may prepare one more now.

        Raises:
            ForgedMessage: it behaves as no honest child does.
        """
        ...

    async def exit(self, timeout_s: float) -> PoolMessage | None:
        """How the child ended, told in the next moment; ``None`` where what runs the children ended, not it alone."""
        ...

    def end(self) -> None:
        """Hang up; a child that still works is killed."""
        ...


@asynccontextmanager
async def within(deadline: Deadline) -> AsyncIterator[None]:
    """End what happens inside when the deadline passes.

    Raises:
        DeadlineExceeded: it passed.
    """
    try:
        async with asyncio.timeout(deadline.remaining_s()):
            yield
    except TimeoutError as error:
        raise DeadlineExceeded("the deadline passed before stage 'open' ended") from error


async def receive(untrusted: socket.socket, *, descriptors: int = 0) -> tuple[SandboxMessage, list[int]]:
    """The next message from a socket.

    Args:
        untrusted: Non-blocking SEQPACKET socket whose other end the child holds.
        descriptors: How many may come with it; they are the caller's to close.

    Raises:
        ChildEnded, ForgedMessage: as ``Conversation.receive``.
    """
    while True:
        try:
            body, received, flags, _ = socket.recv_fds(
                untrusted, MESSAGE_BYTES + 1, descriptors, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            await _readable(untrusted)
            continue
        except ConnectionResetError:
            # The child ended with credits unread. The kernel says so once, before the messages that it had sent.
            continue
        try:
            return _decode(body, flags, hung_up=not body and _has_hung_up(untrusted)), received
        except BaseException:
            for descriptor in received:
                os.close(descriptor)
            raise


def _decode(untrusted_body: bytes, flags: int, *, hung_up: bool) -> SandboxMessage:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise ForgedMessage("a message that is too long, or descriptors where none belong")
    if hung_up:
        raise ChildEnded
    return decode_message(untrusted_body)


def _has_hung_up(untrusted: socket.socket) -> bool:
    """Whether nothing came because nobody is there, and not because nothing was sent."""
    poll = select.poll()
    poll.register(untrusted, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


async def _readable(waited_for: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(waited_for, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(waited_for)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
