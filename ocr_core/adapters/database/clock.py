"""The clock that the database's moments come from, unless a test sets another."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The machine's own wall clock."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)
