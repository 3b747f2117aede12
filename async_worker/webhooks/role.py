"""The webhook sender's role."""

from __future__ import annotations

import asyncio

from async_worker.blocking import Blocking
from async_worker.webhooks.addresses import Resolver
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.objects import ObjectStore
from ocr_core.settings import WebhookSettings
from ocr_core.telemetry import Metrics


class WebhookSender:
    """``RoleName.WEBHOOKS``; any number may run."""

    def __init__(
        self,
        *,
        store: JobStore,
        objects: ObjectStore,
        blocking: Blocking,
        settings: WebhookSettings,
        metrics: Metrics,
        shutdown_grace_s: float = 30.0,
        resolver: Resolver | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._objects = objects
        self._blocking = blocking
        self._settings = settings
        self._metrics = metrics
        self._shutdown_grace_s = shutdown_grace_s
        self._resolver = resolver
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``."""
        await stop.wait()
