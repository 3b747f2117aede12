"""What the services ask for every request or so: keys, and policies."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from ocr_core.adapters.access_store.rows import key_of, policy_of
from ocr_core.adapters.access_store.tables import api_keys, tenants
from ocr_core.adapters.database import Database, check_tables
from ocr_core.contracts.access import KnownKey, TenantPolicy
from ocr_core.contracts.jobs import Clock

_NOTED_EVERY = timedelta(seconds=30)
"""Of one key, however many processes see it used."""

_POLICY = (
    tenants.c.requests_per_minute,
    tenants.c.concurrent_requests,
    tenants.c.open_documents,
    tenants.c.retention_days,
    tenants.c.source_prefixes,
    tenants.c.webhook_secret,
    tenants.c.created_at.label("tenant_since"),
)
_FIND_KEY = (
    sa.select(api_keys, *_POLICY)
    .join(tenants, tenants.c.name == api_keys.c.tenant)
    .where(api_keys.c.id == sa.bindparam("the_key"), tenants.c.deleted_at.is_(None))
)
_FIND_POLICY = sa.select(*_POLICY).where(tenants.c.name == sa.bindparam("the_tenant"), tenants.c.deleted_at.is_(None))


class SqlAccounts:
    """The part of ``Accounts`` that reads, in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find_key(self, key_id: str) -> KnownKey | None:
        """See ``Accounts``."""
        with self._database.reading() as connection:
            row = connection.execute(_FIND_KEY, {"the_key": key_id}).one_or_none()
        if row is None:
            return None
        policy = policy_of(row, tenant_since=row.tenant_since)
        return KnownKey(key=key_of(row), digest=bytes(row.digest), policy=policy)

    def note_use(self, key_id: str) -> None:
        """See ``Accounts``. Only where the last note is a while ago: it writes, and the key is used all the time."""
        now = self._clock.now()
        table = api_keys.c
        stale = sa.or_(table.last_used_at.is_(None), table.last_used_at <= now - _NOTED_EVERY)
        with self._database.writing() as connection:
            connection.execute(sa.update(api_keys).where(table.id == key_id, stale), {"last_used_at": now})

    def policy_of(self, tenant: str) -> TenantPolicy | None:
        """See ``Accounts``."""
        with self._database.reading() as connection:
            row = connection.execute(_FIND_POLICY, {"the_tenant": tenant}).one_or_none()
        return None if row is None else policy_of(row, tenant_since=row.tenant_since)

    def check(self) -> None:
        """See ``Accounts``."""
        check_tables(self._database)
