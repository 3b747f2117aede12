"""What is sent, when and to whose turn, over SQLite and PostgreSQL; also when the clock jumps."""

from __future__ import annotations

from collections import Counter

import pytest

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.jobs import (
    ClaimRefusal,
    JobPriority,
    JobStatus,
    NewDocument,
    NewJob,
    Stage,
    new_job_id,
)
from tests.support.job_stores import (
    HOUR_S,
    SetClock,
    claim,
    finish,
    finish_everything,
    new_job,
    read,
    send,
    sequences_of,
)


def test_what_shows_no_lease_is_sent_again_with_back_off(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job_store.create_job(new_job())
    waits_s = []
    send(job_store)
    for _ in range(4):
        waited_s = 0
        while not (again := job_store.dispatchable(window=10, limit=10).dispatches):
            job_clock.move(1)
            waited_s += 1
        job_store.mark_sent(again)
        waits_s.append(waited_s)
    assert waits_s == [30, 60, 100, 100]


def test_a_window_bounds_what_a_tenant_has_in_flight(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job(10))
    first = send(job_store, window=4)
    assert len(first) == 4
    assert send(job_store, window=4) == []
    lease = claim(job_store, first[0])
    assert send(job_store, window=4) == []
    read(job_store, lease)
    (following,) = send(job_store, window=4)
    assert following.kind is Stage.STRUCTURE  # work begun goes first
    finish(job_store, claim(job_store, following))
    (following,) = send(job_store, window=4)
    assert following.kind is Stage.READ


def test_reads_that_nobody_has_taken_up_are_bounded_over_all_tenants(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job(10, tenant="flood"))
    job_store.create_job(new_job(10, tenant="other"))
    first = send(job_store, ahead=4)
    assert sorted(message.tenant for message in first) == ["flood", "flood", "other", "other"]
    assert send(job_store, ahead=4) == []
    lease = claim(job_store, first[0])
    (another,) = send(job_store, ahead=4)
    assert another.kind is Stage.READ
    read(job_store, lease)
    (structure,) = send(job_store, ahead=4)  # never held back
    assert structure.kind is Stage.STRUCTURE
    assert send(job_store, ahead=4) == []


def test_tenants_take_turns(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job(50, tenant="flood"))
    job_store.create_job(new_job(2, tenant="quiet"))
    job_store.create_job(new_job(2, tenant="still"))
    tenants = [message.tenant for message in send(job_store, window=20, limit=7)]
    assert set(tenants[:3]) == {"flood", "quiet", "still"}
    assert tenants[3:] == [*tenants[:3], "flood"]
    job_store.create_job(new_job(1, tenant="quiet"))
    assert [message.tenant for message in send(job_store, window=20, limit=2)] == ["quiet", "flood"]


def test_each_of_many_tenants_gets_its_share_of_a_few_places(job_store: SqlJobStore) -> None:
    names = [f"tenant-{number:02}" for number in range(12)]
    for name in names:
        job_store.create_job(new_job(100, tenant=name))
    read_of: Counter[str] = Counter()
    for _ in range(120):
        messages = send(job_store, ahead=2)
        assert len(messages) == 2
        for message in messages:
            job_store.fail_document(claim(job_store, message).token, code="unreadable_document", detail="")
            read_of[message.tenant] += 1
    assert min(read_of[name] for name in names) >= 8


@pytest.mark.parametrize("lost", [4, 8])
def test_reads_that_nobody_can_take_up_do_not_stop_another_tenant(job_store: SqlJobStore, lost: int) -> None:
    job_store.create_job(new_job(lost, tenant="broken"))
    assert len(send(job_store, ahead=lost)) == lost
    job_store.create_job(new_job(20, tenant="healthy"))
    for _ in range(20):
        (message,) = send(job_store, ahead=4)  # its own is taken up by then: the next one goes
        assert send(job_store, ahead=4) == []
        job_store.fail_document(claim(job_store, message).token, code="unreadable_document", detail="")


def test_some_reads_go_whatever_lies_there(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job(10))
    assert len(send(job_store, ahead=4)) == 4
    due = job_store.dispatchable(window=10, limit=10, ahead=4, at_least=2)
    assert (len(due.dispatches), len(due.reads_lying)) == (2, 4)


def test_structure_work_goes_where_no_read_has_a_place(job_store: SqlJobStore) -> None:
    for name in ("first", "second", "third"):
        job_store.create_job(new_job(2, tenant=name))
    for message in send(job_store, ahead=3):
        read(job_store, claim(job_store, message))
    kinds = [message.kind for message in send(job_store, ahead=0)]
    assert sorted(kinds) == [Stage.READ, *[Stage.STRUCTURE] * 3]


def test_low_jobs_wait_for_normal_ones(job_store: SqlJobStore) -> None:
    low = NewJob(
        id=new_job_id(), tenant="acme", documents=(NewDocument(source="s3://inbox/low"),), priority=JobPriority.LOW
    )
    job_store.create_job(low)
    job_store.create_job(new_job(2))
    sources = [claim(job_store, message).source for message in send(job_store)]
    assert sources == ["s3://inbox/0.pdf", "s3://inbox/1.pdf", "s3://inbox/low"]


def test_marking_comes_too_late_for_work_that_was_claimed(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job())
    dispatches = job_store.dispatchable(window=10, limit=10).dispatches
    lease = claim(job_store, dispatches[0].message)  # the queue was faster than the dispatcher's own note
    job_store.release(lease.token)
    job_store.mark_sent(dispatches)
    assert len(job_store.dispatchable(window=10, limit=10).dispatches) == 1
    job_store.mark_sent([])


def test_marking_comes_too_late_for_work_that_was_claimed_and_given_back(
    job_store: SqlJobStore, job_clock: SetClock
) -> None:
    job_store.create_job(new_job())
    dispatches = job_store.dispatchable(window=10, limit=10).dispatches
    lease = claim(job_store, dispatches[0].message)
    job_store.release(lease.token, retry_after_s=20, refund_attempt=True)  # the count is what it was
    job_store.mark_sent(dispatches)
    assert send(job_store) == []
    job_clock.move(20)
    assert len(send(job_store)) == 1


def test_the_backlog_by_stage(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job_store.create_job(new_job(3))
    job_clock.move(7)
    read(job_store, claim(job_store, send(job_store, window=2)[0]))
    reads, ranges, structures = job_store.backlog()
    assert (reads.stage, reads.waiting, reads.in_flight, reads.oldest_s) == (Stage.READ, 1, 1, 7.0)
    assert (ranges.waiting, ranges.in_flight, ranges.oldest_s) == (0, 0, 0.0)
    assert (structures.waiting, structures.oldest_s) == (1, 0.0)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_jumps_loses_and_doubles_nothing(
    job_store: SqlJobStore, job_clock: SetClock, jump_s: float
) -> None:
    job = job_store.create_job(new_job(4, webhook=True)).job
    waiting, leased, released, finished = send(job_store)
    lease = claim(job_store, leased)
    job_store.release(claim(job_store, released).token, retry_after_s=20)
    read(job_store, claim(job_store, finished))
    job_clock.move(jump_s)
    swept = job_store.sweep()
    assert (swept.cut_times > 0) == (jump_s < 0)
    # Whoever worked through the jump may be overtaken, but then finishes nothing.
    ours = job_store.finish_read(lease.token, reading_key="x", page_count=1)
    assert ours == (jump_s < 0)
    for _ in range(20):
        job_clock.move(20)
        job_store.sweep()
        finish_everything(job_store)
    ended = job_store.get_job("acme", job.id)
    assert (ended.status, ended.counts.done) == (JobStatus.DONE, 4)
    assert sequences_of(job_store, job) == [1, 2, 3, 4]
    assert job_store.claim(waiting) is ClaimRefusal.FINISHED


def test_after_a_jump_backwards_nothing_waits_longer_than_it_was_to(
    job_store: SqlJobStore, job_clock: SetClock
) -> None:
    job_store.create_job(new_job(3))
    untouched, dead, released = send(job_store)
    claim(job_store, dead)
    job_store.release(claim(job_store, released).token, retry_after_s=20)
    job_clock.move(-HOUR_S)
    assert job_store.sweep().cut_times == 4  # three times of sending and a lease
    assert job_store.sweep().cut_times == 0
    job_clock.move(20)
    assert send(job_store) == [released]
    job_clock.move(10)
    assert send(job_store) == [untouched]
    job_clock.move(30)
    assert job_store.sweep().expired_leases == 1
    assert dead in send(job_store)
