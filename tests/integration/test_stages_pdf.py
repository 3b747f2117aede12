"""Searchable PDFs through the stage workers: page images wait beside the readings, and go with them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from async_worker import leftovers
from async_worker.object_keys import page_images_key
from local_stack.aws import AwsServer
from ocr_core.contracts.jobs import DocumentStatus, Job, ResultRow
from ocr_core.contracts.queues import QueueName
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import NONE
from ocr_core.settings import PdfSettings
from tests.support.documents import png
from tests.support.pdf_reading import check_sound, pixels, texts, without_space
from tests.support.stage_house import FAST, DigitModels, StageHouse, pages_pdf, stage_house, until

PDF = (OutputFormat.PDF,)


@pytest.fixture
async def house(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[StageHouse]:
    async with stage_house(aws_server, tmp_path) as opened:
        yield opened


async def stored_pdf(house: StageHouse, row: ResultRow) -> bytes:
    """By its link in the result."""
    link = (await house.result(row))["links"]["pdf"]
    assert link == house.objects.uri((row.result_key or "").removesuffix("json") + "pdf")
    return await house.objects.get(link.removeprefix(house.objects.uri("x")[:-1]), max_bytes=1 << 24)


async def read_only(house: StageHouse, job: Job, **settings: int) -> list[str]:
    """Have a job's documents read and not structured; what lies beside and with the readings."""
    async with house.working(house.reader(**settings)):

        async def is_read() -> bool:
            return any(key.endswith(".msgpack") for key in await house.keys("readings/")) and not (
                await house.messages_left(QueueName.READ)
            )

        await until(is_read, f"the readings of {job.id}")
    return await house.keys("readings/")


async def test_a_document_becomes_a_pdf_with_its_text_and_image(house: StageHouse) -> None:
    job = await house.submit(png("Invoice", "Total 1,980"), formats=(OutputFormat.PDF, OutputFormat.TEXT), schema=NONE)
    async with house.working(house.reader(), house.structurer()):
        (row,) = await house.ended(job)

        async def is_tidy() -> bool:
            return not await house.keys("readings/")

        await until(is_tidy, "the end of readings and page images")
    content = await stored_pdf(house, row)
    check_sound(content)
    result = await house.result(row)
    assert set(result["links"]) == {"pdf", "text"}
    assert without_space("".join(texts(content))) == without_space(result["text"]) != ""
    assert (pixels(content) < 128).any()


async def test_a_long_document_is_put_together_from_its_ranges(house: StageHouse) -> None:
    wanted = [f"page {number}" for number in range(1, 8)]
    job = await house.submit(pages_pdf(wanted, broken=[3, 6, 7]), formats=PDF, schema=NONE)
    # The third range has no readable page at all.
    readers = [house.reader(range_pages=2), house.reader(range_pages=2)]
    async with house.working(*readers, house.structurer()):
        (row,) = await house.ended(job)
    content = await stored_pdf(house, row)
    check_sound(content)
    pages = (await house.result(row))["pages"]
    for page, text in zip(pages, texts(content), strict=True):
        if "error" in page:
            assert text.startswith(f"Page {page['number']} could not be read")
        else:
            assert without_space(text) == without_space("".join(line["text"] for line in page["lines"]))
    assert [page["number"] for page in pages if "error" in page] == [3, 6, 7]


async def test_pages_that_no_format_shows_are_not_kept(house: StageHouse) -> None:
    job = await house.submit(png("Invoice"), formats=(OutputFormat.HOCR,), schema=NONE)
    (key,) = await read_only(house, job)
    assert key.endswith(".msgpack")


async def test_page_images_lie_where_leftovers_are_looked_for(house: StageHouse) -> None:
    job = await house.submit(png("Invoice"), formats=PDF, schema=NONE)
    keys = await read_only(house, job)
    assert [key.rsplit(".")[-1] for key in sorted(keys)] == ["msgpack", "pages"]
    assert all(leftovers._READING.fullmatch(key) for key in keys)


async def test_missing_page_images_fail_their_document_as_a_missing_reading_does(house: StageHouse) -> None:
    job = await house.submit(png("Invoice"), formats=PDF, schema=NONE)
    keys = await read_only(house, job)
    await house.objects.delete(next(key for key in keys if key.endswith(".pages")))
    async with house.working(house.structurer()):
        (row,) = await house.ended(job)

        async def is_tidy() -> bool:
            return not await house.keys("readings/")

        await until(is_tidy, "the end of the reading")
    assert (row.status, row.error_code) == (DocumentStatus.FAILED, "internal_error")
    assert row.error_detail == "the document's page images are no longer there"
    assert house.count("ocr_bulk_attempts_total", stage="structure", outcome="retried") == FAST.max_attempts - 1


async def test_damaged_page_images_fail_their_document(house: StageHouse) -> None:
    job = await house.submit(png("Invoice"), formats=PDF, schema=NONE)
    keys = await read_only(house, job)
    await house.objects.put(
        next(key for key in keys if key.endswith(".pages")), b"YMPG1?", content_type="application/octet-stream"
    )
    async with house.working(house.structurer()):
        (row,) = await house.ended(job)
    assert row.error_code == "internal_error"
    assert "damaged" in (row.error_detail or "")


async def test_a_refused_attempt_takes_its_page_images_with_it(house: StageHouse) -> None:
    assert isinstance(house.models, DigitModels)
    house.models.free.clear()
    job = await house.submit(png("Invoice"), formats=PDF)
    async with house.working(house.reader(lease_s=60)):
        await house.models.asked.wait()
        await house.blocking.run(house.store.cancel, job.tenant, job.id)
        house.models.free.set()

        async def is_lost() -> bool:
            return house.count("ocr_bulk_leases_lost_total", stage="read") == 1

        await until(is_lost, "the refusal")
    assert await house.keys("readings/") == []


async def test_a_second_attempt_uses_its_own_page_images(house: StageHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first attempt dies when its objects are written and the database has heard nothing.
    finish_read, died = house.store.finish_read, []

    def finish(token: str, *, reading_key: str, page_count: int) -> bool:
        if not died:
            died.append(reading_key)
            raise RuntimeError("the process ended here")
        return finish_read(token, reading_key=reading_key, page_count=page_count)

    monkeypatch.setattr(house.store, "finish_read", finish)
    job = await house.submit(png("Invoice"), formats=PDF, schema=NONE)
    async with house.working(house.reader(), house.structurer()):
        (row,) = await house.ended(job)
    content = await stored_pdf(house, row)
    assert without_space("".join(texts(content))) == without_space((await house.result(row))["text"])
    # What the dead attempt wrote is left for the pass over the bucket, its images as its reading.
    assert set(await house.keys("readings/")) == {died[0], page_images_key(died[0])}


async def test_page_images_over_the_limit_fail_their_document(house: StageHouse) -> None:
    house = dataclasses.replace(house, pdf=PdfSettings(max_bulk_document_bytes=100))
    job = await house.submit(png("Invoice"), formats=PDF, schema=NONE)
    async with house.working(house.reader(), house.structurer()):
        (row,) = await house.ended(job)
    assert (row.status, row.error_code) == (DocumentStatus.FAILED, "document_too_large")
    assert row.error_detail == "the page images are over the limit of 100 bytes (max_bulk_document_bytes)"


async def test_a_pdf_over_the_limit_fails_its_document(house: StageHouse) -> None:
    job = await house.submit(png("Invoice"), formats=PDF, schema=NONE)
    keys = await read_only(house, job)
    images = await house.objects.head(next(key for key in keys if key.endswith(".pages")))
    # The images alone would fit.
    house = dataclasses.replace(house, pdf=PdfSettings(max_bulk_document_bytes=images.size_bytes + 100))
    async with house.working(house.structurer()):
        (row,) = await house.ended(job)
    assert (row.status, row.error_code) == (DocumentStatus.FAILED, "document_too_large")
    assert (row.error_detail or "").startswith("the PDF is over the limit of ")
