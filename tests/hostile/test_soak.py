"""Thousands of files one after another: at the end there are no more processes, descriptors or memory than before."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.page import PageError
from tests.support.child_watch import end_child_at_work
from tests.support.fuzz_seeds import FOUR_PAGES, seeds
from tests.support.open_samples import saved

SIGNALS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGKILL)
STRIKE_EVERY = 10
"""One in so many files loses its child after the first page, to each signal in turn."""

LIMITS = OpenLimits(max_pages=4, max_cpu_s=5.0, render_dpi=72)
GROWTH_KIB = 4 * 1024
"""How much more memory may be resident after the warm-up and at the end, of the host and of the pool each: the
allocator's own coming and going. One A4 page that was kept would be 11 MB, one kept kilobyte a file ten over the long
form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What this process and the pool hold."""

    children: int
    host_descriptors: int
    pool_descriptors: int
    host_memory_kib: int
    pool_memory_kib: int
    host_maps: int


def files() -> list[bytes]:
    """Good ones, broken ones, and others than documents."""
    good = [seed.content for seed in seeds() if len(seed.content) < 40_000]
    noise = np.random.default_rng(1).integers(0, 256, (900, 700, 3), dtype=np.uint8)
    broken = [content[: len(content) * 2 // 3] for content in good[::3]]
    foreign = [b"no document", b"%PDF-1.7 and nothing more", b"\x89PNG\r\n\x1a\n" + bytes(200)]
    return [*good, saved(Image.fromarray(noise), "JPEG"), *broken, *foreign]


@pytest.mark.parametrize(
    ("count", "warm_up"),
    [
        pytest.param(300, 100, id="300"),
        pytest.param(10_000, 1_000, id="10000", marks=[pytest.mark.long, pytest.mark.timeout(1_800)]),
    ],
)
async def test_nothing_grows_over_many_files(count: int, warm_up: int) -> None:
    opener = LocalFileOpener()
    await opener.start()
    try:
        answers = await open_all(opener, first=0, last=warm_up)
        pool_pid = opener.pool_pid
        before = await quiet_state(opener)
        answers += await open_all(opener, first=warm_up, last=count)
        after = await quiet_state(opener)
        assert opener.pool_pid == pool_pid
    finally:
        await opener.close()
    assert answers.keys() >= {"ok", "pages lost", "unreadable_document", "unsupported_media_type"}
    assert answers["ok"] > count // 3
    assert after.children <= 1
    assert after.host_descriptors <= before.host_descriptors
    assert after.pool_descriptors <= before.pool_descriptors
    assert after.host_maps <= before.host_maps + 20
    assert after.host_memory_kib <= before.host_memory_kib + GROWTH_KIB
    assert after.pool_memory_kib <= before.pool_memory_kib + GROWTH_KIB


async def open_all(opener: LocalFileOpener, *, first: int, last: int) -> Counter[str]:
    documents = files()
    answers: Counter[str] = Counter()
    for number in range(first, last):
        if number % STRIKE_EVERY:
            answers[await answer_of(opener, documents[number % len(documents)], text_layer=number % 2 == 0)] += 1
        else:
            strike = SIGNALS[number // STRIKE_EVERY % len(SIGNALS)]
            answers[await answer_of(opener, FOUR_PAGES, text_layer=True, strike=strike)] += 1
    return answers


async def answer_of(
    opener: LocalFileOpener, document: bytes, *, text_layer: bool, strike: signal.Signals | None = None
) -> str:
    try:
        async with opener.open(
            document,
            selection=PageSelection(),
            limits=LIMITS,
            deadline=Deadline.after(60),
            text_layer=text_layer,
        ) as opened:
            pages = []
            async for page in opened.pages():
                pages.append(type(page))
                if strike is not None and len(pages) == 1:
                    end_child_at_work(opener.pool_pid, strike)
    except OcrError as error:
        return error.code
    return "pages lost" if PageError in pages else "ok"


async def quiet_state(opener: LocalFileOpener) -> State:
    """As it is when all is quiet: the last child reaped, the next one prepared."""
    pool = Path(f"/proc/{opener.pool_pid}")
    states: list[State] = []
    for _ in range(100):
        await asyncio.sleep(0.1)
        states.append(state_of(pool))
        if len(states) > 4 and len({(state.children, state.pool_descriptors) for state in states[-4:]}) == 1:
            break
    return states[-1]


def state_of(pool: Path) -> State:
    gc.collect()
    return State(
        children=len((pool / "task" / pool.name / "children").read_text().split()),
        host_descriptors=len(list(Path("/proc/self/fd").iterdir())),
        pool_descriptors=len(list((pool / "fd").iterdir())),
        host_memory_kib=resident_kib(Path("/proc/self")),
        pool_memory_kib=resident_kib(pool),
        host_maps=Path("/proc/self/maps").read_text().count("\n"),
    )


def resident_kib(process: Path) -> int:
    (line,) = (line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])
