"""The audit log: it only grows, until what is old is deleted."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.access_store.rows import event_of
from ocr_core.adapters.access_store.tables import audit_events
from ocr_core.adapters.database import Database
from ocr_core.contracts.audit import MAX_AUDIT_PAGE, Actor, AuditAction, AuditEvent
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import Clock

_MAX_ROWS_A_STEP = 5_000

_log = logging.getLogger("ocr_core.audit")


class SqlTrail:
    """The audit's part of ``AccessStore`` in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note(
        self,
        action: AuditAction,
        *,
        actor: Actor,
        tenant: str | None = None,
        key_id: str | None = None,
        details: Mapping[str, object],
    ) -> None:
        """See ``Accounts``."""
        with self._database.writing() as connection:
            self._write(connection, action, actor=actor, tenant=tenant, key_id=key_id, details=details)
        tell(action, actor=actor, tenant=tenant, key_id=key_id, details=details)

    def _write(
        self,
        connection: Connection,
        action: AuditAction,
        *,
        actor: Actor,
        tenant: str | None,
        key_id: str | None,
        details: Mapping[str, object],
    ) -> None:
        """Within the transaction of what is told; ``tell`` follows once that is committed."""
        connection.execute(
            sa.insert(audit_events),
            {
                "at": self._clock.now(),
                "action": action.value,
                "tenant": tenant,
                "key_id": key_id,
                "actor_key_id": actor.key_id,
                "actor_through": actor.through,
                "request_id": actor.request_id,
                "details": json.dumps(dict(details), ensure_ascii=False, sort_keys=True),
            },
        )

    def audit(
        self, *, tenant: str | None = None, before: int | None = None, limit: int = 100
    ) -> tuple[AuditEvent, ...]:
        """See ``Administration``."""
        if not 1 <= limit <= MAX_AUDIT_PAGE:
            raise InvalidRequest(f"limit: 1 to {MAX_AUDIT_PAGE}")
        query = sa.select(audit_events).order_by(audit_events.c.id.desc()).limit(limit)
        if tenant is not None:
            query = query.where(audit_events.c.tenant == tenant)
        if before is not None:
            query = query.where(audit_events.c.id < before)
        with self._database.reading() as connection:
            return tuple(event_of(row) for row in connection.execute(query))

    def delete_old_audit(self, *, keep_s: float) -> int:
        """See ``Administration``."""
        old = audit_events.c.at <= self._clock.now() - timedelta(seconds=keep_s)
        some = sa.select(audit_events.c.id).where(old).limit(_MAX_ROWS_A_STEP)
        with self._database.reading() as connection:
            if connection.execute(some.limit(1)).first() is None:
                return 0
        with self._database.writing() as connection:
            return connection.execute(sa.delete(audit_events).where(audit_events.c.id.in_(some))).rowcount


def tell(
    action: AuditAction, *, actor: Actor, tenant: str | None, key_id: str | None, details: Mapping[str, object]
) -> None:
    """The same as a line of the log, for those who collect logs and keep them elsewhere."""
    _log.warning(
        "Something was written down in the audit log",
        extra={
            "action": f"audit.{action.value}",
            "tenant": tenant,
            "key_id": key_id,
            "actor_key_id": actor.key_id,
            "actor_through": actor.through,
            "details": dict(details),
        },
    )
