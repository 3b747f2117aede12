"""How many attempts a worker makes at once; and work that may have killed its worker is done alone.

A document that kills its worker takes with it whatever else was in hand, and each of these has lost an attempt. Were
they sent out together again, and again, its neighbours would fail with it. So work whose earlier attempt did not end
well is begun only when nothing else is in hand, and until it has ended nothing else is begun.
"""

from __future__ import annotations

import asyncio


class Places:
    """A bounded number of places, or one place for somebody who must be alone. On one event loop."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._taken = 0
        self._alone = False
        """Whether somebody is alone, or waits to be."""
        self._open = asyncio.Event()
        self._open.set()
        self._left = asyncio.Event()

    async def take(self) -> None:
        """Wait for a place, and until nobody must be alone."""
        await self._free.acquire()
        try:
            await self.until_open()
        except BaseException:
            self._free.release()
            raise
        self._taken += 1

    def leave(self) -> None:
        """Give the place back."""
        self._taken -= 1
        self._free.release()
        self._left.set()

    def close(self) -> bool:
        """Let nobody else in until ``reopen``; false where somebody else has done so already."""
        if self._alone:
            return False
        self._alone = True
        self._open.clear()
        return True

    @property
    def is_closed(self) -> bool:
        """Whether somebody is alone, or waits to be."""
        return self._alone

    async def until_open(self) -> None:
        """Wait until nobody must be alone."""
        while self._alone:
            await self._open.wait()

    async def until_alone(self) -> None:
        """Wait until the others have left."""
        while self._taken > 1:
            self._left.clear()
            await self._left.wait()

    def reopen(self) -> None:
        """Let others in again."""
        self._alone = False
        self._open.set()
