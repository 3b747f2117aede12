"""``local_stack.supervisor`` over shells in place of servers: what it starts again, when, and when no more."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.ports import Ports
from local_stack.service import Service, ServiceSpec
from local_stack.stack import REPOSITORY_ROOT, LocalStack, StackError
from local_stack.supervisor import RestartRules, Supervisor
from local_stack.watcher import Watcher
from tests.support.waiting import wait_until

RULES = RestartRules(first_delay_s=1.0, max_delay_s=5.0, max_ends=4, window_s=60.0)


class House:
    """A stack of shells under a supervisor whose clock stands until it is moved."""

    def __init__(self, *services: Service) -> None:
        self.stack = LocalStack(ports=Ports())
        self.stack.services = {service.spec.name: service for service in services}
        self.said: list[str] = []
        self.now_s = 1_000.0
        self.supervisor = Supervisor(self.stack, say=self.said.append, rules=RULES, clock=lambda: self.now_s)

    def end(self, service: Service) -> None:
        """Let it end, as if by itself."""
        assert service.pid is not None
        os.kill(service.pid, signal.SIGKILL)
        wait_until(lambda: service.exit_status is not None, "its end")

    def step_after(self, seconds: float) -> bool:
        self.now_s += seconds
        return self.supervisor.step()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.close()


@pytest.fixture
def service(watcher: Watcher, tmp_path: Path) -> Iterator[Service]:
    service = _service("shell", watcher, ready_file=tmp_path / "ready")
    service.start()
    yield service
    service.stop()


def _service(name: str, watcher: Watcher, *, ready_file: Path) -> Service:
    spec = ServiceSpec(
        name=name,
        command=("/bin/sh", "-c", "echo up; sleep 60 & wait"),
        environment=dict(os.environ),
        working_directory=REPOSITORY_ROOT,
        is_ready=ready_file.exists,
    )
    return Service(spec=spec, watcher=watcher, sink=lambda _name, _line: None)


def test_what_runs_is_left_alone(service: Service) -> None:
    house = House(service)
    pid = service.pid
    assert not house.step_after(0.0)
    assert (service.pid, house.said) == (pid, [])


def test_what_ends_is_started_again_after_a_while(service: Service, tmp_path: Path) -> None:
    house = House(service)
    pid = service.pid
    house.end(service)
    assert not house.step_after(0.0)
    assert house.said == ["shell ended with status -9; it is started again in 1 s"]
    assert not house.step_after(0.9)
    assert house.step_after(0.2)
    assert service.pid not in {None, pid}
    assert len(house.said) == 1  # not ready yet, so nothing is said
    (tmp_path / "ready").touch()
    assert not house.step_after(2.0)
    assert house.said[1:] == ["shell is ready again, after 2 s"]


def test_each_wait_is_twice_as_long_until_it_is_given_up(service: Service) -> None:
    house = House(service)
    for wait_s in (1.0, 2.0, 4.0):
        house.end(service)
        assert not house.step_after(0.0)
        assert f"in {wait_s:g} s" in house.said[-1]
        assert not house.step_after(wait_s - 0.1)
        assert house.step_after(0.2)
    wait_until(lambda: "up" in service.lines, "its output")
    house.end(service)
    with pytest.raises(StackError, match=r"shell ended with status -9, 4 times within 60 s\n    up"):
        house.step_after(0.0)


def test_a_worker_that_is_given_up_rests_while_the_others_go_on(
    service: Service, watcher: Watcher, tmp_path: Path
) -> None:
    worker = _service("bulk-read", watcher, ready_file=tmp_path / "ready")
    worker.start()
    house = House(service, worker)
    try:
        for wait_s in (1.0, 2.0, 4.0):
            house.end(worker)
            house.step_after(0.0)
            assert house.step_after(wait_s + 0.1)
        wait_until(lambda: "up" in worker.lines, "its output")
        house.end(worker)
        assert not house.step_after(0.0)
        told = "bulk-read ended with status -9, 4 times within 60 s; the others go on, it is tried again in 300 s"
        assert house.said[-1].startswith(f"{told}\n    up")
        assert not house.step_after(299.0)
        assert service.exit_status is None
        assert house.step_after(2.0)
        assert worker.exit_status is None
        house.end(worker)
        house.step_after(0.0)
        assert "in 1 s" in house.said[-1]
    finally:
        worker.stop()


def test_ends_long_ago_are_forgiven(service: Service) -> None:
    house = House(service)
    for _ in range(6):
        house.end(service)
        assert not house.step_after(61.0)
        assert "in 1 s" in house.said[-1]
        assert house.step_after(1.1)


def test_a_neighbour_that_waits_to_be_started_does_not_hold_up_others(
    service: Service, watcher: Watcher, tmp_path: Path
) -> None:
    other = _service("other", watcher, ready_file=tmp_path / "ready")
    other.start()
    house = House(service, other)
    try:
        house.end(service)
        house.step_after(0.0)
        house.end(other)
        house.step_after(0.5)
        assert house.step_after(0.6)
        assert (service.exit_status, other.pid) == (None, None)
        assert house.step_after(0.6)
        assert other.exit_status is None
    finally:
        other.stop()


def test_a_stack_can_be_stopped_while_a_service_waits_to_be_started(service: Service) -> None:
    house = House(service)
    house.end(service)
    house.step_after(0.0)
    house.stack.stop()
    assert service.pid is None
