"""Leases, over SQLite and PostgreSQL: one holder, late ones refused, ranges, used-up attempts."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import (
    ATTEMPTS_EXHAUSTED,
    ClaimRefusal,
    JobStatus,
    Lease,
    PageRange,
    Stage,
)
from ocr_core.contracts.messages import StageMessage
from tests.support.job_stores import (
    RULES,
    SetClock,
    claim,
    claim_next,
    finish,
    finish_everything,
    new_job,
    read,
    send,
    sequences_of,
    together,
)


def test_a_document_is_read_and_structured(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job(webhook=True)).job
    lease = claim_next(job_store)
    assert (lease.stage, lease.attempts, lease.source, lease.reference) == (Stage.READ, 1, "s3://inbox/0.pdf", "r0")
    assert job_store.get_job("acme", job.id).status is JobStatus.RUNNING
    read(job_store, lease)
    second = claim_next(job_store)
    assert (second.stage, second.reading_keys, second.page_count) == (
        Stage.STRUCTURE,
        (f"readings/{lease.token}",),
        2,
    )
    finish(job_store, second)
    ended = job_store.get_job("acme", job.id)
    assert (ended.status, ended.counts.done, ended.counts.queued) == (JobStatus.DONE, 1, 0)
    (row,) = job_store.results_page("acme", job.id, cursor=0, limit=10)
    assert (row.sequence, row.status, row.result_key) == (1, "done", f"results/{second.token}.json")
    assert job_store.results_page("acme", job.id, cursor=1, limit=10) == ()
    assert send(job_store) == []


def test_of_two_claimers_one_wins(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job())
    (message,) = send(job_store)
    answers = together(8, lambda _: job_store.claim(message))
    assert [type(answer) for answer in answers].count(Lease) == 1
    assert [answer for answer in answers if not isinstance(answer, Lease)] == [ClaimRefusal.LEASED] * 7


def test_a_late_holder_is_refused(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = job_store.create_job(new_job()).job
    (message,) = send(job_store)
    late = claim(job_store, message)
    job_clock.move(RULES.lease_s + 1)
    winner = claim(job_store, message)
    assert winner.attempts == 2
    assert not job_store.extend_lease(late.token)
    assert not job_store.finish_read(late.token, reading_key="late", page_count=1)
    assert not job_store.fail_document(late.token, code="internal_error", detail="late")
    assert not job_store.split_into_ranges(late.token, ranges=[PageRange(first=1, last=1)], page_count=1)
    assert not job_store.release(late.token)
    assert job_store.extend_lease(winner.token)
    read(job_store, winner)
    assert claim_next(job_store).reading_keys == (f"readings/{winner.token}",)
    assert job_store.get_job("acme", job.id).counts.queued == 1


def test_a_lease_lost_while_waiting_for_the_job_is_refused(
    job_store: SqlJobStore, job_database: str, job_clock: SetClock
) -> None:
    """The token held when the finish began; while it waited for the job's row, another claimed."""
    if job_database.startswith("sqlite"):
        pytest.skip("on SQLite a writing transaction is the only one: nothing happens between look and lock")
    job = job_store.create_job(new_job()).job
    (message,) = send(job_store)
    late = claim(job_store, message)
    with psycopg.connect(job_database) as other, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT 1 FROM jobs WHERE id = %s FOR UPDATE", (job.id,))
        finishing = thread.submit(job_store.finish_read, late.token, reading_key="late", page_count=1)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while other.execute(waiting).fetchone() != (1,):
            time.sleep(0.01)
        job_clock.move(RULES.lease_s + 1)
        winner = claim(job_store, message)
        other.rollback()
        assert not finishing.result(timeout=30)
    read(job_store, winner)
    assert claim_next(job_store).reading_keys == (f"readings/{winner.token}",)


def test_a_lease_of_one_stage_finishes_no_other(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job())
    lease = claim_next(job_store)
    assert not job_store.finish_document(lease.token, result_key="x")
    assert not job_store.finish_range(lease.token, reading_key="x")
    read(job_store, lease)
    structure = claim_next(job_store)
    assert not job_store.finish_read(structure.token, reading_key="x", page_count=1)
    finish(job_store, structure)
    assert not job_store.finish_document(structure.token, result_key="y")


def test_why_work_is_not_given_out(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job(2)).job
    first, second = send(job_store)
    gone = StageMessage(kind=Stage.READ, tenant="acme", document_id="doc_" + "0" * 32)
    foreign = StageMessage(kind=Stage.READ, tenant="other", document_id=first.document_id)
    early = StageMessage(kind=Stage.STRUCTURE, tenant="acme", document_id=first.document_id)
    pages = PageRange(first=1, last=2)
    no_range = StageMessage(kind=Stage.READ_RANGE, tenant="acme", document_id=first.document_id, pages=pages)
    assert job_store.claim(gone) is ClaimRefusal.GONE
    assert job_store.claim(foreign) is ClaimRefusal.GONE
    assert job_store.claim(early) is ClaimRefusal.NOT_DUE
    assert job_store.claim(no_range) is ClaimRefusal.FINISHED
    read(job_store, claim(job_store, first))
    assert job_store.claim(first) is ClaimRefusal.FINISHED
    job_store.cancel("acme", job.id)
    assert job_store.claim(second) is ClaimRefusal.CANCELLED


def test_a_heartbeat_keeps_work_past_any_lease(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job_store.create_job(new_job())
    (message,) = send(job_store)
    lease = claim(job_store, message)
    for _ in range(5):
        job_clock.move(RULES.lease_s - 1)
        assert job_store.extend_lease(lease.token)
        job_store.sweep()
        assert job_store.claim(message) is ClaimRefusal.LEASED
        assert send(job_store) == []
    read(job_store, lease)


def test_released_work_waits_out_its_back_off(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job_store.create_job(new_job())
    (message,) = send(job_store)
    assert job_store.release(claim(job_store, message).token, retry_after_s=50)
    assert send(job_store) == []
    assert job_store.claim(message) is ClaimRefusal.NOT_DUE
    job_clock.move(51)
    lease = claim_next(job_store)
    assert lease.attempts == 2
    assert job_store.release(lease.token, refund_attempt=True)
    assert claim_next(job_store).attempts == 2


def test_a_release_does_not_wait_for_ever(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job_store.create_job(new_job())
    job_store.release(claim_next(job_store).token, retry_after_s=1e9)
    job_clock.move(RULES.max_retry_after_s)
    assert claim_next(job_store).attempts == 2


def split(job_store: JobStore, count: int) -> list[StageMessage]:
    ranges = [PageRange(first=1 + 10 * n, last=10 + 10 * n) for n in range(count)]
    assert job_store.split_into_ranges(claim_next(job_store).token, ranges=ranges, page_count=10 * count)
    return send(job_store)


def test_the_last_range_makes_the_document_read(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job())
    messages = split(job_store, 3)
    assert [message.pages for message in messages] == [
        PageRange(first=1, last=10),
        PageRange(first=11, last=20),
        PageRange(first=21, last=30),
    ]
    for message in reversed(messages):
        assert send(job_store) == []
        lease = claim(job_store, message)
        assert (lease.pages, lease.page_count) == (message.pages, 30)
        assert lease.pages is not None
        assert job_store.finish_range(lease.token, reading_key=f"readings/{lease.pages.first}")
        assert not job_store.finish_range(lease.token, reading_key="twice")
    assert claim_next(job_store).reading_keys == ("readings/1", "readings/11", "readings/21")


def test_of_ranges_that_end_at_once_one_is_the_last(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job())
    leases = [claim(job_store, message) for message in split(job_store, 12)]
    assert all(together(12, lambda n: job_store.finish_range(leases[n].token, reading_key=str(n))))
    assert len(claim_next(job_store).reading_keys) == 12


def test_a_failed_range_fails_its_document(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job()).job
    one, other, _ = (claim(job_store, message) for message in split(job_store, 3))
    assert job_store.fail_document(one.token, code="unreadable_document", detail="broken")
    assert not job_store.extend_lease(other.token)
    assert not job_store.finish_range(other.token, reading_key="x")
    assert job_store.get_job("acme", job.id).counts.failed == 1
    job_store.redrive("acme", job.id)
    assert claim_next(job_store).stage is Stage.READ


@pytest.mark.parametrize("ranges", [[], [(1, 5), (5, 9)], [(6, 9), (1, 5)]])
def test_ranges_ascend(job_store: SqlJobStore, ranges: list[tuple[int, int]]) -> None:
    job_store.create_job(new_job())
    lease = claim_next(job_store)
    with pytest.raises(InvalidRequest):
        job_store.split_into_ranges(
            lease.token, ranges=[PageRange(first=first, last=last) for first, last in ranges], page_count=9
        )
    read(job_store, lease)


def test_used_up_attempts_end_in_a_dead_letter(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = job_store.create_job(new_job(2)).job
    killer, neighbour = send(job_store)
    read(job_store, claim(job_store, neighbour))
    for attempt in range(1, RULES.max_attempts + 1):
        assert claim(job_store, killer).attempts == attempt
        job_clock.move(RULES.lease_s + 1)
    assert job_store.claim(killer) is ClaimRefusal.EXHAUSTED
    assert job_store.claim(killer) is ClaimRefusal.FINISHED
    (letter,) = job_store.due_dead_letters(limit=10)
    assert (letter.document_id, letter.stage, letter.job_id) == (killer.document_id, Stage.READ, job.id)
    (row,) = job_store.results_page("acme", job.id, cursor=0, limit=10)
    assert (row.status, row.error_code, row.error_detail) == ("failed", ATTEMPTS_EXHAUSTED, letter.reason)
    job_store.mark_dead_letters_sent([letter.id])
    assert job_store.due_dead_letters(limit=10) == ()
    finish_everything(job_store)
    job_store.redrive("acme", job.id)
    finish_everything(job_store)
    assert job_store.get_job("acme", job.id).counts.done == 2


def test_the_sweeper_ends_a_killer_as_well(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = job_store.create_job(new_job()).job
    for _ in range(RULES.max_attempts):
        claim_next(job_store)
        job_clock.move(RULES.lease_s + 1)
        swept = job_store.sweep()
    assert (swept.expired_leases, swept.exhausted) == (1, 1)
    assert job_store.get_job("acme", job.id).status is JobStatus.DONE
    assert len(job_store.due_dead_letters(limit=10)) == 1


def test_a_dead_workers_document_is_due_after_a_sweep(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job_store.create_job(new_job())
    claim_next(job_store)
    job_clock.move(RULES.lease_s + 1)
    assert send(job_store) == []
    assert job_store.sweep().expired_leases == 1
    assert job_store.sweep().expired_leases == 0
    assert claim_next(job_store).attempts == 2


def test_sweepers_do_not_disturb_each_other(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = job_store.create_job(new_job(20)).job
    for attempt in range(RULES.max_attempts):
        for message in send(job_store)[attempt:]:
            claim(job_store, message)
        job_clock.move(RULES.lease_s + 1)
        swept = together(4, lambda _: job_store.sweep())
        assert sum(each.expired_leases for each in swept) == 20 - attempt
        job_clock.move(RULES.resend_max_s)
    assert job_store.get_job("acme", job.id).counts.failed == len(sequences_of(job_store, job)) == 18
