"""A seeded random walk over the job store: whatever is done in whatever order, counters equal rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa

from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.adapters.job_store.tables import documents, jobs, results, tasks, webhook_deliveries
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import DocumentStatus, JobStatus, Lease, PageRange, Stage
from ocr_core.contracts.messages import StageMessage
from tests.support.job_stores import RULES, SetClock, new_job, send

TENANTS = ("acme", "other")
STEPS = 400


class Walker:
    """Does one random thing after another to a store; keeps messages and leases, dead ones too, to use them again."""

    def __init__(self, store: SqlJobStore, clock: SetClock, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a walk, not a secret
        self._store = store
        self._clock = clock
        self.job_ids: list[tuple[str, str]] = []
        self._messages: list[StageMessage] = []
        self._leases: list[Lease] = []

    def step(self) -> None:
        """One thing."""
        actions: list[tuple[Callable[[], object], int]] = [
            (self._create, 2),
            (self._send, 8),
            (self._claim, 20),
            (self._work, 25),
            (self._fail, 3),
            (self._release, 3),
            (self._cancel, 1),
            (self._redrive, 2),
            (self._store.sweep, 3),
            (self._tick, 6),
        ]
        self._random.choices([action for action, _ in actions], [weight for _, weight in actions])[0]()

    def finish(self) -> None:
        """Work until nothing is left."""
        for _ in range(60):
            self._clock.move(RULES.lease_s + 1)
            self._store.sweep()
            self._messages = send(self._store)
            for message in self._messages:
                lease = self._store.claim(message)
                if isinstance(lease, Lease):
                    self._finish(lease)

    def _create(self) -> None:
        tenant = self._random.choice(TENANTS)
        job = new_job(self._random.randint(1, 4), tenant=tenant, key=str(self._random.randint(0, 30)), webhook=True)
        made = self._store.create_job(job)
        if made.created:
            self.job_ids.append((tenant, made.job.id))

    def _send(self) -> None:
        sent = send(self._store, window=self._random.choice([2, 50]), limit=20)
        self._messages += sent * self._random.choice([1, 1, 3])  # queues deliver twice, and out of order
        self._random.shuffle(self._messages)

    def _claim(self) -> None:
        if self._messages:
            message = self._messages.pop() if self._random.random() < 0.8 else self._random.choice(self._messages)
            lease = self._store.claim(message)
            if isinstance(lease, Lease):
                self._leases.append(lease)

    def _work(self) -> None:
        if self._leases:
            self._finish(self._random.choice(self._leases))

    def _finish(self, lease: Lease) -> None:
        self._store.extend_lease(lease.token)
        if lease.stage is Stage.STRUCTURE:
            self._store.finish_document(lease.token, result_key=lease.token)
        elif lease.stage is Stage.READ_RANGE:
            self._store.finish_range(lease.token, reading_key=lease.token)
        elif self._random.random() < 0.4:
            ranges = [PageRange(first=1, last=9), PageRange(first=10, last=12)]
            self._store.split_into_ranges(lease.token, ranges=ranges, page_count=12)
        else:
            self._store.finish_read(lease.token, reading_key=lease.token, page_count=1)

    def _fail(self) -> None:
        if self._leases:
            self._store.fail_document(self._random.choice(self._leases).token, code="x", detail="y")

    def _release(self) -> None:
        if self._leases:
            lease = self._random.choice(self._leases)
            self._store.release(
                lease.token, retry_after_s=self._random.choice([0, 20]), refund_attempt=self._random.random() < 0.5
            )

    def _cancel(self) -> None:
        if self.job_ids:
            self._store.cancel(*self._random.choice(self.job_ids))

    def _redrive(self) -> None:
        if self.job_ids:
            with suppress(InvalidRequest):  # it was cancelled
                self._store.redrive(*self._random.choice(self.job_ids))

    def _tick(self) -> None:
        self._clock.move(self._random.choice([1, 1, 10, 70, 3_600, -3_600]))


def check(url: str) -> None:
    """Every job's counters, sequence, state, work and deliveries agree with its rows."""
    database = Database(url)
    with database.reading() as connection:
        for job in connection.execute(sa.select(jobs)).all():
            of_job = documents.c.job_id == job.id
            statuses = Counter(row.status for row in connection.execute(sa.select(documents.c.status).where(of_job)))
            going = sum(count for status, count in statuses.items() if not DocumentStatus(status).ended)
            assert (job.total, job.queued) == (statuses.total(), going)
            assert (job.done, job.failed, job.cancelled) == tuple(
                statuses[status] for status in (DocumentStatus.DONE, DocumentStatus.FAILED, DocumentStatus.CANCELLED)
            )
            lines = connection.execute(sa.select(results).where(results.c.job_id == job.id)).all()
            assert sorted(line.sequence for line in lines) == list(range(1, job.last_sequence + 1))
            done = [line.document_id for line in lines if line.status == DocumentStatus.DONE]
            assert len(done) == len(set(done)) == job.done
            assert (job.status in {JobStatus.DONE, JobStatus.CANCELLED}) == (job.queued == 0)
            assert (job.finished_at is None) == (job.queued > 0)
            of_work = sa.select(tasks.c.document_id).distinct().where(tasks.c.job_id == job.id)
            assert len(connection.execute(of_work).all()) == going
            told = connection.execute(sa.select(webhook_deliveries.c.run).where(webhook_deliveries.c.job_id == job.id))
            assert (job.run in {row.run for row in told}) == (job.status == JobStatus.DONE)
    database.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_walk_keeps_the_books(job_database: str, seed: int) -> None:
    clock = SetClock()
    with SqlJobStore(job_database, rules=RULES, clock=clock) as store:
        walker = Walker(store, clock, seed)
        for number in range(STEPS):
            walker.step()
            if number % 50 == 0:
                check(job_database)
        walker.finish()
        check(job_database)
        assert send(store) == []
        assert all(store.get_job(*names).counts.queued == 0 for names in walker.job_ids)


def test_walkers_side_by_side_keep_the_books(job_database: str) -> None:
    """On PostgreSQL a deadlock would show as ``NotReady``."""
    clock = SetClock()
    with SqlJobStore(job_database, rules=RULES, clock=clock) as store:
        walkers = [Walker(store, clock, seed) for seed in range(6)]
        for walker in walkers:
            walker.job_ids = walkers[0].job_ids  # they cancel and redrive each other's

        def walk(walker: Walker) -> None:
            for _ in range(STEPS // 4):
                walker.step()

        with ThreadPoolExecutor(len(walkers)) as threads:
            list(threads.map(walk, walkers))
        check(job_database)
        walkers[0].finish()
        check(job_database)
        assert send(store) == []
