"""Regions are leased once, rest while the server may write, and never outgrow the limit."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ocr_core.adapters.shared_memory import RegionPool, is_orphan, owner_prefix

KIB = 1 << 10


class RecordingServer:
    """What Triton knows, without a Triton."""

    def __init__(self) -> None:
        self.regions: dict[str, int] = {}
        self.refuses = False

    async def register_system_shared_memory(self, name: str, key: str, byte_size: int) -> None:
        if self.refuses:
            raise ConnectionError
        assert os.stat(f"/dev/shm{key}").st_size == byte_size  # noqa: S108, PTH116
        self.regions[name] = byte_size

    async def unregister_system_shared_memory(self, name: str) -> None:
        del self.regions[name]


@pytest.fixture
def server() -> RecordingServer:
    return RecordingServer()


def _own_files() -> list[Path]:
    return list(Path("/dev/shm").glob(f"{owner_prefix()}*"))  # noqa: S108


async def test_a_region_is_used_again_and_has_no_name_left(server):
    pool = RegionPool(registrar=server, max_bytes=1 << 20)
    first = await pool.lease(70 * KIB)
    second = await pool.lease(70 * KIB)
    assert first is not None
    assert first is not second
    assert first.size_bytes == 128 * KIB
    assert _own_files() == []

    pool.give_back(first)
    assert await pool.lease(100 * KIB) is first
    await pool.close()
    assert server.regions == {}


async def test_a_region_rests_until_nobody_can_write_into_it(server):
    pool = RegionPool(registrar=server, max_bytes=64 * KIB)
    region = await pool.lease(1)
    assert region is not None

    pool.quarantine(region, until_s=time.monotonic() + 60)
    assert await pool.lease(1) is None
    await pool.close()
    assert region.name in server.regions, "unregistering it would pull it away under the server"

    pool = RegionPool(registrar=server, max_bytes=64 * KIB)
    region = await pool.lease(1)
    assert region is not None
    pool.quarantine(region, until_s=time.monotonic() - 1)
    assert await pool.lease(1) is region


async def test_the_limit_holds_and_room_is_made_from_what_is_free(server):
    pool = RegionPool(registrar=server, max_bytes=256 * KIB)
    small = [await pool.lease(64 * KIB) for _ in range(4)]
    assert await pool.lease(64 * KIB) is None

    for region in small:
        assert region is not None
        pool.give_back(region)
    large = await pool.lease(192 * KIB)
    assert large is not None
    assert sum(server.regions.values()) == 256 * KIB
    assert await pool.lease(1) is None


async def test_a_restart_forgets_every_free_region(server):
    pool = RegionPool(registrar=server, max_bytes=256 * KIB)
    stale, other, resting = [await pool.lease(1) for _ in range(3)]
    assert stale is not None
    assert other is not None
    assert resting is not None
    pool.give_back(other)
    pool.quarantine(resting, until_s=time.monotonic() - 1)
    server.regions.clear()

    pool.forget(stale)
    fresh = [await pool.lease(64 * KIB) for _ in range(4)]
    assert stale not in fresh
    assert other not in fresh
    assert resting not in fresh
    assert len(server.regions) == 4


async def test_a_registration_that_fails_costs_nothing(server):
    pool = RegionPool(registrar=server, max_bytes=64 * KIB)
    server.refuses = True
    with pytest.raises(ConnectionError):
        await pool.lease(1)
    server.refuses = False

    assert _own_files() == []
    assert await pool.lease(1) is not None


def test_orphans_are_those_of_ended_processes_of_this_host():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = socket.gethostname()

    assert is_orphan(f"yomitori-client-{host}-{ended.pid}-3")
    assert not is_orphan(f"yomitori-client-{host}-{os.getpid()}-3")
    assert not is_orphan(f"{owner_prefix()}0")
    assert not is_orphan(f"yomitori-client-elsewhere-{ended.pid}-3")
    assert not is_orphan("somebody-elses-region")
