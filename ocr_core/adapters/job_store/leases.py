"""Work given out, kept alive, and handed back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.database.connection import Database, insert_all
from ocr_core.adapters.job_store.closing import close_document, drop_tasks, fail_exhausted, new_task, take_task
from ocr_core.adapters.job_store.rows import AnyRow, formats_of, pages_of, schemas_of
from ocr_core.adapters.job_store.statements import (
    ADD_TASK,
    CHANGE_DOCUMENT,
    EXTEND_LEASE,
    FIND_WORK,
    LEASE_TASK,
    START_JOB,
)
from ocr_core.adapters.job_store.tables import page_ranges, tasks
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import (
    ClaimRefusal,
    Clock,
    DocumentStatus,
    JobStatus,
    Lease,
    PageRange,
    Stage,
    StoreRules,
)
from ocr_core.contracts.messages import StageMessage


class SqlLeases:
    """``Leases`` in SQL."""

    def __init__(self, database: Database, clock: Clock, rules: StoreRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    def claim(self, message: StageMessage) -> Lease | ClaimRefusal:
        """See ``Leases``."""
        now = self._clock.now()
        with self._database.writing() as connection:
            found = connection.execute(FIND_WORK, _named_by(message)).one_or_none()
            refusal = _refusal(found, message, now)
            if refusal is not None or found is None:
                return refusal or ClaimRefusal.GONE
            if found.attempts >= self._rules.max_attempts:
                failed = fail_exhausted(connection, found, now=now)
                return ClaimRefusal.EXHAUSTED if failed else ClaimRefusal.LEASED
            return self._lease(connection, found, now)

    def _lease(self, connection: Connection, found: AnyRow, now: datetime) -> Lease | ClaimRefusal:
        token, expires_at = secrets.token_hex(16), now + timedelta(seconds=self._rules.lease_s)
        if found.job_status == JobStatus.QUEUED:
            connection.execute(START_JOB, {"the_job": found.job_id})
        values = {
            "the_task": found.id,
            "the_attempts": found.attempts,
            "the_moment": now,
            "lease_token": token,
            "lease_expires_at": expires_at,
            "attempts": found.attempts + 1,
            "sent": True,
            "send_count": 0,
        }
        if connection.execute(LEASE_TASK, values).rowcount != 1:
            return ClaimRefusal.LEASED
        structuring = found.stage == Stage.STRUCTURE
        status = (DocumentStatus.STRUCTURING if structuring else DocumentStatus.READING).value
        if found.document_status != status:
            connection.execute(CHANGE_DOCUMENT, {"the_document": found.document_id, "status": status})
        return Lease(
            token=token,
            stage=Stage(found.stage),
            document_id=found.document_id,
            job_id=found.job_id,
            tenant=found.tenant,
            run=found.run,
            attempts=found.attempts + 1,
            expires_at=expires_at,
            source=found.source,
            reference=found.reference,
            file_name=found.file_name,
            schemas=schemas_of(found),
            formats=formats_of(found),
            pages=pages_of(found),
            page_count=found.page_count,
            reading_keys=_reading_keys(connection, found) if structuring else (),
        )

    def extend_lease(self, token: str) -> bool:
        """See ``Leases``."""
        expires_at = self._clock.now() + timedelta(seconds=self._rules.lease_s)
        with self._database.writing() as connection:
            values = {"the_token": token, "lease_expires_at": expires_at}
            return connection.execute(EXTEND_LEASE, values).rowcount == 1

    def release(self, token: str, *, retry_after_s: float = 0.0, refund_attempt: bool = False) -> bool:
        """See ``Leases``."""
        wait_s = min(max(retry_after_s, 0.0), self._rules.max_retry_after_s)
        values = {
            "lease_token": None,
            "lease_expires_at": None,
            "sent": False,
            "next_send_at": self._clock.now() + timedelta(seconds=wait_s),
            "wait_s": wait_s,
        }
        statement = sa.update(tasks).where(tasks.c.lease_token == token)
        if refund_attempt:
            statement = statement.values(attempts=tasks.c.attempts - 1)
        with self._database.writing() as connection:
            return connection.execute(statement.values(values)).rowcount == 1

    def split_into_ranges(self, token: str, *, ranges: Sequence[PageRange], page_count: int) -> bool:
        """See ``Leases``."""
        if not ranges or any(before.last >= after.first for before, after in pairwise(ranges)):
            raise InvalidRequest("page ranges ascend and do not overlap")
        with self._database.writing() as connection:
            taken = take_task(connection, token, Stage.READ)
            if taken is None:
                return False
            task, job = taken
            now = self._clock.now()
            connection.execute(CHANGE_DOCUMENT, {"the_document": task.document_id, "page_count": page_count})
            parts = [
                {"document_id": task.document_id, "first_page": pages.first, "last_page": pages.last}
                for pages in ranges
            ]
            insert_all(connection, page_ranges, parts)
            work = [_next_task(task, job, Stage.READ_RANGE, now, pages) for pages in ranges]
            insert_all(connection, tasks, work)
            return True

    def finish_range(self, token: str, *, reading_key: str) -> bool:
        """See ``Leases``. The job's lock puts finishing ranges in a row, so that exactly one sees itself the last."""
        with self._database.writing() as connection:
            taken = take_task(connection, token, Stage.READ_RANGE)
            if taken is None:
                return False
            task, job = taken
            table = page_ranges.c
            part = sa.and_(table.document_id == task.document_id, table.first_page == task.first_page)
            connection.execute(sa.update(page_ranges).where(part), {"reading_key": reading_key})
            left = sa.select(tasks.c.id).where(tasks.c.document_id == task.document_id).limit(1)
            if connection.execute(left).first() is None:
                self._mark_read(connection, task, job, {})
            return True

    def finish_read(self, token: str, *, reading_key: str, page_count: int) -> bool:
        """See ``Leases``."""
        with self._database.writing() as connection:
            taken = take_task(connection, token, Stage.READ)
            if taken is None:
                return False
            self._mark_read(connection, *taken, {"reading_key": reading_key, "page_count": page_count})
            return True

    def _mark_read(self, connection: Connection, task: AnyRow, job: AnyRow, values: dict[str, object]) -> None:
        read = {"the_document": task.document_id, "status": DocumentStatus.READ.value, **values}
        connection.execute(CHANGE_DOCUMENT, read)
        connection.execute(ADD_TASK, _next_task(task, job, Stage.STRUCTURE, self._clock.now()))

    def finish_document(self, token: str, *, result_key: str) -> bool:
        """See ``Leases``."""
        with self._database.writing() as connection:
            taken = take_task(connection, token, Stage.STRUCTURE)
            if taken is None:
                return False
            task, job = taken
            close_document(connection, job, task.document_id, now=self._clock.now(), result_key=result_key)
            return True

    def fail_document(self, token: str, *, code: str, detail: str) -> bool:
        """See ``Leases``."""
        with self._database.writing() as connection:
            taken = take_task(connection, token, *Stage)
            if taken is None:
                return False
            task, job = taken
            if task.stage == Stage.READ_RANGE:
                drop_tasks(connection, task.document_id)
            close_document(connection, job, task.document_id, now=self._clock.now(), error=(code, detail))
            return True


def _named_by(message: StageMessage) -> dict[str, object]:
    """The parameters of ``FIND_WORK``."""
    first, last = (message.pages.first, message.pages.last) if message.pages else (0, 0)
    return {
        "the_document": message.document_id,
        "the_tenant": message.tenant,
        "the_stage": message.kind.value,
        "the_first_page": first,
        "the_last_page": last,
    }


def _refusal(found: AnyRow | None, message: StageMessage, now: datetime) -> ClaimRefusal | None:
    """Why the work is not given out; None where it may be."""
    if found is None:
        return ClaimRefusal.GONE
    if found.document_status == DocumentStatus.CANCELLED:
        return ClaimRefusal.CANCELLED
    if found.id is None:
        before_structure = found.document_status in {DocumentStatus.QUEUED, DocumentStatus.READING}
        early = message.kind is Stage.STRUCTURE and before_structure
        return ClaimRefusal.NOT_DUE if early else ClaimRefusal.FINISHED
    if found.lease_token is not None:
        return ClaimRefusal.LEASED if found.lease_expires_at > now else None
    waits = not found.sent and found.wait_s > 0 and found.next_send_at > now
    return ClaimRefusal.NOT_DUE if waits else None


def _next_task(
    task: AnyRow, job: AnyRow, stage: Stage, now: datetime, pages: PageRange | None = None
) -> dict[str, object]:
    return new_task(
        document_id=task.document_id,
        job_id=task.job_id,
        tenant=task.tenant,
        priority=job.priority,
        stage=stage,
        now=now,
        pages=pages,
    )


def _reading_keys(connection: Connection, found: AnyRow) -> tuple[str, ...]:
    """Where the document's readings are, in page order."""
    if found.reading_key is not None:
        return (found.reading_key,)
    table = page_ranges.c
    query = sa.select(table.reading_key).where(table.document_id == found.document_id).order_by(table.first_page)
    return tuple(row.reading_key for row in connection.execute(query))
