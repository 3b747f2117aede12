"""Makes a service's FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ocr_core.contracts.errors import Forbidden, InternalError, MethodNotAllowed, NotFound, NotReady
from ocr_core.service import openapi
from ocr_core.service.access import Access
from ocr_core.service.context import context_of
from ocr_core.service.declarations import check_declared, declaration_of, for_scrapers, open_to_all
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
    access: Access | None = None,
) -> FastAPI:
    """An application with the parts that every service has, around ``routers``.

    Args:
        title: Of its documentation.
        version: Likewise.
        description: Likewise.
        metrics: Of the process.
        readiness: What ``/readyz`` asks.
        routers: The service's own routes.
        lifespan: Runs around the application.
        components: Schemas that the documentation refers to.
        access: Who may call which route; every one must then declare it, or the application does not start. Null: an
            internal service, which checks no keys and stands where only the house itself reaches it.
    """
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        lifespan=lifespan if access is None else _guarded(lifespan, access),
        dependencies=[] if access is None else [Depends(_guard(access))],
        docs_url=None,  # the interactive pages load scripts from a public network
        redoc_url=None,
        redirect_slashes=False,
        # Spans are ours (ocr_core/tracing.py). FastAPI's own, and its log records, carry exceptions' messages.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        responses=problem_responses(NotFound, MethodNotAllowed, InternalError),
    )
    app.add_middleware(TelemetryMiddleware, metrics=metrics, internal=access is None)
    readiness.report_to(metrics)
    add_problem_handlers(app)
    app.include_router(_operations(metrics, readiness))
    for router in routers:
        app.include_router(router)
    openapi.install(app, components=components, access=access)
    return app


def _guard(access: Access) -> Callable[[Request], Awaitable[None]]:
    """Runs before every route: what a route needs of its caller is asked here, and nowhere else."""

    async def guard(request: Request) -> None:
        declared = declaration_of(request.scope["route"])
        if declared is None:  # the application did not go through its lifespan, or the route came later
            raise Forbidden("this route does not say who may call it, so nobody may")
        if declared.is_open:
            return
        context = context_of(request)
        context.caller = await access.admit(request, declared)
        if context.caller is not None and context.caller.key_id is not None:
            context.facts |= {"tenant": context.caller.tenant, "key_id": context.caller.key_id}

    return guard


def _guarded(lifespan: Lifespan, access: Access) -> Lifespan:
    """The same, refusing to start with a route that declares nothing."""

    @asynccontextmanager
    async def guarded(app: FastAPI) -> AsyncIterator[None]:
        check_declared(app.routes)
        async with lifespan(app):
            try:
                yield
            finally:
                access.close()

    return guarded


def _operations(metrics: Metrics, readiness: Readiness) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Whether the process lives")
    @open_to_all
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        summary="Whether models are warm and dependencies answer",
        responses=problem_responses(NotReady),
        response_class=JSONResponse,
    )
    @open_to_all
    async def readyz() -> dict[str, str | list[str]]:
        return {"status": "ready", "checked": await readiness.check()}

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses={
            200: {
                "description": "OpenMetrics, with exemplars, where `Accept` asks for it; else Prometheus' text format.",
                "content": {
                    "text/plain": {"schema": {"type": "string"}},
                    "application/openmetrics-text": {"schema": {"type": "string"}},
                },
            }
        },
    )
    @for_scrapers
    async def exposition(request: Request) -> Response:
        content, content_type = metrics.exposition_for(request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": content_type})

    return router
