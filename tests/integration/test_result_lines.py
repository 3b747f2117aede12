"""Result lines of a real bucket: one line each, links that open, errors in the sync API's words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from async_worker.result_lines import ResultLines
from local_stack.aws import AwsServer
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.jobs import ATTEMPTS_EXHAUSTED, DocumentStatus, ResultRow
from tests.support.aws import object_settings, storage_settings


@pytest.fixture
async def objects(aws_server: AwsServer) -> AsyncIterator[S3ObjectStore]:
    store = S3ObjectStore(object_settings(prefix="house/"), storage_settings(aws_server))
    await store.start()
    await store.ensure_bucket()
    yield store
    await store.close()


def row(*, key: str | None = None, error: tuple[str, str] = ("", "")) -> ResultRow:
    return ResultRow(
        sequence=7,
        document_id="doc_1",
        run=1,
        position=0,
        reference="請求\n1",
        file_name="a.pdf",
        status=DocumentStatus.DONE if key else DocumentStatus.FAILED,
        result_key=key,
        error_code=error[0] or None,
        error_detail=error[1] or None,
    )


async def store(objects: S3ObjectStore, body: str) -> str:
    await objects.put("results/r.json", body.encode(), content_type="application/json")
    return "results/r.json"


async def read(lines: ResultLines, asked: ResultRow) -> dict[str, Any]:
    line = await lines.line(asked)
    assert b"\n" not in line
    assert b"\r" not in line
    told: dict[str, Any] = json.loads(line)
    return told


async def test_a_result_is_put_into_its_line(objects: S3ObjectStore) -> None:
    key = await store(objects, '{\r\n  "id": "doc_1",\n  "text": "請求書\\n合計"\n}')
    told = await read(ResultLines(objects, link_ttl_s=60), row(key=key))
    assert told == {
        "sequence": 7,
        "document_id": "doc_1",
        "reference": "請求\n1",
        "file_name": "a.pdf",
        "status": "done",
        "result": {"id": "doc_1", "text": "請求書\n合計"},
    }


async def test_links_open_for_callers_and_stay_for_who_has_the_bucket(objects: S3ObjectStore) -> None:
    await objects.put("results/r.md", b"# a", content_type="text/markdown")
    key = await store(objects, json.dumps({"text": "links", "links": {"markdown": objects.uri("results/r.md")}}))
    told = await read(ResultLines(objects, link_ttl_s=60), row(key=key))
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(told["result"]["links"]["markdown"])
    assert (answer.text, answer.headers["content-type"]) == ("# a", "text/markdown; charset=utf-8")
    kept = await read(ResultLines(objects), row(key=key))
    assert kept["result"]["links"] == {"markdown": objects.uri("results/r.md")}


@pytest.mark.parametrize(
    "stored",
    [
        {"text": "links"},
        {"text": 'a, "links'},
        {"text": '"links":{"markdown":"s3://a/b"}}'},
        {'a"links': {"markdown": "s3://a/b"}},
        {"deeper": {"links": {"markdown": "s3://a/b"}}},
        {"text": "x", "links": ["s3://a/b"]},
    ],
)
async def test_what_merely_reads_links_is_left_alone(objects: S3ObjectStore, stored: dict[str, object]) -> None:
    key = await store(objects, json.dumps(stored))
    assert (await read(ResultLines(objects, link_ttl_s=60), row(key=key)))["result"] == stored


@pytest.mark.parametrize(
    ("code", "status"), [("document_too_large", 413), (ATTEMPTS_EXHAUSTED, 500), ("of_tomorrow", 500)]
)
async def test_errors_are_told_in_the_sync_apis_words(objects: S3ObjectStore, code: str, status: int) -> None:
    told = await read(ResultLines(objects), row(error=(code, "why")))
    assert told["status"] == "failed"
    assert (told["error"]["code"], told["error"]["status"], told["error"]["detail"]) == (code, status, "why")
    assert told["error"]["title"]


async def test_a_result_that_is_gone_does_not_hide_the_lines_behind_it(objects: S3ObjectStore) -> None:
    told = await read(ResultLines(objects), row(key="results/never.json"))
    assert (told["status"], told["error"]["code"], told["error"]["status"]) == ("done", "not_found", 404)


async def test_a_result_over_the_limit_does_not_hide_the_lines_behind_it(objects: S3ObjectStore) -> None:
    key = await store(objects, json.dumps({"text": "x" * 100}))
    lines = ResultLines(objects, max_bytes=50)
    told = await read(lines, row(key=key))
    assert (told["status"], told["error"]["code"], told["error"]["status"]) == ("done", "document_too_large", 413)
    assert "50 bytes (max_result_bytes)" in told["error"]["detail"]
    assert await lines.short_line(row(key=key), max_bytes=99) is None
    assert await lines.size_bytes(row(key=key)) == 0, "nothing of it is read"


async def test_the_size_is_known_before_a_result_is_read(objects: S3ObjectStore) -> None:
    key = await store(objects, '{"text":"x"}')
    lines = ResultLines(objects)
    assert await lines.size_bytes(row(key=key)) == 12
    assert await lines.size_bytes(row(key="results/never.json")) == 0
    assert await lines.size_bytes(row(error=("not_found", ""))) == 0
