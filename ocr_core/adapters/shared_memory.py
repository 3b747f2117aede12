"""Memory that this process and a Triton on the same host both see, so that pixels do not travel through a socket.

A region is one mapping, registered with the server once and leased to one request at a time::

    free ──lease──► in use ──answered──► free
                       └──────left early──► quarantine ──nobody can write any more──► free

A request that is left early (cancelled, past its deadline, connection lost) may still be running in the server, which
would write its answer into the region later. So the region rests until the server can no longer be working on that
request, and is never unregistered meanwhile: the server would write into unmapped memory. What rests counts towards
the pool's limit; a pool at its limit leases nothing and the request travels through the socket instead.

A server that was started anew knows no region of before. It tells of the first one that it is asked for, and then all
that were registered earlier than that one are dropped, wherever they are; later ones may be the new server's already.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import mmap
import os
import re
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_DIRECTORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives, not a temporary file
_SMALLEST_BYTES = 1 << 16
_PREFIX = "yomitori-client"
_CLOSE_TIMEOUT_S = 2.0

# A container that is started again has the host name and the process id that it had before, so a name needs more.
_TOKEN = secrets.token_hex(4)
_NUMBERS = itertools.count()


class MemoryRefused(Exception):
    """The server says no, for certain: it has not done what it was asked."""


class Registrar(Protocol):
    """The calls of Triton's shared memory extension that a pool needs."""

    async def register_system_shared_memory(self, name: str, key: str, byte_size: int) -> None:
        """Let the server map ``/dev/shm`` + key.

        Raises:
            MemoryRefused: it does not. After any other exception it may have.
        """
        ...

    async def unregister_system_shared_memory(self, name: str) -> None:
        """Let the server forget a region; nothing happens where it does not know it.

        Raises:
            MemoryRefused: it does not.
        """
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Region:
    """Memory under a name that the server knows."""

    name: str
    size_bytes: int
    memory: mmap.mmap
    order: int = -1
    """Counts the registrations, in the order in which the server confirmed them."""


@dataclass(slots=True, kw_only=True)
class _Resting:
    region: Region
    until_s: float


@dataclass(slots=True, kw_only=True)
class RegionPool:
    """Regions by size class (powers of two), never more than ``max_bytes`` together."""

    registrar: Registrar
    max_bytes: int
    _free: defaultdict[int, list[Region]] = field(default_factory=lambda: defaultdict(list))
    _quarantine: list[_Resting] = field(default_factory=list)
    _doubtful_names: set[str] = field(default_factory=set)
    """What the server may have mapped though its answer did not arrive."""
    _total_bytes: int = 0
    _orders: itertools.count[int] = field(default_factory=itertools.count)
    _last_forgotten: int = -1

    async def lease(self, wanted_bytes: int) -> Region | None:
        """A region of at least that size, or null where the pool is at its limit.

        Raises:
            OSError: the host has no shared memory to give.
            MemoryRefused: the server takes no region, or lets none go.
            Whatever else the registrar raises.
        """
        size_bytes = max(_SMALLEST_BYTES, 1 << (wanted_bytes - 1).bit_length())
        self._end_quarantine()
        if free := self._free[size_bytes]:
            # The one registered last: if the server has forgotten it, it has forgotten all the others.
            newest = max(free, key=lambda region: region.order)
            free.remove(newest)
            return newest
        if self._total_bytes - self._free_bytes() + size_bytes > self.max_bytes:
            return None
        await self._make_room(size_bytes)
        if self._total_bytes + size_bytes > self.max_bytes:  # somebody else took it meanwhile
            return None
        return await self._create(size_bytes)

    def give_back(self, region: Region) -> None:
        """The request was answered: nobody writes into the region any more."""
        if region.order <= self._last_forgotten:
            self._let_go(region)
        else:
            self._free[region.size_bytes].append(region)

    def quarantine(self, region: Region, *, until_s: float) -> None:
        """The request was left early: the server may write into the region until then (``time.monotonic``)."""
        self._quarantine.append(_Resting(region=region, until_s=until_s))

    def forget(self, region: Region) -> None:
        """The server does not know the region (it was started anew): then it knows none of the earlier ones either."""
        self._last_forgotten = max(self._last_forgotten, region.order)
        self._let_go(region)
        free = list(itertools.chain(*self._free.values()))
        self._free.clear()
        for each in free:
            self.give_back(each)
        self._quarantine, resting = [], self._quarantine
        for entry in resting:
            if entry.region.order <= self._last_forgotten:
                self._let_go(entry.region)
            else:
                self._quarantine.append(entry)

    async def close(self) -> None:
        """Unregister what the server cannot be writing into; what it still may be is left to the next process."""
        self._end_quarantine()
        names = [*self._doubtful_names, *(region.name for region in itertools.chain(*self._free.values()))]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                # The server may be gone, and then it has forgotten already.
                await asyncio.gather(
                    *map(self.registrar.unregister_system_shared_memory, names), return_exceptions=True
                )
        self._free.clear()
        self._quarantine.clear()
        self._doubtful_names.clear()
        self._total_bytes = 0

    async def _create(self, size_bytes: int) -> Region:
        self._total_bytes += size_bytes
        try:
            await self._settle_doubts()
            name = f"{owner_prefix()}{next(_NUMBERS)}"
            region = await self._register(name, size_bytes)
        except BaseException:
            self._total_bytes -= size_bytes
            raise
        region.order = next(self._orders)
        return region

    async def _register(self, name: str, size_bytes: int) -> Region:
        path = _DIRECTORY / name
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            # Truncating would reserve nothing: where the file system is full, the first write would be a SIGBUS.
            os.posix_fallocate(descriptor, 0, size_bytes)
            region = Region(name=name, size_bytes=size_bytes, memory=mmap.mmap(descriptor, size_bytes))
            with self._in_doubt(name):
                await self.registrar.register_system_shared_memory(name, f"/{name}", size_bytes)
        finally:
            os.close(descriptor)
            # Both sides have mapped it by now; without a name nothing is left behind if this process is killed.
            path.unlink(missing_ok=True)
        return region

    @contextlib.contextmanager
    def _in_doubt(self, name: str) -> Iterator[None]:
        """Remember the name where the answer to a call about it does not arrive."""
        try:
            yield
        except MemoryRefused:
            raise
        except BaseException:
            self._doubtful_names.add(name)
            raise

    async def _settle_doubts(self) -> None:
        for name in tuple(self._doubtful_names):
            with contextlib.suppress(MemoryRefused):
                await self.registrar.unregister_system_shared_memory(name)
            self._doubtful_names.discard(name)

    def _end_quarantine(self) -> None:
        now_s = time.monotonic()
        still = []
        for entry in self._quarantine:
            if entry.until_s <= now_s:
                self.give_back(entry.region)
            else:
                still.append(entry)
        self._quarantine = still

    def _free_bytes(self) -> int:
        return sum(size_bytes * len(regions) for size_bytes, regions in self._free.items())

    async def _make_room(self, size_bytes: int) -> None:
        """Give up free regions of other sizes, the largest first, until a new one fits."""
        for other in sorted(self._free, reverse=True):
            while self._free[other] and self._total_bytes + size_bytes > self.max_bytes:
                region = self._free[other].pop()
                self._let_go(region)
                # Nobody writes into a free region; until this, the server's mapping keeps its pages.
                with self._in_doubt(region.name):
                    await self.registrar.unregister_system_shared_memory(region.name)

    def _let_go(self, region: Region) -> None:
        # The mapping ends with its last view: closing it here would fail where a caller still holds one.
        self._total_bytes -= region.size_bytes


def owner_prefix() -> str:
    """What the names of this process's regions start with; the host's name stands for the container's."""
    return f"{_host_prefix()}{os.getpid()}-{_TOKEN}-"


def is_orphan(name: str) -> bool:
    """Whether a region belongs to a process of this host (or container) that has ended.

    A process id that is this process's own under another token is one: a container that was started again. (Processes
    with the same host name and id at the same time would be two containers on the host's network: give them names.)
    """
    parts = re.fullmatch(rf"{re.escape(_host_prefix())}([0-9]{{1,20}})-([0-9a-f]+)-[0-9]+", name)
    if parts is None:
        return False
    pid = int(parts[1])
    if pid == os.getpid():
        return parts[2] != _TOKEN
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # it lives under another user; or no process ever had such an id
        return False
    return False


def _host_prefix() -> str:
    return f"{_PREFIX}-{socket.gethostname()}-"
