"""Rows to values, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from ocr_core.contracts.access import ApiKey, Scope, Tenant, TenantPolicy
from ocr_core.contracts.audit import Actor, AuditAction, AuditEvent

AnyRow = Row[*tuple[Any, ...]]


def policy_values(policy: TenantPolicy) -> dict[str, object]:
    """A policy as columns of ``tenants``."""
    return {
        "requests_per_minute": policy.requests_per_minute,
        "concurrent_requests": policy.concurrent_requests,
        "open_documents": policy.open_documents,
        "retention_days": policy.retention_days,
        "source_prefixes": json.dumps(policy.source_prefixes, ensure_ascii=False),
        "webhook_secret": policy.webhook_secret,
    }


def policy_of(row: AnyRow, *, tenant_since: datetime) -> TenantPolicy:
    """A policy of a row of ``tenants``, or one that has its columns; with when that tenant was made."""
    return TenantPolicy(
        requests_per_minute=row.requests_per_minute,
        concurrent_requests=row.concurrent_requests,
        open_documents=row.open_documents,
        retention_days=row.retention_days,
        source_prefixes=tuple(json.loads(row.source_prefixes)),
        webhook_secret=row.webhook_secret,
        tenant_since=tenant_since,
    )


def told_policy(policy: TenantPolicy) -> dict[str, object]:
    """A policy for the audit log: that there is a secret, and not which."""
    return {
        **policy_values(policy),
        "source_prefixes": list(policy.source_prefixes),
        "webhook_secret": policy.webhook_secret is not None,
    }


def tenant_of(row: AnyRow) -> Tenant:
    """A row of ``tenants``."""
    policy = policy_of(row, tenant_since=row.created_at)
    return Tenant(name=row.name, policy=policy, created_at=row.created_at, deleted_at=row.deleted_at)


def joined(scopes: frozenset[Scope]) -> str:
    """Scopes as one column, in one order."""
    return ",".join(scope for scope in Scope if scope in scopes)


def key_of(row: AnyRow) -> ApiKey:
    """A row of ``api_keys``."""
    return ApiKey(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        scopes=frozenset(Scope(word) for word in row.scopes.split(",")),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def event_of(row: AnyRow) -> AuditEvent:
    """A row of ``audit_events``."""
    details: Mapping[str, object] = json.loads(row.details)
    return AuditEvent(
        id=row.id,
        at=row.at,
        action=AuditAction(row.action),
        tenant=row.tenant,
        key_id=row.key_id,
        actor=Actor(key_id=row.actor_key_id, through=row.actor_through, request_id=row.request_id),
        details=details,
    )
