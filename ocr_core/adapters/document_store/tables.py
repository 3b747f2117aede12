"""The tables of stored documents.

::

    stored_documents ─── document_corrections

They name jobs and tenants by values, not by foreign keys: a document may outlive its job, and where keys are off there
is no tenant's row.
"""

from __future__ import annotations

import sqlalchemy as sa

from ocr_core.adapters.database.metadata import Id, UtcDateTime, Word, metadata

_THERE = sa.text("deleted_at IS NULL")
_GOING = sa.text("deleted_at IS NOT NULL AND gone_at IS NULL")
_GONE = sa.text("gone_at IS NOT NULL")


def _partial(condition: sa.TextClause, name: str, *columns: str) -> sa.Index:
    """A month of marks is many times what is there or going: questions about these are not to walk through those."""
    return sa.Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


stored_documents = sa.Table(
    "stored_documents",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("tenant", Word, nullable=False),
    sa.Column("day", sa.String(10), nullable=False),  # of created_at, in UTC: what the export is cut by
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("deleted_at", UtcDateTime),  # from here on all that tells something is null
    sa.Column("demanded", sa.Boolean, nullable=False),  # whether somebody asked for the deletion
    sa.Column("gone_at", UtcDateTime),
    sa.Column("road", Word),
    sa.Column("job_id", Id),
    sa.Column("reference", sa.Text),
    sa.Column("sha256", Word),
    sa.Column("file_name", sa.Text),
    sa.Column("media_type", sa.String(128)),
    sa.Column("page_count", sa.Integer),
    sa.Column("document_type", Word),
    sa.Column("schemas", sa.Text),
    sa.Column("result_key", sa.Text),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("corrections", sa.Integer, nullable=False),
    _partial(_THERE, "ix_stored_documents_there", "tenant", "created_at", "id"),  # lists, and what is old
    sa.Index(None, "tenant", "day"),  # the export
    sa.Index(None, "tenant", "sha256"),
    _partial(_GOING, "ix_stored_documents_going", "deleted_at", "id"),
    _partial(_GONE, "ix_stored_documents_gone", "gone_at"),
)

document_corrections = sa.Table(
    "document_corrections",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("document_id", Id, sa.ForeignKey("stored_documents.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("schema_name", Word),
    sa.Column("path", sa.String(255), nullable=False),
    sa.Column("kind", Word, nullable=False),
    sa.Column("read_value", sa.Text, nullable=False),  # JSON
    sa.Column("value", sa.Text, nullable=False),  # JSON
    sa.Column("page", sa.Integer),
    sa.Column("quad", sa.Text),  # JSON
    sa.Column("key_id", Id),
    sa.Column("corrected_by", sa.Text),
    sa.Column("request_id", sa.String(128)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,  # an id is never given twice: the order of corrections is theirs
)
