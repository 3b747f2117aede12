"""The system calls that a locked child may still make, as a filter for the kernel (seccomp-bpf).

Three answers: what decoding needs is allowed; what libraries only try, such as opening a file or asking for a limit, is
refused with an error that they know how to live with; everything else, from ``socket`` and ``clone`` to calls that did
not exist when this was written, ends the process at once with SIGSYS.

No descriptor can be made or sent: the child has what it holds when it is locked, and the memory for further pages that
the host sends it. (The kernel counts descriptors on their way by user. A child that could send any would fill that
count for all processes of its user, and no page of anybody's would come through: pages are handed over by number.)

What is allowed was collected with strace over every kind of document, the hostile corpus and their error paths;
``tests/hostile`` fuzzes for what was missed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import signal
import struct
import sys
from collections.abc import Iterable

# <linux/prctl.h>, <linux/seccomp.h>
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_KILL_PROCESS = 0x8000_0000
_REFUSE = 0x0005_0000
_ALLOW = 0x7FFF_0000

# <linux/bpf_common.h>: the few instructions that are needed.
_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_JUMP_IF_ANY_BIT = 0x45
_AND = 0x54
_RETURN = 0x06

# Offsets in struct seccomp_data. Arguments are 64 bits wide; both machines are little-endian, so the low word is first.
_AT_NUMBER = 0
_AT_MACHINE = 4
_AT_ARGUMENTS = 16

_X32_BIT = 0x4000_0000
"""Marks x86-64's second table of calls, whose numbers this filter does not know."""

_INSTRUCTION = struct.Struct("<HBBI")

# (number on x86-64, number on arm64); -1 where the machine has no such call.
_ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "sched_yield": (24, 124),
    "getcpu": (309, 168),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, -1),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

_REFUSED = {
    "open": (2, -1),
    "openat": (257, 56),
    "openat2": (437, 437),
    "stat": (4, -1),
    "lstat": (6, -1),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, -1),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, -1),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "ioctl": (16, 29),
    "getrlimit": (97, 163),
    "prlimit64": (302, 261),
    "sysinfo": (99, 179),
    "uname": (63, 160),
}

_LOOKED_AT = {
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "madvise": (28, 233),
    "fcntl": (72, 25),
    "tgkill": (234, 131),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
}
"""Allowed or not by an argument: see ``_rules``."""

# Python's mmap keeps a copy of the descriptor it is given.
_FCNTL_ALLOWED = (fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL)
# <asm-generic/mman-common.h>: what allocators ask for. Others merge, poison or reclaim memory.
_MADVISE_ALLOWED = (mmap.MADV_DONTNEED, mmap.MADV_FREE, mmap.MADV_HUGEPAGE, mmap.MADV_NOHUGEPAGE, mmap.MADV_WILLNEED)
# <linux/futex.h>: wait and wake, with a bit set or without; the flags PRIVATE and CLOCK_REALTIME aside.
_FUTEX_ALLOWED = (0, 1, 9, 10)
_FUTEX_COMMAND = 0x7F
_OTHERS_CLOCK = 0x8000_0000
"""Clocks below zero are the processor times of any process."""

_NETWORK = {"socket": (41, 198), "io_uring_setup": (425, 425)}
"""Where a connection begins: the second can do what the first does. (``socketpair`` knows unix sockets alone.)"""
_AF_UNIX = 1

_MACHINES = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}
"""Column in the tables above, and AUDIT_ARCH_* by which the kernel names the machine."""


class FilterUnavailable(OSError):
    """The kernel takes no filter, or this machine's calls are not known here; nothing may be decoded then."""


class _SockFilterProgram(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def build_filter(machine: str, pid: int) -> bytes:
    """The filter's program for a process.

    Args:
        machine: As ``uname -m`` says.
        pid: The only process that it may send a signal to, which is how ``abort`` ends it.

    Raises:
        FilterUnavailable: the machine's numbers of calls are not known.
    """
    column, program = _begin(machine)
    for numbers in _ALLOWED.values():
        program += _if_equal(numbers[column], [_answer(_ALLOW)])
    for numbers in _REFUSED.values():
        program += _if_equal(numbers[column], [_answer(_REFUSE | errno.EACCES)])
    for name, rule in _rules(pid).items():
        program += _if_equal(_LOOKED_AT[name][column], rule)
    program.append(_answer(_KILL_PROCESS))
    return b"".join(program)


def build_network_filter(machine: str) -> bytes:
    """The program of a filter that leaves everything as it is but this: no socket of any network can be made.

    For the parents of locked children, which serve a unix socket and need nothing else. Children keep it, under theirs.

    Raises:
        FilterUnavailable: the machine's numbers of calls are not known.
    """
    column, program = _begin(machine)
    refuse = _answer(_REFUSE | errno.EACCES)
    unix_only = [_load(_argument(0)), *_if_equal(_AF_UNIX, [_answer(_ALLOW)]), refuse]
    program += _if_equal(_NETWORK["socket"][column], unix_only)
    program += _if_equal(_NETWORK["io_uring_setup"][column], [refuse])
    return b"".join([*program, _answer(_ALLOW)])


def _begin(machine: str) -> tuple[int, list[bytes]]:
    """The machine's column in the tables, and a program that has ended all calls of others and loaded the number."""
    if machine not in _MACHINES or sys.byteorder != "little":
        raise FilterUnavailable(errno.ENOSYS, f"no system-call filter is known for {machine}")
    column, audit_arch = _MACHINES[machine]
    return column, [
        _load(_AT_MACHINE),
        *_unless_equal(audit_arch, [_answer(_KILL_PROCESS)]),
        _load(_AT_NUMBER),
        _INSTRUCTION.pack(_JUMP_IF_AT_LEAST, 0, 1, _X32_BIT),
        _answer(_KILL_PROCESS),
    ]


def _rules(pid: int) -> dict[str, list[bytes]]:
    """What is looked at in the calls that are allowed in part; each ends with an answer."""
    # Memory that is both written and run is how most exploits go on: no mapping may ever be executable.
    no_code = _end_if_any_bit(2, mmap.PROT_EXEC)
    clock = _end_if_any_bit(0, _OTHERS_CLOCK)
    return {
        "mmap": no_code,
        "mprotect": no_code,
        "madvise": _allow_values(2, _MADVISE_ALLOWED),
        "fcntl": _allow_values(1, _FCNTL_ALLOWED),
        # How abort ends a process. Any other signal would let a child choose what it is said to have died of.
        "tgkill": [
            _load(_argument(0)),
            *_unless_equal(pid, [_answer(_KILL_PROCESS)]),
            *_allow_values(2, (signal.SIGABRT,)),
        ],
        "futex": _allow_values(1, _FUTEX_ALLOWED, mask=_FUTEX_COMMAND),
        "sched_getaffinity": _allow_values(0, (0, pid)),
        "clock_gettime": clock,
        "clock_getres": clock,
        "clock_nanosleep": clock,
    }


def install_filter(libc: ctypes.CDLL, program: bytes) -> None:
    """Lock this process's system calls, for the rest of its life. ``no_new_privs`` must be set already.

    Args:
        libc: The C library.
        program: As ``build_filter`` makes it.

    Raises:
        FilterUnavailable: the kernel refuses.
    """
    described = _SockFilterProgram(length=len(program) // _INSTRUCTION.size, filter=program)
    mode, zero = ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.c_ulong(0)
    if libc.prctl(_PR_SET_SECCOMP, mode, ctypes.byref(described), zero, zero) != 0:
        raise FilterUnavailable(ctypes.get_errno(), "the kernel refuses a system-call filter")


def _argument(position: int) -> int:
    return _AT_ARGUMENTS + 8 * position


def _load(offset: int) -> bytes:
    return _INSTRUCTION.pack(_LOAD, 0, 0, offset)


def _answer(action: int) -> bytes:
    return _INSTRUCTION.pack(_RETURN, 0, 0, action)


def _if_equal(value: int, then: list[bytes]) -> list[bytes]:
    return [] if value < 0 else [_INSTRUCTION.pack(_JUMP_IF_EQUAL, 0, len(then), value), *then]


def _unless_equal(value: int, then: list[bytes]) -> list[bytes]:
    return [_INSTRUCTION.pack(_JUMP_IF_EQUAL, len(then), 0, value), *then]


def _end_if_any_bit(position: int, bits: int) -> list[bytes]:
    """End the process where an argument's low word has any of these bits, and allow the call otherwise."""
    return [
        _load(_argument(position)),
        _INSTRUCTION.pack(_JUMP_IF_ANY_BIT, 1, 0, bits),
        _answer(_ALLOW),
        _answer(_KILL_PROCESS),
    ]


def _allow_values(position: int, values: Iterable[int], *, mask: int = 0xFFFF_FFFF) -> list[bytes]:
    """Allow the call where the low word of an argument is one of these, and end the process otherwise.

    The high word is not looked at: the kernel itself reads descriptors, commands and process ids as 32 bits.
    """
    program = [_load(_argument(position)), _INSTRUCTION.pack(_AND, 0, 0, mask)]
    for value in values:
        program += _if_equal(value, [_answer(_ALLOW)])
    return [*program, _answer(_KILL_PROCESS)]
