"""CPU and memory of processes, by the kernel's books."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evaluation.cpu_accounts import cpu_s_by_tree, named, tree
from evaluation.memory_accounts import PeakMemory, pss_bytes

HOLDS_MIB = 80
# A parent that sleeps over a child that holds memory and uses the processor until it is told to end.
CHILD = f"""
import sys
held = bytearray(b"x" * ({HOLDS_MIB} << 20))
total = sum(range(5_000_000))
print("ready", flush=True)
sys.stdin.read()
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


@contextmanager
def family() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.communicate(timeout=30)


def test_a_tree_has_the_process_and_its_children() -> None:
    with family() as pid:
        parent, child = tree(pid)
        assert parent == pid
        assert tree(child) == [child]
        assert set(tree(os.getpid())) >= {os.getpid(), parent, child}


def test_memory_of_a_tree_is_what_its_processes_hold() -> None:
    with family() as pid:
        assert HOLDS_MIB << 20 < pss_bytes(tree(pid)) < (HOLDS_MIB + 60) << 20
        assert pss_bytes([pid]) < HOLDS_MIB << 20
    assert pss_bytes([pid]) == 0


def test_the_peak_outlives_who_had_it() -> None:
    # Its own roots: under this process there may be servers of other tests, whose memory comes and goes.
    roots: list[int] = []
    with PeakMemory(lambda: roots, every_s=0.02) as memory:
        assert memory.peak_bytes == 0
        with family() as pid:
            roots.append(pid)
            time.sleep(0.2)
    assert HOLDS_MIB << 20 < memory.peak_bytes < (HOLDS_MIB + 60) << 20


def test_cpu_of_a_tree_may_leave_a_branch_out() -> None:
    with family() as pid:
        child = tree(pid)[1]
        whole_s = cpu_s_by_tree({"family": pid})["family"]
        parent_s = cpu_s_by_tree({"family": pid}, without=[child])["family"]
        assert whole_s - parent_s == pytest.approx(cpu_s_by_tree({"child": child})["child"], abs=0.03)
        assert whole_s > parent_s


def test_processes_are_found_by_the_name_of_their_program() -> None:
    with family() as pid:
        # What the kernel calls them: the file's name as it was started, or as the interpreter's launcher starts it.
        names = {Path(sys.executable).name, Path(sys.executable).resolve().name}
        assert {found for name in names for found in named(tree(pid), name)} == set(tree(pid))
        assert named(tree(pid), "triton_python_backend_stub") == []
