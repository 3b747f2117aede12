"""Migrations and the database itself, SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ocr_core.adapters.access_store import SqlAccessStore  # noqa: F401 - its tables are of the same database
from ocr_core.adapters.database import migrate
from ocr_core.adapters.database.metadata import SCHEMA_REVISION, is_revision, metadata
from ocr_core.adapters.database.migrate import alembic_config
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import (
    DocumentStatus,
)
from tests.support.job_stores import (
    SetClock,
    claim_next,
    finish,
    new_job,
    read,
    send,
)


def test_the_migrations_make_the_tables_that_the_code_knows(job_database: str) -> None:
    engine = sa.create_engine(sa.make_url(job_database).set(drivername=DRIVERS[job_database.split(":", maxsplit=1)[0]]))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    engine.dispose()
    assert ScriptDirectory.from_config(alembic_config(job_database)).get_current_head() == SCHEMA_REVISION


DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def test_migrations_run_once_however_many_start_them(empty_job_database: str) -> None:
    with SqlJobStore(empty_job_database) as job_store:
        with pytest.raises(NotReady):
            job_store.check()
        for _ in range(2):
            upgrade(empty_job_database)
        job_store.check()
        command.downgrade(alembic_config(empty_job_database), "base")
        with pytest.raises(NotReady):
            job_store.check()
        upgrade(empty_job_database)
        job_store.check()


def set_version(url: str, version: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername=DRIVERS[url.split(":", maxsplit=1)[0]]))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    engine.dispose()


@pytest.mark.parametrize(("version", "serves"), [("9999", True), ("0001", False), ("fa1c0ffee", False)])
def test_newer_tables_serve_and_others_do_not(job_database: str, version: str, serves: bool) -> None:
    set_version(job_database, version)
    with SqlJobStore(job_database) as job_store:
        if serves:
            job_store.check()
            assert job_store.create_job(new_job()).created
        else:
            with pytest.raises(NotReady, match=version):
                job_store.check()


@pytest.mark.parametrize("version", ["9999", "fa1c0ffee"])
def test_tables_of_an_unknown_version_are_left_as_they_are(
    job_database: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_version(job_database, version)
    with pytest.raises(NotReady, match="not known here"):
        upgrade(job_database)
    monkeypatch.setattr("sys.argv", ["migrate", job_database])
    with pytest.raises(SystemExit, match="not known here"):
        migrate.main()
    with SqlJobStore(job_database) as job_store, job_store._database.reading() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == version


def test_migrations_are_numbered() -> None:
    scripts = ScriptDirectory.from_config(alembic_config("sqlite://"))
    assert all(is_revision(script.revision) for script in scripts.walk_revisions())


def test_what_was_answered_is_on_disk(job_database: str, job_clock: SetClock) -> None:
    with SqlJobStore(job_database, clock=job_clock) as first:
        job = first.create_job(new_job(2)).job
    with SqlJobStore(job_database, clock=job_clock) as second:
        assert second.get_job("acme", job.id) == job
        assert len(send(second)) == 2


def test_a_database_that_is_away_is_not_ready(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/missing/jobs.sqlite3", "postgresql://nobody@127.0.0.1:1/none"):
        with SqlJobStore(url) as job_store, pytest.raises(NotReady) as refused:
            job_store.check()
        assert str(tmp_path) not in refused.value.detail
    with pytest.raises(ValueError, match="SQLite or PostgreSQL"):
        SqlJobStore("mysql://localhost/x")


def test_a_document_status_is_what_its_work_says(job_store: SqlJobStore, job_database: str) -> None:
    def status() -> str:
        query = "SELECT status FROM documents"
        if job_database.startswith("sqlite"):
            with sqlite3.connect(job_database.removeprefix("sqlite:///")) as connection:
                found = connection.execute(query).fetchall()
            connection.close()
        else:
            with psycopg.connect(job_database) as server:
                found = server.execute(query).fetchall()
        return str(found[0][0])

    job_store.create_job(new_job())
    assert status() == DocumentStatus.QUEUED
    lease = claim_next(job_store)
    assert status() == DocumentStatus.READING
    read(job_store, lease)
    assert status() == DocumentStatus.READ
    lease = claim_next(job_store)
    assert status() == DocumentStatus.STRUCTURING
    finish(job_store, lease)
    assert status() == DocumentStatus.DONE
