"""Stored documents and their corrections.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before."""
    op.create_table(
        "stored_documents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("demanded", sa.Boolean(), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("road", sa.String(length=64), nullable=True),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("media_type", sa.String(length=128), nullable=True),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("document_type", sa.String(length=64), nullable=True),
        sa.Column("schemas", sa.Text(), nullable=True),
        sa.Column("result_key", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_documents")),
    )
    op.create_index("ix_stored_documents_tenant_day", "stored_documents", ["tenant", "day"])
    op.create_index("ix_stored_documents_tenant_sha256", "stored_documents", ["tenant", "sha256"])
    for name, columns, condition in (
        ("there", ["tenant", "created_at", "id"], sa.text("deleted_at IS NULL")),
        ("going", ["deleted_at", "id"], sa.text("deleted_at IS NOT NULL AND gone_at IS NULL")),
        ("gone", ["gone_at"], sa.text("gone_at IS NOT NULL")),
    ):
        op.create_index(
            f"ix_stored_documents_{name}",
            "stored_documents",
            columns,
            sqlite_where=condition,
            postgresql_where=condition,
        )
    op.create_table(
        "document_corrections",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("document_id", sa.String(length=64), nullable=False),
        sa.Column("schema_name", sa.String(length=64), nullable=True),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("read_value", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("quad", sa.Text(), nullable=True),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("corrected_by", sa.Text(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["stored_documents.id"],
            name=op.f("fk_document_corrections_document_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_corrections")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_document_corrections_document_id", "document_corrections", ["document_id"])


def downgrade() -> None:
    """To the version before."""
    op.drop_table("document_corrections")
    op.drop_table("stored_documents")
