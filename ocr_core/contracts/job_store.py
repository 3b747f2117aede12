"""The job store: what the bulk road asks of its database.

The database is the truth and the queue only a hint. Work is given out as leases; every write of finished work is
compare-and-set on the lease's token, and a write that comes too late changes nothing and answers ``False``.

Every method is one transaction, may be called from any thread, blocks, and raises ``NotReady`` where the database does
not answer; then nothing was written, or the caller cannot know, and repeating it is safe.

::

    create_job ─► dispatchable ─► (queue) ─► claim ─┬► split_into_ranges ─► dispatchable …
                      ▲   └ mark_sent               ├► finish_range   the last one: document read ─► dispatchable …
                      │                             ├► finish_read    document read ─► dispatchable …
                      ├──── release ◄───────────────┼► finish_document ┐ result line, counters,
                      └──── sweep                   └► fail_document   ┘ job done, webhook delivery
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ocr_core.contracts.jobs import (
    ClaimRefusal,
    CreatedJob,
    Job,
    Lease,
    NewJob,
    PageRange,
    ResultRow,
    Stage,
)
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.trace_context import TraceOrigin
from ocr_core.contracts.webhooks import WebhookDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A message that is due to be sent; hand the same value to ``mark_sent`` once the queue has taken it."""

    message: StageMessage
    task_id: int
    attempts: int
    send_count: int
    """How often it has been sent without a lease to show for it."""
    next_send_at: datetime
    """As it stood when this was read: whatever has happened to the work since has moved it or the counts."""
    origin: TraceOrigin | None = None
    """What the work came of, where tracing was on."""

    @property
    def again(self) -> bool:
        """Whether it was sent or begun before."""
        return self.attempts > 0 or self.send_count > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWork:
    """The answer to ``dispatchable``."""

    dispatches: tuple[Dispatch, ...] = ()
    in_flight: int = 0
    """Pieces of all tenants that were sent or leased already."""
    reads_lying: frozenset[int] = frozenset()
    """The reads, by task id, that were sent before and that nobody has taken up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A document that killed its every attempt, to be sent to the dead-letter queue."""

    id: str
    tenant: str
    job_id: str
    document_id: str
    run: int
    stage: Stage
    pages: PageRange | None
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How much work of one stage there is, for metrics and scaling."""

    stage: Stage
    waiting: int
    """Not sent to the queue yet, or waiting out a back-off."""
    in_flight: int
    """Sent or leased."""
    oldest_s: float
    """Age of the oldest piece that is not leased; 0 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep put right."""

    expired_leases: int
    exhausted: int
    cut_times: int
    """Leases and sending times that lay further ahead than their own length: the clock had jumped."""
    expired_keys: int


class JobRecords(Protocol):
    """What the bulk API asks."""

    def create_job(self, new_job: NewJob) -> CreatedJob:
        """Store a job, its documents and its idempotency key together, or return the job that the key made before.

        Raises:
            InvalidRequest: the job has no documents.
            IdempotencyMismatch: the key came before with another digest.
            QuotaExceeded: the tenant would have more than ``max_open_documents`` that have not ended.
            Forbidden: the tenant is being deleted.
        """
        ...

    def get_job(self, tenant: str, job_id: str) -> Job:
        """A tenant's job.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        ...

    def results_page(self, tenant: str, job_id: str, *, cursor: int, limit: int) -> tuple[ResultRow, ...]:
        """Result lines with a sequence above the cursor, ascending, at most ``limit``; none: no news yet.

        Raises:
            NotFound: as for ``get_job``.
        """
        ...

    def deliveries(self, tenant: str, job_id: str) -> tuple[WebhookDelivery, ...]:
        """The job's webhook deliveries, one a run, oldest first.

        Raises:
            NotFound: as for ``get_job``.
        """
        ...

    def cancel(self, tenant: str, job_id: str) -> Job:
        """Cancel what has not ended; whoever works on it learns so by the heartbeat. A job that ended stays as it is.

        No webhook tells of it: the caller did it.

        Raises:
            NotFound: as for ``get_job``.
        """
        ...

    def redrive(self, tenant: str, job_id: str, *, max_open_documents: int | None = None) -> Job:
        """Queue the job's failed documents again, from the start; without failed documents nothing changes.

        Raises:
            NotFound: as for ``get_job``.
            InvalidRequest: the job was cancelled.
            QuotaExceeded, Forbidden: as for ``create_job``.
        """
        ...

    def existing_jobs(self, job_ids: Collection[str]) -> frozenset[str]:
        """Which of these ids are jobs; uploads under any other are left over from a crash. At most 500 at once."""
        ...


class WorkQueue(Protocol):
    """What the dispatcher and the sweeper ask. Several may run at once; the worst is a message sent twice."""

    def dispatchable(self, *, window: int, limit: int, ahead: int | None = None, at_least: int = 0) -> DueWork:
        """Work that is due, in the order in which to send it.

        Tenants take turns, those with the least in flight first, by lot among equals; a tenant's work begun goes before
        its new documents, normal jobs before low ones, older before newer. What was sent and has shown no lease in time
        comes again.

        Args:
            window: At most so many pieces of a tenant are in flight (sent or leased).
            limit: Of what is returned.
            ahead: At most so many reads, of all tenants together, are sent and not leased yet: what a queue that
                knows no fairness puts before a quiet tenant's document. Where they are as many already, one read of a
                tenant of which none lies there goes all the same. Null: the windows alone bound it.
            at_least: So many reads go whatever ``ahead`` says.
        """
        ...

    def mark_sent(self, dispatches: Sequence[Dispatch]) -> None:
        """Note that the queue has taken these: they are in flight, and due again after their back-off."""
        ...

    def sweep(self) -> Swept:
        """Put right what nobody else will, in bounded steps; call it every few seconds.

        Expired leases go back to waiting, due at once, or fail their document where attempts are used up. Leases and
        times that lie further ahead than their own length were written under another clock and are cut to it.
        Idempotency keys past their time are deleted.
        """
        ...

    def due_dead_letters(self, *, limit: int) -> tuple[DeadLetter, ...]:
        """Dead letters not sent yet, oldest first. Sent more than once if two ask: ``id`` tells repeats."""
        ...

    def mark_dead_letters_sent(self, ids: Collection[str]) -> None:
        """Note that the dead-letter queue has taken these."""
        ...

    def backlog(self) -> tuple[Backlog, ...]:
        """Work by stage, one entry for each stage. Reads all open work: for metrics, not for every request."""
        ...

    def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            NotReady: there is none, or its tables are not of this version.
        """
        ...


class Leases(Protocol):
    """What the stage workers ask."""

    def claim(self, message: StageMessage) -> Lease | ClaimRefusal:
        """Take the work that a message asks for: a fresh token, one attempt counted.

        A lease that has expired is taken over, swept or not.
        """
        ...

    def extend_lease(self, token: str) -> bool:
        """Heartbeat: the lease lasts its full length from now. False: it is no longer ours, stop working."""
        ...

    def release(self, token: str, *, retry_after_s: float = 0.0, refund_attempt: bool = False) -> bool:
        """Give the work back, due after ``retry_after_s`` (cut to the rules' longest); not claimable before.

        Args:
            token: The lease's.
            retry_after_s: Back-off; 0 for at once.
            refund_attempt: The work was not at fault (shutdown, a dependency is down): its attempt does not count.

        Returns:
            False where the lease was no longer ours.
        """
        ...

    def split_into_ranges(self, token: str, *, ranges: Sequence[PageRange], page_count: int) -> bool:
        """Replace the read by one piece of work a range; the lease ends.

        Raises:
            InvalidRequest: the ranges are none, overlap, or do not ascend.
        """
        ...

    def finish_range(self, token: str, *, reading_key: str) -> bool:
        """Close a range. The one that closes the last also marks the document read and makes its structure work."""
        ...

    def finish_read(self, token: str, *, reading_key: str, page_count: int) -> bool:
        """Mark an unsplit document read and make its structure work."""
        ...

    def finish_document(self, token: str, *, result_key: str) -> bool:
        """Close a structured document: result line, counters, and at the job's end its state and webhook delivery."""
        ...

    def fail_document(self, token: str, *, code: str, detail: str) -> bool:
        """Close a document as failed, from any stage; its other ranges' leases end. Otherwise as ``finish_document``.

        Args:
            token: The lease's.
            code: An ``OcrError``'s code.
            detail: Written for the caller; no document text.
        """
        ...


class Webhooks(Protocol):
    """What the webhook sender asks."""

    def claim_webhooks(
        self, *, limit: int, lease_s: float, skip_origins: Collection[str] = (), skip_tenants: Collection[str] = ()
    ) -> tuple[WebhookDelivery, ...]:
        """Deliveries that are due, each claimed under a token for ``lease_s``; one attempt counted.

        Args:
            limit: How many at most.
            lease_s: How long they are ours.
            skip_origins: ``scheme://authority`` as it stands in the URLs; what goes there is left for later.
            skip_tenants: Likewise by whose it is.
        """
        ...

    def record_webhook(
        self,
        token: str,
        *,
        delivered: bool,
        status_code: int | None = None,
        error: str | None = None,
        retry_after_s: float | None = None,
    ) -> bool:
        """Note how an attempt went.

        Args:
            token: Of the claim.
            delivered: The receiver answered with success; it ends the delivery.
            status_code: Of the receiver's answer, if one came.
            error: Why it was no success, in words for the job's owner.
            retry_after_s: When to try again; None: given up.

        Returns:
            False where another sender has claimed the delivery since.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTraces:
    """Where a job may have something of a document."""

    job_id: str
    job_created_at: datetime
    source: str
    webhook_url: str | None
    """The job's; of one that came by the intake, where its line is filed."""


class Retention(Protocol):
    """What the one asks who deletes what is old or left over. Bounded steps, so that nobody waits long for them."""

    def delete_old_jobs(self, *, keep_s: float, max_documents: int) -> int:
        """Delete jobs that ended longer ago than ``keep_s`` with all that belongs to them, the oldest first.

        Args:
            keep_s: How long a job stays after its end; a redriven job has ended when its last run did.
            max_documents: Of one call; a single job may have more, as it goes in one piece.

        Returns:
            How many jobs; 0 where no job is old enough.
        """
        ...

    def delete_jobs_of(self, tenant: str, *, max_documents: int) -> int:
        """Delete a tenant's jobs, whatever their state, with all that belongs to them.

        Whoever works on one of their documents learns so by the heartbeat, and finishes nothing.

        Args:
            tenant: Whose.
            max_documents: As for ``delete_old_jobs``.

        Returns:
            How many jobs; 0 where none is left.
        """
        ...

    def installation_id(self) -> str:
        """The database's own name, made up at the first call: what lies in a bucket of another name is not its own."""
        ...

    def traces_of(self, tenant: str, document_id: str) -> DocumentTraces | None:
        """What leads to the objects that a job has of a document; null where there is no such job or document."""
        ...

    def forget_document(self, tenant: str, document_id: str) -> None:
        """Forget a document's source and name. Its line in the results stays, under its reference."""
        ...

    def unfinished_documents(self, document_ids: Collection[str]) -> frozenset[str]:
        """Which of these ids are documents that have not ended; readings of all others are left over.

        At most 500 at once.
        """
        ...


class ApiStore(JobRecords, Retention, Protocol):
    """What the bulk API asks: of jobs, and of what they have of a document that is to be gone."""


class JobStore(JobRecords, WorkQueue, Leases, Webhooks, Retention, Protocol):
    """All of it, as one database answers it."""
