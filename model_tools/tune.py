"""Measures what is fastest on this machine, and writes it down beside the models (``model_tools.choice``).

``make models`` runs it briefly (``--brief``): each model's precisions on a few shapes. ``make tune`` measures at
length, and the recogniser's processes and threads too. Candidates take turns, so that a busy machine is unkind to all
of them, and the medians are compared. INT8 is a candidate where ``model_tools.int8`` has put it in place.

Processes are imitated by threads with a compiled model each: OpenVINO lets go of the interpreter while it computes.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_tools.choice import CHOICE_FILE, TUNED_CONFIG, Choice, read_choice, this_cpu, write_config
from model_tools.engine_settings import available_cores
from model_tools.openvino_models import EngineSettings, Precision, TextDetector, TextRecogniser, has_int8
from model_tools.prepare import DEFAULT_REPOSITORY, VERSION
from model_tools.samples import bundled_crops, bundled_pages
from ocr_core.contracts.tensors import TEXT_DETECTION, TEXT_RECOGNITION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_CLEARLY = 0.97
"""A candidate must take less than this share of the time of f16, or of the present split, to be chosen instead."""
_COMMITTED_PROCESSES = 2
"""Of the recogniser, as ``configs/cpu.pbtxt`` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int
    crops: int
    pages: int


BRIEF = Effort(rounds=3, crops=6, pages=1)
THOROUGH = Effort(rounds=9, crops=24, pages=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How the recogniser shares the cores."""

    processes: int
    threads: int
    """Of each process."""

    def __str__(self) -> str:
        """For the report."""
        return f"{self.processes} x {self.threads}"


def precisions(repository: Path, model: str, native: Sequence[str]) -> list[Precision]:
    """What is worth measuring: f16 is the default, f32 nowhere faster, bf16 another only where the CPU has it."""
    found = [Precision.F16]
    if "BF16" in native:
        found.append(Precision.BF16)
    if has_int8(repository / model / VERSION):
        found.append(Precision.INT8)
    return found


def splits(cores: int) -> list[Split]:
    """Ways to share the cores among processes, all of them busy."""
    wanted = {1, 2, cores // 2, cores}
    return [Split(processes=count, threads=max(1, cores // count)) for count in sorted(wanted) if 1 <= count <= cores]


def medians_ms(candidates: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Each candidate's median, milliseconds of wall time; they take turns, after a turn that does not count."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(rounds + 1):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            if turn:
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(seen) for name, seen in times.items()}


def fastest(taken_ms: Mapping[str, float], present: str) -> str:
    """The fastest candidate, unless the present one is about as fast."""
    best = min(taken_ms, key=lambda name: taken_ms[name])
    return best if taken_ms[best] < _CLEARLY * taken_ms[present] else present


def tune(repository: Path, effort: Effort, *, with_splits: bool) -> Choice:
    """Measure, write the choice and, where another split than ours won, its configurations."""
    cores = available_cores()
    native = _native_precisions()
    crops, pages = _spread(bundled_crops(), effort.crops), _spread(bundled_pages(), effort.pages)
    measured: dict[str, float] = {}
    chosen: dict[str, str] = {}
    loads: tuple[tuple[str, Callable[[Precision], Callable[[], None]]], ...] = (
        (TEXT_DETECTION.name, lambda precision: _detection(repository, pages, _settings(precision, cores))),
        (TEXT_RECOGNITION.name, lambda precision: _recognition(repository, crops, _settings(precision, 1))),
    )
    for model, load in loads:
        candidates = {precision.value: load(precision) for precision in precisions(repository, model, native)}
        taken_ms = medians_ms(candidates, effort.rounds)
        chosen[model] = fastest(taken_ms, Precision.F16.value)
        measured |= {f"{model} {name}": round(value, 2) for name, value in taken_ms.items()}
    split = None
    if with_splits:
        split, taken_ms = _best_split(repository, crops, Precision(chosen[TEXT_RECOGNITION.name]), cores, effort)
        measured |= {f"{TEXT_RECOGNITION.name} {name}": round(value, 2) for name, value in taken_ms.items()}
    choice = Choice(
        cpu=this_cpu(),
        precisions=chosen,
        recogniser_processes=split.processes if split else None,
        recogniser_threads=split.threads if split else None,
        measured=measured,
    )
    write_configs(repository, choice)
    choice.write(repository)
    return choice


def _best_split(
    repository: Path, crops: Sequence[NDArray[np.uint8]], precision: Precision, cores: int, effort: Effort
) -> tuple[Split, dict[str, float]]:
    by_name = {str(split): split for split in splits(cores)}
    present = str(Split(processes=min(_COMMITTED_PROCESSES, cores), threads=max(1, cores // _COMMITTED_PROCESSES)))
    candidates = {
        name: _at_once(
            [_recogniser(repository, crops, _settings(precision, split.threads)) for _ in range(split.processes)], crops
        )
        for name, split in by_name.items()
    }
    taken_ms = medians_ms(candidates, effort.rounds)
    return by_name[fastest(taken_ms, present)], taken_ms


def _detection(repository: Path, pages: Sequence[NDArray[np.uint8]], settings: EngineSettings) -> Callable[[], None]:
    detector = TextDetector(repository / TEXT_DETECTION.name / VERSION, settings)
    detector.load(sorted({page.shape[1:3] for page in pages}))

    def run() -> None:
        for page in pages:
            detector.detect(page)

    return run


def _recogniser(repository: Path, crops: Sequence[NDArray[np.uint8]], settings: EngineSettings) -> TextRecogniser:
    recogniser = TextRecogniser(repository / TEXT_RECOGNITION.name / VERSION, settings)
    recogniser.load(sorted({crop.shape[2] for crop in crops}))
    return recogniser


def _recognition(repository: Path, crops: Sequence[NDArray[np.uint8]], settings: EngineSettings) -> Callable[[], None]:
    recogniser = _recogniser(repository, crops, settings)

    def run() -> None:
        for crop in crops:
            recogniser.recognise(crop)

    return run


def _at_once(recognisers: Sequence[TextRecogniser], crops: Sequence[NDArray[np.uint8]]) -> Callable[[], None]:
    """All crops through all recognisers, each taking the next one when it is free."""

    def run() -> None:
        waiting = iter(crops)
        lock = threading.Lock()

        def work(recogniser: TextRecogniser) -> None:
            while True:
                with lock:
                    crop = next(waiting, None)
                if crop is None:
                    return
                recogniser.recognise(crop)

        workers = [threading.Thread(target=work, args=(recogniser,)) for recogniser in recognisers]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return run


def write_configs(repository: Path, choice: Choice) -> None:
    """``configs/tuned.pbtxt`` of each model."""
    write_config(repository / TEXT_DETECTION.name, TUNED_CONFIG, precision=choice.precisions[TEXT_DETECTION.name])
    write_config(
        repository / TEXT_RECOGNITION.name,
        TUNED_CONFIG,
        precision=choice.precisions[TEXT_RECOGNITION.name],
        processes=choice.recogniser_processes,
        threads=choice.recogniser_threads,
    )


def _spread(samples: Sequence[NDArray[np.uint8]], count: int) -> list[NDArray[np.uint8]]:
    """So many of them, over all widths."""
    by_width = sorted(samples, key=lambda sample: sample.shape[2])
    return [by_width[round((number + 0.5) * len(by_width) / count - 0.5)] for number in range(count)]


def _settings(precision: Precision, threads: int) -> EngineSettings:
    return EngineSettings(threads=threads, precision=precision)


def _native_precisions() -> list[str]:
    import openvino as ov  # noqa: PLC0415 - after the arguments are read

    return [str(name) for name in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")]


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m model_tools.tune", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY, help="default: %(default)s")
    parser.add_argument("--brief", action="store_true", help="precisions only, and only where no choice was made yet")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.brief and read_choice(options.repository) is not None:
        return 0
    choice = tune(options.repository, BRIEF if options.brief else THOROUGH, with_splits=not options.brief)
    for name, value in choice.measured.items():
        _log.info("  %-28s %8.1f ms", name, value)
    split = (
        f"; recogniser: {choice.recogniser_processes} processes of {choice.recogniser_threads} threads"
        if choice.recogniser_processes
        else ""
    )
    said = ", ".join(f"{model} {precision}" for model, precision in choice.precisions.items())
    _log.info("models: chosen for this machine: %s%s (%s)", said, split, options.repository / CHOICE_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
