"""``model_tools.triton_guard`` around a shell in place of Triton: what it ends, what it forwards, what it says."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack.state import start_ticks
from model_tools.triton_guard import STUB_ENDED_STATUS, Stub, find_stubs
from tests.support.waiting import wait_until

GUARD = Path(__file__).resolve().parents[2] / "model_tools" / "triton_guard.py"
STUB_NAME = "triton_python_backend_stub"

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A program that sleeps under the name of the Python backend's."""
    (path := tmp_path / STUB_NAME).symlink_to(shutil.which("sleep") or "")
    return path


@pytest.fixture
def guarded() -> Iterator[Start]:
    """Starts a guard over a shell script, in a process group of its own that is ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(script: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", str(GUARD), "/bin/sh", "-c", script, "server", *arguments]
        started.append(subprocess.Popen(command, stdin=stdin, stderr=subprocess.PIPE, process_group=0))
        return started[-1]

    yield start
    for guard in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(guard.pid, signal.SIGKILL)
        with guard:
            pass  # waited for, and its pipes closed


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _server_and_stubs(guard: subprocess.Popen[bytes], count: int) -> tuple[int, list[Stub]]:
    def is_up() -> bool:
        return bool(_children(guard.pid)) and len(find_stubs(_children(guard.pid)[0])) == count

    wait_until(is_up, "the server with its stubs")
    (server,) = _children(guard.pid)
    return server, sorted(find_stubs(server))


def test_a_stub_that_is_killed_ends_the_server_and_the_other_stubs(guarded: Start, stub: Path) -> None:
    # As Triton, the server waits for none of its children: what has ended stays there as a zombie.
    guard = guarded(f"trap '' TERM; {stub} 60 & {stub} 60 & exec sleep 60")
    server, stubs = _server_and_stubs(guard, 2)
    started = start_ticks(server)
    os.kill(stubs[0].pid, signal.SIGKILL)
    _, told = guard.communicate(timeout=20)
    assert guard.returncode == STUB_ENDED_STATUS
    assert f"model process {stubs[0].pid} has ended alone" in told.decode()
    assert start_ticks(server) != started
    assert not any(each.lives() for each in stubs)


def test_other_children_may_come_and_go_and_no_stub_outlives_the_server(guarded: Start, stub: Path) -> None:
    guard = guarded(f"{stub} 60 & sleep 0.01; read _; exit 3", stdin=subprocess.PIPE)
    _, (only,) = _server_and_stubs(guard, 1)
    with pytest.raises(subprocess.TimeoutExpired):
        guard.wait(1.5)  # it has looked, and found nothing wrong
    assert only.lives()
    assert guard.stdin is not None
    guard.stdin.close()
    assert guard.wait(20) == 3
    assert not only.lives()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_end_reaches_the_server_which_ends_its_stubs_itself(
    guarded: Start, stub: Path, number: signal.Signals
) -> None:
    # A shell that is run in the background ignores SIGINT until it traps it.
    guard = guarded(f"trap 'kill $one; sleep 1.5; exit 5' TERM INT; {stub} 60 & one=$!; while :; do sleep 0.1; done")
    _server_and_stubs(guard, 1)
    guard.send_signal(number)
    assert guard.wait(20) == 5


def test_it_ends_with_the_servers_status(guarded: Start) -> None:
    assert guarded("exit 3").wait(20) == 3
    assert guarded("kill -KILL $$").wait(20) == 128 + signal.SIGKILL


def test_shared_memory_under_the_servers_own_prefix_is_removed_before_and_after(guarded: Start) -> None:
    prefix = f"yomitori-test-{uuid.uuid4().hex}-"
    before, during, other = (Path("/dev/shm", name) for name in (f"{prefix}before", f"{prefix}during", f"x{prefix}"))  # noqa: S108
    before.touch()
    other.touch()
    try:
        script = f"if test -e {before}; then exit 9; fi; touch {during}; kill -KILL $$"
        guard = guarded(script, f"--backend-config=python,shm-region-prefix-name={prefix}")
        assert guard.wait(20) == 128 + signal.SIGKILL
        assert not during.exists()
        assert other.exists()
    finally:
        other.unlink()


def test_without_a_server_it_says_how_it_is_used() -> None:
    answer = subprocess.run([sys.executable, str(GUARD)], capture_output=True, text=True, check=False)
    assert answer.returncode == 64
    assert "tritonserver ARGUMENTS" in answer.stderr
