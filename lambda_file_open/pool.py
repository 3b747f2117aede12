"""The pool's parent process: loads the decoders once, then forks one child a file. It never sees a file itself.

Executed by the host with an empty environment and one socket (``python -m lambda_file_open.pool --control-fd N``); the
protocol is ``ocr_core.contracts.pool_wire``. One child waits in advance with a page's memory already touched, so that
a file neither waits for a fork nor for page faults. When the host ends, the socket closes and everything here ends.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass

# Before numpy is loaded: its threads would be forked away, and RLIMIT_NPROC allows none.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from lambda_file_open import huge_pages, jail
from lambda_file_open.child import RunChild, run_child
from lambda_file_open.font_tables import Script
from lambda_file_open.fonts import covered_scripts
from lambda_file_open.warmup import load_decoders
from ocr_core.contracts.pool_wire import MESSAGE_BYTES, NOT_STARTED, FontScript, PoolMessage, PoolMessageKind

_SPARE_AFTER_MS = 2
_SPARE_BESIDE_WORK_AFTER_MS = 20
"""How long the pool is quiet before it prepares the next spare: at once where no child works, and later where the
processors may be wanted for the file that took the last."""
_MAX_DOUBLINGS = 8
"""Of that time where spares fail: up to five seconds, so that a machine in need is not kept busy with forks."""
_FIRST_INHERITED_FD = 3
_SCRIPTS = {
    Script.JAPANESE: FontScript.JAPANESE,
    Script.SIMPLIFIED_CHINESE: FontScript.CHINESE,
    Script.KOREAN: FontScript.KOREAN,
}


@dataclass(slots=True, kw_only=True)
class _Child:
    pid: int
    pidfd: int
    channel: socket.socket | None
    """How a spare gets its job; closed once it has one."""
    job_id: int | None = None


class Pool:
    """Forks, watches and reaps children.

    Args:
        control: Connected SEQPACKET socket to the host.
        run: What a child does.
        ready: From ``prepare``.
    """

    def __init__(self, control: socket.socket, run: RunChild, *, ready: PoolMessage) -> None:
        self._control = control
        self._ready = ready
        self._run = run
        self._children: dict[int, _Child] = {}
        self._spare: _Child | None = None
        self._failed_spares = 0
        self._poll = select.poll()

    def serve(self) -> None:
        """Work until the host hangs up; then end every child."""
        self._poll.register(self._control, select.POLLIN)
        self._control.send(self._ready.encode())
        try:
            while self._serve_once():
                pass
        finally:
            for child in self._children.values():
                os.kill(child.pid, signal.SIGKILL)

    def _serve_once(self) -> bool:
        is_working = any(child.job_id is not None for child in self._children.values())
        spare_after_ms = _SPARE_BESIDE_WORK_AFTER_MS if is_working else _SPARE_AFTER_MS
        if self._failed_spares:
            spare_after_ms = _SPARE_BESIDE_WORK_AFTER_MS << min(self._failed_spares, _MAX_DOUBLINGS)
        events = self._poll.poll(None if self._spare else spare_after_ms)
        if not events:
            self._prepare_spare()
        for fd, _ in events:
            if fd == self._control.fileno():
                if not self._serve_host():
                    return False
            else:
                self._reap(self._children[fd])
        return True

    def _serve_host(self) -> bool:
        flags = socket.MSG_CMSG_CLOEXEC
        body, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES + 1, 2, flags)
        if not body:
            return False
        message = PoolMessage.decode(body)
        if message.kind is PoolMessageKind.OPEN:
            try:
                # Fewer than two where this process had no room for more: no fault of the document's.
                if len(descriptors) != 2 or not self._start(message.job_id, descriptors):
                    self._report(
                        PoolMessage(kind=PoolMessageKind.EXITED, job_id=message.job_id, wait_status=NOT_STARTED)
                    )
            finally:
                # Only the child may hold them: the host learns of the child's end when its socket closes.
                for descriptor in descriptors:
                    os.close(descriptor)
        elif message.kind is PoolMessageKind.KILL:
            for child in self._children.values():
                if child.job_id == message.job_id:
                    os.kill(child.pid, signal.SIGKILL)
        return True

    def _start(self, job_id: int, descriptors: list[int]) -> bool:
        if self._spare is not None:
            child, self._spare = self._spare, None
            if self._hand_over(child, job_id, descriptors):
                self._failed_spares = 0
                return True
        try:
            child = self._fork(early=False)
        except OSError:
            return False
        return self._hand_over(child, job_id, descriptors)

    def _hand_over(self, child: _Child, job_id: int, descriptors: list[int]) -> bool:
        """Give a waiting child its job; false where it has ended meanwhile (it is reaped like any other)."""
        if child.channel is None:
            return False
        try:
            socket.send_fds(child.channel, [b"\0"], descriptors)
        except OSError:
            return False
        finally:
            child.channel.close()
            child.channel = None
        child.job_id = job_id
        return True

    def _prepare_spare(self) -> None:
        # A machine that is short of processes may have some when a file comes.
        try:
            self._spare = self._fork(early=True)
        except OSError:
            self._failed_spares += 1

    def _fork(self, *, early: bool) -> _Child:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            here.close()
            there.close()
            raise
        if pid == 0:
            _live_and_die(self._run, there, parent_pid, early=early)
        there.close()
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            here.close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        child = _Child(pid=pid, pidfd=pidfd, channel=here)
        self._children[child.pidfd] = child
        self._poll.register(child.pidfd, select.POLLIN)
        return child

    def _reap(self, child: _Child) -> None:
        _, wait_status, usage = os.wait4(child.pid, 0)
        self._poll.unregister(child.pidfd)
        del self._children[child.pidfd]
        os.close(child.pidfd)
        if child is self._spare:
            self._spare = None
            self._failed_spares += 1
        if child.channel is not None:
            child.channel.close()
        if child.job_id is not None:
            self._report(
                PoolMessage(
                    kind=PoolMessageKind.EXITED,
                    job_id=child.job_id,
                    wait_status=wait_status,
                    cpu_ms=round((usage.ru_utime + usage.ru_stime) * 1000),
                    peak_memory_kib=usage.ru_maxrss,
                )
            )

    def _report(self, message: PoolMessage) -> None:
        # A host that has gone is noticed where its messages are read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(message.encode())


def _missing_fonts() -> FontScript:
    missing = FontScript.NONE
    for script, flag in _SCRIPTS.items():
        if script not in covered_scripts():
            missing |= flag
    return missing


def _live_and_die(run: RunChild, channel: socket.socket, parent_pid: int, *, early: bool) -> None:
    """All of a child's life; does not return."""
    status = 1
    try:
        gc.disable()
        jail.die_with_parent(parent_pid)
        own_fd = channel.fileno()
        os.closerange(_FIRST_INHERITED_FD, own_fd)
        os.closerange(own_fd + 1, os.sysconf("SC_OPEN_MAX"))
        run(channel, early)
        status = 0
    finally:
        # Not sys.exit: neither buffers nor exit handlers of the parent are this process's to run.
        os._exit(status)


def prepare() -> PoolMessage:
    """What is done once before anything is forked: load the decoders, see that children can be locked, fall silent.

    Returns:
        What to tell a host when it may begin.

    Raises:
        RuntimeError: the decoders do not work, or a child cannot be locked here; nothing may be opened then.
    """
    load_decoders()
    gc.collect()
    gc.freeze()
    huge_pages.gather()
    landlock_version = jail.check()
    jail.die_first(jail.POOL_DIES)
    jail.forbid_inspection()
    # What decoders chatter is nobody's to read.
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(null, stream.fileno())
    os.close(null)
    return PoolMessage(kind=PoolMessageKind.READY, landlock_version=landlock_version, missing_fonts=_missing_fonts())


def main(run: RunChild = run_child) -> int:
    """Start as told on the command line, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control-fd", type=int, required=True)
    control = socket.socket(fileno=parser.parse_args().control_fd)
    # The host ends the pool; a Ctrl-C at the terminal is for the host.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jail.die_with_parent(os.getppid())
    Pool(control, run, ready=prepare()).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
