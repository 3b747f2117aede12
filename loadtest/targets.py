"""What a load test should show, beside what it showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadtest.figures import PhaseFigures, PhaseRecord
from loadtest.programme import BESIDE_BULK, SOAK, SYNC_ALONE
from loadtest.resources import GENERATOR
from loadtest.samples import Outcome
from loadtest.soak import MEMORY_TOLERANCE, MEMORY_TOLERANCE_MIB, Trend

STEADY_LOAD = 0.8
OVERLOAD = 2.0
MAX_TAIL = 3.0
MIN_GOODPUT = 0.9
MAX_REFUSAL_MS = 50.0
MAX_BULK_RATIO = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wanted."""

    what: str
    wanted: str
    measured: str
    met: bool


def targets(
    phases: Sequence[PhaseFigures],
    records: Sequence[PhaseRecord],
    *,
    capacity_per_s: float,
    soak: Sequence[Trend],
) -> list[Finding]:
    """Those that the phases which were carried out can speak of."""
    by_name = {phase.name: phase for phase in phases}
    found: list[Finding] = []
    for phase in phases:
        if phase.load == STEADY_LOAD and phase.name != SOAK:
            found += _steady(phase)
        if phase.load == OVERLOAD:
            found += _overload(phase, capacity_per_s)
    if SYNC_ALONE in by_name and BESIDE_BULK in by_name:
        found += _beside_bulk(by_name[SYNC_ALONE], by_name[BESIDE_BULK], records)
    if soak:
        growing = [trend.what for trend in soak if trend.grows]
        measured = ", ".join(growing) or "nothing"
        found.append(Finding(what="soak: what grows", wanted="nothing", measured=measured, met=not growing))
    return found


def _steady(phase: PhaseFigures) -> list[Finding]:
    found = []
    for what, latency in (("all documents", phase.accepted_ms), ("documents of one page", phase.one_page_ms)):
        if latency.p50 is not None and latency.p99 is not None:
            ratio = latency.p99.value / latency.p50.value
            found.append(_at_most(f"{phase.name}: p99 ÷ p50, {what} ({latency.count})", ratio, MAX_TAIL))
    return found


def _overload(phase: PhaseFigures, capacity_per_s: float) -> list[Finding]:
    goodput = phase.goodput_per_s / capacity_per_s
    found = [
        Finding(
            what=f"{phase.name}: goodput ÷ capacity",
            wanted=f"≥ {MIN_GOODPUT:g}",
            measured=f"{goodput:.2f}",
            met=goodput >= MIN_GOODPUT,
        )
    ]
    if phase.refused_ms.p99 is not None:
        value = phase.refused_ms.p99.value
        found.append(_at_most(f"{phase.name}: p99 of refusals ({phase.refused}), ms", value, MAX_REFUSAL_MS))
    late = phase.beyond_deadline / phase.accepted_ms.count if phase.accepted_ms.count else 0.0
    found.append(
        Finding(
            what=f"{phase.name}: accepted that ended after their deadline ({phase.accepted_ms.count})",
            wanted="≤ 1 %",
            measured=f"{late:.1%}",
            met=late <= 0.01,
        )
    )
    growing = [
        f"{service} {usage.memory_growth_mib:+.0f} MiB"
        for service, usage in phase.services.items()
        if service != GENERATOR and usage.memory_growth_mib > _memory_tolerance_mib(usage.memory_peak_mib)
    ]
    if phase.services:
        measured = ", ".join(growing) or "flat"
        found.append(Finding(what=f"{phase.name}: memory", wanted="flat", measured=measured, met=not growing))
    return found


def _beside_bulk(alone: PhaseFigures, beside: PhaseFigures, records: Sequence[PhaseRecord]) -> list[Finding]:
    found = []
    if alone.accepted_ms.p99 is not None and beside.accepted_ms.p99 is not None:
        ratio = beside.accepted_ms.p99.value / alone.accepted_ms.p99.value
        found.append(_at_most("sync p99, bulk queue full ÷ empty", ratio, MAX_BULK_RATIO))
    ratios = paired_ratios(records)
    if ratios:
        what = f"the same, document by document, median ({len(ratios)})"
        found.append(_at_most(what, median(ratios), MAX_BULK_RATIO))
    dry = beside.bulk is None or beside.bulk.queued_least == 0
    queued = "never filled" if beside.bulk is None else f"{beside.bulk.queued_least} at the least"
    found.append(Finding(what="bulk documents waiting meanwhile", wanted="> 0", measured=queued, met=not dry))
    return found


def paired_ratios(records: Sequence[PhaseRecord]) -> list[float]:
    """Latency beside bulk over latency alone, request by request: both phases sent the same at the same moments."""
    by_name = {record.phase.name: record for record in records}
    pairs = zip(by_name[SYNC_ALONE].samples, by_name[BESIDE_BULK].samples, strict=False)
    return [
        beside.latency_s / alone.latency_s
        for alone, beside in pairs
        if alone.document == beside.document and alone.outcome is beside.outcome is Outcome.ANSWERED
    ]


def _memory_tolerance_mib(held_mib: float) -> float:
    return max(MEMORY_TOLERANCE_MIB, MEMORY_TOLERANCE * held_mib)


def _at_most(what: str, value: float, limit: float) -> Finding:
    return Finding(what=what, wanted=f"≤ {limit:g}", measured=f"{value:.2f}", met=value <= limit)
