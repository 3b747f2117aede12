"""The supervisor: up, down, a service that ends, and what is left when it is killed itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_stack.ports import Ports
from local_stack.service import Service, ServiceSpec
from local_stack.stack import REPOSITORY_ROOT, LocalStack, StackError
from local_stack.state import StackState, start_ticks
from local_stack.watcher import Watcher
from tests.support.waiting import wait_until

READY_S = 240.0
GONE_S = 60.0


def descendants(pid: int) -> set[int]:
    """Every process below ``pid``, whatever group or session it is in."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def living(processes: dict[int, int | None]) -> list[int]:
    """Those of the processes that still run; the start time tells them from later ones with the same number."""
    return [pid for pid, started in processes.items() if start_ticks(pid) == started]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``make up`` on free ports, from when it says that it is ready."""
    state_file = tmp_path / "stack.json"
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_stack", "up", "--free-ports", "--state-file", str(state_file)],
            cwd=REPOSITORY_ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: state_file.exists() or process.poll() is not None, "readiness", patience_s=READY_S)
        assert process.poll() is None, (tmp_path / "output").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(timeout=GONE_S)


@pytest.mark.stack
@pytest.mark.timeout(420)
class TestUp:
    def test_down_stops_everything(self, supervisor: subprocess.Popen[bytes], tmp_path: Path) -> None:
        state = StackState.read(tmp_path / "stack.json")
        assert state is not None
        assert httpx.get(f"{state.api_url}/readyz", trust_env=False).status_code == 200
        processes = {pid: start_ticks(pid) for pid in descendants(supervisor.pid)}
        assert len(processes) >= 6  # the watcher, Triton and its models, the two services, the opener
        down = [sys.executable, "-m", "local_stack", "down", "--state-file", str(tmp_path / "stack.json")]
        assert subprocess.run(down, cwd=REPOSITORY_ROOT, check=False).returncode == 0
        assert supervisor.wait(timeout=GONE_S) == 0
        assert living(processes) == []
        output = (tmp_path / "output").read_text()
        assert f"the API is at {state.api_url}" in output
        for name in ("triton", "postprocess", "preprocess"):
            assert f"\n{name:<11} | " in output

    def test_a_killed_supervisor_leaves_nothing_behind(self, supervisor: subprocess.Popen[bytes]) -> None:
        processes = {pid: start_ticks(pid) for pid in descendants(supervisor.pid)}
        supervisor.kill()
        supervisor.wait()
        wait_until(lambda: not living(processes), "the end of every process", patience_s=GONE_S)

    def test_a_service_that_ends_takes_the_stack_with_it(
        self, supervisor: subprocess.Popen[bytes], tmp_path: Path
    ) -> None:
        state = StackState.read(tmp_path / "stack.json")
        assert state is not None
        processes = {pid: start_ticks(pid) for pid in descendants(supervisor.pid)}
        os.kill(state.process_groups["postprocess"], signal.SIGKILL)
        assert supervisor.wait(timeout=GONE_S) == 1
        assert living(processes) == []
        assert "postprocess ended with status -9" in (tmp_path / "output").read_text()


def test_down_without_a_stack(tmp_path: Path) -> None:
    down = [sys.executable, "-m", "local_stack", "down", "--state-file", str(tmp_path / "stack.json")]
    answer = subprocess.run(down, cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False)
    assert (answer.returncode, "no stack is running" in answer.stdout) == (0, True)


def test_a_stale_note_is_not_believed(tmp_path: Path) -> None:
    note = StackState(
        supervisor_pid=os.getpid(),
        supervisor_start_ticks=1,  # somebody else, long ago, had this number
        api_url="http://127.0.0.1:1",
        bulk_url="http://127.0.0.1:4",
        structure_url="http://127.0.0.1:2",
        triton_grpc_url="127.0.0.1:3",
        process_groups={},
        stop_timeout_s=1.0,
    )
    note.write(tmp_path / "stack.json")
    read = StackState.read(tmp_path / "stack.json")
    assert read == note
    assert not read.is_running()


def test_a_taken_port_is_named_and_nothing_starts() -> None:
    ports = Ports.free()
    holder = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(ports.postprocess)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: ports.postprocess in ports.taken(), "the holder of the port")
        with pytest.raises(StackError, match=str(ports.postprocess)):
            LocalStack(ports=ports).start()
    finally:
        holder.kill()
        holder.wait()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    """The process that ends what a killed supervisor leaves."""
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.close()


class TestService:
    """With a shell in place of a server: what ends when a service is stopped."""

    @staticmethod
    def start(script: str, watcher: Watcher) -> Service:
        spec = ServiceSpec(
            name="shell",
            command=("/bin/sh", "-c", script),
            environment=dict(os.environ),
            working_directory=REPOSITORY_ROOT,
            is_ready=lambda: True,
        )
        service = Service(spec=spec, watcher=watcher, sink=lambda _name, _line: None)
        service.start()
        return service

    def test_its_output_is_kept_by_line(self, watcher: Watcher) -> None:
        service = self.start("echo one; echo two >&2; sleep 60", watcher)
        wait_until(lambda: len(service.lines) == 2, "two lines")
        assert sorted(service.lines) == ["one", "two"]
        service.stop()

    def test_children_that_ignore_the_request_are_ended_too(self, watcher: Watcher) -> None:
        service = self.start("trap '' TERM; (trap '' TERM; sleep 60) & echo up; sleep 60", watcher)
        wait_until(lambda: bool(service.lines), "a line")
        assert service.pid is not None
        processes = {pid: start_ticks(pid) for pid in {service.pid, *descendants(service.pid)}}
        service.stop(grace_s=0.2)
        assert len(processes) >= 2
        wait_until(lambda: not living(processes), "the end of the children")

    def test_it_can_be_started_again(self, watcher: Watcher) -> None:
        service = self.start("echo up; sleep 60", watcher)
        wait_until(lambda: len(service.lines) == 1, "the first start")
        service.kill()
        service.start()
        wait_until(lambda: len(service.lines) == 2, "the second start")
        service.stop()

    def test_the_watcher_ends_what_it_was_told_of_when_its_pipe_closes(self, watcher: Watcher) -> None:
        service = self.start("trap '' TERM; sleep 60 & echo up; wait", watcher)
        wait_until(lambda: bool(service.lines), "a line")
        assert service.pid is not None
        processes = {pid: start_ticks(pid) for pid in {service.pid, *descendants(service.pid)}}
        watcher.close()
        wait_until(lambda: service.exit_status is not None, "the end of the service")
        wait_until(lambda: not living(processes), "the end of its children")
        service.stop()
