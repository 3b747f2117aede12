"""Regions are leased once, rest while the server may write, and never outgrow the limit."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ocr_core.adapters import shared_memory
from ocr_core.adapters.shared_memory import MemoryRefused, Region, RegionPool, is_orphan, owner_prefix

KIB = 1 << 10
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives


class RecordingServer:
    """What Triton knows, without a Triton."""

    def __init__(self) -> None:
        self.regions: dict[str, int] = {}
        self.fails_with: Exception | None = None
        self.answers_late = False
        self.unregistered: list[str] = []

    async def register_system_shared_memory(self, name: str, key: str, byte_size: int) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        file = (SHARED_MEMORY / key.lstrip("/")).stat()
        assert file.st_size == byte_size
        assert file.st_blocks * 512 == byte_size, "no page of it is reserved: writing may be a SIGBUS"
        self.regions[name] = byte_size
        if self.answers_late:
            raise TimeoutError

    async def unregister_system_shared_memory(self, name: str) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        self.unregistered.append(name)
        self.regions.pop(name, None)


async def _leased(pool: RegionPool, wanted_bytes: int = 1) -> Region:
    region = await pool.lease(wanted_bytes)
    assert region is not None
    return region


@pytest.fixture
def server() -> RecordingServer:
    return RecordingServer()


def _own_files() -> list[Path]:
    return list(SHARED_MEMORY.glob(f"{owner_prefix()}*"))


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
    pool.give_back(first)
    pool.give_back(second)
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


async def test_no_region_is_given_up_where_that_makes_too_little_room(server):
    pool = RegionPool(registrar=server, max_bytes=256 * KIB)
    kept, in_use = await _leased(pool), await _leased(pool, 128 * KIB)
    pool.give_back(kept)

    assert await pool.lease(256 * KIB) is None
    assert set(server.regions) == {kept.name, in_use.name}
    assert await pool.lease(1) is kept


async def test_a_restart_forgets_every_region_of_before(server):
    pool = RegionPool(registrar=server, max_bytes=256 * KIB)
    in_use, resting, other, newest = [await _leased(pool) for _ in range(4)]
    pool.give_back(newest)
    pool.give_back(other)
    pool.quarantine(resting, until_s=time.monotonic() + 60)
    server.regions.clear()

    assert await pool.lease(1) is newest, "the one that tells most if the server does not know it"
    pool.forget(newest)
    pool.give_back(in_use)
    fresh = [await _leased(pool) for _ in range(4)]
    assert not {in_use, resting, other, newest} & set(fresh)
    assert set(server.regions) == {region.name for region in fresh}


async def test_what_the_new_server_knows_is_kept(server):
    pool = RegionPool(registrar=server, max_bytes=192 * KIB)
    first, second = await _leased(pool), await _leased(pool)
    server.regions.clear()
    of_the_new_server = await _leased(pool)
    pool.give_back(of_the_new_server)

    pool.forget(second)
    pool.forget(first)
    assert await pool.lease(1) is of_the_new_server
    assert len([await _leased(pool) for _ in range(2)]) == 2
    assert await pool.lease(1) is None


@pytest.mark.parametrize("error", [MemoryRefused("no"), ConnectionError()])
async def test_a_registration_that_fails_costs_nothing(server, error):
    pool = RegionPool(registrar=server, max_bytes=64 * KIB)
    server.fails_with = error
    for _ in range(5):
        with pytest.raises(type(error)):
            await pool.lease(1)
    server.fails_with = None

    assert _own_files() == []
    assert await pool.lease(1) is not None
    assert len(server.unregistered) <= 1, "names pile up while the server is away"


async def test_what_was_registered_without_an_answer_is_unregistered_later(server):
    pool = RegionPool(registrar=server, max_bytes=64 * KIB)
    server.answers_late = True
    with pytest.raises(TimeoutError):
        await pool.lease(1)
    assert len(server.regions) == 1

    server.answers_late = False
    region = await _leased(pool)
    assert set(server.regions) == {region.name}


async def test_two_pools_of_one_process_do_not_collide(server):
    pools = [RegionPool(registrar=server, max_bytes=64 * KIB) for _ in range(2)]
    names = {(await _leased(pool)).name for pool in pools}
    assert set(server.regions) == names
    assert len(names) == 2


async def test_a_full_file_system_is_an_error_and_no_signal_later(server):
    """Truncating would succeed, and the first write beyond what is there would end this process."""
    file_system = os.statvfs(SHARED_MEMORY)
    size_bytes = file_system.f_blocks * file_system.f_frsize
    if size_bytes == 0:
        pytest.skip("this host's shared memory has no limit")
    pool = RegionPool(registrar=server, max_bytes=4 * size_bytes)

    with pytest.raises(OSError, match="No space left"):
        await pool.lease(size_bytes + 1)
    assert _own_files() == []
    assert server.regions == {}
    assert await pool.lease(1) is not None


async def test_closing_waits_for_nobody(server, monkeypatch):
    pool = RegionPool(registrar=server, max_bytes=1 << 20)
    for region in [await _leased(pool) for _ in range(3)]:
        pool.give_back(region)
    asked: list[str] = []

    async def never(name: str) -> None:
        asked.append(name)
        await asyncio.Event().wait()

    monkeypatch.setattr(server, "unregister_system_shared_memory", never)
    monkeypatch.setattr(shared_memory, "_CLOSE_TIMEOUT_S", 0.05)
    await pool.close()
    assert len(asked) == 3


def _name(pid: int | str, token: str, host: str | None = None) -> str:
    return f"yomitori-client-{host or socket.gethostname()}-{pid}-{token}-3"


def test_orphans_are_those_of_ended_processes_of_this_host():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    assert is_orphan(_name(ended.pid, "0a1b2c3d"))
    assert not is_orphan(_name(os.getppid(), "0a1b2c3d"))
    assert not is_orphan(f"{owner_prefix()}0")
    assert not is_orphan(_name(ended.pid, "0a1b2c3d", host="elsewhere"))
    assert not is_orphan("somebody-elses-region")


def test_an_earlier_life_of_this_container_is_an_orphan():
    """A container that is started again has the same host name, and its service the same process id."""
    assert is_orphan(_name(os.getpid(), "00000000"))


@pytest.mark.parametrize("pid", [1 << 40, "9" * 20, "9" * 5000])
def test_no_process_has_such_an_id(pid):
    assert not is_orphan(_name(pid, "0a1b2c3d"))
