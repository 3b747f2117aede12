"""Makes the bulk API's application of plain collaborators; ``async_worker/main.py`` decides which."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from fastapi import FastAPI

from async_worker.blocking import Blocking
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.objects import ObjectStore
from ocr_core.service import Readiness, create_app
from ocr_core.service.app import Lifespan
from ocr_core.settings import BulkSettings, StorageSettings, WebhookSettings
from ocr_core.telemetry import Metrics

_DESCRIPTION = "Jobs of up to a hundred thousand documents: send them, watch them, read their results as they end."


def make_app(
    *,
    store: JobRecords,
    blocking: Blocking,
    objects: ObjectStore,
    bulk: BulkSettings,
    storage: StorageSettings,
    webhooks: WebhookSettings,
    metrics: Metrics,
    readiness: Readiness,
    lifespan: Lifespan,
    stopping: asyncio.Event,
) -> FastAPI:
    """The bulk API. Its collaborators are started and closed by ``lifespan`` or by whoever made them.

    Args:
        store: Called through ``blocking`` only.
        blocking: Threads for it.
        objects: Where uploads go and results lie.
        bulk: Limits, tenant, origins.
        storage: Which ``s3://`` sources a job may name.
        webhooks: Whether and where deliveries may go.
        metrics: Of the process.
        readiness: What ``/readyz`` asks.
        lifespan: Runs around the application.
        stopping: Set when the process is told to stop, before the server waits for its requests to end: streams that
            would go on for as long as their jobs do end then.
    """
    return create_app(
        title="Yomitori bulk",
        version=version("yomitori"),
        description=_DESCRIPTION,
        metrics=metrics,
        readiness=readiness,
        routers=[],
        lifespan=lifespan,
    )
