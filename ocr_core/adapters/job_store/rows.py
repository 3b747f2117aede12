"""Rows to values."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from ocr_core.contracts.job_store import DeadLetter
from ocr_core.contracts.jobs import (
    DocumentStatus,
    Job,
    JobCounts,
    JobPriority,
    JobStatus,
    PageRange,
    ResultRow,
    Stage,
)
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import SchemaName
from ocr_core.contracts.trace_context import TraceOrigin
from ocr_core.contracts.webhooks import DeliveryStatus, WebhookDelivery

AnyRow = Row[Any]

_SEPARATOR = ","


def joined(words: tuple[SchemaName, ...] | tuple[OutputFormat, ...]) -> str:
    """Names as one column."""
    return _SEPARATOR.join(words)


def schemas_of(row: AnyRow) -> tuple[SchemaName, ...]:
    """A job row's schemas."""
    return tuple(SchemaName(word) for word in row.schemas.split(_SEPARATOR) if word)


def formats_of(row: AnyRow) -> tuple[OutputFormat, ...]:
    """A job row's further formats."""
    return tuple(OutputFormat(word) for word in row.formats.split(_SEPARATOR) if word)


def pages_of(row: AnyRow) -> PageRange | None:
    """A task's pages; null where it is for the whole document."""
    return PageRange(first=row.first_page, last=row.last_page) if row.first_page else None


def job_of(row: AnyRow) -> Job:
    """A row of ``jobs``."""
    return Job(
        id=row.id,
        tenant=row.tenant,
        status=JobStatus(row.status),
        priority=JobPriority(row.priority),
        schemas=schemas_of(row),
        formats=formats_of(row),
        webhook_url=row.webhook_url,
        run=row.run,
        counts=JobCounts(total=row.total, queued=row.queued, done=row.done, failed=row.failed, cancelled=row.cancelled),
        last_sequence=row.last_sequence,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def result_of(row: AnyRow) -> ResultRow:
    """A row of ``results`` joined with its document."""
    return ResultRow(
        sequence=row.sequence,
        document_id=row.document_id,
        run=row.run,
        position=row.position,
        reference=row.reference,
        file_name=row.file_name,
        status=DocumentStatus(row.status),
        result_key=row.result_key,
        error_code=row.error_code,
        error_detail=row.error_detail,
    )


def delivery_of(row: AnyRow, token: str | None = None) -> WebhookDelivery:
    """A row of ``webhook_deliveries``; the token only for the one who claimed it."""
    return WebhookDelivery(
        id=row.id,
        job_id=row.job_id,
        tenant=row.tenant,
        run=row.run,
        url=row.url,
        counts=JobCounts(total=row.total, queued=0, done=row.done, failed=row.failed, cancelled=row.cancelled),
        finished_at=row.finished_at,
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        next_at=row.next_at,
        last_status_code=row.last_status_code,
        last_error=row.last_error,
        token=token,
        origin=TraceOrigin.decode(row.trace_origin),
    )


def dead_letter_of(row: AnyRow) -> DeadLetter:
    """A row of ``dead_letters``."""
    return DeadLetter(
        id=row.id,
        tenant=row.tenant,
        job_id=row.job_id,
        document_id=row.document_id,
        run=row.run,
        stage=Stage(row.stage),
        pages=pages_of(row),
        reason=row.reason,
        created_at=row.created_at,
    )
