"""Jobs in the store, over SQLite and PostgreSQL: made, shown, cancelled, redriven, ended."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.errors import IdempotencyMismatch, InvalidRequest, NotFound
from ocr_core.contracts.jobs import (
    JobStatus,
    NewJob,
    new_job_id,
)
from tests.support.job_stores import (
    HOUR_S,
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


def test_a_job_comes_back_as_it_was_made(job_store: SqlJobStore, job_clock: SetClock) -> None:
    made = job_store.create_job(new_job(3))
    assert made.created
    assert made.job == job_store.get_job("acme", made.job.id)
    assert made.job.status is JobStatus.QUEUED
    assert (made.job.counts.total, made.job.counts.queued) == (3, 3)
    assert made.job.created_at == job_clock.now()


def test_a_job_has_documents(job_store: SqlJobStore) -> None:
    with pytest.raises(InvalidRequest):
        job_store.create_job(new_job(0))


def test_another_tenants_job_does_not_exist(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job()).job
    for call in (
        lambda: job_store.get_job("other", job.id),
        lambda: job_store.results_page("other", job.id, cursor=0, limit=1),
        lambda: job_store.deliveries("other", job.id),
        lambda: job_store.cancel("other", job.id),
        lambda: job_store.redrive("other", job.id),
    ):
        with pytest.raises(NotFound):
            call()
    assert job_store.existing_jobs({job.id, new_job_id()}) == {job.id}


def test_the_same_key_gives_the_same_job(job_store: SqlJobStore) -> None:
    first = job_store.create_job(new_job(2, key="k"))
    again = job_store.create_job(new_job(2, key="k"))
    assert (again.created, again.job.id) == (False, first.job.id)
    assert job_store.create_job(new_job(2, key="k", tenant="other")).created
    with pytest.raises(IdempotencyMismatch):
        job_store.create_job(new_job(2, key="k", digest="another"))
    assert len(send(job_store)) == 4


def test_a_key_is_free_after_its_time(job_store: SqlJobStore, job_clock: SetClock) -> None:
    first = job_store.create_job(new_job(key="k"))
    job_clock.move(24 * HOUR_S + 1)
    second = job_store.create_job(new_job(key="k", digest="another"))
    assert second.created
    assert second.job.id != first.job.id
    job_clock.move(24 * HOUR_S + 1)
    assert job_store.sweep().expired_keys == 1


def test_32_at_once_with_one_key_make_one_job(job_store: SqlJobStore) -> None:
    answers = together(32, lambda _: job_store.create_job(new_job(3, key="k")))
    assert sum(answer.created for answer in answers) == 1
    assert len({answer.job.id for answer in answers}) == 1
    assert len(send(job_store)) == 3


def test_a_request_that_died_leaves_no_key_behind(job_store: SqlJobStore) -> None:
    broken = new_job(2, key="k")
    twice = NewJob(id=job_store.create_job(new_job()).job.id, tenant="acme", documents=broken.documents)
    with pytest.raises(sa.exc.IntegrityError):  # the id is taken: the transaction fails after the key went in
        job_store.create_job(
            NewJob(id=twice.id, tenant="acme", documents=twice.documents, idempotency=broken.idempotency)
        )
    assert job_store.create_job(broken).created


def test_a_jobs_end_is_announced_once_a_run(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = job_store.create_job(new_job(2, webhook=True)).job
    first, second = (claim(job_store, message) for message in send(job_store))
    job_store.fail_document(first.token, code="unreadable_document", detail="broken")
    assert job_store.deliveries("acme", job.id) == ()
    job_store.fail_document(second.token, code="password_required", detail="locked")
    (delivery,) = job_store.deliveries("acme", job.id)
    assert (delivery.run, delivery.counts.failed, delivery.finished_at) == (1, 2, job_clock.now())
    again = job_store.redrive("acme", job.id)
    assert (again.status, again.run, again.counts.queued, again.counts.failed) == (JobStatus.QUEUED, 2, 2, 0)
    finish_everything(job_store)
    assert [(each.run, each.counts.done) for each in job_store.deliveries("acme", job.id)] == [(1, 0), (2, 2)]
    rows = job_store.results_page("acme", job.id, cursor=0, limit=10)
    assert [(row.sequence, row.status, row.reference) for row in rows] == [
        (1, "failed", "r0"),
        (2, "failed", "r1"),
        (3, "done", "r0"),
        (4, "done", "r1"),
    ]
    assert (rows[1].error_code, rows[1].error_detail) == ("password_required", "locked")


def test_a_redrive_without_failures_changes_nothing(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job()).job
    finish_everything(job_store)
    ended = job_store.get_job("acme", job.id)
    assert job_store.redrive("acme", job.id) == ended
    job_store.create_job(new_job())
    cancelled = job_store.cancel("acme", job_store.create_job(new_job()).job.id)
    with pytest.raises(InvalidRequest):
        job_store.redrive("acme", cancelled.id)


def test_a_redrive_while_the_job_runs(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job(2, webhook=True)).job
    first, second = (claim(job_store, message) for message in send(job_store))
    job_store.fail_document(first.token, code="x", detail="y")
    assert job_store.redrive("acme", job.id).status is JobStatus.RUNNING
    read(job_store, second)
    finish_everything(job_store)
    assert job_store.get_job("acme", job.id).counts.done == 2
    assert [each.run for each in job_store.deliveries("acme", job.id)] == [2]


def test_cancelling_ends_what_has_not_ended(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = job_store.create_job(new_job(3, webhook=True)).job
    done, going, _ = (claim(job_store, message) for message in send(job_store))
    read(job_store, done)
    finish(job_store, claim_next(job_store))
    cancelled = job_store.cancel("acme", job.id)
    assert (cancelled.status, cancelled.finished_at) == (JobStatus.CANCELLED, job_clock.now())
    assert (cancelled.counts.done, cancelled.counts.cancelled, cancelled.counts.queued) == (1, 2, 0)
    assert not job_store.extend_lease(going.token)
    assert not job_store.finish_read(going.token, reading_key="x", page_count=1)
    assert send(job_store) == []
    assert sequences_of(job_store, job) == [1]
    assert job_store.cancel("acme", job.id) == cancelled
    assert job_store.deliveries("acme", job.id) == ()


def test_sequences_have_no_holes_when_documents_end_at_once(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job(24, webhook=True)).job
    for message in send(job_store):
        read(job_store, claim(job_store, message))
    leases = [claim(job_store, message) for message in send(job_store)]

    def end(number: int) -> bool:
        token = leases[number].token
        if number % 3 == 0:
            return job_store.fail_document(token, code="x", detail="y")
        return job_store.finish_document(token, result_key=str(number))

    assert all(together(24, end))
    assert sequences_of(job_store, job) == list(range(1, 25))
    ended = job_store.get_job("acme", job.id)
    assert (ended.status, ended.counts.done, ended.counts.failed, ended.last_sequence) == (JobStatus.DONE, 16, 8, 24)
    assert len(job_store.deliveries("acme", job.id)) == 1


def test_cancelling_while_documents_end(job_store: SqlJobStore) -> None:
    job = job_store.create_job(new_job(16)).job
    leases = [claim(job_store, message) for message in send(job_store)]

    def act(number: int) -> bool:
        if number == 8:
            return job_store.cancel("acme", job.id).status is JobStatus.CANCELLED
        return job_store.finish_read(leases[number].token, reading_key="x", page_count=1)

    together(16, act)
    assert send(job_store) == []
    assert job_store.get_job("acme", job.id).counts.cancelled == 16
