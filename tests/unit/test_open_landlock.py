"""Landlock by itself, without the system-call filter before it: nothing can be opened or connected."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable

import pytest

from lambda_file_open import landlock

LIBC = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVS = 38


def error_behind_it(attempt: Callable[[], object]) -> int:
    """The error's number that a process behind Landlock gets; 255 where it gets none."""
    pid = os.fork()
    if pid == 0:
        outcome = 254
        try:
            LIBC.prctl(NO_NEW_PRIVS, ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
            if landlock.close_everything(LIBC):
                outcome = 255
                attempt()
        except OSError as error:
            outcome = error.errno or 0
        finally:
            os._exit(outcome)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


needs_landlock = pytest.mark.skipif(not landlock.version(LIBC), reason="this kernel has no Landlock")


@needs_landlock
@pytest.mark.parametrize(
    "attempt",
    [
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: os.open("/tmp/escaped", os.O_WRONLY | os.O_CREAT),  # noqa: S108
        lambda: os.open("/", os.O_RDONLY | os.O_DIRECTORY),
        lambda: os.open("/proc/self/environ", os.O_RDONLY),
        lambda: os.mkdir("/tmp/escaped"),  # noqa: PTH102, S108
        lambda: os.unlink(__file__),  # noqa: PTH108
        lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    ],
    ids=["read", "write", "list", "environment", "make", "remove", "execute"],
)
def test_no_file_can_be_reached(attempt: Callable[[], object]) -> None:
    assert error_behind_it(attempt) == errno.EACCES


@needs_landlock
@pytest.mark.skipif(landlock.version(LIBC) < 4, reason="this kernel's Landlock knows no network")
def test_no_connection_can_be_made() -> None:
    def connect() -> None:
        socket.create_connection(("127.0.0.1", 9))

    assert error_behind_it(connect) == errno.EACCES


@needs_landlock
def test_what_was_open_stays_open() -> None:
    read_end, write_end = os.pipe()
    assert error_behind_it(lambda: os.write(write_end, b"x")) == 255
    assert os.read(read_end, 1) == b"x"
    os.close(read_end)
    os.close(write_end)
