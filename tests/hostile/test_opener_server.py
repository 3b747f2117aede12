"""The opener as a server beside the services: who may connect, what a stranger's connection and its own death do."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import ConnectingLauncher
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.page import PageImage
from tests.support.openers import SERVER_COMMAND, read, serving


@contextmanager
def server(socket_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*SERVER_COMMAND, "--socket", str(socket_path)], stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def connected(socket_path: Path) -> LocalFileOpener:
    return LocalFileOpener(OpenerSettings(launcher=ConnectingLauncher(socket_path), max_children=4))


def pages(count: int) -> bytes:
    frames = [Image.fromarray(np.full((64, 64, 3), number, dtype=np.uint8)) for number in range(count)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_its_socket_is_its_users_alone(tmp_path: Path) -> None:
    with server(tmp_path / "socket") as process:
        await serving(tmp_path / "socket", process)
        assert stat.S_IMODE(os.stat(tmp_path / "socket").st_mode) == 0o600  # noqa: PTH116


async def test_each_service_has_a_pool_that_ends_with_it(tmp_path: Path) -> None:
    with server(tmp_path / "socket") as process:
        await serving(tmp_path / "socket", process)
        openers = [connected(tmp_path / "socket") for _ in range(3)]
        for opener in openers:
            await opener.start()
        answers = await asyncio.gather(*(read(opener, pages(12)) for opener in openers for _ in range(4)))
        assert [len(answer) for answer in answers] == [12] * 12
        assert all(isinstance(page, PageImage) for answer in answers for page in answer)
        pools = children_of(process.pid)
        for opener in openers:
            await opener.close()
        for pool in pools:
            assert await has_ended(pool)


async def test_a_service_outlives_its_server_and_finds_the_next(tmp_path: Path) -> None:
    opener = connected(tmp_path / "socket")
    with pytest.raises(NotReady):
        await opener.start()
    with server(tmp_path / "socket") as process:
        await serving(tmp_path / "socket", process)
        assert len(await read(opener, pages(3))) == 3
        pools = children_of(process.pid)
        process.kill()
        process.wait(10)
        for pool in pools:
            assert await has_ended(pool)
        with pytest.raises(NotReady):
            await read(opener, pages(3))
    with server(tmp_path / "socket") as process:
        await serving(tmp_path / "socket", process)
        assert len(await read(opener, pages(3))) == 3
    await opener.close()


async def test_a_second_server_leaves_the_first_alone(tmp_path: Path) -> None:
    with server(tmp_path / "socket") as first:
        await serving(tmp_path / "socket", first)
        with server(tmp_path / "socket") as second:
            assert await asyncio.to_thread(second.wait, 20) != 0
        opener = connected(tmp_path / "socket")
        assert len(await read(opener, pages(2))) == 2
        await opener.close()


async def test_a_stranger_on_the_socket_costs_his_own_pool_only(tmp_path: Path) -> None:
    with server(tmp_path / "socket") as process:
        await serving(tmp_path / "socket", process)
        opener = connected(tmp_path / "socket")
        assert len(await read(opener, pages(2))) == 2
        for garbage in (b"", b"x", b"\x02" * 24, b"\xff" * 4_000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
                stranger.connect(str(tmp_path / "socket"))
                stranger.send(garbage)
        idle = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(20)]
        for stranger in idle:
            stranger.connect(str(tmp_path / "socket"))
        assert len(await read(opener, pages(2))) == 2
        for stranger in idle:
            stranger.close()
        await opener.close()


async def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with server(tmp_path / "socket") as process:
        await serving(tmp_path / "socket", process)
        opener = connected(tmp_path / "socket")
        await opener.start()
        pools = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
        for pool in pools:
            assert await has_ended(pool)
        await opener.close()


async def has_ended(pid: int) -> bool:
    for _ in range(100):
        try:
            if state_of(pid) == "Z":
                return True
        except OSError:
            return True
        await asyncio.sleep(0.05)
    return False


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


_TRY_NETWORKS = """
import os, socket
from lambda_file_open import jail

def families():
    made = []
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
        try:
            socket.socket(family, socket.SOCK_RAW if family == socket.AF_PACKET else socket.SOCK_DGRAM).close()
            made.append(family.name)
        except PermissionError:
            pass
    return made

jail.give_up_network()
socket.socketpair()
print(families(), flush=True)
if os.fork() == 0:
    print(families(), flush=True)
    os._exit(0)
os.wait()
"""


def test_without_a_network_only_unix_sockets_can_be_made_by_it_and_its_children() -> None:
    answer = subprocess.run([sys.executable, "-c", _TRY_NETWORKS], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["['AF_UNIX']", "['AF_UNIX']"]


async def test_the_server_and_its_pools_have_given_up_the_network(tmp_path: Path) -> None:
    with server(tmp_path / "socket") as process:
        await serving(tmp_path / "socket", process)
        opener = connected(tmp_path / "socket")
        await opener.start()
        assert len(await read(opener, pages(2))) == 2
        servers = [status_of(pid) for pid in (process.pid, *children_of(process.pid))]
        await opener.close()
    # One filter more than this test has itself; the children's own comes when they are locked.
    expected = int(status_of(os.getpid())["Seccomp_filters"]) + 1
    assert len(servers) > 1
    assert {(int(status["Seccomp_filters"]), status["NoNewPrivs"]) for status in servers} == {(expected, "1")}
