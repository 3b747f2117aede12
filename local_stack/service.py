"""One process of the stack: started in a group of its own, its output labelled, ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.watcher import Watcher, end_group

LogSink = Callable[[str, str], None]
"""Takes a service's name and one line of its output."""

_KEPT_LINES = 4_000
_STOP_GRACE_S = 20.0


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """How to start one process, and how to know that it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    working_directory: Path
    is_ready: Callable[[], bool]
    clean_up: Callable[[], None] = _nothing
    """Called each time it has ended, for what a killed process leaves behind."""
    stop_grace_s: float = _STOP_GRACE_S
    """How long it may take to end when asked to: longer than it gives its own work."""


@dataclass(slots=True, kw_only=True)
class Service:
    """A process that was started from a ``ServiceSpec``; it can be ended and started again."""

    spec: ServiceSpec
    watcher: Watcher
    sink: LogSink
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    _process: subprocess.Popen[str] | None = None
    _pump: threading.Thread | None = None
    _asked_to_stop: bool = False

    @property
    def pid(self) -> int | None:
        """The process id; it is the process group's as well."""
        return self._process.pid if self._process is not None else None

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start the process."""
        self._asked_to_stop = False
        self._process = subprocess.Popen(
            list(self.spec.command),
            env=dict(self.spec.environment),
            cwd=self.spec.working_directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A group of its own: Ctrl-C reaches the supervisor alone, which then stops the services in order.
            process_group=0,
        )
        self.watcher.add(self._process.pid)
        self._pump = threading.Thread(target=self._copy_output, args=(self._process,), daemon=True)
        self._pump.start()

    def ask_to_stop(self) -> None:
        """Ask it to end, once, without waiting; ``stop`` then waits."""
        if self._process is not None and not self._asked_to_stop:
            self._asked_to_stop = True
            self._process.terminate()

    def stop(self, grace_s: float | None = None) -> None:
        """Ask it to end, wait (by default for the spec's grace), and end whatever of its group is left."""
        self.ask_to_stop()
        self._end(self.spec.stop_grace_s if grace_s is None else grace_s)

    def kill(self) -> None:
        """End it and all that it started at once, as a crash of the machine would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._end(grace_s=5.0)

    def _end(self, grace_s: float) -> None:
        process = self._process
        if process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
        # Whoever is left of the group: children that outlived their parent, or the process itself if it hangs.
        end_group(process.pid, grace_s=1.0)
        process.wait()
        if self._pump is not None:
            self._pump.join(timeout=5.0)
        if process.stdout is not None:
            process.stdout.close()
        self.spec.clean_up()
        self.watcher.remove(process.pid)
        self._process = None

    def _copy_output(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        with suppress(ValueError):  # closed while it was being read
            for line in process.stdout:
                text = line.rstrip("\n")
                self.lines.append(text)
                self.sink(self.spec.name, text)
