"""The audit log's values: what was done to tenants, keys and stored documents, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_AUDIT_PAGE = 1_000


class AuditAction(StrEnum):
    """What is written down for good."""

    KEY_REFUSED = "key.refused"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    TENANT_CREATED = "tenant.created"
    TENANT_CHANGED = "tenant.changed"
    TENANT_DELETION = "tenant.deletion_begun"
    TENANT_DELETED = "tenant.deleted"
    DOCUMENT_DELETED = "document.deleted"
    """A stored document, because somebody asked."""
    DOCUMENTS_EXPIRED = "documents.expired"
    """Stored documents, because their time was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it."""

    key_id: str | None
    """Null: not by a key, see ``through``."""
    through: str
    """``api``, ``command line`` or ``server``."""
    request_id: str | None = None


SERVER = Actor(key_id=None, through="server")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One line of the audit log. It holds names and ids, never a secret, and nothing of a document."""

    id: int
    at: datetime
    action: AuditAction
    tenant: str | None
    """To whom it happened."""
    key_id: str | None
    """To which key."""
    actor: Actor
    details: Mapping[str, object]
