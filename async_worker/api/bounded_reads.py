"""Objects that are read whole to be answered with, within a memory that all requests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from async_worker.api.line_budget import LineBudget
from ocr_core.contracts.objects import ObjectStore

PATIENCE_S = 10.0
"""How long a request waits for its part."""


class BoundedReads:
    """Used from one event loop only."""

    def __init__(self, objects: ObjectStore, *, max_bytes: int, patience_s: float = PATIENCE_S) -> None:
        """Store what it works with.

        Args:
            objects: Where they lie.
            max_bytes: Of all that are read at the same time, and of what is made of them.
            patience_s: How long one waits for its part.
        """
        self._objects = objects
        self._budget = LineBudget(max_bytes)
        self._patience_s = patience_s

    @asynccontextmanager
    async def read(self, key: str, *, max_bytes: int, copies: int = 1) -> AsyncIterator[bytes]:
        """An object's bytes; its part of the memory is held for as long as the context lasts.

        Args:
            key: Of the object.
            max_bytes: Of the object.
            copies: How much of its size is needed with what is made of it.

        Raises:
            NotFound: it is not there.
            NotReady: the object store does not answer, or the others need all the memory for too long.
        """
        size_bytes = (await self._objects.head(key)).size_bytes
        async with self._budget.hold(size_bytes * copies, patience_s=self._patience_s):
            yield await self._objects.get(key, max_bytes=max_bytes)
