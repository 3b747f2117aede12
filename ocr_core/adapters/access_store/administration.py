"""What administrators do: tenants and keys made, changed and ended, each with its line of the audit log."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.access_store.rows import AnyRow, joined, key_of, policy_values, tenant_of, told_policy
from ocr_core.adapters.access_store.tables import api_keys, tenants
from ocr_core.adapters.access_store.trail import SqlTrail, tell
from ocr_core.adapters.database import Database
from ocr_core.contracts.access import ApiKey, NewKey, Tenant, TenantPolicy
from ocr_core.contracts.audit import SERVER, Actor, AuditAction
from ocr_core.contracts.errors import InvalidRequest, NotFound
from ocr_core.contracts.jobs import Clock, check_tenant

FIRST = Actor(key_id=None, through="command line")


class SqlAdministration(SqlTrail):
    """``Administration`` in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._database = database
        self._clock = clock

    def create_tenant(self, name: str, policy: TenantPolicy, *, by: Actor) -> Tenant:
        """See ``Administration``."""
        check_tenant(name, "tenant")
        told = told_policy(policy)
        with self._database.writing() as connection:
            if not self._insert_tenant(connection, name, policy):
                raise InvalidRequest("tenant: there is one of that name already")
            self._write(connection, AuditAction.TENANT_CREATED, actor=by, tenant=name, key_id=None, details=told)
            tenant = tenant_of(_tenant_row(connection, name))
        tell(AuditAction.TENANT_CREATED, actor=by, tenant=name, key_id=None, details=told)
        return tenant

    def change_tenant(self, name: str, policy: TenantPolicy, *, by: Actor) -> Tenant:
        """See ``Administration``."""
        told = told_policy(policy)
        with self._database.writing() as connection:
            _open_tenant(connection, name)
            connection.execute(sa.update(tenants).where(tenants.c.name == name), policy_values(policy))
            self._write(connection, AuditAction.TENANT_CHANGED, actor=by, tenant=name, key_id=None, details=told)
            tenant = tenant_of(_tenant_row(connection, name))
        tell(AuditAction.TENANT_CHANGED, actor=by, tenant=name, key_id=None, details=told)
        return tenant

    def get_tenant(self, name: str) -> Tenant:
        """See ``Administration``."""
        with self._database.reading() as connection:
            return tenant_of(_tenant_row(connection, name))

    def list_tenants(self, *, after: str = "", limit: int = 1_000) -> tuple[Tenant, ...]:
        """See ``Administration``."""
        query = sa.select(tenants).where(tenants.c.name > after).order_by(tenants.c.name).limit(limit)
        with self._database.reading() as connection:
            return tuple(tenant_of(row) for row in connection.execute(query))

    def begin_deletion(self, name: str, *, by: Actor) -> Tenant:
        """See ``Administration``. Jobs that are being made wait for this row, or this waits for them."""
        now = self._clock.now()
        with self._database.writing() as connection:
            row = _tenant_row(connection, name, lock=True)
            if row.deleted_at is not None:
                return tenant_of(row)
            connection.execute(sa.update(tenants).where(tenants.c.name == name), {"deleted_at": now})
            good = sa.and_(api_keys.c.tenant == name, api_keys.c.revoked_at.is_(None))
            revoked = connection.execute(sa.update(api_keys).where(good), {"revoked_at": now}).rowcount
            told = {"keys_revoked": revoked}
            self._write(connection, AuditAction.TENANT_DELETION, actor=by, tenant=name, key_id=None, details=told)
            tenant = tenant_of(_tenant_row(connection, name))
        tell(AuditAction.TENANT_DELETION, actor=by, tenant=name, key_id=None, details=told)
        return tenant

    def end_deletion(self, name: str) -> bool:
        """See ``Administration``. The keys go by the foreign key's cascade."""
        told: Mapping[str, object] = {}
        with self._database.writing() as connection:
            gone = sa.delete(tenants).where(tenants.c.name == name, tenants.c.deleted_at.is_not(None))
            if connection.execute(gone).rowcount == 0:
                return False
            self._write(connection, AuditAction.TENANT_DELETED, actor=SERVER, tenant=name, key_id=None, details=told)
        tell(AuditAction.TENANT_DELETED, actor=SERVER, tenant=name, key_id=None, details=told)
        return True

    def deletions(self) -> tuple[Tenant, ...]:
        """See ``Administration``."""
        query = sa.select(tenants).where(tenants.c.deleted_at.is_not(None)).order_by(tenants.c.deleted_at)
        with self._database.reading() as connection:
            return tuple(tenant_of(row) for row in connection.execute(query))

    def create_key(self, new_key: NewKey, *, by: Actor) -> ApiKey:
        """See ``Administration``."""
        with self._database.writing() as connection:
            _open_tenant(connection, new_key.tenant)
            key = self._insert_key(connection, new_key, by)
        self._tell_created(key, by)
        return key

    def create_first_key(self, new_key: NewKey) -> ApiKey | None:
        """See ``Administration``. The tenant's row, locked, lets one of several processes through."""
        with self._database.writing() as connection:
            policy = TenantPolicy()
            if self._insert_tenant(connection, new_key.tenant, policy):
                told = told_policy(policy)
                self._write(
                    connection,
                    AuditAction.TENANT_CREATED,
                    actor=FIRST,
                    tenant=new_key.tenant,
                    key_id=None,
                    details=told,
                )
            _open_tenant(connection, new_key.tenant)
            if connection.execute(sa.select(api_keys.c.id).limit(1)).first() is not None:
                return None
            key = self._insert_key(connection, new_key, FIRST)
        self._tell_created(key, FIRST)
        return key

    def list_keys(self, tenant: str | None = None) -> tuple[ApiKey, ...]:
        """See ``Administration``."""
        query = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        with self._database.reading() as connection:
            if tenant is not None:
                _tenant_row(connection, tenant)
                query = query.where(api_keys.c.tenant == tenant)
            return tuple(key_of(row) for row in connection.execute(query))

    def revoke_key(self, key_id: str, *, tenant: str | None = None, by: Actor) -> ApiKey:
        """See ``Administration``."""
        query = sa.select(api_keys).where(api_keys.c.id == key_id)
        if tenant is not None:
            query = query.where(api_keys.c.tenant == tenant)
        with self._database.writing() as connection:
            row = connection.execute(query.with_for_update()).one_or_none()
            if row is None:
                raise NotFound("there is no such key")
            if row.revoked_at is not None:
                return key_of(row)
            connection.execute(sa.update(api_keys).where(api_keys.c.id == key_id), {"revoked_at": self._clock.now()})
            told = {"name": row.name}
            action = AuditAction.KEY_REVOKED
            self._write(connection, action, actor=by, tenant=row.tenant, key_id=key_id, details=told)
            key = key_of(connection.execute(query).one())
        tell(action, actor=by, tenant=key.tenant, key_id=key_id, details=told)
        return key

    def _insert_tenant(self, connection: Connection, name: str, policy: TenantPolicy) -> bool:
        values = {"name": name, **policy_values(policy), "created_at": self._clock.now()}
        return self._database.insert_if_absent(connection, tenants, values)

    def _insert_key(self, connection: Connection, new_key: NewKey, by: Actor) -> ApiKey:
        values = {
            "id": new_key.id,
            "tenant": new_key.tenant,
            "name": new_key.name,
            "scopes": joined(new_key.scopes),
            "digest": new_key.digest,
            "created_at": self._clock.now(),
            "expires_at": new_key.expires_at,
        }
        connection.execute(sa.insert(api_keys), values)
        key = key_of(connection.execute(sa.select(api_keys).where(api_keys.c.id == new_key.id)).one())
        self._write(
            connection, AuditAction.KEY_CREATED, actor=by, tenant=key.tenant, key_id=key.id, details=_told_key(key)
        )
        return key

    @staticmethod
    def _tell_created(key: ApiKey, by: Actor) -> None:
        tell(AuditAction.KEY_CREATED, actor=by, tenant=key.tenant, key_id=key.id, details=_told_key(key))


def _told_key(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "scopes": joined(key.scopes),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
    }


def _tenant_row(connection: Connection, name: str, *, lock: bool = False) -> AnyRow:
    query = sa.select(tenants).where(tenants.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("there is no such tenant")
    return row


def _open_tenant(connection: Connection, name: str) -> AnyRow:
    """A tenant's row, locked, unless it is being deleted."""
    row = _tenant_row(connection, name, lock=True)
    if row.deleted_at is not None:
        raise InvalidRequest("tenant: it is being deleted")
    return row
