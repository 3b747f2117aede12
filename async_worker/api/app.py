"""Makes the bulk API's application of plain collaborators; ``async_worker/wiring.py`` decides which."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from async_worker.api.admin import AdminApi, make_admin_router
from async_worker.api.admin_values import admin_components
from async_worker.api.bounded_reads import BoundedReads
from async_worker.api.document_values import document_components
from async_worker.api.documents import RESULTS_BYTES, DocumentsApi, make_documents_router
from async_worker.api.form_uploads import Discards
from async_worker.api.idempotency import HEADER as IDEMPOTENCY_HEADER
from async_worker.api.idempotency import REPLAYED_HEADER
from async_worker.api.json_jobs import JsonJobs
from async_worker.api.openapi import components
from async_worker.api.places import Places
from async_worker.api.results import Results
from async_worker.api.routes import BulkApi, make_router
from async_worker.api.spool import SpoolBudget
from async_worker.api.submissions import Desk, Submissions
from async_worker.api.upload_targets import UploadDesk
from async_worker.api.watches import Watches
from async_worker.blocking import Blocking
from async_worker.job_sources import JobSources
from async_worker.removal import DocumentRemoval
from async_worker.result_lines import ResultLines
from ocr_core.contracts.access_store import Administration
from ocr_core.contracts.job_store import ApiStore
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.stored_documents import DocumentStore
from ocr_core.service import Readiness, create_app
from ocr_core.service.access import KEY_HEADER, Access
from ocr_core.service.app import Lifespan
from ocr_core.service.middleware import REQUEST_ID_HEADER
from ocr_core.settings import BulkSettings, WebhookSettings
from ocr_core.telemetry import Metrics
from postprocess_svc.schemas import Catalogue

_DESCRIPTION = "Jobs of up to a hundred thousand documents: send them, watch them, read their results as they end."


def make_app(
    *,
    store: ApiStore,
    blocking: Blocking,
    objects: ObjectStore,
    bulk: BulkSettings,
    webhooks: WebhookSettings,
    metrics: Metrics,
    readiness: Readiness,
    lifespan: Lifespan,
    stopping: asyncio.Event,
    schemas: Catalogue,
    access: Access,
    administration: Administration,
    documents: DocumentStore,
) -> FastAPI:
    """The bulk API. Its collaborators are started and closed by ``lifespan`` or by whoever made them.

    Args:
        store: Called through ``blocking`` only.
        blocking: Threads for it.
        objects: Where uploads go and results lie.
        bulk: Limits, origins.
        webhooks: Where deliveries may go.
        metrics: Of the process.
        readiness: What ``/readyz`` asks.
        lifespan: Runs around the application.
        stopping: Set when the process is told to stop, before the server waits for its requests to end: streams that
            would go on for as long as their jobs do end then.
        schemas: Those that a job may ask for; the structure workers have the same.
        access: Who may call which route; closed with the application.
        administration: Tenants and keys, called through ``blocking`` only.
        documents: What tenants keep, likewise.
    """
    watches = Watches(store=store, blocking=blocking)
    discards = Discards()
    api = BulkApi(
        store=store,
        blocking=blocking,
        submissions=Submissions(
            Desk(
                store=store,
                blocking=blocking,
                objects=objects,
                json_jobs=JsonJobs(
                    sources=JobSources(objects),
                    max_documents=bulk.max_documents,
                ),
                bulk=bulk,
                webhooks=webhooks,
                schemas=schemas,
                places=Places(bulk.max_submissions, what="requests with jobs", metrics=metrics),
                budget=SpoolBudget(bulk.max_spool_bytes, metrics=metrics),
                discards=discards,
            )
        ),
        uploads=UploadDesk(objects, ttl_s=bulk.url_ttl_s, max_file_bytes=bulk.max_body_bytes),
        watches=watches,
        results=Results(
            store=store,
            blocking=blocking,
            lines=ResultLines(objects, link_ttl_s=bulk.url_ttl_s),
            watches=watches,
        ),
        event_places=Places(bulk.max_event_streams, what="event streams", metrics=metrics),
        result_places=Places(bulk.max_result_streams, what="answers with results", metrics=metrics),
        bulk=bulk,
    )

    @asynccontextmanager
    async def whole_lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app):
            ending = asyncio.create_task(watches.stop_with(stopping))
            try:
                yield
            finally:
                ending.cancel()
                await discards.finish()

    admin = AdminApi(administration=administration, blocking=blocking, timeout_s=bulk.body_timeout_s)
    stored = DocumentsApi(
        store=documents,
        objects=objects,
        blocking=blocking,
        removal=DocumentRemoval(documents=documents, jobs=store, objects=objects, blocking=blocking),
        schemas=schemas,
        timeout_s=bulk.body_timeout_s,
        reads=BoundedReads(objects, max_bytes=RESULTS_BYTES),
    )
    own_components = components()
    app = create_app(
        title="Yomitori bulk",
        version=version("yomitori"),
        description=_DESCRIPTION,
        metrics=metrics,
        readiness=readiness,
        routers=[make_router(api), make_documents_router(stored), make_admin_router(admin)],
        lifespan=whole_lifespan,
        components={**own_components, **document_components(own_components["OcrResult"]), **admin_components()},
        access=access,
    )
    if bulk.cors_origins:
        # Around everything else, so that a page can read refusals and faults as well.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=bulk.cors_origins,
            allow_methods=("GET", "POST", "PATCH", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                "Last-Event-ID",
                IDEMPOTENCY_HEADER,
                KEY_HEADER,
                REQUEST_ID_HEADER,
            ),
            expose_headers=("Location", "Retry-After", REPLAYED_HEADER, REQUEST_ID_HEADER),
        )
    return app
