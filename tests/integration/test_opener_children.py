"""The pool's own children when the machine is short of something: tried again ever more rarely, and always reaped."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import ExecutingLauncher
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.page import PageImage
from tests.support.open_samples import saved

SPARES_THAT_DIE = """
import os, sys
from lambda_file_open import pool
from lambda_file_open.child import run_child

def run(channel, early):
    if early:
        os.write(os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), b".")
        os._exit(1)
    run_child(channel, early)

sys.exit(pool.main(run))
"""

NO_PIDFD_AT_FIRST = """
import errno, os, sys
from lambda_file_open import pool

pidfd_open, failures = os.pidfd_open, iter(range(3))

def scarce(pid):
    if next(failures, None) is not None:
        raise OSError(errno.ENFILE, "no file is left")
    return pidfd_open(pid)

os.pidfd_open = scarce
sys.exit(pool.main())
"""

NO_ROOM_FOR_A_FILE = """
import os, resource, sys
from lambda_file_open import pool

class Poor(pool.Pool):
    def serve(self):
        # Room for three: two are the spare's, and of a file and its socket one finds room. The limit is on numbers, and
        # which are taken depends on what the tests' own process has open.
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        taken = []
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        for number in taken[-3:]:
            os.close(number)
        super().serve()

pool.Pool = Poor
sys.exit(pool.main())
"""


@asynccontextmanager
async def opener_with(program: str) -> AsyncIterator[LocalFileOpener]:
    opener = LocalFileOpener(OpenerSettings(launcher=ExecutingLauncher((sys.executable, "-I", "-c", program))))
    await opener.start()
    try:
        yield opener
    finally:
        await opener.close()


async def read(opener: LocalFileOpener) -> PageImage:
    async with opener.open(
        saved(Image.new("RGB", (8, 8)), "PNG"),
        selection=PageSelection(),
        limits=OpenLimits(),
        deadline=Deadline.after(30),
        text_layer=False,
    ) as opened:
        (page,) = [page async for page in opened.pages()]
    assert isinstance(page, PageImage)
    return page


def states_of_children(opener: LocalFileOpener) -> list[str]:
    pool = Path(f"/proc/{opener.pool_pid}")
    pids = (pool / "task" / pool.name / "children").read_text().split()
    return [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids]


async def test_spares_that_die_are_made_ever_more_rarely(tmp_path: Path) -> None:
    log = tmp_path / "spares"
    log.touch()
    async with opener_with(SPARES_THAT_DIE.format(log=str(log))) as opener:
        await asyncio.sleep(1.5)
        made = log.stat().st_size
        # Tried again, but not every 20 ms, which would be 50 a second.
        assert 1 < made < 15
        assert (await read(opener)).pixels.shape == (8, 8, 3)
        assert (await read(opener)).pixels.shape == (8, 8, 3)


async def test_a_child_that_cannot_be_watched_is_reaped() -> None:
    async with opener_with(NO_PIDFD_AT_FIRST) as opener:
        refused = 0
        while True:
            try:
                await read(opener)
                break
            except NotReady:
                refused += 1
                assert refused <= 3
        await asyncio.sleep(0.2)
        assert "Z" not in states_of_children(opener)
        assert len(states_of_children(opener)) <= 1


async def test_a_pool_short_of_descriptors_does_not_blame_the_document() -> None:
    async with opener_with(NO_ROOM_FOR_A_FILE) as opener:
        await asyncio.sleep(0.2)  # until there is a spare
        with pytest.raises(NotReady):
            await read(opener)
