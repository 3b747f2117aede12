"""Memory that this process and a Triton on the same host both see, so that pixels do not travel through a socket.

A region is one mapping, registered with the server once and leased to one request at a time::

    free ──lease──► in use ──answered──► free
                       └──────left early──► quarantine ──nobody can write any more──► free

A request that is left early (cancelled, past its deadline, connection lost) may still be running in the server, which
would write its answer into the region later. So the region rests until the server can no longer be working on that
request, and is never unregistered meanwhile: the server would write into unmapped memory. What rests counts towards
the pool's limit; a pool at its limit leases nothing and the request travels through the socket instead.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import mmap
import os
import socket
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_log = logging.getLogger(__name__)

_DIRECTORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives, not a temporary file
_SMALLEST_BYTES = 1 << 16
_PREFIX = "yomitori-client"


class Registrar(Protocol):
    """The calls of Triton's shared memory extension that a pool needs (``tritonclient.grpc.aio`` has them)."""

    async def register_system_shared_memory(self, name: str, key: str, byte_size: int) -> None:
        """Let the server map ``/dev/shm`` + key."""
        ...

    async def unregister_system_shared_memory(self, name: str) -> None:
        """Let the server forget a region."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Region:
    """Memory under a name that the server knows."""

    name: str
    size_bytes: int
    memory: mmap.mmap


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
    _known_names: set[str] = field(default_factory=set)
    _total_bytes: int = 0
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def lease(self, wanted_bytes: int) -> Region | None:
        """A region of at least that size, or null where the pool is at its limit.

        Raises:
            OSError: the host has no shared memory to give.
            Whatever the registrar raises.
        """
        size_bytes = max(_SMALLEST_BYTES, 1 << (wanted_bytes - 1).bit_length())
        self._end_quarantine()
        if self._free[size_bytes]:
            return self._free[size_bytes].pop()
        if self._total_bytes + size_bytes > self.max_bytes:
            await self._make_room(size_bytes)
        if self._total_bytes + size_bytes > self.max_bytes:
            return None
        return await self._create(size_bytes)

    def give_back(self, region: Region) -> None:
        """The request was answered: nobody writes into the region any more."""
        self._free[region.size_bytes].append(region)

    def quarantine(self, region: Region, *, until_s: float) -> None:
        """The request was left early: the server may write into the region until then (``time.monotonic``)."""
        self._quarantine.append(_Resting(region=region, until_s=until_s))

    def forget(self, region: Region) -> None:
        """The server does not know the region (it was started anew): then it knows none of the others either."""
        gone = [region, *itertools.chain(*self._free.values()), *(entry.region for entry in self._quarantine)]
        self._free.clear()
        self._quarantine.clear()
        for each in gone:
            self._let_go(each)
            self._known_names.discard(each.name)

    async def close(self) -> None:
        """Unregister what the server cannot be writing into."""
        self._end_quarantine()
        resting = {entry.region.name for entry in self._quarantine}
        for name in sorted(self._known_names - resting):
            with contextlib.suppress(Exception):  # the server may be gone, and then it has forgotten already
                await self.registrar.unregister_system_shared_memory(name)
        self._free.clear()
        self._quarantine.clear()
        self._known_names.clear()
        self._total_bytes = 0

    async def _create(self, size_bytes: int) -> Region:
        name = f"{owner_prefix()}{next(self._numbers)}"
        path = _DIRECTORY / name
        self._total_bytes += size_bytes
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            try:
                os.ftruncate(descriptor, size_bytes)
                region = Region(name=name, size_bytes=size_bytes, memory=mmap.mmap(descriptor, size_bytes))
                self._known_names.add(name)
                await self.registrar.register_system_shared_memory(name, f"/{name}", size_bytes)
            finally:
                os.close(descriptor)
                # Both sides have mapped it by now; without a name nothing is left behind if this process is killed.
                path.unlink(missing_ok=True)
        except BaseException:
            self._total_bytes -= size_bytes
            raise
        return region

    def _end_quarantine(self) -> None:
        now_s = time.monotonic()
        still = []
        for entry in self._quarantine:
            if entry.until_s <= now_s:
                self.give_back(entry.region)
            else:
                still.append(entry)
        self._quarantine = still

    async def _make_room(self, size_bytes: int) -> None:
        """Give up free regions of other sizes, the largest first, until a new one fits."""
        for other in sorted(self._free, reverse=True):
            while self._free[other] and self._total_bytes + size_bytes > self.max_bytes:
                region = self._free[other].pop()
                self._let_go(region)
                # Nobody writes into a free region; until this, the server's mapping keeps its pages.
                await self.registrar.unregister_system_shared_memory(region.name)
                self._known_names.discard(region.name)

    def _let_go(self, region: Region) -> None:
        # The mapping ends with its last view: closing it here would fail where a caller still holds one.
        self._total_bytes -= region.size_bytes


def owner_prefix() -> str:
    """What the names of this process's regions start with; the host's name stands for the container's."""
    return f"{_PREFIX}-{socket.gethostname()}-{os.getpid()}-"


def is_orphan(name: str) -> bool:
    """Whether a region belongs to a process of this host (or container) that has ended."""
    head, _, tail = name.rpartition("-")
    host_head, _, pid_text = head.rpartition("-")
    if host_head != f"{_PREFIX}-{socket.gethostname()}" or not tail.isdecimal() or not pid_text.isdecimal():
        return False
    try:
        os.kill(int(pid_text), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
