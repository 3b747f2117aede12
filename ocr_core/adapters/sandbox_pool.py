"""The host's side of the pool process: starts it, hands it jobs, ends them, and starts it again when it dies."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Coroutine
from dataclasses import dataclass

from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.pool_wire import MESSAGE_BYTES, PoolMessage, PoolMessageKind

logger = logging.getLogger(__name__)

LOCAL_POOL_COMMAND: tuple[str, ...] = (sys.executable, "-I", "-m", "lambda_file_open.pool")
"""This environment's Python, isolated from the user's settings; the control socket's number is appended."""

_KILL_CONFIRM_S = 5.0
"""A pool that has not reaped a killed child by then is stuck, and is itself ended."""
_CLOSE_TIMEOUT_S = 2.0
_UINT32 = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """One child at work."""

    id: int
    socket: socket.socket
    """The host's end of the child's own socket, non-blocking; whoever has the job closes it."""
    exited: asyncio.Future[PoolMessage | None]
    """How the child ended; ``None`` where the pool ended. Never cancelled, never an exception."""


class SandboxPool:
    """The running pool process.

    ``start`` must be called from the thread that outlives the pool (the event loop's): the kernel ends the pool when
    the thread that started it ends.

    Args:
        command: What to execute; ``--control-fd N`` is appended.
        start_timeout_s: How long loading the decoders may take.
    """

    def __init__(self, *, command: tuple[str, ...] = LOCAL_POOL_COMMAND, start_timeout_s: float = 60.0) -> None:
        self._command = command
        self._start_timeout_s = start_timeout_s
        self._starting: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready: asyncio.Future[bool] | None = None
        self._has_served = False
        self._jobs: dict[int, Job] = {}
        self._next_id = 0
        self._closed = False
        self._background: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The pool's process id, while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Make sure that a pool runs and has loaded its decoders.

        All who wait share one start, and it goes on when they give up: the next one finds it further on.

        Raises:
            NotReady: it could not be started.
        """
        if self._is_ready():
            return
        if self._closed:
            raise NotReady("the file opener is closed")
        await asyncio.wait({self._begin_start()})
        if not self._is_ready():
            raise NotReady("the file opener could not be started", retry_after_s=1.0)

    async def close(self) -> None:
        """End the pool and every child."""
        self._closed = True
        self._lose(restart=False)
        while self._background:
            await asyncio.wait(self._background)

    async def run(self, document_fd: int, request: bytes) -> Job:
        """Give a document to a child.

        Args:
            document_fd: Sealed memory; the caller keeps and closes its descriptor.
            request: As ``opening_wire.encode_request`` writes it.

        Raises:
            NotReady: no pool runs, or it does not listen.
        """
        await self.start()
        if self._control is None:
            raise NotReady("the file opener is being restarted", retry_after_s=1.0)
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            self._next_id = (self._next_id + 1) & _UINT32
            job = Job(id=self._next_id, socket=here, exited=asyncio.get_running_loop().create_future())
            try:
                here.setblocking(False)
                here.send(request)
                message = PoolMessage(kind=PoolMessageKind.OPEN, job_id=job.id).encode()
                socket.send_fds(self._control, [message], [document_fd, there.fileno()])
            except OSError as error:
                here.close()
                self._lose()
                raise NotReady("the file opener is being restarted", retry_after_s=1.0) from error
        self._jobs[job.id] = job
        return job

    def end(self, job: Job) -> None:
        """Hang up, and have the child killed if it has not ended."""
        job.socket.close()
        if job.exited.done() or self._control is None:
            return
        try:
            self._control.send(PoolMessage(kind=PoolMessageKind.KILL, job_id=job.id).encode())
        except OSError:
            self._lose()
            return
        overdue = asyncio.get_running_loop().call_later(_KILL_CONFIRM_S, self._suspect, job)
        job.exited.add_done_callback(lambda _: overdue.cancel())

    def _is_ready(self) -> bool:
        return self._ready is not None and self._ready.done() and self._ready.result()

    def _begin_start(self) -> asyncio.Task[None]:
        if self._starting is None:
            self._starting = self._in_background(self._launch())
        return self._starting

    async def _launch(self) -> None:
        try:
            if self._closed:
                return
            ready = self._spawn()
            await asyncio.wait({ready}, timeout=self._start_timeout_s)
            if not ready.done():
                self._lose()
        except OSError:
            logger.exception("the file opener cannot be executed", extra={"action": "opener_start"})
        finally:
            self._starting = None

    def _spawn(self) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here.setblocking(False)
        try:
            with there:
                # An empty environment: what is not there cannot be read out of /proc/self/environ.
                self._process = subprocess.Popen(  # noqa: S603 - not a shell, no caller's words; 5 ms, at start
                    [*self._command, "--control-fd", str(there.fileno())],
                    pass_fds=(there.fileno(),),
                    env={},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except OSError:
            here.close()
            raise
        self._control = here
        self._has_served = False
        self._ready = loop.create_future()
        loop.add_reader(here, self._on_control, here)
        return self._ready

    def _on_control(self, control: socket.socket) -> None:
        while control is self._control:
            try:
                body = control.recv(MESSAGE_BYTES + 1)
                message = PoolMessage.decode(body) if body else None
            except BlockingIOError:
                return
            except (OSError, ValueError):
                message = None
            if message is None:
                self._lose()
            elif message.kind is PoolMessageKind.READY and self._ready is not None and not self._ready.done():
                self._ready.set_result(True)
            elif message.kind is PoolMessageKind.EXITED:
                self._has_served = True
                job = self._jobs.pop(message.job_id, None)
                if job is not None:
                    job.exited.set_result(message)

    def _suspect(self, job: Job) -> None:
        if not job.exited.done():
            logger.error("the file opener does not end its children", extra={"action": "opener_stuck"})
            self._lose()

    def _lose(self, *, restart: bool = True) -> None:
        """Forget the pool, whatever is left of it; jobs in flight learn that it ended."""
        control, self._control = self._control, None
        process, self._process = self._process, None
        ready, self._ready = self._ready, None
        jobs, self._jobs = self._jobs, {}
        if control is not None:
            asyncio.get_running_loop().remove_reader(control)
            control.close()
        if ready is not None and not ready.done():
            ready.set_result(False)
        for job in jobs.values():
            job.exited.set_result(None)
        if process is not None:
            self._in_background(_reap(process, graceful=self._closed))
            if restart and not self._closed:
                logger.error("the file opener ended", extra={"action": "opener_ended"})
                # One that has done nothing yet might be started and lost without end; the next request tries again.
                if self._has_served:
                    self._begin_start()

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


async def _reap(process: subprocess.Popen[bytes], *, graceful: bool) -> None:
    """Wait for the pool's end; its control socket is closed, so it ends by itself unless it is stuck."""
    if not graceful:
        process.kill()
    try:
        await asyncio.to_thread(process.wait, _CLOSE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)
