"""The sync API over the whole stack: three ways to send, parameters, formats, ids, health and metrics."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from pydantic import TypeAdapter

from local_stack.stack import LocalStack
from ocr_core.contracts.result import OcrResult
from tests.support.documents import gif, pdf, png
from tests.support.json_schema import mismatches
from tests.support.object_store import ObjectStore
from tests.support.waiting import wait_until

PATIENT = {"timeout_s": "30"}


def words(answer: httpx.Response) -> str:
    return re.sub(r"\s+", " ", answer.json()["text"])


@pytest.fixture(scope="module")
def invoice(samples: Path) -> bytes:
    return (samples / "invoice_ja.pdf").read_bytes()


class TestWaysToSend:
    def test_multipart(self, api: httpx.Client) -> None:
        answer = api.post("/v1/ocr", params=PATIENT, files={"file": ("収入.png", png("Receipt 20481"), "image/png")})
        assert answer.status_code == 200
        assert "20481" in words(answer)
        assert answer.json()["document"] | {"sha256": ""} == {
            "file_name": "収入.png",
            "media_type": "image/png",
            "page_count": 1,
            "sha256": "",
        }

    def test_raw_body(self, api: httpx.Client) -> None:
        answer = api.post("/v1/ocr", params=PATIENT, content=png("Raw 7731"), headers={"Content-Type": "image/png"})
        assert answer.status_code == 200
        assert "7731" in words(answer)
        assert answer.json()["document"]["file_name"] is None

    def test_the_bytes_decide_what_it_is_and_not_the_content_type(self, api: httpx.Client) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says of --data-binary
        answer = api.post("/v1/ocr", params=PATIENT, content=png("Form 5150"), headers=headers)
        assert answer.status_code == 200
        assert answer.json()["document"]["media_type"] == "image/png"

    def test_an_object_in_storage(self, api: httpx.Client, object_store: ObjectStore) -> None:
        object_store.objects["documents/inbox/2026/scan 1.png"] = png("Stored 90210")
        answer = api.post("/v1/ocr", params=PATIENT, json={"source": "s3://documents/inbox/2026/scan 1.png"})
        assert answer.status_code == 200
        assert "90210" in words(answer)
        assert answer.json()["document"]["file_name"] == "scan 1.png"
        assert "fetch" in answer.json()["timing_ms"]


class TestAnswer:
    def test_it_has_the_shape_that_the_contract_says(self, api: httpx.Client, invoice: bytes) -> None:
        answer = api.post("/v1/ocr", params=PATIENT, content=invoice)
        result = TypeAdapter(OcrResult).validate_json(answer.content)
        assert result.document_type == "invoice"
        assert result.request_id == answer.headers["X-Request-Id"]
        assert {name: version.partition("-")[0] for name, version in result.models.items()} == {
            "text_detection": "1",
            "text_recognition": "1",
        }

    def test_it_is_what_the_served_document_says_and_nothing_more(self, api: httpx.Client, invoice: bytes) -> None:
        document = api.get("/openapi.json").json()
        of_answer = document["paths"]["/v1/ocr"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        for schema in ("auto", "none", "invoice,receipt"):
            answer = api.post("/v1/ocr", params={**PATIENT, "schema": schema}, content=invoice)
            assert mismatches(answer.json(), of_answer, document) == []

    def test_the_total_covers_every_stage(self, api: httpx.Client, invoice: bytes) -> None:
        answer = api.post("/v1/ocr", params=PATIENT, content=invoice)
        timing = answer.json()["timing_ms"]
        assert timing.keys() >= {"wait", "open", "detect", "recognise", "structure", "total"}
        assert timing["total"] >= timing["structure"] > 0
        assert answer.headers["Server-Timing"].startswith("wait;dur=")

    @pytest.mark.parametrize(
        ("wanted", "content_type"),
        [
            ("text", "text/plain; charset=utf-8"),
            ("markdown", "text/markdown; charset=utf-8"),
            ("hocr", "text/html; charset=utf-8"),
            ("alto", "application/xml"),
        ],
    )
    def test_other_formats(self, api: httpx.Client, invoice: bytes, wanted: str, content_type: str) -> None:
        answer = api.post("/v1/ocr", params={**PATIENT, "format": wanted}, content=invoice)
        assert answer.headers["Content-Type"] == content_type
        assert "請求書" in answer.text

    @pytest.mark.parametrize("wanted", ["json", "text", "markdown", "hocr", "alto", "pdf"])
    def test_a_header_names_the_warnings_whatever_the_format(self, api: httpx.Client, wanted: str) -> None:
        params = {**PATIENT, "format": wanted}
        answer = api.post("/v1/ocr", params=params, content=gif("Moving 4711", "Moving 4712"))
        assert answer.headers["Yomitori-Warnings"] == "animation_first_frame"
        assert "Yomitori-Warnings" not in api.post("/v1/ocr", params=params, content=png("Still 4711")).headers

    def test_selected_pages(self, api: httpx.Client) -> None:
        document = pdf([[f"Page number {number}00"] for number in range(1, 5)])
        answer = api.post("/v1/ocr", params={**PATIENT, "pages": "2,4"}, content=document)
        assert [page["number"] for page in answer.json()["pages"]] == [2, 4]
        assert answer.json()["document"]["page_count"] == 4

    def test_lines_only(self, api: httpx.Client, invoice: bytes) -> None:
        answer = api.post("/v1/ocr", params={**PATIENT, "schema": "none"}, content=invoice).json()
        assert answer["fields"] is None
        assert answer["document_type"] is None
        assert answer["pages"][0]["lines"]

    def test_several_schemas(self, api: httpx.Client, invoice: bytes) -> None:
        answer = api.post("/v1/ocr", params={**PATIENT, "schema": "invoice,receipt"}, content=invoice).json()
        assert answer["fields"] is None
        assert answer["schemas"].keys() == {"invoice", "receipt"}

    def test_the_schemas_that_may_be_named(self, api: httpx.Client) -> None:
        document = api.get("/openapi.json").json()
        of_answer = document["paths"]["/v1/schemas"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        listed = api.get("/v1/schemas").json()
        assert mismatches(listed, of_answer, document) == []
        assert [schema["name"] for schema in listed["schemas"]] == ["invoice", "other", "receipt"]
        assert listed["schemas"][0]["fields"]["due_date"] == {"type": "date", "source": "due_date", "required": False}

    def test_fields_below_the_wanted_confidence_are_null(self, api: httpx.Client, invoice: bytes) -> None:
        def fields(min_confidence: str) -> dict[str, object]:
            answer = api.post("/v1/ocr", params={**PATIENT, "min_confidence": min_confidence}, content=invoice)
            found: dict[str, object] = answer.json()["fields"]
            return found

        everything, nothing = fields("0"), fields("1")
        assert everything["total_amount"] is not None
        assert everything["bank_accounts"]
        # No product of probabilities is 1: not a single one passes.
        assert nothing == dict.fromkeys(everything)


class TestRequestId:
    def test_the_callers_own_comes_back(self, api: httpx.Client) -> None:
        answer = api.post("/v1/ocr", headers={"X-Request-Id": "order-17:retry.2"}, content=b"nothing")
        assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == "order-17:retry.2"

    @pytest.mark.parametrize("untrusted", ["", "a b", "x" * 300, 'quo"te', "<script>"])
    def test_one_that_does_not_belong_in_a_log_is_replaced(self, api: httpx.Client, untrusted: str) -> None:
        answer = api.get("/healthz", headers={"X-Request-Id": untrusted})
        assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["X-Request-Id"])

    def test_it_reaches_the_text_side(self, api: httpx.Client, running_stack: LocalStack) -> None:
        api.post("/v1/ocr", params=PATIENT, headers={"X-Request-Id": "follow-me-1"}, content=png("Follow"))
        lines = running_stack.services["postprocess"].lines
        wait_until(lambda: any("follow-me-1" in line for line in list(lines)), "the text side's log line")
        line = next(line for line in lines if "follow-me-1" in line)
        assert json.loads(line)["route"] == "/v1/structure"


class TestOperations:
    def test_alive_and_ready(self, api: httpx.Client) -> None:
        assert api.get("/healthz").json() == {"status": "ok"}
        assert api.get("/readyz").json()["checked"] == ["models", "postprocess", "file opener"]

    def test_metrics_count_requests_stages_and_pages(self, api: httpx.Client) -> None:
        api.post("/v1/ocr", params=PATIENT, content=png("Count me"))
        api.post("/v1/ocr", content=b"not a document")
        exposition = api.get("/metrics")
        assert exposition.headers["Content-Type"].startswith("text/plain")
        for expected in (
            'ocr_requests_total{code="",method="POST",route="/v1/ocr",status="200"}',
            'ocr_requests_total{code="unsupported_media_type",method="POST",route="/v1/ocr",status="415"}',
            'ocr_request_duration_seconds_count{route="/v1/ocr"}',
            'ocr_stage_duration_seconds_count{stage="recognise"}',
            'ocr_pages_total{outcome="read"}',
            "ocr_documents_in_flight 0.0",
            "ocr_admission_refusals_total",
            'ocr_admission_outcomes_total{outcome="admitted"}',
            "ocr_admission_wait_seconds 0.0",
            "ocr_admission_page_seconds",
        ):
            assert expected in exposition.text

    def test_logs_are_json_and_hold_no_document_text(
        self, api: httpx.Client, running_stack: LocalStack, invoice: bytes
    ) -> None:
        answer = api.post("/v1/ocr", params=PATIENT, files={"file": ("秘密の名前.pdf", invoice)}).json()
        texts = {line["text"] for page in answer["pages"] for line in page["lines"] if len(line["text"]) > 4}
        texts |= {"秘密の名前"}
        assert texts
        for name in ("preprocess", "postprocess"):
            lines = running_stack.services[name].lines
            wait_until(lambda: any(answer["request_id"] in line for line in list(lines)), f"{name}'s log line")  # noqa: B023
            for line in list(lines):
                json.loads(line)
                assert not [text for text in texts if text in line]
