"""Documents kept before the answer: how long the stores are waited for, and what counts as their failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.stored_documents import NewStoredDocument, StoredDocument
from ocr_core.telemetry import Metrics
from preprocess_svc.completing import reserve_s
from preprocess_svc.keeping import DocumentKeeper
from preprocess_svc.searchable_pdf.held_images import ImageBudget
from preprocess_svc.shown_pages import ShownMediaType, ShownPage, ShownPages
from preprocess_svc.stores_patience import AGAIN_S, SHARE_AFTER_FAILURE, StoresPatience

WHOLE_S = 2.0
SLOW_S = 0.5
"""More than after a failure, less than the whole: of stores that are well."""
ANSWER: dict[str, Any] = {
    "document": {"sha256": "a" * 64, "file_name": "a.pdf", "media_type": "application/pdf", "page_count": 1},
    "document_type": "invoice",
    "warnings": [],
}


@dataclass
class Clock:
    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Stores:
    """Object storage and database in whatever state; the real ones are in ``test_stored_documents_roads``."""

    delay_s: float = 0.0
    error: Exception | None = None
    database_error: Exception | None = None
    held: dict[str, bytes] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)

    async def put(self, key: str, body: bytes, **_: Any) -> None:
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        self.held[key] = body

    async def delete_many(self, keys: list[str]) -> None:
        for key in keys:
            self.held.pop(key, None)

    def keep(self, new: NewStoredDocument) -> StoredDocument:
        if self.database_error is not None:
            raise self.database_error
        self.rows.append(new.id)
        return StoredDocument(**asdict(new), created_at=datetime.now(UTC), corrections=0)

    async def start(self) -> None: ...

    async def close(self) -> None: ...


@dataclass
class Keeping:
    """A keeper over such stores, and a document that passes it."""

    keeper: DocumentKeeper
    stores: Stores
    clock: Clock

    async def document(
        self, *, timeout_s: float = 30.0, reserve_s: float = 0.2, problem: Exception | None = None
    ) -> bool:
        """Whether it was kept."""

        async def as_json() -> dict[str, Any]:
            if problem is not None:
                raise problem
            return ANSWER

        with self.keeper.document("acme", schemas=("auto",), retention_days=7) as kept:
            kept.take(ShownPage(number=1, media_type=ShownMediaType.PNG, width_px=1, height_px=1, data=b"page"))
            await asyncio.sleep(0)  # its upload begins
            await kept.finish(as_json, timing_ms={}, deadline=Deadline.after(timeout_s), reserve_s=reserve_s)
            result = {**ANSWER, "warnings": []}
            kept.put_into(result)
        assert ("stored_until" in result) is (kept.id in self.stores.rows)
        return "stored_until" in result


@pytest.fixture
async def keeping() -> AsyncIterator[Keeping]:
    stores, clock = Stores(), Clock()
    nothing_to_close: Any = _Rows(stores)
    keeper = DocumentKeeper(
        objects=stores,  # type: ignore[arg-type]
        store=nothing_to_close,
        budget=ImageBudget(max_document_bytes=1_000, max_held_bytes=1_000),
        jpeg_quality=80,
        keep_timeout_s=WHOLE_S,
        metrics=Metrics(),
        monotonic_s=clock,
    )
    yield Keeping(keeper=keeper, stores=stores, clock=clock)
    await keeper.close()


@dataclass
class _Rows:
    stores: Stores

    def keep(self, new: NewStoredDocument) -> StoredDocument:
        return self.stores.keep(new)

    def close(self) -> None: ...


@pytest.mark.parametrize("where", ["error", "database_error"])
async def test_one_failure_does_not_end_keeping_where_the_stores_are_slow_but_well(
    keeping: Keeping, where: str
) -> None:
    keeping.stores.delay_s = SLOW_S
    setattr(keeping.stores, where, NotReady("for a moment"))
    assert not await keeping.document()
    setattr(keeping.stores, where, None)
    assert not await keeping.document()  # for a second all are given a fifth
    keeping.clock.now_s += AGAIN_S
    assert await keeping.document()
    assert await keeping.document()  # and with it all is as before


async def test_a_deadline_that_is_near_is_no_failure_of_the_stores(keeping: Keeping) -> None:
    keeping.stores.delay_s = SLOW_S
    assert not await keeping.document(timeout_s=0.25)
    assert await keeping.document()


async def test_nor_is_a_text_side_that_fails(keeping: Keeping) -> None:
    keeping.stores.delay_s = SLOW_S
    assert not await keeping.document(problem=NotReady("the text side does not answer"))
    assert await keeping.document()


async def test_the_answer_is_left_the_time_that_it_needs(keeping: Keeping) -> None:
    keeping.stores.delay_s = 60.0
    deadline = Deadline.after(3.0)
    assert not await keeping.document(timeout_s=3.0, reserve_s=2.8)
    assert deadline.remaining_s() > 1.2  # without it the stores would have had two seconds


class TestReserve:
    def test_a_long_answer_is_left_more_than_it_takes(self) -> None:
        """Completing one of 20,000 lines, 3.5 MB, takes 300 ms on a machine that has nothing else to do."""
        long_s = reserve_s(rendered(bytes(3_500_000)), None, is_completed=True)
        assert long_s > reserve_s(rendered(b""), None, is_completed=True) + 0.3

    def test_and_one_with_page_images_more_still(self) -> None:
        budget = ImageBudget(max_document_bytes=1 << 26, max_held_bytes=1 << 26)
        with ShownPages(jpeg_quality=80, budget=budget).answer() as images:
            empty_s = reserve_s(rendered(b""), images, is_completed=True)
            data = bytes(20_000_000)
            images.add(ShownPage(number=1, media_type=ShownMediaType.PNG, width_px=1, height_px=1, data=data))
            assert reserve_s(rendered(b""), images, is_completed=True) - empty_s > 0.2

    def test_what_goes_out_as_it_is_needs_no_more_for_being_long(self) -> None:
        assert reserve_s(rendered(bytes(10_000_000)), None, is_completed=False) == reserve_s(
            rendered(b""), None, is_completed=True
        )


def rendered(body: bytes) -> RenderedResult:
    return RenderedResult(content_type="application/json", body=body)


class TestPatience:
    def test_while_the_stores_fail_one_document_a_second_is_given_the_whole(self) -> None:
        clock = Clock()
        patience = StoresPatience(WHOLE_S, monotonic_s=clock)
        fifth_s = WHOLE_S * SHARE_AFTER_FAILURE

        def granted() -> list[float]:
            return [patience.grant(Deadline.after(60), reserve_s=0.2).seconds for _ in range(3)]

        assert granted() == [WHOLE_S] * 3
        patience.note_failure()
        assert granted() == [fifth_s] * 3
        clock.now_s += AGAIN_S
        assert granted() == [WHOLE_S, fifth_s, fifth_s]
        clock.now_s += WHOLE_S  # the one that tried has failed as well
        patience.note_failure()
        assert granted() == [fifth_s] * 3
        clock.now_s += AGAIN_S
        assert granted() == [WHOLE_S, fifth_s, fifth_s]
        patience.note_success()
        assert granted() == [WHOLE_S] * 3

    def test_who_has_too_little_time_does_not_try_for_the_others(self) -> None:
        clock = Clock()
        patience = StoresPatience(WHOLE_S, monotonic_s=clock)
        patience.note_failure()
        clock.now_s += AGAIN_S
        hasty = patience.grant(Deadline.after(0.5), reserve_s=0.2)
        assert hasty.seconds < WHOLE_S
        assert not hasty.is_whole
        assert patience.grant(Deadline.after(60), reserve_s=0.2).is_whole

    def test_the_answer_is_left_its_time(self) -> None:
        patience = StoresPatience(WHOLE_S)
        assert patience.grant(Deadline.after(0.1), reserve_s=0.2).seconds == 0
