"""The job store in SQL: SQLite or PostgreSQL, the same statements."""

from __future__ import annotations

from random import Random
from types import TracebackType
from typing import Self

from ocr_core.adapters.database import Database, SystemClock, check_tables
from ocr_core.adapters.job_store.deliveries import SqlWebhooks
from ocr_core.adapters.job_store.dispatch import SqlDispatch
from ocr_core.adapters.job_store.leases import SqlLeases
from ocr_core.adapters.job_store.records import SqlJobRecords
from ocr_core.adapters.job_store.retention import SqlRetention
from ocr_core.adapters.job_store.sweep import SqlSweep
from ocr_core.contracts.jobs import Clock, StoreRules


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
        check_tables(self._database)
