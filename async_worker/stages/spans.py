"""What an attempt tells of its message and its work: its span, and how long the message lay in the queue."""

from __future__ import annotations

import time

from async_worker.stages.metrics import StageMetrics
from ocr_core import tracing
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.queues import Delivery
from ocr_core.telemetry import observe


def span_of(delivery: Delivery, lease: Lease) -> tracing.Span:
    """From the claim to the end, as part of the span that the message was sent by."""
    if not tracing.is_on():
        return tracing.NO_SPAN
    pages = lease.pages
    facts: tracing.Facts = {
        "messaging.system": "aws_sqs",
        "messaging.message.id": delivery.message_id,
        "ocr.tenant": lease.tenant,
        "ocr.job_id": lease.job_id,
        "ocr.document_id": lease.document_id,
        "ocr.attempt": lease.attempts,
        "ocr.receives": delivery.receive_count,
        "ocr.first_page": None if pages is None else pages.first,
        "ocr.last_page": None if pages is None else pages.last,
    }
    return tracing.span(f"process {lease.stage.value}", facts, kind=tracing.Kind.CONSUMER, parent=delivery.trace)


def note_wait(delivery: Delivery, lease: Lease, metrics: StageMetrics) -> None:
    """How long the message lay in its queue, by two clocks: the queue's and ours."""
    if delivery.sent_at_s is not None:
        wait_s = max(0.0, time.time() - delivery.sent_at_s)
        observe(metrics.queue_wait.labels(lease.stage.value), wait_s)
