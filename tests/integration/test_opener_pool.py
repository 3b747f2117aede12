"""The pool process over its life: started once whoever gives up waiting, replaced when killed, nothing left behind."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import LOCAL_POOL_COMMAND, ExecutingLauncher
from ocr_core.adapters.sandbox_pool import SandboxPool
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.page import PageImage
from tests.support.waiting import wait_until

PAGE_COUNT = 6


def gated(gate: Path) -> tuple[str, ...]:
    """A pool that is not ready before the gate is there."""
    wait = f"import os, sys, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    return (sys.executable, "-I", "-c", wait + "os.execv(sys.argv[1], sys.argv[1:])", *LOCAL_POOL_COMMAND)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[int]:
    """Of this process: pools, alive or not reaped."""
    lists = (task.joinpath("children").read_text() for task in Path("/proc/self/task").iterdir())
    return {int(pid) for line in lists for pid in line.split()}


def descendants(pid: int) -> set[int]:
    """Processes that a process has forked, and those that they have."""
    try:
        lists = [task.joinpath("children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return set()
    found = {int(child) for line in lists for child in line.split()}
    return found.union(*map(descendants, found))


def alive(pid: int) -> bool:
    """It still runs: it is there, and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def tiff() -> bytes:
    frames = [Image.fromarray(np.full((64, 64, 3), number, dtype=np.uint8)) for number in range(PAGE_COUNT)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    return file.getvalue()


class Pause:
    """Between a document's first page and its second."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.over = asyncio.Event()


async def read(opener: LocalFileOpener, document: bytes, pause: Pause | None = None) -> int:
    """How many pages came, all of them right."""
    count = 0
    async with opener.open(
        document,
        selection=PageSelection(),
        limits=OpenLimits(),
        deadline=Deadline.after(30),
        text_layer=False,
    ) as opened:
        async for page in opened.pages():
            assert isinstance(page, PageImage)
            assert page.pixels[0, 0, 0] == page.number - 1
            count += 1
            if pause is not None:
                pause.reached.set()
                await pause.over.wait()
    return count


async def test_a_start_that_is_given_up_goes_on_for_the_next(tmp_path: Path) -> None:
    descriptors_before, children_before = descriptors(), children()
    pool = SandboxPool(ExecutingLauncher(gated(tmp_path / "gate")))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await pool.start()
    assert len(children() - children_before) == 1
    (tmp_path / "gate").touch()
    await pool.start()
    assert children() - children_before == {pool.pid}
    await pool.close()
    assert (descriptors(), children()) == (descriptors_before, children_before)


async def test_all_who_wait_share_one_start(tmp_path: Path) -> None:
    descriptors_before, children_before = descriptors(), children()
    pool = SandboxPool(ExecutingLauncher(gated(tmp_path / "gate")))
    waiting = [asyncio.create_task(pool.start()) for _ in range(5)]
    await asyncio.sleep(0.02)
    waiting[0].cancel()
    await asyncio.sleep(0.02)
    (tmp_path / "gate").touch()
    first, *rest = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert rest == [None] * 4
    assert children() - children_before == {pool.pid}
    await pool.close()
    assert (descriptors(), children()) == (descriptors_before, children_before)


async def test_a_pool_that_is_closed_while_it_starts(tmp_path: Path) -> None:
    descriptors_before, children_before = descriptors(), children()
    pool = SandboxPool(ExecutingLauncher(gated(tmp_path / "gate")))
    waiting = asyncio.create_task(pool.start())
    await asyncio.sleep(0.02)
    await pool.close()
    with pytest.raises(NotReady):
        await waiting
    with pytest.raises(NotReady):
        await pool.start()
    assert (descriptors(), children()) == (descriptors_before, children_before)


@pytest.mark.parametrize(
    "command", [("/nonexistent",), (sys.executable, "-I", "-c", "raise SystemExit(3)")], ids=["no program", "ends"]
)
async def test_a_pool_that_cannot_start_leaves_nothing(command: tuple[str, ...]) -> None:
    descriptors_before, children_before = descriptors(), children()
    pool = SandboxPool(ExecutingLauncher(command))
    for _ in range(3):
        with pytest.raises(NotReady, match="could not be started"):
            await pool.start()
    await pool.close()
    assert (descriptors(), children()) == (descriptors_before, children_before)


async def test_a_pool_killed_in_the_midst_of_work_is_replaced() -> None:
    descriptors_before, children_before = descriptors(), children()
    opener = LocalFileOpener(OpenerSettings(max_children=4, max_waiting=20))
    await opener.start()
    document = tiff()
    for _ in range(3):
        pid = opener.pool_pid
        await _kill_while_reading(opener, document)
        assert await read(opener, document) == PAGE_COUNT
        assert opener.pool_pid not in {None, pid}
    await opener.close()
    assert (descriptors(), children()) == (descriptors_before, children_before)


async def _kill_while_reading(opener: LocalFileOpener, document: bytes) -> None:
    pause = Pause()
    reading = [asyncio.create_task(read(opener, document, pause)) for _ in range(8)]
    await pause.reached.wait()
    assert opener.pool_pid is not None
    family = [opener.pool_pid, *sorted(descendants(opener.pool_pid))]
    os.kill(opener.pool_pid, signal.SIGKILL)
    # Signals take a moment, in which a quick child could send what is left of its six small pages.
    await asyncio.to_thread(wait_until, lambda: not any(map(alive, family)), "the pool's end")
    pause.over.set()
    # Four had a child, which sends no more pages ahead than the host allows; four waited for a place, and may have
    # found the next pool.
    answers = await asyncio.gather(*reading, return_exceptions=True)
    assert any(isinstance(answer, NotReady) for answer in answers)
    assert all(isinstance(answer, NotReady) or answer == PAGE_COUNT for answer in answers)


async def test_a_pool_killed_while_it_starts_is_started_by_the_next_file(tmp_path: Path) -> None:
    descriptors_before, children_before = descriptors(), children()
    opener = LocalFileOpener(OpenerSettings(launcher=ExecutingLauncher(gated(tmp_path / "gate"))))
    waiting = asyncio.create_task(opener.start())
    await asyncio.sleep(0.02)
    assert opener.pool_pid is not None
    os.kill(opener.pool_pid, signal.SIGKILL)
    with pytest.raises(NotReady):
        await waiting
    (tmp_path / "gate").touch()
    assert await read(opener, tiff()) == PAGE_COUNT
    await opener.close()
    assert (descriptors(), children()) == (descriptors_before, children_before)
