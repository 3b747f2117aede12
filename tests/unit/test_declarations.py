"""Routes say who may call them; one that does not is open to nobody, and keeps the service from starting."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from ocr_core.contracts.access import HouseTenant, Scope
from ocr_core.service import Readiness, caller_of, create_app, needs, open_to_all
from ocr_core.service.access import NoKeys
from ocr_core.service.declarations import UndeclaredRoute, check_declared
from ocr_core.telemetry import Metrics
from tests.unit.test_service import get, no_lifespan


class Locked(NoKeys):
    """Lets everybody in as well, and says that it asks for keys."""

    wants_keys: ClassVar[bool] = True


def make_app(router: APIRouter, access: type[NoKeys] = NoKeys) -> FastAPI:
    return create_app(
        title="t",
        version="1",
        description="d",
        metrics=Metrics(),
        readiness=Readiness(),
        routers=[router],
        lifespan=no_lifespan,
        access=access(HouseTenant(name="acme")),
    )


@pytest.fixture
def router() -> APIRouter:
    made = APIRouter()

    @made.get("/bulk")
    @needs(Scope.BULK)
    async def bulk(request: Request) -> str:
        return caller_of(request).tenant

    @made.get("/admin")
    @needs(Scope.ADMIN)
    async def admin(request: Request) -> str:
        return caller_of(request).tenant

    @made.get("/open")
    @open_to_all
    async def for_anybody() -> str:
        return "anybody"

    return made


async def test_an_application_whose_routes_all_say_so_starts(router: APIRouter) -> None:
    app = make_app(router)
    async with app.router.lifespan_context(app):
        assert (await get(app, "/bulk")).json() == "acme"
        assert (await get(app, "/open")).json() == "anybody"


async def test_one_silent_route_keeps_it_from_starting_and_is_closed_meanwhile(router: APIRouter) -> None:
    @router.get("/forgotten")
    async def forgotten() -> str:
        return "secret"

    app = make_app(router)
    with pytest.raises(UndeclaredRoute, match="/forgotten"):
        async with app.router.lifespan_context(app):
            pass
    answer = await get(app, "/forgotten")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_route_that_comes_by_another_way_is_seen_too(router: APIRouter, tmp_path: Path) -> None:
    app = make_app(router)
    app.mount("/files", StaticFiles(directory=tmp_path))
    with pytest.raises(UndeclaredRoute, match="/files"):
        check_declared(app.routes)
    app = make_app(router)
    app.mount("/files", open_to_all(StaticFiles(directory=tmp_path)))
    check_declared(app.routes)

    @needs(Scope.BULK)
    async def plain(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("")

    app.add_route("/plain", plain)  # no dependency runs before it, so what it declares nobody asks for
    with pytest.raises(UndeclaredRoute, match="/plain"):
        check_declared(app.routes)
    within = APIRouter()
    within.add_api_route("/deep", forgotten_endpoint)
    outer = APIRouter(prefix="/outer")
    outer.include_router(within)
    with pytest.raises(UndeclaredRoute, match="/outer/deep"):
        check_declared(make_app(outer).routes)


async def forgotten_endpoint() -> str:
    return ""


async def test_without_keys_everything_is_the_houses_and_nobody_administers(router: APIRouter) -> None:
    app = make_app(router)
    assert (await get(app, "/metrics")).status_code == 200
    answer = await get(app, "/admin")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "OCR_ACCESS_KEYS" in answer.json()["detail"]


async def test_the_documentation_tells_of_keys(router: APIRouter) -> None:
    document = (await get(make_app(router, Locked), "/openapi.json")).json()
    assert document["components"]["securitySchemes"].keys() == {"bearer", "key"}
    assert document["paths"]["/open"]["get"]["security"] == []
    told = document["paths"]["/bulk"]["get"]
    assert told["security"] == [{"bearer": []}, {"key": []}]
    assert {"401", "403", "503"} <= told["responses"].keys()
    assert "`bulk`" in told["description"]


async def test_where_keys_are_off_none_is_asked_for(router: APIRouter) -> None:
    document = (await get(make_app(router), "/openapi.json")).json()
    assert "securitySchemes" not in document["components"]
    told = document["paths"]["/bulk"]["get"]
    assert told["security"] == []
    assert "`bulk`, where keys are on" in told["description"]


async def test_a_refused_method_is_told_all_that_the_resource_takes(router: APIRouter) -> None:
    @router.patch("/bulk")
    @needs(Scope.BULK)
    async def change(request: Request) -> str:
        return caller_of(request).tenant

    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(router)), base_url="http://test") as client:
        answer = await client.delete("/bulk")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PATCH")


def test_a_route_needs_something_or_is_open() -> None:
    with pytest.raises(ValueError, match="open_to_all"):
        needs()
