"""The job store: one suite over SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.adapters.job_store.migrate import alembic_config
from ocr_core.adapters.job_store.tables import SCHEMA_REVISION, metadata
from ocr_core.contracts.errors import IdempotencyMismatch, InvalidRequest, NotFound, NotReady
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import (
    ATTEMPTS_EXHAUSTED,
    ClaimRefusal,
    DocumentStatus,
    Job,
    JobPriority,
    JobStatus,
    Lease,
    NewDocument,
    NewJob,
    PageRange,
    Stage,
    new_job_id,
)
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.webhooks import DeliveryStatus
from tests.support.job_stores import RULES, SetClock, claim, claim_next, new_job, read, send
from tests.support.postgres import fresh_database, postgres_server

Answer = TypeVar("Answer")
HOUR_S = 3_600.0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """PostgreSQL's maintenance database; None stands for SQLite, which has no server."""
    if request.param == "sqlite":
        yield None
    else:
        with postgres_server() as url:
            yield url


@pytest.fixture
def empty_url(server: str | None, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if server is None:
        yield f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    else:
        with fresh_database(server, "jobs") as url:
            yield url


@pytest.fixture
def url(empty_url: str) -> str:
    """A database with its tables."""
    upgrade(empty_url)
    return empty_url


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(url: str, clock: SetClock) -> Iterator[SqlJobStore]:
    with SqlJobStore(url, rules=RULES, clock=clock, pool_size=16) as opened:
        yield opened


def together(count: int, work: Callable[[int], Answer]) -> list[Answer]:
    """Run the work in so many threads that begin at the same moment."""
    barrier = Barrier(count)

    def run(number: int) -> Answer:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def finish(store: JobStore, lease: Lease) -> None:
    assert store.finish_document(lease.token, result_key=f"results/{lease.token}.json")


def finish_everything(store: JobStore) -> None:
    """Work as one worker would until nothing is due."""
    while messages := send(store):
        for message in messages:
            lease = claim(store, message)
            (finish if lease.stage is Stage.STRUCTURE else read)(store, lease)


def numbers_of(store: JobStore, job: Job) -> list[int]:
    return [row.sequence for row in store.results_page(job.tenant, job.id, cursor=0, limit=10_000)]


# Jobs


def test_a_job_comes_back_as_it_was_made(store: SqlJobStore, clock: SetClock) -> None:
    made = store.create_job(new_job(3))
    assert made.created
    assert made.job == store.get_job("acme", made.job.id)
    assert made.job.status is JobStatus.QUEUED
    assert (made.job.counts.total, made.job.counts.queued) == (3, 3)
    assert made.job.created_at == clock.now()


def test_a_job_has_documents(store: SqlJobStore) -> None:
    with pytest.raises(InvalidRequest):
        store.create_job(new_job(0))


def test_another_tenants_job_does_not_exist(store: SqlJobStore) -> None:
    job = store.create_job(new_job()).job
    for call in (
        lambda: store.get_job("other", job.id),
        lambda: store.results_page("other", job.id, cursor=0, limit=1),
        lambda: store.deliveries("other", job.id),
        lambda: store.cancel("other", job.id),
        lambda: store.redrive("other", job.id),
    ):
        with pytest.raises(NotFound):
            call()
    assert store.existing_jobs({job.id, new_job_id()}) == {job.id}


def test_the_same_key_gives_the_same_job(store: SqlJobStore) -> None:
    first = store.create_job(new_job(2, key="k"))
    again = store.create_job(new_job(2, key="k"))
    assert (again.created, again.job.id) == (False, first.job.id)
    assert store.create_job(new_job(2, key="k", tenant="other")).created
    with pytest.raises(IdempotencyMismatch):
        store.create_job(new_job(2, key="k", digest="another"))
    assert len(send(store)) == 4


def test_a_key_is_free_after_its_time(store: SqlJobStore, clock: SetClock) -> None:
    first = store.create_job(new_job(key="k"))
    clock.move(24 * HOUR_S + 1)
    second = store.create_job(new_job(key="k", digest="another"))
    assert second.created
    assert second.job.id != first.job.id
    clock.move(24 * HOUR_S + 1)
    assert store.sweep().expired_keys == 1


def test_32_at_once_with_one_key_make_one_job(store: SqlJobStore) -> None:
    answers = together(32, lambda _: store.create_job(new_job(3, key="k")))
    assert sum(answer.created for answer in answers) == 1
    assert len({answer.job.id for answer in answers}) == 1
    assert len(send(store)) == 3


def test_a_request_that_died_leaves_no_key_behind(store: SqlJobStore) -> None:
    broken = new_job(2, key="k")
    twice = NewJob(id=store.create_job(new_job()).job.id, tenant="acme", documents=broken.documents)
    with pytest.raises(sa.exc.IntegrityError):  # the id is taken: the transaction fails after the key went in
        store.create_job(NewJob(id=twice.id, tenant="acme", documents=twice.documents, idempotency=broken.idempotency))
    assert store.create_job(broken).created


# The walk of a document


def test_a_document_is_read_and_structured(store: SqlJobStore) -> None:
    job = store.create_job(new_job(webhook=True)).job
    lease = claim_next(store)
    assert (lease.stage, lease.attempts, lease.source, lease.reference) == (Stage.READ, 1, "s3://inbox/0.pdf", "r0")
    assert store.get_job("acme", job.id).status is JobStatus.RUNNING
    read(store, lease)
    second = claim_next(store)
    assert (second.stage, second.reading_keys, second.page_count) == (
        Stage.STRUCTURE,
        (f"readings/{lease.token}",),
        2,
    )
    finish(store, second)
    ended = store.get_job("acme", job.id)
    assert (ended.status, ended.counts.done, ended.counts.queued) == (JobStatus.DONE, 1, 0)
    (row,) = store.results_page("acme", job.id, cursor=0, limit=10)
    assert (row.sequence, row.status, row.result_key) == (1, "done", f"results/{second.token}.json")
    assert store.results_page("acme", job.id, cursor=1, limit=10) == ()
    assert send(store) == []


def test_of_two_claimers_one_wins(store: SqlJobStore) -> None:
    store.create_job(new_job())
    (message,) = send(store)
    answers = together(8, lambda _: store.claim(message))
    assert [type(answer) for answer in answers].count(Lease) == 1
    assert [answer for answer in answers if not isinstance(answer, Lease)] == [ClaimRefusal.LEASED] * 7


def test_a_late_holder_is_refused(store: SqlJobStore, clock: SetClock) -> None:
    job = store.create_job(new_job()).job
    (message,) = send(store)
    late = claim(store, message)
    clock.move(RULES.lease_s + 1)
    winner = claim(store, message)
    assert winner.attempts == 2
    assert not store.extend_lease(late.token)
    assert not store.finish_read(late.token, reading_key="late", page_count=1)
    assert not store.fail_document(late.token, code="internal_error", detail="late")
    assert not store.split_into_ranges(late.token, ranges=[PageRange(first=1, last=1)], page_count=1)
    assert not store.release(late.token)
    assert store.extend_lease(winner.token)
    read(store, winner)
    assert claim_next(store).reading_keys == (f"readings/{winner.token}",)
    assert store.get_job("acme", job.id).counts.queued == 1


def test_a_lease_of_one_stage_finishes_no_other(store: SqlJobStore) -> None:
    store.create_job(new_job())
    lease = claim_next(store)
    assert not store.finish_document(lease.token, result_key="x")
    assert not store.finish_range(lease.token, reading_key="x")
    read(store, lease)
    structure = claim_next(store)
    assert not store.finish_read(structure.token, reading_key="x", page_count=1)
    finish(store, structure)
    assert not store.finish_document(structure.token, result_key="y")


def test_why_work_is_not_given_out(store: SqlJobStore) -> None:
    job = store.create_job(new_job(2)).job
    first, second = send(store)
    gone = StageMessage(kind=Stage.READ, tenant="acme", document_id="doc_" + "0" * 32)
    foreign = StageMessage(kind=Stage.READ, tenant="other", document_id=first.document_id)
    early = StageMessage(kind=Stage.STRUCTURE, tenant="acme", document_id=first.document_id)
    pages = PageRange(first=1, last=2)
    no_range = StageMessage(kind=Stage.READ_RANGE, tenant="acme", document_id=first.document_id, pages=pages)
    assert store.claim(gone) is ClaimRefusal.GONE
    assert store.claim(foreign) is ClaimRefusal.GONE
    assert store.claim(early) is ClaimRefusal.NOT_DUE
    assert store.claim(no_range) is ClaimRefusal.FINISHED
    read(store, claim(store, first))
    assert store.claim(first) is ClaimRefusal.FINISHED
    store.cancel("acme", job.id)
    assert store.claim(second) is ClaimRefusal.CANCELLED


def test_a_heartbeat_keeps_work_past_any_lease(store: SqlJobStore, clock: SetClock) -> None:
    store.create_job(new_job())
    (message,) = send(store)
    lease = claim(store, message)
    for _ in range(5):
        clock.move(RULES.lease_s - 1)
        assert store.extend_lease(lease.token)
        store.sweep()
        assert store.claim(message) is ClaimRefusal.LEASED
        assert send(store) == []
    read(store, lease)


def test_released_work_waits_out_its_back_off(store: SqlJobStore, clock: SetClock) -> None:
    store.create_job(new_job())
    (message,) = send(store)
    assert store.release(claim(store, message).token, retry_after_s=50)
    assert send(store) == []
    assert store.claim(message) is ClaimRefusal.NOT_DUE
    clock.move(51)
    lease = claim_next(store)
    assert lease.attempts == 2
    assert store.release(lease.token, refund_attempt=True)
    assert claim_next(store).attempts == 2


def test_a_release_does_not_wait_for_ever(store: SqlJobStore, clock: SetClock) -> None:
    store.create_job(new_job())
    store.release(claim_next(store).token, retry_after_s=1e9)
    clock.move(RULES.max_retry_after_s)
    assert claim_next(store).attempts == 2


# Long documents


def split(store: JobStore, count: int) -> list[StageMessage]:
    ranges = [PageRange(first=1 + 10 * n, last=10 + 10 * n) for n in range(count)]
    assert store.split_into_ranges(claim_next(store).token, ranges=ranges, page_count=10 * count)
    return send(store)


def test_the_last_range_makes_the_document_read(store: SqlJobStore) -> None:
    store.create_job(new_job())
    messages = split(store, 3)
    assert [message.pages for message in messages] == [
        PageRange(first=1, last=10),
        PageRange(first=11, last=20),
        PageRange(first=21, last=30),
    ]
    for message in reversed(messages):
        assert send(store) == []
        lease = claim(store, message)
        assert (lease.pages, lease.page_count) == (message.pages, 30)
        assert lease.pages is not None
        assert store.finish_range(lease.token, reading_key=f"readings/{lease.pages.first}")
        assert not store.finish_range(lease.token, reading_key="twice")
    assert claim_next(store).reading_keys == ("readings/1", "readings/11", "readings/21")


def test_of_ranges_that_end_at_once_one_is_the_last(store: SqlJobStore) -> None:
    store.create_job(new_job())
    leases = [claim(store, message) for message in split(store, 12)]
    assert all(together(12, lambda n: store.finish_range(leases[n].token, reading_key=str(n))))
    assert len(claim_next(store).reading_keys) == 12


def test_a_failed_range_fails_its_document(store: SqlJobStore) -> None:
    job = store.create_job(new_job()).job
    one, other, _ = (claim(store, message) for message in split(store, 3))
    assert store.fail_document(one.token, code="unreadable_document", detail="broken")
    assert not store.extend_lease(other.token)
    assert not store.finish_range(other.token, reading_key="x")
    assert store.get_job("acme", job.id).counts.failed == 1
    store.redrive("acme", job.id)
    assert claim_next(store).stage is Stage.READ


@pytest.mark.parametrize("ranges", [[], [(1, 5), (5, 9)], [(6, 9), (1, 5)]])
def test_ranges_ascend(store: SqlJobStore, ranges: list[tuple[int, int]]) -> None:
    store.create_job(new_job())
    lease = claim_next(store)
    with pytest.raises(InvalidRequest):
        store.split_into_ranges(
            lease.token, ranges=[PageRange(first=first, last=last) for first, last in ranges], page_count=9
        )
    read(store, lease)


# Ends


def test_a_jobs_end_is_announced_once_a_run(store: SqlJobStore, clock: SetClock) -> None:
    job = store.create_job(new_job(2, webhook=True)).job
    first, second = (claim(store, message) for message in send(store))
    store.fail_document(first.token, code="unreadable_document", detail="broken")
    assert store.deliveries("acme", job.id) == ()
    store.fail_document(second.token, code="password_required", detail="locked")
    (delivery,) = store.deliveries("acme", job.id)
    assert (delivery.run, delivery.counts.failed, delivery.finished_at) == (1, 2, clock.now())
    again = store.redrive("acme", job.id)
    assert (again.status, again.run, again.counts.queued, again.counts.failed) == (JobStatus.QUEUED, 2, 2, 0)
    finish_everything(store)
    assert [(each.run, each.counts.done) for each in store.deliveries("acme", job.id)] == [(1, 0), (2, 2)]
    rows = store.results_page("acme", job.id, cursor=0, limit=10)
    assert [(row.sequence, row.status, row.reference) for row in rows] == [
        (1, "failed", "r0"),
        (2, "failed", "r1"),
        (3, "done", "r0"),
        (4, "done", "r1"),
    ]
    assert (rows[1].error_code, rows[1].error_detail) == ("password_required", "locked")


def test_a_redrive_without_failures_changes_nothing(store: SqlJobStore) -> None:
    job = store.create_job(new_job()).job
    finish_everything(store)
    ended = store.get_job("acme", job.id)
    assert store.redrive("acme", job.id) == ended
    store.create_job(new_job())
    cancelled = store.cancel("acme", store.create_job(new_job()).job.id)
    with pytest.raises(InvalidRequest):
        store.redrive("acme", cancelled.id)


def test_a_redrive_while_the_job_runs(store: SqlJobStore) -> None:
    job = store.create_job(new_job(2, webhook=True)).job
    first, second = (claim(store, message) for message in send(store))
    store.fail_document(first.token, code="x", detail="y")
    assert store.redrive("acme", job.id).status is JobStatus.RUNNING
    read(store, second)
    finish_everything(store)
    assert store.get_job("acme", job.id).counts.done == 2
    assert [each.run for each in store.deliveries("acme", job.id)] == [2]


def test_cancelling_ends_what_has_not_ended(store: SqlJobStore, clock: SetClock) -> None:
    job = store.create_job(new_job(3, webhook=True)).job
    done, going, _ = (claim(store, message) for message in send(store))
    read(store, done)
    finish(store, claim_next(store))
    cancelled = store.cancel("acme", job.id)
    assert (cancelled.status, cancelled.finished_at) == (JobStatus.CANCELLED, clock.now())
    assert (cancelled.counts.done, cancelled.counts.cancelled, cancelled.counts.queued) == (1, 2, 0)
    assert not store.extend_lease(going.token)
    assert not store.finish_read(going.token, reading_key="x", page_count=1)
    assert send(store) == []
    assert numbers_of(store, job) == [1]
    assert store.cancel("acme", job.id) == cancelled
    assert store.deliveries("acme", job.id) == ()


def test_sequences_have_no_holes_when_documents_end_at_once(store: SqlJobStore) -> None:
    job = store.create_job(new_job(24, webhook=True)).job
    for message in send(store):
        read(store, claim(store, message))
    leases = [claim(store, message) for message in send(store)]

    def end(number: int) -> bool:
        token = leases[number].token
        if number % 3 == 0:
            return store.fail_document(token, code="x", detail="y")
        return store.finish_document(token, result_key=str(number))

    assert all(together(24, end))
    assert numbers_of(store, job) == list(range(1, 25))
    ended = store.get_job("acme", job.id)
    assert (ended.status, ended.counts.done, ended.counts.failed, ended.last_sequence) == (JobStatus.DONE, 16, 8, 24)
    assert len(store.deliveries("acme", job.id)) == 1


def test_cancelling_while_documents_end(store: SqlJobStore) -> None:
    job = store.create_job(new_job(16)).job
    leases = [claim(store, message) for message in send(store)]

    def act(number: int) -> bool:
        if number == 8:
            return store.cancel("acme", job.id).status is JobStatus.CANCELLED
        return store.finish_read(leases[number].token, reading_key="x", page_count=1)

    together(16, act)
    assert send(store) == []
    assert store.get_job("acme", job.id).counts.cancelled == 16


# Attempts, dead letters


def test_used_up_attempts_end_in_a_dead_letter(store: SqlJobStore, clock: SetClock) -> None:
    job = store.create_job(new_job(2)).job
    killer, neighbour = send(store)
    read(store, claim(store, neighbour))
    for attempt in range(1, RULES.max_attempts + 1):
        assert claim(store, killer).attempts == attempt
        clock.move(RULES.lease_s + 1)
    assert store.claim(killer) is ClaimRefusal.EXHAUSTED
    assert store.claim(killer) is ClaimRefusal.FINISHED
    (letter,) = store.due_dead_letters(limit=10)
    assert (letter.document_id, letter.stage, letter.job_id) == (killer.document_id, Stage.READ, job.id)
    (row,) = store.results_page("acme", job.id, cursor=0, limit=10)
    assert (row.status, row.error_code, row.error_detail) == ("failed", ATTEMPTS_EXHAUSTED, letter.reason)
    store.mark_dead_letters_sent([letter.id])
    assert store.due_dead_letters(limit=10) == ()
    finish_everything(store)
    store.redrive("acme", job.id)
    finish_everything(store)
    assert store.get_job("acme", job.id).counts.done == 2


def test_the_sweeper_ends_a_killer_as_well(store: SqlJobStore, clock: SetClock) -> None:
    job = store.create_job(new_job()).job
    for _ in range(RULES.max_attempts):
        claim_next(store)
        clock.move(RULES.lease_s + 1)
        swept = store.sweep()
    assert (swept.expired_leases, swept.exhausted) == (1, 1)
    assert store.get_job("acme", job.id).status is JobStatus.DONE
    assert len(store.due_dead_letters(limit=10)) == 1


def test_a_dead_workers_document_is_due_after_a_sweep(store: SqlJobStore, clock: SetClock) -> None:
    store.create_job(new_job())
    claim_next(store)
    clock.move(RULES.lease_s + 1)
    assert send(store) == []
    assert store.sweep().expired_leases == 1
    assert store.sweep().expired_leases == 0
    assert claim_next(store).attempts == 2


def test_sweepers_do_not_disturb_each_other(store: SqlJobStore, clock: SetClock) -> None:
    job = store.create_job(new_job(20)).job
    for attempt in range(RULES.max_attempts):
        for message in send(store)[attempt:]:
            claim(store, message)
        clock.move(RULES.lease_s + 1)
        swept = together(4, lambda _: store.sweep())
        assert sum(each.expired_leases for each in swept) == 20 - attempt
        clock.move(RULES.resend_max_s)
    assert store.get_job("acme", job.id).counts.failed == len(numbers_of(store, job)) == 18


# Sending


def test_what_shows_no_lease_is_sent_again_with_back_off(store: SqlJobStore, clock: SetClock) -> None:
    store.create_job(new_job())
    waits_s = []
    send(store)
    for _ in range(4):
        waited_s = 0
        while not (again := store.dispatchable(window=10, limit=10)):
            clock.move(1)
            waited_s += 1
        store.mark_sent(again)
        waits_s.append(waited_s)
    assert waits_s == [30, 60, 100, 100]


def test_a_window_bounds_what_a_tenant_has_in_flight(store: SqlJobStore) -> None:
    store.create_job(new_job(10))
    first = send(store, window=4)
    assert len(first) == 4
    assert send(store, window=4) == []
    lease = claim(store, first[0])
    assert send(store, window=4) == []
    read(store, lease)
    (following,) = send(store, window=4)
    assert following.kind is Stage.STRUCTURE  # work begun goes first
    finish(store, claim(store, following))
    (following,) = send(store, window=4)
    assert following.kind is Stage.READ


def test_tenants_take_turns(store: SqlJobStore) -> None:
    store.create_job(new_job(50, tenant="flood"))
    store.create_job(new_job(2, tenant="quiet"))
    store.create_job(new_job(2, tenant="still"))
    tenants = [message.tenant for message in send(store, window=20, limit=7)]
    assert tenants == ["flood", "quiet", "still", "flood", "quiet", "still", "flood"]
    store.create_job(new_job(1, tenant="quiet"))
    assert [message.tenant for message in send(store, window=20, limit=2)] == ["quiet", "flood"]


def test_low_jobs_wait_for_normal_ones(store: SqlJobStore) -> None:
    low = NewJob(
        id=new_job_id(), tenant="acme", documents=(NewDocument(source="s3://inbox/low"),), priority=JobPriority.LOW
    )
    store.create_job(low)
    store.create_job(new_job(2))
    sources = [claim(store, message).source for message in send(store)]
    assert sources == ["s3://inbox/0.pdf", "s3://inbox/1.pdf", "s3://inbox/low"]


def test_marking_comes_too_late_for_work_that_was_claimed(store: SqlJobStore) -> None:
    store.create_job(new_job())
    dispatches = store.dispatchable(window=10, limit=10)
    lease = claim(store, dispatches[0].message)  # the queue was faster than the dispatcher's own note
    store.release(lease.token)
    store.mark_sent(dispatches)
    assert len(store.dispatchable(window=10, limit=10)) == 1
    store.mark_sent([])


def test_the_backlog_by_stage(store: SqlJobStore, clock: SetClock) -> None:
    store.create_job(new_job(3))
    clock.move(7)
    read(store, claim(store, send(store, window=2)[0]))
    reads, ranges, structures = store.backlog()
    assert (reads.stage, reads.waiting, reads.in_flight, reads.oldest_s) == (Stage.READ, 1, 1, 7.0)
    assert (ranges.waiting, ranges.in_flight, ranges.oldest_s) == (0, 0, 0.0)
    assert (structures.waiting, structures.oldest_s) == (1, 0.0)


# Clock jumps


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_jumps_loses_and_doubles_nothing(store: SqlJobStore, clock: SetClock, jump_s: float) -> None:
    job = store.create_job(new_job(4, webhook=True)).job
    waiting, leased, released, finished = send(store)
    lease = claim(store, leased)
    store.release(claim(store, released).token, retry_after_s=20)
    read(store, claim(store, finished))
    clock.move(jump_s)
    swept = store.sweep()
    assert (swept.cut_times > 0) == (jump_s < 0)
    # Whoever worked through the jump may be overtaken, but then finishes nothing.
    ours = store.finish_read(lease.token, reading_key="x", page_count=1)
    assert ours == (jump_s < 0)
    for _ in range(20):
        clock.move(20)
        store.sweep()
        finish_everything(store)
    ended = store.get_job("acme", job.id)
    assert (ended.status, ended.counts.done) == (JobStatus.DONE, 4)
    assert numbers_of(store, job) == [1, 2, 3, 4]
    assert store.claim(waiting) is ClaimRefusal.FINISHED


def test_after_a_jump_backwards_nothing_waits_longer_than_it_was_to(store: SqlJobStore, clock: SetClock) -> None:
    store.create_job(new_job(3))
    untouched, dead, released = send(store)
    claim(store, dead)
    store.release(claim(store, released).token, retry_after_s=20)
    clock.move(-HOUR_S)
    assert store.sweep().cut_times == 4  # three times of sending and a lease
    assert store.sweep().cut_times == 0
    clock.move(20)
    assert send(store) == [released]
    clock.move(10)
    assert send(store) == [untouched]
    clock.move(30)
    assert store.sweep().expired_leases == 1
    assert dead in send(store)


# Webhooks


def ended_job(store: JobStore) -> Job:
    job = store.create_job(new_job(webhook=True)).job
    finish_everything(store)
    return job


def test_a_delivery_is_tried_until_it_succeeds(store: SqlJobStore, clock: SetClock) -> None:
    job = ended_job(store)
    (first,) = store.claim_webhooks(limit=10, lease_s=30)
    assert (first.attempts, first.url, first.counts.done) == (1, "https://hooks.example/ocr", 1)
    assert store.claim_webhooks(limit=10, lease_s=30) == ()
    assert first.token is not None
    assert store.record_webhook(first.token, delivered=False, status_code=500, error="status 500", retry_after_s=60)
    (shown,) = store.deliveries("acme", job.id)
    assert (shown.status, shown.last_status_code, shown.token) == (DeliveryStatus.PENDING, 500, None)
    clock.move(61)
    (second,) = store.claim_webhooks(limit=10, lease_s=30)
    assert (second.id, second.attempts) == (first.id, 2)
    assert second.token is not None
    assert not store.record_webhook(first.token, delivered=True)
    assert store.record_webhook(second.token, delivered=True, status_code=204)
    (shown,) = store.deliveries("acme", job.id)
    assert (shown.status, shown.last_status_code, shown.next_at) == (DeliveryStatus.DELIVERED, 204, None)
    clock.move(HOUR_S)
    assert store.claim_webhooks(limit=10, lease_s=30) == ()


def test_a_dead_senders_delivery_is_claimed_again(store: SqlJobStore, clock: SetClock) -> None:
    job = ended_job(store)
    store.claim_webhooks(limit=10, lease_s=30)
    clock.move(-HOUR_S)
    assert store.sweep().cut_times == 1
    clock.move(31)
    (again,) = store.claim_webhooks(limit=10, lease_s=30)
    assert again.token is not None
    assert store.record_webhook(again.token, delivered=False, error="given up")
    assert store.deliveries("acme", job.id)[0].status is DeliveryStatus.FAILED


def test_senders_share_the_deliveries(store: SqlJobStore) -> None:
    for _ in range(6):
        ended_job(store)
    claimed = together(4, lambda _: store.claim_webhooks(limit=10, lease_s=30))
    assert len([each.id for batch in claimed for each in batch]) == 6
    assert len({each.id for batch in claimed for each in batch}) == 6


# The database itself


def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername=DRIVERS[url.split(":", maxsplit=1)[0]]))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    engine.dispose()
    assert ScriptDirectory.from_config(alembic_config(url)).get_current_head() == SCHEMA_REVISION


DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def test_migrations_run_once_however_many_start_them(empty_url: str) -> None:
    with SqlJobStore(empty_url) as store:
        with pytest.raises(NotReady):
            store.check()
        for _ in range(2):
            upgrade(empty_url)
        store.check()
        command.downgrade(alembic_config(empty_url), "base")
        with pytest.raises(NotReady):
            store.check()
        upgrade(empty_url)
        store.check()


def test_what_was_answered_is_on_disk(url: str, clock: SetClock) -> None:
    with SqlJobStore(url, clock=clock) as first:
        job = first.create_job(new_job(2)).job
    with SqlJobStore(url, clock=clock) as second:
        assert second.get_job("acme", job.id) == job
        assert len(send(second)) == 2


def test_a_database_that_is_away_is_not_ready(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/missing/jobs.sqlite3", "postgresql://nobody@127.0.0.1:1/none"):
        with SqlJobStore(url) as store, pytest.raises(NotReady) as refused:
            store.check()
        assert str(tmp_path) not in refused.value.detail
    with pytest.raises(ValueError, match="SQLite or PostgreSQL"):
        SqlJobStore("mysql://localhost/x")


def test_a_document_status_is_what_its_work_says(store: SqlJobStore, url: str) -> None:
    def status() -> str:
        query = "SELECT status FROM documents"
        if url.startswith("sqlite"):
            with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                found = connection.execute(query).fetchall()
            connection.close()
        else:
            with psycopg.connect(url) as server:
                found = server.execute(query).fetchall()
        return str(found[0][0])

    store.create_job(new_job())
    assert status() == DocumentStatus.QUEUED
    lease = claim_next(store)
    assert status() == DocumentStatus.READING
    read(store, lease)
    assert status() == DocumentStatus.READ
    lease = claim_next(store)
    assert status() == DocumentStatus.STRUCTURING
    finish(store, lease)
    assert status() == DocumentStatus.DONE
