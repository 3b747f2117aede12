"""Speed side by side in one run, as ratios, with the accuracy beside it: ``make bench``.

Everybody reads the same pages in turns, so that a change of the machine's pace meets all alike. No two readings have
the same bytes or the same pixels, so no store of results has a part in it.

  sync API       ``POST /v1/ocr``: opening in the sandbox, both models in Triton, fields, JSON, HTTP
  bulk road      a job through queue, object storage, database and workers
  bare models    the tensors that our pipeline sends for these pages, in process, with the engine settings of the
                 served models; nothing is opened, cropped or decoded: the limit
  RapidOCR       in process, on pixels that are decoded already, with OpenVINO and with ONNX Runtime, at the best of
                 the settings that are tried (batches, streams, threads, processes); with OpenVINO also at its
                 defaults, and with its detector on pages no larger than ours sees them
  rapidocr_api   RapidOCR behind its authors' HTTP server
  Tesseract      its command line

Times are of one caller, pages a second of everybody kept busy by the number of callers that suits it best. CPU is the
kernel's count by process (of RapidOCR in process its own, told apart by call); memory is the sum of proportional set
sizes while kept busy. What each runs with is told below the tables.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from evaluation.bench import rapidocr_server, report, tesseract
from evaluation.bench.bare import BareModels
from evaluation.bench.bare_models import ModelCalls, record_calls
from evaluation.bench.contender import CORES, Contender
from evaluation.bench.figures import Figures
from evaluation.bench.local_services import running_services
from evaluation.bench.pages import Variants, default_pages, page_of_file, pages_of_set
from evaluation.bench.programme import FULL, FUNCTIONAL, QUICK, Programme, Run, say
from evaluation.bench.rapidocr_peer import Best, Configuration, RapidOcrInProcess, search, unsearched
from evaluation.bench.rapidocr_server import RapidOcrServer
from evaluation.bench.services import BulkRoad, SyncApi
from evaluation.bench.tesseract import Tesseract
from evaluation.datasets import REPOSITORY
from evaluation.inprocess_models import InProcessModels
from evaluation.machine import describe_machine
from evaluation.peer import PeerEngine

OUTPUT_DIR = REPOSITORY / "out" / "bench"
PARTS = ("bulk", "rapidocr", "rapidocr_api", "tesseract")
SELDOM = (report.OPENVINO_DEFAULTS, report.OPENVINO_SMALLER, report.TESSERACT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the report."""
    # Ended by a signal it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    options = _parser().parse_args(arguments)
    programme = _programme(options)
    pages = default_pages(quick=programme is not FULL)
    pages += [page for choice in options.set for page in pages_of_set(choice)]
    pages += [page_of_file(path) for path in options.add]
    figures = Figures(machine=_machine(), pages=[page.name for page in pages])
    with ExitStack() as exits:
        variants = exits.enter_context(Variants(pages))
        contenders = _contenders(options, programme, variants, figures, exits)
        run = Run(contenders, variants, programme, figures, seldom=SELDOM)
        run.warm_up()
        run.one_caller()
        sync = next(each for each in contenders if isinstance(each, SyncApi))
        figures.stages_ms = list(sync.stages_ms)
        run.kept_busy()
        figures.notes.append(f"the sync API refused {sync.refused} requests (429), which were sent again")
    print(report.markdown(figures))
    report.write(figures, options.output)
    say(f"written to {options.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="two pages, no search, few rounds: two minutes")
    length.add_argument("--functional", action="store_true", help="everything once, to see that it runs")
    parser.add_argument("--without", action="append", default=[], choices=PARTS, help="leave something out")
    parser.add_argument("--set", action="append", default=[], metavar="NAME[:COUNT]", help="pages of a shared set too")
    parser.add_argument("--add", action="append", default=[], type=Path, metavar="FILE", help="a document of your own")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="of our services")
    parser.add_argument("--window", type=float, metavar="SECONDS", help="how long each is kept busy at a time")
    parser.add_argument("--output", type=Path, default=OUTPUT_DIR)
    return parser


def _programme(options: argparse.Namespace) -> Programme:
    programme = QUICK if options.quick else FUNCTIONAL if options.functional else FULL
    return replace(programme, window_s=options.window) if options.window else programme


def _contenders(
    options: argparse.Namespace, programme: Programme, variants: Variants, figures: Figures, exits: ExitStack
) -> list[Contender]:
    """Everybody who takes part, started; RapidOCR's search comes first, while nothing else is there."""
    best = {} if "rapidocr" in options.without else _best_settings(programme, variants, figures)
    say("starting our services")
    settings = dict(each.split("=", 1) for each in options.setting)
    services = exits.enter_context(running_services(settings=settings, log=options.output / "services.log"))
    contenders: list[Contender] = [SyncApi(services)]
    if "bulk" not in options.without:
        contenders.append(BulkRoad(services))
    contenders.append(exits.enter_context(BareModels()))
    calls = _recorded_calls(variants)
    figures.notes += [f"{name} sends: {page_calls}" for name, page_calls in calls.items()]
    peers = _rapidocr_in_process(best, list(calls.values()))
    contenders += [exits.enter_context(peer) for peer in peers if programme.has_comparisons or peer.name not in SELDOM]
    if "rapidocr_api" not in options.without:
        contenders += _rapidocr_servers(options, figures, exits)
    if "tesseract" not in options.without:
        if reason := tesseract.unavailable():
            figures.absent[report.TESSERACT] = reason
        else:
            contenders.append(Tesseract())
    figures.absent |= dict.fromkeys(options.without, "left out (--without)")
    for name, reason in figures.absent.items():
        say(f"{name}: {reason}")
    return contenders


def _best_settings(programme: Programme, variants: Variants, figures: Figures) -> dict[PeerEngine, Best]:
    if not programme.searches:
        figures.notes.append("RapidOCR's settings were not searched: those that were best elsewhere are taken")
        return {engine: unsearched(engine) for engine in PeerEngine}
    # The first of them is the A4 page.
    pages = variants.take(1)
    _ = pages[0].pixels_path
    best = {}
    for engine in PeerEngine:
        say(f"searching the best settings of RapidOCR-{engine}")
        best[engine] = search(engine, pages)
        figures.trials += [
            {
                "engine": str(trial.engine),
                "configuration": str(trial.configuration),
                "latency_ms": 1000 * trial.latency_s,
                "pages_per_s": trial.pages_per_s,
            }
            for trial in best[engine].trials
        ]
    return best


def _recorded_calls(variants: Variants) -> dict[str, ModelCalls]:
    """What our pipeline sends to the models for each page."""
    with InProcessModels() as models:
        return {page.name: record_calls(variants.of(page).pixels, models) for page in variants.pages}


def _rapidocr_in_process(best: dict[PeerEngine, Best], calls: Sequence[ModelCalls]) -> list[RapidOcrInProcess]:
    if not best:
        return []
    openvino, onnx_runtime = best[PeerEngine.OPENVINO], best[PeerEngine.ONNX_RUNTIME]
    longest_px = max(max(image.shape[:2]) for page_calls in calls for image in page_calls.detections)
    smaller = {"Det.limit_type": "max", "Det.limit_side_len": longest_px}
    return [
        RapidOcrInProcess(
            report.OPENVINO_BEST, PeerEngine.OPENVINO, latency=openvino.latency, throughput=openvino.throughput
        ),
        RapidOcrInProcess(
            report.OPENVINO_DEFAULTS, PeerEngine.OPENVINO, latency=Configuration(changes={}), throughput=None
        ),
        RapidOcrInProcess(
            report.OPENVINO_SMALLER,
            PeerEngine.OPENVINO,
            latency=replace(openvino.latency, changes={**openvino.latency.changes, **smaller}),
            throughput=replace(openvino.throughput, changes={**openvino.throughput.changes, **smaller}),
        ),
        RapidOcrInProcess(
            report.ONNX_BEST,
            PeerEngine.ONNX_RUNTIME,
            latency=onnx_runtime.latency,
            throughput=onnx_runtime.throughput,
        ),
    ]


def _rapidocr_servers(options: argparse.Namespace, figures: Figures, exits: ExitStack) -> list[RapidOcrServer]:
    if reason := rapidocr_server.unavailable():
        figures.absent["rapidocr_api"] = reason
        return []
    engines = {report.SERVER_ONNX: PeerEngine.ONNX_RUNTIME, report.SERVER_OPENVINO: PeerEngine.OPENVINO}
    return [
        exits.enter_context(
            RapidOcrServer(name, engine, workers=CORES, log=options.output / f"rapidocr_api-{engine}.log")
        )
        for name, engine in engines.items()
    ]


def _machine() -> dict[str, str]:
    own_settings = {name: value for name, value in os.environ.items() if name.startswith("OCR_")}
    return {
        **describe_machine(),
        "onnxruntime": importlib.metadata.version("onnxruntime"),
        "commit": _commit(),
        "settings in the environment": ", ".join(f"{name}={value}" for name, value in own_settings.items()) or "none",
    }


def _commit() -> str:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"


if __name__ == "__main__":
    raise SystemExit(main())
