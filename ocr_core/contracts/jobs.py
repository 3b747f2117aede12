"""The bulk road's values: jobs, their documents, leases on work, result lines.

::

    job        queued ──► running ──► done
                  └──────────┴──────► cancelled

    document   queued ──► reading ──► read ──► structuring ──► done
                  └──────────┴─────────┴────────────┴────────► failed | cancelled

Whoever holds a ``Lease`` works on a document (or a range of its pages). Its token is the proof: a lease that ran out
and was given to somebody else has another token, and what the late holder writes is refused.

Wall-clock moments are UTC; durations are seconds.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO, SchemaName


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class DocumentStatus(StrEnum):
    """Where one document of a job stands."""

    QUEUED = "queued"
    READING = "reading"
    READ = "read"
    STRUCTURING = "structuring"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the document, unless it is redriven."""
        return self in {DocumentStatus.DONE, DocumentStatus.FAILED, DocumentStatus.CANCELLED}


class JobPriority(StrEnum):
    """Which of a tenant's own jobs go first."""

    NORMAL = "normal"
    LOW = "low"


class Stage(StrEnum):
    """A kind of work on a document; its value is the ``kind`` of the message that asks for it."""

    READ = "read"
    READ_RANGE = "read_range"
    STRUCTURE = "structure"


class ClaimRefusal(StrEnum):
    """Why work is not given out. In every case the message has served its purpose and is acknowledged."""

    GONE = "gone"
    """No such document under this tenant."""
    FINISHED = "finished"
    """This piece of work is over, or the document is; ranges of a split document come by messages of their own."""
    CANCELLED = "cancelled"
    """The job was cancelled."""
    LEASED = "leased"
    """Somebody works on it. Should they die, the store sends it out again."""
    NOT_DUE = "not_due"
    """It waits out a back-off, or the document is not that far yet; the store sends it when it is due."""
    EXHAUSTED = "exhausted"
    """The attempts were used up before this one; the document has been failed and its dead letter written."""


TENANT_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""A tenant's name, whole. It is a segment of object keys: a letter or digit first keeps ``.`` and ``..`` out."""
MAX_SOURCE_CHARACTERS = 2_048
"""``s3://``, a bucket's 63 and a key's 1,024 bytes, with room for escapes."""
MAX_REFERENCE_CHARACTERS = 1_000
MAX_KEY_CHARACTERS = 255

ATTEMPTS_EXHAUSTED = "attempts_exhausted"
"""The error code of a document whose every attempt died."""


class Clock(Protocol):
    """The wall clock, passed in so that tests can make it jump."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRules:
    """The durations and counts by which the store gives work out."""

    lease_s: float = 60.0
    """How long a lease lasts without a heartbeat."""
    max_attempts: int = 5
    """Of one piece of work; counted when it is claimed, before anything is opened."""
    resend_first_s: float = 30.0
    """A message that has shown no lease for so long is sent again; doubled with every repeat."""
    resend_max_s: float = 600.0
    max_retry_after_s: float = 3600.0
    """Longest back-off that a release or a webhook may ask for."""

    def __post_init__(self) -> None:
        durations_s = (self.lease_s, self.resend_first_s, self.resend_max_s, self.max_retry_after_s)
        if min(durations_s) <= 0 or self.max_attempts < 1:
            raise ValueError("the job store's durations are above zero and its attempts at least one")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PageRange:
    """Pages ``first`` to ``last``, 1-based, both included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last:
            raise InvalidRequest(f"pages {self.first}-{self.last}: pages start at 1 and ranges run upwards")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """What makes two requests the same one; unique by tenant (the job's), route and key."""

    route: str
    """For requests the route; for direct intake the queue or bucket that the event came by."""
    key: str
    body_digest: str
    """The same key with another digest is refused."""
    keep_s: float = 24 * 3600.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.key) <= MAX_KEY_CHARACTERS:
            raise InvalidRequest(f"an idempotency key has 1 to {MAX_KEY_CHARACTERS} characters")
        check_storable(self.key, "the idempotency key")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """One document to be read."""

    source: str
    """``s3://bucket/key``."""
    reference: str | None = None
    """The caller's name for it; result lines carry it back."""
    file_name: str | None = None

    def __post_init__(self) -> None:
        _check_text(self.source, "source", MAX_SOURCE_CHARACTERS)
        _check_text(self.reference or "", "reference", MAX_REFERENCE_CHARACTERS)
        _check_text(self.file_name or "", "file name", MAX_REFERENCE_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be created. Its id is made beforehand (``new_job_id``), as uploads go under the job's own prefix."""

    id: str
    tenant: str
    documents: tuple[NewDocument, ...]
    schemas: tuple[SchemaName, ...] = (AUTO,)
    formats: tuple[OutputFormat, ...] = ()
    """Further formats beside the JSON result."""
    webhook_url: str | None = None
    priority: JobPriority = JobPriority.NORMAL
    idempotency: IdempotencyKey | None = None
    max_open_documents: int | None = None
    """Of the tenant, these included, that have not ended; null: as many as it likes."""

    def __post_init__(self) -> None:
        check_tenant(self.tenant, "the tenant")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """A job's documents by how they stand; ``queued`` are all that have not ended, waiting or worked on."""

    total: int
    queued: int
    done: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands."""

    id: str
    tenant: str
    status: JobStatus
    priority: JobPriority
    schemas: tuple[SchemaName, ...]
    formats: tuple[OutputFormat, ...]
    webhook_url: str | None
    run: int
    """1, and one more with every redrive."""
    counts: JobCounts
    last_sequence: int
    """The newest result line's number; 0 before the first."""
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedJob:
    """The answer to ``create_job``."""

    job: Job
    created: bool
    """False where the idempotency key had made this job before; the new job's uploads are then left over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one piece of a document until ``expires_at``, or longer by heartbeats."""

    token: str
    stage: Stage
    document_id: str
    job_id: str
    tenant: str
    run: int
    attempts: int
    """This one included."""
    expires_at: datetime
    source: str
    reference: str | None
    file_name: str | None
    schemas: tuple[SchemaName, ...]
    formats: tuple[OutputFormat, ...]
    pages: PageRange | None = None
    """For ``READ_RANGE``: which pages."""
    page_count: int | None = None
    """For ``READ_RANGE`` and ``STRUCTURE``: of the whole document."""
    reading_keys: tuple[str, ...] = ()
    """For ``STRUCTURE``: the stored readings, in page order; more than one where the document was split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One result line. The log of them only grows: a redriven document gets a new line, the old one stays."""

    sequence: int
    """Without holes, from 1, in the order in which documents ended; the cursor of the results."""
    document_id: str
    run: int
    position: int
    """0-based, in the job's own list."""
    reference: str | None
    file_name: str | None
    status: DocumentStatus
    """``DONE`` or ``FAILED``; a cancelled document has no line."""
    result_key: str | None
    error_code: str | None
    error_detail: str | None


def new_job_id() -> str:
    """A fresh job id; 128 random bits, so that it cannot be guessed."""
    return f"job_{secrets.token_hex(16)}"


def check_tenant(tenant: str, where: str) -> None:
    """Refuse what is no tenant's name; one rule for settings, jobs and messages, or a job's messages are refused.

    Raises:
        InvalidRequest: it does not match ``TENANT_PATTERN``.
    """
    if re.fullmatch(TENANT_PATTERN, tenant) is None:
        raise InvalidRequest(f"{where} is not a tenant's name")


def check_storable(text: str, where: str) -> None:
    """Refuse what a database or an encoder would: lone surrogates, as JSON's escapes make them, and NUL.

    Raises:
        InvalidRequest: the text holds such a character.
    """
    if any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
        raise InvalidRequest(f"{where} is not a text")


def _check_text(text: str, where: str, at_most: int) -> None:
    if len(text) > at_most:
        raise InvalidRequest(f"a document's {where} is longer than {at_most} characters")
    check_storable(text, f"a document's {where}")
