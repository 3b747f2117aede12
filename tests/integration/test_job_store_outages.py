"""A database that cannot do what it is asked now (read-only, full, locked) is ``NotReady``, never a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.contracts.errors import NotReady
from tests.support.databases import ready_postgres
from tests.support.job_stores import new_job
from tests.support.postgres import postgres_server
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgresql(server: str) -> Iterator[str]:
    """A database with its tables."""
    with ready_postgres(server, "outages") as url:
        yield url


@contextmanager
def read_only(server: str) -> Iterator[None]:
    """Every session of the server reads only, also those that are open: as on a primary that has become a standby."""

    def order(change: str) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(change.encode())
            connection.execute("SELECT pg_reload_conf()")

    order("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        yield
    finally:
        order("ALTER SYSTEM RESET default_transaction_read_only")


def refusal(act: Callable[[], object]) -> NotReady:
    """How it is refused, as soon as it is."""
    refusals: list[NotReady] = []

    def refused() -> bool:
        try:
            act()
        except NotReady as error:
            refusals.append(error)
        return bool(refusals)

    wait_until(refused, "a refusal")
    return refusals[0]


def answers(act: Callable[[], object]) -> bool:
    try:
        act()
    except NotReady:
        return False
    return True


def test_a_failover_to_read_only_is_waited_out(server: str, postgresql: str) -> None:
    with SqlJobStore(postgresql, pool_size=1) as store, SqlJobStore(postgresql, pool_size=1) as other:
        store.create_job(new_job())
        other.check()
        with read_only(server):
            error = refusal(lambda: store.create_job(new_job()))
            assert isinstance(error.__cause__, DBAPIError)
            assert isinstance(error.__cause__.orig, errors.ReadOnlySqlTransaction)
            assert "no writes" in refusal(other.check).detail
            with SqlJobStore(postgresql) as late, pytest.raises(NotReady):
                late.check()
        wait_until(lambda: answers(store.check), "the database to take writes")
        assert store.create_job(new_job()).created
        other.check()


@pytest.mark.parametrize(
    "state",
    [
        "08006",
        "25006",
        "25P02",
        "26000",
        "40001",
        "40P01",
        "42P05",
        "53100",
        "55P03",
        "57014",
        "57P01",
        "58030",
        "XX000",
    ],
)
def test_what_may_pass_is_not_ready(postgresql: str, state: str) -> None:
    database = Database(postgresql, pool_size=1)
    with pytest.raises(NotReady) as refused, database.writing() as connection:
        connection.execute(sa.text(f"DO $$ BEGIN RAISE EXCEPTION 'secret words' USING ERRCODE = '{state}'; END $$"))
    assert "secret" not in refused.value.detail
    with database.writing() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    database.close()


def test_what_is_wrong_with_a_statement_stays_an_error(postgresql: str) -> None:
    database = Database(postgresql, pool_size=1)
    with pytest.raises(DBAPIError), database.reading() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    database.close()


def test_a_connection_has_its_limits_and_a_migration_its_patience(postgresql: str) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")

    def limits(url: str, *, patient: bool = False) -> list[str]:
        database = Database(url, pool_size=1, patient=patient)
        with database.reading() as connection:
            found = [str(connection.execute(sa.text(f"SHOW {name}")).scalar_one()) for name in names]
        database.close()
        return found

    assert limits(postgresql) == ["1min", "10s", "30s", "UTC"]
    assert limits(postgresql, patient=True) == ["0", "10min", "0", "UTC"]
    asked = f"{postgresql}?options=-c%20lock_timeout%3D7s&connect_timeout=9"
    assert limits(asked) == ["1min", "7s", "30s", "UTC"]


def test_a_lock_that_is_not_let_go_of_is_not_waited_for_endlessly(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocr_core.adapters.database.connection.LOCK_TIMEOUT_MS", 100)
    with SqlJobStore(postgresql) as store, psycopg.connect(postgresql) as holder:
        holder.execute("LOCK TABLE jobs")
        with pytest.raises(NotReady):
            store.create_job(new_job())
        holder.rollback()
        assert store.create_job(new_job()).created


def test_a_transaction_that_stands_still_loses_its_locks(
    server: str, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocr_core.adapters.database.connection.IDLE_TIMEOUT_MS", 100)
    database = Database(postgresql, pool_size=1)

    def stand_still() -> None:
        with database.writing() as connection, psycopg.connect(server, autocommit=True) as watcher:
            session = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
            wait_until(lambda: watcher.execute(query, [session]).fetchone() == (0,), "the session's end")
            connection.execute(sa.text("SELECT 1"))

    with pytest.raises(NotReady):
        stand_still()
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    database.close()


def test_a_job_of_a_hundred_thousand_documents_is_made_within_the_limits(postgresql: str) -> None:
    with SqlJobStore(postgresql) as store:
        assert store.create_job(new_job(100_000)).job.counts.total == 100_000


class TestSqlite:
    def test_a_read_only_file_is_not_ready(self, tmp_path: Path) -> None:
        path = tmp_path / "jobs.sqlite3"
        upgrade(f"sqlite:///{path}")
        with SqlJobStore(f"sqlite:///file:{path}?mode=ro&uri=true") as store:
            store.check()
            with pytest.raises(NotReady):
                store.create_job(new_job())

    def test_a_full_disk_is_not_ready(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
        upgrade(url)

        def fill(connection: sqlite3.Connection, _entry: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the number of pages that there are

        sa.event.listen(sa.Engine, "connect", fill)
        try:
            with SqlJobStore(url) as store, pytest.raises(NotReady):
                store.create_job(new_job(5_000))
        finally:
            sa.event.remove(sa.Engine, "connect", fill)
