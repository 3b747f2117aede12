"""Which phases a load test consists of, and the walk through them: measure the capacity, then load it.

::

    warm-up ─► capacity (closed loop, saturated) ─► 0.5 · 0.8 · 1 · 1.5 · 2 x capacity (open loop)
                                                 ─► sync alone · sync beside a full bulk queue
                                                 ─► soak at 0.8
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from loadtest.figures import phase_figures, read_phase
from loadtest.generator import carry_out, wait_until_quiet
from loadtest.mix import Mix
from loadtest.phase import Order, Phase, Target

RUN_FILE = "run.json"
CORPUS = "corpus"
CAPACITY_DEADLINE_S = 30.0
"""Long enough that nobody gives up: what is measured is how fast answers come, not how soon."""
WARM_UP = "warm-up"
CAPACITY = "capacity"
SYNC_ALONE = "sync alone"
BESIDE_BULK = "beside bulk"
SOAK = "soak"
SOAK_LEAD_IN_S = 30.0
SOAK_MONITOR_S = 5.0
LOAD_MONITOR_S = 2.0


class ProgrammeError(Exception):
    """The load test cannot go on; the message says why."""


class Part(StrEnum):
    """What is measured in multiples of the capacity."""

    LOADS = "loads"
    BULK = "bulk"
    SOAK = "soak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the server answers when it never lacks work."""

    documents_per_s: float
    pages_per_s: float | None
    measured: bool
    """False: it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """How a load test is carried out."""

    parts: tuple[Part, ...] = ()
    own: Phase | None = None
    """Another phase, which needs no capacity."""
    loads: tuple[float, ...] = (0.5, 0.8, 1.0, 1.5, 2.0)
    """Multiples of the capacity."""
    measured_s: float = 60.0
    """Of each phase, and of the capacity's."""
    callers: int = 8
    """Who find the capacity: twice as many as the pixel side reads at once by default."""
    warm_up_s: float = 10.0
    bulk_load: float = 0.5
    backlog: int = 40
    soak_load: float = 0.8
    soak_s: float = 600.0
    deadline_s: float | None = None
    seed: int = 1
    capacity_per_s: float | None = None
    """Documents a second; null: it is measured first."""

    def after_capacity(self, capacity_per_s: float) -> list[Phase]:
        """The phases whose rates are multiples of the capacity."""
        phases: list[Phase] = []
        if Part.LOADS in self.parts:
            phases += [
                self._open(f"load {load:g}", load, capacity_per_s, seed=self.seed + number)
                for number, load in enumerate(self.loads)
            ]
        if Part.BULK in self.parts:
            # The same seed: the same documents at the same moments, with and without.
            seed = self.seed + 1000
            phases.append(self._open(SYNC_ALONE, self.bulk_load, capacity_per_s, seed=seed))
            phases.append(self._open(BESIDE_BULK, self.bulk_load, capacity_per_s, seed=seed, backlog=self.backlog))
        if Part.SOAK in self.parts:
            phases.append(
                self._open(
                    SOAK,
                    self.soak_load,
                    capacity_per_s,
                    seed=self.seed + 2000,
                    measured_s=self.soak_s,
                    lead_in_s=SOAK_LEAD_IN_S,
                )
            )
        return phases

    @property
    def measures_capacity(self) -> bool:
        """Whether anybody needs to know it who was not told."""
        return bool(self.parts) and self.capacity_per_s is None

    def before_capacity(self) -> list[Phase]:
        """The closed loops, one that warms up and one that measures the capacity, and what needs no capacity."""
        closed: dict[str, Any] = {"callers": self.callers, "seed": self.seed, "deadline_s": CAPACITY_DEADLINE_S}
        phases = []
        if self.warm_up_s:
            phases.append(Phase(name=WARM_UP, lead_in_s=0.0, measured_s=self.warm_up_s, run_out_s=0.0, **closed))
        if self.measures_capacity:
            phases.append(Phase(name=CAPACITY, measured_s=self.measured_s, **closed))
        return phases if self.own is None else [*phases, self.own]

    def _open(self, name: str, load: float, capacity_per_s: float, **options: Any) -> Phase:
        timing = {"measured_s": self.measured_s, "deadline_s": self.deadline_s, **options}
        return Phase(name=name, load=load, rate_per_s=load * capacity_per_s, **timing)


def carry_out_programme(
    programme: Programme,
    target: Target,
    mix: Mix,
    folder: Path,
    *,
    facts: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    """Walk through the phases; what is seen goes below ``folder``, from which ``report`` makes the report.

    Args:
        programme: What to measure.
        target: The server.
        mix: Whose corpus lies in ``folder``.
        folder: Of this run.
        facts: What else the report should tell.
        say: Takes a sentence at each step.

    Raises:
        ProgrammeError: the server answered nothing, or its bulk API is not known.
        GeneratorError: the load was not what it should have been.
    """
    run: dict[str, Any] = {**facts, "programme": asdict(programme), "mix": mix.model_dump(mode="json"), "phases": []}
    wants_bulk = Part.BULK in programme.parts or (programme.own is not None and programme.own.backlog > 0)
    if wants_bulk and target.bulk_url is None:
        raise ProgrammeError("where is the bulk API? --bulk-url says it; `run --no-bulk` does without")

    def walk(phase: Phase) -> Path:
        what = f"{phase.rate_per_s:.2f} documents a second" if phase.rate_per_s else f"{phase.callers} callers"
        say(f"{phase.name}: {what} for {phase.sending_s:.0f} s")
        place = folder / f"{len(run['phases']):02d}-{phase.name.replace(' ', '-')}"
        order = _order(phase, target, mix, folder / CORPUS, place)
        carry_out(order, target, monitor_interval_s=SOAK_MONITOR_S if phase.name == SOAK else LOAD_MONITOR_S)
        run["phases"].append(place.name)
        _write(run, folder)
        wait_until_quiet(target)
        return place

    for phase in programme.before_capacity():
        place = walk(phase)
    if not programme.parts:
        return
    capacity = _measured(place) if programme.measures_capacity else _told(programme)
    run["capacity"] = asdict(capacity)
    _write(run, folder)
    say(f"capacity: {capacity.documents_per_s:.2f} documents a second")
    for phase in programme.after_capacity(capacity.documents_per_s):
        walk(phase)


def read_run(folder: Path) -> dict[str, Any]:
    """What ``carry_out_programme`` wrote about the run as a whole."""
    content: dict[str, Any] = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    return content


def _told(programme: Programme) -> Capacity:
    return Capacity(documents_per_s=programme.capacity_per_s or 0.0, pages_per_s=None, measured=False)


def _measured(place: Path) -> Capacity:
    figures = phase_figures(read_phase(place))
    if not figures.in_time:
        raise ProgrammeError(f"nothing was answered while the capacity was measured: {figures.errors}")
    return Capacity(documents_per_s=figures.goodput_per_s, pages_per_s=figures.goodput_pages_per_s, measured=True)


def _order(phase: Phase, target: Target, mix: Mix, corpus: Path, output: Path) -> Order:
    return Order(
        phase=phase,
        api_url=target.api_url,
        bulk_url=target.bulk_url,
        corpus=corpus,
        sync_weights={kind.name: kind.sync_weight for kind in mix.kinds if kind.sync_weight},
        bulk_weights={kind.name: kind.bulk_weight for kind in mix.kinds if kind.bulk_weight},
        output=output,
    )


def _write(run: dict[str, Any], folder: Path) -> None:
    (folder / RUN_FILE).write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
