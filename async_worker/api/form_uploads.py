"""A form's files on their way into object storage, while the later ones still arrive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from async_worker.api.spool import Spool
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.objects import ObjectStore

_AT_ONCE = 4
"""Files of one request; the request's next bytes wait while so many are under way."""
_CONTENT_TYPE = "application/octet-stream"
"""What the bytes are is decided when they are opened."""

_logger = logging.getLogger(__name__)


class FormUploads:
    """The uploads of one request."""

    def __init__(self, objects: ObjectStore, *, max_bytes: int) -> None:
        self._objects = objects
        self._max_bytes = max_bytes
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []
        self._keys: list[str] = []

    async def add(self, key: str, spool: Spool) -> None:
        """Begin to store a file, which is ours to close from here on; waits while enough others are under way.

        Raises:
            NotReady: an earlier one could not be stored.
        """
        try:
            await self._free.acquire()
        except BaseException:
            spool.close()
            raise
        self._keys.append(key)
        self._tasks.append(asyncio.create_task(self._store(key, spool)))
        for task in self._tasks:
            if task.done():
                task.result()
        self._tasks = [task for task in self._tasks if not task.done()]

    @property
    def any(self) -> bool:
        """Whether there is something to discard."""
        return bool(self._keys)

    async def finish(self) -> None:
        """Wait until everything is stored.

        Raises:
            NotReady: something could not be.
        """
        await asyncio.gather(*self._tasks)

    async def discard(self) -> None:
        """Delete what was stored. What cannot be deleted now belongs to no job, and a sweep finds it by that."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        left = await _delete_all(self._objects, self._keys)
        if left:
            _logger.warning(
                "Uploads of a request that came to nothing could not be deleted; the sweep does it later",
                extra={"action": "uploads.left", "count": left},
            )

    async def _store(self, key: str, spool: Spool) -> None:
        try:
            file = await spool.rewound()
            await self._objects.put_file(key, file, content_type=_CONTENT_TYPE, max_bytes=self._max_bytes)
        finally:
            spool.close()
            self._free.release()


class Discards:
    """Deletions that go on after their request was answered. They are few: one a request that came to nothing."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, uploads: FormUploads) -> None:
        """Delete in the background."""
        if not uploads.any:
            return
        task = asyncio.create_task(uploads.discard())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for those that run."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _delete_all(objects: ObjectStore, keys: Sequence[str]) -> int:
    """Delete some at a time; how many could not be."""
    left = 0
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        answers = await asyncio.gather(*(objects.delete(key) for key in some), return_exceptions=True)
        left += sum(isinstance(answer, OcrError) for answer in answers)
    return left
