"""What was measured, and everything that is computed from it.

Ratios are paired: of one page in one round, or of one round of being kept busy, since the machine's pace changes from
minute to minute; the median of the pairs is what is reported, not the ratio of two medians.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluation.bench.contender import Cpu
from evaluation.metrics import character_errors, word_matches
from evaluation.ordering import PlacedText, rows_text, text_along

MS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Of one reading of one page."""

    one_minus_cer: float
    word_f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCaller:
    """One reading by one caller."""

    round: int
    page: str
    seconds: float
    cpu: Cpu
    accuracy: Accuracy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """One window in which a contender was kept busy."""

    round: int
    callers: int
    pages_per_s: float
    pages: int
    failed: int
    cpu: Cpu
    """Of all these pages together."""
    peak_bytes: int


@dataclass(slots=True, kw_only=True)
class ContenderFigures:
    """Everything of one contender."""

    name: str
    settings: str
    one_caller: list[OneCaller] = field(default_factory=list)
    busy: list[Busy] = field(default_factory=list)
    accuracy_seen_busy: list[tuple[str, Accuracy]] = field(default_factory=list)
    """By page, where one caller was not measured."""

    def latency_ms(self, percent: int, page: str | None = None) -> float | None:
        """A quantile of one caller's time, over all pages or one."""
        seconds = [each.seconds for each in self.one_caller if page in (None, each.page)]
        return percentile(seconds, percent) * MS if seconds else None

    @property
    def best_callers(self) -> int | None:
        """With how many it read most pages a second."""
        by_callers: defaultdict[int, list[float]] = defaultdict(list)
        for each in self.busy:
            by_callers[each.callers].append(each.pages_per_s)
        return max(by_callers, key=lambda callers: statistics.median(by_callers[callers]), default=None)

    @property
    def at_best(self) -> list[Busy]:
        """Windows with the best number of callers."""
        return [each for each in self.busy if each.callers == self.best_callers]

    @property
    def pages_per_s(self) -> float | None:
        """Kept busy by its best number of callers; median of the windows."""
        return statistics.median(each.pages_per_s for each in self.at_best) if self.busy else None

    def busy_cpu_ms(self) -> tuple[float | None, float | None]:
        """CPU of a page in the models and outside of them, kept busy; the first is null where they cannot be told."""
        return _cpu_ms_a_page([(each.cpu, each.pages) for each in self.at_best])

    def one_caller_cpu_ms(self, page: str) -> tuple[float | None, float | None]:
        """The same of one kind of page with one caller."""
        return _cpu_ms_a_page([(each.cpu, 1) for each in self.one_caller if each.page == page])

    def busy_cpu_ms_by_process(self) -> dict[str, float]:
        """CPU of a page by process, kept busy."""
        pages = sum(each.pages for each in self.at_best)
        sums: defaultdict[str, float] = defaultdict(float)
        for each in self.at_best:
            for name, cpu_s in (*each.cpu.models_s.items(), *each.cpu.other_s.items()):
                sums[name] += cpu_s
        return {name: cpu_s * MS / pages for name, cpu_s in sums.items()} if pages else {}

    @property
    def peak_mib(self) -> float | None:
        """PSS, kept busy."""
        return max(each.peak_bytes for each in self.at_best) / 2**20 if self.busy else None

    @property
    def failed(self) -> int:
        """Pages that were not read while it was kept busy, at whatever number of callers."""
        return sum(each.failed for each in self.busy)

    def accuracy(self) -> Accuracy | None:
        """Mean over pages of the means over their readings, so that each page counts the same."""
        by_page: defaultdict[str, list[Accuracy]] = defaultdict(list)
        for each in self.one_caller:
            if each.accuracy is not None:
                by_page[each.page].append(each.accuracy)
        for page, accuracy in self.accuracy_seen_busy:
            by_page[page].append(accuracy)
        if not by_page:
            return None
        return Accuracy(
            one_minus_cer=_mean_of_means([[each.one_minus_cer for each in page] for page in by_page.values()]),
            word_f1=_mean_of_means([[each.word_f1 for each in page] for page in by_page.values()]),
        )


@dataclass(slots=True, kw_only=True)
class Figures:
    """A run's figures."""

    machine: Mapping[str, str]
    pages: Sequence[str]
    contenders: dict[str, ContenderFigures] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Who did not take part, and why."""
    notes: list[str] = field(default_factory=list)
    trials: list[Mapping[str, Any]] = field(default_factory=list)
    """Settings of RapidOCR that were tried."""
    stages_ms: list[dict[str, float]] = field(default_factory=list)
    """``timing_ms`` of the sync API's answers to one caller."""

    def latency_ratio(self, name: str, other: str, page: str | None = None) -> float | None:
        """One caller's time with ``name`` by that with ``other``: median over pairs, same page and round."""
        return median_of_pairs(self._seconds(name, page), self._seconds(other, page))

    def pace_ratio(self, name: str, other: str) -> float | None:
        """Pages a second of ``name`` by those of ``other``, each with its best callers: median over rounds."""
        return median_of_pairs(self._paces(name), self._paces(other))

    def _seconds(self, name: str, page: str | None) -> dict[tuple[int, str], float]:
        figures = self.contenders.get(name)
        readings = figures.one_caller if figures is not None else []
        return {(each.round, each.page): each.seconds for each in readings if page in (None, each.page)}

    def _paces(self, name: str) -> dict[int, float]:
        figures = self.contenders.get(name)
        return {each.round: each.pages_per_s for each in figures.at_best} if figures is not None else {}


def accuracy_of(truth: Sequence[PlacedText], lines: Sequence[PlacedText] | None) -> Accuracy | None:
    """Of one reading; null where nothing is known of the page, or nothing is read."""
    if not truth or lines is None:
        return None
    expected, read = rows_text(truth), text_along(truth, lines)
    return Accuracy(one_minus_cer=1 - character_errors(expected, read).rate, word_f1=word_matches(expected, read).f1)


def median_of_pairs(values: Mapping[Any, float], others: Mapping[Any, float]) -> float | None:
    """Median of value by other over the keys that both have; null where there are none."""
    ratios = [value / others[key] for key, value in values.items() if others.get(key)]
    return statistics.median(ratios) if ratios else None


def percentile(values: Sequence[float], percent: int) -> float:
    """Nearest rank: the smallest value that at least ``percent`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _cpu_ms_a_page(parts: Sequence[tuple[Cpu, int]]) -> tuple[float | None, float | None]:
    pages = sum(count for _, count in parts)
    if not pages:
        return None, None
    models_s = sum(sum(cpu.models_s.values()) for cpu, _ in parts)
    other_s = sum(sum(cpu.other_s.values()) for cpu, _ in parts)
    is_split = any(cpu.models_s for cpu, _ in parts)
    return (models_s * MS / pages if is_split else None), other_s * MS / pages


def _mean_of_means(groups: Sequence[Sequence[float]]) -> float:
    return statistics.fmean(statistics.fmean(group) for group in groups)
