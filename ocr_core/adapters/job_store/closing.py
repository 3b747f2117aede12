"""How work ends and begins, inside a transaction.

Locks are taken in one order, job, task, document, so that PostgreSQL never has to break a deadlock. Whatever makes,
ends or drops work holds the job's lock; a heartbeat, a release and a dispatch touch a single task, a claim also the
state of its document and job.
"""

from __future__ import annotations

import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core import tracing
from ocr_core.adapters.job_store.rows import AnyRow
from ocr_core.adapters.job_store.statements import (
    ADD_RESULT,
    CHANGE_DOCUMENT,
    CHANGE_JOB,
    END_TASK,
    LEASED_TASK,
    LOCK_JOB,
)
from ocr_core.adapters.job_store.tables import dead_letters, tasks, webhook_deliveries
from ocr_core.contracts.errors import NotFound
from ocr_core.contracts.jobs import (
    ATTEMPTS_EXHAUSTED,
    DocumentStatus,
    JobPriority,
    JobStatus,
    PageRange,
    Stage,
)
from ocr_core.contracts.webhooks import DeliveryStatus

ENDED = tuple(status.value for status in DocumentStatus if status.ended)

_STAGE_RANKS = {Stage.STRUCTURE: 0, Stage.READ_RANGE: 2, Stage.READ: 4}


def ranks_of(stage: Stage) -> tuple[int, int]:
    """Of its normal work and of its low."""
    return _STAGE_RANKS[stage], _STAGE_RANKS[stage] + 1


def new_task(
    *,
    document_id: str,
    job_id: str,
    tenant: str,
    priority: str,
    stage: Stage,
    now: datetime,
    pages: PageRange | None = None,
    apart: bool = False,
) -> dict[str, object]:
    """A row of ``tasks``, due at once. Work begun ranks before new documents, normal before low.

    It belongs to the trace that is current here, or ``apart``, to one of its own that is linked to it.
    """
    return {
        "document_id": document_id,
        "job_id": job_id,
        "tenant": tenant,
        "stage": stage.value,
        "first_page": pages.first if pages else 0,
        "last_page": pages.last if pages else 0,
        "rank": _STAGE_RANKS[stage] + (1 if priority == JobPriority.LOW else 0),
        "attempts": 0,
        "sent": False,
        "send_count": 0,
        "next_send_at": now,
        "wait_s": 0.0,
        "created_at": now,
        "trace_origin": tracing.origin(apart=apart),
    }


def lock_job(connection: Connection, job_id: str) -> AnyRow:
    """The job's row, locked until the transaction ends (on SQLite the transaction is the lock).

    Raises:
        NotFound: it has been deleted meanwhile, with its tenant.
    """
    row = connection.execute(LOCK_JOB, {"the_job": job_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such job")
    return row


def task_of(connection: Connection, token: str) -> AnyRow | None:
    """The task that a token leases, not locked."""
    return connection.execute(LEASED_TASK, {"the_token": token}).one_or_none()


def take_task(connection: Connection, token: str, *stages: Stage) -> tuple[AnyRow, AnyRow] | None:
    """Lock the job, then end the task that the token leases.

    Returns:
        The task as it was and the job; None, with nothing written, where the token leases no task of these stages.
    """
    task = task_of(connection, token)
    if task is None or task.stage not in stages:
        return None
    try:
        job = lock_job(connection, task.job_id)
    except NotFound:
        return None
    ended = connection.execute(END_TASK, {"the_task": task.id, "the_token": token})
    return (task, job) if ended.rowcount == 1 else None


def close_document(
    connection: Connection,
    job: AnyRow,
    document_id: str,
    *,
    now: datetime,
    result_key: str | None = None,
    error: tuple[str, str] | None = None,
) -> None:
    """End a document: its state, its result line, the job's counters, and what follows if it was the job's last.

    Args:
        connection: Holds the lock of ``job``.
        job: Its row.
        document_id: Has not ended.
        now: The moment.
        result_key: Where the result is, for a document that is done.
        error: Code and detail, for one that failed.
    """
    status = DocumentStatus.FAILED if error else DocumentStatus.DONE
    code, detail = error or (None, None)
    outcome = {"status": status.value, "result_key": result_key, "error_code": code, "error_detail": detail}
    sequence, last = job.last_sequence + 1, job.queued == 1
    connection.execute(CHANGE_DOCUMENT, {"the_document": document_id, **outcome})
    connection.execute(
        ADD_RESULT,
        {"job_id": job.id, "sequence": sequence, "document_id": document_id, "run": job.run, **outcome},
    )
    counts = {"queued": job.queued - 1, "done": job.done + (not error), "failed": job.failed + bool(error)}
    connection.execute(
        CHANGE_JOB,
        {
            "the_job": job.id,
            "last_sequence": sequence,
            "status": (JobStatus.DONE if last else JobStatus.RUNNING).value,
            "finished_at": now if last else None,
            **counts,
        },
    )
    if last and job.webhook_url:
        _announce(connection, job, counts, now)


def fail_exhausted(connection: Connection, task: AnyRow, *, now: datetime) -> bool:
    """Fail the document of a task whose attempts are used up and whose lease has ended, and write its dead letter.

    Returns:
        False, with nothing written, where the task has been claimed or ended meanwhile.
    """
    try:
        job = lock_job(connection, task.job_id)
    except NotFound:
        return False
    same_lease = tasks.c.lease_token.is_(None) if task.lease_token is None else tasks.c.lease_token == task.lease_token
    unchanged = sa.delete(tasks).where(tasks.c.id == task.id, tasks.c.attempts == task.attempts, same_lease)
    if connection.execute(unchanged).rowcount != 1:
        return False
    drop_tasks(connection, task.document_id)
    reason = f"none of {task.attempts} attempts at stage '{task.stage}' came to an end"
    connection.execute(
        sa.insert(dead_letters),
        {
            "id": f"dead_{secrets.token_hex(16)}",
            "tenant": task.tenant,
            "job_id": task.job_id,
            "document_id": task.document_id,
            "run": job.run,
            "stage": task.stage,
            "first_page": task.first_page,
            "last_page": task.last_page,
            "reason": reason,
            "created_at": now,
        },
    )
    close_document(connection, job, task.document_id, now=now, error=(ATTEMPTS_EXHAUSTED, reason))
    return True


def drop_tasks(connection: Connection, document_id: str) -> None:
    """End what other work there is on a document: the other ranges of one that was split."""
    connection.execute(sa.delete(tasks).where(tasks.c.document_id == document_id))


def _announce(connection: Connection, job: AnyRow, counts: dict[str, int], now: datetime) -> None:
    connection.execute(
        sa.insert(webhook_deliveries),
        {
            "id": f"msg_{secrets.token_hex(16)}",
            "job_id": job.id,
            "tenant": job.tenant,
            "run": job.run,
            "url": job.webhook_url,
            "total": job.total,
            "done": counts["done"],
            "failed": counts["failed"],
            "cancelled": job.cancelled,
            "finished_at": now,
            "status": DeliveryStatus.PENDING.value,
            "attempts": 0,
            "next_at": now,
            "wait_s": 0.0,
            "trace_origin": tracing.origin(apart=job.total > tracing.MAX_JOINED_DOCUMENTS),
        },
    )
