"""Job databases with their tables, by copying one that has them: the migrations take as long as most of the tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest

from ocr_core.adapters.job_store import upgrade
from tests.support.postgres import fresh_database, postgres_server

_TEMPLATE = "ready_made"


@cache
def _ready_made_sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.sqlite3"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def ready_sqlite(path: Path) -> str:
    """Make a SQLite database with its tables at ``path``, where none is; its URL."""
    path.write_bytes(_ready_made_sqlite())
    return f"sqlite:///{path}"


@contextmanager
def ready_postgres(server_url: str, name: str) -> Iterator[str]:
    """A PostgreSQL database with its tables, dropped afterwards, as ``fresh_database``."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    if found is None:
        upgrade(server_url.rsplit("/", 1)[0] + f"/{_TEMPLATE}")
    with fresh_database(server_url, name, template=_TEMPLATE) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server's maintenance database; one server for the whole session, which no test may stop or set otherwise."""
    with postgres_server() as url:
        yield url
