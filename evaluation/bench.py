"""Latency of one warm A4 page at 200 dpi, beside its limit and its peer: ``make bench``.

In one run, one after the other within each round, so that a change of the machine's pace meets all alike:

  API               ``POST /v1/ocr`` over HTTP with everything that belongs to it: opening in the sandbox, detection,
                    recognition in Triton, fields, JSON. No two requests carry the same bytes.
  bare models       the same tensors that our pipeline sends for the page, in the same batches, with the same engine
                    settings, called in process; the better of one by one and all at once. Nothing is opened, cropped
                    or decoded. This is the limit.
  RapidOCR          with OpenVINO, in process, on pixels that are decoded already: at its defaults; at the fastest of
                    the settings in ``PEER_TRIALS``; and that with its detector on a page as small as ours sees it.

While one row is measured nothing else of ours works: the server idles while the others run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from ocr_client import OcrClient
from rich.console import Console
from rich.progress import Progress

from evaluation.api_reader import as_read
from evaluation.bare_models import ModelCalls, record_calls, replay_at_once, replay_one_by_one
from evaluation.bench_pages import BenchPage, bench_pages
from evaluation.bench_report import API, BARE_AT_ONCE, BARE_ONE_BY_ONE, DEFAULTS, FASTEST, SMALLER, Report, Row
from evaluation.datasets import REPOSITORY
from evaluation.inprocess_models import InProcessModels
from evaluation.machine import describe_machine
from evaluation.metrics import character_errors
from evaluation.ordering import PlacedText, rows_text, text_along
from evaluation.peer_process import PeerProcess
from evaluation.server import measured_server

OUTPUT_DIR = REPOSITORY / "out"
ROUNDS = 10
WARM_UP_ROUNDS = 2
TRIAL_ROUNDS = 4
TIMEOUT_S = 30.0

OPENVINO = "EngineConfig.openvino."
# RapidOCR's own settings that may make it faster, on top of leaving out its line classifier.
PEER_TRIALS: tuple[Mapping[str, Any], ...] = (
    {"Global.use_cls": False},
    {"Global.use_cls": False, f"{OPENVINO}performance_hint": "LATENCY"},
    {"Global.use_cls": False, f"{OPENVINO}num_streams": 1},
    {"Global.use_cls": False, "Rec.rec_batch_num": 1},
    {"Global.use_cls": False, "Rec.rec_batch_num": 16},
)

Contender = Callable[[BenchPage, bytes], tuple[float, Sequence[PlacedText] | None]]
"""Reads a page, from its pixels or from the file's bytes; returns the seconds it took, and lines if it makes any."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", help="a running server on this machine; without it one is started and stopped")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    report = Report(machine=describe_machine(), rounds=options.rounds)
    pages = bench_pages()
    report.fastest_settings = _fastest_peer(pages[0])
    with ExitStack() as stack:
        models = stack.enter_context(InProcessModels())
        calls = {page.name: record_calls(page.pixels, models) for page in pages}
        report.calls = {name: str(page_calls) for name, page_calls in calls.items()}
        url = stack.enter_context(measured_server(options.url, log=OUTPUT_DIR / "bench.log"))
        client = stack.enter_context(OcrClient(url))
        fastest = report.fastest_settings
        peers = {DEFAULTS: {}, FASTEST: fastest, SMALLER: fastest | _smaller_page(calls)}
        contenders = {
            API: _api(client, report.stages_ms),
            BARE_ONE_BY_ONE: _bare(replay_one_by_one, calls, models),
            BARE_AT_ONCE: _bare(replay_at_once, calls, models),
            **{name: _peer(stack.enter_context(PeerProcess(settings))) for name, settings in peers.items()},
        }
        _measure(contenders, pages, report)
    print(report.markdown())
    report.write(OUTPUT_DIR)
    return 0


def _api(client: OcrClient, stages_ms: list[dict[str, float]]) -> Contender:
    def read(_: BenchPage, body: bytes) -> tuple[float, Sequence[PlacedText]]:
        start = time.perf_counter()
        result = client.read(body, timeout_s=TIMEOUT_S)
        seconds = time.perf_counter() - start
        stages_ms.append(result["timing_ms"])
        return seconds, as_read(result).lines

    return read


def _bare(
    replay: Callable[[ModelCalls, InProcessModels], None], calls: Mapping[str, ModelCalls], models: InProcessModels
) -> Contender:
    def run(page: BenchPage, _: bytes) -> tuple[float, None]:
        start = time.perf_counter()
        replay(calls[page.name], models)
        return time.perf_counter() - start, None

    return run


def _peer(process: PeerProcess) -> Contender:
    return lambda page, _: process.read(page.name, page.pixels)


def _smaller_page(calls: Mapping[str, ModelCalls]) -> dict[str, Any]:
    """RapidOCR settings by which its detector sees a page no larger than ours does."""
    longest_px = max(max(image.shape[:2]) for page_calls in calls.values() for image in page_calls.detections)
    return {"Det.limit_type": "max", "Det.limit_side_len": longest_px}


def _fastest_peer(page: BenchPage) -> dict[str, Any]:
    """The fastest of ``PEER_TRIALS`` on one page, each in a process of its own and after warming up."""
    best_s, best = float("inf"), dict(PEER_TRIALS[0])
    for settings in PEER_TRIALS:
        with PeerProcess(settings) as process:
            seconds = [process.read(page.name, page.pixels)[0] for _ in range(1 + TRIAL_ROUNDS)][1:]
        if statistics.median(seconds) < best_s:
            best_s, best = statistics.median(seconds), dict(settings)
    return best


def _measure(contenders: Mapping[str, Contender], pages: Sequence[BenchPage], report: Report) -> None:
    """All contenders on all pages, round by round; the order turns, so that none always follows the same one."""
    report.rows = {name: Row() for name in contenders}
    names = list(contenders)
    nonce = int(time.time())
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("measuring", total=(report.rounds + WARM_UP_ROUNDS) * len(pages))
        for number in range(-WARM_UP_ROUNDS, report.rounds):
            if number == 0:
                report.stages_ms.clear()
            if not sys.stderr.isatty():
                print(f"round {number + 1} of {report.rounds}", file=sys.stderr, flush=True)
            for page in pages:
                nonce += 1
                body = page.body(nonce)
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    seconds, lines = contenders[name](page, body)
                    if number >= 0:
                        report.rows[name].seconds.setdefault(page.name, []).append(seconds)
                    if lines is not None and page.truth:
                        report.rows[name].accuracy[page.name] = _accuracy(page, lines)
                progress.advance(task)


def _accuracy(page: BenchPage, lines: Sequence[PlacedText]) -> float:
    return 1 - character_errors(rows_text(page.truth), text_along(page.truth, lines)).rate


if __name__ == "__main__":
    raise SystemExit(main())
