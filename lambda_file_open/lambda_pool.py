"""The pool as the Lambda function keeps it: started once, one child at a time, started again when it has died.

It is the pool that a service starts on its own machine, over the same socket (``pool_wire``); only that here nobody
waits for anything else meanwhile, so that everything blocks, for a bounded time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.opening_wire import (
    CREDIT,
    MESSAGE_BYTES,
    PAGES_IN_FLIGHT,
    ForgedMessage,
    OpenRequest,
    OwnMemory,
    encode_message,
    encode_request,
)
from ocr_core.contracts.page_memory import page_memory_bytes
from ocr_core.contracts.pool_wire import MESSAGE_BYTES as POOL_MESSAGE_BYTES
from ocr_core.contracts.pool_wire import PoolMessage, PoolMessageKind

logger = logging.getLogger(__name__)

POOL_COMMAND: tuple[str, ...] = (sys.executable, "-I", "-m", "lambda_file_open.pool")
"""This environment's Python, isolated from the user's settings; the control socket's number is appended."""

_START_TIMEOUT_S = 30.0
_EXIT_REPORT_S = 2.0
"""How long a child may take to end by itself once it has hung up; then it is as good as crashed."""
_KILL_CONFIRM_S = 5.0
"""A pool that has not reaped a killed child by then is stuck, and is itself ended."""
_LONGEST_NAP_S = 3_600.0
_UINT32 = 0xFFFF_FFFF


class PoolUnavailable(RuntimeError):
    """No child can be had; another call may find one."""


class ChildSilent(Exception):
    """The time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message as it came: nothing is believed yet. Empty where the child has hung up."""

    untrusted_body: bytes
    cut_short: bool
    """It was longer, or came with descriptors, which no message of a child that has seen its file does."""


class Child:
    """One child at work on a document. As a context manager it is ended, however far it is."""

    def __init__(
        self,
        pool: FunctionPool,
        job_id: int,
        host: socket.socket,
        request: OpenRequest,
        *,
        memories: list[SharedPage],
        pages: int,
    ) -> None:
        self._pool = pool
        self._job_id = job_id
        self._host = host
        self._page_bytes = page_memory_bytes(request.limits)
        self._memories = dict(enumerate(memories, start=1))
        self._given = len(memories)
        # The first is its own, prepared while it waited; others were sent with the request.
        self._memories_left = pages - 1 - len(memories)
        self._has_its_own = False
        self._exited: PoolMessage | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def receive(self, ends_at_s: float) -> Said:
        """What it says next.

        Raises:
            ChildSilent: ``ends_at_s`` has passed (``time.monotonic``).
            ForgedMessage: it does not begin with its own memory.
            PoolUnavailable: it ended before it could.
        """
        if not self._has_its_own:
            said, fds = self._receive(ends_at_s, descriptors=1)
            if said.untrusted_body != encode_message(OwnMemory()) or len(fds) != 1:
                for fd in fds:
                    os.close(fd)
                if not said.untrusted_body:
                    # It has not looked at the file yet: whatever it died of, it was not that.
                    raise PoolUnavailable("a process for the file could not be prepared")
                raise ForgedMessage("a child that does not begin with its memory")
            self._memories[0] = SharedPage(fds[0])
            self._has_its_own = True
        return self._receive(ends_at_s, descriptors=0)[0]

    def _receive(self, ends_at_s: float, *, descriptors: int) -> tuple[Said, list[int]]:
        while True:
            left_s = ends_at_s - time.monotonic()
            if left_s <= 0:
                raise ChildSilent
            self._host.settimeout(min(left_s, _LONGEST_NAP_S))
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                # Reset: it ended with memory unread. The kernel says so once, before the messages that it had sent.
                flags_wanted = socket.MSG_CMSG_CLOEXEC
                body, fds, flags, _ = socket.recv_fds(self._host, MESSAGE_BYTES + 1, descriptors, flags_wanted)
                cut_short = bool(flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC))
                return Said(untrusted_body=body, cut_short=cut_short), fds

    @contextlib.contextmanager
    def memory(self, untrusted_number: int) -> Iterator[int]:
        """The descriptor of the memory that it calls so; given up in the end.

        Raises:
            ForgedMessage: it has none of that number.
        """
        memory = self._memories.pop(untrusted_number, None)
        if memory is None:
            raise ForgedMessage("memory that it does not have")
        try:
            yield memory.fd
        finally:
            memory.close()

    def page_taken(self) -> None:
        """Give it memory for one page more, as long as this call wants more.

        Raises:
            ForgedMessage: it does not take the memory that it gets.
            OSError: this process is short of descriptors.
        """
        if not self._memories_left:
            return
        memory = _page_memory(self._page_bytes)
        self._host.setblocking(False)
        try:
            socket.send_fds(self._host, [CREDIT], [memory.fd])
        except OSError as error:
            memory.close()
            if isinstance(error, BlockingIOError):
                raise ForgedMessage("a child that does not take its memory") from error
            if isinstance(error, (BrokenPipeError, ConnectionResetError)):
                return  # It has gone: what it had to say is read, and then its end noticed.
            raise
        # Only now: both sides count what has come.
        self._memories_left -= 1
        self._given += 1
        self._memories[self._given] = memory

    def exit(self, ends_at_s: float) -> PoolMessage | None:
        """How it ended, once it has hung up; nothing where the pool ended."""
        self._exited = self._pool.exit_of(self._job_id, min(ends_at_s, time.monotonic() + _EXIT_REPORT_S))
        if self._exited is None and self._pool.is_alive():
            self.end()  # It lives on without its socket.
            return PoolMessage(kind=PoolMessageKind.EXITED)
        return self._exited

    def end(self) -> PoolMessage | None:
        """Hang up, have it killed, and see it gone; how it ended, or nothing where the pool did."""
        self._host.close()
        while self._memories:
            self._memories.popitem()[1].close()
        if self._exited is None:
            self._exited = self._pool.kill(self._job_id)
        return self._exited


class FunctionPool:
    """The pool's process, for one child at a time.

    Args:
        command: What is executed, with an empty environment and ``--control-fd N`` appended.
    """

    def __init__(self, command: Sequence[str] = POOL_COMMAND) -> None:
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._last_id = 0

    def is_alive(self) -> bool:
        """Whether it runs, as far as anybody has noticed."""
        return self._control is not None and self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Make sure that it runs. Call it from the thread that stays: the kernel ends the pool with that thread.

        Raises:
            PoolUnavailable: it cannot be started.
        """
        if self.is_alive():
            return
        self.close()
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = here
        with there:
            try:
                # An empty environment: the function's own holds its credentials.
                self._process = subprocess.Popen(  # noqa: S603 - not a shell, no caller's words
                    [*self._command, "--control-fd", str(there.fileno())],
                    pass_fds=(there.fileno(),),
                    env={},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                self.close()
                raise PoolUnavailable("the file opener's pool cannot be executed") from error
        message = self._receive(time.monotonic() + _START_TIMEOUT_S)
        if message is None or message.kind is not PoolMessageKind.READY:
            self.close()
            raise PoolUnavailable("the file opener's pool does not start")
        logger.info(
            "the file opener is ready, with %s",
            f"Landlock {message.landlock_version}" if message.landlock_version else "no Landlock: seccomp locks alone",
        )
        if message.missing_fonts:
            logger.warning("the image has no font for %s", message.missing_fonts.name)

    def close(self) -> None:
        """End it and every child."""
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is not None:
            process.kill()
            process.wait()

    def open(self, document_fd: int, request: OpenRequest, *, pages: int) -> Child:
        """Have a child open a document.

        Args:
            document_fd: Sealed memory; the caller keeps and closes its descriptor.
            request: What is wanted.
            pages: For how many pages the child gets memory, and so how many it makes.

        Raises:
            PoolUnavailable: no pool listens.
        """
        self.start()
        if self._control is None:
            raise PoolUnavailable("the file opener's pool is gone")
        body = encode_request(request)
        self._last_id = (self._last_id + 1) & _UINT32
        message = PoolMessage(kind=PoolMessageKind.OPEN, job_id=self._last_id).encode()
        memories: list[SharedPage] = []
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with there:
                page_bytes = page_memory_bytes(request.limits)
                memories.extend(_page_memory(page_bytes) for _ in range(min(pages, PAGES_IN_FLIGHT) - 1))
                socket.send_fds(here, [body], [memory.fd for memory in memories])
                socket.send_fds(self._control, [message], [document_fd, there.fileno()])
        except OSError as error:
            here.close()
            for memory in memories:
                memory.close()
            self.close()
            raise PoolUnavailable("the file opener's pool does not listen") from error
        # Room for a few credits and no more: descriptors that a child leaves unread count against all of this user's.
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        return Child(self, self._last_id, here, request, memories=memories, pages=pages)

    def exit_of(self, job_id: int, ends_at_s: float) -> PoolMessage | None:
        """How a child ended; nothing where that is not told in time, or the pool has ended."""
        while (message := self._receive(ends_at_s)) is not None:
            if message.kind is PoolMessageKind.EXITED and message.job_id == job_id:
                return message
        return None

    def kill(self, job_id: int) -> PoolMessage | None:
        """End a child and see it gone; a pool that cannot is ended itself."""
        if self._control is None:
            return None
        with contextlib.suppress(OSError):
            self._control.send(PoolMessage(kind=PoolMessageKind.KILL, job_id=job_id).encode())
            if (exited := self.exit_of(job_id, time.monotonic() + _KILL_CONFIRM_S)) is not None:
                return exited
        self.close()
        return None

    def _receive(self, ends_at_s: float) -> PoolMessage | None:
        """The next message; nothing where none comes in time. A pool that hung up or talks nonsense is ended."""
        if self._control is None:
            return None
        self._control.settimeout(max(0.001, ends_at_s - time.monotonic()))
        try:
            body = self._control.recv(POOL_MESSAGE_BYTES + 1)
            return PoolMessage.decode(body)
        except TimeoutError:
            return None
        except (OSError, ValueError):
            self.close()
            return None


def _page_memory(byte_count: int) -> SharedPage:
    memory = SharedPage.reserve(0)
    try:
        memory.fix(byte_count)
    except BaseException:
        memory.close()
        raise
    return memory
