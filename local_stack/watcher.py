"""Ends the stack's processes when the supervisor is gone, however it went.

A supervisor that is killed with SIGKILL can clean nothing up, and its services would live on. This little process
holds the reading end of a pipe: when the pipe closes, the supervisor is gone, and every process group that it
named and did not take back is ended. (PR_SET_PDEATHSIG alone reaches children but not theirs: Triton's Python
backend runs each model in a process of its own.)

Standard library only; started with ``python -m local_stack.watcher``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

_GRACE_S = 3.0


class Watcher:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start watching; in a session of its own, so that the terminal's Ctrl-C does not reach it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local_stack.watcher"], stdin=subprocess.PIPE, start_new_session=True
        )

    def add(self, group_id: int) -> None:
        """End this group when the supervisor is gone."""
        self._tell(f"+{group_id}\n")

    def remove(self, group_id: int) -> None:
        """The group has ended; its number may belong to somebody else soon."""
        self._tell(f"-{group_id}\n")

    def close(self) -> None:
        """Let the watcher go. It never raises: a watcher that is still ending what was left ends by itself."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_GRACE_S * 3)

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the watcher was not started")
        # A watcher that is gone, or let go, must not keep the supervisor from stopping its services.
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def end_group(group_id: int, grace_s: float = _GRACE_S) -> None:
    """Ask a process group to end, then make it."""
    with suppress(ProcessLookupError):
        os.killpg(group_id, signal.SIGTERM)
        give_up_s = time.monotonic() + grace_s
        while time.monotonic() < give_up_s:
            time.sleep(0.05)
            os.killpg(group_id, 0)
        os.killpg(group_id, signal.SIGKILL)


def watch(pipe: IO[str]) -> None:
    """Follow the supervisor until it is gone, then end what it left."""
    groups: set[int] = set()
    for line in pipe:
        group_id = int(line[1:])
        if line[0] == "+":
            groups.add(group_id)
        else:
            groups.discard(group_id)
    for group_id in groups:
        with suppress(ProcessLookupError):
            os.killpg(group_id, signal.SIGTERM)
    for group_id in groups:
        end_group(group_id)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watch(sys.stdin)
