"""Job stores for tests: over SQLite and PostgreSQL alike, under a clock that tests can set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import ClaimRefusal, IdempotencyKey, Lease, NewDocument, NewJob, StoreRules, new_job_id
from ocr_core.contracts.messages import StageMessage

RULES = StoreRules(lease_s=60, max_attempts=3, resend_first_s=30, resend_max_s=100, max_retry_after_s=600)


class SetClock:
    """A wall clock that stands until it is moved."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._now

    def move(self, seconds: float) -> None:
        """Forwards, or backwards."""
        self._now += timedelta(seconds=seconds)


def new_job(
    count: int = 1, *, tenant: str = "acme", key: str | None = None, digest: str = "d", webhook: bool = False
) -> NewJob:
    """A job of so many documents."""
    return NewJob(
        id=new_job_id(),
        tenant=tenant,
        documents=tuple(NewDocument(source=f"s3://inbox/{n}.pdf", reference=f"r{n}") for n in range(count)),
        webhook_url="https://hooks.example/ocr" if webhook else None,
        idempotency=IdempotencyKey(route="POST /v1/jobs", key=key, body_digest=digest) if key else None,
    )


def send(store: JobStore, *, window: int = 1_000, limit: int = 1_000) -> list[StageMessage]:
    """What the dispatcher would send now, marked as sent."""
    dispatches = store.dispatchable(window=window, limit=limit)
    store.mark_sent(dispatches)
    return [dispatch.message for dispatch in dispatches]


def claim(store: JobStore, message: StageMessage) -> Lease:
    """The lease, which is expected to be given."""
    lease = store.claim(message)
    assert not isinstance(lease, ClaimRefusal), lease
    return lease


def claim_next(store: JobStore) -> Lease:
    """The lease on the one piece of work that is due."""
    (message,) = send(store)
    return claim(store, message)


def read(store: JobStore, lease: Lease) -> None:
    """Finish a read."""
    assert store.finish_read(lease.token, reading_key=f"readings/{lease.token}", page_count=2)
