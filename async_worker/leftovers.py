"""What nobody needs any more: old jobs, and objects that belong to nothing.

Old jobs go from the database, in bounded steps. Their objects follow by a pass over the bucket, a few times a day, at a
slow pace, which also finds what a crash has left behind. One rule for both, so nothing depends on a job's objects
having been counted when it went:

=======================================  ==============================================================
``uploads/{tenant}/{job}/…``             gone when no such job exists: it went, or its API died before it committed
``uploads/{tenant}/{upload}``            gone when older than ``OCR_BULK_KEEP_UPLOADS_DAYS``
``readings/{tenant}/{job}/{document}/…`` gone when the document has ended, or does not exist
``results/{tenant}/{job}/{document}/…``  gone when no such job exists
``results/{tenant}/by-source/…``         gone when older than ``OCR_BULK_KEEP_JOBS_DAYS``
``remembered/{tenant}/…``                gone when older than ``OCR_REMEMBER_KEEP_S``; looked for every ten minutes
``documents/{tenant}/{document}/…``      gone when no such document is stored, nor being read
=======================================  ==============================================================

What may still be on its way into the database is too young to be judged. What lies elsewhere is not ours and stays.
Two houses must not share a bucket and prefix: the second one's objects are never tidied, because the bucket belongs to
one database (``ownership.py``). Nor is anything deleted while the machine's clock is not that of object storage.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress

from async_worker.blocking import Blocking
from async_worker.loops import repeat, wait_or_stop
from async_worker.object_keys import READINGS, RESULTS, UPLOADS
from async_worker.ownership import ClockCheck, Ownership
from ocr_core.adapters.job_store import SystemClock
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.objects import ObjectInfo, ObjectStore
from ocr_core.contracts.remembered import REMEMBERED
from ocr_core.contracts.stored_documents import DOCUMENTS, DocumentStore, document_of
from ocr_core.settings import BulkSettings, RememberSettings

DAY_S = 86_400.0
MAX_DOCUMENTS_A_STEP = 5_000
"""Of old jobs; deleting so many holds SQLite's write lock for 20 ms or so."""
OLD_JOBS_EVERY_S = 600.0
PASS_EVERY_S = 6 * 3_600.0
FORGET_EVERY_S = 600.0
FIRST_PASS_S = 60.0
"""After the start: a process that is started again and again need not list the bucket each time."""
MAX_OBJECTS_A_STEP = 500
"""As many ids as the store answers for at once."""
STEP_EVERY_S = 1.0

_YOUNG_UPLOAD_S = 25 * 3_600.0
"""A job's uploads and results lie there before its row is certain: a day, and an hour for clocks that differ."""
_YOUNG_READING_S = 3_600.0
"""Readings are judged by their document alone; the hour only leaves the last moment to those who are at work."""

_JOB = r"job_[0-9a-f]{32}"
_OF_JOB = re.compile(rf"({UPLOADS}|{RESULTS})/[^/]+/(?P<job>{_JOB})/.+")
_PRESIGNED = re.compile(rf"{UPLOADS}/[^/]+/up_[0-9a-f]{{32}}")
_READING = re.compile(rf"{READINGS}/[^/]+/{_JOB}/(?P<document>doc_[0-9a-f]{{32}})/.+")
_BY_SOURCE = re.compile(rf"{RESULTS}/[^/]+/by-source/.+")

_log = logging.getLogger(__name__)


class Leftovers:
    """Deletes them; any number may run, and one is enough."""

    def __init__(
        self,
        *,
        store: JobStore,
        documents: DocumentStore,
        objects: ObjectStore,
        blocking: Blocking,
        settings: BulkSettings,
        keep_remembered_s: float = RememberSettings.model_fields["keep_s"].default,
        clock: Clock | None = None,
        reference: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        """Store what it works with.

        Args:
            store: Of jobs.
            documents: Of what tenants keep; both are called through ``blocking`` only.
            objects: Where left over objects are looked for.
            blocking: Threads for the two.
            settings: How long things are kept.
            keep_remembered_s: How long what is remembered is.
            clock: For the age of objects; the machine's own where none is given.
            reference: What the clock is compared with, in seconds since the epoch; object storage where none is given.
        """
        self._store = store
        self._documents = documents
        self._objects = objects
        self._blocking = blocking
        self._keep_jobs_s = settings.keep_jobs_days * DAY_S
        self._keep_uploads_s = settings.keep_uploads_days * DAY_S
        self._keep_remembered_s = keep_remembered_s
        self._clock = clock or SystemClock()
        self._ownership = Ownership(store=store, documents=documents, objects=objects, blocking=blocking)
        self._clock_check = ClockCheck(objects=objects, clock=self._clock, reference=reference)

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set."""

        async def tidy() -> float:
            await self.tidy(stop)
            return PASS_EVERY_S

        async with asyncio.TaskGroup() as loops:
            loops.create_task(repeat(self.delete_old_jobs, name="retention", stop=stop))
            with suppress(NotReady):  # the first pass asks again
                await self._ownership.is_ours()  # a new bucket gets its name before it has much in it
            await wait_or_stop(stop, FIRST_PASS_S)
            loops.create_task(repeat(self.forget, name="forgetting", stop=stop))
            loops.create_task(repeat(tidy, name="leftovers", stop=stop))

    async def delete_old_jobs(self) -> float:
        """One step; the seconds until the next.

        Raises:
            NotReady: the database or the object store does not answer.
        """
        if not await self._clock_check.is_right():
            return OLD_JOBS_EVERY_S
        deleted = await self._blocking.run(
            self._store.delete_old_jobs, keep_s=self._keep_jobs_s, max_documents=MAX_DOCUMENTS_A_STEP
        )
        if not deleted:
            return OLD_JOBS_EVERY_S
        _log.info("Old jobs were deleted", extra={"action": "retention.deleted", "jobs": deleted})
        return STEP_EVERY_S

    async def forget(self) -> float:
        """Delete what is remembered for long enough; the seconds until the next time.

        Nobody is answered with it any more, however long it lies; but it is not to lie.

        Raises:
            NotReady: the database or the object store does not answer.
        """
        if not (await self._ownership.is_ours() and await self._clock_check.is_right()):
            return FORGET_EVERY_S
        forgotten = 0
        async for found in _in_steps(self._objects.scan(f"{REMEMBERED}/")):
            now_s = self._clock.now().timestamp()
            old = [item.key for item in found if now_s - item.modified_at_s > self._keep_remembered_s]
            if old:
                await self._objects.delete_many(old)
            forgotten += len(old)
        if forgotten:
            _log.info(
                "What was remembered for long enough is forgotten",
                extra={"action": "remembered.forgotten", "objects": forgotten},
            )
        return FORGET_EVERY_S

    async def tidy(self, stop: asyncio.Event, *, pause_s: float = STEP_EVERY_S) -> int:
        """One pass over everything, or until ``stop`` is set; how many objects were deleted.

        Raises:
            NotReady: the database or the object store does not answer; the next pass begins anew.
        """
        deleted = 0
        if not (await self._ownership.is_ours() and await self._clock_check.is_right()):
            return deleted
        for folder in (READINGS, UPLOADS, RESULTS, DOCUMENTS):
            async for found in _in_steps(self._objects.scan(f"{folder}/")):
                left_over = await self._left_over(found)
                if left_over:
                    await self._objects.delete_many(left_over)
                deleted += len(left_over)
                await wait_or_stop(stop, pause_s)
                if stop.is_set():
                    return deleted
        if deleted:
            _log.info(
                "Objects that were left over are deleted", extra={"action": "leftovers.deleted", "objects": deleted}
            )
        return deleted

    async def _left_over(self, found: Sequence[ObjectInfo]) -> list[str]:
        """The keys of those that belong to nothing."""
        now_s = self._clock.now().timestamp()
        of_jobs: dict[str, list[str]] = {}
        of_documents: dict[str, list[str]] = {}
        stored: dict[str, list[str]] = {}
        left_over: list[str] = []
        for item in found:
            age_s = now_s - item.modified_at_s
            if (match := _OF_JOB.fullmatch(item.key)) is not None:
                if age_s > _YOUNG_UPLOAD_S:
                    of_jobs.setdefault(match["job"], []).append(item.key)
            elif (match := _READING.fullmatch(item.key)) is not None:
                if age_s > _YOUNG_READING_S:
                    of_documents.setdefault(match["document"], []).append(item.key)
            elif (document := document_of(item.key)) is not None:
                if age_s > _YOUNG_READING_S:
                    stored.setdefault(document, []).append(item.key)
            elif _PRESIGNED.fullmatch(item.key):
                left_over += [item.key] if age_s > self._keep_uploads_s else []
            elif _BY_SOURCE.fullmatch(item.key):
                left_over += [item.key] if age_s > self._keep_jobs_s else []
        if of_jobs:
            there = await self._blocking.run(self._store.existing_jobs, list(of_jobs))
            left_over += _keys_without(of_jobs, there)
        if of_documents:
            going = await self._blocking.run(self._store.unfinished_documents, list(of_documents))
            left_over += _keys_without(of_documents, going)
        if stored:
            # In this order: one that gets its row and ends in between is met by the second question.
            going = await self._blocking.run(self._store.unfinished_documents, list(stored))
            there = await self._blocking.run(self._documents.existing_documents, list(stored))
            left_over += _keys_without(stored, there | going)
        return left_over


def _keys_without(keys_by_id: dict[str, list[str]], needed: Collection[str]) -> list[str]:
    return [key for owner, keys in keys_by_id.items() if owner not in needed for key in keys]


async def _in_steps(found: AsyncIterator[ObjectInfo]) -> AsyncIterator[list[ObjectInfo]]:
    """The objects, so many at a time."""
    step: list[ObjectInfo] = []
    async for item in found:
        step.append(item)
        if len(step) == MAX_OBJECTS_A_STEP:
            yield step
            step = []
    if step:
        yield step
