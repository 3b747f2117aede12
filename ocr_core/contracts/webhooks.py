"""The news of a job's end on its way to the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocr_core.contracts.jobs import JobCounts
from ocr_core.contracts.trace_context import TraceOrigin


class DeliveryStatus(StrEnum):
    """Where a webhook delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """The news that a job's run has ended, on its way to the caller."""

    id: str
    """``msg_…``, the same at every attempt: the receiver's means to tell repeats."""
    job_id: str
    tenant: str
    run: int
    url: str
    counts: JobCounts
    """As they stood when that run ended."""
    finished_at: datetime
    status: DeliveryStatus
    attempts: int
    next_at: datetime | None
    """Null once it has ended."""
    last_status_code: int | None
    last_error: str | None
    token: str | None = None
    """Of the claim; only in what ``claim_webhooks`` returns."""
    origin: TraceOrigin | None = None
    """The work that ended the job."""
