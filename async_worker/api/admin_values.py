"""What administration takes and answers, as JSON and as ``/openapi.json`` tells it. One answer holds a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.json_schema import models_json_schema

from async_worker.api.job_options import explain
from ocr_core.contracts.access import (
    MAX_COUNT,
    MAX_NAME_CHARACTERS,
    MAX_RETENTION_DAYS,
    MAX_SOURCE_PREFIXES,
    ApiKey,
    Scope,
    Tenant,
    TenantPolicy,
    check_webhook_secret,
)
from ocr_core.contracts.audit import AuditAction, AuditEvent
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import TENANT_PATTERN
from ocr_core.service.openapi import JsonSchema
from ocr_core.service.result_schema import REF

Body = TypeVar("Body", bound=BaseModel)


class PolicyFields(BaseModel):
    """What a tenant may have; what is left out or null has no bound of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    requests_per_minute: int | None = Field(
        default=None, ge=1, le=MAX_COUNT, description="Documents of the sync API, by each of its processes."
    )
    concurrent_requests: int | None = Field(
        default=None, ge=1, le=MAX_COUNT, description="Of these at the same time, by each of its processes."
    )
    open_documents: int | None = Field(
        default=None, ge=1, le=MAX_COUNT, description="Documents of the bulk road that have not ended."
    )
    retention_days: float = Field(
        default=0.0, ge=0, le=MAX_RETENTION_DAYS, description="How long documents are kept; 0: nothing is kept."
    )
    source_prefixes: list[str] = Field(
        default=[],
        max_length=MAX_SOURCE_PREFIXES,
        description="`bucket/prefix` entries that `s3://` sources may lie under; empty: none may.",
        examples=[["inbox/acme"]],
    )
    webhook_secret: str | None = Field(
        default=None, description="Signs webhooks: `whsec_` and the base64 of 24 to 64 random bytes. Not shown again."
    )

    def changed(self, policy: TenantPolicy) -> TenantPolicy:
        """The policy with the fields that were given.

        Raises:
            InvalidRequest: one of them is off.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set & set(PolicyFields.model_fields)}
        if "source_prefixes" in given:
            given["source_prefixes"] = tuple(given["source_prefixes"])
        if given.get("webhook_secret") is not None:
            check_webhook_secret(given["webhook_secret"])
        return replace(policy, **given)


class TenantRequest(PolicyFields):
    """A tenant to be made."""

    name: str = Field(pattern=f"^{TENANT_PATTERN}$", examples=["acme"])


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


class KeyRequest(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=MAX_NAME_CHARACTERS, description="What it is for.", examples=["ERP"])
    scopes: list[Scope] = Field(min_length=1, examples=[["sync", "bulk"]])
    expires_at: AwareDatetime | None = Field(default=None, description="Null: never.")

    @field_validator("expires_at", mode="before")
    @classmethod
    def _is_written_out(cls, untrusted: object) -> object:
        """Refuse numbers, and texts of one, which pydantic would take for seconds since 1970."""
        if untrusted is not None and not (isinstance(untrusted, str) and _DATE.match(untrusted)):
            raise ValueError("a moment like 2030-01-31T00:00:00Z, or null")
        return untrusted

    @field_validator("expires_at")
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        try:
            return None if moment is None else moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("a moment that there is in UTC as well") from None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class TenantState(_Answer):
    """A tenant."""

    name: str
    requests_per_minute: int | None
    concurrent_requests: int | None
    open_documents: int | None
    retention_days: float
    source_prefixes: list[str]
    has_webhook_secret: bool
    created_at: datetime
    deleted_at: datetime | None = Field(description="Since when it is being deleted; then it is gone.")

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """The tenant as administrators see it."""
        policy = tenant.policy
        return cls(
            name=tenant.name,
            requests_per_minute=policy.requests_per_minute,
            concurrent_requests=policy.concurrent_requests,
            open_documents=policy.open_documents,
            retention_days=policy.retention_days,
            source_prefixes=list(policy.source_prefixes),
            has_webhook_secret=policy.webhook_secret is not None,
            created_at=tenant.created_at,
            deleted_at=tenant.deleted_at,
        )


class Tenants(_Answer):
    """Tenants by name."""

    tenants: list[TenantState]
    next_after: str | None = Field(description="Ask again with `after` set to it; null at the end.")


class KeyState(_Answer):
    """A key, without its secret."""

    id: str
    tenant: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute or so.")

    @classmethod
    def of(cls, key: ApiKey) -> KeyState:
        """The key as administrators see it."""
        return KeyState.model_validate(key_values(key))


class NewKeyState(KeyState):
    """A key that was just made."""

    key: str = Field(description="The key itself. It is shown this once.", examples=["ok_…_…"])


class Keys(_Answer):
    """A tenant's keys, oldest first."""

    keys: list[KeyState]


class AuditLine(_Answer):
    """One line of the audit log."""

    id: int
    at: datetime
    action: AuditAction
    tenant: str | None
    key_id: str | None
    actor_key_id: str | None = Field(description="The key that did it, or that was refused.")
    actor_through: str = Field(description="`api`, `command line` or `server`.")
    request_id: str | None
    details: dict[str, Any]

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """The line as administrators see it."""
        return cls(
            id=event.id,
            at=event.at,
            action=event.action,
            tenant=event.tenant,
            key_id=event.key_id,
            actor_key_id=event.actor.key_id,
            actor_through=event.actor.through,
            request_id=event.actor.request_id,
            details=dict(event.details),
        )


class Audit(_Answer):
    """Lines of the audit log, newest first."""

    events: list[AuditLine]
    next_before: int | None = Field(description="Ask again with `before` set to it; null at the end.")


def key_values(key: ApiKey) -> Mapping[str, object]:
    """A key's fields, its scopes in one order."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": [scope for scope in Scope if scope in key.scopes],
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def parse_body(kind: type[Body], untrusted_body: bytes) -> Body:
    """Check a body.

    Raises:
        InvalidRequest: naming what is off.
    """
    try:
        return kind.model_validate_json(untrusted_body)
    except ValidationError as error:
        problems = [explain(item["type"], item["loc"], item["msg"]) for item in error.errors(include_input=False)]
        raise InvalidRequest("; ".join(problems)) from None


def admin_components() -> dict[str, JsonSchema]:
    """The schemas of the bodies, for the routes' documentation."""
    _, schemas = models_json_schema(
        [(TenantRequest, "validation"), (PolicyFields, "validation"), (KeyRequest, "validation")], ref_template=REF
    )
    return dict(schemas["$defs"])
