"""In which trace open work and due webhooks belong.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("tasks", "webhook_deliveries")


def upgrade() -> None:
    """From the version before."""
    for table in TABLES:
        op.add_column(table, sa.Column("trace_origin", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """To the version before."""
    for table in TABLES:
        op.drop_column(table, "trace_origin")
