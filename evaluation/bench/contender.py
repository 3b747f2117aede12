"""What the programme asks of everything that is measured."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evaluation.bench.load import Pace
from evaluation.bench.pages import Variant
from evaluation.ordering import PlacedText

CORES = len(os.sched_getaffinity(0))
"""That everybody may use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """One page as one caller got it."""

    seconds: float
    lines: Sequence[PlacedText] | None
    """Null of what makes no text: the bare models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """CPU seconds so far, by part; a difference of two is what the time between them took."""

    models_s: Mapping[str, float] = field(default_factory=dict)
    """Of the models, by process or kind of call. Empty where they cannot be told from the rest."""
    other_s: Mapping[str, float] = field(default_factory=dict)

    def since(self, earlier: Cpu) -> Cpu:
        """What was taken since then."""
        return Cpu(
            models_s={name: value - earlier.models_s.get(name, 0.0) for name, value in self.models_s.items()},
            other_s={name: value - earlier.other_s.get(name, 0.0) for name, value in self.other_s.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a contender did while it was kept busy."""

    pace: Pace
    read: Sequence[tuple[Variant, Sequence[PlacedText]]] = ()
    """Pages and what was read of them, where that is not seen with one caller."""


class Contender(Protocol):
    """Something that reads pages. It is started and warmed up before, and does nothing when it is not asked."""

    @property
    def name(self) -> str:
        """In the tables' first column."""

    @property
    def settings(self) -> str:
        """What it runs with, in words."""

    @property
    def levels(self) -> Sequence[int]:
        """Numbers of callers to try when it is to be kept busy, the likeliest first; none if it is not."""

    @property
    def is_latency_measured(self) -> bool:
        """Whether it takes part with one caller."""

    def make_ready(self, page: Variant) -> None:
        """Have everything made that reading this page asks of it; nothing is timed meanwhile."""

    def warm_up(self, pages: Sequence[Variant]) -> None:
        """Read each of these in every process, in whatever order."""

    def read(self, page: Variant) -> PageRead:
        """One page, from one caller."""

    def saturate(self, pages: Sequence[Variant], *, callers: int, window_s: float) -> Load:
        """Keep it busy with these for so long."""

    def cpu(self) -> Cpu:
        """What it has used so far."""

    def roots(self) -> Collection[int]:
        """The processes whose trees hold its memory."""
