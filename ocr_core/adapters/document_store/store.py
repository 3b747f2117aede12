"""The document store in SQL: SQLite or PostgreSQL, the same statements."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ocr_core.adapters.database import Database, SystemClock
from ocr_core.adapters.document_store.deletions import SqlDocumentDeletions
from ocr_core.adapters.document_store.records import SqlDocumentRecords
from ocr_core.contracts.jobs import Clock


class SqlDocumentStore(SqlDocumentDeletions, SqlDocumentRecords):
    """``DocumentStore`` in SQL. A context manager that closes its connections."""

    def __init__(self, url: str, *, clock: Clock | None = None, pool_size: int = 2) -> None:
        """Store what it works with; the first call connects.

        Args:
            url: As ``Database`` takes it: the job store's. The tables must be there (``database.upgrade``).
            clock: The machine's own where none is given.
            pool_size: Connections kept, about one for each thread that calls.
        """
        super().__init__(Database(url, pool_size=pool_size), clock or SystemClock())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._database.close()
