"""``local_stack.triton`` with the real ``tritonserver``: ready when warm, healing its clients, leaving nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from local_stack.ports import Ports
from local_stack.triton import TritonConfig, TritonServer, TritonUnavailable, command, environment
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


def test_it_is_ready_only_when_warm_and_leaves_nothing_behind(config, tmp_path):
    log_path = tmp_path / "triton.log"
    told: list[float] = []
    with log_path.open("wb") as log, TritonServer(dataclasses.replace(config, log=log)) as server:
        while not server.is_ready():
            assert server.pid is not None
            time.sleep(0.01)
        log_when_ready = log_path.read_text()
        server.wait_ready(READY_TIMEOUT_S, on_progress=told.append)
        group_id = server.pid
        assert len(_members(group_id)) >= 2

    assert "text_detection_0_0: warm" in log_when_ready
    assert told == []
    assert _members(group_id) == []
    assert _leftovers(config) == []


async def test_a_client_heals_when_the_server_was_killed_and_started_anew(config):
    settings = TritonSettings(grpc_url=f"127.0.0.1:{config.grpc_port}", control_timeout_s=2.0)
    models = TritonModels(settings)
    server = TritonServer(config)
    server.start()
    try:
        await asyncio.to_thread(server.wait_ready, READY_TIMEOUT_S)
        await models.start()
        wanted = await models.detect(PAGE, priority=Priority.SYNC, deadline=Deadline.after(30))

        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(NotReady):
            await models.detect(PAGE, priority=Priority.SYNC, deadline=Deadline.after(10))
        server.stop()
        server.start()
        await asyncio.to_thread(server.wait_ready, READY_TIMEOUT_S)

        assert await _answer_within(models, 10.0) == wanted.tobytes()
        # And it is shared memory again, not the socket that the first one may have gone through.
        pool = models._pool
        assert pool is not None
        assert sum(len(regions) for regions in pool._free.values()) == 1
    finally:
        await models.close()
        server.stop()


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


async def test_requests_in_flight_end_when_the_server_dies(config):
    models = TritonModels(TritonSettings(grpc_url=f"127.0.0.1:{config.grpc_port}"))
    with TritonServer(config) as server:
        await asyncio.to_thread(server.wait_ready, READY_TIMEOUT_S)
        await models.start()
        calls = [
            asyncio.create_task(models.detect(PAGE, priority=Priority.SYNC, deadline=Deadline.after(30)))
            for _ in range(16)
        ]
        await asyncio.sleep(0.1)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 20)
        await models.close()

    assert all(isinstance(each, OcrError | np.ndarray) for each in answers)
    assert any(isinstance(each, NotReady) for each in answers)


def test_it_ends_with_its_parent(config):
    source = (
        "import sys; from local_stack.triton import TritonConfig, TritonServer;"
        " server = TritonServer(TritonConfig(grpc_port=int(sys.argv[1]), http_port=int(sys.argv[2]),"
        " metrics_port=int(sys.argv[3]), model_names=('text_detection',), shared_memory_prefix=sys.argv[4]));"
        " server.start(); print(server.pid, flush=True); server.wait_ready(180); print('ready', flush=True);"
        " sys.stdin.read()"
    )
    ports = map(str, (config.grpc_port, config.http_port, config.metrics_port))
    with subprocess.Popen(
        [sys.executable, "-c", source, *ports, config.shared_memory_prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        group_id = int(parent.stdout.readline())
        assert parent.stdout.readline() == "ready\n"
        assert len(_members(group_id)) >= 2
        parent.kill()

    _wait_until(lambda: _members(group_id) == [])
    assert _leftovers(config) == []


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


def test_a_server_that_ends_early_is_reported(config, tmp_path):
    with (tmp_path / "log").open("wb") as log:
        broken = dataclasses.replace(config, model_names=("no_such_model",), log=log)
        with TritonServer(broken) as server, pytest.raises(TritonUnavailable, match="ended with status 1"):
            server.wait_ready(60)


def test_a_bad_thread_setting_stops_the_start(config, tmp_path):
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        broken = dataclasses.replace(config, model_threads=0, log=log)
        with TritonServer(broken) as server, pytest.raises(TritonUnavailable):
            server.wait_ready(60)
    assert "OCR_MODEL_THREADS is a number of cores" in log_path.read_text()
