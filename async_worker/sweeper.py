"""What the store puts right by itself when it is asked to, and the figures that it is scaled by."""

from __future__ import annotations

import asyncio
import logging

from prometheus_client import Counter, Gauge

from async_worker.blocking import Blocking
from async_worker.loops import repeat
from ocr_core.contracts.job_store import WorkQueue
from ocr_core.telemetry import Metrics

SWEEP_EVERY_S = 2.0
"""At most; several times within a lease where that is short. A look costs 1 ms of CPU."""
FIGURES_EVERY_S = 15.0
"""The backlog's figures read all open work: 30 ms with 100,000 documents waiting."""

_log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps the store every few seconds; any number may run."""

    def __init__(self, *, store: WorkQueue, blocking: Blocking, lease_s: float, metrics: Metrics) -> None:
        self._store = store
        self._blocking = blocking
        self._every_s = min(SWEEP_EVERY_S, lease_s / 4)
        self._swept = Counter(
            "ocr_bulk_swept", "What the sweeps have put right, by what it was.", ("what",), registry=metrics.registry
        )
        self._waiting = Gauge(
            "ocr_bulk_waiting", "Work that is not sent yet, by stage.", ("stage",), registry=metrics.registry
        )
        self._in_flight = Gauge(
            "ocr_bulk_in_flight", "Work that is sent or leased, by stage.", ("stage",), registry=metrics.registry
        )
        self._oldest = Gauge(
            "ocr_bulk_oldest_seconds",
            "Age of the oldest work that nobody has in hand, by stage.",
            ("stage",),
            registry=metrics.registry,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(repeat(self.step, name="sweep", stop=stop))
            loops.create_task(repeat(self.measure, name="backlog", stop=stop))

    async def step(self) -> float:
        """One sweep; the seconds until the next.

        Raises:
            NotReady: the database does not answer.
        """
        swept = await self._blocking.run(self._store.sweep)
        counts = {
            "expired_leases": swept.expired_leases,
            "exhausted": swept.exhausted,
            "cut_times": swept.cut_times,
            "expired_keys": swept.expired_keys,
        }
        for what, count in counts.items():
            self._swept.labels(what).inc(count)
        if swept.expired_leases or swept.exhausted or swept.cut_times:
            _log.info("The sweep has put work right", extra={"action": "sweep.done", **counts})
        return self._every_s

    async def measure(self) -> float:
        """Ask the store how much work there is; the seconds until the next time.

        Raises:
            NotReady: the database does not answer.
        """
        for backlog in await self._blocking.run(self._store.backlog):
            stage = backlog.stage.value
            self._waiting.labels(stage).set(backlog.waiting)
            self._in_flight.labels(stage).set(backlog.in_flight)
            self._oldest.labels(stage).set(backlog.oldest_s)
        return FIGURES_EVERY_S
