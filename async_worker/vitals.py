"""HTTP beside other roles on one event loop: the API's application, or health and metrics alone."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI

from ocr_core.service import Readiness, create_app
from ocr_core.service.access import Access
from ocr_core.service.serve import KEEP_ALIVE_S
from ocr_core.telemetry import Metrics

_DESCRIPTION = "Health and metrics of a process of the bulk road. Internal."


class HttpRole:
    """``Role`` that serves an application until it is told to stop."""

    def __init__(self, app: FastAPI, *, host: str, port: int, shutdown_grace_s: float) -> None:
        """Store what to serve.

        Args:
            app: The application.
            host: Where to listen.
            port: Where to listen.
            shutdown_grace_s: How long requests may go on after ``stop``.
        """
        self._server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=math.ceil(shutdown_grace_s),
            )
        )

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``. A port that is taken ends the process."""
        serving = asyncio.create_task(self._server.serve())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._server.should_exit = True
            await serving
        finally:
            stopping.cancel()


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers: those belong to the process, which has other roles as well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def make_vitals_app(*, metrics: Metrics, readiness: Readiness, access: Access) -> FastAPI:
    """``/healthz``, ``/readyz`` and ``/metrics`` of a process without the API."""
    return create_app(
        title="Yomitori bulk worker",
        version=version("yomitori"),
        description=_DESCRIPTION,
        metrics=metrics,
        readiness=readiness,
        routers=[],
        lifespan=no_lifespan,
        access=access,
    )


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """For an application whose collaborators belong to the process."""
    yield
