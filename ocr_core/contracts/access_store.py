"""The access store: what is asked of the database of tenants, keys and the audit log.

Every method is one transaction, may be called from any thread, blocks, and raises ``NotReady`` where the database does
not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ocr_core.contracts.access import ApiKey, KnownKey, NewKey, Tenant, TenantPolicy
from ocr_core.contracts.audit import Actor, AuditAction, AuditEvent


class Accounts(Protocol):
    """What the services ask for requests, and for the documents of a tenant."""

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
