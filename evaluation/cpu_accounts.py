"""CPU time by process tree, as the kernel counts it: user and system, of a process, its children and theirs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_s_by_tree(roots: Mapping[str, int], *, without: Collection[int] = ()) -> dict[str, float]:
    """CPU seconds so far of the processes below each root, by the roots' names.

    Children that have ended are in their parent's account once it has waited for them; a tree's figure grows only, as
    long as no process in it ends without being waited for.

    Args:
        roots: Process ids by name.
        without: Processes below a root that are left out, with all that is below them.
    """
    children, own_s = _processes(without)
    return {name: _tree_s(root, children, own_s) for name, root in roots.items()}


def tree(root: int) -> list[int]:
    """The process and all that are below it now."""
    children, _ = _processes()
    pids = [root]
    for pid in pids:
        pids += children.get(pid, [])
    return pids


def named(pids: Collection[int], name: str) -> list[int]:
    """Those of the processes whose program has this name, of which the kernel keeps 15 characters."""
    found = []
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip() == name[:15]:
                found.append(pid)
    return found


def _processes(without: Collection[int] = ()) -> tuple[dict[int, list[int]], dict[int, float]]:
    """Each process's children, and its CPU seconds."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    own_s: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent, cpu_s = _read(entry / "stat")
            except (FileNotFoundError, ProcessLookupError):
                continue
            pid = int(entry.name)
            if pid not in without:
                children[parent].append(pid)
            own_s[pid] = cpu_s
    return children, own_s


def _tree_s(root: int, children: dict[int, list[int]], own_s: dict[int, float]) -> float:
    return own_s.get(root, 0.0) + sum(_tree_s(child, children, own_s) for child in children.get(root, ()))


def _read(stat: Path) -> tuple[int, float]:
    """Parent, and CPU seconds with those of children that were waited for."""
    # The name, in brackets, may hold anything: the fields are counted from behind it (proc(5), field 3 comes first).
    fields = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICKS_A_SECOND
