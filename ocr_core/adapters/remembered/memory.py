"""What was answered before, for a service: where it lies for whom, for how long, and what is counted of it.

========================================  ========================================================================
a tenant of whom nothing is kept          the memory of this process alone: nothing of it is ever at rest, no other
(``retention_days`` 0, the default)       replica knows it, and it is gone with the process
a tenant whose documents are kept         object storage alone, below the tenant's and the document's own prefix, where
(``retention_days`` above 0)              whoever deletes the document or the tenant deletes this too (``forget``); not
                                          in processes, which nobody could tell. Not at all unless that is switched on
========================================  ========================================================================

Either is as old as ``keep_s`` at most, and no older than the tenant's documents may be. Nothing here raises or waits
for long: what is not remembered is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from enum import StrEnum

from prometheus_client import Counter, Gauge

from ocr_core.adapters.remembered.shared import Outcome, SharedStore, StillWanted, always
from ocr_core.adapters.remembered.shelf import Shelf
from ocr_core.contracts.access import TenantPolicy
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.remembered import MemoryKey, Remembered
from ocr_core.settings import RememberSettings
from ocr_core.telemetry import Metrics

DAY_S = 86_400.0
TIDY_EVERY_S = 60.0
"""What has grown too old is in memory no longer than this."""

_log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What is remembered."""

    ANSWER = "answer"
    """Of the sync road: the whole answer."""
    READING = "reading"
    """Of the bulk road: what the pixel side read."""


class Memory:
    """Use between ``start`` and ``close``, on one event loop."""

    def __init__(
        self,
        settings: RememberSettings,
        *,
        kind: Kind,
        metrics: Metrics,
        objects: ObjectStore | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Store what it works with.

        Args:
            settings: How much, and for how long.
            kind: What is remembered here.
            metrics: Of the process.
            objects: Where tenants' entries lie whose documents are kept; null: nowhere.
            now_s: Seconds since the epoch.
        """
        self._keep_s = settings.keep_s
        self._kind = kind
        self._now_s = now_s
        self._shelf = Shelf(settings.max_bytes)
        self._max_entry_bytes = settings.max_entry_bytes
        self._shared = (
            None
            if objects is None
            else SharedStore(objects, wait_s=settings.wait_s, max_entry_bytes=settings.max_entry_bytes)
        )
        self._writes: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._asked = Counter(
            "ocr_remembered_asked",
            "Questions whether something is remembered, by what became of them.",
            ("kind", "outcome"),
            registry=metrics.registry,
        )
        self._kept = Counter(
            "ocr_remembered_kept",
            "Things that were to be remembered, by what became of them.",
            ("kind", "outcome"),
            registry=metrics.registry,
        )
        self._answered_bytes = Counter(
            "ocr_remembered_answered_bytes", "Bytes that were remembered.", ("kind",), registry=metrics.registry
        )
        self._bytes = Gauge(
            "ocr_remembered_bytes", "What is remembered in this process, in bytes.", registry=metrics.registry
        )
        self._entries = Gauge(
            "ocr_remembered_entries", "What is remembered in this process.", registry=metrics.registry
        )

    async def start(self) -> None:
        """Begin to drop what grows too old."""
        self._tidying = asyncio.create_task(self._tidy())

    async def close(self) -> None:
        """Forget what is in memory; what is being stored meanwhile may get lost."""
        for task in (self._tidying, *self._writes):
            if task is not None:
                task.cancel()
        self._shelf = Shelf(0)

    async def find(self, key: MemoryKey, policy: TenantPolicy) -> Remembered | None:
        """What is remembered under ``key``; null, too, where that cannot be known soon enough."""
        not_before_s = self._now_s() - self._keep_of(policy)
        if policy.retention_days == 0:
            thing = self._shelf.get(key, not_before_s=not_before_s)
            outcome = Outcome.MISS if thing is None else Outcome.HIT
        elif self._shared is None:
            return None
        else:
            thing, outcome = await self._shared.get(key)
            if thing is not None and thing.made_at_s < not_before_s:
                thing, outcome = None, Outcome.MISS
        self._asked.labels(self._kind, outcome).inc()
        if thing is not None:
            self._answered_bytes.labels(self._kind).inc(len(thing.body))
        return thing

    def keep(self, key: MemoryKey, thing: Remembered, policy: TenantPolicy, still_wanted: StillWanted = always) -> None:
        """Remember it, if it can be; nobody waits for that.

        Args:
            key: Under what.
            thing: What.
            policy: Of its tenant.
            still_wanted: Asked once it lies where others see it.
        """
        if policy.retention_days == 0:
            fits = len(thing.body) <= self._max_entry_bytes and self._shelf.put(key, thing)
            self._kept.labels(self._kind, Outcome.KEPT if fits else Outcome.TOO_LARGE).inc()
            self._show()
        elif self._shared is not None:
            self._later(self._store(self._shared, key, thing, still_wanted))

    async def settle(self) -> None:
        """Wait for what is being stored: for tests, and whoever wants to be sure."""
        while self._writes:
            await asyncio.wait(set(self._writes))

    def age_s(self, thing: Remembered) -> int:
        """Whole seconds since it was made."""
        return max(0, int(self._now_s() - thing.made_at_s))

    def made_now(self, body: bytes, *, content_type: str, notes: dict[str, str] | None = None) -> Remembered:
        """Something to be kept."""
        return Remembered(content_type=content_type, body=body, made_at_s=self._now_s(), notes=notes or {})

    def _keep_of(self, policy: TenantPolicy) -> float:
        return min(self._keep_s, policy.retention_days * DAY_S) if policy.retention_days else self._keep_s

    async def _store(self, shared: SharedStore, key: MemoryKey, thing: Remembered, still_wanted: StillWanted) -> None:
        self._kept.labels(self._kind, await shared.put(key, thing, still_wanted)).inc()

    def _later(self, write: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            self._shelf.drop_older(self._now_s() - self._keep_s)
            self._show()

    def _show(self) -> None:
        self._bytes.set(self._shelf.size_bytes)
        self._entries.set(len(self._shelf))
