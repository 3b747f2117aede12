"""Documents through the stage workers: what comes out, how often, and what is left behind."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from async_worker.stages import structure_stage
from local_stack.aws import AwsServer
from ocr_core.contracts.document import Priority
from ocr_core.contracts.jobs import DocumentStatus, ResultRow
from ocr_core.contracts.queues import QueueName
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import NONE, SchemaName
from tests.support.documents import png
from tests.support.stage_house import TENANT, DigitModels, StageHouse, pages_pdf, stage_house, until


@pytest.fixture
async def house(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[StageHouse]:
    async with stage_house(aws_server, tmp_path) as opened:
        yield opened


async def outcome(house: StageHouse, *contents: bytes, copies: int = 1) -> list[ResultRow]:
    job = await house.submit(*contents, schema=NONE)
    async with house.working(house.reader(), house.structurer(), copies=copies):
        return await house.ended(job)


async def nothing_is_left(house: StageHouse) -> None:
    """Neither readings nor messages."""

    async def is_empty() -> bool:
        left = [await house.messages_left(name) for name in (QueueName.READ, QueueName.STRUCTURE)]
        return not any(left) and not await house.keys("readings/")

    await until(is_empty, "the end of readings and messages")


async def test_a_schema_that_has_gone_since_fails_the_document_at_once(house: StageHouse) -> None:
    job = await house.submit(png("Invoice"), schema=SchemaName("gone"))
    async with house.working(house.reader(), house.structurer()):
        (row,) = await house.ended(job)
    assert (row.status, row.error_code) == (DocumentStatus.FAILED, "invalid_request")
    assert "no 'gone'; there are auto, none, invoice" in (row.error_detail or "")
    assert house.count("ocr_bulk_attempts_total", stage="structure", outcome="failed") == 1


async def test_a_document_becomes_a_result_with_its_links(house: StageHouse) -> None:
    job = await house.submit(
        png("Invoice", "Total 1,980"), formats=(OutputFormat.MARKDOWN, OutputFormat.JSON, OutputFormat.ALTO)
    )
    async with house.working(house.reader(), house.structurer()):
        (row,) = await house.ended(job)
        result = await house.result(row)
        assert (result["id"], result["request_id"]) == (row.document_id, job.id)
        assert row.document_id.startswith("doc_")
        (page,) = result["pages"]
        assert re.fullmatch(r"[0-9a-f]+", page["lines"][0]["text"])
        assert result["document"]["file_name"].endswith(".bin")
        assert set(result["links"]) == {"markdown", "alto"}
        link = result["links"]["markdown"]
        assert link == house.objects.uri(row.result_key.removesuffix("json") + "md")  # type: ignore[union-attr]
        assert result["links"]["alto"] == link.removesuffix("md") + "alto.xml"
        markdown = await house.objects.get(link.removeprefix(house.objects.uri("x")[:-1]), max_bytes=1 << 20)
        assert page["lines"][0]["text"] in markdown.decode()
        await nothing_is_left(house)
    assert isinstance(house.models, DigitModels)
    assert house.models.priorities == {Priority.BULK}


async def test_a_result_that_no_line_can_hold_fails_its_document(
    house: StageHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure_stage, "MAX_RESULT_BYTES", 100)
    (row,) = await outcome(house, png("Invoice"))
    assert (row.status, row.error_code) == (DocumentStatus.FAILED, "document_too_large")
    assert row.error_detail == "the result is over the limit of 100 bytes (max_result_bytes)"


async def test_three_deliveries_of_every_message_make_one_result(house: StageHouse) -> None:
    contents = [png(f"document {number}") for number in range(4)]
    rows = await outcome(house, *contents, copies=3)
    assert [row.status for row in rows] == [DocumentStatus.DONE] * 4
    assert len({row.sequence for row in rows}) == 4
    results = [await house.result(row) for row in rows]
    assert len(await house.keys("results/")) == 4
    again = [await house.result(row) for row in await outcome(house, *contents)]
    assert [result["text"] for result in results] == [result["text"] for result in again]
    assert [result["pages"] for result in results] == [result["pages"] for result in again]
    await nothing_is_left(house)
    refused = sum(house.count("ocr_bulk_claims_refused_total", reason=reason) for reason in ("leased", "finished"))
    assert refused >= 8  # two of three, for each of four documents; those of the stages behind it may still come


async def test_a_long_document_is_read_in_ranges(house: StageHouse) -> None:
    texts = [f"page {number}" for number in range(1, 8)]
    job = await house.submit(pages_pdf(texts), schema=NONE)
    async with house.working(house.reader(range_pages=3), house.reader(range_pages=3), house.structurer()):
        (row,) = await house.ended(job)
        result = await house.result(row)
        assert [page["number"] for page in result["pages"]] == list(range(1, 8))
        assert result["document"]["page_count"] == 7
        await nothing_is_left(house)
    assert house.count("ocr_bulk_attempts_total", stage="read", outcome="split") == 1
    assert house.count("ocr_bulk_attempts_total", stage="read_range", outcome="read") == 3
    unsplit = await house.submit(pages_pdf(texts), schema=NONE)
    async with house.working(house.reader(), house.structurer()):
        (row,) = await house.ended(unsplit)
        at_once = await house.result(row)
    assert (at_once["text"], at_once["pages"]) == (result["text"], result["pages"])


async def test_messages_are_small_however_long_the_document(house: StageHouse) -> None:
    job = await house.submit(pages_pdf(["x"] * 120), schema=NONE)
    async with house.working(house.reader(range_pages=2)):

        async def is_split() -> bool:
            return bool(house.count("ocr_bulk_attempts_total", stage="read", outcome="split"))

        await until(is_split, "the split")
    due = await house.blocking.run(house.store.dispatchable, window=1_000, limit=1_000)
    assert all(len(dispatch.message.encode()) < 256 for dispatch in due.dispatches)
    assert (await house.job(job)).counts.queued == 1


async def test_a_range_without_a_readable_page_costs_its_pages_only(house: StageHouse) -> None:
    job = await house.submit(pages_pdf(["one", "two", "three", "four"], broken=[3, 4]), schema=NONE)
    async with house.working(house.reader(range_pages=2), house.structurer()):
        (row,) = await house.ended(job)
        result = await house.result(row)
    assert [page["number"] for page in result["pages"]] == [1, 2, 3, 4]
    assert [page.get("error", {}).get("code") for page in result["pages"]] == [
        None,
        None,
        "unreadable_page",
        "unreadable_page",
    ]


async def test_a_document_of_which_no_range_could_be_read_has_failed(house: StageHouse) -> None:
    job = await house.submit(pages_pdf(["one", "two", "three"], broken=[1, 2, 3]))
    async with house.working(house.reader(range_pages=2), house.structurer()):
        (row,) = await house.ended(job)
        await nothing_is_left(house)
    assert (row.status, row.error_code) == (DocumentStatus.FAILED, "unreadable_document")
    assert (row.error_detail or "").startswith("no page could be read")


async def test_a_document_that_changes_between_its_ranges_has_failed(house: StageHouse) -> None:
    source = await house.put("changing.pdf", pages_pdf(["one", "two", "three"]))
    job = await house.submit_sources(source)
    async with house.working(house.reader(range_pages=2)):

        async def is_split() -> bool:
            return bool(house.count("ocr_bulk_attempts_total", stage="read", outcome="split"))

        await until(is_split, "the split")
        await house.put("changing.pdf", pages_pdf(["one", "two", "three", "four"]))
    # Whichever range was read before it changed: the other one, or the stage behind them, finds out.
    async with house.working(house.reader(range_pages=2), house.structurer()):
        (row,) = await house.ended(job)
    assert row.status is DocumentStatus.FAILED or (await house.result(row))["document"]["page_count"] == 3


async def test_sources_that_cannot_be_read_fail_alone_and_say_why(house: StageHouse) -> None:
    own = "uploads/acme/up_1"
    await house.objects.put(own, png("own upload"), content_type="image/png")
    await house.objects.put("uploads/other/up_2", png("of another tenant"), content_type="image/png")
    job = await house.submit_sources(
        house.documents.uri("never-there.pdf"),
        "s3://elsewhere/secret.pdf",
        house.objects.uri("uploads/other/up_2"),
        house.objects.uri(own),
        house.objects.uri("uploads/acme/up_never"),
        await house.put("text.txt", b"no document at all"),
        await house.put("empty.pdf", b""),
    )
    async with house.working(house.reader(), house.structurer()):
        rows = await house.ended(job)
    assert [row.error_code for row in rows] == [
        "invalid_request",
        "forbidden",
        "forbidden",
        None,
        "invalid_request",
        "unsupported_media_type",
        "unsupported_media_type",
    ]
    assert rows[0].error_detail == rows[4].error_detail == "parameter 'source': there is no such object"
    attempts = house.count("ocr_bulk_attempts_total", stage="read", outcome="failed")
    assert attempts == 6, "nothing of it is worth another attempt"
    assert (await house.job(job)).tenant == TENANT
