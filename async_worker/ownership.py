"""Whether a bucket is this database's own, and whether the clock can be trusted: asked before anything is deleted.

A database that knows none of the bucket's jobs (an empty one, another house's) would find all its objects left over.
So the database has a name, and the bucket an object that holds the name of the database that it belongs to.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Collection, Sequence

from async_worker.blocking import Blocking
from async_worker.object_keys import READINGS, RESULTS, UPLOADS
from ocr_core.contracts.errors import NotFound
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.stored_documents import DOCUMENTS, DocumentStore, document_of

OWNER_KEY = "installation"
"""The object that holds the name."""
CLOCK_KEY = "clock"
"""An object that is written only for the moment that object storage gives it."""
MAX_CLOCK_DIFFERENCE_S = 3_600.0

_MAX_NAME_BYTES = 256
_IDS_AT_ONCE = 500
_JOB = re.compile(r"[^/]+/[^/]+/(job_[0-9a-f]{32})/.+")

_log = logging.getLogger(__name__)


class Ownership:
    """The bucket's and the database's names."""

    def __init__(self, *, store: JobStore, documents: DocumentStore, objects: ObjectStore, blocking: Blocking) -> None:
        self._store = store
        self._documents = documents
        self._objects = objects
        self._blocking = blocking

    async def is_ours(self) -> bool:
        """Whether the bucket is this database's; one that has no name yet is given ours, unless it looks strange.

        Raises:
            NotReady: the database or the object store does not answer.
        """
        ours = await self._blocking.run(self._store.installation_id)
        name = await self._name()
        if name is None and await self._may_be_taken():
            await self._objects.put(OWNER_KEY, ours.encode(), content_type="text/plain")
            name = await self._name()  # another may have been at it
        if name == ours:
            return True
        _log.error(
            "Nothing in the bucket is tidied away: it is not this database's own",
            extra={"action": "leftovers.refused", "database": ours, "bucket": name, "object": OWNER_KEY},
        )
        return False

    async def _name(self) -> str | None:
        try:
            return (await self._objects.get(OWNER_KEY, max_bytes=_MAX_NAME_BYTES)).decode(errors="replace")
        except NotFound:
            return None

    async def _may_be_taken(self) -> bool:
        """A bucket without a name: it is empty, or has objects of a job or document that is in this database."""
        looks = (
            await self._look((RESULTS, UPLOADS, READINGS), _job_of, self._store.existing_jobs),
            await self._look((DOCUMENTS,), document_of, self._documents.existing_documents),
        )
        return True in looks or looks == (None, None)

    async def _look(
        self,
        folders: Sequence[str],
        id_of: Callable[[str], str | None],
        existing: Callable[[list[str]], Collection[str]],
    ) -> bool | None:
        """Whether some object there is of something in this database; null where there is none at all."""
        empty, ids = True, set[str]()
        for folder in folders:
            async for item in self._objects.scan(f"{folder}/"):
                empty = False
                if (found := id_of(item.key)) is not None:
                    ids.add(found)
                if len(ids) == _IDS_AT_ONCE:
                    if await self._blocking.run(existing, list(ids)):
                        return True
                    ids.clear()
        if ids:
            return bool(await self._blocking.run(existing, list(ids)))
        return None if empty else False


def _job_of(key: str) -> str | None:
    match = _JOB.fullmatch(key)
    return None if match is None else match[1]


class ClockCheck:
    """The machine's clock beside object storage's."""

    def __init__(
        self, *, objects: ObjectStore, clock: Clock, reference: Callable[[], Awaitable[float]] | None = None
    ) -> None:
        """Store what it compares.

        Args:
            objects: Whose clock tells.
            clock: The machine's.
            reference: Another clock to compare with, in seconds since the epoch.
        """
        self._objects = objects
        self._clock = clock
        self._reference = reference or self._ask_storage

    async def is_right(self) -> bool:
        """Whether the two are less than an hour apart; a clock that jumped ahead makes everything old.

        Raises:
            NotReady: the object store does not answer.
        """
        difference_s = self._clock.now().timestamp() - await self._reference()
        if abs(difference_s) <= MAX_CLOCK_DIFFERENCE_S:
            return True
        _log.error(
            "Nothing is deleted for its age: this machine's clock is not that of object storage",
            extra={"action": "leftovers.clock_refused", "difference_s": round(difference_s)},
        )
        return False

    async def _ask_storage(self) -> float:
        await self._objects.put(CLOCK_KEY, b"", content_type="application/octet-stream")
        return (await self._objects.head(CLOCK_KEY)).modified_at_s
