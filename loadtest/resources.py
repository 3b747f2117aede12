"""What the server's processes take while they are under load: CPU, memory, descriptors, by service."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from loadtest.samples import LineWriter

RESOURCES_FILE = "resources.jsonl"
GENERATOR = "load generator"
Reader = Callable[[], Mapping[str, Any]]
"""Returns what else belongs into each line."""


@dataclass(slots=True, kw_only=True)
class Usage:
    """Of all processes of one service together."""

    root: int
    """Process id of the service's first process: another one means that it was started again."""
    cpu_s: float = 0.0
    """User and system so far, with that of children that have ended."""
    memory_bytes: int = 0
    """Proportional set size: a page that several processes share counts once, divided among them."""
    descriptors: int = 0
    threads: int = 0
    processes: int = 0


def usage_by_service(groups: Mapping[str, int]) -> dict[str, Usage]:
    """What each service takes at this moment.

    Args:
        groups: Process groups by service: each service is the first process of a group of its own.
    """
    members: defaultdict[int, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            members[os.getpgid(process.pid)].append(process)
    usages = {}
    for service, group in groups.items():
        usage = usages[service] = Usage(root=group)
        for process in members.get(group, ()):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                _add(usage, process)
    return usages


def _add(usage: Usage, process: psutil.Process) -> None:
    with process.oneshot():
        times = process.cpu_times()
        usage.cpu_s += times.user + times.system + times.children_user + times.children_system
        usage.threads += process.num_threads()
    usage.processes += 1
    usage.descriptors += process.num_fds()
    # The process of a single file lives for parts of a second, and may refuse to be looked at: what is known by then
    # counts.
    usage.memory_bytes += process.memory_full_info().pss


class ResourceMonitor:
    """Writes a line into a phase's folder every so many seconds, from a thread of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        groups: Callable[[], Mapping[str, int]],
        interval_s: float,
        readers: Mapping[str, Reader] | None = None,
    ) -> None:
        """Store what to watch.

        Args:
            folder: Where ``resources.jsonl`` goes.
            groups: The process groups by service; asked every time, as services may be started again.
            interval_s: Between two looks, each of which costs some milliseconds of CPU.
            readers: What else is asked each time, by the name that it has in the line.
        """
        self._groups = groups
        self._interval_s = interval_s
        self._readers = dict(readers or {})
        self._file = folder / RESOURCES_FILE
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with LineWriter(self._file) as writer:
            next_s = time.monotonic()
            while True:
                writer.write(self._look())
                next_s += self._interval_s
                if self._stop.wait(max(0.0, next_s - time.monotonic())):
                    writer.write(self._look())
                    return

    def _look(self) -> dict[str, Any]:
        services = {
            name: {key: getattr(usage, key) for key in Usage.__slots__}
            for name, usage in usage_by_service(self._groups()).items()
        }
        machine = psutil.cpu_times()
        return {
            "at_s": time.monotonic(),
            "services": services,
            "machine": {"idle_s": machine.idle + machine.iowait, "steal_s": machine.steal, "cores": psutil.cpu_count()},
            **{name: read() for name, read in self._readers.items()},
        }
