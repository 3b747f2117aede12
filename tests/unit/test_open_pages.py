"""A page's memory as the host takes it: cut, sealed, filled, and nothing else."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator

import pytest

from ocr_core.adapters.sandbox_pages import SharedPageMemory, make_page_memory
from ocr_core.contracts.opening_wire import ForgedMessage

PAGE_BYTES = 3 * mmap.PAGESIZE + 5
FULL_BYTES = 8 << 20


@pytest.fixture
def fd() -> Iterator[int]:
    memory = make_page_memory(FULL_BYTES)
    yield memory
    os.close(memory)


def held_bytes(fd: int) -> int:
    return os.fstat(fd).st_blocks * 512


def test_a_page_is_taken_as_it_is(fd: int) -> None:
    content = bytes(range(256)) * (PAGE_BYTES // 256 + 1)
    os.pwrite(fd, content[:PAGE_BYTES], 0)
    assert SharedPageMemory(fd).take(PAGE_BYTES) == content[:PAGE_BYTES]
    with pytest.raises(OSError, match="not permitted"):
        os.pwrite(fd, b"x", 0)
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(fd, 0)


def test_what_lies_behind_it_is_given_back_and_cannot_come_back(fd: int) -> None:
    os.pwrite(fd, b"x" * FULL_BYTES, 0)
    kept = mmap.mmap(fd, FULL_BYTES, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    SharedPageMemory(fd).take(PAGE_BYTES)
    assert os.fstat(fd).st_size == PAGE_BYTES
    assert held_bytes(fd) <= PAGE_BYTES + mmap.PAGESIZE
    kept.close()


@pytest.mark.parametrize("written", [[], [(0, PAGE_BYTES - mmap.PAGESIZE)], [(mmap.PAGESIZE, FULL_BYTES)]])
def test_a_page_with_holes_is_refused(fd: int, written: list[tuple[int, int]]) -> None:
    for start, end in written:
        os.pwrite(fd, b"x" * (end - start), start)
    with pytest.raises(ForgedMessage, match="not filled"):
        SharedPageMemory(fd).take(PAGE_BYTES)


def test_memory_that_can_still_be_written_is_refused(fd: int) -> None:
    os.pwrite(fd, b"x" * PAGE_BYTES, 0)
    kept = mmap.mmap(fd, PAGE_BYTES)
    with pytest.raises(ForgedMessage, match="sealed"):
        SharedPageMemory(fd).take(PAGE_BYTES)
    kept.close()
    assert SharedPageMemory(fd).take(PAGE_BYTES)


def test_memory_that_was_shrunk_or_taken_before_is_refused(fd: int) -> None:
    os.pwrite(fd, b"x" * PAGE_BYTES, 0)
    os.ftruncate(fd, PAGE_BYTES - 1)
    with pytest.raises(ForgedMessage, match="cut to its page"):
        SharedPageMemory(fd).take(PAGE_BYTES)
    assert SharedPageMemory(fd).take(PAGE_BYTES - 1)
    with pytest.raises(ForgedMessage, match="not made for a page"):
        SharedPageMemory(fd).take(PAGE_BYTES - 1)


def test_a_system_without_executable_memory_files_serves_as_well() -> None:
    no_exec_seal = 0x0008  # MFD_NOEXEC_SEAL, as vm.memfd_noexec sets it for everybody
    try:
        fd = os.memfd_create("page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | no_exec_seal)
    except OSError:
        pytest.skip("this kernel is older than 6.3")
    os.ftruncate(fd, FULL_BYTES)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    os.pwrite(fd, b"x" * PAGE_BYTES, 0)
    assert SharedPageMemory(fd).take(PAGE_BYTES) == b"x" * PAGE_BYTES
    os.close(fd)


def test_what_a_page_that_failed_leaves_is_given_back_whoever_keeps_it() -> None:
    fd = make_page_memory(FULL_BYTES)
    os.pwrite(fd, b"x" * FULL_BYTES, 0)
    kept = os.dup(fd)
    SharedPageMemory(fd).discard()
    assert held_bytes(kept) == 0
    os.close(kept)
