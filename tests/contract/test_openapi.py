"""``/openapi.json`` tells of every response that the API gives."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from ocr_core.contracts.errors import ERRORS_BY_CODE, IdempotencyMismatch, UnreadablePage
from ocr_core.contracts.result import OutputFormat
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
)
from postprocess_svc import formats
from preprocess_svc.main import make_app
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.searchable_pdf import document as searchable_pdf
from tests.support.json_schema import mismatches
from tests.unit.test_formats import RESULT, as_json

RESULT_SCHEMA = {"$ref": "#/components/schemas/OcrResult"}
PUBLIC_PATHS = {"/v1/ocr", "/v1/schemas", "/healthz", "/readyz", "/metrics"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app(
        settings=PreprocessSettings(),
        limits=LimitSettings(),
        triton=TritonSettings(),
        file_opener=FileOpenerSettings(),
        storage=StorageSettings(),
        pdf=PdfSettings(),
        page=PageSettings(),
        access=AccessSettings(),
        bulk=BulkSettings(),
        objects=ObjectStoreSettings(),
        documents=DocumentSettings(),
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


def test_the_headers_of_an_answer_are_documented(document: dict[str, Any]) -> None:
    headers = document["paths"]["/v1/ocr"]["post"]["responses"]["200"]["headers"]
    assert headers.keys() == {
        "X-Request-Id",
        "Server-Timing",
        "Yomitori-Warnings",
        "Yomitori-Document-Id",
        "Content-Disposition",
        "Age",
    }


def test_every_format_is_documented(document: dict[str, Any]) -> None:
    contents = document["paths"]["/v1/ocr"]["post"]["responses"]["200"]["content"]
    told = {wanted: formats.render(RESULT, wanted).content_type.split(";")[0] for wanted in OutputFormat}
    # What the text side writes for it never leaves the house.
    told[OutputFormat.PDF] = searchable_pdf.CONTENT_TYPE
    assert list(contents) == list(told.values())
    assert document["components"]["schemas"]["OutputFormat"]["enum"] == list(OutputFormat)


def test_every_parameter_is_documented(document: dict[str, Any]) -> None:
    documented = {parameter["name"] for parameter in document["paths"]["/v1/ocr"]["post"]["parameters"]}
    assert documented == {field.alias or name for name, field in OcrParameters.model_fields.items()}


def test_no_reference_leads_nowhere(document: dict[str, Any]) -> None:
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert referred
    assert referred <= document["components"]["schemas"].keys()


class TestTheResult:
    """Its schema is what is sent: no property more, none less."""

    @pytest.fixture
    def answer(self) -> dict[str, Any]:
        """One value of every kind, as the text side writes it, with what the pixel side adds."""
        answer: dict[str, Any] = copy.deepcopy(as_json(RESULT))
        answer["timing_ms"]["wait"] = 0.1
        return answer

    def test_it_is_what_is_sent(self, document: dict[str, Any], answer: dict[str, Any]) -> None:
        assert mismatches(answer, RESULT_SCHEMA, document) == []

    def test_every_documented_property_is_sent(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        assert schemas["Line"]["required"] == ["text", "confidence", "quad"] == list(schemas["Line"]["properties"])
        assert schemas["Table"]["required"] == ["quad", "rows"] == list(schemas["Table"]["properties"])
        assert schemas["TableCell"]["required"] == ["text", "quad", "row_span", "column_span"]
        sometimes = {"stored_until", "from_memory"}
        assert schemas["OcrResult"]["properties"].keys() == {*schemas["OcrResult"]["required"], *sometimes}
        sometimes = {"fetch", "keep", "recall"}
        assert schemas["Timing"]["properties"].keys() - set(schemas["Timing"]["required"]) == sometimes

    def test_a_page_may_carry_its_image(self, document: dict[str, Any], answer: dict[str, Any]) -> None:
        image = {"media_type": "image/jpeg", "width_px": 30, "height_px": 40, "data": "AAAA"}
        for page in answer["pages"]:
            page["image"] = image
        assert mismatches(answer, RESULT_SCHEMA, document) == []
        image["media_type"] = "image/tiff"
        assert mismatches(answer, RESULT_SCHEMA, document) != []

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda answer: answer["pages"][0]["lines"][0].update(row=1), "'row' is not documented"),
            (lambda answer: answer["pages"][0]["tables"][0].update(lines=[1]), "'lines' is not documented"),
            (lambda answer: answer["pages"][0]["tables"][0]["rows"][0][0].pop("row_span"), "'row_span' is missing"),
            (lambda answer: answer["timing_ms"].update(guess=1.0), "'guess' is not documented"),
            (lambda answer: answer.pop("warnings"), "'warnings' is missing"),
            (lambda answer: answer["warnings"][0].pop("page"), "'page' is missing"),
            (lambda answer: answer["document"].update(page_count="2"), "is not integer"),
            (lambda answer: answer["pages"][0]["lines"][0]["quad"].pop(), "3 items"),
            (lambda answer: answer.update(document_type="poem"), "enum"),
        ],
    )
    def test_the_check_itself_can_fail(
        self, document: dict[str, Any], answer: dict[str, Any], change: Callable[[dict[str, Any]], object], told: str
    ) -> None:
        change(answer)
        assert told in " ".join(mismatches(answer, RESULT_SCHEMA, document))
