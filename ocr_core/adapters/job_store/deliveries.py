"""Webhook deliveries: an outbox with claims of its own."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa

from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.job_store.rows import delivery_of
from ocr_core.adapters.job_store.tables import webhook_deliveries
from ocr_core.contracts.jobs import Clock, StoreRules
from ocr_core.contracts.webhooks import DeliveryStatus, WebhookDelivery

MAX_ERROR_CHARACTERS = 500


class SqlWebhooks:
    """``Webhooks`` in SQL."""

    def __init__(self, database: Database, clock: Clock, rules: StoreRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    def claim_webhooks(
        self, *, limit: int, lease_s: float, skip_origins: Collection[str] = (), skip_tenants: Collection[str] = ()
    ) -> tuple[WebhookDelivery, ...]:
        """See ``Webhooks``. A claim moves the delivery's next time behind its lease: nothing else has to expire."""
        now = self._clock.now()
        table = webhook_deliveries
        due = sa.and_(
            table.c.status == DeliveryStatus.PENDING.value,
            table.c.next_at <= now,
            *(sa.not_(_at(origin)) for origin in skip_origins),
            *(table.c.tenant != tenant for tenant in skip_tenants),
        )
        with self._database.reading() as connection:
            if connection.execute(sa.select(table.c.id).where(due).limit(1)).first() is None:
                return ()
        query = sa.select(table).where(due).order_by(table.c.next_at).limit(limit).with_for_update(skip_locked=True)
        next_at = now + timedelta(seconds=lease_s)
        claimed: list[WebhookDelivery] = []
        with self._database.writing() as connection:
            for row in connection.execute(query).all():
                values = {
                    "lease_token": secrets.token_hex(16),
                    "attempts": row.attempts + 1,
                    "next_at": next_at,
                    "wait_s": lease_s,
                }
                taken = sa.update(table).where(table.c.id == row.id).values(values).returning(table)
                updated = connection.execute(taken).one()
                claimed.append(delivery_of(updated, updated.lease_token))
        return tuple(claimed)

    def record_webhook(
        self,
        token: str,
        *,
        delivered: bool,
        status_code: int | None = None,
        error: str | None = None,
        retry_after_s: float | None = None,
    ) -> bool:
        """See ``Webhooks``."""
        wait_s = min(max(retry_after_s or 0.0, 0.0), self._rules.max_retry_after_s)
        again = not delivered and retry_after_s is not None
        ended = DeliveryStatus.DELIVERED if delivered else DeliveryStatus.FAILED
        values = {
            "status": (DeliveryStatus.PENDING if again else ended).value,
            "next_at": self._clock.now() + timedelta(seconds=wait_s) if again else None,
            "wait_s": wait_s,
            "lease_token": None,
            "last_status_code": status_code,
            "last_error": error[:MAX_ERROR_CHARACTERS] if error else None,
        }
        ours = sa.update(webhook_deliveries).where(webhook_deliveries.c.lease_token == token)
        with self._database.writing() as connection:
            return connection.execute(ours, values).rowcount == 1


def _at(origin: str) -> sa.ColumnElement[bool]:
    """Whether a delivery's URL begins with that origin, and the origin ends there."""
    url = webhook_deliveries.c.url
    follows = sa.func.substr(url, len(origin) + 1, 1)
    return sa.and_(sa.func.substr(url, 1, len(origin)) == origin, follows.in_(["", "/", "?", "#"]))
