"""The bare models as a contender: what the pipeline sends for a page, and nothing else.

With one caller all recognitions of a page go at once, as in the pipeline. Kept busy, the better of two ways counts:
page after page like that, or as many pages at once as there are cores, each on a core of its own. Each way has a
process and engines of its own. The recorded tensors are the same for every reading of a page: an engine remembers none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from evaluation.bench.bare_models import ModelCalls, record_calls, replay_at_once, replay_one_by_one
from evaluation.bench.contender import CORES, Cpu, Load, PageRead
from evaluation.bench.load import closed_loop
from evaluation.bench.pages import Variant
from evaluation.bench.worker import Worker
from evaluation.cpu_accounts import cpu_s_by_tree
from evaluation.inprocess_models import REPOSITORY, InProcessModels
from model_tools.engine_settings import served_precisions


class BareModels:
    """``contender.Contender``; a context manager."""

    name = "bare models"
    is_latency_measured = True
    levels = (CORES, 1) if CORES > 1 else (1,)

    def __init__(self) -> None:
        self._at_once = Worker(partial(_BareReader, at_once=True))
        self._side_by_side = Worker(partial(_BareReader, at_once=False), callers=CORES)
        self._exits = ExitStack()
        self._busy = self._at_once

    def __enter__(self) -> Self:
        self._exits.enter_context(self._at_once)
        self._exits.enter_context(self._side_by_side)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    @property
    def settings(self) -> str:
        """See ``Contender.settings``."""
        precisions = ", ".join(f"{name} in {precision}" for name, precision in served_precisions(REPOSITORY).items())
        return (
            f"OpenVINO in process, {precisions}, {CORES} threads; kept busy page after page (1 caller)"
            f" or each page on a core of its own ({CORES})"
        )

    def make_ready(self, page: Variant) -> None:
        """See ``Contender.make_ready``."""
        _ = page.pixels_path

    def warm_up(self, pages: Sequence[Variant]) -> None:
        """See ``Contender.warm_up``; the calls are recorded."""
        for page in pages:
            self._at_once.read(page)
            for caller in range(CORES):
                self._side_by_side.read(page, caller=caller)

    def read(self, page: Variant) -> PageRead:
        """See ``Contender.read``."""
        self._busy = self._at_once
        return PageRead(seconds=self._at_once.read(page).seconds, lines=None)

    def saturate(self, pages: Sequence[Variant], *, callers: int, window_s: float) -> Load:
        """See ``Contender.saturate``."""
        self._busy = busy = self._at_once if callers == 1 else self._side_by_side

        def read(caller: int, page: Variant) -> bool:
            busy.read(page, caller=caller)
            return True

        return Load(pace=closed_loop(read, pages, callers=callers, window_s=window_s))

    def cpu(self) -> Cpu:
        """See ``Contender.cpu``: all that these processes do is run models."""
        return Cpu(
            models_s=cpu_s_by_tree({"page after page": self._at_once.pid, "a core a page": self._side_by_side.pid})
        )

    def roots(self) -> Collection[int]:
        """See ``Contender.roots``: of the way that was asked last."""
        return (self._busy.pid,)


class _BareReader:
    """``worker.ProcessReader``."""

    def __init__(self, *, at_once: bool) -> None:
        self._replay = replay_at_once if at_once else replay_one_by_one
        self._models = InProcessModels(threads=CORES, detection_streams=1 if at_once else CORES)
        self._models.start()
        self._calls: dict[str, ModelCalls] = {}

    def read(self, name: str, pixels: Callable[[], NDArray[np.uint8]]) -> Callable[[], None]:
        """See ``ProcessReader.read``."""
        if name not in self._calls:
            self._calls[name] = record_calls(pixels(), self._models)
        return partial(self._replay, self._calls[name], self._models)

    def models_cpu_s(self) -> float:
        """See ``ProcessReader.models_cpu_s``: the process's own account is asked instead."""
        return 0.0
