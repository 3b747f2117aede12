"""``local_stack.triton`` with the real ``tritonserver``: ready when warm, healing its clients, leaving nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from local_stack.ports import Ports
from local_stack.service import Service
from local_stack.triton import TritonConfig, TritonUnavailable, command, environment, service_spec
from local_stack.watcher import Watcher
from model_tools.triton_guard import STUB_ENDED_STATUS, find_stubs
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import NotReady, OcrError
from ocr_core.contracts.tensors import DETECTION_SHAPES
from ocr_core.settings import TritonSettings

READY_TIMEOUT_S = 180.0
SHAPE = min(DETECTION_SHAPES, key=lambda shape: shape[0] * shape[1])
PAGE = np.full((*SHAPE, 3), 200, np.uint8)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(420)]


@pytest.fixture
def config() -> TritonConfig:
    """The detector alone: its processes are up in seconds."""
    ports = Ports.free()
    return TritonConfig(
        grpc_port=ports.triton_grpc,
        http_port=ports.triton_http,
        metrics_port=ports.triton_metrics,
        model_names=("text_detection",),
    )


def _members(group_id: int) -> list[int]:
    """Living processes of a process group."""
    members = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group_id and fields[0] != "Z":
            members.append(int(entry.name))
    return members


def _wait_until(condition, timeout_s: float = 30.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.05)


def _leftovers(config: TritonConfig) -> list[Path]:
    return list(Path("/dev/shm").glob(f"{config.shared_memory_prefix}*"))  # noqa: S108


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.close()


@pytest.fixture
def server(config, watcher) -> Iterator[Service]:
    """A started Triton, not ready yet."""
    service = _started(config, watcher)
    yield service
    service.stop()


def _started(config: TritonConfig, watcher: Watcher) -> Service:
    service = Service(spec=service_spec(config), watcher=watcher, sink=lambda _name, _line: None)
    service.start()
    return service


def _wait_ready(server: Service) -> None:
    def ready_or_gone() -> bool:
        assert server.exit_status is None, "\n".join(server.lines)
        return server.spec.is_ready()

    _wait_until(ready_or_gone, READY_TIMEOUT_S)


def _wait_ended(server: Service) -> int:
    _wait_until(lambda: server.exit_status is not None, 60)
    status = server.exit_status
    server.stop()
    assert status is not None
    return status


def test_it_is_ready_only_when_warm_and_leaves_nothing_behind(config, server):
    _wait_ready(server)
    _wait_until(lambda: any("text_detection_0_0: warm" in line for line in server.lines), 1)
    group_id = server.pid
    assert group_id is not None
    assert len(_members(group_id)) >= 2
    assert _leftovers(config) != []

    server.stop()
    assert _members(group_id) == []
    assert _leftovers(config) == []


def test_a_killed_one_leaves_nothing_behind_either(config, server):
    _wait_ready(server)
    group_id = server.pid
    assert group_id is not None
    assert _leftovers(config) != []

    server.kill()
    assert _members(group_id) == []
    assert _leftovers(config) == []


async def test_a_client_heals_when_the_server_was_killed_and_started_anew(config, server):
    settings = TritonSettings(grpc_url=f"127.0.0.1:{config.grpc_port}", control_timeout_s=2.0)
    models = TritonModels(settings)
    try:
        await asyncio.to_thread(_wait_ready, server)
        await models.start()
        wanted = await models.detect(PAGE, priority=Priority.SYNC, deadline=Deadline.after(30))

        await asyncio.to_thread(server.kill)
        with pytest.raises(NotReady):
            await models.detect(PAGE, priority=Priority.SYNC, deadline=Deadline.after(10))
        server.start()
        await asyncio.to_thread(_wait_ready, server)

        assert await _answer_within(models, 10.0) == wanted.tobytes()
        # And it is shared memory again, not the socket that the first one may have gone through.
        pool = models._pool
        assert pool is not None
        assert sum(len(regions) for regions in pool._free.values()) == 1
    finally:
        await models.close()


async def _answer_within(models: TritonModels, timeout_s: float) -> bytes:
    """The first answer; gRPC looks for the new server about once a second."""
    deadline = Deadline.after(timeout_s)
    while True:
        try:
            found = await models.detect(PAGE, priority=Priority.SYNC, deadline=deadline)
        except NotReady:
            await asyncio.sleep(0.1)
        else:
            return found.tobytes()


async def test_requests_in_flight_end_when_the_server_dies(config, server):
    models = TritonModels(TritonSettings(grpc_url=f"127.0.0.1:{config.grpc_port}"))
    await asyncio.to_thread(_wait_ready, server)
    await models.start()
    calls = [
        asyncio.create_task(models.detect(PAGE, priority=Priority.SYNC, deadline=Deadline.after(30))) for _ in range(16)
    ]
    await asyncio.sleep(0.1)
    await asyncio.to_thread(server.kill)
    answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 20)
    await models.close()

    assert all(isinstance(each, OcrError | np.ndarray) for each in answers)
    assert any(isinstance(each, NotReady) for each in answers)


async def test_without_its_guard_a_server_whose_model_process_was_killed_is_not_ready_to_its_clients(config, watcher):
    guarded = service_spec(config)
    (start,) = (index for index, argument in enumerate(guarded.command) if argument.endswith("/bin/tritonserver"))
    spec = dataclasses.replace(guarded, command=guarded.command[start:])
    server = Service(spec=spec, watcher=watcher, sink=lambda _name, _line: None)
    server.start()
    models = TritonModels(TritonSettings(grpc_url=f"127.0.0.1:{config.grpc_port}"))
    try:
        await asyncio.to_thread(_wait_ready, server)
        await models.start()
        (stub,) = find_stubs(server.pid)
        os.kill(stub.pid, signal.SIGKILL)
        _wait_until(lambda: not stub.lives())
        for _ in range(2):
            with pytest.raises(NotReady):
                await models.detect(PAGE, priority=Priority.SYNC, deadline=Deadline.after(30))
        assert server.exit_status is None
    finally:
        await models.close()
        await asyncio.to_thread(server.stop)


def test_a_server_whose_model_process_was_killed_is_ended_and_leaves_nothing_behind(config, server):
    _wait_ready(server)
    group_id = server.pid
    stubs = [pid for pid in _members(group_id) if b"triton_python_backend_stub" in _command_line(pid)]
    assert len(stubs) == 1
    os.kill(stubs[0], signal.SIGKILL)
    assert _wait_ended(server) == STUB_ENDED_STATUS
    assert _members(group_id) == []
    assert _leftovers(config) == []


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_memory_of_killed_servers_is_swept_when_their_starter_has_ended(config):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    orphan = Path(f"/dev/shm/yomitori-triton-{ended.pid}-0123456789ab-left")  # noqa: S108
    ours = Path(f"/dev/shm/{config.shared_memory_prefix}kept")  # noqa: S108
    orphan.touch()
    ours.touch()
    try:
        command(config)
        assert not orphan.exists()
        assert ours.exists()
    finally:
        ours.unlink()
        orphan.unlink(missing_ok=True)


def test_what_cannot_start_says_why(config, tmp_path):
    with pytest.raises(TritonUnavailable, match="make models"):
        command(dataclasses.replace(config, environment_dir=tmp_path))

    packages = tmp_path / "lib" / "python3.13" / "site-packages" / "pytriton" / "tritonserver"
    (packages / "bin").mkdir(parents=True)
    (packages / "bin" / "tritonserver").touch()
    with pytest.raises(TritonUnavailable, match=r"3\.13.*3\.12 or 3\.11.*make models"):
        environment(dataclasses.replace(config, environment_dir=tmp_path))


def test_a_server_that_ends_early_says_so(config, watcher):
    assert _wait_ended(_started(dataclasses.replace(config, model_names=("no_such_model",)), watcher)) == 1


def test_a_bad_thread_setting_stops_the_start(config, watcher):
    server = _started(dataclasses.replace(config, model_threads=0), watcher)
    assert _wait_ended(server) != 0
    assert any("OCR_MODEL_THREADS is a number of cores" in line for line in server.lines)
