"""The report's tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from loadtest.estimates import Quantile
from loadtest.figures import PhaseFigures
from loadtest.soak import Trend
from loadtest.usage import ServiceUsage


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    marks = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, marks, *rows))


def load_table(phases: Sequence[PhaseFigures], capacity_per_s: float) -> str:
    """A row a phase: what was offered, what came of it, how long it took."""
    headings = ["phase", "offered /s", "goodput /s", "÷ capacity", "in time", "late", "refused", "failed"]
    headings += ["p50", "p90", "p95", "p99", "max", "refusal p50", "p99", "lag p99", "errors"]
    rows = []
    for phase in phases:
        share = phase.goodput_per_s / capacity_per_s if capacity_per_s else None
        accepted, refused = phase.accepted_ms, phase.refused_ms
        rows.append(
            [
                phase.name,
                f"{phase.offered_per_s:.2f}",
                f"{phase.goodput_per_s:.2f}",
                _number(share, 2),
                *(str(count) for count in (phase.in_time, phase.late, phase.refused, phase.failed)),
                *(_value(each) for each in (accepted.p50, accepted.p90, accepted.p95)),
                _with_interval(accepted.p99),
                _number(accepted.max),
                _value(refused.p50),
                _value(refused.p99),
                _value(phase.lag_ms.p99, 1),
                ", ".join(f"{code}: {count}" for code, count in phase.errors.items()) or "–",
            ]
        )
    return table(headings, rows)


def kind_table(phases: Sequence[PhaseFigures]) -> str:
    """A row a kind and phase."""
    rows = [
        [
            f"{phase.name}, {kind}",
            *(str(count) for count in (figures.requests, figures.in_time, figures.refused)),
            _value(figures.latency_ms.p50),
            _value(figures.latency_ms.p95),
            _number(figures.latency_ms.max),
        ]
        for phase in phases
        for kind, figures in phase.by_kind.items()
    ]
    return table(["", "requests", "in time", "refused", "p50 ms", "p95 ms", "max ms"], rows)


def bulk_table(phases: Sequence[PhaseFigures]) -> str:
    """A row for each phase that had a bulk queue."""
    rows = [
        [phase.name, f"{phase.bulk.documents_per_s:.2f}", str(phase.bulk.queued_least), str(phase.bulk.failed)]
        for phase in phases
        if phase.bulk is not None
    ]
    return table(["", "bulk documents /s", "waiting, at the least", "failed"], rows)


def cores_table(phases: Sequence[PhaseFigures]) -> str:
    """Cores by service, and what became of the rest: a column a phase."""
    rows = _by_service(phases, lambda _, usage: f"{usage.cores:.2f}")
    for name in ("other", "steal", "idle"):
        cores = [_number(getattr(phase.machine, f"{name}_cores", None), 2) for phase in phases]
        rows.append([f"*{name}*", *cores])
    return table(["cores", *(phase.name for phase in phases)], rows)


def page_cost_table(phases: Sequence[PhaseFigures]) -> str:
    """CPU milliseconds for each page that was answered in time: a column a phase."""
    rows = _by_service(phases, _page_cost)
    return table(["CPU ms a page", *(phase.name for phase in phases)], rows)


def memory_table(phases: Sequence[PhaseFigures]) -> str:
    """Peak and growth of memory, peak of descriptors: a column a phase."""
    rows = _by_service(
        phases,
        lambda _, usage: (
            f"{usage.memory_peak_mib:.0f} ({round(usage.memory_growth_mib):+d}), {usage.descriptors_peak}"
            + (f", **started again {usage.starts} times**" if usage.starts else "")
        ),
    )
    return table(["peak MiB (growth), descriptors", *(phase.name for phase in phases)], rows)


def _page_cost(phase: PhaseFigures, usage: ServiceUsage) -> str:
    pages = phase.goodput_pages_per_s * phase.seconds
    return f"{1000 * usage.cpu_s / pages:.0f}" if pages else "–"


def _by_service(phases: Sequence[PhaseFigures], cell: Callable[[PhaseFigures, ServiceUsage], str]) -> list[list[str]]:
    services = list(dict.fromkeys(service for phase in phases for service in phase.services))
    return [
        [service, *(cell(phase, phase.services[service]) if service in phase.services else "–" for phase in phases)]
        for service in services
    ]


def model_table(phases: Sequence[PhaseFigures]) -> str:
    """A row a model and phase."""
    headings = ["", "requests /s", "rows a request", "rows a batch", "requests a batch", "queue ms", "compute ms"]
    headings += ["pending, peak", "failures"]
    rows = [
        [
            f"{phase.name}, {model}",
            _number(usage.requests_per_s, 1),
            *(_number(value, 2) for value in (usage.rows_per_request, usage.rows_per_batch, usage.requests_per_batch)),
            _number(usage.queue_ms, 1),
            _number(usage.compute_ms, 1),
            _number(usage.pending_peak),
            _number(usage.failures),
        ]
        for phase in phases
        for model, usage in phase.models.items()
    ]
    return table(headings, rows)


def soak_table(soak: Sequence[Trend]) -> str:
    """A row a figure that is watched."""
    rows = [
        [
            trend.what,
            f"{trend.slope.start:.0f} {trend.unit}".strip(),
            f"{trend.growth:+.1f}",
            f"{trend.slope.per_hour:+.1f} ({trend.slope.low_per_hour:+.1f} to {trend.slope.high_per_hour:+.1f})",
            f"{trend.tolerance:.0f}",
            "**yes**" if trend.grows else "no",
        ]
        for trend in soak
    ]
    return table(["", "at first", "growth over the soak", "slope an hour", "tolerance", "grows"], rows)


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _value(quantile: Quantile | None, digits: int = 0) -> str:
    return "–" if quantile is None else f"{quantile.value:.{digits}f}"


def _with_interval(quantile: Quantile | None) -> str:
    if quantile is None:
        return "–"
    low, high = (_number(bound) if bound is not None else "…" for bound in (quantile.low, quantile.high))
    return f"{quantile.value:.0f} ({low} to {high})"
