"""The host's end of a child's socket: one checked message at a time, read only when somebody waits for it.

Nothing is buffered here: what a child sends unasked fills the kernel's buffer of its own socket and then stops it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded
from ocr_core.contracts.opening_wire import MESSAGE_BYTES, ForgedMessage, SandboxMessage, decode_message


class ChildEnded(Exception):
    """The child hung up before it had said all it had to say."""


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


async def receive(untrusted: socket.socket) -> tuple[SandboxMessage, int | None]:
    """The next message, and the descriptor that came with it, which is the caller's to close.

    Args:
        untrusted: Non-blocking SEQPACKET socket whose other end the child holds.

    Raises:
        ChildEnded: the other end is closed.
        ForgedMessage: what came is not one message with at most one descriptor.
    """
    while True:
        try:
            body, descriptors, flags, _ = socket.recv_fds(untrusted, MESSAGE_BYTES + 1, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            await _readable(untrusted)
            continue
        except ConnectionResetError:
            # The child ended with credits unread. The kernel says so once, before the messages that it had sent.
            continue
        try:
            message = _decode(body, descriptors, flags)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        return message, descriptors[0] if descriptors else None


def _decode(untrusted_body: bytes, descriptors: list[int], flags: int) -> SandboxMessage:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(descriptors) > 1:
        raise ForgedMessage("a message that is too long")
    if not untrusted_body and not descriptors:
        raise ChildEnded
    return decode_message(untrusted_body)


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
