"""The intake's role: one job a document that a producer or a bucket tells of."""

from __future__ import annotations

import asyncio

from async_worker.blocking import Blocking
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.queues import QueueSet
from ocr_core.settings import BulkSettings
from ocr_core.telemetry import Metrics
from preprocess_svc.sources import AllowList


class Intake:
    """``RoleName.INTAKE``; any number may run."""

    def __init__(
        self,
        *,
        store: JobRecords,
        queues: QueueSet,
        objects: ObjectStore,
        allow_list: AllowList,
        blocking: Blocking,
        settings: BulkSettings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._queues = queues
        self._objects = objects
        self._allow_list = allow_list
        self._blocking = blocking
        self._settings = settings
        self._metrics = metrics

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``."""
        await stop.wait()
