"""The lock that a child puts on itself before it sees a byte of the file. Every step works without privilege.

What it stops today: more memory, processor time, files or processes than one opening may have; privileges through
exec; being looked into or outliving its parent. System calls and the file system are closed by a later step of the
same function (seccomp, Landlock), which is why everything that a decoder loads is loaded before.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import resource
import signal
from pathlib import Path

from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.page_memory import MAX_PAGE_TEXT_BYTES

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

_MAX_OPEN_FILES = 64
_GRACE_S = 0.5
"""The host ends a child at its deadline; the child's own alarm is only for a host that no longer can."""

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


def lock(limits: OpenLimits, *, timeout_s: float) -> None:
    """Lock this process for the rest of its life.

    Args:
        limits: What the opening may cost. Memory is counted from here on: what is mapped already is shared with the
            parent, as far as it is not written to.
        timeout_s: When to end by itself, whatever it is doing.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    mapped_bytes = int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
    forbid_inspection()
    page_bytes = max(limits.max_image_pixels, limits.max_rendered_page_pixels) * 3 + MAX_PAGE_TEXT_BYTES
    # The kernel counts whole seconds. At the soft limit it sends SIGXCPU, which ends the process and names the reason.
    cpu_s = max(1, math.ceil(limits.max_cpu_s + time_used_s()))
    _limit(resource.RLIMIT_CPU, cpu_s, cpu_s + 1)
    _limit(resource.RLIMIT_AS, mapped_bytes + limits.max_memory_bytes)
    _limit(resource.RLIMIT_FSIZE, page_bytes)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    # No process and no thread. The kernel does not hold root to it; the containers do not run as root.
    _limit(resource.RLIMIT_NPROC, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout_s + _GRACE_S)


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
