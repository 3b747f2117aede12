"""Old jobs go with all that is theirs, over SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.adapters.job_store.tables import metadata
from ocr_core.contracts.errors import NotFound
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
    together,
)

KEEP_S = 48 * HOUR_S


def rows_of(url: str) -> dict[str, int]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        counts = {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table.name not in {"installation", "tenants", "api_keys", "audit_events"}
        }
    engine.dispose()
    return counts


def is_there(job_store: SqlJobStore, job_id: str) -> bool:
    try:
        job_store.get_job("acme", job_id)
    except NotFound:
        return False
    return True


def test_a_job_goes_when_it_has_ended_long_enough_ago(
    job_store: SqlJobStore, job_database: str, job_clock: SetClock
) -> None:
    old = job_store.create_job(new_job(3, key="k", webhook=True)).job
    finish_everything(job_store)
    cancelled = job_store.create_job(new_job(2)).job
    job_store.cancel("acme", cancelled.id)
    job_clock.move(KEEP_S - 1)
    going = job_store.create_job(new_job(2)).job
    assert job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=100) == 0
    job_clock.move(2)
    assert job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=100) == 2
    assert [is_there(job_store, job.id) for job in (old, cancelled, going)] == [False, False, True]
    assert rows_of(job_database) == {
        "jobs": 1,
        "documents": 2,
        "tasks": 2,
        "page_ranges": 0,
        "results": 0,
        "idempotency_keys": 0,
        "webhook_deliveries": 0,
        "dead_letters": 0,
        "stored_documents": 0,
        "document_corrections": 0,
    }
    finish_everything(job_store)
    job_clock.move(KEEP_S)
    assert job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=100) == 1


def test_a_redriven_job_counts_from_its_last_end(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = job_store.create_job(new_job()).job
    assert job_store.fail_document(claim_next(job_store).token, code="not_ready", detail="away")
    job_clock.move(KEEP_S + 1)
    job_store.redrive("acme", job.id)
    assert job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=100) == 0
    finish_everything(job_store)
    assert job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=100) == 0
    job_clock.move(KEEP_S + 1)
    assert job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=100) == 1


def test_a_step_is_bounded_and_a_large_job_goes_in_one_piece(job_store: SqlJobStore, job_clock: SetClock) -> None:
    for count in (2, 2, 9, 1):
        job_store.create_job(new_job(count))
        finish_everything(job_store)
        job_clock.move(1)
    job_clock.move(KEEP_S)
    deleted = [job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=4) for _ in range(4)]
    assert deleted == [2, 1, 1, 0]


def test_two_at_once_delete_each_job_once(job_store: SqlJobStore, job_clock: SetClock) -> None:
    for _ in range(20):
        job_store.create_job(new_job())
    finish_everything(job_store)
    job_clock.move(KEEP_S + 1)
    deleted = together(4, lambda _: job_store.delete_old_jobs(keep_s=KEEP_S, max_documents=100))
    # Who finds a row held by another leaves it to them.
    assert sum(deleted) == 20


def test_documents_that_have_not_ended_are_told(job_store: SqlJobStore) -> None:
    job_store.create_job(new_job(3))
    first, second, third = (claim(job_store, message) for message in send(job_store))
    read(job_store, first)
    assert job_store.fail_document(second.token, code="not_found", detail="gone")
    ids = [lease.document_id for lease in (first, second, third)]
    assert job_store.unfinished_documents([*ids, "doc_unknown"]) == {first.document_id, third.document_id}
    finish(job_store, claim_next(job_store))
    assert job_store.unfinished_documents(ids) == {third.document_id}


def test_deliveries_to_a_busy_receiver_are_left_for_later(job_store: SqlJobStore) -> None:
    for _ in range(3):
        job_store.create_job(new_job(webhook=True))
    finish_everything(job_store)
    origin = "https://hooks.example"
    assert job_store.claim_webhooks(limit=10, lease_s=30, skip_origins=[origin]) == ()
    assert job_store.claim_webhooks(limit=10, lease_s=30, skip_tenants=["acme"]) == ()
    assert len(job_store.claim_webhooks(limit=1, lease_s=30, skip_origins=["https://hooks.exam"])) == 1
    assert len(job_store.claim_webhooks(limit=10, lease_s=30, skip_origins=["https://h"], skip_tenants=["x"])) == 2
