"""What a process remembers by itself: so many bytes, and what was longest not asked for goes first."""

from __future__ import annotations

from collections import OrderedDict

from ocr_core.contracts.remembered import MemoryKey, Remembered


class Shelf:
    """Used from one event loop only."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._things: OrderedDict[MemoryKey, Remembered] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: MemoryKey, *, not_before_s: float) -> Remembered | None:
        """What is there and was not made before that moment, in seconds since the epoch."""
        thing = self._things.get(key)
        if thing is None:
            return None
        if thing.made_at_s < not_before_s:
            self._remove(key)
            return None
        self._things.move_to_end(key)
        return thing

    def put(self, key: MemoryKey, thing: Remembered) -> bool:
        """Put it there, in the place of others; false where it alone is too large."""
        self._remove(key)
        if thing.size_bytes > self._max_bytes:
            return False
        self._things[key] = thing
        self.size_bytes += thing.size_bytes
        while self.size_bytes > self._max_bytes:
            self._remove(next(iter(self._things)))
        return True

    def drop_older(self, not_before_s: float) -> int:
        """Remove what was made before that moment; how many. Nothing may lie here for being forgotten alone."""
        gone = [key for key, thing in self._things.items() if thing.made_at_s < not_before_s]
        for key in gone:
            self._remove(key)
        return len(gone)

    def _remove(self, key: MemoryKey) -> None:
        if (thing := self._things.pop(key, None)) is not None:
            self.size_bytes -= thing.size_bytes
