"""``/openapi.json`` tells of every response that the API gives."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi import FastAPI

from ocr_core.contracts.errors import ERRORS_BY_CODE, IdempotencyMismatch, UnreadablePage
from ocr_core.settings import LimitSettings, PreprocessSettings, StorageSettings, TritonSettings
from preprocess_svc.main import make_app
from preprocess_svc.parameters import OcrParameters

PUBLIC_PATHS = {"/v1/ocr", "/healthz", "/readyz", "/metrics"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app(
        settings=PreprocessSettings(), limits=LimitSettings(), triton=TritonSettings(), storage=StorageSettings()
    )


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    return dict(json.loads(json.dumps(app.openapi())))


def test_the_public_paths(document: dict[str, Any]) -> None:
    assert document["paths"].keys() == PUBLIC_PATHS


def test_every_error_of_the_tree_is_documented_where_it_can_come(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/ocr"]["post"]["responses"]
    # An unreadable page takes its place in the result, the request does not fail by it; idempotency keys are for jobs.
    for error in set(ERRORS_BY_CODE.values()) - {UnreadablePage, IdempotencyMismatch}:
        response = responses[str(error.http_status)]
        assert error.code in response["content"]["application/problem+json"]["examples"]


def test_refusals_that_pass_tell_when_to_come_back(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/ocr"]["post"]["responses"]
    assert all("Retry-After" in responses[status]["headers"] for status in ("429", "503"))


def test_every_parameter_is_documented(document: dict[str, Any]) -> None:
    documented = {parameter["name"] for parameter in document["paths"]["/v1/ocr"]["post"]["parameters"]}
    assert documented == {field.alias or name for name, field in OcrParameters.model_fields.items()}


def test_no_reference_leads_nowhere(document: dict[str, Any]) -> None:
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert referred
    assert referred <= document["components"]["schemas"].keys()
