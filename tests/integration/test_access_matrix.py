"""Every route of both public APIs × every wrong key. A new route has to be told here, or a test fails.

The applications run inside the test, over a real database with real keys; models, text side and object storage are not
there, as whoever has no right never gets so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from async_worker.api.app import make_app as make_bulk_app
from async_worker.blocking import Blocking
from async_worker.vitals import make_vitals_app, no_lifespan
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.access import HouseTenant, Scope, make_key
from ocr_core.service import Readiness
from ocr_core.service.access import KEY_HEADER
from ocr_core.service.declarations import DeclaredRoute, declared_routes
from ocr_core.service.opening_access import open_access
from ocr_core.settings import (
    AccessSettings,
    BulkSettings,
    DocumentSettings,
    FileOpenerSettings,
    LimitSettings,
    ObjectStoreSettings,
    PageSettings,
    PdfSettings,
    PreprocessSettings,
    StorageSettings,
    TritonSettings,
    WebhookSettings,
)
from ocr_core.telemetry import Metrics
from postprocess_svc.schemas import shipped_schemas
from preprocess_svc.main import make_app as make_sync_app
from tests.support.access import TEST, add_key, add_tenant, bearer
from tests.support.job_stores import new_job
from tests.support.stored_documents import new_document

OURS, THEIRS, LEAVING, GONE = "acme", "globex", "hooli", "umbrella"
METRICS_TOKEN = "a-scrapers-own-token"  # noqa: S105 - of this test
ACCESS = AccessSettings().model_copy(update={"keys": True, "cache_s": 0.001, "metrics_token": SecretStr(METRICS_TOKEN)})
NO_DATABASE = "sqlite:///nowhere.sqlite3"

OPEN = {
    ("sync", "/"),
    ("sync", "/page/{digest}/{name}"),
    ("sync", "/healthz"),
    ("sync", "/readyz"),
    ("sync", "/openapi.json"),
    ("bulk", "/healthz"),
    ("bulk", "/readyz"),
    ("bulk", "/openapi.json"),
    ("worker", "/healthz"),
    ("worker", "/readyz"),
    ("worker", "/openapi.json"),
}
"""All that answer whoever asks. They tell nothing of anybody."""

NAMES_NOTHING = {
    ("sync", "POST", "/v1/ocr"): "names sources by its body: tests/integration/test_sync_access.py",
    ("sync", "GET", "/v1/schemas"): "the house's own, the same for everybody",
    ("bulk", "POST", "/v1/jobs"): "names sources by its body: test_no_job_reads_another_tenants_upload",
    ("bulk", "POST", "/v1/uploads"): "gives addresses below the caller's own prefix: test_uploads_are_ones_own",
    ("bulk", "GET", "/v1/documents"): "lists the caller's own: test_each_tenant_lists_its_own_documents",
    ("bulk", "GET", "/v1/admin/tenants"): "of the whole house, for administrators",
    ("bulk", "POST", "/v1/admin/tenants"): "likewise",
    ("bulk", "GET", "/v1/admin/audit"): "likewise",
    **{(app, "GET", "/metrics"): "of the process" for app in ("sync", "bulk", "worker")},
}
"""Routes whose path names nothing that could be another tenant's, and why that is well."""


def make_apps(
    database_url: str,
    store: SqlJobStore,
    accounts: SqlAccessStore,
    documents: SqlDocumentStore,
    blocking: Blocking,
) -> dict[str, FastAPI]:
    bulk = BulkSettings().model_copy(update={"database_url": _secret(database_url)})
    house = HouseTenant(name="default")

    def access(metrics: Metrics) -> Any:
        return open_access(ACCESS, database_url=database_url, house=house, metrics=metrics)

    metrics = Metrics()
    return {
        "sync": make_sync_app(
            settings=PreprocessSettings(),
            limits=LimitSettings(),
            triton=TritonSettings(),
            file_opener=FileOpenerSettings(),
            storage=StorageSettings(),
            pdf=PdfSettings(),
            page=PageSettings(),
            access=ACCESS,
            bulk=bulk,
            objects=ObjectStoreSettings(),
            documents=DocumentSettings(),
        ),
        "bulk": make_bulk_app(
            store=store,
            blocking=blocking,
            objects=S3ObjectStore(ObjectStoreSettings(), StorageSettings()),
            bulk=bulk,
            webhooks=WebhookSettings(),
            metrics=metrics,
            readiness=Readiness(),
            lifespan=no_lifespan,
            stopping=asyncio.Event(),
            schemas=shipped_schemas(),
            access=access(metrics),
            administration=accounts,
            documents=documents,
        ),
        "worker": make_vitals_app(metrics=Metrics(), readiness=Readiness(), access=access(Metrics())),
    }


def _secret(text: str) -> SecretStr:
    return SecretStr(text)


def _routes() -> list[tuple[str, DeclaredRoute, str]]:
    """Every route and method of every application, for the parameters of the tests."""
    with (
        Blocking(threads=1) as blocking,
        SqlAccessStore(NO_DATABASE) as accounts,
        SqlJobStore(NO_DATABASE) as store,
        SqlDocumentStore(NO_DATABASE) as documents,
    ):
        apps = make_apps(NO_DATABASE, store, accounts, documents, blocking)
    return [
        (name, route, method)
        for name, app in apps.items()
        for route in declared_routes(app.routes)
        for method in sorted(route.methods - {"HEAD"}) or ["GET"]
    ]


ALL = _routes()
GUARDED = [each for each in ALL if each[1].declaration is None or not each[1].declaration.is_open]


def _id(each: object) -> str | None:
    return getattr(each, "path", None) or (each if isinstance(each, str) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two tenants, what the other one has, keys of every kind; and of two that are no more, the keys."""

    apps: dict[str, FastAPI]
    accounts: SqlAccessStore
    their_job: str
    their_key_id: str
    their_document: str
    leaving_key: str
    """Of a tenant that is being deleted."""
    gone_key: str
    """Of one that has been."""

    def path(self, route: DeclaredRoute) -> str:
        """The route's path with what is the other tenant's in it; a parameter that is not known here fails."""
        return route.path.format(
            job_id=self.their_job, tenant=THEIRS, key_id=self.their_key_id, document_id=self.their_document, number=1
        )

    async def send(
        self, app: str, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.apps[app])
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers=headers, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    url = f"sqlite:///{tmp_path_factory.mktemp('access') / 'jobs.sqlite3'}"
    upgrade(url)
    with (
        Blocking(threads=4) as blocking,
        SqlAccessStore(url) as accounts,
        SqlJobStore(url) as store,
        SqlDocumentStore(url) as documents,
    ):
        for tenant in (OURS, THEIRS):
            add_tenant(accounts, tenant)
        theirs = add_key(accounts, THEIRS)
        once_good = {}
        for tenant in (LEAVING, GONE):
            add_tenant(accounts, tenant)
            once_good[tenant] = add_key(accounts, tenant)
            accounts.begin_deletion(tenant, by=TEST)
        assert accounts.end_deletion(GONE)
        kept = documents.keep(new_document(THEIRS))
        assert kept is not None
        yield World(
            apps=make_apps(url, store, accounts, documents, blocking),
            accounts=accounts,
            their_job=store.create_job(new_job(tenant=THEIRS)).job.id,
            their_key_id=theirs.split("_")[1],
            their_document=kept.id,
            leaving_key=once_good[LEAVING],
            gone_key=once_good[GONE],
        )


def test_every_route_says_who_may_call_it_and_is_guarded() -> None:
    assert [route.path for _, route, _ in ALL if route.declaration is None] == []
    assert [route.path for _, route, _ in GUARDED if not route.is_guarded] == []


def test_only_these_are_open() -> None:
    assert {(app, route.path) for app, route, _ in ALL if (app, route, _) not in GUARDED} == OPEN


WRONG: dict[str, Callable[[World], str]] = {
    "garbage": lambda _: "let me in",
    "unknown": lambda _: make_key()[0],
    "wrong secret": lambda world: f"{add_key(world.accounts, OURS).rpartition('_')[0]}_{'0' * 48}",
    "revoked": lambda world: add_key(world.accounts, OURS, revoked=True),
    "expired": lambda world: add_key(world.accounts, OURS, expires_in_s=-1.0),
    "tenant being deleted": lambda world: world.leaving_key,
    "tenant deleted": lambda world: world.gone_key,
    "a scraper's token": lambda _: METRICS_TOKEN,
}
"""Keys that are none, or are none any more."""

NO_KEY: dict[str, Callable[[World], dict[str, str]]] = {
    "none": lambda _: {},
    "another scheme": lambda _: {"Authorization": "Basic YTpi"},
    "two that differ": lambda world: {**bearer(add_key(world.accounts, THEIRS)), KEY_HEADER: add_key(world.accounts)},
    "a good one and a scraper's token": lambda world: {
        **bearer(METRICS_TOKEN),
        KEY_HEADER: add_key(world.accounts, THEIRS),
    },
    **{f"{kind} as bearer": lambda world, make=make: bearer(make(world)) for kind, make in WRONG.items()},
    **{f"{kind} in {KEY_HEADER}": lambda world, make=make: {KEY_HEADER: make(world)} for kind, make in WRONG.items()},
}
"""Headers that let nobody in."""


@pytest.mark.parametrize("kind", NO_KEY)
@pytest.mark.parametrize(("app", "route", "method"), GUARDED, ids=_id)
async def test_no_route_answers_a_wrong_key(
    world: World, app: str, route: DeclaredRoute, method: str, kind: str
) -> None:
    answer = await world.send(app, method, world.path(route), NO_KEY[kind](world))
    if route.path == "/metrics" and kind.startswith("a scraper's token"):
        assert answer.status_code == 200  # its own: else that it opens nothing else would prove nothing
        return
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("app", "route", "method"), GUARDED, ids=_id)
async def test_no_route_answers_a_key_for_other_things(
    world: World, app: str, route: DeclaredRoute, method: str
) -> None:
    assert route.declaration is not None
    others = frozenset(Scope) - route.declaration.scopes
    answer = await world.send(app, method, world.path(route), bearer(add_key(world.accounts, OURS, *others)))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert any(scope in answer.json()["detail"] for scope in route.declaration.scopes)


@pytest.mark.parametrize(("app", "route", "method"), GUARDED, ids=_id)
async def test_no_route_gives_what_is_another_tenants(
    world: World, app: str, route: DeclaredRoute, method: str
) -> None:
    """With a key of ours that is good for everything but administration, which is the whole house's."""
    key = bearer(add_key(world.accounts, OURS, Scope.SYNC, Scope.BULK))
    if (app, method, route.path) in NAMES_NOTHING:
        assert "{" not in route.path
        return
    answer = await world.send(app, method, world.path(route), key)
    expected = (403, "forbidden") if "/admin/" in route.path else (404, "not_found")
    assert (answer.status_code, answer.json()["code"]) == expected


@pytest.mark.parametrize(("app", "route", "method"), GUARDED, ids=_id)
async def test_a_good_key_gets_further(world: World, app: str, route: DeclaredRoute, method: str) -> None:
    """Else the refusals above would prove nothing; what it then lacks is a parameter, or a service behind."""
    path = f"{world.path(route)}?nonsense=1"
    key = add_key(world.accounts, THEIRS)
    for headers in (bearer(key), {KEY_HEADER: key}, {**bearer(key), KEY_HEADER: key}):
        answer = await world.send(app, method, path, headers)
        assert answer.status_code not in {401, 403}, answer.text


async def test_no_job_reads_another_tenants_upload(world: World) -> None:
    key = bearer(add_key(world.accounts, OURS, Scope.BULK))
    for area in ("uploads", "readings", "results", "documents", "exports", "remembered"):
        body = {"documents": [{"source": f"s3://yomitori/{area}/{THEIRS}/up_1"}]}
        answer = await world.send("bulk", "POST", "/v1/jobs", key, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_each_tenant_lists_its_own_documents(world: World) -> None:
    ours = bearer(add_key(world.accounts, OURS, Scope.SYNC))
    assert (await world.send("bulk", "GET", "/v1/documents", ours)).json() == {"documents": [], "next_cursor": None}
    theirs = (await world.send("bulk", "GET", "/v1/documents", bearer(add_key(world.accounts, THEIRS)))).json()
    assert [document["id"] for document in theirs["documents"]] == [world.their_document]


async def test_each_tenant_has_an_allow_list_of_its_own(world: World) -> None:
    body = {"documents": [{"source": "s3://inbox/a.pdf"}]}
    add_tenant(world.accounts, "initech", source_prefixes=("inbox",))
    for tenant, status in (("initech", 202), (OURS, 403)):
        answer = await world.send("bulk", "POST", "/v1/jobs", bearer(add_key(world.accounts, tenant)), json=body)
        assert answer.status_code == status


@pytest.mark.parametrize("app", ["sync", "bulk", "worker"])
async def test_metrics_are_for_administrators(world: World, app: str) -> None:
    answer = await world.send(app, "GET", "/metrics", bearer(add_key(world.accounts, OURS, Scope.ADMIN)))
    assert answer.status_code == 200
    assert "ocr_requests_total" in answer.text


@pytest.fixture
def scraped(tmp_path: Path) -> dict[str, FastAPI]:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    upgrade(url)
    settings = {
        "token": {"metrics_token": _secret(METRICS_TOKEN)},
        "open": {"metrics_open": True},
    }
    apps = {}
    for name, changes in settings.items():
        metrics = Metrics()
        access = open_access(
            ACCESS.model_copy(update=changes), database_url=url, house=HouseTenant(name="default"), metrics=metrics
        )
        apps[name] = make_vitals_app(metrics=metrics, readiness=Readiness(), access=access)
    return apps


async def test_a_scraper_has_a_token_of_its_own_or_needs_none(scraped: dict[str, FastAPI]) -> None:
    async def status(app: FastAPI, headers: dict[str, str]) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return (await client.get("/metrics", headers=headers)).status_code

    assert await status(scraped["token"], bearer(METRICS_TOKEN)) == 200
    assert await status(scraped["token"], bearer(METRICS_TOKEN + "x")) == 401
    assert await status(scraped["token"], {}) == 401
    assert await status(scraped["open"], {}) == 200
