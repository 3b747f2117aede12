"""How ``make test`` deals files out to its processes: a file stays whole, and the running stack's files stay together.

xdist's own ``loadgroup`` would do, but for pytest 9.2, under which its groups are lost without a word (xdist 3.8).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[2]
STACK = "stack"
"""The one group of several files: real models want all cores, and a stack that tests break is nobody else's."""

_STACK_FOLDERS = ("tests/browser/", "tests/e2e/")
_ASKS_FOR_STACK = re.compile(r"\brunning_stack\b|\bmark\.stack\b|\bapi: httpx\.Client\b")


@cache
def group_of(file: str) -> str:
    """Where a file's tests belong; ``file`` as node ids begin."""
    in_folder = file.startswith(_STACK_FOLDERS)
    return STACK if in_folder or _ASKS_FOR_STACK.search((ROOT / file).read_text(encoding="utf-8")) else file


def check_group(item: pytest.Item) -> None:
    """See that a test over the stack is where the others are.

    Raises:
        UsageError: its file does not show that it needs the stack.
    """
    file = item.nodeid.partition("::")[0]
    if item.get_closest_marker("stack") is not None and group_of(file) != STACK:
        raise pytest.UsageError(f"{file} uses the running stack and does not show it: mark it with pytest.mark.stack")


class FileScheduling(LoadScopeScheduling):
    """Hands out files, and the stack's as one."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
