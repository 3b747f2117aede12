"""A PostgreSQL server of the tests' own, from Debian's ``postgresql`` package: fresh data, a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

START_TIMEOUT_S = 30.0
_UNPRIVILEGED = ("postgres", "nobody")
_SETTINGS = ("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=120")


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server and yield the URL of its maintenance database; ``fresh_database`` makes others.

    Skips the test, saying why, where the server's programs are not installed; fails it where they do not work.
    """
    programs = _programs()
    if programs is None:
        pytest.skip(
            "PostgreSQL is not installed, and `make test` could not do it (Debian: apt-get install postgresql); "
            "its half of the suite is left out"
        )
    # PostgreSQL refuses to run as root: there it runs as one of the users that every Debian has.
    user = _unprivileged_user() if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="yomitori-pg-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        if user is not None:
            os.chown(home, user.pw_uid, user.pw_gid)
        yield from _serve(programs, home, user)


def _serve(programs: Path, home: Path, user: pwd.struct_passwd | None) -> Iterator[str]:
    data, port = home / "data", _free_port()
    as_user = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "yomitori", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True, text=True, check=False, cwd=home, **as_user,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.fail(f"PostgreSQL's data could not be made: {made.stderr.strip()[-300:]}")
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", home, *_SETTINGS],
            stdout=log, stderr=log, cwd=home, **as_user,
        )  # fmt: skip
    try:
        url = f"postgresql://yomitori@127.0.0.1:{port}/postgres"
        _wait(url, server, home / "log")
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # "fast": connections are cut
        server.wait(timeout=START_TIMEOUT_S)


@contextmanager
def fresh_database(server_url: str, name: str, *, template: str = "template1") -> Iterator[str]:
    """A copy of ``template`` (an empty database by default) on the server, dropped afterwards, connections or not."""
    create = psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create.format(psycopg.sql.Identifier(name), psycopg.sql.Identifier(template)))
    try:
        yield server_url.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


def _programs() -> Path | None:
    """Where the newest installed server's programs are; Debian keeps them off the search path."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").is_file()]
    if versions:
        return max(versions, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _unprivileged_user() -> pwd.struct_passwd:
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("PostgreSQL does not run as root, and there is no other user to run it as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if server.poll() is not None:
            break
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')[-300:]}")
