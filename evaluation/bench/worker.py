"""A reader in a process of its own, asked by several callers, timed inside of it.

An engine grows to more than a gigabyte; a process gives that back when it ends, has an account of its own, and is idle
while others are measured. Pixels are mapped from a file: neither the way to the process nor the copy out of the file is
part of what is timed.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from evaluation.bench.pages import Variant
from evaluation.ordering import PlacedText

STOP_TIMEOUT_S = 10.0
READY_TIMEOUT_S = 300.0


class ProcessReader(Protocol):
    """What a worker process runs."""

    def read(self, name: str, pixels: Callable[[], NDArray[np.uint8]]) -> Callable[[], Sequence[PlacedText] | None]:
        """Get ready for a page, (H, W, 3) uint8 RGB whose memory is BGR; what it returns is called and timed."""

    def models_cpu_s(self) -> float:
        """CPU that calls of the models have taken so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAnswer:
    """What came back for a page."""

    seconds: float
    cpu_s: float
    """Of the whole process meanwhile; means nothing where several callers ask at once."""
    models_cpu_s: float
    lines: list[PlacedText] | None


class Worker:
    """One process with a place for each of its callers."""

    def __init__(self, make: Callable[[], ProcessReader], *, callers: int = 1) -> None:
        # A fresh interpreter: a fork would copy the locks of the threads in this process.
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(callers)]
        self._ours, self._theirs = [ours for ours, _ in pipes], [theirs for _, theirs in pipes]
        self._process = context.Process(target=_serve, args=(self._theirs, make), daemon=True)

    @property
    def pid(self) -> int:
        """Of the process, while it runs."""
        return self._process.pid or 0

    def __enter__(self) -> Self:
        self._process.start()
        for pipe in self._theirs:
            # Or the child's end would never be seen to close.
            pipe.close()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._ours:
            pipe.close()
        self._process.join(STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def read(self, page: Variant, *, caller: int = 0) -> WorkerAnswer:
        """Have a page read.

        Raises:
            EOFError: the process ended, most likely for want of memory.
        """
        pipe = self._ours[caller]
        pipe.send((page.page.name, page.pixels_path))
        if not pipe.poll(READY_TIMEOUT_S):
            raise TimeoutError(f"a worker process has not answered for {READY_TIMEOUT_S:.0f} s")
        answer = pipe.recv()
        if isinstance(answer, WorkerAnswer):
            return answer
        raise RuntimeError(answer)


def _serve(pipes: Sequence[Connection], make: Callable[[], ProcessReader]) -> None:
    """The child: read pages until the pipes are closed, each in a thread."""
    reader = make()
    threads = [threading.Thread(target=_serve_caller, args=(pipe, reader)) for pipe in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Engines' threads may take long to end, and there is nothing left to save.
    os._exit(0)


def _serve_caller(pipe: Connection, reader: ProcessReader) -> None:
    while True:
        try:
            name, path = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(_answer(reader, name, path))
        except Exception as error:
            # Told to the parent, which raises it.
            pipe.send(f"{type(error).__name__}: {error}")


def _answer(reader: ProcessReader, name: str, path: Path) -> WorkerAnswer:
    # Out of the file first, so that its pages are not fetched while the clock runs.
    read = reader.read(name, lambda: np.asarray(np.load(path)[:, :, ::-1], np.uint8))
    models_s, cpu_s, start_s = reader.models_cpu_s(), time.process_time(), time.perf_counter()
    lines = read()
    return WorkerAnswer(
        seconds=time.perf_counter() - start_s,
        cpu_s=time.process_time() - cpu_s,
        models_cpu_s=reader.models_cpu_s() - models_s,
        lines=None if lines is None else list(lines),
    )
