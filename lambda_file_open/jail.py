"""The lock that a child puts on itself before it sees a byte of the file. Every step works without privilege.

What it stops: more memory, processor time, files or processes than one opening may have; privileges through exec; being
looked into or outliving its parent; files and network (``landlock``, where the kernel has it); every system call that
decoding does not need (``seccomp``, without which nothing is decoded). After it no file can be opened, which is why
everything that a decoder loads is loaded before.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import resource
import signal
import sys
from pathlib import Path

from lambda_file_open import landlock, seccomp
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.page_memory import page_memory_bytes

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

_MAX_OPEN_FILES = 32
"""The document, the socket, and of each page in flight its memory and the copy that Python's mmap makes."""
_GRACE_S = 0.5
"""The host ends a child at its deadline; the child's own alarm is only for a host that no longer can."""
_TRIAL_S = 10.0

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def die_with_parent(parent_pid: int) -> None:
    """End this process when its parent ends.

    Raises:
        ProcessLookupError: the parent was gone before this could be arranged.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise ProcessLookupError("the parent process has ended")


def die_first() -> None:
    """Have the kernel end this process and its children before any other when the machine is out of memory.

    To be called before ``forbid_inspection``, after which the file is root's. Where it cannot be written, the kernel
    goes by size alone.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # proc(5): the most there is


def forbid_inspection() -> None:
    """No core dump, no ptrace, no /proc/<pid>/mem by processes of the same user."""
    _prctl(_PR_SET_DUMPABLE, 0)


class Jail:
    """The lock, in the two steps a child has time for: ``prepare`` while it waits, ``lock`` when its file comes."""

    def __init__(self) -> None:
        self._mapped_bytes = 0
        self._filter = b""

    def prepare(self) -> None:
        """What needs to know nothing of the file: no privileges by exec, no looking in, no file, no network.

        Raises:
            OSError: a step failed; no file must be decoded.
        """
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        self._mapped_bytes = int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
        forbid_inspection()
        _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
        _limit(resource.RLIMIT_CORE, 0)
        # No process and no thread. The kernel does not hold root to it; the containers do not run as root.
        _limit(resource.RLIMIT_NPROC, 0)
        landlock.close_everything(_libc)
        self._filter = seccomp.build_filter(os.uname().machine, os.getpid())

    def lock(self, limits: OpenLimits, *, timeout_s: float) -> None:
        """Lock this process for the rest of its life.

        Args:
            limits: What the opening may cost. Memory is counted from ``prepare`` on: what was mapped before is shared
                with the parent, as far as it is not written to.
            timeout_s: When to end by itself, whatever it is doing.

        Raises:
            FilterUnavailable: the kernel takes no system-call filter; the file must not be decoded.
            OSError: another step failed; likewise.
        """
        # The kernel counts whole seconds. At the soft limit it sends SIGXCPU, which ends the process and names the
        # reason.
        cpu_s = max(1, math.ceil(limits.max_cpu_s + time_used_s()))
        _limit(resource.RLIMIT_CPU, cpu_s, cpu_s + 1)
        _limit(resource.RLIMIT_AS, self._mapped_bytes + limits.max_memory_bytes)
        _limit(resource.RLIMIT_FSIZE, page_memory_bytes(limits))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, timeout_s + _GRACE_S)
        seccomp.install_filter(_libc, self._filter)


def check() -> None:
    """Lock a process for trial.

    Raises:
        RuntimeError: this machine cannot; the reason is written to standard error by the process that tried.
    """
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            jail = Jail()
            jail.prepare()
            jail.lock(OpenLimits(), timeout_s=_TRIAL_S)
            status = 0
        except OSError as error:
            sys.stderr.write(f"a file's process cannot be locked: {error}\n")
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1] != 0:
        raise RuntimeError("a file's process cannot be locked on this machine, so none is opened")


def landlock_version() -> int:
    """Of the kernel; 0 where it has none."""
    return landlock.version(_libc)


def time_used_s() -> float:
    """Processor time that this process has used so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    _, highest = resource.getrlimit(which)
    wanted = soft if hard is None else hard
    if highest != resource.RLIM_INFINITY:
        wanted = min(wanted, highest)
    resource.setrlimit(which, (min(soft, wanted), wanted))
