"""Makes a service's FastAPI application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from ocr_core.contracts.errors import InternalError, MethodNotAllowed, NotFound, NotReady
from ocr_core.service import openapi
from ocr_core.service.health import Readiness
from ocr_core.service.middleware import TelemetryMiddleware
from ocr_core.service.openapi import JsonSchema, problem_responses
from ocr_core.service.problems import add_problem_handlers
from ocr_core.telemetry import Metrics

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    title: str,
    version: str,
    description: str,
    metrics: Metrics,
    readiness: Readiness,
    routers: Sequence[APIRouter],
    lifespan: Lifespan,
    components: dict[str, JsonSchema] | None = None,
) -> FastAPI:
    """An application with the parts that every service has, around ``routers``."""
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        lifespan=lifespan,
        docs_url=None,  # the interactive pages load scripts from a public network
        redoc_url=None,
        redirect_slashes=False,
        responses=problem_responses(NotFound, MethodNotAllowed, InternalError),
    )
    app.add_middleware(TelemetryMiddleware, metrics=metrics)
    add_problem_handlers(app)
    app.include_router(_operations(metrics, readiness))
    for router in routers:
        app.include_router(router)
    openapi.install(app, components=components)
    return app


def _operations(metrics: Metrics, readiness: Readiness) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Whether the process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        summary="Whether models are warm and dependencies answer",
        responses=problem_responses(NotReady),
        response_class=JSONResponse,
    )
    async def readyz() -> dict[str, str | list[str]]:
        return {"status": "ready", "checked": await readiness.check()}

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
