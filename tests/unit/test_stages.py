"""The parts of the stage workers that need no server: merging, splitting, limits, patience."""

from __future__ import annotations

import asyncio
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_worker.loops import Backoff
from async_worker.stages.gate import UNANSWERED_AT_MOST, Gate
from async_worker.stages.merging import merge_readings
from async_worker.stages.read_stage import bulk_limits, split_pages
from async_worker.stages.work import insist
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import DocumentInfo, MediaType, OpenLimits
from ocr_core.contracts.errors import NotReady, UnreadableDocument
from ocr_core.contracts.geometry import Box
from ocr_core.contracts.page import Notice, PageError
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import LineReading, PageReading, Reading, StageTiming
from ocr_core.contracts.result import PageResult
from ocr_core.contracts.schema_names import NONE
from ocr_core.service import Readiness
from ocr_core.settings import BulkSettings
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.pipeline import TextPipeline

DOCUMENT = DocumentInfo(file_name="a.pdf", media_type=MediaType.PDF, page_count=4, sha256="a" * 64)
LATIN = Charset.parse(b"a\nb\n")
CYRILLIC = Charset.parse("а\nб\n".encode())


def page(number: int) -> PageReading:
    line = LineReading(
        quad=Box(left=10, top=10, right=90, bottom=30).to_quad(),
        class_ids=np.array([1, 0, 2], np.uint16),
        probabilities=np.full(3, 0.9, np.float32),
        timestep_px=27.0,
        detection_confidence=0.9,
    )
    return PageReading(number=number, width_px=100, height_px=50, dpi=200, rotation_deg=0, skew_deg=0.0, lines=(line,))


def reading(*pages: PageReading | PageError, charset: Charset = LATIN, version: str = "1") -> Reading:
    return Reading(
        document=DOCUMENT,
        pages=pages,
        model_versions={"text_detection": "1", "text_recognition": version},
        charset_sha256=charset.sha256,
        timing=StageTiming(open_ms=1, detect_ms=2, recognise_ms=3, elapsed_ms=4),
    )


def broken(number: int) -> PageError:
    return PageError(number=number, code="unreadable_page", detail="the page is damaged")


class TestMerging:
    def test_pages_come_in_their_order_and_timings_are_summed(self) -> None:
        merged = merge_readings([reading(page(3), broken(4)), reading(page(1), page(2))]).reading
        assert [each.number for each in merged.pages] == [1, 2, 3, 4]
        assert merged.document == DOCUMENT
        assert merged.timing == StageTiming(open_ms=2, detect_ms=4, recognise_ms=6, elapsed_ms=8)

    def test_what_every_range_says_of_the_document_is_said_once(self) -> None:
        whole = Notice(code="animation_first_frame", detail="the image is an animation")
        own = Notice(code="page_rendered_smaller", detail="smaller", page=3)
        first = dataclasses.replace(reading(page(1)), warnings=(whole,))
        second = dataclasses.replace(reading(page(3)), warnings=(whole, own))
        assert merge_readings([first, second]).reading.warnings == (whole, own)

    def test_ranges_of_two_models_name_both_and_keep_each_its_charset(self) -> None:
        merged = merge_readings([reading(page(1)), reading(page(2), charset=CYRILLIC, version="2")])
        assert merged.reading.model_versions == {"text_detection": "1", "text_recognition": "1,2"}
        pipeline = TextPipeline(charsets=Charsets([LATIN, CYRILLIC]))
        result = pipeline.structure(
            merged.reading,
            options=StructureOptions(schemas=(NONE,)),
            request_id="job_1",
            charsets_by_page=merged.charsets_by_page,
        )
        texts = [each.lines[0].text for each in result.pages if isinstance(each, PageResult)]
        assert texts == ["ab", "аб"]

    def test_ranges_of_different_bytes_are_no_document(self) -> None:
        other = dataclasses.replace(reading(page(2)), document=dataclasses.replace(DOCUMENT, sha256="b" * 64))
        with pytest.raises(UnreadableDocument, match="was replaced"):
            merge_readings([reading(page(1)), other])

    def test_a_document_without_a_page_that_was_read_has_failed(self) -> None:
        with pytest.raises(UnreadableDocument, match="no page could be read: the page is damaged"):
            merge_readings([reading(broken(1)), reading(broken(2))])


@given(page_count=st.integers(1, 5_000), range_pages=st.integers(1, 200))
def test_ranges_cover_every_page_once_and_are_even(page_count: int, range_pages: int) -> None:
    ranges = split_pages(page_count, range_pages)
    assert [number for each in ranges for number in range(each.first, each.last + 1)] == list(range(1, page_count + 1))
    sizes = {each.last - each.first + 1 for each in ranges}
    assert max(sizes) <= range_pages
    assert max(sizes) - min(sizes) <= 1
    assert (len(ranges) - 1) * range_pages < page_count


class TestLimits:
    def test_a_page_may_cost_what_it_may_on_the_sync_road(self) -> None:
        sync = OpenLimits(max_pages=30, max_document_pixels=300, max_cpu_s=15.0)
        bulk = bulk_limits(sync, BulkSettings(max_pages=3_000, max_body_bytes=7, range_pages=60))
        assert (bulk.max_pages, bulk.max_body_bytes) == (3_000, 7)
        assert (bulk.max_document_pixels, bulk.max_cpu_s) == (600, 30.0)
        assert bulk.max_image_pixels == sync.max_image_pixels

    def test_short_ranges_do_not_make_a_page_poorer(self) -> None:
        sync = OpenLimits()
        bulk = bulk_limits(sync, BulkSettings(range_pages=1))
        assert (bulk.max_document_pixels, bulk.max_cpu_s) == (sync.max_document_pixels, sync.max_cpu_s)


class TestGate:
    @staticmethod
    def gate(*, hold_s: float) -> Gate:
        """All questions are answered well."""
        return Gate(Readiness(), name="test", holds=Backoff(first_s=hold_s, max_s=hold_s))

    async def test_writes_that_stay_unanswered_close_it_whatever_is_answered(self) -> None:
        gate = self.gate(hold_s=1_000)
        for _ in range(UNANSWERED_AT_MOST):
            gate.unanswered()
            assert await gate.is_open()
        gate.unanswered()
        assert not await gate.is_open()
        assert not await gate.answers()
        gate.answered()
        assert await gate.is_open()

    async def test_it_opens_by_itself_to_let_something_try(self) -> None:
        gate = self.gate(hold_s=0.2)
        for _ in range(UNANSWERED_AT_MOST + 1):
            gate.unanswered()
        async with asyncio.timeout(20):
            await gate.until_open(asyncio.Event())
        assert await gate.is_open()


class TestInsisting:
    async def test_a_store_that_comes_back_is_waited_for(self) -> None:
        answers = [NotReady("down"), NotReady("down"), None]

        async def call() -> str:
            await asyncio.sleep(0)
            if (error := answers.pop(0)) is not None:
                raise error
            return "stored"

        assert await insist(call, Deadline.after(20)) == "stored"

    async def test_the_deadline_ends_the_patience(self) -> None:
        async def call() -> None:
            raise NotReady("down")

        with pytest.raises(NotReady):
            await insist(call, Deadline.after(0.3))
