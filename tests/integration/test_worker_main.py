"""A process of the bulk road: how it starts, what it tells of itself, how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from async_worker.main import parse_roles
from async_worker.preparing import make_database_folder
from async_worker.roles import RoleName
from local_stack.aws import AwsServer, client_settings
from tests.support.aws import free_port
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse
from tests.support.faults_process import FaultyProcess
from tests.support.triton_double import CHARSET, Mark
from tests.support.waiting import wait_until

EX_CONFIG = 78
START_S = 60.0

Start = Callable[..., FaultyProcess]


@pytest.fixture
def start(aws_server: AwsServer, tmp_path: Path) -> Iterator[Start]:
    """Starts processes over one SQLite file, whose folder is not there yet."""
    charset = tmp_path / "charset.txt"
    charset.write_text(CHARSET, encoding="utf-8")
    started: list[FaultyProcess] = []

    def start_one(*roles: str, **settings: str) -> FaultyProcess:
        process = FaultyProcess(
            name="-".join(roles),
            command=[sys.executable, "-m", "async_worker", *roles],
            environment={
                **client_settings(aws_server.config),
                "OCR_QUEUE_NAME_PREFIX": "main-",
                "OCR_OBJECTS_BUCKET": "worker-main",
                "OCR_BULK_DATABASE_URL": f"sqlite:///{tmp_path / 'new' / 'folder' / 'jobs.sqlite3'}",
                "OCR_BULK_VITALS_PORT": str(free_port()),
                "OCR_BULK_POLL_WAIT_S": "1",
                "OCR_POSTPROCESS_CHARSET_FILES": str(charset),
                **settings,
            },
            log=tmp_path / f"{len(started)}.log",
        )
        started.append(process)
        process.start()
        return process

    yield start_one
    for process in started:
        process.kill()


def ask(process: FaultyProcess, path: str) -> httpx.Response | None:
    """The answer, if there is one."""
    with suppress(httpx.HTTPError):
        port = process.environment["OCR_BULK_VITALS_PORT"]
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
    return None


def status(process: FaultyProcess, path: str) -> int:
    answer = ask(process, path)
    return 0 if answer is None else answer.status_code


def wait_status(process: FaultyProcess, path: str, expected: int) -> None:
    wait_until(lambda: status(process, path) == expected, f"{expected} of {path}", patience_s=START_S)


class TestCommandLine:
    def test_roles_are_named_in_any_number(self) -> None:
        assert parse_roles(["read", "structure", "read"]) == {RoleName.READ, RoleName.STRUCTURE}

    @pytest.mark.parametrize("arguments", [[], ["reader"]])
    def test_anything_else_ends_with_a_message(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            parse_roles(arguments)
        assert caught.value.code == 2
        assert "usage" in capsys.readouterr().err


def test_the_embedded_databases_folder_is_for_its_owner(tmp_path: Path) -> None:
    make_database_folder(f"sqlite:///{tmp_path / 'a' / 'b' / 'jobs.sqlite3'}")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    make_database_folder("postgresql://nobody@localhost/nothing")


def test_processes_that_start_at_once_make_one_database_and_end_when_told_to(start: Start) -> None:
    dispatcher, structure = start("dispatcher"), start("structure")
    for process in (dispatcher, structure):
        wait_status(process, "/readyz", 200)
    answer = ask(structure, "/readyz")
    assert answer is not None
    assert answer.json()["checked"] == ["job database", "object store", "queues"]
    metrics = ask(structure, "/metrics")
    assert metrics is not None
    assert "ocr_bulk_stage_duration_seconds" in metrics.text
    # Yielding to all else, from wherever the tests themselves stand; the kernel ends its scale at 19.
    own = os.getpriority(os.PRIO_PROCESS, dispatcher.pid)
    assert os.getpriority(os.PRIO_PROCESS, structure.pid) == min(19, own + 19)
    for process in (dispatcher, structure):
        assert process.terminate() == 0, process.last_lines()
        assert process.leftovers() == []


def test_a_database_that_is_down_is_waited_for_and_told_of(start: Start) -> None:
    process = start("dispatcher", OCR_BULK_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    wait_status(process, "/healthz", 200)
    wait_status(process, "/readyz", 503)
    answer = ask(process, "/readyz")
    assert answer is not None
    assert "job database" in answer.json()["detail"]
    assert process.terminate() == 0, process.last_lines()


@pytest.mark.parametrize(
    ("role", "settings", "named"),
    [
        ("structure", {"OCR_POSTPROCESS_CHARSET_FILES": "/never/there"}, "OCR_POSTPROCESS_CHARSET_FILES"),
        ("dispatcher", {"OCR_BULK_LEASE_S": "1"}, "OCR_BULK_LEASE_S"),
        ("dispatcher", {"OCR_BULK_LEESE_S": "9"}, "OCR_BULK_LEESE_S"),
        ("dispatcher", {"OCR_BULK_HOST": "0.0.0.0"}, "OCR_ALLOW_UNAUTHENTICATED"),  # noqa: S104 - it is refused
    ],
)
def test_a_bad_setting_ends_the_start_and_names_itself(
    start: Start, role: str, settings: dict[str, str], named: str
) -> None:
    process = start(role, **settings)
    assert process.wait_end(START_S) == EX_CONFIG
    assert named in process.last_lines()


CRASH = """
import asyncio, threading
from async_worker import main

class Crashing:
    async def run(self, stop):
        asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
        raise RuntimeError

class Deaf:
    async def run(self, stop):
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

main.House.roles = lambda house: [ROLES]
main.House.preparations = lambda house: {}
main.main(["structure"])
"""


@pytest.mark.parametrize("roles", ["Crashing()", "Deaf(), Crashing()"])
def test_a_process_whose_role_raised_ends_even_where_something_hangs(
    aws_server: AwsServer, tmp_path: Path, roles: str
) -> None:
    charset = tmp_path / "charset.txt"
    charset.write_text(CHARSET, encoding="utf-8")
    environment = {
        **client_settings(aws_server.config),
        "OCR_BULK_DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.sqlite3'}",
        "OCR_BULK_SHUTDOWN_GRACE_S": "0",
        "OCR_POSTPROCESS_CHARSET_FILES": str(charset),
    }
    command = [sys.executable, "-c", CRASH.replace("ROLES", roles)]
    with FaultyProcess(name="crash", command=command, environment=environment, log=tmp_path / "log") as process:
        assert process.wait_end(START_S) == 1
        assert "did not end in time" in process.last_lines()


def test_a_reader_ends_by_its_deadline_and_another_takes_over_at_once(tmp_path: Path) -> None:
    """Its page takes a minute; the lease would last as long."""
    processes = {"api": ("api",), "hub": ("dispatcher", "structure"), "read-1": ("read",)}
    settings = {"OCR_BULK_SHUTDOWN_GRACE_S": "2", "OCR_BULK_LEASE_S": "60"}
    with BulkHouse(folder=tmp_path, processes=processes, settings=settings, slow_s=60.0) as house:
        job = house.submit([png_document(1, Mark.SLOW)])
        house.wait_leased(job.job_id)
        house.start("read-2", ("read",))
        house.wait_ready(["read-2"])
        first = house.rows("SELECT lease_token FROM tasks")[0]["lease_token"]
        assert house.running["read-1"].terminate() == 0

        def taken_over() -> bool:
            (task,) = house.tasks(job.job_id)
            return task["lease_token"] not in {None, first} and task["attempts"] == 1

        wait_until(taken_over, "the other's lease")
