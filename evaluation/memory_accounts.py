"""Memory by process tree: proportional set sizes (PSS), in which memory that processes share counts once in all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from evaluation.cpu_accounts import tree

_SAMPLE_EVERY_S = 0.4


def pss_bytes(pids: Collection[int]) -> int:
    """Of these processes together; those that have ended, or may not be looked into, count nothing."""
    total = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        # "Pss:  1234 kB"; a kernel's kB are 1024 bytes.
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


class PeakMemory:
    """Looks at the processes below some roots again and again, as a context manager, and keeps the largest sum."""

    def __init__(self, roots: Callable[[], Collection[int]], *, every_s: float = _SAMPLE_EVERY_S) -> None:
        self._roots = roots
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._every_s):
            self._look()

    def _look(self) -> None:
        pids = {pid for root in self._roots() for pid in tree(root)}
        self.peak_bytes = max(self.peak_bytes, pss_bytes(pids))
