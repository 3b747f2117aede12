"""Which jobs are old, and which keys are theirs, without reading all of them.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From the version before."""
    ended = sa.text("finished_at IS NOT NULL")
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"], sqlite_where=ended, postgresql_where=ended)
    op.create_index("ix_idempotency_keys_job_id", "idempotency_keys", ["job_id"])


def downgrade() -> None:
    """To the version before."""
    op.drop_index("ix_idempotency_keys_job_id", "idempotency_keys")
    op.drop_index("ix_jobs_finished_at", "jobs")
