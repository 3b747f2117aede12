"""Jobs as the bulk API sees them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core import tracing
from ocr_core.adapters.database.connection import Database, insert_all
from ocr_core.adapters.job_store.closing import ENDED, lock_job, new_task
from ocr_core.adapters.job_store.letting_in import let_in
from ocr_core.adapters.job_store.rows import AnyRow, delivery_of, job_of, joined, result_of
from ocr_core.adapters.job_store.tables import (
    documents,
    idempotency_keys,
    jobs,
    page_ranges,
    results,
    tasks,
    webhook_deliveries,
)
from ocr_core.contracts.errors import IdempotencyMismatch, InvalidRequest, NotFound
from ocr_core.contracts.jobs import (
    Clock,
    CreatedJob,
    DocumentStatus,
    IdempotencyKey,
    Job,
    JobStatus,
    NewJob,
    ResultRow,
    Stage,
)
from ocr_core.contracts.webhooks import WebhookDelivery

MAX_IDS_AT_ONCE = 500


class SqlJobRecords:
    """``JobRecords`` in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create_job(self, new_job: NewJob) -> CreatedJob:
        """See ``JobRecords``. The key goes in first: of parallel requests the database lets one through."""
        if not new_job.documents:
            raise InvalidRequest("a job has at least one document")
        with self._database.writing() as connection:
            if new_job.idempotency is not None:
                earlier = self._take_key(connection, new_job, new_job.idempotency)
                if earlier is not None:
                    return CreatedJob(job=job_of(earlier), created=False)
            let_in(connection, new_job.tenant, count=len(new_job.documents), most=new_job.max_open_documents)
            self._insert(connection, new_job)
            return CreatedJob(job=job_of(_job_row(connection, new_job.tenant, new_job.id)), created=True)

    def _take_key(self, connection: Connection, new_job: NewJob, key: IdempotencyKey) -> AnyRow | None:
        """Take the key for this job; the row of the job that has it, where one has."""
        now = self._clock.now()
        table = idempotency_keys.c
        same = sa.and_(table.tenant == new_job.tenant, table.route == key.route, table.key == key.key)
        # Past its time the key is free, whether or not a sweep has been by.
        connection.execute(sa.delete(idempotency_keys).where(same, table.expires_at <= now))
        values = {
            "tenant": new_job.tenant,
            "route": key.route,
            "key": key.key,
            "body_digest": key.body_digest,
            "job_id": new_job.id,
            "expires_at": now + timedelta(seconds=key.keep_s),
        }
        if self._database.insert_if_absent(connection, idempotency_keys, values):
            return None
        earlier = connection.execute(sa.select(table.body_digest, table.job_id).where(same)).one()
        if earlier.body_digest != key.body_digest:
            raise IdempotencyMismatch("this idempotency key came before, with another body")
        return _job_row(connection, new_job.tenant, earlier.job_id)

    def _insert(self, connection: Connection, new_job: NewJob) -> None:
        now = self._clock.now()
        count = len(new_job.documents)
        job = {
            "id": new_job.id,
            "tenant": new_job.tenant,
            "status": JobStatus.QUEUED.value,
            "priority": new_job.priority.value,
            "schemas": joined(new_job.schemas),
            "formats": joined(new_job.formats),
            "webhook_url": new_job.webhook_url,
            "run": 1,
            "total": count,
            "queued": count,
            "done": 0,
            "failed": 0,
            "cancelled": 0,
            "last_sequence": 0,
            "created_at": now,
        }
        rows = [
            {
                "id": f"doc_{secrets.token_hex(16)}",
                "job_id": new_job.id,
                "tenant": new_job.tenant,
                "position": position,
                "source": document.source,
                "reference": document.reference,
                "file_name": document.file_name,
                "status": DocumentStatus.QUEUED.value,
            }
            for position, document in enumerate(new_job.documents)
        ]
        work = [
            new_task(
                document_id=str(row["id"]),
                job_id=new_job.id,
                tenant=new_job.tenant,
                priority=new_job.priority,
                stage=Stage.READ,
                now=now,
                apart=count > tracing.MAX_JOINED_DOCUMENTS,
            )
            for row in rows
        ]
        insert_all(connection, jobs, [job])
        insert_all(connection, documents, rows)
        insert_all(connection, tasks, work)

    def get_job(self, tenant: str, job_id: str) -> Job:
        """See ``JobRecords``."""
        with self._database.reading() as connection:
            return job_of(_job_row(connection, tenant, job_id))

    def results_page(self, tenant: str, job_id: str, *, cursor: int, limit: int) -> tuple[ResultRow, ...]:
        """See ``JobRecords``."""
        query = (
            sa.select(results, documents.c.position, documents.c.reference, documents.c.file_name)
            .join(documents, documents.c.id == results.c.document_id)
            .where(results.c.job_id == job_id, results.c.sequence > cursor)
            .order_by(results.c.sequence)
            .limit(limit)
        )
        with self._database.reading() as connection:
            _job_row(connection, tenant, job_id)
            return tuple(result_of(row) for row in connection.execute(query))

    def deliveries(self, tenant: str, job_id: str) -> tuple[WebhookDelivery, ...]:
        """See ``JobRecords``."""
        table = webhook_deliveries
        query = sa.select(table).where(table.c.job_id == job_id).order_by(table.c.run)
        with self._database.reading() as connection:
            _job_row(connection, tenant, job_id)
            return tuple(delivery_of(row) for row in connection.execute(query))

    def cancel(self, tenant: str, job_id: str) -> Job:
        """See ``JobRecords``."""
        with self._database.writing() as connection:
            _job_row(connection, tenant, job_id)
            job = lock_job(connection, job_id)
            if job.status in {JobStatus.QUEUED, JobStatus.RUNNING}:
                connection.execute(sa.delete(tasks).where(tasks.c.job_id == job_id))
                going = sa.and_(documents.c.job_id == job_id, documents.c.status.not_in(ENDED))
                connection.execute(sa.update(documents).where(going), {"status": DocumentStatus.CANCELLED.value})
                outcome = {
                    "status": JobStatus.CANCELLED.value,
                    "finished_at": self._clock.now(),
                    "cancelled": job.cancelled + job.queued,
                    "queued": 0,
                }
                connection.execute(sa.update(jobs).where(jobs.c.id == job_id), outcome)
            return job_of(_job_row(connection, tenant, job_id))

    def redrive(self, tenant: str, job_id: str, *, max_open_documents: int | None = None) -> Job:
        """See ``JobRecords``."""
        with self._database.writing() as connection:
            # The tenant's row is locked before the job's, as for a new job.
            failed = _job_row(connection, tenant, job_id).failed
            let_in(connection, tenant, count=failed, most=max_open_documents)
            job = lock_job(connection, job_id)
            if job.status == JobStatus.CANCELLED:
                raise InvalidRequest("the job was cancelled")
            if job.failed:
                self._queue_failed_again(connection, job)
            return job_of(_job_row(connection, tenant, job_id))

    def _queue_failed_again(self, connection: Connection, job: AnyRow) -> None:
        now = self._clock.now()
        failed = sa.and_(documents.c.job_id == job.id, documents.c.status == DocumentStatus.FAILED.value)
        query = sa.select(documents.c.id).where(failed).order_by(documents.c.position)
        work = [
            new_task(
                document_id=row.id,
                job_id=job.id,
                tenant=job.tenant,
                priority=job.priority,
                stage=Stage.READ,
                now=now,
                apart=job.failed > tracing.MAX_JOINED_DOCUMENTS,
            )
            for row in connection.execute(query)
        ]
        of_failed = page_ranges.c.document_id.in_(sa.select(documents.c.id).where(failed))
        connection.execute(sa.delete(page_ranges).where(of_failed))
        fresh = {"status": DocumentStatus.QUEUED.value, "reading_key": None, "error_code": None, "error_detail": None}
        connection.execute(sa.update(documents).where(failed), fresh)
        insert_all(connection, tasks, work)
        going_on = job.status == JobStatus.RUNNING
        again = {
            "status": (JobStatus.RUNNING if going_on else JobStatus.QUEUED).value,
            "run": job.run + 1,
            "queued": job.queued + len(work),
            "failed": job.failed - len(work),
            "finished_at": None,
        }
        connection.execute(sa.update(jobs).where(jobs.c.id == job.id), again)

    def existing_jobs(self, job_ids: Collection[str]) -> frozenset[str]:
        """See ``JobRecords``."""
        if len(job_ids) > MAX_IDS_AT_ONCE:
            raise ValueError(f"more than {MAX_IDS_AT_ONCE} ids at once")
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(jobs.c.id).where(jobs.c.id.in_(list(job_ids))))
            return frozenset(row.id for row in rows)


def _job_row(connection: Connection, tenant: str, job_id: str) -> AnyRow:
    """A tenant's job row; another tenant's job does not exist."""
    query = sa.select(jobs).where(jobs.c.id == job_id, jobs.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such job")
    return row
