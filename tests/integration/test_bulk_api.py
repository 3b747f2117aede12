"""The bulk API by HTTP: jobs in as JSON, their state, cancel, redrive, presigned uploads, and every refusal."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO, SchemaName
from ocr_core.settings import BulkSettings
from tests.support.bulk_api import SOURCES, TENANT, WEBHOOKS, ApiHouse, ServedApi
from tests.support.job_stores import new_job, send

SOME_ID = "job_0f8fad5bd9cb469fa16570867728950e"


@pytest.fixture
def api(api_house: ApiHouse) -> ServedApi:
    return api_house.serve()


def problem(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    return str(answer.json()["detail"])


class TestAJobAsJson:
    def test_it_is_stored_as_it_was_sent(self, api_house: ApiHouse) -> None:
        api = api_house.serve(webhooks=WEBHOOKS)
        body = {
            "documents": [{"source": "s3://inbox/a/b.pdf", "reference": "請求 1"}, {"source": "s3://inbox/c.pdf"}],
            "schema": "invoice,receipt",
            "formats": ["markdown", "json", "text"],
            "webhook_url": "https://hooks.example/ocr",
            "priority": "low",
        }
        answer = api.client.post("/v1/jobs", json=body)
        assert answer.status_code == 202
        told = answer.json()
        assert answer.headers["location"] == f"/v1/jobs/{told['id']}"
        assert "idempotent-replayed" not in answer.headers
        assert told["documents"] == {"total": 2, "queued": 2, "done": 0, "failed": 0, "cancelled": 0}
        assert (told["status"], told["priority"], told["run"], told["last_sequence"]) == ("queued", "low", 1, 0)
        assert told["finished_at"] is None
        job = api_house.job(told)
        assert job.schemas == (SchemaName("invoice"), SchemaName("receipt"))
        assert job.formats == (OutputFormat.MARKDOWN, OutputFormat.TEXT)
        assert job.webhook_url == "https://hooks.example/ocr"
        api_house.finish()
        rows = api_house.store.results_page(TENANT, job.id, cursor=0, limit=10)
        assert [(row.reference, row.file_name) for row in rows] == [("請求 1", "b.pdf"), (None, "c.pdf")]

    def test_little_is_enough(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api_house.job(api.submit(1))
        assert (job.schemas, job.formats, job.webhook_url) == ((AUTO,), (), None)

    def test_its_state_comes_by_get(self, api_house: ApiHouse) -> None:
        api = api_house.serve(webhooks=WEBHOOKS)
        told = api.submit(2, webhook_url="https://hooks.example/ocr")
        assert api.client.get(f"/v1/jobs/{told['id']}").json() == {**told, "webhooks": []}
        api_house.finish(1)
        assert api.client.get(f"/v1/jobs/{told['id']}").json()["status"] == "running"
        api_house.finish()
        state = api.client.get(f"/v1/jobs/{told['id']}").json()
        assert (state["status"], state["documents"]["done"], state["last_sequence"]) == ("done", 2, 2)
        assert state["finished_at"].endswith("Z")
        (delivery,) = state["webhooks"]
        assert (delivery["run"], delivery["status"], delivery["attempts"]) == (1, "pending", 0)
        assert delivery["last_error"] is None

    def test_a_source_may_be_ones_own_upload(self, api_house: ApiHouse, api: ServedApi) -> None:
        own = f"s3://{api_house.bucket.name}/bulk/uploads/{TENANT}/up_1"
        assert api.client.post("/v1/jobs", json={"documents": [{"source": own}]}).status_code == 202


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is not JSON"),
        (b'"\xff"', "the body is not JSON"),
        (b"[]", "a JSON body is an object like"),
        (b"{}", "documents: a list of at least one document"),
        (b'{"documents": []}', "documents: a list of at least one document"),
        ({"documents": {}}, "documents: a list of at least one document"),
        ({"documents": [*SOURCES, {}]}, "documents[3].source: Field required"),
        ({"documents": [*SOURCES, "s3://inbox/a"]}, "documents[3]: Input should be"),
        ({"documents": [{"source": 1}]}, "documents[0].source: Input should be a valid string"),
        ({"documents": [{"source": "s3://inbox/a", "reference": 7}]}, "documents[0].reference: Input should be"),
        ({"documents": [{"source": "s3://inbox/a", "ref": "x"}]}, "documents[0].ref is not known"),
        ({"documents": [*SOURCES, {"source": "file:///etc/passwd"}]}, "documents[3]: parameter 'source' is an address"),
        ({"documents": [{"source": "s3://inbox/../x"}, {}]}, "documents[0]: parameter 'source': the key holds"),
        ({"documents": [{"source": "s3://inbox/a", "reference": "x" * 1001}]}, "documents[0].reference: String"),
        (
            b'{"documents": [{"source": "s3://inbox/a", "reference": "\\u0000"}]}',
            "documents[0]: a document's reference",
        ),
        (b'{"documents": [{"source": "s3://inbox/a", "reference": "\\ud800"}]}', "the body is not JSON"),
        ({"documents": SOURCES, "schema": "poem"}, "schema: there is no 'poem'; there are auto, none, invoice, other,"),
        ({"documents": SOURCES, "schema": "auto,none"}, "'auto' and 'none' stand alone"),
        ({"documents": SOURCES, "schema": ["invoice"]}, "schema: Input should be a string like"),
        ({"documents": SOURCES, "schema": ""}, "schema: a schema's name is up to"),
        ({"documents": SOURCES, "formats": "text"}, "formats: Input should be"),
        ({"documents": SOURCES, "formats": ["text", "text"]}, "names a format twice"),
        ({"documents": SOURCES, "formats": ["hologram"]}, "formats[0]: Input should be"),
        ({"documents": SOURCES, "priority": "high"}, "priority: Input should be"),
        ({"documents": SOURCES, "pages": "1-3"}, "pages is not known"),
        ({"documents": SOURCES, "webhook_url": "ftp://hooks.example/"}, "webhook_url is not an https address"),
        ({"documents": SOURCES, "webhook_url": "s3://yomitori/results/x"}, "webhook_url is not an https address"),
    ],
)
def test_a_body_that_is_off_is_told_so(
    refusing_house: ApiHouse, refusing_api: ServedApi, body: bytes | dict[str, Any], told: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = refusing_api.client.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert told in problem(answer, 400, "invalid_request")
    assert send(refusing_house.store) == []


class TestRefusals:
    @pytest.mark.parametrize(
        "source",
        [
            "s3://secrets/a.pdf",
            "s3://archive/a.pdf",
            "s3://archive/invoices-2/a.pdf",
            "s3://{bucket}/bulk/uploads/globex/up_1",
            "s3://{bucket}/bulk/uploads/acme-2/up_1",
            "s3://{bucket}/bulk/results/acme/x.json",
            "s3://{bucket}/elsewhere/a.pdf",
        ],
    )
    def test_sources_are_ones_own_or_allowed(
        self, refusing_house: ApiHouse, refusing_api: ServedApi, source: str
    ) -> None:
        documents = [*SOURCES, {"source": source.format(bucket=refusing_house.bucket.name)}, *SOURCES]
        answer = refusing_api.client.post("/v1/jobs", json={"documents": documents})
        assert problem(answer, 403, "forbidden").startswith("documents[3]: ")
        assert send(refusing_house.store) == []

    def test_too_many_documents(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(max_documents=2))
        assert "max_documents" in problem(
            api.client.post("/v1/jobs", json={"documents": SOURCES}), 413, "document_too_large"
        )

    @pytest.mark.parametrize("announced", [True, False])
    def test_too_long_a_body(self, api_house: ApiHouse, announced: bool) -> None:
        api = api_house.serve(BulkSettings(max_json_bytes=100))
        content = json.dumps({"documents": SOURCES}).encode()
        body: Any = content if announced else iter([content[:50], content[50:]])
        answer = api.client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        assert "100 bytes" in problem(answer, 413, "document_too_large")

    def test_other_kinds_of_body(self, refusing_api: ServedApi) -> None:
        assert "Content-Type" in problem(refusing_api.client.post("/v1/jobs", content=b"x"), 400, "invalid_request")
        packed = refusing_api.client.post("/v1/jobs", json={"documents": SOURCES}, headers={"Content-Encoding": "gzip"})
        assert "Content-Encoding" in problem(packed, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        ("method", "path", "told"),
        [
            ("POST", "/v1/jobs?schema=invoice", "'schema' is not known"),
            ("POST", "/v1/uploads?count=3", "'count' is not known"),
            ("GET", f"/v1/jobs/{SOME_ID}?full=1", "'full' is not known"),
            ("DELETE", f"/v1/jobs/{SOME_ID}?force=1", "'force' is not known"),
            ("POST", f"/v1/jobs/{SOME_ID}/redrive?all=1", "'all' is not known"),
            ("GET", f"/v1/jobs/{SOME_ID}/events?cursor=1", "'cursor' is not known"),
            ("GET", f"/v1/jobs/{SOME_ID}/results?limit=1", "'limit' is not known; known are cursor, follow"),
            ("GET", f"/v1/jobs/{SOME_ID}/results?cursor=1&cursor=2", "'cursor' comes more than once"),
            ("GET", f"/v1/jobs/{SOME_ID}/results?follow=yes", "'follow': true or false"),
        ],
    )
    def test_parameters_that_are_not_known(self, refusing_api: ServedApi, method: str, path: str, told: str) -> None:
        assert told in problem(refusing_api.client.request(method, path), 400, "invalid_request")

    def test_a_webhook_without_a_secret_to_sign_it_with(self, api: ServedApi) -> None:
        body = {"documents": SOURCES, "webhook_url": "https://hooks.example/ocr"}
        assert "no secret" in problem(api.client.post("/v1/jobs", json=body), 400, "invalid_request")

    def test_the_database_is_down(self, api_house: ApiHouse) -> None:
        class Down:
            """A store whose database does not answer."""

            def __getattr__(self, name: str) -> Any:
                from ocr_core.contracts.errors import NotReady

                def call(*_args: object, **_kwargs: object) -> None:
                    raise NotReady("the job database does not answer")

                return call

        api = api_house.serve(store=Down())
        answer = api.client.post("/v1/jobs", json={"documents": SOURCES})
        problem(answer, 503, "not_ready")
        assert int(answer.headers["retry-after"]) >= 1


class TestOtherTenants:
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/redrive"), ("GET", "/events"), ("GET", "/results")]
    )
    def test_their_jobs_are_not_found(self, api_house: ApiHouse, api: ServedApi, method: str, path: str) -> None:
        theirs = api_house.store.create_job(new_job(tenant="globex")).job
        for job_id in (theirs.id, SOME_ID, "job_x", "%00", "a" * 300):
            problem(api.client.request(method, f"/v1/jobs/{job_id}{path}"), 404, "not_found")
        assert api_house.store.get_job("globex", theirs.id) == theirs


class TestCancelAndRedrive:
    def test_cancel(self, api_house: ApiHouse, api: ServedApi) -> None:
        told = api.submit(3)
        api_house.finish(1)
        answer = api.client.delete(f"/v1/jobs/{told['id']}")
        assert answer.status_code == 200
        assert answer.json()["status"] == "cancelled"
        assert answer.json()["documents"] == {"total": 3, "queued": 0, "done": 1, "failed": 0, "cancelled": 2}
        assert api.client.delete(f"/v1/jobs/{told['id']}").json() == answer.json()
        assert len(api.client.get(f"/v1/jobs/{told['id']}/results").text.splitlines()) == 1
        assert "cancelled" in problem(api.client.post(f"/v1/jobs/{told['id']}/redrive"), 400, "invalid_request")

    def test_redrive(self, api_house: ApiHouse, api: ServedApi) -> None:
        told = api.submit(2)
        api_house.fail()
        api_house.finish()
        answer = api.client.post(f"/v1/jobs/{told['id']}/redrive")
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/v1/jobs/{told['id']}"
        assert (answer.json()["run"], answer.json()["status"]) == (2, "queued")
        assert answer.json()["documents"]["queued"] == 1
        api_house.finish()
        lines = [json.loads(line) for line in api.client.get(f"/v1/jobs/{told['id']}/results").text.splitlines()]
        assert [line["status"] for line in lines] == ["failed", "done", "done"]
        assert lines[0]["reference"] == lines[2]["reference"]
        unchanged = api.client.post(f"/v1/jobs/{told['id']}/redrive")
        assert (unchanged.status_code, unchanged.json()["run"]) == (202, 2)


class TestPresignedUploads:
    def test_what_is_put_becomes_a_job(self, api_house: ApiHouse, api: ServedApi) -> None:
        content = b"%PDF-1.7 a document"
        files = [{"file_name": "a.pdf", "size_bytes": len(content)}, {}]
        answer = api.client.post("/v1/uploads", json={"files": files})
        assert answer.status_code == 200
        targets = answer.json()["uploads"]
        assert [target["file_name"] for target in targets] == ["a.pdf", None]
        for target in targets:
            assert (target["method"], target["headers"]) == ("PUT", {})
            put = httpx.put(target["url"], content=content, headers=target["headers"], trust_env=False)
            assert put.status_code == 200
        documents = [{"source": target["source"], "file_name": target["file_name"]} for target in targets]
        told = api.client.post("/v1/jobs", json={"documents": documents})
        assert told.status_code == 202
        for target in targets:
            assert api_house.bucket.get(target["source"].removeprefix(f"s3://{api_house.bucket.name}/")) == content
        api_house.finish()
        lines = [json.loads(line) for line in api.client.get(f"{told.headers['location']}/results").text.splitlines()]
        assert lines[0]["file_name"] == "a.pdf"

    def test_a_size_that_was_named_is_kept_to(self, api_house: ApiHouse, api: ServedApi) -> None:
        answer = api.client.post("/v1/uploads", json={"files": [{"size_bytes": 10.0}]})  # as JavaScript may write it
        (target,) = answer.json()["uploads"]
        put = httpx.put(target["url"], content=b"more than ten bytes", trust_env=False)
        assert put.status_code == 403
        assert api_house.uploads == []

    @pytest.mark.parametrize(
        ("body", "status", "told"),
        [
            (b"", 400, "Invalid JSON"),
            ({}, 400, "files: Field required"),
            ({"files": []}, 400, "files: List should have at least 1"),
            ({"files": [{}] * 1001}, 400, "files: List should have at most 1000"),
            ({"files": [{}, {"size_bytes": 0}]}, 400, "files[1].size_bytes: Input should be"),
            ({"files": [{"size_bytes": "10"}]}, 400, "files[0].size_bytes: Input should be"),
            ({"files": [{"size_bytes": 10.5}]}, 400, "files[0].size_bytes: Input should be"),
            ({"files": [{}], "count": 1}, 400, "count is not known"),
            ({"files": [{}, {"size_bytes": 200_000_001}]}, 413, "files[1]: over the limit of 200000000 bytes"),
        ],
    )
    def test_what_is_off_is_told_so(self, refusing_api: ServedApi, body: Any, status: int, told: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = refusing_api.client.post("/v1/uploads", content=content)
        assert answer.status_code == status
        assert told in answer.json()["detail"]

    def test_a_thousand_at_once(self, refusing_api: ServedApi) -> None:
        targets = refusing_api.client.post("/v1/uploads", json={"files": [{}] * 1000}).json()["uploads"]
        assert len({target["source"] for target in targets}) == 1000


class TestPagesOfOtherOrigins:
    def test_those_that_are_named_may_call(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(cors_origins=("http://127.0.0.1:8000",)))
        asked = {
            "Origin": "http://127.0.0.1:8000",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
        }
        preflight = api.client.options("/v1/jobs", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "http://127.0.0.1:8000"
        assert "idempotency-key" in preflight.headers["access-control-allow-headers"].lower()
        answer = api.client.post("/v1/jobs", json={"documents": SOURCES}, headers={"Origin": asked["Origin"]})
        assert "Location" in answer.headers["access-control-expose-headers"]
        refusal = api.client.post("/v1/jobs", json={}, headers={"Origin": asked["Origin"]})
        assert refusal.headers["access-control-allow-origin"] == "http://127.0.0.1:8000"
        assert api.client.options("/v1/jobs", headers={**asked, "Origin": "http://evil.example"}).status_code == 400

    def test_by_default_none_may(self, api: ServedApi) -> None:
        answer = api.client.post("/v1/jobs", json={"documents": SOURCES}, headers={"Origin": "http://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
