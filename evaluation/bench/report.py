"""How the figures are written down: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.bench.figures import ContenderFigures, Figures
from evaluation.markdown import number, table

SYNC = "sync API"
BULK = "bulk road"
BARE = "bare models"
OPENVINO_BEST = "RapidOCR-OpenVINO, best settings"
OPENVINO_DEFAULTS = "RapidOCR-OpenVINO, defaults"
OPENVINO_SMALLER = "RapidOCR-OpenVINO, best, detector as small as ours"
ONNX_BEST = "RapidOCR-ONNX Runtime, best settings"
SERVER_ONNX = "rapidocr_api (ONNX Runtime)"
SERVER_OPENVINO = "rapidocr_api, OpenVINO put in"
TESSERACT = "Tesseract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What issue 6 wants of one figure."""

    what: str
    wanted: str
    measured: float | None
    is_met: bool | None
    """Null where it was not measured."""


def markdown(figures: Figures) -> str:
    """Every table."""
    return "\n\n".join(
        [
            "### One caller",
            _latency_table(figures),
            "### One caller, by page: p50 in ms, and the sync API's time by that of others",
            _page_table(figures),
            "### Kept busy",
            _busy_table(figures),
            "### CPU of a page by process, kept busy, ms",
            _process_table(figures),
            "### Where the sync API's time goes with one caller (median, ms, as it reports itself; stages may overlap)",
            _stage_table(figures),
            "### Wanted",
            _target_table(figures),
            "\n".join(_notes(figures)),
        ]
    )


def write(figures: Figures, folder: Path) -> None:
    """Write ``bench.md`` and ``figures.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.md").write_text(markdown(figures) + "\n", encoding="utf-8")
    content = {
        "summary": {name: summary(figures, each) for name, each in figures.contenders.items()},
        "targets": [asdict(target) for target in targets(figures)],
        **asdict(figures),
    }
    (folder / "figures.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def summary(figures: Figures, of: ContenderFigures) -> dict[str, Any]:
    """A contender's line of both tables as plain values."""
    models_ms, other_ms = of.busy_cpu_ms()
    accuracy = of.accuracy()
    return {
        "p50_ms": of.latency_ms(50),
        "p99_ms": of.latency_ms(99),
        "readings": len(of.one_caller),
        "latency_by_bare_models": figures.latency_ratio(of.name, BARE),
        "latency_by_sync_api": figures.latency_ratio(of.name, SYNC),
        "callers": of.best_callers,
        "pages_per_s": of.pages_per_s,
        "pace_by_bare_models": figures.pace_ratio(of.name, BARE),
        "sync_api_pace_by_this": figures.pace_ratio(SYNC, of.name),
        "cpu_ms_models": models_ms,
        "cpu_ms_outside": other_ms,
        "peak_memory_mib": of.peak_mib,
        "failed": of.failed,
        "one_minus_cer": accuracy.one_minus_cer if accuracy else None,
        "word_f1": accuracy.word_f1 if accuracy else None,
    }


def targets(figures: Figures) -> list[Target]:
    """What issue 6 wants, of those figures that this run has."""
    pdf = next((page for page in figures.pages if page.endswith("PDF")), None)
    models_ms, outside_ms = figures.contenders[SYNC].one_caller_cpu_ms(pdf) if pdf else (None, None)
    del models_ms
    return [
        _at_most(
            "PDF page, one caller: sync API's time by the bare models'", 1.15, figures.latency_ratio(SYNC, BARE, pdf)
        ),
        _at_least(
            "PDF page, one caller: RapidOCR-OpenVINO's time (best settings) by the sync API's",
            3,
            figures.latency_ratio(OPENVINO_BEST, SYNC, pdf),
            aim=5,
        ),
        _at_least("kept busy: sync API's pages a second by the bare models'", 0.9, figures.pace_ratio(SYNC, BARE)),
        _at_least("kept busy: bulk road's pages a second by the bare models'", 0.9, figures.pace_ratio(BULK, BARE)),
        _at_least(
            "kept busy: sync API's pages a second by RapidOCR-OpenVINO's (best settings)",
            3,
            figures.pace_ratio(SYNC, OPENVINO_BEST),
            aim=5,
        ),
        _at_most("PDF page, one caller: sync API's CPU outside of the models, ms", 25, outside_ms, aim=15),
    ]


def _at_most(what: str, limit: float, measured: float | None, *, aim: float | None = None) -> Target:
    wanted = f"≤ {limit:g}" + (f" (aim {aim:g})" if aim else "")
    return Target(what=what, wanted=wanted, measured=measured, is_met=None if measured is None else measured <= limit)


def _at_least(what: str, limit: float, measured: float | None, *, aim: float | None = None) -> Target:
    wanted = f"≥ {limit:g}" + (f" (aim {aim:g})" if aim else "")
    return Target(what=what, wanted=wanted, measured=measured, is_met=None if measured is None else measured >= limit)


def _latency_table(figures: Figures) -> str:
    head = ["", "p50 ms", "p99 ms", "readings", "time ÷ bare models", "time ÷ sync API", "1−CER", "word F1"]
    rows = []
    for of in figures.contenders.values():
        if of.one_caller:
            line = summary(figures, of)
            rows.append(
                [
                    of.name,
                    number(line["p50_ms"], digits=0),
                    number(line["p99_ms"], digits=0),
                    str(line["readings"]),
                    number(line["latency_by_bare_models"], digits=2),
                    number(line["latency_by_sync_api"], digits=2),
                    *_accuracy_cells(line),
                ]
            )
    return table(head, rows)


def _busy_table(figures: Figures) -> str:
    head = ["", "pages/s", "callers", "pages/s ÷ bare models", "sync API ÷ this"]
    head += ["CPU ms a page, models", "CPU ms a page, outside", "peak memory MiB", "failed", "1−CER", "word F1"]
    rows = []
    for of in figures.contenders.values():
        if of.busy:
            line = summary(figures, of)
            rows.append(
                [
                    of.name,
                    number(line["pages_per_s"], digits=2),
                    str(line["callers"]),
                    number(line["pace_by_bare_models"], digits=2),
                    number(line["sync_api_pace_by_this"], digits=2),
                    number(line["cpu_ms_models"], digits=0),
                    _outside_cell(line),
                    number(line["peak_memory_mib"], digits=0),
                    str(line["failed"]),
                    *_accuracy_cells(line),
                ]
            )
    return table(head, rows)


def _outside_cell(line: dict[str, Any]) -> str:
    """Of who cannot tell them apart, models and all."""
    text = number(line["cpu_ms_outside"], digits=0)
    return text if line["cpu_ms_models"] is not None else f"{text} with them"


def _accuracy_cells(line: dict[str, Any]) -> list[str]:
    return [number(line["one_minus_cer"]), number(line["word_f1"])]


def _page_table(figures: Figures) -> str:
    measured = [of for of in figures.contenders.values() if of.one_caller]
    others = [name for name in (BARE, OPENVINO_BEST, ONNX_BEST, TESSERACT) if name in figures.contenders]
    rows = [
        [
            page,
            *(number(of.latency_ms(50, page), digits=0) for of in measured),
            *(number(figures.latency_ratio(SYNC, name, page), digits=2) for name in others),
        ]
        for page in figures.pages
    ]
    return table(["page", *(of.name for of in measured), *(f"sync API ÷ {name}" for name in others)], rows)


def _process_table(figures: Figures) -> str:
    rows = [
        [of.name, ", ".join(f"{process} {number(ms, digits=1)}" for process, ms in of.busy_cpu_ms_by_process().items())]
        for of in figures.contenders.values()
        if of.busy
    ]
    return table(["", "CPU ms a page"], rows)


def _stage_table(figures: Figures) -> str:
    names = list(dict.fromkeys(name for stages in figures.stages_ms for name in stages))
    medians = [statistics.median(each[name] for each in figures.stages_ms if name in each) for name in names]
    return table(["stage", *names], [["ms", *(number(value, digits=1) for value in medians)]])


def _target_table(figures: Figures) -> str:
    verdicts = {True: "met", False: "missed", None: "not measured"}
    rows = [
        [target.what, target.wanted, number(target.measured, digits=2), verdicts[target.is_met]]
        for target in targets(figures)
    ]
    return table(["", "wanted", "measured", ""], rows)


def _notes(figures: Figures) -> Sequence[str]:
    lines = [f"- {of.name}: {of.settings}" for of in figures.contenders.values()]
    lines += [f"- **not in this run**, {name}: {reason}" for name, reason in figures.absent.items()]
    lines += [f"- {note}" for note in figures.notes]
    lines += [
        f"- tried: RapidOCR-{trial['engine']}, {trial['configuration']}: {trial['latency_ms']:.0f} ms,"
        f" {trial['pages_per_s']:.2f} pages/s"
        for trial in figures.trials
    ]
    return [*lines, *(f"- {name}: {value}" for name, value in figures.machine.items())]
