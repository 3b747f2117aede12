"""The connection to SQLite or PostgreSQL: transactions, and what differs between the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from ocr_core.contracts.errors import NotReady

BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for SQLite's one write lock; a job of 100,000 documents holds it for some seconds."""
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 60_000
"""Of one statement on PostgreSQL; a job of 100,000 documents is made by many, none of them longer than a second."""
LOCK_TIMEOUT_MS = 10_000
"""How long one waits on PostgreSQL for another's lock."""
IDLE_TIMEOUT_MS = 30_000
"""A process that has stopped in the midst of a transaction holds its locks no longer than this."""
PATIENT_LOCK_TIMEOUT_MS = 600_000
"""For migrations: several processes wait for the one that does the work."""
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A server that vanished without a word is noticed within 25 s: seconds, and for the last one milliseconds."""
_INSERT_ROWS = 1_000

_WRITES = "job_store_writes"

_PASSING = ("08", "25", "26", "40", "42P05", "53", "55", "57", "58", "XX")
"""SQLSTATEs, or their classes, that say how the server or the connection is, not what is wrong with a statement:
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_READ_ONLY = "25006"
_UNFIT = (_READ_ONLY, "25P03", "26", "42P05")
"""After these the connection is not used again: its server has become a standby, or a pooler has swapped sessions."""


class Database:
    """Transactions over one database, for any number of threads."""

    def __init__(self, url: str, *, pool_size: int = 10, patient: bool = False) -> None:
        """Store where it is; nothing is opened until the first transaction.

        Args:
            url: ``sqlite:///relative/file`` or ``sqlite:////absolute/file``, or ``postgresql://user@host/name``.
            pool_size: Connections kept; a few more are opened under load.
            patient: For migrations: statements take what they take, and others' locks are waited for.
        """
        self._engine = _engine(sa.make_url(url), pool_size, patient=patient)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self.is_sqlite = self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            NotReady: the database does not answer.
        """
        with _plain_errors(), _transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite it holds the write lock from its start (BEGIN IMMEDIATE).

        A read that turns into a write could fail there at once with SQLITE_BUSY, whatever the timeout:
        https://www.sqlite.org/lang_transaction.html

        Raises:
            NotReady: the database does not answer.
        """
        with _plain_errors(), _transaction(self._writer) as connection:
            yield connection

    def check_writable(self) -> None:
        """Make sure that PostgreSQL takes writes: after a failover a kept connection may lead to a standby.

        Raises:
            NotReady: it only answers reads, or not at all.
        """
        if self.is_sqlite:
            return
        with self.reading() as connection:
            if connection.execute(sa.text("SHOW transaction_read_only")).scalar_one() == "on":
                connection.invalidate()
                raise NotReady("the job database takes no writes")

    def insert_if_absent(self, connection: Connection, table: sa.Table, values: Mapping[str, object]) -> bool:
        """Insert a row unless one with its unique key is there; waits for another's transaction to decide."""
        insert = sqlite.insert if self.is_sqlite else postgresql.insert
        statement = insert(table).on_conflict_do_nothing().returning(sa.literal(1))
        return connection.execute(statement, dict(values)).first() is not None

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()


def insert_all(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert any number of rows, none included.

    In pieces: one call with a hundred thousand rows kept the GIL, and with it a process's event loop, for a quarter of
    a second on end.
    """
    for first in range(0, len(rows), _INSERT_ROWS):
        connection.execute(sa.insert(table), [dict(row) for row in rows[first : first + _INSERT_ROWS]])


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        # The driver's own words may name hosts and files.
        raise NotReady("the job database does not answer") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise NotReady("the job database went away") from error
        state = sqlstate(error)
        if state == _READ_ONLY:
            raise NotReady("the job database takes no writes") from error
        if state.startswith(_PASSING):
            raise NotReady("the job database cannot answer now") from error
        raise


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        try:
            with connection.begin():
                yield connection
        except DBAPIError as error:
            if sqlstate(error).startswith(_UNFIT):
                connection.invalidate()
            raise


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five characters for what went wrong; empty where there are none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def _engine(url: URL, pool_size: int, *, patient: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, pool_size=pool_size, max_overflow=pool_size, connect_args={"timeout": 30})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if url.get_backend_name() != "postgresql":
        raise ValueError("the job database is SQLite or PostgreSQL")
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args=_postgresql_arguments(url, patient=patient),
    )


def _postgresql_arguments(url: URL, *, patient: bool) -> dict[str, int | str]:
    """What a connection is made with; what the URL itself says goes before it."""
    server = {
        "timezone": "utc",
        "statement_timeout": 0 if patient else STATEMENT_TIMEOUT_MS,
        "lock_timeout": PATIENT_LOCK_TIMEOUT_MS if patient else LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": 0 if patient else IDLE_TIMEOUT_MS,
    }
    options = [f"-c {name}={value}" for name, value in server.items()]
    arguments: dict[str, int | str] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        # Of several hosts the one that takes writes; a standby alone is as good as none.
        "target_session_attrs": "read-write",
        **_KEEPALIVES,
    }
    asked = url.normalized_query
    return {
        **{name: value for name, value in arguments.items() if name not in asked},
        "options": " ".join([*options, *asked.get("options", ())]),
    }


def _set_up_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:  # the driver's own type
    # SQLAlchemy's documented way to take transactions over from the sqlite3 module, which begins them too late:
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        # A commit that was answered survives a power cut as well, not only the process's death.
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
