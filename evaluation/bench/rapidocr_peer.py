"""RapidOCR in processes of its own, on pixels that are decoded already, and the search for its best settings."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from evaluation.bench.contender import CORES, Cpu, Load, PageRead
from evaluation.bench.load import closed_loop
from evaluation.bench.pages import Variant
from evaluation.bench.worker import Worker, WorkerAnswer
from evaluation.ordering import PlacedText
from evaluation.peer import Peer, PeerEngine, PeerSettings

TRIAL_READS = 3

Changes = Mapping[str, Any]
"""What differs from RapidOCR's defaults, in its own names."""

# Pages stand upright, and its line classifier finds that out for every line.
_NO_CLASSIFIER: Changes = {"Global.use_cls": False}
_OPENVINO = "EngineConfig.openvino."
_ONNX_RUNTIME = "EngineConfig.onnxruntime."
_TRIALS: Mapping[PeerEngine, Sequence[Changes]] = {
    PeerEngine.OPENVINO: (
        {},
        {f"{_OPENVINO}num_streams": 1},
        {f"{_OPENVINO}performance_hint": "LATENCY"},
        {"Rec.rec_batch_num": 1},
        {"Rec.rec_batch_num": 16},
    ),
    PeerEngine.ONNX_RUNTIME: (
        {},
        {f"{_ONNX_RUNTIME}enable_cpu_mem_arena": True},
        {"Rec.rec_batch_num": 1},
        {"Rec.rec_batch_num": 16},
    ),
}
_ONE_THREAD: Mapping[PeerEngine, Changes] = {
    PeerEngine.OPENVINO: {f"{_OPENVINO}inference_num_threads": 1, f"{_OPENVINO}num_streams": 1},
    PeerEngine.ONNX_RUNTIME: {f"{_ONNX_RUNTIME}intra_op_num_threads": 1},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """How many processes, and what each is told."""

    changes: Changes
    processes: int = 1

    def __str__(self) -> str:
        named = ", ".join(f"{name.rsplit('.', 1)[-1]} = {value}" for name, value in self.changes.items())
        count = "one process" if self.processes == 1 else f"{self.processes} processes"
        return f"{count}; {named or 'its defaults'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration that was tried."""

    engine: PeerEngine
    configuration: Configuration
    latency_s: float
    """Median of one caller."""
    pages_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """Of one engine: what answers one caller soonest, and what reads most pages a second."""

    latency: Configuration
    throughput: Configuration
    trials: Sequence[Trial] = ()


def unsearched(engine: PeerEngine) -> Best:
    """What was best on the machines that it was searched on, for a run that has no time to search."""
    return Best(
        latency=Configuration(changes={**_NO_CLASSIFIER, **_TRIALS[engine][1 if engine is PeerEngine.OPENVINO else 0]}),
        throughput=Configuration(changes={**_NO_CLASSIFIER, **_ONE_THREAD[engine]}, processes=CORES),
    )


def search(engine: PeerEngine, pages: Sequence[Variant]) -> Best:
    """Try settings one after the other, each in fresh processes after warming up.

    First one process on all cores, with engine settings and batches in turn; then a process a core on one thread each,
    with the batches that one process was fastest with, and with RapidOCR's own.

    Args:
        engine: Which.
        pages: To read; each is read anew in every trial.
    """
    alone = [
        try_out(engine, Configuration(changes={**_NO_CLASSIFIER, **changes}), pages) for changes in _TRIALS[engine]
    ]
    fastest = min(alone, key=lambda trial: trial.latency_s)
    batches = {name: value for name, value in fastest.configuration.changes.items() if name.startswith("Rec.")}
    together = []
    for rec_changes in ({}, batches) if batches else ({},):
        changes = {**_NO_CLASSIFIER, **_ONE_THREAD[engine], **rec_changes}
        if CORES > 1:
            together.append(try_out(engine, Configuration(changes=changes, processes=CORES), pages))
    trials = [*alone, *together]
    return Best(
        latency=fastest.configuration,
        throughput=max(trials, key=lambda trial: trial.pages_per_s).configuration,
        trials=trials,
    )


def try_out(engine: PeerEngine, configuration: Configuration, pages: Sequence[Variant]) -> Trial:
    """Seconds with one caller, and pages a second with a caller a process."""
    with _workers(engine, configuration) as workers:
        _warm_up(workers, pages)
        seconds = [workers[0].read(pages[index % len(pages)]).seconds for index in range(TRIAL_READS)]
        pages_per_s = TRIAL_READS / sum(seconds)
        if len(workers) > 1:
            repeated = list(pages) * (TRIAL_READS * len(workers))
            pace = closed_loop(partial(_read, workers), repeated, callers=len(workers), window_s=1e9)
            pages_per_s = pace.pages_per_s
    return Trial(
        engine=engine,
        configuration=configuration,
        latency_s=statistics.median(seconds),
        pages_per_s=pages_per_s,
    )


class RapidOcrInProcess:
    """``contender.Contender``; a context manager.

    The process for one caller ends when the contender is first kept busy, and those that are kept busy live for one
    window: all of them at once, more than a gigabyte each, would not fit into the memory of a small machine.
    """

    def __init__(
        self,
        name: str,
        engine: PeerEngine,
        *,
        latency: Configuration,
        throughput: Configuration | None,
        is_latency_measured: bool = True,
    ) -> None:
        """Store how it is run.

        Args:
            name: In the tables.
            engine: What its models run on.
            latency: For one caller.
            throughput: For as many as it has processes; null where it is not to be kept busy.
            is_latency_measured: Whether one caller is measured.
        """
        self.name = name
        self.is_latency_measured = is_latency_measured
        self._engine = engine
        self._configurations = {"one caller": latency, "kept busy": throughput or latency}
        self.levels = () if throughput is None else (throughput.processes,)
        self._exits = ExitStack()
        self._one: Sequence[Worker] = ()
        self._busy: Sequence[Worker] = ()
        self._lock = threading.Lock()
        self._models_s = 0.0
        self._other_s = 0.0

    def __enter__(self) -> Self:
        self._one = self._exits.enter_context(_workers(self._engine, self._configurations["one caller"]))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    @property
    def settings(self) -> str:
        """See ``Contender.settings``."""
        latency, throughput = self._configurations.values()
        return str(latency) if latency == throughput else f"{latency}. Kept busy: {throughput}"

    def make_ready(self, page: Variant) -> None:
        """See ``Contender.make_ready``."""
        _ = page.pixels_path

    def warm_up(self, pages: Sequence[Variant]) -> None:
        """See ``Contender.warm_up``."""
        _warm_up(self._one, pages)

    def read(self, page: Variant) -> PageRead:
        """See ``Contender.read``."""
        answer = self._count(self._one[0].read(page))
        return PageRead(seconds=answer.seconds, lines=answer.lines or [])

    def saturate(self, pages: Sequence[Variant], *, callers: int, window_s: float) -> Load:
        """See ``Contender.saturate``: a caller a process, fresh ones, warmed up on the first page of each kind."""
        self._exits.close()
        first = list({page.page.name: page for page in reversed(pages)}.values())
        rest = [page for page in pages if page not in first]

        def read(caller: int, page: Variant) -> bool:
            self._count(self._busy[caller].read(page))
            return True

        with _workers(self._engine, self._configurations["kept busy"]) as workers:
            self._busy = workers
            _warm_up(workers, first)
            return Load(pace=closed_loop(read, rest, callers=callers, window_s=window_s))

    def cpu(self) -> Cpu:
        """See ``Contender.cpu``."""
        return Cpu(models_s={"models": self._models_s}, other_s={"RapidOCR": self._other_s})

    def roots(self) -> Collection[int]:
        """See ``Contender.roots``: the processes that are kept busy; they are no more after that."""
        return [worker.pid for worker in self._busy]

    def _count(self, answer: WorkerAnswer) -> WorkerAnswer:
        with self._lock:
            self._models_s += answer.models_cpu_s
            self._other_s += answer.cpu_s - answer.models_cpu_s
        return answer


class RapidOcrReader:
    """``worker.ProcessReader``: one RapidOCR, with an account of what its models take."""

    def __init__(self, engine: PeerEngine, changes: Changes) -> None:
        self._peer = Peer(PeerSettings(engine=engine, changes=changes))
        self._meter = _ModelMeter(engine)

    def read(self, name: str, pixels: Callable[[], NDArray[np.uint8]]) -> Callable[[], list[PlacedText]]:
        """See ``ProcessReader.read``."""
        del name
        return partial(self._peer.read, pixels())

    def models_cpu_s(self) -> float:
        """See ``ProcessReader.models_cpu_s``."""
        return self._meter.cpu_s


class _ModelMeter:
    """Counts the process's CPU time during every call of a model: engines' threads work in these calls alone."""

    def __init__(self, engine: PeerEngine) -> None:
        self.cpu_s = 0.0
        session = _session_class(engine)
        call = session.__call__

        def counted(*arguments: Any) -> Any:
            start_s = time.process_time()
            try:
                return call(*arguments)
            finally:
                self.cpu_s += time.process_time() - start_s

        session.__call__ = counted


def _session_class(engine: PeerEngine) -> Any:
    """RapidOCR's class that calls a model."""
    if engine is PeerEngine.OPENVINO:
        from rapidocr.inference_engine.openvino import OpenVINOInferSession  # noqa: PLC0415 - brings its engine

        return OpenVINOInferSession
    from rapidocr.inference_engine.onnxruntime import OrtInferSession  # noqa: PLC0415 - brings its engine

    return OrtInferSession


@contextmanager
def _workers(engine: PeerEngine, configuration: Configuration) -> Iterator[list[Worker]]:
    with ExitStack() as exits:
        make = partial(RapidOcrReader, engine, dict(configuration.changes))
        yield [exits.enter_context(Worker(make)) for _ in range(configuration.processes)]


def _warm_up(workers: Sequence[Worker], pages: Sequence[Variant]) -> None:
    with ThreadPoolExecutor(max(1, len(workers))) as threads:
        for page in pages:
            list(threads.map(lambda worker: worker.read(page), workers))  # noqa: B023 - all have ended by then


def _read(workers: Sequence[Worker], caller: int, page: Variant) -> bool:
    workers[caller].read(page)
    return True
