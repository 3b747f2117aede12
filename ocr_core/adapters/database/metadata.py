"""What all tables of the house's one database share: their names, their version, and moments in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

SCHEMA_REVISION = "0006"
"""The newest migration: what the code here is written for. Migrations are numbered, so that newer ones are known."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

Id = sa.String(64)
Word = sa.String(64)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite, which knows no time zones, keeps it as text of fixed width."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware in, whatever the zone."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def is_revision(name: str) -> bool:
    """Whether it is a migration's number; two of them are in order as texts."""
    return re.fullmatch("[0-9]{4}", name) is not None
