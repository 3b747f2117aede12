"""Job stores for tests: over SQLite and PostgreSQL alike, under a clock that tests can set.

The fixtures are in every test's reach (tests/conftest.py); what takes one runs over both databases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Barrier
from typing import TypeVar

import pytest

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import (
    ClaimRefusal,
    IdempotencyKey,
    Job,
    Lease,
    NewDocument,
    NewJob,
    Stage,
    StoreRules,
    new_job_id,
)
from ocr_core.contracts.messages import StageMessage
from tests.support.databases import ready_postgres, ready_sqlite
from tests.support.postgres import fresh_database

Answer = TypeVar("Answer")
HOUR_S = 3_600.0

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


def send(store: JobStore, *, window: int = 1_000, limit: int = 1_000, ahead: int | None = None) -> list[StageMessage]:
    """What the dispatcher would send now, marked as sent."""
    dispatches = store.dispatchable(window=window, limit=limit, ahead=ahead).dispatches
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


def finish(store: JobStore, lease: Lease) -> None:
    """Finish a structured document."""
    assert store.finish_document(lease.token, result_key=f"results/{lease.token}.json")


def finish_everything(store: JobStore) -> None:
    """Work as one worker would until nothing is due."""
    while messages := send(store):
        for message in messages:
            lease = claim(store, message)
            (finish if lease.stage is Stage.STRUCTURE else read)(store, lease)


def sequences_of(store: JobStore, job: Job) -> list[int]:
    """The numbers of all its result lines."""
    return [row.sequence for row in store.results_page(job.tenant, job.id, cursor=0, limit=10_000)]


def together(count: int, work: Callable[[int], Answer]) -> list[Answer]:
    """Run the work in so many threads that begin at the same moment."""
    barrier = Barrier(count)

    def run(number: int) -> Answer:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@pytest.fixture(params=["sqlite", "postgresql"])
def job_database_server(request: pytest.FixtureRequest) -> str | None:
    """PostgreSQL's maintenance database; None stands for SQLite, which has no server."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def empty_job_database(job_database_server: str | None, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if job_database_server is None:
        yield f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    else:
        with fresh_database(job_database_server, "jobs") as url:
            yield url


@pytest.fixture
def job_database(job_database_server: str | None, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with its tables."""
    if job_database_server is None:
        yield ready_sqlite(tmp_path / "jobs.sqlite3")
    else:
        with ready_postgres(job_database_server, "jobs") as url:
            yield url


@pytest.fixture
def job_clock() -> SetClock:
    """The clock of ``job_store``."""
    return SetClock()


@pytest.fixture
def job_store(job_database: str, job_clock: SetClock) -> Iterator[SqlJobStore]:
    """A store of its own, with the rules above."""
    lots = Random(7)  # noqa: S311 - the same turns in every run
    with SqlJobStore(job_database, rules=RULES, clock=job_clock, pool_size=16, lots=lots) as opened:
        yield opened
