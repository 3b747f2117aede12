"""Children that were taken over, that crash, hang or eat the machine: neither the host nor the next file notices."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.sandbox_launch import ExecutingLauncher
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import DeadlineExceeded, DocumentTooLarge, NotReady, OcrError, UnreadableDocument
from ocr_core.contracts.page import PageError
from ocr_core.contracts.page_memory import page_memory_bytes
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
    "document_with_descriptor",
    "nothing_said",
    "memory_again",
    "end_early",
    "document_twice",
    "wrong_number",
    "failed_wrong_number",
    "failed_without_memory",
    "page_with_descriptor",
    "many_descriptors",
    "memory_of_nobody",
    "memory_twice",
    "wrong_stride",
    "zero_width",
    "huge_side",
    "too_many_pixels",
    "unknown_notice",
    "memory_shrunk",
    "memory_sealed_already",
    "memory_still_written",
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
    attacks = ["segfault", "flood", "sleep", "memory_still_written", "many_descriptors", "abort"]

    async def attack(behaviour: str) -> OcrError | None:
        try:
            await read(opener, b"forge:" + behaviour.encode(), timeout_s=2.0)
        except OcrError as error:
            return error
        return None

    work = [attack(behaviour) for behaviour in attacks] + [assert_unharmed(opener) for _ in range(12)]
    answers = await asyncio.gather(*work)
    assert all(isinstance(answer, OcrError) for answer in answers[: len(attacks)])


async def test_how_a_child_is_locked(opener: LocalFileOpener) -> None:
    """As the kernel tells it of a child that sleeps behind its lock."""
    reading = asyncio.ensure_future(read(opener, b"attack:show_lock", timeout_s=3.0))
    try:
        child = await locked_child(opener)
        status = facts(child, "status")
        assert (status["NoNewPrivs"], status["Seccomp"], status["CapEff"], status["CapPrm"]) == (
            "1",
            "2",
            *["0" * 16] * 2,
        )
        limits = {name: (soft, hard) for name, soft, hard in limits_of(child)}
        assert limits["Max core file size"] == limits["Max processes"] == limits["Max locked memory"] == ("0", "0")
        assert limits["Max open files"] == ("12", "12")
        assert limits["Max pending signals"] == ("64", "64")
        assert 20 <= int(limits["Max cpu time"][0]) <= 23
        mapped = int(limits["Max address space"][0]) - OpenLimits().max_memory_bytes
        # What was mapped before counts, and with it the fonts of the machine: a thousand of them take a gigabyte.
        assert 0 < int(limits["Max data size"][0]) - OpenLimits().max_memory_bytes < mapped < 1 << 32
        assert int(limits["Max file size"][0]) == page_memory_bytes(OpenLimits())
        names = descriptors_of(child)
        assert names.count("/dev/null") == 3
        assert sum(name.startswith("socket:") for name in names) == 1
        # The document twice (this child has not closed it), memory for two pages, of which one is mapped.
        assert len(names) <= 9
        assert [name for name in names if not name.startswith(("/dev/null", "socket:", "/memfd:"))] == []
        assert variables_of(child) <= {"OPENBLAS_NUM_THREADS", "LC_CTYPE"}
        assert variables_of(opener.pool_pid) <= {"LC_CTYPE"}
        # Not dumpable: what lies under /proc is root's and not its user's, who is told by the status.
        if os.getuid() != 0:
            assert Path(f"/proc/{child}/mem").stat().st_uid == 0  # noqa: ASYNC240
    finally:
        with pytest.raises(DeadlineExceeded):
            await reading


async def test_a_machine_short_of_memory_takes_a_child_before_its_pool_and_both_before_any_service(
    opener: LocalFileOpener,
) -> None:
    reading = asyncio.ensure_future(read(opener, b"attack:show_lock", timeout_s=2.0))
    try:
        scores = [oom_score_of(pid) for pid in (await locked_child(opener), opener.pool_pid, os.getpid())]
        assert scores[:2] == [1000, 900]
        assert scores[2] < 900
    finally:
        with pytest.raises(DeadlineExceeded):
            await reading


@pytest.mark.parametrize(("behaviour", "pages", "most_mb"), [("hoard", 1, 60), ("hoard_failed_pages", 8, 200)])
async def test_nothing_is_kept_behind_a_page_or_of_pages_that_failed(
    opener: LocalFileOpener, behaviour: str, pages: int, most_mb: int
) -> None:
    """75 MB are filled for each. (It is the whole machine's shared memory that is looked at.)"""
    await assert_unharmed(opener)
    before = shared_bytes()
    async with opener.open(
        b"attack:" + behaviour.encode(),
        selection=PageSelection(),
        limits=OpenLimits(),
        deadline=Deadline.after(30),
        text_layer=False,
    ) as opened:
        taken = opened.pages()
        for _ in range(pages):
            await anext(taken)
        assert shared_bytes() - before < most_mb * 1_000_000
    await assert_unharmed(opener)


async def test_a_child_that_takes_no_memory_is_refused(opener: LocalFileOpener) -> None:
    with pytest.raises(UnreadableDocument):
        await read(opener, b"attack:never_take_memory")
    await assert_unharmed(opener)


async def test_documents_that_are_refused_leave_no_descriptor(opener: LocalFileOpener) -> None:
    await assert_unharmed(opener)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for behaviour in ("page_with_descriptor", "document_with_descriptor", "memory_shrunk", "wrong_number", "leave") * 3:
        with pytest.raises(UnreadableDocument):
            await read(opener, b"forge:" + behaviour.encode())
    await asyncio.sleep(0.1)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_processor_time_counts_over_all_children_of_a_document(opener: LocalFileOpener) -> None:
    with pytest.raises(DocumentTooLarge, match="max_cpu_s"):
        await read(opener, b"forge:spin_and_crash", limits=OpenLimits(max_cpu_s=2))


async def test_all_pages_together_are_counted_by_the_host(opener: LocalFileOpener) -> None:
    with pytest.raises(DocumentTooLarge, match="max_document_pixels"):
        await read(opener, b"forge:crash_on_page_2", limits=OpenLimits(max_document_pixels=40 * 30 * 5))


@pytest.mark.parametrize(("crashes", "is_read"), [(5, True), (6, False)])
async def test_how_many_pages_may_crash(opener: LocalFileOpener, crashes: int, is_read: bool) -> None:
    reading = read(opener, b"forge:crash_on_%d_pages" % crashes)
    if is_read:
        assert sum(isinstance(page, PageError) for page in await reading) == crashes
    else:
        with pytest.raises(UnreadableDocument):
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


def shared_bytes() -> int:
    """Of the whole machine; two waiting children's pages come and go, of 12 MB each."""
    return int(facts("", "meminfo")["Shmem"].split()[0]) * 1024


def oom_score_of(pid: int | None) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


async def locked_child(opener: LocalFileOpener) -> int:
    """The one at work; a spare waits without its last lock."""
    for _ in range(100):
        for child in children_of(opener.pool_pid):
            with contextlib.suppress(OSError):  # ended meanwhile
                if facts(child, "status").get("Seccomp") == "2":
                    return child
        await asyncio.sleep(0.02)
    pytest.fail("no child is locked")


def facts(pid: int | str, file: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limits_of(pid: int) -> list[tuple[str, str, str]]:
    rows = (re.split(r" {2,}", line) for line in Path(f"/proc/{pid}/limits").read_text().splitlines()[1:])
    return [(row[0], row[1], row[2]) for row in rows]


def variables_of(pid: int | None) -> set[str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return {entry.partition(b"=")[0].decode() for entry in entries if entry}


def descriptors_of(pid: int) -> list[str]:
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


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
