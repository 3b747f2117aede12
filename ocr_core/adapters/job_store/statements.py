"""The statements of a document's every step, made once.

Making one anew takes SQLAlchemy longer than the database takes to answer it. Parameters that name a row begin with
``the_``, since those called like columns are what is written.
"""

from __future__ import annotations

import sqlalchemy as sa

from ocr_core.adapters.database.metadata import UtcDateTime
from ocr_core.adapters.job_store.tables import documents, jobs, results, tasks
from ocr_core.contracts.jobs import JobStatus

_STAGE = sa.bindparam("the_stage", type_=sa.String)
_FIRST_PAGE = sa.bindparam("the_first_page", type_=sa.Integer)
_LAST_PAGE = sa.bindparam("the_last_page", type_=sa.Integer)
_TOKEN = sa.bindparam("the_token", type_=sa.String)
_TASK = sa.bindparam("the_task", type_=sa.Integer)
_ATTEMPTS = sa.bindparam("the_attempts", type_=sa.Integer)
_NOW = sa.bindparam("the_moment", type_=UtcDateTime)

FIND_WORK = (
    sa.select(
        tasks,
        documents.c.status.label("document_status"),
        documents.c.source,
        documents.c.reference,
        documents.c.file_name,
        documents.c.page_count,
        documents.c.reading_key,
        jobs.c.status.label("job_status"),
        jobs.c.schemas,
        jobs.c.formats,
        jobs.c.run,
    )
    .select_from(documents)
    .join(jobs, jobs.c.id == documents.c.job_id)
    .outerjoin(
        tasks,
        sa.and_(
            tasks.c.document_id == documents.c.id,
            tasks.c.stage == _STAGE,
            tasks.c.first_page == _FIRST_PAGE,
            tasks.c.last_page == _LAST_PAGE,
        ),
    )
    .where(documents.c.id == sa.bindparam("the_document"), documents.c.tenant == sa.bindparam("the_tenant"))
)
"""The document that a message names, its job, and its task, as far as they are there."""

START_JOB = (
    sa.update(jobs)
    .where(jobs.c.id == sa.bindparam("the_job"), jobs.c.status == JobStatus.QUEUED.value)
    .values(status=JobStatus.RUNNING.value)
)

LEASE_TASK = sa.update(tasks).where(
    # What was read before was not locked; the attempts tell whether anybody has claimed since.
    tasks.c.id == _TASK,
    tasks.c.attempts == _ATTEMPTS,
    sa.or_(tasks.c.lease_token.is_(None), tasks.c.lease_expires_at <= _NOW),
)
"""Writes what it is given, where nobody holds the task."""

EXTEND_LEASE = sa.update(tasks).where(tasks.c.lease_token == _TOKEN)

LEASED_TASK = sa.select(tasks).where(tasks.c.lease_token == _TOKEN)
"""The task that a token leases, not locked."""

LOCK_JOB = sa.select(jobs).where(jobs.c.id == sa.bindparam("the_job")).with_for_update()
"""A job's row, locked until the transaction ends (on SQLite the transaction is the lock)."""

END_TASK = sa.delete(tasks).where(tasks.c.id == _TASK, tasks.c.lease_token == _TOKEN)

CHANGE_DOCUMENT = sa.update(documents).where(documents.c.id == sa.bindparam("the_document"))
"""Writes what it is given."""

CHANGE_JOB = sa.update(jobs).where(jobs.c.id == sa.bindparam("the_job"))
"""Writes what it is given."""

ADD_RESULT = sa.insert(results)
ADD_TASK = sa.insert(tasks)
