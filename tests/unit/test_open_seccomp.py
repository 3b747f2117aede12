"""The system-call filter as a program: what it answers, on both machines, looked up in the kernel's own headers.

What the kernel makes of it on this machine is seen in ``tests/hostile/test_attacks.py``.
"""

from __future__ import annotations

import errno
import re
import socket
import struct
from pathlib import Path

import pytest

from lambda_file_open import seccomp

PID = 4321
KILL, ALLOW, REFUSE = 0x8000_0000, 0x7FFF_0000, 0x0005_0000 | errno.EACCES
AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    # arm64 has the table that all newer machines share.
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
MACHINES = sorted(AUDIT_ARCH)
READ_WRITE, EXECUTABLE = 0b011, 0b111


def answer(machine: str, number: int, *arguments: int, arch: int | None = None, of: bytes | None = None) -> int:
    """What a filter (the children's, if no other) says of one call, by running its program as the kernel would."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, AUDIT_ARCH[machine] if arch is None else arch, 0, *words)
    program = list(struct.iter_unpack("<HBBI", of or seccomp.build_filter(machine, PID)))
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x54:
                accumulator &= value
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x06:
                return value
            case _:
                pytest.fail(f"an instruction {code:#x} that the filter does not need")


def numbers(machine: str) -> dict[str, int]:
    """Numbers of calls by name, as the kernel's headers have them."""
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not there (Debian: apt-get install linux-libc-dev)")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", header.read_text(), flags=re.MULTILINE)
    names = {"fstatat": "newfstatat"} if machine == "aarch64" else {}
    return {names.get(name, name): int(number) for name, number in found}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_the_kernels(machine: str) -> None:
    known, column = numbers(machine), MACHINES[::-1].index(machine)
    told = {**seccomp._ALLOWED, **seccomp._REFUSED, **seccomp._LOOKED_AT}
    for name, pair in told.items():
        assert pair[column] == known.get(name, -1), name


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_not_listed_ends_the_process(machine: str) -> None:
    known = numbers(machine)
    unlisted = known.keys() - seccomp._ALLOWED.keys() - seccomp._REFUSED.keys()
    unlisted -= seccomp._LOOKED_AT.keys()
    assert {"socket", "clone", "clone3", "execve", "ptrace", "unshare", "memfd_create", "ftruncate"} <= unlisted
    assert {"io_uring_setup", "bpf", "prctl", "seccomp", "kill", "process_vm_readv", "unlinkat", "sendmsg"} <= unlisted
    for name in unlisted:
        assert answer(machine, known[name]) == KILL, name
    for number in (-1, 500, 100_000, 2**31 - 1):
        assert answer(machine, number) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_listed_is_answered_as_listed(machine: str) -> None:
    known = numbers(machine)
    for names, expected in ((seccomp._ALLOWED, ALLOW), (seccomp._REFUSED, REFUSE)):
        for name in names.keys() & known.keys():
            assert answer(machine, known[name]) == expected, name


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_machine_end_the_process(machine: str) -> None:
    other = AUDIT_ARCH[next(name for name in MACHINES if name != machine)]
    i386 = 0x4000_0003
    for arch in (other, i386, 0):
        assert answer(machine, numbers(machine)["read"], arch=arch) == KILL
    assert answer(machine, 0x4000_0000 | numbers(machine)["read"]) == KILL  # x32


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["mmap", "mprotect"])
def test_no_memory_is_executable(machine: str, name: str) -> None:
    number = numbers(machine)[name]
    assert answer(machine, number, 0, 4096, READ_WRITE) == ALLOW
    assert answer(machine, number, 0, 4096, EXECUTABLE) == KILL
    assert answer(machine, number, 0, 4096, 0b100) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_it_may_abort_itself_and_send_no_other_signal(machine: str) -> None:
    number = numbers(machine)["tgkill"]
    abort, kill, alarm = 6, 9, 14
    assert answer(machine, number, PID, PID, abort) == ALLOW
    assert answer(machine, number, PID + 1, PID + 1, abort) == KILL
    for signal in (kill, alarm, 24):
        assert answer(machine, number, PID, PID, signal) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_is_given_back_and_nothing_else_is_advised(machine: str) -> None:
    number = numbers(machine)["madvise"]
    dontneed, free, hugepage, mergeable, poison, pageout = 4, 8, 14, 12, 100, 21
    for advice in (dontneed, free, hugepage):
        assert answer(machine, number, 0, 4096, advice) == ALLOW
    for advice in (mergeable, poison, pageout):
        assert answer(machine, number, 0, 4096, advice) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_locks_may_wait_and_wake(machine: str) -> None:
    number = numbers(machine)["futex"]
    private, realtime = 128, 256
    for command in (0, 1, 0 | private, 1 | private, 9 | private | realtime):
        assert answer(machine, number, 0, command) == ALLOW
    for command in (3, 4, 6, 11, 13, 6 | private):
        assert answer(machine, number, 0, command) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_is_told_of_other_processes(machine: str) -> None:
    known = numbers(machine)
    for name in ("clock_gettime", "clock_getres", "clock_nanosleep"):
        assert answer(machine, known[name], 1) == ALLOW
        assert answer(machine, known[name], (~PID << 3 | 2) & 0xFFFF_FFFF) == KILL
    assert answer(machine, known["sched_getaffinity"], 0) == ALLOW
    assert answer(machine, known["sched_getaffinity"], PID + 1) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_descriptors_may_be_copied_and_nothing_else(machine: str) -> None:
    number = numbers(machine)["fcntl"]
    f_dupfd_cloexec, f_setown, f_add_seals, f_setfl = 1030, 8, 1033, 4
    assert answer(machine, number, 3, f_dupfd_cloexec) == ALLOW
    for command in (f_setown, f_add_seals, f_setfl):
        assert answer(machine, number, 3, command) == KILL


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(seccomp.FilterUnavailable):
        seccomp.build_filter("riscv64", PID)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_parents_filter_refuses_networks_and_leaves_the_rest(machine: str) -> None:
    calls, parents = numbers(machine), seccomp.build_network_filter(machine)
    families = {name: int(getattr(socket, name)) for name in dir(socket) if name.startswith("AF_")}
    for name, family in families.items():
        wanted = ALLOW if name == "AF_UNIX" else REFUSE
        assert answer(machine, calls["socket"], family, of=parents) == wanted, name
    assert answer(machine, calls["io_uring_setup"], of=parents) == REFUSE
    for name in ("clone", "openat", "execve", "accept4", "sendmsg", "recvmsg", "socketpair", "mmap", "prctl"):
        assert answer(machine, calls[name], of=parents) == ALLOW, name


def test_the_parents_filter_ends_calls_of_other_tables() -> None:
    parents = seccomp.build_network_filter("x86_64")
    # i386's socketcall and x32's socket reach the same sockets by other numbers.
    assert answer("x86_64", 102, arch=0x4000_0003, of=parents) == KILL
    assert answer("x86_64", 0x4000_0000 | 41, 2, of=parents) == KILL
