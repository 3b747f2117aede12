"""``/openapi.json`` of the bulk API tells of every response that it gives; what it gives is what is told."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ocr_core.contracts.errors import (
    ERRORS_BY_CODE,
    PasswordRequired,
    UnreadableDocument,
    UnreadablePage,
)
from tests.support.bulk_api import SOURCES, WEBHOOKS, ApiHouse, ServedApi
from tests.support.json_schema import mismatches
from tests.unit.test_formats import RESULT, as_json

PUBLIC = {
    ("/v1/documents", "get"),
    ("/v1/documents/{document_id}", "get"),
    ("/v1/documents/{document_id}", "delete"),
    ("/v1/documents/{document_id}/pages/{number}", "get"),
    ("/v1/documents/{document_id}/corrections", "post"),
    ("/v1/jobs", "post"),
    ("/v1/uploads", "post"),
    ("/v1/jobs/{job_id}", "get"),
    ("/v1/jobs/{job_id}", "delete"),
    ("/v1/jobs/{job_id}/redrive", "post"),
    ("/v1/jobs/{job_id}/events", "get"),
    ("/v1/jobs/{job_id}/results", "get"),
    ("/v1/admin/tenants", "get"),
    ("/v1/admin/tenants", "post"),
    ("/v1/admin/tenants/{tenant}", "get"),
    ("/v1/admin/tenants/{tenant}", "patch"),
    ("/v1/admin/tenants/{tenant}", "delete"),
    ("/v1/admin/tenants/{tenant}/keys", "get"),
    ("/v1/admin/tenants/{tenant}/keys", "post"),
    ("/v1/admin/tenants/{tenant}/keys/{key_id}", "delete"),
    ("/v1/admin/audit", "get"),
    ("/healthz", "get"),
    ("/readyz", "get"),
    ("/metrics", "get"),
}
NOT_OF_REQUESTS = {UnreadableDocument, PasswordRequired, UnreadablePage}
"""Documents end with these, in their result line; no request does."""
JSON = "application/json"


@pytest.fixture(scope="module")
def document(refusing_api: ServedApi) -> dict[str, Any]:
    return dict(refusing_api.client.get("/openapi.json").json())


@pytest.fixture
def api(api_house: ApiHouse) -> ServedApi:
    return api_house.serve(webhooks=WEBHOOKS)


def test_the_public_paths(document: dict[str, Any]) -> None:
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == PUBLIC


def test_every_error_of_the_tree_is_documented_where_it_can_come(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/jobs"]["post"]["responses"]
    for error in set(ERRORS_BY_CODE.values()) - NOT_OF_REQUESTS:
        response = responses[str(error.http_status)]
        assert error.code in response["content"]["application/problem+json"]["examples"]


def test_no_reference_leads_nowhere(document: dict[str, Any]) -> None:
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert referred
    assert referred <= document["components"]["schemas"].keys()


def test_no_framework_s_own_errors_are_promised(document: dict[str, Any]) -> None:
    assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()


def test_refusals_that_pass_tell_when_to_come_back(document: dict[str, Any]) -> None:
    for path, method in PUBLIC:
        responses = document["paths"][path][method]["responses"]
        for status in {"429", "503"} & responses.keys():
            assert "Retry-After" in responses[status]["headers"]


def test_the_examples_are_taken(document: dict[str, Any], api: ServedApi) -> None:
    for path, status in (("/v1/jobs", 202), ("/v1/uploads", 200)):
        body = document["paths"][path]["post"]["requestBody"]["content"][JSON]
        assert mismatches(body["example"], body["schema"], document) == []
        assert api.client.post(path, json=body["example"]).status_code == status


def test_what_is_answered_is_what_is_told(document: dict[str, Any], api_house: ApiHouse, api: ServedApi) -> None:
    def check(answer: Any, path: str, method: str, status: str, media_type: str = JSON) -> None:
        schema = document["paths"][path][method]["responses"][status]["content"][media_type]["schema"]
        assert mismatches(answer, schema, document) == []

    job = api.client.post("/v1/jobs", json={"documents": SOURCES, "webhook_url": "https://hooks.example/ocr"}).json()
    check(job, "/v1/jobs", "post", "202")
    api_house.fail()
    api_house.finish()
    state = api.client.get(f"/v1/jobs/{job['id']}").json()
    assert state["webhooks"]
    check(state, "/v1/jobs/{job_id}", "get", "200")
    check(api.client.delete(f"/v1/jobs/{job['id']}").json(), "/v1/jobs/{job_id}", "delete", "200")
    failed, done, _ = [json.loads(line) for line in api.client.get(f"/v1/jobs/{job['id']}/results").iter_lines()]
    check(failed, "/v1/jobs/{job_id}/results", "get", "200", "application/x-ndjson")
    # The house's documents have results of its own making; a real one stands in for them.
    done["result"] = {**as_json(RESULT), "links": {"markdown": "https://objects.example/…"}}
    check(done, "/v1/jobs/{job_id}/results", "get", "200", "application/x-ndjson")
    check(api.client.post(f"/v1/jobs/{job['id']}/redrive").json(), "/v1/jobs/{job_id}/redrive", "post", "202")
    check(api.client.post("/v1/uploads", json={"files": [{}]}).json(), "/v1/uploads", "post", "200")
