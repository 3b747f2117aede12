"""The bulk API with keys on, by HTTP: administration, tenants apart, quotas, revoking, the audit log."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.job_store import upgrade
from ocr_core.contracts.access import HouseTenant, KnownKey, Scope
from ocr_core.contracts.errors import NotReady
from ocr_core.service import access
from ocr_core.service.opening_access import open_access
from ocr_core.settings import AccessSettings, BulkSettings
from ocr_core.telemetry import JsonFormatter, Metrics
from tests.support.access import add_key, add_tenant, bearer
from tests.support.bulk_api import ApiHouse, ServedApi
from tests.support.waiting import wait_until

ACCESS = AccessSettings().model_copy(update={"keys": True, "cache_s": 0.05})
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the tests' own
JOB = {"documents": [{"source": "s3://inbox/1.pdf"}, {"source": "s3://inbox/2.pdf"}]}


@pytest.fixture
def api(api_house: ApiHouse) -> ServedApi:
    add_tenant(api_house.accounts, "acme")
    add_tenant(api_house.accounts, "globex", source_prefixes=("inbox",))
    return api_house.serve(access=ACCESS)


@pytest.fixture
def admin(api_house: ApiHouse, api: ServedApi) -> Iterator[httpx.Client]:
    key = add_key(api_house.accounts, "acme", Scope.ADMIN)
    with httpx.Client(base_url=f"{api.url}/v1/admin", headers=bearer(key), trust_env=False, timeout=30.0) as client:
        yield client


@pytest.fixture(scope="module")
def refusing_admin(refusing_house: ApiHouse) -> Iterator[httpx.Client]:
    """For requests that change nothing: one API for all of them, over SQLite."""
    add_tenant(refusing_house.accounts, "acme")
    key = add_key(refusing_house.accounts, "acme", Scope.ADMIN)
    url = f"{refusing_house.serve(access=ACCESS).url}/v1/admin"
    with httpx.Client(base_url=url, headers=bearer(key), trust_env=False, timeout=30.0) as client:
        yield client


def shown(tenant: dict[str, Any]) -> tuple[int | None, int | None, bool]:
    return tenant["requests_per_minute"], tenant["open_documents"], tenant["has_webhook_secret"]


def problem(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return str(answer.json()["detail"])


class TestAdministration:
    def test_a_tenant_with_a_key_can_work(self, api: ServedApi, admin: httpx.Client) -> None:
        policy = {
            "requests_per_minute": 60,
            "concurrent_requests": None,
            "open_documents": 5,
            "retention_days": 7,
            "source_prefixes": ["inbox"],
        }
        made = admin.post("/tenants", json={"name": "initech", **policy, "webhook_secret": SECRET})
        assert made.status_code == 201, made.text
        assert {name: made.json()[name] for name in policy} == policy
        assert made.json()["has_webhook_secret"] is True
        assert SECRET not in made.text
        assert admin.get("/tenants/initech").json() == made.json()
        key = admin.post("/tenants/initech/keys", json={"name": "ERP", "scopes": ["bulk"]})
        assert key.status_code == 201
        assert key.headers["Cache-Control"] == "no-store"
        answer = api.client.post("/v1/jobs", json=JOB, headers=bearer(key.json()["key"]))
        assert answer.status_code == 202
        listed = admin.get("/tenants/initech/keys")
        assert [one["id"] for one in listed.json()["keys"]] == [key.json()["id"]]
        assert key.json()["key"] not in listed.text
        assert [one["name"] for one in admin.get("/tenants").json()["tenants"]] == ["acme", "globex", "initech"]
        assert [one["name"] for one in admin.get("/tenants?after=acme").json()["tenants"]] == ["globex", "initech"]

    def test_what_is_left_out_of_a_change_stays(self, admin: httpx.Client) -> None:
        admin.post("/tenants", json={"name": "initech", "open_documents": 5, "webhook_secret": SECRET})
        changed = admin.patch("/tenants/initech", json={"requests_per_minute": 9}).json()
        assert (changed["requests_per_minute"], changed["open_documents"], changed["has_webhook_secret"]) == (
            9,
            5,
            True,
        )
        changed = admin.patch("/tenants/initech", json={"open_documents": None, "webhook_secret": None}).json()
        assert (changed["requests_per_minute"], changed["open_documents"], changed["has_webhook_secret"]) == (
            9,
            None,
            False,
        )

    @pytest.mark.parametrize(
        ("method", "path", "body", "told"),
        [
            ("POST", "/tenants", b"{", "Invalid JSON"),
            ("POST", "/tenants", {}, "name: Field required"),
            ("POST", "/tenants", {"name": "../x"}, "name: "),
            ("POST", "/tenants", {"name": "acme"}, "already"),
            ("POST", "/tenants", {"name": "x", "open_documents": 0}, "open_documents"),
            ("POST", "/tenants", {"name": "x", "open_documents": "5"}, "open_documents"),
            ("POST", "/tenants", {"name": "x", "source_prefixes": ["a/../b"]}, "source_prefixes"),
            ("POST", "/tenants", {"name": "x", "webhook_secret": "short"}, "webhook_secret"),
            ("PATCH", "/tenants/acme", {"name": "y"}, "name is not known"),
            ("PATCH", "/tenants/acme?force=1", {}, "'force' is not known"),
            ("POST", "/tenants/acme/keys", {"name": "n", "scopes": []}, "scopes"),
            ("POST", "/tenants/acme/keys", {"name": "n", "scopes": ["root"]}, "scopes"),
            ("POST", "/tenants/acme/keys", {"name": "", "scopes": ["bulk"]}, "name"),
            (
                "POST",
                "/tenants/acme/keys",
                {"name": "n", "scopes": ["bulk"], "expires_at": "2026-01-01T00:00:00"},
                "expires_at",
            ),
            (
                "POST",
                "/tenants/acme/keys",
                {"name": "n", "scopes": ["bulk"], "expires_at": "9999-12-31T23:59:59-12:00"},
                "expires_at",
            ),
            *[
                ("POST", "/tenants/acme/keys", {"name": "n", "scopes": ["bulk"], "expires_at": moment}, "expires_at")
                for moment in (0, 1_893_456_000, "0", "1893456000", "-1.5")  # seconds of an epoch are no moment to JSON
            ],
            ("GET", "/audit?tenant=%00", None, "'tenant'"),
            ("GET", "/tenants?after=%00", None, "'after'"),
            ("GET", "/audit?limit=0", None, "'limit'"),
            ("GET", "/audit?limit=9999", None, "limit"),
            ("GET", "/audit?before=x", None, "'before'"),
        ],
    )
    def test_what_is_off_is_told(
        self, refusing_admin: httpx.Client, method: str, path: str, body: dict[str, Any] | bytes | None, told: str
    ) -> None:
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        assert told in problem(refusing_admin.request(method, path, content=content), 400, "invalid_request")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "/tenants/nobody", None),
            ("GET", "/tenants/%2e%2e", None),
            ("PATCH", "/tenants/nobody", {}),
            ("DELETE", "/tenants/nobody", None),
            ("GET", "/tenants/nobody/keys", None),
            ("POST", "/tenants/nobody/keys", {"name": "n", "scopes": ["bulk"]}),
            ("DELETE", "/tenants/acme/keys/0000000000000000", None),
            ("DELETE", "/tenants/acme/keys/x", None),
        ],
    )
    def test_what_is_not_there_is_not_found(
        self, refusing_admin: httpx.Client, method: str, path: str, body: dict[str, Any] | None
    ) -> None:
        problem(refusing_admin.request(method, path, json=body), 404, "not_found")

    def test_a_key_is_revoked_through_its_own_tenant(
        self, api_house: ApiHouse, api: ServedApi, admin: httpx.Client
    ) -> None:
        key = add_key(api_house.accounts, "globex", Scope.BULK)
        key_id = key.split("_")[1]
        assert api.client.post("/v1/jobs", json=JOB, headers=bearer(key)).status_code == 202
        problem(admin.delete(f"/tenants/acme/keys/{key_id}"), 404, "not_found")
        assert admin.delete(f"/tenants/globex/keys/{key_id}").json()["revoked_at"] is not None

        def is_dead() -> bool:
            return api.client.post("/v1/jobs", json=JOB, headers=bearer(key)).status_code == 401

        wait_until(is_dead, "the end of the key")
        assert "revoked" in problem(api.client.post("/v1/jobs", json=JOB, headers=bearer(key)), 401, "unauthenticated")

    def test_a_key_ends_when_it_was_said_to(self, api: ServedApi, admin: httpx.Client) -> None:
        moments = {
            "past": (datetime.now(UTC) - timedelta(seconds=1)).isoformat(),
            "future": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        keys = {
            name: admin.post(
                "/tenants/globex/keys", json={"name": name, "scopes": ["bulk"], "expires_at": moment}
            ).json()["key"]
            for name, moment in moments.items()
        }
        answer = api.client.post("/v1/jobs", json=JOB, headers=bearer(keys["past"]))
        assert "expired" in problem(answer, 401, "unauthenticated")
        assert api.client.post("/v1/jobs", json=JOB, headers=bearer(keys["future"])).status_code == 202


class TestTenantsApart:
    def test_the_same_idempotency_key_of_two_tenants_is_two(self, api_house: ApiHouse, api: ServedApi) -> None:
        add_tenant(api_house.accounts, "initech", source_prefixes=("inbox",))
        jobs = [
            api.client.post(
                "/v1/jobs",
                json=JOB,
                headers={**bearer(add_key(api_house.accounts, tenant)), "Idempotency-Key": "the-same"},
            ).json()["id"]
            for tenant in ("globex", "initech")
        ]
        assert jobs[0] != jobs[1]

    def test_uploads_are_ones_own(self, api_house: ApiHouse, api: ServedApi) -> None:
        ours, theirs = (bearer(add_key(api_house.accounts, tenant)) for tenant in ("acme", "globex"))
        target = api.client.post("/v1/uploads", json={"files": [{}]}, headers=theirs).json()["uploads"][0]
        assert "/uploads/globex/" in target["source"]
        body = {"documents": [{"source": target["source"]}]}
        problem(api.client.post("/v1/jobs", json=body, headers=ours), 403, "forbidden")
        assert api.client.post("/v1/jobs", json=body, headers=theirs).status_code == 202
        form = [("file", ("a.pdf", b"x", "application/pdf"))]
        made = api.client.post("/v1/jobs", files=form, headers=ours).json()
        assert [key for key in api_house.uploads if made["id"] in key] == [f"bulk/uploads/acme/{made['id']}/0"]

    def test_streams_are_ones_own(self, api_house: ApiHouse, api: ServedApi) -> None:
        ours, theirs = (bearer(add_key(api_house.accounts, tenant)) for tenant in ("acme", "globex"))
        job = api.client.post("/v1/jobs", json=JOB, headers=theirs).json()["id"]
        api_house.finish()
        for path in (f"/v1/jobs/{job}/results?follow=true", f"/v1/jobs/{job}/events", f"/v1/jobs/{job}"):
            problem(api.client.get(path, headers=ours), 404, "not_found")
            assert api.client.get(path, headers=theirs).status_code == 200

    def test_a_webhook_is_signed_by_ones_own_secret_or_not_taken(self, api_house: ApiHouse, api: ServedApi) -> None:
        add_tenant(api_house.accounts, "initech", source_prefixes=("inbox",), webhook_secret=SECRET)
        body = {**JOB, "webhook_url": "https://hooks.example/x"}
        for tenant, status in (("globex", 400), ("initech", 202)):
            answer = api.client.post("/v1/jobs", json=body, headers=bearer(add_key(api_house.accounts, tenant)))
            assert answer.status_code == status, answer.text


class TestOpenDocuments:
    def test_more_than_may_be_open_are_refused(self, api_house: ApiHouse, api: ServedApi) -> None:
        add_tenant(api_house.accounts, "globex", source_prefixes=("inbox",), open_documents=3)
        key = bearer(add_key(api_house.accounts, "globex"))
        first = api.client.post("/v1/jobs", json=JOB, headers=key)
        assert first.status_code == 202
        refused = api.client.post("/v1/jobs", json=JOB, headers=key)
        assert "quota of 3 (open_documents)" in problem(refused, 429, "quota_exceeded")
        assert int(refused.headers["Retry-After"]) >= 1
        api_house.finish()
        assert api.client.post("/v1/jobs", json=JOB, headers=key).status_code == 202

    def test_a_form_that_is_refused_leaves_nothing_behind(self, api_house: ApiHouse, api: ServedApi) -> None:
        add_tenant(api_house.accounts, "globex", open_documents=1)
        key = bearer(add_key(api_house.accounts, "globex"))
        form = [("file", (f"{n}.pdf", b"x", "application/pdf")) for n in range(2)]
        problem(api.client.post("/v1/jobs", files=form, headers=key), 429, "quota_exceeded")
        wait_until(lambda: api_house.uploads == [], "the uploads' end")


class TestTheAuditLog:
    def test_refusals_and_changes_stand_in_it_and_cannot_flood_it(
        self, api_house: ApiHouse, api: ServedApi, admin: httpx.Client
    ) -> None:
        key = add_key(api_house.accounts, "globex", Scope.SYNC)
        wrong = f"{key.rpartition('_')[0]}_{'0' * 48}"
        for _ in range(5):
            problem(api.client.post("/v1/uploads", headers=bearer(wrong)), 401, "unauthenticated")
        problem(api.client.post("/v1/uploads", headers=bearer(key)), 403, "forbidden")
        problem(api.client.post("/v1/uploads"), 401, "unauthenticated")

        def lines() -> list[dict[str, Any]]:
            return list(admin.get("/audit?tenant=globex").json()["events"])

        wait_until(lambda: len([one for one in lines() if one["action"] == "key.refused"]) == 2, "the two lines")
        refused = {one["details"]["reason"]: one for one in lines() if one["action"] == "key.refused"}
        assert refused.keys() == {"wrong_secret", "scope"}
        assert refused["scope"]["key_id"] == key.split("_")[1]
        assert refused["scope"]["details"]["route"] == "/v1/uploads"
        assert refused["scope"]["request_id"].startswith("req_")
        created = admin.post("/tenants/globex/keys", json={"name": "n", "scopes": ["bulk"]}).json()
        newest = admin.get("/audit?limit=1").json()
        assert newest["events"][0]["action"] == "key.created"
        assert newest["events"][0]["key_id"] == created["id"]
        assert newest["events"][0]["actor_key_id"] == admin.headers["Authorization"].split("_")[1]
        older = admin.get(f"/audit?limit=500&before={newest['next_before']}").json()
        assert older["next_before"] is None
        assert created["key"] not in admin.get("/audit").text
        assert (
            'ocr_access_refusals_total{reason="wrong_secret"} 5.0'
            in api.client.get("/metrics", headers=dict(admin.headers)).text
        )

    def test_the_log_has_the_same_and_whose_each_request_was(
        self, api_house: ApiHouse, api: ServedApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = add_key(api_house.accounts, "globex", Scope.BULK)
        with caplog.at_level(logging.INFO):
            api.client.post("/v1/jobs", json=JOB, headers=bearer(key))
            api.client.post("/v1/jobs", json=JOB, headers=bearer(f"{key.rpartition('_')[0]}_{'0' * 48}"))
            wait_until(lambda: "audit.key.refused" in written(caplog), "the line")
        text = written(caplog)
        assert key not in text
        answered = [json.loads(line) for line in text.splitlines() if '"request.answered"' in line]
        assert (answered[0]["tenant"], answered[0]["key_id"]) == ("globex", key.split("_")[1])
        assert answered[1]["refused"] == "wrong_secret"

    def test_when_a_key_was_used_last_is_shown(self, api_house: ApiHouse, api: ServedApi, admin: httpx.Client) -> None:
        key = add_key(api_house.accounts, "globex", Scope.BULK)
        assert admin.get("/tenants/globex/keys").json()["keys"][0]["last_used_at"] is None
        api.client.post("/v1/uploads", json={"files": [{}]}, headers=bearer(key))
        wait_until(lambda: admin.get("/tenants/globex/keys").json()["keys"][0]["last_used_at"] is not None, "the note")


def written(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(JsonFormatter(service="t").format(record) for record in list(caplog.records))


def test_known_keys_outlive_a_database_that_is_away(api_house: ApiHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs need the database too; addresses for uploads do not."""
    is_down = False
    real = SqlAccessStore.find_key

    def find_key(store: SqlAccessStore, key_id: str) -> KnownKey | None:
        if is_down:
            raise NotReady("the job database does not answer")
        return real(store, key_id)

    monkeypatch.setattr(SqlAccessStore, "find_key", find_key)
    add_tenant(api_house.accounts, "acme")
    known, unknown = (add_key(api_house.accounts, "acme") for _ in range(2))
    api = api_house.serve(access=ACCESS)

    def upload(key: str) -> httpx.Response:
        return api.client.post("/v1/uploads", json={"files": [{}]}, headers=bearer(key))

    assert upload(known).status_code == 200
    is_down = True
    for _ in range(3):
        assert upload(known).status_code == 200
        answer = upload(unknown)
        problem(answer, 503, "not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
    is_down = False
    assert upload(unknown).status_code == 200


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_a_service_stays_ready_while_known_keys_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    upgrade(url)
    is_down, goes_on = False, threading.Event()
    real = SqlAccessStore.check
    monkeypatch.setattr(access, "CHECK_PATIENCE_S", 5.0)

    def check(store: SqlAccessStore) -> None:
        if is_down and how == "hangs":
            goes_on.wait(60)
        elif is_down:
            raise NotReady("the job database does not answer")
        real(store)

    monkeypatch.setattr(SqlAccessStore, "check", check)

    def gate(outage_s: float) -> access.Access:
        settings = ACCESS.model_copy(update={"outage_s": outage_s})
        return open_access(settings, database_url=url, house=HouseTenant(name="default"), metrics=Metrics())

    patient, strict, fresh = gate(60.0), gate(0.0), gate(60.0)
    for each in (patient, strict):
        await each.check()
    is_down = True
    monkeypatch.setattr(access, "CHECK_PATIENCE_S", 0.05)
    for _ in range(3):
        await patient.check()
    for each in (strict, fresh):  # one that lets nobody in is not ready, nor one that has never been
        with pytest.raises(NotReady):
            await each.check()
    is_down = False
    goes_on.set()
    for each in (patient, strict, fresh):
        each.close()


def test_a_page_of_another_origin_may_send_its_key(api_house: ApiHouse) -> None:
    origin = "http://127.0.0.1:8000"
    api = api_house.serve(BulkSettings().model_copy(update={"cors_origins": (origin,)}), access=ACCESS)
    asked = api.client.options(
        "/v1/jobs",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-api-key",
        },
    )
    assert asked.status_code == 200
    refused = api.client.post("/v1/jobs", headers={"Origin": origin})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, origin)
