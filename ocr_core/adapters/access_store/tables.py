"""The tables of who may do what.

::

    tenants ─── api_keys
    audit_events      names what happened to whom by values, not by foreign keys: it outlives both
"""

from __future__ import annotations

import sqlalchemy as sa

from ocr_core.adapters.database.metadata import Id, UtcDateTime, Word, metadata

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("name", Word, primary_key=True),
    sa.Column("requests_per_minute", sa.Integer),
    sa.Column("concurrent_requests", sa.Integer),
    sa.Column("open_documents", sa.Integer),
    sa.Column("retention_days", sa.Float, nullable=False),
    sa.Column("source_prefixes", sa.Text, nullable=False),  # JSON: a prefix may hold any separator
    sa.Column("webhook_secret", sa.Text),  # signs, so it cannot be kept as a digest
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("deleted_at", UtcDateTime),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant", Word, sa.ForeignKey("tenants.name", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("last_used_at", UtcDateTime),
)

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),  # what is old
    sa.Column("action", Word, nullable=False),
    sa.Column("tenant", Word),
    sa.Column("key_id", Id),
    sa.Column("actor_key_id", Id),
    sa.Column("actor_through", Word, nullable=False),
    sa.Column("request_id", sa.String(128)),
    sa.Column("details", sa.Text, nullable=False),
    sa.Index(None, "tenant", "id"),
    sqlite_autoincrement=True,  # an id is never given twice: readers go on behind the last one that they have
)
