"""Stored documents: what is kept of a document that was read, where a tenant has that (``retention_days``).

::

    kept ──► there ──► being deleted ──► gone      a mark of it stays for a while: a second deletion is no mistake
              │  ▲
              └──┘ corrections: they are added and never changed

A document is a row, a result and one image a page, all under its tenant's own name. The row comes last and goes first:
what it does not name does not exist for anybody, and is swept.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from ocr_core.contracts.audit import Actor

DOCUMENTS = "documents"
"""The area of object storage."""

_ID = re.compile(r"doc_[0-9a-f]{32}")
_PAGE_KEY = re.compile(rf"{DOCUMENTS}/[^/]+/doc_[0-9a-f]{{32}}/pages/(?P<number>[1-9][0-9]*)")
_OBJECT_KEY = re.compile(rf"{DOCUMENTS}/[^/]+/(?P<document>doc_[0-9a-f]{{32}})/.+")

MAX_LISTED = 500
MAX_IDS_AT_ONCE = 500
MAX_CORRECTIONS_OF_DOCUMENT = 5_000
"""All of them are read whenever the document is."""
MAX_CORRECTION_CHARACTERS = 16_000_000
"""Of a document's corrections together: what was read, what it is to be, and who says so."""
MAX_PATH_CHARACTERS = 200
MAX_NAME_CHARACTERS = 1_000

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


class Road(StrEnum):
    """How a document came."""

    SYNC = "sync"
    BULK = "bulk"


def is_document_id(untrusted_id: str) -> bool:
    """Whether a document may have such an id."""
    return _ID.fullmatch(untrusted_id) is not None


def tenant_prefix(tenant: str) -> str:
    """Below which all stored documents of a tenant lie."""
    return f"{DOCUMENTS}/{tenant}/"


def document_prefix(tenant: str, document_id: str) -> str:
    """Below which all objects of a document lie."""
    return f"{tenant_prefix(tenant)}{document_id}/"


def stored_result_key(tenant: str, document_id: str) -> str:
    """A fresh key for a document's result: each attempt writes its own, and the row names the one that counts."""
    return f"{document_prefix(tenant, document_id)}{secrets.token_hex(8)}.json"


def page_key(tenant: str, document_id: str, number: int) -> str:
    """The image of a page, 1-based. Every attempt at a document writes the same pixels there."""
    return f"{document_prefix(tenant, document_id)}pages/{number}"


def page_number_of(key: str) -> int | None:
    """Of a page image's key; null of any other."""
    match = _PAGE_KEY.fullmatch(key)
    return None if match is None else int(match["number"])


def document_of(key: str) -> str | None:
    """Whose object it is; null where it is no stored document's."""
    match = _OBJECT_KEY.fullmatch(key)
    return None if match is None else match["document"]


def storable_name(untrusted_name: str | None) -> str | None:
    """A file's name as a database takes it: without NUL and lone surrogates, and not without end."""
    if untrusted_name is None:
        return None
    return "".join(c for c in untrusted_name[:MAX_NAME_CHARACTERS] if c != "\0" and not "\ud800" <= c <= "\udfff")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStoredDocument:
    """A document to be kept; its objects are there already."""

    id: str
    tenant: str
    road: Road
    job_id: str | None
    reference: str | None
    """The caller's name for it, on the bulk road."""
    sha256: str
    file_name: str | None
    media_type: str
    page_count: int
    document_type: str | None
    schemas: tuple[str, ...]
    """By which its fields were read."""
    result_key: str
    size_bytes: int
    """Of the result and the page images together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument(NewStoredDocument):
    """A document that is kept."""

    created_at: datetime
    """When it was kept, in UTC."""
    corrections: int
    """How many have been made."""


def expiry(document: StoredDocument, retention_days: float) -> str:
    """When a document will be deleted, as its tenant's retention is now: RFC 3339, in UTC."""
    until = document.created_at + timedelta(days=retention_days)
    return until.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedDocument:
    """A document that nobody can read any more."""

    id: str
    tenant: str
    is_gone: bool
    """Whether its objects are gone as well."""
    is_demanded: bool = False
    """Whether somebody asked for it; then what a job has of it is to go too. Where its time was over it stays: jobs
    have a time of their own."""
    sha256: str | None = None
    """Of the original, where somebody asked for it; null once it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCorrection:
    """What a person says that a field should have been, checked."""

    schema: str | None
    """Of which schema's answer; null where the result has but one."""
    path: str
    """``total_amount``, ``bank_accounts``, ``bank_accounts.0.number``."""
    kind: str
    """The type of what stands there: a field's, as schemas have it, or a member's."""
    read: Json
    """What the document was read as; a field without its evidence."""
    value: Json
    page: int | None = None
    quad: tuple[tuple[float, float], ...] | None = None
    """Where the person sees it, in pixels of the upright page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrector:
    """Who puts something right."""

    key_id: str | None
    corrected_by: str | None
    """The person, in the caller's words."""
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(NewCorrection):
    """A correction that was made."""

    id: int
    """Later ones have higher ones; the latest of a path counts."""
    document_id: str
    by: Corrector
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDay:
    """What a tenant kept on one day (UTC), for the export."""

    tenant: str
    day: str
    """``2026-11-29``."""
    state: str
    """Another one whenever a document of that day came, went, or was corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCursor:
    """The last document that a list has shown."""

    created_at: datetime
    id: str


class DocumentStore(Protocol):
    """Rows of stored documents.

    Every method is one transaction, may be called from any thread, blocks, and raises ``NotReady`` where the database
    does not answer.
    """

    def keep(self, new: NewStoredDocument) -> StoredDocument | None:
        """Write a document's row, again where an earlier attempt has; null where it has been deleted meanwhile."""
        ...

    def get(self, tenant: str, document_id: str) -> StoredDocument:
        """A tenant's document.

        Raises:
            NotFound: there is none, it is another tenant's, or it was deleted.
        """
        ...

    def list(
        self, tenant: str, *, before: DocumentCursor | None = None, sha256: str | None = None, limit: int = 100
    ) -> tuple[StoredDocument, ...]:
        """A tenant's documents, newest first."""
        ...

    def add_corrections(
        self, tenant: str, document_id: str, new: Sequence[NewCorrection], *, by: Corrector
    ) -> tuple[Correction, ...]:
        """Write corrections down, all or none.

        Raises:
            NotFound: as for ``get``.
            InvalidRequest: with these it would have more than ``MAX_CORRECTIONS_OF_DOCUMENT``, or they would be longer
                than ``MAX_CORRECTION_CHARACTERS``.
        """
        ...

    def corrections(self, document_ids: Collection[str]) -> tuple[Correction, ...]:
        """Of at most ``MAX_IDS_AT_ONCE`` documents, in the order in which they were made."""
        ...

    def begin_deletion(self, tenant: str, document_id: str, *, by: Actor) -> DeletedDocument:
        """Make a document unreadable, and forget all of its row but that it was there. Twice is once.

        One whose time was over is deleted once more: what a job has of it is to go now.

        Raises:
            NotFound: there is none, it is another tenant's, or its deletion is long over.
        """
        ...

    def expire(self, tenant: str, *, keep_s: float, limit: int) -> int:
        """Begin the deletion of a tenant's documents that are older, some at a time; how many."""
        ...

    def deletions(self, *, limit: int) -> tuple[DeletedDocument, ...]:
        """Documents whose objects are not known to be gone."""
        ...

    def end_deletion(self, document_id: str) -> None:
        """Note that a document's objects are gone."""
        ...

    def forget_deleted(self, *, keep_s: float) -> int:
        """Forget documents whose objects have been gone for so long; how many, some at a time."""
        ...

    def delete_documents_of(self, tenant: str, *, limit: int) -> int:
        """Delete rows of a tenant that goes with all that it has, some at a time; how many. Objects are not touched."""
        ...

    def tenants(self) -> tuple[str, ...]:
        """Those that have documents, by name."""
        ...

    def existing_documents(self, document_ids: Collection[str]) -> frozenset[str]:
        """Which of at most ``MAX_IDS_AT_ONCE`` documents there are."""
        ...

    def days(self) -> tuple[DocumentDay, ...]:
        """The days on which tenants kept what they still have, by tenant and day."""
        ...

    def of_day(
        self, tenant: str, day: str, *, after: DocumentCursor | None = None, limit: int
    ) -> tuple[StoredDocument, ...]:
        """What a tenant kept on one day, oldest first."""
        ...
