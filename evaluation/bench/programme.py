"""A run: settings are searched, everybody is warmed up, then one caller, then everybody kept busy, in turns."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from evaluation.bench.bare import BareModels
from evaluation.bench.contender import Contender
from evaluation.bench.figures import Busy, ContenderFigures, Figures, OneCaller, accuracy_of
from evaluation.bench.pages import BenchPage, Variant, Variants
from evaluation.bench.services import BulkRoad, SyncApi
from evaluation.bench.turns import turns
from evaluation.memory_accounts import PeakMemory

SELDOM_EVERY = 3
"""Contenders that are slow, or that stand there for comparison only, take part in every third round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """How long everything takes; rounds are always whole."""

    searches: bool
    """Whether RapidOCR's best settings are searched."""
    one_caller_s: float
    """Rounds of one caller go on until this time has passed."""
    fewest_rounds: int
    most_rounds: int
    window_s: float
    """How long each is kept busy at a time."""
    busy_rounds: int
    tries_every_level: bool = True
    """Whether everybody is kept busy by several numbers of callers at first; by the likeliest otherwise."""
    has_comparisons: bool = True
    """Whether those take part that stand there for comparison only."""
    variants_per_s: float = 3.0
    """Pages that are made ready for each second of a window."""


FULL = Programme(searches=True, one_caller_s=110, fewest_rounds=3, most_rounds=40, window_s=6, busy_rounds=2)
QUICK = Programme(
    searches=False,
    one_caller_s=15,
    fewest_rounds=2,
    most_rounds=5,
    window_s=3,
    busy_rounds=1,
    tries_every_level=False,
    has_comparisons=False,
)
FUNCTIONAL = Programme(searches=False, one_caller_s=0, fewest_rounds=1, most_rounds=1, window_s=1, busy_rounds=1)
"""Everything once: whether it runs, not how fast."""


class Run:
    """One run of a programme. A contender that breaks leaves it, with the reason; the others go on."""

    def __init__(
        self,
        contenders: Sequence[Contender],
        variants: Variants,
        programme: Programme,
        figures: Figures,
        *,
        seldom: Collection[str] = (),
    ) -> None:
        """Store what is measured.

        Args:
            contenders: Who takes part, started.
            variants: Their pages.
            programme: How long.
            figures: Takes what is measured.
            seldom: Names of those that take part in every third round only.
        """
        self._contenders = list(contenders)
        self._variants = variants
        self._programme = programme
        self._figures = figures
        self._seldom = frozenset(seldom)
        for each in contenders:
            figures.contenders[each.name] = ContenderFigures(name=each.name, settings=each.settings)

    def warm_up(self) -> None:
        """Every contender, one after the other, on every page: engines compile for shapes that they meet first."""
        for contender in self._present:
            say(f"warming up: {contender.name}")
            pages = [self._variants.of(page) for page in self._variants.pages]
            with self._leaving_if_broken(contender):
                _make_ready(pages, contender)
                contender.warm_up(pages)
            _forget(pages)

    def one_caller(self) -> None:
        """Every page is read by every contender, in an order that is another one for every page and round."""
        orders = turns([contender for contender in self._present if contender.is_latency_measured])
        started_s, number = time.monotonic(), 0
        while self._has_time_for(number, time.monotonic() - started_s):
            say(f"one caller: round {number + 1}")
            for page in self._variants.pages:
                variant = self._variants.of(page)
                for contender in self._taking_part(next(orders), number):
                    with self._leaving_if_broken(contender):
                        reading = _read(contender, variant, page, number)
                        self._figures.contenders[contender.name].one_caller.append(reading)
                _forget([variant])
            number += 1
        pages = len(self._variants.pages)
        self._figures.notes.append(f"one caller: {number} rounds over {pages} pages in turns, after warming up")

    def kept_busy(self) -> None:
        """Each for a while, in turns: in the first round with every number of callers, then with its best."""
        programme = self._programme
        orders = turns([contender for contender in self._present if contender.levels])
        for number in range(programme.busy_rounds):
            say(f"kept busy: round {number + 1} of {programme.busy_rounds}; making pages")
            shared = self._variants.take(self._pages_of_window)
            for contender in self._taking_part(next(orders), number):
                of_contender = self._figures.contenders[contender.name]
                tries = number == 0 and programme.tries_every_level
                levels = contender.levels if tries else [of_contender.best_callers or contender.levels[0]]
                for callers in levels:
                    say(
                        f"kept busy: round {number + 1} of {programme.busy_rounds}; {contender.name}, {callers} callers"
                    )
                    with self._leaving_if_broken(contender):
                        self._keep_busy(contender, shared, callers, number)
            _forget(shared)
        tried = " in the first with every number of callers, then with the best" if programme.tries_every_level else ""
        self._figures.notes.append(
            f"kept busy: windows of {programme.window_s:.0f} s, {programme.busy_rounds} rounds in turns;{tried}"
        )

    @property
    def _present(self) -> list[Contender]:
        return [each for each in self._contenders if each.name not in self._figures.absent]

    @property
    def _pages_of_window(self) -> int:
        return max(12, round(self._programme.window_s * self._programme.variants_per_s))

    def _taking_part(self, order: Sequence[Contender], number: int) -> Iterator[Contender]:
        for contender in order:
            is_there = contender.name not in self._figures.absent
            if is_there and (number % SELDOM_EVERY == 0 or contender.name not in self._seldom):
                yield contender

    def _has_time_for(self, number: int, passed_s: float) -> bool:
        programme = self._programme
        return number < programme.fewest_rounds or (
            number < programme.most_rounds and passed_s < programme.one_caller_s
        )

    def _keep_busy(self, contender: Contender, shared: Sequence[Variant], callers: int, number: int) -> None:
        # Our two roads share services and never see a page twice; the others share nothing.
        is_ours = isinstance(contender, SyncApi | BulkRoad)
        pages = self._variants.take(self._pages_of_window + 4 * callers) if is_ours else shared
        _make_ready(pages, contender)
        repeated = list(pages) * (4 if isinstance(contender, BareModels) else 1)
        before = contender.cpu()
        with PeakMemory(contender.roots) as memory:
            load = contender.saturate(repeated, callers=callers, window_s=self._programme.window_s)
        cpu = contender.cpu().since(before)
        figures = self._figures.contenders[contender.name]
        figures.busy.append(
            Busy(
                round=number,
                callers=callers,
                pages_per_s=load.pace.pages_per_s,
                pages=load.pace.pages,
                failed=load.pace.failed,
                cpu=cpu,
                peak_bytes=memory.peak_bytes,
            )
        )
        figures.accuracy_seen_busy += [
            (variant.page.name, accuracy)
            for variant, lines in load.read
            if (accuracy := accuracy_of(variant.page.truth, lines)) is not None
        ]
        if is_ours:
            _forget(pages)

    @contextmanager
    def _leaving_if_broken(self, contender: Contender) -> Iterator[None]:
        """Without the sync API there is nothing to compare with: what it raises ends the run."""
        try:
            yield
        except (EOFError, OSError, RuntimeError, TimeoutError, httpx.HTTPError) as error:
            if isinstance(contender, SyncApi):
                raise
            self._figures.absent[contender.name] = f"broke: {type(error).__name__}: {error}"
            say(f"{contender.name} {self._figures.absent[contender.name]}")


def say(sentence: str) -> None:
    """Tell how far it has come, and when."""
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


def _read(contender: Contender, variant: Variant, page: BenchPage, number: int) -> OneCaller:
    _make_ready([variant], contender)
    before = contender.cpu()
    answer = contender.read(variant)
    return OneCaller(
        round=number,
        page=page.name,
        seconds=answer.seconds,
        cpu=contender.cpu().since(before),
        accuracy=accuracy_of(page.truth, answer.lines),
    )


def _make_ready(pages: Sequence[Variant], contender: Contender) -> None:
    """Have everything made that the contender will ask for, while no clock runs."""
    for page in pages:
        contender.make_ready(page)


def _forget(pages: Sequence[Variant]) -> None:
    for page in pages:
        page.forget()
