"""Who is turned away for want of room, and may be answered from memory all the same: a few at a time.

Each holds a document in memory that nobody has let in, so they are few, and none where nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

LOOKED_AT_ONCE = 8


class Door:
    """Used from one event loop only."""

    def __init__(self, places: int = 0) -> None:
        self._free = places

    @contextmanager
    def look(self) -> Iterator[bool]:
        """Whether one more may be looked at, for as long as the block runs."""
        if self._free == 0:
            yield False
            return
        self._free -= 1
        try:
            yield True
        finally:
            self._free += 1
