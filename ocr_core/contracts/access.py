"""Who may do what: keys, the tenants that they belong to, and what a tenant may have.

::

    request ─► key ─► Caller ─┬► tenant: whose jobs, uploads, results and sources these are
                              ├► scopes: which routes
                              └► policy: how much, from where, kept for how long

A key is ``ok_<id>_<secret>``. Its id is no secret: it stands in lists, logs and the audit. Its secret is 192 random
bits, shown once; what is kept is the whole key's SHA-256. A slow hash, as for passwords, would guard against guessing
through likely secrets; among 2^192 equally likely ones there is nothing to guess through, and it would cost every
request tens of milliseconds.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import check_storable, check_tenant

MAX_NAME_CHARACTERS = 200
MAX_SOURCE_PREFIXES = 1_000
MAX_PREFIX_CHARACTERS = 1_100
"""A bucket's name and a key."""
MAX_COUNT = 1_000_000_000
MAX_RETENTION_DAYS = 36_500.0
MAX_AUDIT_PAGE = 1_000

_KEY_ID_BYTES = 8
_SECRET_BYTES = 24
_KEY = re.compile(r"ok_([0-9a-f]{16})_[0-9a-f]{48}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}")
"""``whsec_`` and the base64 of the secret, 24 to 64 bytes:
https://github.com/standard-webhooks/standard-webhooks"""


class Scope(StrEnum):
    """What a key is good for; a key may have several."""

    SYNC = "sync"
    """The sync API: one document, answer in the response."""
    BULK = "bulk"
    """The bulk API: jobs, uploads, results."""
    ADMIN = "admin"
    """Tenants, keys, audit and metrics, of the whole house. It opens no document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPolicy:
    """What a tenant may have. Null: no bound of its own, the house's limits alone."""

    requests_per_minute: int | None = None
    """Documents of the sync API, by each of its processes."""
    concurrent_requests: int | None = None
    """Documents of the sync API at the same time, by each of its processes."""
    open_documents: int | None = None
    """Documents of the bulk road that have not ended."""
    retention_days: float = 0.0
    """How long documents that were read are kept; 0: nothing is kept."""
    source_prefixes: tuple[str, ...] = ()
    """``bucket/prefix`` entries that its ``s3://`` sources may lie under. Empty: none may."""
    webhook_secret: str | None = field(default=None, repr=False)
    """Signs its webhooks: of its own, or its receivers would believe what another tenant has signed."""

    def __post_init__(self) -> None:
        for name in ("requests_per_minute", "concurrent_requests", "open_documents"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= MAX_COUNT:
                raise InvalidRequest(f"{name}: 1 to {MAX_COUNT}, or null for no bound")
        if not 0 <= self.retention_days <= MAX_RETENTION_DAYS:
            raise InvalidRequest(f"retention_days: 0 to {MAX_RETENTION_DAYS:g}")
        if len(self.source_prefixes) > MAX_SOURCE_PREFIXES:
            raise InvalidRequest(f"source_prefixes: {MAX_SOURCE_PREFIXES} at most")
        for prefix in self.source_prefixes:
            _check_prefix(prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseTenant:
    """The tenant that the operator's own settings speak of; where keys are off, everything is its own."""

    name: str
    source_prefixes: tuple[str, ...] = ()
    """``OCR_STORAGE_ALLOW``."""
    webhook_secret: str | None = field(default=None, repr=False)
    """``OCR_WEBHOOK_SECRET``."""

    @property
    def policy(self) -> TenantPolicy:
        """What it may have by the settings alone."""
        return TenantPolicy(source_prefixes=self.source_prefixes, webhook_secret=self.webhook_secret)

    def complete(self, tenant: str, policy: TenantPolicy) -> TenantPolicy:
        """A tenant's policy, with what the settings add where it is this one."""
        if tenant != self.name:
            return policy
        return replace(
            policy,
            source_prefixes=tuple(dict.fromkeys((*policy.source_prefixes, *self.source_prefixes))),
            webhook_secret=policy.webhook_secret or self.webhook_secret,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sent a request; made of its key, never of its body."""

    tenant: str
    key_id: str | None
    """Null where keys are off."""
    scopes: frozenset[Scope]
    policy: TenantPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Somebody whose documents are nobody else's."""

    name: str
    policy: TenantPolicy
    created_at: datetime
    deleted_at: datetime | None
    """Since when it is being deleted, with all that it has; no key of it is good from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as lists show it: without its secret, which nobody has but its owner."""

    id: str
    tenant: str
    name: str
    """What it is for, in its owner's words."""
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be stored."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    digest: bytes
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        check_tenant(self.tenant, "tenant")
        if not 1 <= len(self.name) <= MAX_NAME_CHARACTERS:
            raise InvalidRequest(f"name: 1 to {MAX_NAME_CHARACTERS} characters that say what the key is for")
        check_storable(self.name, "name")
        if not self.scopes:
            raise InvalidRequest(f"scopes: at least one of {', '.join(Scope)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """What is needed to judge a request by its key."""

    key: ApiKey
    digest: bytes = field(repr=False)
    policy: TenantPolicy


class AuditAction(StrEnum):
    """What is written down for good."""

    KEY_REFUSED = "key.refused"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    TENANT_CREATED = "tenant.created"
    TENANT_CHANGED = "tenant.changed"
    TENANT_DELETION = "tenant.deletion_begun"
    TENANT_DELETED = "tenant.deleted"


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


class Accounts(Protocol):
    """What the services ask of the access store. Every method blocks, and raises ``NotReady`` where it is away."""

    def find_key(self, key_id: str) -> KnownKey | None:
        """The key of that id, with its tenant's policy; null where there is none, or its tenant is being deleted."""
        ...

    def note_use(self, key_id: str) -> None:
        """Note that the key was used now."""
        ...

    def policy_of(self, tenant: str) -> TenantPolicy | None:
        """A tenant's policy; null where there is no such tenant, or it is being deleted."""
        ...

    def note(
        self,
        action: AuditAction,
        *,
        actor: Actor,
        tenant: str | None = None,
        key_id: str | None = None,
        details: Mapping[str, object],
    ) -> None:
        """Write a line of the audit log."""
        ...

    def check(self) -> None:
        """Ask for a sign of life.

        Raises:
            NotReady: there is none, or the tables are not of this version.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Administration(Protocol):
    """What administrators ask. What changes something writes its line of the audit log in the same transaction."""

    def create_tenant(self, name: str, policy: TenantPolicy, *, by: Actor) -> Tenant:
        """Make a tenant.

        Raises:
            InvalidRequest: the name is none, or there is such a tenant already.
        """
        ...

    def change_tenant(self, name: str, policy: TenantPolicy, *, by: Actor) -> Tenant:
        """Give a tenant another policy.

        Raises:
            NotFound: there is no such tenant.
            InvalidRequest: it is being deleted.
        """
        ...

    def get_tenant(self, name: str) -> Tenant:
        """One tenant.

        Raises:
            NotFound: there is no such tenant.
        """
        ...

    def list_tenants(self, *, after: str = "", limit: int = 1_000) -> tuple[Tenant, ...]:
        """Tenants by name, those being deleted too."""
        ...

    def begin_deletion(self, name: str, *, by: Actor) -> Tenant:
        """Revoke a tenant's keys and let nothing new in; what it has goes by ``TenantDeletions``. Twice is once.

        Raises:
            NotFound: there is no such tenant.
        """
        ...

    def end_deletion(self, name: str) -> bool:
        """Forget a tenant that is being deleted, with its keys. False where there is none."""
        ...

    def deletions(self) -> tuple[Tenant, ...]:
        """The tenants that are being deleted."""
        ...

    def create_key(self, new_key: NewKey, *, by: Actor) -> ApiKey:
        """Store a key.

        Raises:
            NotFound: there is no such tenant.
            InvalidRequest: it is being deleted.
        """
        ...

    def create_first_key(self, new_key: NewKey) -> ApiKey | None:
        """Store the house's very first key, and its tenant if that is missing; null where there is any key already."""
        ...

    def list_keys(self, tenant: str | None = None) -> tuple[ApiKey, ...]:
        """Keys, oldest first, revoked and expired ones too.

        Raises:
            NotFound: there is no such tenant.
        """
        ...

    def revoke_key(self, key_id: str, *, tenant: str | None = None, by: Actor) -> ApiKey:
        """End a key at once; one that has ended stays as it is.

        Args:
            key_id: Which.
            tenant: Whose it must be; null: anybody's.
            by: Who does it.

        Raises:
            NotFound: there is no such key.
        """
        ...

    def audit(self, *, tenant: str | None = None, before: int | None = None, limit: int = 100) -> Sequence[AuditEvent]:
        """Lines of the audit log, newest first."""
        ...

    def delete_old_audit(self, *, keep_s: float) -> int:
        """Delete lines that are older, some at a time; how many."""
        ...


class AccessStore(Accounts, Administration, Protocol):
    """All of it, as one database answers it."""


def make_key() -> tuple[str, str]:
    """A fresh key, as its owner gets it, and its id."""
    key_id = secrets.token_hex(_KEY_ID_BYTES)
    return f"ok_{key_id}_{secrets.token_hex(_SECRET_BYTES)}", key_id


def key_id_of(untrusted_key: str) -> str | None:
    """The id within something that has a key's form; null where it has not."""
    match = _KEY.fullmatch(untrusted_key)
    return match[1] if match is not None else None


def is_key_id(untrusted_id: str) -> bool:
    """Whether a key may have such an id."""
    return _KEY_ID.fullmatch(untrusted_id) is not None


def digest_of(key: str) -> bytes:
    """What is kept of a key. Plain SHA-256 is enough, as the module says."""
    return hashlib.sha256(key.encode()).digest()


def check_webhook_secret(secret: str) -> None:
    """Refuse what an administrator should not sign with.

    Raises:
        InvalidRequest: it is no such secret, or too short.
    """
    if not _WEBHOOK_SECRET.fullmatch(secret):
        raise InvalidRequest("webhook_secret: whsec_ and the base64 of 24 to 64 random bytes")


def _check_prefix(prefix: str) -> None:
    check_storable(prefix, "source_prefixes")
    bucket, _, rest = prefix.partition("/")
    if len(prefix) > MAX_PREFIX_CHARACTERS or not _BUCKET.fullmatch(bucket):
        raise InvalidRequest("source_prefixes: an entry is bucket/prefix, or a bucket alone")
    if rest and any(segment in {"", ".", ".."} for segment in rest.rstrip("/").split("/")):
        raise InvalidRequest("source_prefixes: an entry holds an empty, '.' or '..' path segment")
