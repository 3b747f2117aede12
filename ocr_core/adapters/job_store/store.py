"""The job store in SQL: SQLite or PostgreSQL, the same statements."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from ocr_core.adapters.job_store.database import Database
from ocr_core.adapters.job_store.deliveries import SqlWebhooks
from ocr_core.adapters.job_store.dispatch import SqlDispatch
from ocr_core.adapters.job_store.leases import SqlLeases
from ocr_core.adapters.job_store.records import SqlJobRecords
from ocr_core.adapters.job_store.retention import SqlRetention
from ocr_core.adapters.job_store.sweep import SqlSweep
from ocr_core.adapters.job_store.tables import SCHEMA_REVISION, is_revision
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import Clock, StoreRules


class SystemClock:
    """The machine's own wall clock."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)


class SqlJobStore(SqlJobRecords, SqlDispatch, SqlSweep, SqlLeases, SqlWebhooks, SqlRetention):
    """``JobStore`` in SQL; its parts share one database. A context manager that closes its connections."""

    def __init__(
        self,
        url: str,
        *,
        rules: StoreRules | None = None,
        clock: Clock | None = None,
        pool_size: int = 10,
        lots: Random | None = None,
    ) -> None:
        """Store what it works with; the first call connects.

        Args:
            url: As ``Database`` takes it. The tables must be there (``migrate.upgrade``).
            rules: Durations and counts; the defaults where none are given.
            clock: The machine's own where none is given.
            pool_size: Connections kept, about one for each thread that calls.
            lots: Decides which of two tenants goes first that have as much in flight; for tests.
        """
        self._database = Database(url, pool_size=pool_size)
        self._clock = clock or SystemClock()
        self._rules = rules or StoreRules()
        self._lots = lots or Random()  # noqa: S311 - spreads turns, guards nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def check(self) -> None:
        """See ``WorkQueue``."""
        self._database.check_writable()
        with self._database.reading() as connection:
            try:
                found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
            except sa.exc.ProgrammingError as error:
                raise NotReady("the job database has no tables yet") from error
        if not found:
            raise NotReady("the job database has no tables yet")
        # A newer version is welcome: migrations only add, so that old processes work on during an upgrade.
        if len(found) != 1 or not is_revision(found[0]) or found[0] < SCHEMA_REVISION:
            raise NotReady(f"the job database's tables are of version {', '.join(found)}, not {SCHEMA_REVISION}")
