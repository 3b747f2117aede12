"""Predicted beside measured: the load test's phases, simulated.

From ``figures.json`` (``python -m loadtest``) come the arrival rates, the shares of kinds and their pages, the
deadline, and the capacity that was measured with a closed loop. One number is fitted: how fast the machine was that
day, so that the model's capacity is the measured one. What is compared after that (latency and goodput by load) is
fitted to nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluation.capacity.cell import Cell, Load, Setting
from evaluation.capacity.demand import capacity_documents_s
from evaluation.capacity.measured import at_pace
from evaluation.capacity.network import Outcome, simulate
from evaluation.capacity.profile import Profile
from evaluation.capacity.workload import FORMATS, Mix
from evaluation.markdown import table

RUNS = 5
"""Simulated for each phase, as long as the phase; their spread says how much one such phase tells."""
PICTURES = frozenset({"png", "fax tiff"})
"""Ways of making documents (``loadtest.mix.Making``) that are opened as images."""
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One phase."""

    name: str
    offered_s: float
    """Documents a second."""
    measured: Mapping[str, float]
    predicted: Mapping[str, tuple[float, float, float]]
    """(least, middle, most) of the runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """All phases of a run."""

    pace: float
    """By how much slower the machine was than the profile says."""
    phases: Sequence[Compared]

    def markdown(self) -> str:
        """A table of every phase."""
        names = ("p50 ms", "p99 ms", "goodput/s", "refused %")
        rows = [
            [
                each.name,
                f"{each.offered_s:.2f}",
                *(
                    f"{each.measured[name]:.{_digits(name)}f} / {each.predicted[name][1]:.{_digits(name)}f} "
                    f"({each.predicted[name][0]:.{_digits(name)}f} to {each.predicted[name][2]:.{_digits(name)}f})"
                    for name in names
                ),
            ]
            for each in self.phases
        ]
        heading = ["phase", "documents/s", *(f"{name}: measured / predicted" for name in names)]
        return "\n\n".join([table(heading, rows), f"Everything took {self.pace:.2f} times what the profile says."])


def validate(figures: Mapping[str, Any], profile: Profile, pages: Mix, *, cores: float, seed: int = 1) -> Validation:
    """Simulate every open phase of a load test.

    Args:
        figures: Content of the load test's ``figures.json``.
        profile: Of the machine, at some pace.
        pages: Lines and widths; pages a document and formats are taken from the figures.
        cores: Of the machine.
        seed: Of the first run.

    Raises:
        KeyError: that is no load test's file, or it ended before the capacity was known.
    """
    mix = mix_of(figures["mix"], pages)
    deadline_s = figures["programme"]["deadline_s"] or figures["mix"]["deadline_s"]
    cell = Cell(cores=cores, max_documents=round(16 * cores), reading_places=max(3, round(1.5 * cores)))
    load = Load(mix=mix, sync_documents_s=1.0, deadline_s=deadline_s)
    full = Setting(cell=cell, profile=profile, load=load)
    pace = capacity_documents_s(full) / figures["capacity"]["documents_per_s"]
    day = replace(full, profile=at_pace(profile, pace))
    return Validation(
        pace=pace,
        phases=[_compared(phase, day, seed) for phase in figures["phases"] if phase["callers"] is None],
    )


def mix_of(declared: Mapping[str, Any], pages: Mix) -> Mix:
    """The load test's sync mix: pages a document and formats from its kinds, everything else from ``pages``."""
    total = sum(kind["sync_weight"] for kind in declared["kinds"])
    counts: defaultdict[int, float] = defaultdict(float)
    formats = dict.fromkeys(FORMATS, 0.0)
    for kind in declared["kinds"]:
        share = kind["sync_weight"] / total
        counts[kind["pages"]] += share
        as_it_is = kind["made"] == "as they are" and all(name.endswith(PICTURE_SUFFIXES) for name in kind["files"])
        formats["image" if kind["made"] in PICTURES or as_it_is else "pdf"] += share
    return replace(
        pages,
        name=declared["name"],
        source=f"pages and formats: the load test's; {pages.source}",
        pages=tuple(sorted((count, share) for count, share in counts.items() if share > 0)),
        formats=tuple(formats.values()),
    )


def _compared(phase: Mapping[str, Any], day: Setting, seed: int) -> Compared:
    bulk = bool(phase["bulk"])
    load = replace(day.load, sync_documents_s=phase["offered_per_s"], bulk_saturated=bulk)
    setting = replace(day, load=load)
    runs = [simulate(setting, duration_s=phase["seconds"] / 0.9, seed=seed + number) for number in range(RUNS)]
    measured = {
        "p50 ms": _value(phase["accepted_ms"]["p50"]),
        "p99 ms": _value(phase["accepted_ms"]["p99"]),
        "goodput/s": phase["goodput_per_s"],
        "refused %": 100 * phase["refused"] / max(1, phase["requests"]),
    }
    each = [_figures(outcome, load.deadline_s) for outcome in runs]
    predicted = {name: _spread([figures[name] for figures in each]) for name in measured}
    return Compared(name=phase["name"], offered_s=phase["offered_per_s"], measured=measured, predicted=predicted)


def _figures(outcome: Outcome, deadline_s: float) -> dict[str, float]:
    # As the load test counts: whoever was accepted and came to nothing took his time as well.
    accepted = replace(outcome, sync_s=outcome.sync_s + [deadline_s] * outcome.late)
    return {
        "p50 ms": 1000 * accepted.quantile_s(0.5),
        "p99 ms": 1000 * accepted.quantile_s(0.99),
        "goodput/s": outcome.goodput_documents_s,
        "refused %": 100 * outcome.refused / max(1, outcome.sync_arrived),
    }


def _spread(values: list[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return ordered[0], ordered[len(ordered) // 2], ordered[-1]


def _value(quantile: Mapping[str, float] | None) -> float:
    return float("nan") if quantile is None else quantile["value"]


def _digits(name: str) -> int:
    return 2 if name == "goodput/s" else 0
