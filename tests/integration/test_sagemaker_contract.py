"""SageMaker's container contract, held to the service as its image starts it, over Triton's double."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from local_stack.stack import REPOSITORY_ROOT
from tests.support.aws import free_port
from tests.support.bulk_documents import pdf_document, png_document
from tests.support.sync_house import SyncHouse
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
PING_LIMIT_S = 2.0
"""https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""


def image_command(*arguments: str) -> list[str]:
    """What ``docker run <image> …`` starts, by this interpreter."""
    dockerfile = (REPOSITORY_ROOT / "preprocess_svc" / "Dockerfile").read_text(encoding="utf-8")
    assert "\nCMD " not in dockerfile, "SageMaker's argument replaces it"
    found = re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile, flags=re.MULTILINE)
    (entrypoint,) = (json.loads(each) for each in found)
    assert entrypoint[0] == "python"
    return [sys.executable, *entrypoint[1:], *arguments]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncHouse]:
    port = str(free_port())
    settings = {
        "OCR_SAGEMAKER_TENANT": "acme",
        "OCR_PREPROCESS_HOST": "127.0.0.1",
        "OCR_PREPROCESS_PORT": port,
        "SAGEMAKER_BIND_TO_PORT": port,
        "SAGEMAKER_REGION": "eu-central-1",  # one of those that SageMaker sets and nobody heeds
    }
    folder = tmp_path_factory.mktemp("endpoint")
    with SyncHouse(folder=folder, page_s=0.01, settings=settings, command=image_command("serve")) as house:
        yield house


def invoke(endpoint: SyncHouse, content: bytes, **headers: str) -> httpx.Response:
    named = {ATTRIBUTES if name == "attributes" else name.replace("_", "-"): value for name, value in headers.items()}
    return endpoint.http.post("/invocations", content=content, headers=named)


def test_ping_is_200_and_empty(endpoint: SyncHouse) -> None:
    answer = endpoint.http.get("/ping")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_document_is_read(endpoint: SyncHouse) -> None:
    answer = invoke(endpoint, png_document(1).content, Content_Type="image/png")
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["pages"][0]["lines"]
    # No other header of the answer reaches whoever called InvokeEndpoint.
    assert answer.headers[ATTRIBUTES] == f"request_id={result['request_id']}"


def test_parameters_come_in_the_attributes(endpoint: SyncHouse) -> None:
    document = pdf_document(3, pages=[Mark.PLAIN] * 3).content
    answer = invoke(endpoint, document, attributes="pages=2&schema=none", Content_Type="application/pdf")
    assert [page["number"] for page in answer.json()["pages"]] == [2]
    assert answer.json()["fields"] is None


def test_accept_decides_the_format(endpoint: SyncHouse) -> None:
    answer = invoke(endpoint, png_document(2).content, Accept="application/pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"no document", {}, 415, "unsupported_media_type"),
        (b"", {"attributes": "page=1"}, 400, "invalid_request"),
        (b"", {"Accept": "image/gif"}, 400, "invalid_request"),
        (b'{"source": "s3://theirs/a.pdf"}', {"Content_Type": "application/json"}, 403, "forbidden"),
    ],
)
def test_a_failure_has_the_status_that_a_model_error_passes_on(
    endpoint: SyncHouse, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = invoke(endpoint, content, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_nothing_else_is_served(endpoint: SyncHouse) -> None:
    document = endpoint.http.get("/openapi.json").json()
    assert document["paths"].keys() == {"/ping", "/invocations", "/healthz", "/readyz", "/metrics"}
    for path in ("/", "/v1/schemas"):
        assert endpoint.http.get(path).status_code == 404
    assert endpoint.http.post("/v1/ocr", content=png_document(1).content).status_code == 404


def test_ping_says_within_its_two_seconds_that_a_dependency_is_gone(endpoint: SyncHouse) -> None:
    endpoint.text.pause()
    try:
        asked_s = time.monotonic()
        assert endpoint.http.get("/ping").status_code == 503
        assert time.monotonic() - asked_s < PING_LIMIT_S
    finally:
        endpoint.text.resume()
    wait_until(lambda: endpoint.http.get("/ping").status_code == 200, "the endpoint", patience_s=20.0)


def test_it_ends_by_itself_at_sigterm(endpoint: SyncHouse) -> None:
    assert endpoint.pixels.terminate(patience_s=10.0) == 0
    endpoint.pixels.start()
    wait_until(lambda: _is_up(endpoint), "the endpoint", patience_s=60.0)


def _is_up(endpoint: SyncHouse) -> bool:
    try:
        return endpoint.http.get("/ping").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
