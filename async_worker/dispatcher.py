"""The dispatcher's role: due work to the queues, and beside it what keeps the house in order."""

from __future__ import annotations

import asyncio

from async_worker.blocking import Blocking
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.queues import QueueSet
from ocr_core.settings import BulkSettings
from ocr_core.telemetry import Metrics


class Dispatcher:
    """``RoleName.DISPATCHER``; any number may run."""

    def __init__(
        self,
        *,
        store: JobStore,
        queues: QueueSet,
        objects: ObjectStore,
        blocking: Blocking,
        settings: BulkSettings,
        metrics: Metrics,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._queues = queues
        self._objects = objects
        self._blocking = blocking
        self._settings = settings
        self._metrics = metrics
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``."""
        await stop.wait()
