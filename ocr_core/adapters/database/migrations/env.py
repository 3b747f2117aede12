"""Alembic's way in: connects, and runs what is missing in one transaction under one lock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from ocr_core.adapters.access_store import tables as access_tables  # noqa: F401 - so that ``metadata`` has them
from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.database.metadata import metadata
from ocr_core.adapters.document_store import tables as document_tables  # noqa: F401 - likewise
from ocr_core.adapters.job_store import tables as job_tables  # noqa: F401 - likewise

_UPGRADE_LOCK = 7_305_112_964
"""Any number, as long as it is ours: PostgreSQL's advisory lock under which one process upgrades."""


def run() -> None:
    """Upgrade (or downgrade) the database that the configuration names."""
    database = Database(context.config.get_main_option("sqlalchemy.url") or "", pool_size=1, patient=True)
    try:
        with database.writing() as connection:
            if not database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
            # Both databases can take back a change of tables; Alembic does not expect it of SQLite, as Python's own
            # driver commits before each unless it is kept from doing so, which ``Database`` does.
            context.configure(
                connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=True
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        database.close()


run()
