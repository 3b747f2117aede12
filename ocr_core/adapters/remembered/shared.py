"""What all replicas remember together, in object storage: asked within bounds, and left alone while it is ill."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum

from ocr_core.contracts.errors import DocumentTooLarge, NotFound, OcrError
from ocr_core.contracts.objects import ObjectStore, delete_below
from ocr_core.contracts.remembered import MemoryKey, Remembered, document_prefix, tenant_prefix
from ocr_core.contracts.remembered_codec import decode_remembered, encode_remembered

CONTENT_TYPE = "application/octet-stream"
RESTS_S = 1.0
"""After it did not answer in time, or answered with an error, it is not asked for so long: an outage costs one request
a second its patience, and the others nothing."""
WRITES_AT_ONCE = 4
"""More at the same time are not remembered: storing must never hold up reading."""
_HEAD_BYTES = 4_096
"""What the entry's own head may add to a body."""

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of a question or of a thing to be kept."""

    HIT = "hit"
    MISS = "miss"
    DAMAGED = "damaged"
    FAILED = "failed"
    LATE = "late"
    RESTING = "resting"
    KEPT = "kept"
    TOO_LARGE = "too_large"
    BUSY = "busy"
    UNWANTED = "unwanted"


StillWanted = Callable[[], Awaitable[bool]]
"""Whether the document that something is remembered of is still there, as far as can be known."""


async def always() -> bool:
    """Nobody deletes it but by its time."""
    return True


class SharedStore:
    """Nothing of it raises, whatever the store does. Used from one event loop only."""

    def __init__(
        self,
        objects: ObjectStore,
        *,
        wait_s: float,
        max_entry_bytes: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._wait_s = wait_s
        self._max_entry_bytes = max_entry_bytes
        self._monotonic_s = monotonic_s
        self._rests_until_s = float("-inf")
        self._writing = 0

    async def get(self, key: MemoryKey) -> tuple[Remembered | None, Outcome]:
        """What is there, within ``wait_s``."""
        if self._monotonic_s() < self._rests_until_s:
            return None, Outcome.RESTING
        try:
            async with asyncio.timeout(self._wait_s):
                untrusted = await self._objects.get(key.path, max_bytes=self._max_entry_bytes + _HEAD_BYTES)
        except (NotFound, DocumentTooLarge):
            return None, Outcome.MISS
        except TimeoutError:
            return None, self._rest(Outcome.LATE)
        except OcrError as error:
            _log.info(
                "The store of remembered answers does not answer",
                extra={"action": "remembered.failed", "code": error.code},
            )
            return None, self._rest(Outcome.FAILED)
        thing = decode_remembered(key, untrusted)
        if thing is None:
            # The next answer replaces it.
            _log.warning("A remembered answer is damaged", extra={"action": "remembered.damaged"})
            return None, Outcome.DAMAGED
        return thing, Outcome.HIT

    async def put(self, key: MemoryKey, thing: Remembered, still_wanted: StillWanted = always) -> Outcome:
        """Store it, if that is not too much just now, and if it is wanted when it lies there."""
        if len(thing.body) > self._max_entry_bytes:
            return Outcome.TOO_LARGE
        if self._monotonic_s() < self._rests_until_s:
            return Outcome.RESTING
        if self._writing >= WRITES_AT_ONCE:
            return Outcome.BUSY
        self._writing += 1
        try:
            # As long as it takes: what was given up here might lie there later, and nobody would look again.
            await self._objects.put(key.path, encode_remembered(key, thing), content_type=CONTENT_TYPE)
            if not await still_wanted():  # its document was deleted before this was there to be forgotten
                await self._objects.delete(key.path)
                return Outcome.UNWANTED
        except OcrError:
            return self._rest(Outcome.FAILED)
        finally:
            self._writing -= 1
        return Outcome.KEPT

    def _rest(self, outcome: Outcome) -> Outcome:
        self._rests_until_s = self._monotonic_s() + RESTS_S
        return outcome


async def forget(objects: ObjectStore, tenant: str, document_sha256: str | None = None) -> int:
    """Delete all that is remembered in object storage of a tenant, or of one of its documents; how many entries.

    For whoever deletes a stored document or a tenant, on whatever service: what lies in the memory of other processes
    is of tenants only who have nothing stored (``memory.py``).

    Raises:
        NotReady: the store does not answer, or did not delete some; to be called again.
        ValueError: it is no document's digest.
    """
    prefix = tenant_prefix(tenant) if document_sha256 is None else document_prefix(tenant, document_sha256)
    return await delete_below(objects, prefix)
