"""What is old or belongs to nothing goes; what may still be needed stays. Real bucket, real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from async_worker.leftovers import DAY_S, FORGET_EVERY_S, Leftovers
from async_worker.object_keys import by_source_key, job_upload_key, new_upload_id, presigned_upload_key
from async_worker.object_keys import reading_key as reading_key_of
from async_worker.object_keys import result_key as result_key_of
from async_worker.ownership import CLOCK_KEY, OWNER_KEY, Ownership
from local_stack.aws import AwsServer
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.contracts.jobs import NewJob, Stage, new_job_id
from ocr_core.settings import BulkSettings
from tests.support.bulk_roles import Rooms, at_work, bulk_rooms, leased, until
from tests.support.job_stores import new_job, send

HOUR_S = 3_600.0
TENANT = "acme"


class Later:
    """The machine's clock, put forward: objects' own times cannot be set."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path, clock: Later) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path, clock=clock) as opened:
        assert await ownership(opened).is_ours()
        yield opened


def ownership(rooms: Rooms) -> Ownership:
    return Ownership(store=rooms.store, documents=rooms.documents, objects=rooms.objects, blocking=rooms.blocking)


def leftovers(rooms: Rooms, clock: Later, *, ask_storage: bool = False) -> Leftovers:
    async def reference() -> float:
        return clock.now().timestamp()

    return Leftovers(
        documents=rooms.documents,
        store=rooms.store,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=BulkSettings(),
        clock=clock,
        reference=None if ask_storage else reference,
    )


async def tidy(rooms: Rooms, clock: Later) -> int:
    return await leftovers(rooms, clock).tidy(asyncio.Event(), pause_s=0)


async def put(rooms: Rooms, key: str) -> str:
    await rooms.objects.put(key, b"x", content_type="application/octet-stream")
    return key


async def keys(rooms: Rooms) -> set[str]:
    return {item.key async for item in rooms.objects.scan("")} - {OWNER_KEY, CLOCK_KEY}


async def work(rooms: Rooms, job: NewJob) -> set[str]:
    """Upload, read and structure a job's one document; the keys of its objects."""
    rooms.store.create_job(job)
    made = {await put(rooms, job_upload_key(TENANT, job.id, 0))}
    while messages := send(rooms.store):
        lease = leased(rooms.store, messages[0])
        if lease.stage is Stage.READ:
            made.add(await put(rooms, reading_key_of(lease)))
            assert rooms.store.finish_read(lease.token, reading_key=reading_key_of(lease), page_count=1)
        else:
            made.add(await put(rooms, result_key_of(lease)))
            assert rooms.store.finish_document(lease.token, result_key=result_key_of(lease))
    return made


async def test_what_is_remembered_goes_when_it_is_old_enough(rooms: Rooms, clock: Later) -> None:
    remembered = await put(rooms, f"remembered/{TENANT}/{'a' * 64}/{'b' * 64}")
    other = await put(rooms, presigned_upload_key(TENANT, new_upload_id()))
    clock.ahead_s = HOUR_S - 60
    assert await leftovers(rooms, clock).forget() == FORGET_EVERY_S
    assert await keys(rooms) == {remembered, other}
    clock.ahead_s = HOUR_S + 60
    await leftovers(rooms, clock).forget()
    assert await keys(rooms) == {other}


async def test_uploads_that_no_job_came_for_go_after_a_day(rooms: Rooms, clock: Later) -> None:
    job = new_job()
    rooms.store.create_job(job)
    kept = await put(rooms, job_upload_key(TENANT, job.id, 0))
    lost = await put(rooms, job_upload_key(TENANT, new_job_id(), 0))
    clock.ahead_s = 24 * HOUR_S
    assert await tidy(rooms, clock) == 0
    assert await keys(rooms) == {kept, lost}
    clock.ahead_s = 26 * HOUR_S
    assert await tidy(rooms, clock) == 1
    assert await keys(rooms) == {kept}


async def test_presigned_uploads_go_by_their_age_alone(rooms: Rooms, clock: Later) -> None:
    key = await put(rooms, presigned_upload_key(TENANT, new_upload_id()))
    clock.ahead_s = 36 * DAY_S
    assert await tidy(rooms, clock) == 0
    assert await keys(rooms) == {key}
    clock.ahead_s = 38 * DAY_S
    assert await tidy(rooms, clock) == 1


async def test_readings_go_when_their_document_has_ended(rooms: Rooms, clock: Later) -> None:
    rooms.store.create_job(new_job(2))
    first, second = (leased(rooms.store, message) for message in send(rooms.store))
    needed = await put(rooms, reading_key_of(first))
    assert rooms.store.finish_read(first.token, reading_key=needed, page_count=1)
    await put(rooms, reading_key_of(second))
    assert rooms.store.fail_document(second.token, code="unreadable_document", detail="broken")
    assert await tidy(rooms, clock) == 0  # too young to be judged
    clock.ahead_s = 2 * HOUR_S
    assert await tidy(rooms, clock) == 1
    assert await keys(rooms) == {needed}


async def test_an_old_job_goes_with_everything_that_is_its(rooms: Rooms, clock: Later) -> None:
    old = await work(rooms, new_job())
    line = await put(rooms, by_source_key(TENANT, "inbox", "a.pdf"))
    clock.ahead_s = 29 * DAY_S
    caretaker = leftovers(rooms, clock)
    assert await caretaker.delete_old_jobs() > 60
    assert await tidy(rooms, clock) == 1  # the reading that nobody deleted
    clock.ahead_s = 31 * DAY_S
    job = new_job()
    rooms.store.create_job(job)
    assert await caretaker.delete_old_jobs() <= 60
    assert await tidy(rooms, clock) == 3
    assert not (old | {line}) & await keys(rooms)


async def test_what_lies_elsewhere_stays(rooms: Rooms, clock: Later) -> None:
    strangers = {
        "uploads/acme/notes.txt",
        "uploads/acme/job_1/0",
        "results/acme/readme",
        "other/acme/x",
        "readings/acme/x",
    }
    for key in strangers:
        await put(rooms, key)
    clock.ahead_s = 1_000 * DAY_S
    assert await tidy(rooms, clock) == 0
    assert await keys(rooms) == strangers


async def test_many_objects_are_judged_in_steps(rooms: Rooms, clock: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_worker.leftovers.MAX_OBJECTS_A_STEP", 5)
    lost = new_job_id()
    for number in range(12):
        await put(rooms, job_upload_key(TENANT, lost, number))
    clock.ahead_s = 26 * HOUR_S
    assert await tidy(rooms, clock) == 12
    assert await keys(rooms) == set()


async def test_the_role_ends_at_once_in_the_midst_of_its_waits(rooms: Rooms, clock: Later) -> None:
    job = new_job()
    await work(rooms, job)
    clock.ahead_s = 31 * DAY_S
    async with at_work(leftovers(rooms, clock)):
        await until(lambda: not rooms.store.existing_jobs([job.id]), "the job's end")


async def test_a_strange_database_tidies_nothing_away(rooms: Rooms, clock: Later, tmp_path: Path) -> None:
    made = await work(rooms, new_job())
    before = await rooms.objects.get(OWNER_KEY, max_bytes=100)
    clock.ahead_s = 26 * HOUR_S
    with other_database(rooms, tmp_path, clock) as strange:
        assert await tidy(strange, clock) == 0
    assert await keys(rooms) == made
    assert await rooms.objects.get(OWNER_KEY, max_bytes=100) == before
    assert await tidy(rooms, clock) == 1


async def test_a_bucket_without_a_name_is_taken_by_the_database_that_knows_its_jobs(
    rooms: Rooms, clock: Later, tmp_path: Path
) -> None:
    made = await work(rooms, new_job())
    await rooms.objects.delete(OWNER_KEY)
    with other_database(rooms, tmp_path, clock) as strange:
        assert not await ownership(strange).is_ours()
        assert await keys(rooms) == made
        assert await ownership(rooms).is_ours()
        assert not await ownership(strange).is_ours()
    assert await ownership(rooms).is_ours()


async def test_a_clock_that_jumped_ahead_makes_nothing_old(rooms: Rooms, clock: Later) -> None:
    made = await work(rooms, new_job())
    caretaker = leftovers(rooms, clock, ask_storage=True)
    clock.ahead_s = 60 * DAY_S
    assert await caretaker.delete_old_jobs() > 60
    assert await caretaker.tidy(asyncio.Event(), pause_s=0) == 0
    assert await keys(rooms) == made
    assert rooms.store.delete_old_jobs(keep_s=30 * DAY_S, max_documents=10) == 1
    clock.ahead_s = 0
    assert await caretaker.delete_old_jobs() > 60


@contextmanager
def other_database(rooms: Rooms, tmp_path: Path, clock: Later) -> Iterator[Rooms]:
    """The same bucket over an empty database."""
    url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    upgrade(url)
    with SqlJobStore(url, clock=clock) as store:
        yield replace(rooms, store=store)
