"""Wires the text side together: settings in, a served application out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from ocr_core import tracing
from ocr_core.service import Readiness, create_app, serve
from ocr_core.settings import (
    ExposureSettings,
    LogSettings,
    PostprocessSettings,
    TracingSettings,
    check_exposure,
    load,
)
from ocr_core.telemetry import Metrics, configure_logging
from postprocess_svc.identity import TextIdentity
from postprocess_svc.making import make_partners, make_pipeline
from postprocess_svc.routes import TextRoad, make_router

_DESCRIPTION = "The text side of Yomitori. Internal: nothing outside the house calls it."


def make_app(settings: PostprocessSettings) -> FastAPI:
    """The internal application.

    Raises:
        SettingsError: a charset, a schema or the table of partners cannot be read.
    """
    metrics = Metrics()
    workers = ThreadPoolExecutor(settings.cpu_threads, thread_name_prefix="text")
    partners = make_partners(settings, metrics)
    pipeline = make_pipeline(settings, partners, metrics)
    identity = TextIdentity(pipeline)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(identity.sha256)  # reads all of the code, once
        yield
        if partners is not None:
            partners.close()
        workers.shutdown(cancel_futures=True)

    road = TextRoad(
        structure=pipeline.answer,
        workers=workers,
        places=asyncio.Semaphore(settings.max_readings),
        max_body_bytes=settings.max_body_bytes,
        metrics=metrics,
        identity=identity.sha256,
        schemas=pipeline.schemas,
    )
    return create_app(
        title="Yomitori, text side",
        version=version("yomitori"),
        description=_DESCRIPTION,
        metrics=metrics,
        readiness=Readiness(),  # the charsets are loaded, and nothing else is needed
        routers=[make_router(road)],
        lifespan=lifespan,
    )


def main() -> None:
    """Read the settings, serve until told to stop."""
    configure_logging("postprocess", load(LogSettings))
    tracing.begin("postprocess", load(TracingSettings))
    settings = load(PostprocessSettings)
    check_exposure(settings.host, load(ExposureSettings))
    serve(make_app(settings), host=settings.host, port=settings.port, shutdown_grace_s=settings.shutdown_grace_s)
