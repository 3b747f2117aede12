"""``python -m evaluation.capacity doors``: what doors make of too much load, of waves, of a slow machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from evaluation.capacity.cell import Bursts, Setting
from evaluation.capacity.demand import capacity_documents_s
from evaluation.capacity.doors import DOORS, Door
from evaluation.capacity.network import Outcome, simulate
from evaluation.markdown import table

DURATION_S = 600.0
SEEDS = (1, 2, 3)
WAVES = Bursts(period_s=20.0, share=0.2, high=4.0, low=0.25)
SPELLS = ((200.0, 300.0), (400.0, 500.0))


def cases(setting: Setting) -> Mapping[str, Setting]:
    """By name; ``setting``'s own sync load is not looked at."""
    most = capacity_documents_s(replace(setting, load=replace(setting.load, sync_documents_s=1.0)))

    def loaded(share: float, bursts: Bursts | None = None, spells: tuple[tuple[float, float], ...] = ()) -> Setting:
        load = replace(setting.load, sync_documents_s=share * most, bursts=bursts, slow_spells=spells)
        return replace(setting, load=load)

    return {
        **{f"load {share:g}": loaded(share) for share in (0.5, 0.8, 1.0, 1.5, 2.0)},
        "load 0.8 in waves, 3.2 for 4 of 20 s": loaded(0.8, bursts=WAVES),
        "load 0.8, a third of the time at half the pace": loaded(0.8, spells=SPELLS),
        "load 1.5, the same": loaded(1.5, spells=SPELLS),
    }


def compare(setting: Setting) -> str:
    """A table in Markdown, a row a case and door."""
    most = capacity_documents_s(replace(setting, load=replace(setting.load, sync_documents_s=1.0)))
    pages_s = most * setting.load.mix.pages_a_document
    rows = list(_rows(setting, pages_s))
    header = ["case", "door", "pages in time, of capacity", "refused %", "late, of those let in %", "p50 s", "p99 s"]
    return table(header, rows)


def _rows(setting: Setting, pages_s: float) -> Iterator[list[str]]:
    for case, loaded in cases(setting).items():
        for name, door in DOORS.items():
            outcomes = [_run(loaded, door, seed) for seed in SEEDS]
            late = sum(outcome.late for outcome in outcomes)
            arrived = sum(outcome.sync_arrived for outcome in outcomes)
            # Who was let in and then told 504 has waited for the whole of the deadline.
            seconds = [each for outcome in outcomes for each in outcome.sync_s] + [setting.load.deadline_s] * late
            goodput = float(np.mean([outcome.goodput_pages_s for outcome in outcomes])) / pages_s
            yield [
                case,
                name,
                f"{goodput:.2f}",
                f"{100 * sum(outcome.refused for outcome in outcomes) / arrived:.1f}",
                f"{100 * late / max(1, len(seconds)):.1f}",
                *(f"{np.quantile(seconds, share):.1f}" for share in (0.5, 0.99)),
            ]


def _run(setting: Setting, door: Door, seed: int) -> Outcome:
    return simulate(setting, duration_s=DURATION_S, seed=seed, door=door)
