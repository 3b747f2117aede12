"""The simulation of a cell under load: who comes, who is turned away, how long the others take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import simpy

from evaluation.capacity.cell import Setting
from evaluation.capacity.stages import Stages, Steps, Work
from evaluation.capacity.workload import Document

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
    """429: the house was full."""
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
    """

    def __init__(self, setting: Setting, *, duration_s: float, seed: int) -> None:
        self._setting = setting
        self._duration_s = duration_s
        self._counts_from_s = duration_s * WARM_UP_SHARE
        # Streams of their own: what comes must not depend on what is done with it.
        arrivals, documents, paces = np.random.SeedSequence(seed).spawn(3)
        self._arrivals, self._documents = np.random.default_rng(arrivals), np.random.default_rng(documents)
        self._known = setting.load.mix.documents()
        self._env = simpy.Environment()
        self._stages = Stages(self._env, setting, np.random.default_rng(paces))
        self._places = simpy.Resource(self._env, setting.cell.reading_places)
        self._bulk_queue: simpy.Store = simpy.Store(self._env)
        self._in_house = 0
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
        env.run(until=self._counts_from_s)
        self._busy_before = (self._stages.cores.busy_core_s, self._stages.gpus.busy_core_s)
        env.run(until=self._duration_s)
        return self._summary()

    def _arrive(self, documents_s: float, *, urgent: bool) -> Steps:
        while True:
            yield self._env.timeout(self._arrivals.exponential(1 / documents_s))
            document = self._draw()
            if urgent:
                self._env.process(self._sync(document))
            else:
                self._outcome.bulk_arrived += self._counts
                self._bulk_queue.put(self._stages.arrival(document, urgent=False))

    def _sync(self, document: Document) -> Steps:
        """The door, the answer or the deadline, whichever comes first."""
        outcome = self._outcome
        outcome.sync_arrived += self._counts
        if self._in_house >= self._setting.cell.max_documents:
            outcome.refused += self._counts
            return
        self._in_house += 1
        work = self._stages.arrival(document, urgent=True)
        place = self._places.request()
        answer = self._env.process(self._answer(work, place))
        yield answer | self._env.timeout(self._setting.load.deadline_s)
        self._in_house -= 1
        if answer.triggered:
            if self._counts:
                outcome.sync_s.append(self._env.now - work.arrived_s)
                outcome.sync_pages += len(document.pages)
        else:
            self._stages.abandon(work)
            self._give_back(place)
            outcome.late += self._counts

    def _answer(self, work: Work, place: simpy.resources.resource.Request) -> Steps:
        yield place
        yield from self._stages.read(work)
        self._give_back(place)
        yield from self._stages.structure(work)

    def _give_back(self, place: simpy.resources.resource.Request) -> None:
        """A place that is held is released; one that is still waited for is no longer wanted."""
        if place.triggered:
            self._places.release(place)
        else:
            place.cancel()

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


def simulate(setting: Setting, *, duration_s: float, seed: int = 1) -> Outcome:
    """Run a cell under a load for so many simulated seconds."""
    return Network(setting, duration_s=duration_s, seed=seed).run()


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
