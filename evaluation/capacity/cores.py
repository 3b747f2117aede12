"""Processor cores, or a GPU, that all who are running share: processor sharing, with a weight for who is in a hurry.

A task keeps one core at most busy; work that several threads do is several tasks. While there are no more tasks than
cores, each has one to itself. Beyond that, cores are shared in proportion to the tasks' weights, as Linux does with
nice values. Tasks of one weight all advance at the same pace, so a clock for each weight that runs at this pace (its
virtual time) tells who is done next, and nothing has to be counted task by task.

SimPy has no such resource; its queues end what they have begun.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

import simpy
from simpy.events import Event, Timeout

_TINY_S = 1e-9
"""Less is rounding: a clock that stands at a week counts in steps of 1e-10 s."""


@dataclass(slots=True, eq=False)
class Task:
    """Work that runs on the cores; ``done`` happens at its end, or never if it was cancelled."""

    done: Event
    urgent: bool
    cancelled: bool = False
    ended: bool = False


@dataclass(slots=True)
class _Class:
    """Tasks of one weight, by when they end on their own clock."""

    weight: float
    clock_s: float = 0.0
    pace: float = 0.0
    count: int = 0
    ends: list[tuple[float, int, Task]] = field(default_factory=list)

    def drop_cancelled(self) -> None:
        while self.ends and self.ends[0][2].cancelled:
            heapq.heappop(self.ends)


class SharedCores:
    """So many cores.

    Args:
        env: The simulation.
        cores: May be a fraction, where a machine's cores are slower or faster than the profile's.
        patient_weight: Weight of tasks that are not urgent, beside 1 of those that are.
    """

    def __init__(self, env: simpy.Environment, cores: float, *, patient_weight: float = 1.0) -> None:
        self.cores = cores
        self._busy_core_s = 0.0
        self._env = env
        self._urgent = _Class(weight=1.0)
        self._patient = _Class(weight=patient_weight)
        self._changed_s = env.now
        self._numbers = itertools.count()
        self._alarm: Timeout | None = None

    def run(self, core_s: float, *, urgent: bool = True) -> Task:
        """Start work of so many core-seconds."""
        self._advance()
        task = Task(done=self._env.event(), urgent=urgent)
        group = self._group(task)
        group.count += 1
        heapq.heappush(group.ends, (group.clock_s + core_s, next(self._numbers), task))
        self._share_anew()
        return task

    def become(self, cores: float) -> None:
        """So many from now on."""
        self._advance()
        self.cores = cores
        self._share_anew()

    def cancel(self, task: Task) -> None:
        """End work that nobody waits for; what has ended stays as it is."""
        if task.ended or task.cancelled:
            return
        self._advance()
        task.cancelled = True
        self._group(task).count -= 1
        self._share_anew()

    @property
    def busy_core_s(self) -> float:
        """Core-seconds used since the start."""
        self._advance()
        return self._busy_core_s

    def _group(self, task: Task) -> _Class:
        return self._urgent if task.urgent else self._patient

    def _advance(self) -> None:
        """Bring the clocks up to now."""
        passed_s = self._env.now - self._changed_s
        self._changed_s = self._env.now
        for group in (self._urgent, self._patient):
            group.clock_s += passed_s * group.pace
            self._busy_core_s += passed_s * group.pace * group.count

    def _share_anew(self) -> None:
        """Set both paces for who is here now, and the alarm for who is done first."""
        urgent, patient = self._urgent, self._patient
        total = urgent.count + patient.count
        if total <= self.cores:
            urgent.pace = patient.pace = 1.0
        else:
            share = self.cores / (urgent.count * urgent.weight + patient.count * patient.weight)
            urgent.pace = min(1.0, share * urgent.weight)
            left = self.cores - urgent.count * urgent.pace
            patient.pace = min(1.0, left / patient.count) if patient.count else 1.0
        delays_s = []
        for group in (urgent, patient):
            group.drop_cancelled()
            if group.ends:
                delays_s.append(max(0.0, group.ends[0][0] - group.clock_s) / group.pace)
        self._alarm = None
        if delays_s:
            self._alarm = self._env.timeout(min(delays_s))
            self._alarm.callbacks.append(self._ring)

    def _ring(self, alarm: Event) -> None:
        if alarm is not self._alarm:
            return  # Whoever came or went since has set another.
        self._advance()
        for group in (self._urgent, self._patient):
            while group.ends and (group.ends[0][2].cancelled or group.ends[0][0] - group.clock_s <= _TINY_S):
                task = heapq.heappop(group.ends)[2]
                if not task.cancelled:
                    task.ended = True
                    group.count -= 1
                    task.done.succeed()
        self._share_anew()
