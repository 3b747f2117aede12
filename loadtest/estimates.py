"""Estimates from few and unruly numbers: quantiles with how sure they are, slopes that outliers do not bend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A quantile, with the interval in which the true one lies in 95 of 100 runs."""

    value: float
    low: float | None
    """Null where there are too few numbers to say: the 99th percentile of fifty may be anything above their largest."""
    high: float | None


def quantile(values: Sequence[float], share: float) -> Quantile | None:
    """The quantile at ``share`` (0 to 1), linear between neighbours; None of no values.

    The interval is that of order statistics, from the binomial distribution: it presumes nothing but that the values
    are independent, which latencies of one queue are not quite; take it as the least of what is uncertain.
    """
    if not values:
        return None
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count = len(ordered)
    low, high = _binomial_ranks(count, share)
    return Quantile(
        value=float(np.quantile(ordered, share)),
        low=float(ordered[low - 1]) if low >= 1 else None,
        high=float(ordered[high - 1]) if high <= count else None,
    )


def _binomial_ranks(count: int, share: float) -> tuple[int, int]:
    """Ranks from 1 of the values that enclose the quantile with the wanted confidence; 0 or count + 1 for none."""
    tail = (1 - CONFIDENCE) / 2
    low, high, below = 0, count + 1, 0.0
    for rank in range(count + 1):
        # P(exactly so many of the values lie below the true quantile)
        log = math.lgamma(count + 1) - math.lgamma(rank + 1) - math.lgamma(count - rank + 1)
        log += rank * math.log(share) + (count - rank) * math.log1p(-share)
        if below <= tail:
            low = rank
        below += math.exp(log)
        if below >= 1 - tail:
            high = rank + 1
            break
    return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Change of a figure over time."""

    per_hour: float
    low_per_hour: float
    high_per_hour: float
    """The interval in which the true slope lies, with the confidence that was asked for."""
    start: float
    """The line's value at the first point."""


def slope(times_s: Sequence[float], values: Sequence[float], *, confidence: float = CONFIDENCE) -> Slope | None:
    """The line that Theil and Sen fit: the median of the slopes of all pairs. None of fewer than three points.

    A few outliers do not move it, and its interval (Sen, 1968, by Kendall's variance) presumes no distribution, but
    independent points. Memory, which remembers, comes out too sure: hence the tolerances of whoever judges it.
    """
    if len(times_s) < 3:
        return None
    times, numbers = np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64)
    first, second = np.triu_indices(len(times), k=1)
    apart = times[second] - times[first]
    rates = np.sort((numbers[second] - numbers[first])[apart > 0] / apart[apart > 0])
    if not len(rates):
        return None
    middle = float(np.median(rates))
    low, high = _sen_interval(rates, len(times), confidence)
    return Slope(
        per_hour=middle * 3600,
        low_per_hour=low * 3600,
        high_per_hour=high * 3600,
        start=float(np.median(numbers - middle * (times - times[0]))),
    )


def _sen_interval(rates: NDArray[np.float64], count: int, confidence: float) -> tuple[float, float]:
    spread = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, math.floor((len(rates) - spread) / 2) - 1)
    high = min(len(rates) - 1, math.ceil((len(rates) + spread) / 2))
    return float(rates[low]), float(rates[high])
