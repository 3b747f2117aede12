"""The simulation of a cell under load: who comes, who is turned away, how long the others take.

The door is the service's own: ``preprocess_svc.admission`` on the simulation's clock.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import simpy
from simpy.events import Event

from evaluation.capacity.cell import Setting
from evaluation.capacity.doors import Door, by_estimate
from evaluation.capacity.stages import Stages, Steps, Work
from evaluation.capacity.workload import Document
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import Overloaded
from preprocess_svc.admission import Permit

WARM_UP_SHARE = 0.1
"""Of the simulated time, at its start, that is not counted: the queues begin empty."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What happened after the warm-up."""

    counted_s: float = 0.0
    sync_s: list[float] = field(default_factory=list)
    """Seconds from arrival to answer, of every answered sync document."""
    sync_arrived: int = 0
    refused: int = 0
    """429: too much work in the house."""
    late: int = 0
    """504: the deadline passed."""
    sync_pages: int = 0
    bulk_pages: int = 0
    bulk_s: list[float] = field(default_factory=list)
    """Seconds from arrival in the queue to the end, of every bulk document."""
    bulk_arrived: int = 0
    cores_busy: float = 0.0
    """Share of their time."""
    gpus_busy: float = 0.0
    rows_an_execution: float = 0.0
    """Of the recogniser."""
    detection_wait_s: float = 0.0
    recognition_wait_s: float = 0.0

    def quantile_s(self, share: float) -> float:
        """Of the answered sync documents' seconds; infinite if none was answered."""
        return float(np.quantile(self.sync_s, share)) if self.sync_s else float("inf")

    @property
    def goodput_documents_s(self) -> float:
        """Sync documents answered in time, a second."""
        return len(self.sync_s) / self.counted_s

    @property
    def goodput_pages_s(self) -> float:
        """Pages answered in time on either road, a second."""
        return (self.sync_pages + self.bulk_pages) / self.counted_s

    @property
    def lost_share(self) -> float:
        """Of sync documents, refused or late."""
        return (self.refused + self.late) / self.sync_arrived if self.sync_arrived else 0.0


class Network:
    """One run.

    Args:
        setting: Cell, costs, load.
        duration_s: Simulated seconds.
        seed: The same seed gives the same run.
        door: Who decides about sync documents.
    """

    def __init__(self, setting: Setting, *, duration_s: float, seed: int, door: Door = by_estimate) -> None:
        self._setting = setting
        self._duration_s = duration_s
        self._counts_from_s = duration_s * WARM_UP_SHARE
        # Streams of their own: what comes must not depend on what is done with it.
        arrivals, documents, paces = np.random.SeedSequence(seed).spawn(3)
        self._arrivals, self._documents = np.random.default_rng(arrivals), np.random.default_rng(documents)
        self._known = setting.load.mix.documents()
        self._env = simpy.Environment()
        self._stages = Stages(self._env, setting, np.random.default_rng(paces))
        self._admission = door(setting.cell, lambda: float(self._env.now))
        self._bulk_queue: simpy.Store = simpy.Store(self._env)
        self._busy_before = (0.0, 0.0)
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Simulate."""
        env, load = self._env, self._setting.load
        if load.sync_documents_s > 0:
            env.process(self._arrive(load.sync_documents_s, urgent=True))
        if load.bulk_documents_s > 0 and not load.bulk_saturated:
            env.process(self._arrive(load.bulk_documents_s, urgent=False))
        if load.bulk_documents_s > 0 or load.bulk_saturated:
            for _ in range(self._setting.cell.bulk_documents):
                env.process(self._bulk_worker())
        if load.slow_spells:
            env.process(self._slow_down())
        env.run(until=self._counts_from_s)
        self._busy_before = (self._stages.cores.busy_core_s, self._stages.gpus.busy_core_s)
        env.run(until=self._duration_s)
        return self._summary()

    def _arrive(self, documents_s: float, *, urgent: bool) -> Steps:
        bursts = self._setting.load.bursts if urgent else None
        most_s = documents_s * bursts.high if bursts else documents_s
        while True:
            yield self._env.timeout(self._arrivals.exponential(1 / most_s))
            if bursts and not bursts.lets_come(self._env.now, self._arrivals.random()):
                continue
            document = self._draw()
            if urgent:
                self._env.process(self._sync(document))
            else:
                self._outcome.bulk_arrived += self._counts
                self._bulk_queue.put(self._stages.arrival(document, urgent=False))

    def _sync(self, document: Document) -> Steps:
        """The door, the answer or the deadline, whichever comes first."""
        outcome, arrived_s = self._outcome, self._env.now
        counts = self._counts
        outcome.sync_arrived += counts
        deadline_s = self._setting.load.deadline_s
        try:
            permit = self._admission.enter(Deadline(at_s=arrived_s + deadline_s))
        except Overloaded:
            outcome.refused += counts
            return
        try:
            permit.expect(len(document.pages))  # what the bytes show is taken to be right
            work = self._stages.arrival(document, urgent=True)
            work.on_page = permit.page_done
            answer = self._env.process(self._answer(work, permit))
            yield answer | self._env.timeout(deadline_s)
            if not answer.triggered:
                self._stages.abandon(work)
                outcome.late += counts
            elif answer.value is None:
                outcome.refused += counts
            elif counts:
                outcome.sync_s.append(self._env.now - arrived_s)
                outcome.sync_pages += len(document.pages)
        except Overloaded:
            outcome.refused += counts
        finally:
            permit.release()

    def _answer(self, work: Work, permit: Permit) -> Generator[Event, object, Work | None]:
        """Read and structure; null where it was refused when its turn came."""
        turn = self._env.event()
        permit.wait_for_place(lambda error: _tell(turn, error))
        if (yield turn) is not None:
            return None
        yield from self._stages.read(work)
        permit.leave_place()
        yield from self._stages.structure(work)
        return work

    def _slow_down(self) -> Steps:
        cores, all_of_them = self._stages.cores, self._stages.cores.cores
        for from_s, until_s in self._setting.load.slow_spells:
            yield self._env.timeout(from_s - self._env.now)
            cores.become(all_of_them / 2)
            yield self._env.timeout(until_s - self._env.now)
            cores.become(all_of_them)

    def _bulk_worker(self) -> Steps:
        """One document after another; a read worker has several of these in hand."""
        while True:
            if self._setting.load.bulk_saturated:
                work = self._stages.arrival(self._draw(), urgent=False)
            else:
                waited = self._bulk_queue.get()
                yield waited
                work = cast("Work", waited.value)
            yield from self._stages.read(work)
            # The structure worker has hands of its own: this one takes the next document.
            self._env.process(self._bulk_structure(work))

    def _bulk_structure(self, work: Work) -> Steps:
        yield from self._stages.structure(work)
        if self._counts:
            self._outcome.bulk_pages += len(work.document.pages)
            self._outcome.bulk_s.append(self._env.now - work.arrived_s)

    def _draw(self) -> Document:
        return self._known[int(self._documents.integers(len(self._known)))]

    @property
    def _counts(self) -> bool:
        """Whether what happens now is counted."""
        return self._env.now >= self._counts_from_s

    def _summary(self) -> Outcome:
        outcome, stages = self._outcome, self._stages
        outcome.counted_s = self._duration_s - self._counts_from_s
        cores_before, gpus_before = self._busy_before
        for_all_s = outcome.counted_s * stages.cores.cores, outcome.counted_s * stages.gpus.cores
        outcome.cores_busy = (stages.cores.busy_core_s - cores_before) / for_all_s[0]
        outcome.gpus_busy = (stages.gpus.busy_core_s - gpus_before) / for_all_s[1]
        outcome.rows_an_execution = stages.recognition.counts.mean_rows
        outcome.detection_wait_s = _mean(stages.detection.counts.waits_s)
        outcome.recognition_wait_s = _mean(stages.recognition.counts.waits_s)
        return outcome


def simulate(setting: Setting, *, duration_s: float, seed: int = 1, door: Door = by_estimate) -> Outcome:
    """Run a cell under a load for so many simulated seconds."""
    return Network(setting, duration_s=duration_s, seed=seed, door=door).run()


def _tell(turn: Event, error: Overloaded | None) -> None:
    if not turn.triggered:
        turn.succeed(error)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
