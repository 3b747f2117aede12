"""Memory gathered into huge pages holds what it held, for this process and for one forked from it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
import numpy as np
from lambda_file_open import huge_pages
kept = [np.full(8 << 20, number, np.uint8) for number in range(4)]
gathered = huge_pages.gather()
pid = os.fork()
if pid == 0:
    kept[2][:] = 9
    os._exit(0 if all((block == (9 if number == 2 else number)).all() for number, block in enumerate(kept)) else 1)
child = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(gathered, child, all((block == number).all() for number, block in enumerate(kept)))
"""


def test_gathered_memory_holds_what_it_held() -> None:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    gathered, child, is_same = answer.stdout.split()
    assert (child, is_same) == ("0", "True")
    if not _can_gather():
        pytest.skip("this kernel is older than 6.1, or has no huge pages")
    assert int(gathered) >= 4 * (6 << 20)


def _can_gather() -> bool:
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    return release >= (6, 1) and os.path.isdir("/sys/kernel/mm/transparent_hugepage")  # noqa: PTH112
