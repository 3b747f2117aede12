"""Tenants and keys for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ocr_core.contracts.access import NewKey, Scope, TenantPolicy, digest_of, make_key
from ocr_core.contracts.access_store import Administration
from ocr_core.contracts.audit import Actor
from ocr_core.contracts.errors import NotFound

TEST = Actor(key_id=None, through="command line", request_id=None)
PAST_S = -1.0


def add_tenant(store: Administration, name: str = "acme", **policy: object) -> None:
    """Make a tenant, or give one that is there this policy."""
    wanted = TenantPolicy(**policy)  # type: ignore[arg-type]
    try:
        store.get_tenant(name)
    except NotFound:
        store.create_tenant(name, wanted, by=TEST)
    else:
        store.change_tenant(name, wanted, by=TEST)


def add_key(
    store: Administration,
    tenant: str = "acme",
    *scopes: Scope,
    revoked: bool = False,
    expires_in_s: float | None = None,
) -> str:
    """A key of a tenant, as its owner has it; for everything where no scope is named."""
    key, key_id = make_key()
    expires_at = None if expires_in_s is None else datetime.now(UTC) + timedelta(seconds=expires_in_s)
    new_key = NewKey(
        id=key_id,
        tenant=tenant,
        name="of a test",
        scopes=frozenset(scopes or Scope),
        digest=digest_of(key),
        expires_at=expires_at,
    )
    store.create_key(new_key, by=TEST)
    if revoked:
        store.revoke_key(key_id, by=TEST)
    return key


def bearer(key: str) -> dict[str, str]:
    """The header that carries it."""
    return {"Authorization": f"Bearer {key}"}
