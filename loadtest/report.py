"""The report of a load test: Markdown with its tables, ``figures.json``, and the plots, out of what a run left."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest import plots
from loadtest.figures import PhaseFigures, PhaseRecord, changed_texts, phase_figures, read_phase
from loadtest.programme import SOAK, read_run
from loadtest.soak import Trend, trends
from loadtest.tables import (
    bulk_table,
    cores_table,
    kind_table,
    load_table,
    memory_table,
    model_table,
    page_cost_table,
    soak_table,
    table,
)
from loadtest.targets import Finding, targets

REPORT_FILE = "report.md"
FIGURES_FILE = "figures.json"
OTHERS_TOLERATED_CORES = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is told of a run."""

    run: dict[str, Any]
    records: tuple[PhaseRecord, ...]
    phases: tuple[PhaseFigures, ...]
    soak: tuple[Trend, ...]
    findings: tuple[Finding, ...]
    changed_texts: tuple[str, ...]

    @property
    def capacity_per_s(self) -> float:
        """Documents a second; 0 where the run ended before it was known."""
        return float(self.run.get("capacity", {}).get("documents_per_s", 0.0))


def read_report(folder: Path) -> Report:
    """Reckon everything from what a run left, also one that was broken off."""
    run = read_run(folder)
    records = tuple(read_phase(folder / name) for name in run["phases"])
    phases = tuple(phase_figures(record) for record in records)
    soak = tuple(trend for record in records if record.phase.name == SOAK for trend in trends(record))
    capacity_per_s = float(run.get("capacity", {}).get("documents_per_s", 0.0))
    return Report(
        run=run,
        records=records,
        phases=phases,
        soak=soak,
        findings=tuple(targets(phases, records, capacity_per_s=capacity_per_s, soak=soak)),
        changed_texts=tuple(changed_texts(records)),
    )


def write_report(folder: Path) -> str:
    """Write ``report.md``, ``figures.json`` and the plots beside what the run left; the report's text."""
    report = read_report(folder)
    pictures = plots.draw(report.records, report.phases, folder, capacity_per_s=report.capacity_per_s)
    text = markdown(report, pictures)
    (folder / REPORT_FILE).write_text(text, encoding="utf-8")
    (folder / FIGURES_FILE).write_text(json.dumps(_figures(report), indent=1) + "\n", encoding="utf-8")
    return text


def markdown(report: Report, pictures: Sequence[str]) -> str:
    """The report as text."""
    run, capacity = report.run, report.run.get("capacity", {})
    # What warms up says nothing, and the capacity has a line of its own.
    loaded = [phase for phase in report.phases if phase.callers is None or len(report.phases) == 1]
    parts = [
        "# Load test",
        f"{run['started_at']}, `{run['command']}`",
        table(["", ""], [[name, value] for name, value in run["machine"].items()]),
        _mix_words(report),
    ]
    if capacity:
        pages = f", {capacity['pages_per_s']:.2f} pages" if capacity["pages_per_s"] else ""
        how = f"measured with {run['programme']['callers']} callers" if capacity["measured"] else "told, not measured"
        parts.append(f"**Capacity: {capacity['documents_per_s']:.2f} documents{pages} a second** ({how}).")
    if report.findings:
        rows = [[each.what, each.wanted, each.measured, "yes" if each.met else "**no**"] for each in report.findings]
        parts += ["## Wanted, and found", table(["", "wanted", "found", "met"], rows)]
    parts += ["## By load", load_table(loaded, report.capacity_per_s), _LOAD_WORDS]
    parts += ["## By kind of document", kind_table(loaded)]
    if any(phase.bulk for phase in report.phases):
        parts += ["## Bulk jobs meanwhile", bulk_table(report.phases)]
    if report.soak:
        parts += ["## What grows", soak_table(report.soak), _SOAK_WORDS]
    if any(phase.services for phase in report.phases):
        watched = [phase for phase in report.phases if phase.services]
        parts += ["## CPU and memory by service", _others_words(watched)]
        parts += [cores_table(watched), page_cost_table(watched), memory_table(watched), _SERVICE_WORDS]
    if any(phase.models for phase in report.phases):
        parts += ["## The models in Triton", model_table(report.phases)]
    parts += [_text_words(report), *(f"![{name.removesuffix('.png')}]({name})" for name in pictures)]
    return "\n\n".join(parts) + "\n"


_LOAD_WORDS = (
    "Latencies are in milliseconds from the intended arrival to the end of the answer, of everything that was accepted "
    "(answers, 504 and other failures alike); in brackets the interval in which the true p99 lies in 95 of 100 such "
    "runs, `…` where the sample is too small to bound it. Goodput counts answers within the deadline. *Lag*: how late "
    "the load generator itself was."
)
_SOAK_WORDS = (
    "Slopes by Theil and Sen. Something *grows* where the fitted growth over the soak is above the tolerance and the "
    "slope's interval lies above zero (95 % for all of them together)."
)
_SERVICE_WORDS = (
    "CPU is user and system of all of a service's processes, those of single files included; a page is one that was "
    "answered in time. Memory is the proportional set size; its growth is from the first quarter of the measured time "
    "to the last. The load generator works on the same cores."
)


def _mix_words(report: Report) -> str:
    mix = report.run["mix"]
    total = sum(kind["sync_weight"] for kind in mix["kinds"])
    shares = [f"{kind['name']} {kind['sync_weight'] / total:.0%}" for kind in mix["kinds"] if kind["sync_weight"] > 0]
    pages = sum(kind["sync_weight"] / total * kind["pages"] for kind in mix["kinds"])
    deadline_s = report.run["programme"]["deadline_s"] or mix["deadline_s"]
    return (
        f"Mix `{mix['name']}`: {', '.join(shares)}; {pages:.2f} pages a document, deadline {deadline_s:g} s unless a "
        "kind has its own. Every request differs in bytes."
    )


def _others_words(phases: Sequence[PhaseFigures]) -> str:
    """Whether the machine was the server's alone."""
    machines = [phase.machine for phase in phases if phase.machine is not None]
    most = max((max(machine.other_cores, machine.steal_cores) for machine in machines), default=0.0)
    if most < OTHERS_TOLERATED_CORES:
        return f"The machine was ours: nobody else took more than {most:.2f} cores."
    return f"**The machine was not ours alone:** others took up to {most:.2f} cores. Read no times from this report."


def _text_words(report: Report) -> str:
    if not report.changed_texts:
        return "Every document read the same, whatever the load."
    return f"{len(report.changed_texts)} documents did not read the same every time: {', '.join(report.changed_texts)}."


def _figures(report: Report) -> dict[str, Any]:
    content = {
        **report.run,
        "phases": [asdict(phase) for phase in report.phases],
        "soak": [{**asdict(trend), "grows": trend.grows} for trend in report.soak],
        "findings": [asdict(finding) for finding in report.findings],
        "changed_texts": list(report.changed_texts),
    }
    cleaned: dict[str, Any] = _without_nan(content)
    return cleaned


def _without_nan(value: Any) -> Any:
    """JSON has no number for what is not one."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
