"""The report's plots, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtest.figures import PhaseFigures, PhaseRecord
from loadtest.programme import SOAK
from loadtest.samples import Outcome, Sample
from loadtest.usage import MIB

DPI = 130
WINDOW_S = 5.0
MANY_WINDOWS = 60
"""A phase is cut into windows of five seconds, but into no more than these."""
COLOURS = ("#33638d", "#e08214", "#3d9970", "#b2456e", "#7a6c5d", "#8073ac", "#57a3c7", "#c4a000", "#555555", "#aa3333")
IN_TIME, LATE, REFUSED, FAILED = "#3d9970", "#e0b414", "#9aa5b1", "#b2182b"


def draw(
    records: Sequence[PhaseRecord], phases: Sequence[PhaseFigures], folder: Path, *, capacity_per_s: float
) -> list[str]:
    """Draw what there is to draw; the files' names, in the order in which they are to be shown."""
    open_loops = [record for record in records if record.phase.callers is None] or list(records)
    figures = {"latency-over-time.png": _latency_over_time(open_loops)}
    loads = [phase for phase in phases if phase.load is not None and phase.name.startswith("load ")]
    if loads:
        figures["goodput.png"] = _goodput(loads, capacity_per_s)
    figures["latency-distribution.png"] = _distributions(open_loops)
    if any(record.watch.services for record in records):
        figures["cpu.png"] = _cpu(records)
        figures["memory.png"] = _memory(records)
    if any(phase.models for phase in phases):
        figures["triton.png"] = _triton(records)
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=DPI)
    return list(figures)


def _grid(count: int, *, rows_each: int = 1, height: float = 2.6) -> tuple[Figure, list[Axes]]:
    columns = min(2, count)
    rows = -(-count // columns) * rows_each
    figure = Figure(figsize=(5.6 * columns, height * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    flat = [axis for row in axes for axis in row]
    for axis in flat[count:]:
        axis.set_visible(False)
    for axis in flat:
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, flat[:count]


def _legend_below(figure: Figure, axis: Axes) -> None:
    """One legend for all panels, where it hides nothing."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(7, len(labels)), fontsize=7, frameon=False)


def _latency_over_time(records: Sequence[PhaseRecord]) -> Figure:
    """Every request at its intended arrival, and quantiles of the accepted by window."""
    figure, axes = _grid(len(records))
    for axis, record in zip(axes, records, strict=True):
        for label, colour, samples in _by_fate(record.samples):
            times = [sample.intended_s - record.started_s for sample in samples]
            latencies = [sample.latency_s for sample in samples]
            axis.scatter(times, latencies, s=12, color=colour, alpha=0.75, linewidths=0, label=label)
        accepted = [sample for sample in record.samples if sample.outcome is not Outcome.REFUSED]
        for share, style in ((0.5, "-"), (0.9, "--"), (0.99, ":")):
            middles, values = _windows(record, accepted, share)
            axis.plot(middles, values, style, color="black", linewidth=1.1, label=f"p{share * 100:g}")
        axis.axvspan(*record.window_s, color="#33638d", alpha=0.06, linewidth=0)
        axis.set(title=record.phase.name, xlabel="intended arrival, s", ylabel="latency, s", ylim=(0, None))
    _legend_below(figure, axes[0])
    return figure


def _by_fate(samples: Sequence[Sample]) -> list[tuple[str, str, list[Sample]]]:
    return [
        ("in time", IN_TIME, [sample for sample in samples if sample.in_time]),
        ("late", LATE, [sample for sample in samples if sample.outcome is Outcome.ANSWERED and not sample.in_time]),
        ("refused", REFUSED, [sample for sample in samples if sample.outcome is Outcome.REFUSED]),
        ("failed", FAILED, [sample for sample in samples if sample.outcome is Outcome.FAILED]),
    ]


def _windows(record: PhaseRecord, samples: Sequence[Sample], share: float) -> tuple[list[float], list[float]]:
    width_s = max(WINDOW_S, record.phase.sending_s / MANY_WINDOWS)
    middles, values = [], []
    for start_s in np.arange(0.0, record.phase.sending_s, width_s):
        inside = [
            sample.latency_s
            for sample in samples
            if start_s <= sample.intended_s - record.started_s < start_s + width_s
        ]
        if inside:
            middles.append(float(start_s) + width_s / 2)
            values.append(float(np.quantile(inside, share)))
    return middles, values


def _goodput(phases: Sequence[PhaseFigures], capacity_per_s: float) -> Figure:
    """What came of what was offered, by load; and the quantiles of what was accepted."""
    figure, (left, right) = _grid(2, height=3.4)
    loads = [phase.load or 0.0 for phase in phases]
    places = np.arange(len(phases), dtype=np.float64)
    below = np.zeros(len(phases))
    fates = (("in time", IN_TIME, "in_time"), ("late", LATE, "late"), ("refused", REFUSED, "refused"))
    for label, colour, name in (*fates, ("failed", FAILED, "failed")):
        heights = np.array([getattr(phase, name) / phase.seconds for phase in phases])
        left.bar(places, heights, bottom=below, color=colour, label=label, width=0.7)
        below += heights
    left.axhline(capacity_per_s, color="black", linewidth=1, linestyle="--", label="capacity")
    left.set_xticks(places, [f"{load:g}" for load in loads])
    left.set(xlabel="load, multiples of the capacity", ylabel="documents a second")
    left.legend(fontsize=7, frameon=False)
    for number, name in enumerate(("p50", "p90", "p99")):
        values = [
            quantile.value / 1000 if (quantile := getattr(phase.accepted_ms, name)) else np.nan for phase in phases
        ]
        right.plot(loads, values, "o-", color=COLOURS[number], label=name)
    right.set(xlabel="load, multiples of the capacity", ylabel="latency of the accepted, s", ylim=(0, None))
    right.legend(fontsize=7, frameon=False)
    return figure


def _distributions(records: Sequence[PhaseRecord]) -> Figure:
    """How many took longer than so long: the tail is where the line ends."""
    figure, (axis,) = _grid(1, height=3.6)
    for number, record in enumerate(records):
        values = np.sort([sample.latency_s for sample in record.counted if sample.outcome is not Outcome.REFUSED])
        if len(values):
            longer = 1.0 - np.arange(len(values)) / len(values)
            axis.step(values, longer, where="post", color=COLOURS[number % len(COLOURS)], label=record.phase.name)
    axis.set(xscale="log", yscale="log", xlabel="latency of the accepted, s", ylabel="share that took longer")
    axis.legend(fontsize=7, frameon=False)
    return figure


def _cpu(records: Sequence[PhaseRecord]) -> Figure:
    """Cores by service, stacked."""
    watched = [record for record in records if len(record.watch.times_s) > 1]
    figure, axes = _grid(len(watched))
    services = watched[0].watch.services
    for axis, record in zip(axes, watched, strict=True):
        watch = record.watch
        steps = np.diff(watch.times_s)
        middles = (watch.times_s[:-1] + watch.times_s[1:]) / 2
        cores = [np.diff(watch.cpu_series_s(service)) / steps for service in services]
        axis.stackplot(middles, cores, labels=services, colors=[COLOURS[n % len(COLOURS)] for n in range(len(cores))])
        axis.axhline(watch.cores, color="black", linewidth=0.8, linestyle="--")
        axis.set(title=record.phase.name, xlabel="s", ylabel="cores")
    _legend_below(figure, axes[0])
    return figure


def _memory(records: Sequence[PhaseRecord]) -> Figure:
    """Memory by service through the whole run; descriptors below it."""
    figure, (above, below) = _grid(2, height=3.4)
    shown = [record for record in records if record.phase.name == SOAK] or list(records)
    begin_s = shown[0].started_s
    for number, service in enumerate(shown[0].watch.services):
        times = np.concatenate([record.watch.times_s + record.started_s - begin_s for record in shown])
        colour = COLOURS[number % len(COLOURS)]
        memory = np.concatenate([record.watch.series(service, "memory_bytes") for record in shown]) / MIB
        above.plot(times, memory, color=colour, linewidth=1.1, label=service)
        descriptors = np.concatenate([record.watch.series(service, "descriptors") for record in shown])
        below.plot(times, descriptors, color=colour, linewidth=1.1)
    above.set(xlabel="s", ylabel="memory, MiB", ylim=(0, None))
    below.set(xlabel="s", ylabel="descriptors", ylim=(0, None))
    _legend_below(figure, above)
    return figure


def _triton(records: Sequence[PhaseRecord]) -> Figure:
    """A request's mean wait in Triton's queue, and the rows of a batch, over time."""
    watched = [record for record in records if record.watch.model_names]
    figure, axes = _grid(len(watched))
    for axis, record in zip(axes, watched, strict=True):
        twin = axis.twinx()
        for number, model in enumerate(record.watch.model_names):
            times, waits_ms, rows = record.watch.model_series(model)
            axis.plot(times, waits_ms, color=COLOURS[number], linewidth=1.1, label=f"{model}, queue")
            twin.plot(times, rows, ":", color=COLOURS[number], linewidth=1.1, label=f"{model}, rows")
        axis.set(title=record.phase.name, xlabel="s", ylabel="queue (line), ms", ylim=(0, None))
        twin.set(ylabel="rows a batch (dots)", ylim=(0, None))
    _legend_below(figure, axes[0])
    return figure
