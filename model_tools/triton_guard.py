"""Runs ``tritonserver`` so that it never outlives one of its model processes: ``triton_guard.py tritonserver ARGS…``.

Triton's Python backend runs each model instance in a process of its own, a stub. When one is killed alone, for want of
memory say, Triton goes on: it stays ready, never starts another, and answers every request that meets the dead one
with an error, after a second. (Unloading and loading the model through its repository API healed one of our models and
not the other.) So the guard ends the whole server when a stub has ended, and itself with a status that is not zero:
whoever supervises it (``make up``, docker's restart policy, Kubernetes) starts a whole one. ::

    supervisor ── guard ── tritonserver ─┬─ stub (text_detection)
                                         ├─ stub (text_recognition)
                                         └─ stub (text_recognition)

Every stub that ends counts, so this is for servers that load their models once: explicit model control, no completion
of configurations (which starts stubs and ends them), and nobody who unloads a model. The server is killed, not asked:
with a dead stub it waits out its exit timeout of five seconds, and its clients with it.

Standard library only and started as a file (``python3 -I -S``), so that it runs in NVIDIA's image and beside any other
Python. It looks at the stubs twice a second, and for new ones every few seconds: under a thousandth of a core.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

STUB_ENDED_STATUS = 70
"""The guard's own status when a stub has ended (EX_SOFTWARE of sysexits.h). Else it ends with the server's."""

_LOOK_EVERY_S = 0.5
_SEARCH_EVERY_S = 5.0  # a search reads a file of every process of the machine, a look only those of the stubs
_STUB_NAME = "triton_python_b"  # the kernel keeps 15 characters of triton_python_backend_stub
_SHARED_MEMORY_DIR = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives, not a temporary file
_PREFIX_ARGUMENT = re.compile(r"--backend-config=python,shm-region-prefix-name=([A-Za-z0-9_.-]+)")


class Stub(NamedTuple):
    """A model process; the start time tells it from a later process with the same number."""

    pid: int
    start_ticks: int

    def lives(self) -> bool:
        """Whether it runs; one that has ended and that nobody has waited for does not."""
        status = _Status.read(self.pid)
        return status is not None and status.start_ticks == self.start_ticks and status.state not in "ZX"


class _Status(NamedTuple):
    """What proc(5) says of a process."""

    name: str
    state: str
    parent_pid: int
    start_ticks: int

    @classmethod
    def read(cls, pid: int) -> _Status | None:
        try:
            text = Path("/proc", str(pid), "stat").read_text(errors="replace")
        except OSError:
            return None
        before, _, after = text.rpartition(")")
        fields = after.split()
        return cls(before.partition("(")[2], fields[0], int(fields[1]), int(fields[19]))


def find_stubs(server_pid: int) -> set[Stub]:
    """The model processes of a server, those too that have ended and that it has not waited for."""
    stubs = set()
    for name in os.listdir("/proc"):  # noqa: PTH208 - one system call, and no path objects for every process
        if name.isdecimal():
            status = _Status.read(int(name))
            if status is not None and status.parent_pid == server_pid and status.name == _STUB_NAME:
                stubs.add(Stub(int(name), status.start_ticks))
    return stubs


class Guard:
    """One server and its stubs."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._server: subprocess.Popen[bytes] | None = None
        self._stubs: set[Stub] = set()
        self._stopping = False

    def run(self) -> int:
        """Start the server and stay until it has ended; the exit status."""
        self._sweep()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._forward)
        self._server = subprocess.Popen(self._command)  # noqa: S603 - it is what the operator asks for
        if self._stopping:  # told so while it was being started
            self._server.terminate()
        status = self._watch(self._server)
        self._end_stubs()
        self._sweep()
        return status

    def _forward(self, number: int, _frame: object) -> None:
        self._stopping = True
        if self._server is not None:
            self._server.send_signal(number)

    def _watch(self, server: subprocess.Popen[bytes]) -> int:
        next_search_s = 0.0
        while True:
            with suppress(subprocess.TimeoutExpired):
                status = server.wait(_LOOK_EVERY_S)
                return status if status >= 0 else 128 - status  # as shells tell of signals
            if time.monotonic() >= next_search_s:
                self._stubs |= find_stubs(server.pid)
                next_search_s = time.monotonic() + _SEARCH_EVERY_S
            ended = [stub.pid for stub in self._stubs if not stub.lives()]
            # A server that was told to stop ends its stubs itself.
            if ended and not self._stopping:
                _say(f"model process {', '.join(map(str, ended))} has ended alone: the whole server is ended")
                server.kill()
                server.wait()
                return STUB_ENDED_STATUS

    def _end_stubs(self) -> None:
        """They would notice that their server is gone, but not at once, and hold a gigabyte each."""
        for stub in self._stubs:
            if stub.lives():
                with suppress(ProcessLookupError):
                    os.kill(stub.pid, signal.SIGKILL)

    def _sweep(self) -> None:
        """Remove the shared memory that a killed server leaves, if its prefix was chosen: then it is its alone."""
        for chosen in filter(None, map(_PREFIX_ARGUMENT.fullmatch, self._command)):
            for leftover in _SHARED_MEMORY_DIR.glob(f"{chosen[1]}*"):
                with suppress(FileNotFoundError, PermissionError):
                    leftover.unlink()


def _say(sentence: str) -> None:
    sys.stderr.write(f"triton_guard: {sentence}\n")
    sys.stderr.flush()


def main() -> int:
    """Guard the server that the arguments start."""
    if len(sys.argv) < 2:
        _say("usage: triton_guard.py tritonserver ARGUMENTS…")
        return 64  # EX_USAGE
    return Guard(sys.argv[1:]).run()


if __name__ == "__main__":
    sys.exit(main())
