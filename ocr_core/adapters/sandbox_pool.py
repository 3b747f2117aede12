"""The host's side of the pool process: starts it, hands it jobs, ends them, and starts it again when it dies."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

from ocr_core.adapters.sandbox_launch import Launcher, RunningPool
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.pool_wire import MESSAGE_BYTES, PoolMessage, PoolMessageKind

logger = logging.getLogger(__name__)

_KILL_CONFIRM_S = 5.0
"""A pool that has not reaped a killed child by then is stuck, and is itself ended."""
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
        launcher: How to come by a pool.
        start_timeout_s: How long loading the decoders may take.
    """

    def __init__(self, launcher: Launcher, *, start_timeout_s: float = 60.0) -> None:
        self._launcher = launcher
        self._start_timeout_s = start_timeout_s
        self._starting: asyncio.Task[None] | None = None
        self._running: RunningPool | None = None
        self._control: socket.socket | None = None
        self._ready: asyncio.Future[bool] | None = None
        self._has_served = False
        self._jobs: dict[int, Job] = {}
        self._next_id = 0
        self._closed = False
        self._background: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process id of what was executed, while it runs here; ``None`` where the pool belongs to a server."""
        return self._running.pid if self._running is not None else None

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

    async def run(self, document_fd: int, request: bytes, memories: Sequence[int]) -> Job:
        """Give a document to a child.

        Args:
            document_fd: Sealed memory; the caller keeps and closes its descriptor.
            request: As ``opening_wire.encode_request`` writes it.
            memories: Descriptors of memory for the first pages; the caller's likewise.

        Raises:
            NotReady: no pool runs, or it does not listen.
            OSError: this process is short of descriptors, or the pool of time.
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
                socket.send_fds(here, [request], memories)
                message = PoolMessage(kind=PoolMessageKind.OPEN, job_id=job.id).encode()
                socket.send_fds(self._control, [message], [document_fd, there.fileno()])
            except (BrokenPipeError, ConnectionResetError) as error:
                here.close()
                self._lose()
                raise NotReady("the file opener is being restarted", retry_after_s=1.0) from error
            except OSError:
                # The pool lives, and so do the others' documents: it has a full queue, or this process no descriptors.
                here.close()
                raise
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
            logger.exception("the file opener cannot be launched", extra={"action": "opener_start"})
        finally:
            self._starting = None

    def _spawn(self) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        self._running = self._launcher.launch()
        self._control = self._running.control
        self._has_served = False
        self._ready = loop.create_future()
        loop.add_reader(self._control, self._on_control, self._control)
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
                self._report_ready(message)
                self._ready.set_result(True)
            elif message.kind is PoolMessageKind.EXITED:
                self._has_served = True
                job = self._jobs.pop(message.job_id, None)
                if job is not None:
                    job.exited.set_result(message)

    def _report_ready(self, message: PoolMessage) -> None:
        logger.info(
            "the file opener is ready, with %s",
            f"Landlock {message.landlock_version}" if message.landlock_version else "no Landlock: seccomp locks alone",
            extra={"action": "opener_ready"},
        )
        if message.missing_fonts:
            logger.warning(
                "no font for %s: a PDF's text in it stays blank where the PDF does not bring its own",
                ", ".join(script.name.lower() for script in message.missing_fonts if script.name),
                extra={"action": "opener_fonts"},
            )

    def _suspect(self, job: Job) -> None:
        if not job.exited.done():
            logger.error("the file opener does not end its children", extra={"action": "opener_stuck"})
            self._lose()

    def _lose(self, *, restart: bool = True) -> None:
        """Forget the pool, whatever is left of it; jobs in flight learn that it ended."""
        control, self._control = self._control, None
        running, self._running = self._running, None
        ready, self._ready = self._ready, None
        jobs, self._jobs = self._jobs, {}
        if control is not None:
            asyncio.get_running_loop().remove_reader(control)
            control.close()
        if ready is not None and not ready.done():
            ready.set_result(False)
        for job in jobs.values():
            job.exited.set_result(None)
        if running is not None:
            self._in_background(running.end(graceful=self._closed))
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
