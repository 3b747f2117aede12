"""What the bulk API answers, as JSON and as ``/openapi.json`` tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ocr_core.contracts.jobs import Job, JobPriority, JobStatus
from ocr_core.contracts.webhooks import DeliveryStatus, WebhookDelivery


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class DocumentCounts(_Answer):
    """A job's documents by how they stand."""

    total: int
    queued: int = Field(description="All that have not ended, waiting or worked on.")
    done: int
    failed: int
    cancelled: int


class JobState(_Answer):
    """A job as it stands."""

    id: str = Field(examples=["job_0f8fad5bd9cb469fa16570867728950e"])
    status: JobStatus
    priority: JobPriority
    documents: DocumentCounts
    run: int = Field(description="1, and one more with every redrive.")
    created_at: datetime
    finished_at: datetime | None
    last_sequence: int = Field(description="The newest result line's number; 0 before the first.")

    @classmethod
    def of(cls, job: Job) -> JobState:
        """The job as callers see it."""
        return JobState.model_validate(_values(job))


class WebhookState(_Answer):
    """The news of one run's end on its way to the caller."""

    id: str = Field(description="The delivery's `webhook-id`, the same at every attempt.")
    run: int
    status: DeliveryStatus
    attempts: int
    next_at: datetime | None = Field(description="Of the next attempt; null once it has ended.")
    last_status_code: int | None
    last_error: str | None

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> Self:
        """The delivery as the job's owner sees it."""
        return cls(
            id=delivery.id,
            run=delivery.run,
            status=delivery.status,
            attempts=delivery.attempts,
            next_at=delivery.next_at,
            last_status_code=delivery.last_status_code,
            last_error=delivery.last_error,
        )


class JobDetails(JobState):
    """A job as it stands, with its webhooks."""

    webhooks: list[WebhookState] = Field(description="One for each run that has ended, oldest first.")

    @classmethod
    def with_webhooks(cls, job: Job, deliveries: tuple[WebhookDelivery, ...]) -> JobDetails:
        """The job and its deliveries."""
        webhooks = [WebhookState.of(delivery) for delivery in deliveries]
        return JobDetails.model_validate({**_values(job), "webhooks": webhooks})


class UploadTarget(_Answer):
    """Where one document may be put, and what a job is to call it then."""

    source: str = Field(description="For `documents[].source` of a job.", examples=["s3://bucket/uploads/…"])
    file_name: str | None
    url: str
    method: str = "PUT"
    headers: dict[str, str] = Field(description="To be sent with it.")
    expires_at: datetime


class UploadTargets(_Answer):
    """One target for each file, in the order in which they were named."""

    uploads: list[UploadTarget]


class ResultProblem(_Answer):
    """Why a document has no result, in the words of the sync API's problems."""

    code: str
    title: str
    status: int
    detail: str


class ResultLine(_Answer):
    """One line of the results; it has a `result` where it is `done`, an `error` where it is `failed`."""

    sequence: int = Field(description="Without holes, from 1, in the order in which documents ended: the cursor.")
    document_id: str
    reference: str | None
    file_name: str | None
    status: str = Field(json_schema_extra={"enum": ["done", "failed"]})


def _values(job: Job) -> dict[str, object]:
    counts = job.counts
    return {
        "id": job.id,
        "status": job.status,
        "priority": job.priority,
        "documents": DocumentCounts(
            total=counts.total,
            queued=counts.queued,
            done=counts.done,
            failed=counts.failed,
            cancelled=counts.cancelled,
        ),
        "run": job.run,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "last_sequence": job.last_sequence,
    }
