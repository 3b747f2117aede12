"""Whether the database can be worked with: it takes writes, and its tables are those that the code knows."""

from __future__ import annotations

import sqlalchemy as sa

from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.database.metadata import SCHEMA_REVISION, is_revision
from ocr_core.contracts.errors import NotReady


def check_tables(database: Database) -> None:
    """Ask the database for a sign of life.

    Raises:
        NotReady: there is none, or its tables are not of this version.
    """
    database.check_writable()
    with database.reading() as connection:
        try:
            found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
        except sa.exc.ProgrammingError as error:
            raise NotReady("the job database has no tables yet") from error
    if not found:
        raise NotReady("the job database has no tables yet")
    # A newer version is welcome: migrations only add, so that old processes work on during an upgrade.
    if len(found) != 1 or not is_revision(found[0]) or found[0] < SCHEMA_REVISION:
        raise NotReady(f"the job database's tables are of version {', '.join(found)}, not {SCHEMA_REVISION}")
