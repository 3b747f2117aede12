"""Waiting for what comes a moment later, without guessing how long a moment is."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 20.0


def wait_until(condition: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as ``condition`` holds; fail the test, saying ``what`` did not come, when patience ends."""
    give_up_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < give_up_s, f"{what} did not come within {patience_s:g} s"
        time.sleep(0.02)
