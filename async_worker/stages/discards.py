"""Objects that nobody needs any more, deleted many in one call.

Measured against the local server: 1.9 ms of CPU a document on both sides together one by one, 0.2 ms by fifties. What
is not deleted, because the store is down or the process dies, is found by the dispatcher's pass over the bucket.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.objects import ObjectStore

_log = logging.getLogger(__name__)

BATCH = 100
DELAY_S = 2.0


class Discards:
    """Keys that wait to be deleted together; used from one event loop."""

    def __init__(self, objects: ObjectStore, *, batch: int = BATCH, delay_s: float = DELAY_S) -> None:
        self._objects = objects
        self._batch = batch
        self._delay_s = delay_s
        self._keys: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    def add(self, keys: Sequence[str]) -> None:
        """Delete them soon."""
        self._keys += keys
        if len(self._keys) >= self._batch:
            self._start()
        elif self._keys and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self._start)

    async def flush(self) -> None:
        """Delete what waits, and return when all is done."""
        if self._keys:
            self._start()
        while self._running:
            await asyncio.gather(*self._running)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._keys:
            keys, self._keys = self._keys[: self._batch], self._keys[self._batch :]
            task = asyncio.create_task(self._delete(keys))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _delete(self, keys: list[str]) -> None:
        try:
            await self._objects.delete_many(keys)
        except OcrError as error:
            _log.warning(
                "Objects were not deleted and are left over",
                extra={"action": "bulk.discard_failed", "code": error.code, "objects": len(keys)},
            )
