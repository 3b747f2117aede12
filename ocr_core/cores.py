"""How many processors a process may use: in a container mostly not all that the machine has."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""``quota period`` in microseconds, or ``max``: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files"""


def usable_cores(limit_file: Path = _CGROUP_LIMIT) -> float:
    """Those of its affinity, or the container's limit where that is lower; it may be a fraction."""
    cores = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = limit_file.read_text().split()
        return cores if quota == "max" else min(cores, int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return cores
