"""Code that has taken a decoder over, behind the lock, under each launcher: it gets nowhere, and nobody notices it.

The lock answers an attempt in one of two ways: it ends the process, or it refuses with an error. Which of the two is
asserted, because a call that is refused today and ended tomorrow, or the other way about, is a change of the lock.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import DeadlineExceeded, DocumentTooLarge, UnreadableDocument
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.ports import FileOpener
from tests.hostile.attacks import Attack
from tests.support.lambda_openers import lambda_opener
from tests.support.openers import FORGING_POOL, LAUNCHERS, assert_reads, launched, read

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDED = [
    *("socket_inet", "socket_unix", "socket_pair", "socket_listen", "socket_raw", "send_descriptor"),
    *("fork", "clone", "clone3", "thread", "execute", "execute_memory"),
    *("executable_memory", "executable_document", "make_memory_executable", "call_x32", "call_unknown"),
    *("ptrace", "read_memory_of_pool", "take_descriptor_of_pool", "be_traced"),
    *("kill_pool", "signal_pool", "kill_everybody", "signal_itself"),
    *("read_others_clock", "ask_where_others_run", "merge_memory", "futex_with_priority"),
    *("unshare", "join_namespace", "mount", "change_root", "become_root", "be_inspectable", "another_filter"),
    *("kernel_ring", "kernel_program", "kernel_faults", "kernel_keys", "kernel_counters"),
    *("remove", "make_folder", "link", "rename", "make_memory_file", "truncate_document", "shrink_page", "make_pipe"),
]
REFUSED = {
    **dict.fromkeys(
        [
            *("open_memory_of_pool", "open_descriptors_of_pool", "raise_limits"),
            *("write_in_tmp", "write_in_shm", "write_here", "write_null"),
            *("read_passwd", "read_environment", "read_own_memory", "list_root", "look_at_file", "reopen_document"),
        ],
        errno.EACCES,
    ),
    "write_document": errno.EPERM,
    "grow_page": errno.EFBIG,
    "reserve_3_gib": errno.ENOMEM,
}
OTHERS = {
    *("eat_memory", "abort_with_much_memory", "spin", "spin_deaf", "sleep", "segfault", "abort", "leave"),
    *("flood_output", "flood_host", "wrong_sizes", "hoard", "hoard_failed_pages", "holes", "never_take_memory"),
    "show_lock",
    *("violate_behind_a_page", "violate_with_much_memory"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=LAUNCHERS)
async def opener(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FileOpener]:
    if request.param == "lambda":
        server = request.getfixturevalue("aws_server")
        async with lambda_opener(server, pool_command=FORGING_POOL) as opener:
            await assert_reads(opener, *picture())  # the function starts with its first call
            yield opener
    else:
        folder = tmp_path_factory.mktemp("opener")
        async with launched(request.param, folder, pool=FORGING_POOL, server=FORGING_POOL, max_children=24) as opener:
            yield opener


def picture() -> tuple[bytes, np.ndarray]:
    pixels = np.random.default_rng(7).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue(), pixels


async def attack(opener: FileOpener, name: str, *, timeout_s: float = 30.0, limits: OpenLimits | None = None) -> int:
    """The number that the attempt left, where it was not ended."""
    (page,) = await read(opener, b"attack:" + name.encode(), timeout_s=timeout_s, limits=limits)
    assert isinstance(page, PageImage)
    return int(page.pixels[0, 0, 0])


def violations(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Whose were told, by their attacks."""
    attacks = {hashlib.sha256(b"attack:" + name.encode()).hexdigest(): name for name in {*ENDED, *REFUSED, *OTHERS}}
    told = [record for record in caplog.records if getattr(record, "action", "") == "opener_violation"]
    return [attacks.get(record.__dict__["document_sha256"], "another document's") for record in told]


async def assert_told(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """The violation is on record, once, with the digest of its document; that is written beside the answer."""
    for _ in range(500):
        if violations(caplog):
            break
        await asyncio.sleep(0.02)
    assert violations(caplog) == [name]


async def test_every_attack_is_tried() -> None:
    written = {name for name in vars(Attack) if not name.startswith("_")} - {"run", "send_page", "keep"}
    assert written == {*ENDED, *REFUSED, *OTHERS}


@pytest.mark.parametrize("name", ENDED)
async def test_what_the_lock_ends(opener: FileOpener, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(UnreadableDocument):
        await attack(opener, name)
    await assert_told(caplog, name)
    await assert_reads(opener, *picture())


async def test_a_violation_comes_before_any_other_reason(opener: FileOpener, caplog: pytest.LogCaptureFixture) -> None:
    name = "violate_with_much_memory"
    with caplog.at_level(logging.ERROR), pytest.raises(UnreadableDocument):
        await attack(opener, name, limits=OpenLimits(max_memory_bytes=200_000_000))
    await assert_told(caplog, name)


async def test_a_violation_is_told_though_nobody_waits_for_the_child(
    opener: FileOpener, caplog: pytest.LogCaptureFixture
) -> None:
    name = "violate_behind_a_page"
    with caplog.at_level(logging.ERROR):
        async with opener.open(
            b"attack:" + name.encode(),
            selection=PageSelection(),
            limits=OpenLimits(),
            deadline=Deadline.after(30),
            text_layer=False,
        ) as opened:
            assert isinstance(await anext(opened.pages()), PageImage)
            await asyncio.sleep(0.5)
        await assert_told(caplog, name)


@pytest.mark.parametrize("name", REFUSED)
async def test_what_the_lock_refuses(opener: FileOpener, name: str) -> None:
    assert await attack(opener, name) == REFUSED[name]
    await assert_reads(opener, *picture())


@pytest.mark.parametrize("name", ["segfault", "abort", "leave", "wrong_sizes", "holes", "flood_host"])
async def test_what_ends_by_itself_or_lies_is_a_broken_document(
    opener: FileOpener, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(UnreadableDocument):
        await attack(opener, name)
    assert violations(caplog) == []
    await assert_reads(opener, *picture())


async def test_a_flood_of_output_goes_nowhere(opener: FileOpener, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnreadableDocument):
        await attack(opener, "flood_output")
    captured = capfd.readouterr()
    assert "xxxx" not in captured.out + captured.err
    await assert_reads(opener, *picture())


@pytest.mark.parametrize("name", ["spin", "spin_deaf", "sleep"])
async def test_the_deadline_ends_whatever_does_not_end(opener: FileOpener, name: str) -> None:
    started_s = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await attack(opener, name, timeout_s=0.5)
    assert time.monotonic() - started_s < 5
    await assert_reads(opener, *picture())


@pytest.mark.parametrize("name", ["spin", "spin_deaf"])
async def test_the_processor_limit_is_named(opener: FileOpener, name: str) -> None:
    with pytest.raises(DocumentTooLarge, match=r"processor time than the limit of 1 seconds \(max_cpu_s\)"):
        await attack(opener, name, limits=OpenLimits(max_cpu_s=1))
    await assert_reads(opener, *picture())


async def test_the_wall_limit_is_named(opener: FileOpener) -> None:
    with pytest.raises(DocumentTooLarge, match=r"longer than the limit of 0.5 seconds \(max_wall_s\)"):
        await attack(opener, "sleep", limits=OpenLimits(max_wall_s=0.5))
    await assert_reads(opener, *picture())


@pytest.mark.parametrize("name", ["eat_memory", "abort_with_much_memory"])
async def test_the_memory_limit_is_named(opener: FileOpener, name: str) -> None:
    with pytest.raises(DocumentTooLarge, match=r"memory than the limit of 200000000 bytes \(max_memory_bytes\)"):
        await attack(opener, name, limits=OpenLimits(max_memory_bytes=200_000_000))
    await assert_reads(opener, *picture())


async def test_nothing_of_it_is_left(opener: FileOpener) -> None:
    for name in ("link", "make_folder", "fork"):
        with pytest.raises(UnreadableDocument):
            await attack(opener, name)
    for name in ("write_in_tmp", "write_in_shm"):
        await attack(opener, name)
    assert not any(os.path.lexists(Path(folder, "escaped")) for folder in ("/tmp", "/dev/shm", "/"))  # noqa: ASYNC240, S108


async def test_many_at_once_lose_no_page(opener: FileOpener) -> None:
    """Without a privilege, the kernel counts descriptors on their way against whoever sends one."""
    file = io.BytesIO()
    frames = [Image.fromarray(np.full((64, 64, 3), number, dtype=np.uint8)) for number in range(8)]
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    for answer in await asyncio.gather(*(read(opener, file.getvalue()) for _ in range(24))):
        assert [int(page.pixels[0, 0, 0]) for page in answer if isinstance(page, PageImage)] == list(range(8))
