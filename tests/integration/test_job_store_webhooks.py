"""Webhook deliveries in the store, over SQLite and PostgreSQL."""

from __future__ import annotations

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import (
    Job,
)
from ocr_core.contracts.webhooks import DeliveryStatus
from tests.support.job_stores import (
    HOUR_S,
    SetClock,
    finish_everything,
    new_job,
    together,
)


def ended_job(job_store: JobStore) -> Job:
    job = job_store.create_job(new_job(webhook=True)).job
    finish_everything(job_store)
    return job


def test_a_delivery_is_tried_until_it_succeeds(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = ended_job(job_store)
    (first,) = job_store.claim_webhooks(limit=10, lease_s=30)
    assert (first.attempts, first.url, first.counts.done) == (1, "https://hooks.example/ocr", 1)
    assert job_store.claim_webhooks(limit=10, lease_s=30) == ()
    assert first.token is not None
    assert job_store.record_webhook(first.token, delivered=False, status_code=500, error="status 500", retry_after_s=60)
    (shown,) = job_store.deliveries("acme", job.id)
    assert (shown.status, shown.last_status_code, shown.token) == (DeliveryStatus.PENDING, 500, None)
    job_clock.move(61)
    (second,) = job_store.claim_webhooks(limit=10, lease_s=30)
    assert (second.id, second.attempts) == (first.id, 2)
    assert second.token is not None
    assert not job_store.record_webhook(first.token, delivered=True)
    assert job_store.record_webhook(second.token, delivered=True, status_code=204)
    (shown,) = job_store.deliveries("acme", job.id)
    assert (shown.status, shown.last_status_code, shown.next_at) == (DeliveryStatus.DELIVERED, 204, None)
    job_clock.move(HOUR_S)
    assert job_store.claim_webhooks(limit=10, lease_s=30) == ()


def test_a_dead_senders_delivery_is_claimed_again(job_store: SqlJobStore, job_clock: SetClock) -> None:
    job = ended_job(job_store)
    job_store.claim_webhooks(limit=10, lease_s=30)
    job_clock.move(-HOUR_S)
    assert job_store.sweep().cut_times == 1
    job_clock.move(31)
    (again,) = job_store.claim_webhooks(limit=10, lease_s=30)
    assert again.token is not None
    assert job_store.record_webhook(again.token, delivered=False, error="given up")
    assert job_store.deliveries("acme", job.id)[0].status is DeliveryStatus.FAILED


def test_senders_share_the_deliveries(job_store: SqlJobStore) -> None:
    for _ in range(6):
        ended_job(job_store)
    claimed = together(4, lambda _: job_store.claim_webhooks(limit=10, lease_s=30))
    assert len([each.id for batch in claimed for each in batch]) == 6
    assert len({each.id for batch in claimed for each in batch}) == 6
