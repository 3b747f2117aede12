"""The memory that long result lines may take, over all streams together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ocr_core.contracts.errors import NotReady


class LineBudget:
    """Whoever wants a part waits for it, in order of arrival. Used from one event loop only.

    A stream holds one part at a time and asks for nothing more while it does, so that none waits for itself.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._free_bytes = max_bytes
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self.waiting = 0
        """Of those who want a part."""

    @asynccontextmanager
    async def hold(self, size_bytes: int, *, patience_s: float | None = None) -> AsyncIterator[None]:
        """Take a part for as long as the context lasts; what is larger than all of it takes all of it.

        Args:
            size_bytes: Of the part.
            patience_s: How long to wait for it; null: for as long as it takes.

        Raises:
            NotReady: it did not become free in that time.
        """
        part_bytes = min(size_bytes, self._max_bytes)
        self.waiting += 1
        try:
            async with asyncio.timeout(patience_s), self._turn:
                while self._free_bytes < part_bytes:
                    self._changed.clear()
                    await self._changed.wait()
                self._free_bytes -= part_bytes
        except TimeoutError:
            raise NotReady("the memory for results is taken; try again", retry_after_s=1.0) from None
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free_bytes += part_bytes
            self._changed.set()
