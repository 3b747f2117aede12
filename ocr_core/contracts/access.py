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
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import check_storable, check_tenant

MAX_NAME_CHARACTERS = 200
MAX_SOURCE_PREFIXES = 1_000
MAX_PREFIX_CHARACTERS = 1_100
"""A bucket's name and a key."""
MAX_COUNT = 1_000_000_000
MAX_RETENTION_DAYS = 36_500.0

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
    tenant_since: datetime | None = field(default=None, compare=False)
    """When the tenant was made that this was looked up for: one of the same name, made anew, is another one. Null where
    keys are off."""

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
    retention_days: float = 0.0
    """``OCR_DOCUMENTS_RETENTION_DAYS``."""

    @property
    def policy(self) -> TenantPolicy:
        """What it may have by the settings alone."""
        return TenantPolicy(
            source_prefixes=self.source_prefixes,
            webhook_secret=self.webhook_secret,
            retention_days=self.retention_days,
        )

    def complete(self, tenant: str, policy: TenantPolicy) -> TenantPolicy:
        """A tenant's policy, with what the settings add where it is this one."""
        if tenant != self.name:
            return policy
        return replace(
            policy,
            source_prefixes=tuple(dict.fromkeys((*policy.source_prefixes, *self.source_prefixes))),
            webhook_secret=policy.webhook_secret or self.webhook_secret,
            retention_days=policy.retention_days or self.retention_days,
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
