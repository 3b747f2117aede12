"""Whether anything grows under a load that goes on: memory and descriptors of every service, and latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from loadtest.estimates import CONFIDENCE, Slope, slope
from loadtest.figures import PhaseRecord
from loadtest.samples import Outcome
from loadtest.usage import MIB

LATENCY_WINDOW_S = 30.0
MEMORY_TOLERANCE_MIB = 16.0
MEMORY_TOLERANCE = 0.03
"""Of what a service holds at the beginning: caches and allocators settle by as much."""
DESCRIPTOR_TOLERANCE = 4.0
LATENCY_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How one figure went over the soak."""

    what: str
    unit: str
    slope: Slope
    growth: float
    """Along the fitted line, over the whole soak."""
    tolerance: float

    @property
    def grows(self) -> bool:
        """Whether it grew by more than may be, and its slope is more than chance."""
        return self.growth > self.tolerance and self.slope.low_per_hour > 0


def trends(record: PhaseRecord) -> list[Trend]:
    """The trends of a phase's measured part."""
    begin_s, end_s = record.window_s
    watch = record.watch
    inside = (watch.times_s >= begin_s) & (watch.times_s <= end_s)
    times_s = watch.times_s[inside].tolist()
    watched = []
    for service in watch.services:
        memory = (watch.series(service, "memory_bytes")[inside] / MIB).tolist()
        tolerance = max(MEMORY_TOLERANCE_MIB, MEMORY_TOLERANCE * _middle(memory))
        watched.append(_Series(f"memory, {service}", "MiB", times_s, memory, tolerance))
        descriptors = watch.series(service, "descriptors")[inside].tolist()
        watched.append(_Series(f"descriptors, {service}", "", times_s, descriptors, DESCRIPTOR_TOLERANCE))
    for name, share in (("p50", 0.5), ("p90", 0.9)):
        middles_s, values = _latency_windows(record, share)
        watched.append(_Series(f"latency, {name}", "ms", middles_s, values, LATENCY_TOLERANCE * _middle(values)))
    # Of twenty figures that do not grow, one would leave its 95 % interval by chance: the doubt is shared out.
    confidence = 1 - (1 - CONFIDENCE) / len(watched)
    return [trend for series in watched if (trend := _trend(series, confidence)) is not None]


class _Series(NamedTuple):
    what: str
    unit: str
    times_s: Sequence[float]
    values: Sequence[float]
    tolerance: float


def _trend(series: _Series, confidence: float) -> Trend | None:
    fitted = slope(series.times_s, series.values, confidence=confidence)
    if fitted is None:
        return None
    growth = fitted.per_hour * (series.times_s[-1] - series.times_s[0]) / 3600
    return Trend(what=series.what, unit=series.unit, slope=fitted, growth=growth, tolerance=series.tolerance)


def _middle(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0


def _latency_windows(record: PhaseRecord, share: float) -> tuple[list[float], list[float]]:
    """The quantile of the accepted requests, window by window, at each window's middle."""
    begin_s, end_s = record.window_s
    middles_s, values = [], []
    for start_s in np.arange(begin_s, end_s, LATENCY_WINDOW_S):
        inside = [
            sample.latency_s * 1000
            for sample in record.counted
            if start_s <= sample.intended_s - record.started_s < start_s + LATENCY_WINDOW_S
            and sample.outcome is not Outcome.REFUSED
        ]
        if inside:
            middles_s.append(float(start_s) + LATENCY_WINDOW_S / 2)
            values.append(float(np.quantile(inside, share)))
    return middles_s, values
