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
import struct
import sys
from pathlib import Path

from lambda_file_open import landlock, seccomp
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.page_memory import page_memory_bytes

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
# <linux/capability.h>
_CAPABILITY_VERSION_3 = 0x2008_0522

_MAX_OPEN_FILES = 12
"""Numbers of descriptors: three on /dev/null, the document's mapping, the socket, memory for the pages in flight and a
copy where it is mapped."""
_MAX_PENDING_SIGNALS = 64
_GRACE_S = 0.5
"""The host ends a child at its deadline; the child's own alarm is only for a host that no longer can."""
_TRIAL_S = 10.0
_TRIAL_FAILED, _TRIAL_WITHOUT_LANDLOCK = 1, 2
_RLIMIT_SIGPENDING = 11
"""<asm-generic/resource.h>; Python has no name for it."""

POOL_DIES, CHILD_DIES = 900, 1_000
"""Points towards being ended when memory is short: see ``die_first``."""

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


def die_first(points: int) -> None:
    """Have the kernel end this process before others when the machine is out of memory.

    Where that cannot be said, the kernel goes by size alone. To be called before ``forbid_inspection``, after which the
    file is root's.

    Args:
        points: Up to 1,000 (proc(5), oom_score_adj): children go before their pool, a pool before any service.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(points))


def give_up_network() -> None:
    """No socket of any network for this process and all that it forks, for the rest of their lives.

    Where a server's container has no network of its own this changes nothing; in a pod, containers share one.

    Raises:
        FilterUnavailable: the kernel takes no system-call filter; children could not be locked either.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install_filter(_libc, seccomp.build_network_filter(os.uname().machine))


def forbid_inspection() -> None:
    """No core dump, no ptrace, no /proc/<pid>/mem by processes of the same user."""
    _prctl(_PR_SET_DUMPABLE, 0)


class Jail:
    """The lock, in the two steps a child has time for: ``prepare`` while it waits, ``lock`` when its file comes."""

    def __init__(self) -> None:
        self.has_landlock = False
        self._mapped_bytes = 0
        self._data_bytes = 0
        self._filter = b""

    def prepare(self) -> None:
        """What needs to know nothing of the file: no privileges, no looking in, no file, no network.

        Raises:
            OSError: a step failed; no file must be decoded.
        """
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        pages = [int(number) for number in Path("/proc/self/statm").read_bytes().split()]
        self._mapped_bytes, self._data_bytes = (pages[at] * resource.getpagesize() for at in (0, 5))
        _prctl(_PR_SET_DUMPABLE, 1)  # the pool is not, so that the next file would be root's
        die_first(CHILD_DIES)
        forbid_inspection()
        _drop_capabilities()
        _limit(resource.RLIMIT_CORE, 0)
        # No process and no thread. The kernel does not hold root to it; the containers do not run as root.
        _limit(resource.RLIMIT_NPROC, 0)
        _limit(resource.RLIMIT_MEMLOCK, 0)
        _limit(_RLIMIT_SIGPENDING, _MAX_PENDING_SIGNALS)
        self.has_landlock = landlock.close_everything(_libc)
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
        # What was mapped before may be unmapped and its place used; what is writable counts once more.
        _limit(resource.RLIMIT_DATA, self._data_bytes + limits.max_memory_bytes)
        _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
        _limit(resource.RLIMIT_FSIZE, page_memory_bytes(limits))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, timeout_s + _GRACE_S)
        seccomp.install_filter(_libc, self._filter)


def check() -> int:
    """Lock a process for trial.

    Returns:
        The version of Landlock that it was locked with too; 0 where the kernel has none.

    Raises:
        RuntimeError: this machine cannot; the reason is written to standard error by the process that tried.
    """
    pid = os.fork()
    if pid == 0:
        status = _TRIAL_FAILED
        try:
            jail = Jail()
            jail.prepare()
            jail.lock(OpenLimits(), timeout_s=_TRIAL_S)
            status = 0 if jail.has_landlock else _TRIAL_WITHOUT_LANDLOCK
        except OSError as error:
            sys.stderr.write(f"a file's process cannot be locked: {error}\n")
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in {0, _TRIAL_WITHOUT_LANDLOCK}:
        raise RuntimeError("a file's process cannot be locked on this machine, so none is opened")
    return landlock.version(_libc) if status == 0 else 0


def _drop_capabilities() -> None:
    """What a process that runs as root could do beside its user's rights; no other has any."""
    header = struct.pack("<II", _CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


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
