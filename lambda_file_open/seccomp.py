"""The system calls that a locked child may still make, as a filter for the kernel (seccomp-bpf).

Three answers: what decoding needs is allowed; what libraries only try, such as opening a file or asking for a limit, is
refused with an error that they know how to live with; everything else, from ``socket`` and ``clone`` to calls that did
not exist when this was written, ends the process at once with SIGSYS.

No descriptor can be made: whatever the child holds when it is locked is all that it will ever have. What is allowed was
collected with strace over every kind of document, the hostile corpus and their error paths; ``tests/hostile`` fuzzes
for what was missed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import struct
import sys

# <linux/prctl.h>, <linux/seccomp.h>
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_KILL_PROCESS = 0x8000_0000
_REFUSE = 0x0005_0000
_ALLOW = 0x7FFF_0000

# <linux/bpf_common.h>: the five instructions that are needed.
_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_JUMP_IF_ANY_BIT = 0x45
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
    "sendmsg": (46, 211),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
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

_MMAP = (9, 222)
_MPROTECT = (10, 226)
_FCNTL = (72, 25)
_TGKILL = (234, 131)
_PROTECTION_ARGUMENT = 2
_FCNTL_ALLOWED = (fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL)
"""Python's mmap keeps a copy of the descriptor it is given."""

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
    if machine not in _MACHINES or sys.byteorder != "little":
        raise FilterUnavailable(errno.ENOSYS, f"no system-call filter is known for {machine}")
    column, audit_arch = _MACHINES[machine]
    program = [
        _load(_AT_MACHINE),
        *_unless_equal(audit_arch, [_answer(_KILL_PROCESS)]),
        _load(_AT_NUMBER),
        _INSTRUCTION.pack(_JUMP_IF_AT_LEAST, 0, 1, _X32_BIT),
        _answer(_KILL_PROCESS),
    ]
    for numbers in _ALLOWED.values():
        program += _if_equal(numbers[column], [_answer(_ALLOW)])
    for numbers in _REFUSED.values():
        program += _if_equal(numbers[column], [_answer(_REFUSE | errno.EACCES)])
    # Memory that is both written and run is how most exploits go on: no mapping may ever be executable.
    no_code = [
        _load(_argument(_PROTECTION_ARGUMENT)),
        _INSTRUCTION.pack(_JUMP_IF_ANY_BIT, 1, 0, mmap.PROT_EXEC),
        _answer(_ALLOW),
        _answer(_KILL_PROCESS),
    ]
    program += _if_equal(_MMAP[column], no_code)
    program += _if_equal(_MPROTECT[column], no_code)
    program += _if_equal(_FCNTL[column], _allow_values(1, _FCNTL_ALLOWED))
    program += _if_equal(_TGKILL[column], _allow_values(0, (pid,)))
    program.append(_answer(_KILL_PROCESS))
    return b"".join(program)


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


def _allow_values(position: int, values: tuple[int, ...]) -> list[bytes]:
    """Allow the call where the low word of an argument is one of these, and end the process otherwise.

    The high word is not looked at: the kernel itself reads descriptors, commands and process ids as 32 bits.
    """
    program = [_load(_argument(position))]
    for value in values:
        program += _if_equal(value, [_answer(_ALLOW)])
    return [*program, _answer(_KILL_PROCESS)]
