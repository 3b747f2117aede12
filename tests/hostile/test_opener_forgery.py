"""Children that were taken over, that crash, hang or eat the machine: neither the host nor the next file notices."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import ExecutingLauncher
from ocr_core.contracts.errors import DeadlineExceeded, NotReady, OcrError, UnreadableDocument
from ocr_core.contracts.page import PageError
from tests.support.openers import FORGING_POOL, assert_reads, read

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = [
    "wrong_magic",
    "short_message",
    "long_message",
    "unknown_kind",
    "padding_used",
    "no_pages",
    "page_first",
    "end_first",
    "document_with_memory",
    "end_early",
    "document_twice",
    "wrong_number",
    "failed_wrong_number",
    "no_memory",
    "failed_with_memory",
    "two_memories",
    "many_memories",
    "wrong_stride",
    "zero_width",
    "huge_side",
    "too_many_pixels",
    "unknown_notice",
    "memory_too_small",
    "memory_shrunk",
    "memory_not_sealed",
    "memory_sealed_already",
    "memory_still_written",
    "memory_twice",
    "memory_is_the_document",
    "memory_is_a_pipe",
    "memory_is_a_file",
    "memory_is_a_socket",
    "words_unasked",
    "flood",
    "segfault",
    "abort",
    "leave",
    "hang_up_and_stay",
    "crash_on_every_page",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opener() -> AsyncIterator[LocalFileOpener]:
    opener = LocalFileOpener(OpenerSettings(launcher=ExecutingLauncher(FORGING_POOL), max_children=3))
    await opener.start()
    yield opener
    await opener.close()


def picture() -> tuple[bytes, np.ndarray]:
    pixels = np.random.default_rng(7).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue(), pixels


async def assert_unharmed(opener: LocalFileOpener) -> None:
    await assert_reads(opener, *picture())


@pytest.mark.parametrize("behaviour", REFUSED)
async def test_forged_answers_and_crashes_are_a_broken_document(opener: LocalFileOpener, behaviour: str) -> None:
    with pytest.raises(UnreadableDocument):
        await read(opener, b"forge:" + behaviour.encode())
    await assert_unharmed(opener)


@pytest.mark.parametrize("behaviour", ["word_outside", "word_nowhere", "word_control", "word_too_long"])
async def test_forged_words_are_refused(opener: LocalFileOpener, behaviour: str) -> None:
    with pytest.raises(UnreadableDocument):
        await read(opener, b"forge:" + behaviour.encode(), text_layer=True)
    await assert_unharmed(opener)


@pytest.mark.parametrize("behaviour", ["sleep", "sleep_after_document"])
async def test_the_deadline_ends_the_child(opener: LocalFileOpener, behaviour: str) -> None:
    with pytest.raises(DeadlineExceeded):
        await read(opener, b"forge:" + behaviour.encode(), timeout_s=0.4)
    await assert_unharmed(opener)
    await assert_no_child_at_work(opener)


async def test_who_is_killed_for_the_machines_want_of_memory_is_not_too_large(opener: LocalFileOpener) -> None:
    with pytest.raises(NotReady) as caught:
        await read(opener, b"forge:killed")
    assert caught.value.retryable
    await assert_unharmed(opener)


async def test_a_page_that_kills_its_child_costs_that_page_only(opener: LocalFileOpener) -> None:
    pages = await read(opener, b"forge:crash_on_page_2")
    assert [page.number for page in pages] == list(range(1, 13))
    assert [page.number for page in pages if isinstance(page, PageError)] == [2]


async def test_pages_that_were_read_stay_when_all_behind_a_crash_are_broken(opener: LocalFileOpener) -> None:
    pages = await read(opener, b"forge:crash_before_broken_pages")
    assert [isinstance(page, PageError) for page in pages] == [False, True, True]


async def test_a_child_that_hung_up_is_killed_though_its_caller_has_gone(opener: LocalFileOpener) -> None:
    # More of them than there are places, each given up while the pool is asked how the child ended.
    for _ in range(4):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await read(opener, b"forge:stay_after_document")
    document, _ = picture()
    assert len(await read(opener, document, timeout_s=10)) == 1
    await assert_no_child_at_work(opener)


async def test_neighbours_see_nothing_of_it(opener: LocalFileOpener) -> None:
    attacks = ["segfault", "flood", "sleep", "memory_not_sealed", "many_memories", "abort"]

    async def attack(behaviour: str) -> OcrError | None:
        try:
            await read(opener, b"forge:" + behaviour.encode(), timeout_s=2.0)
        except OcrError as error:
            return error
        return None

    work = [attack(behaviour) for behaviour in attacks] + [assert_unharmed(opener) for _ in range(12)]
    answers = await asyncio.gather(*work)
    assert all(isinstance(answer, OcrError) for answer in answers[: len(attacks)])


async def test_a_machine_short_of_memory_takes_a_child_before_any_service(opener: LocalFileOpener) -> None:
    reading = asyncio.ensure_future(read(opener, b"forge:sleep", timeout_s=2.0))
    try:
        await asyncio.sleep(0.3)
        children = children_of(opener.pool_pid)
        assert children
        # The pool's as well: next to nothing is its own, so that a child always counts for more.
        for pid in [opener.pool_pid, *children]:
            assert oom_score_of(pid) == 1000
        assert oom_score_of(os.getpid()) < 1000
    finally:
        with pytest.raises(DeadlineExceeded):
            await reading


async def test_a_killed_pool_heals(opener: LocalFileOpener) -> None:
    before = opener.pool_pid
    assert before is not None
    reading = asyncio.ensure_future(read(opener, b"forge:sleep"))
    await asyncio.sleep(0.2)
    os.kill(before, 9)
    with pytest.raises(NotReady) as caught:
        await reading
    assert caught.value.retryable
    await assert_unharmed(opener)
    assert opener.pool_pid not in {None, before}


async def assert_no_child_at_work(opener: LocalFileOpener) -> None:
    """Only a spare may be left, and it has used next to no processor time."""
    for _ in range(100):
        children = children_of(opener.pool_pid)
        if len(children) <= 1:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"children are left: {children}")


def oom_score_of(pid: int | None) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def children_of(pid: int | None) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
