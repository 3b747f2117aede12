"""Stored documents whose time is over, and those whose deletion was begun and not ended.

::

    expire    older than the tenant's ``retention_days`` says now ─► unreadable; 0 days, or no such tenant: all of them
    remove    unreadable ─► its objects go, from object storage and from its job ─► gone
    forget    gone for a month ─► no trace in the database either
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from async_worker.blocking import Blocking
from async_worker.loops import repeat
from async_worker.ownership import ClockCheck
from async_worker.removal import DocumentRemoval
from async_worker.tenants import TenantPolicies
from ocr_core.adapters.database import SystemClock
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.stored_documents import DeletedDocument, DocumentStore
from ocr_core.telemetry import Metrics

DAY_S = 86_400.0
LOOK_EVERY_S = 600.0
"""For what is old."""
REMOVE_EVERY_S = 5.0
"""For deletions that are open; the API carries its own out, so there are few."""
FORGET_AFTER_S = 30 * DAY_S
FORGET_EVERY_S = 3_600.0
STEP_EVERY_S = 1.0
MAX_DOCUMENTS_A_STEP = 500
REMOVALS_AT_ONCE = 8
"""Each is some calls of object storage and database, one after the other."""

_log = logging.getLogger(__name__)


class DocumentRetention:
    """Ends documents; any number may run."""

    def __init__(
        self,
        *,
        documents: DocumentStore,
        removal: DocumentRemoval,
        policies: TenantPolicies,
        objects: ObjectStore,
        blocking: Blocking,
        metrics: Metrics,
        clock: Clock | None = None,
        reference: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        """Store what it works with.

        Args:
            documents: Rows of stored documents; called through ``blocking`` only.
            removal: Deletes their objects.
            policies: What tenants may have, as those see it who keep documents.
            objects: Whose clock the machine's is compared with.
            blocking: Threads for the store.
            metrics: Of the process.
            clock: The machine's own where none is given.
            reference: What the clock is compared with, in seconds since the epoch; object storage where none is given.
        """
        self._documents = documents
        self._removal = removal
        self._policies = policies
        self._blocking = blocking
        self._clock_check = ClockCheck(objects=objects, clock=clock or SystemClock(), reference=reference)
        self._gone = Counter(
            "ocr_documents_gone", "Stored documents whose objects were deleted.", registry=metrics.registry
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(repeat(self.expire, name="document_retention", stop=stop))
            loops.create_task(repeat(self.remove, name="document_removal", stop=stop))
            loops.create_task(repeat(self.forget, name="document_marks", stop=stop))

    async def expire(self) -> float:
        """One step for each tenant; the seconds until the next.

        Raises:
            NotReady: the database or the object store does not answer.
        """
        tenants = await self._blocking.run(self._documents.tenants)
        if not tenants or not await self._clock_check.is_right():
            return LOOK_EVERY_S
        expired = 0
        for tenant in tenants:
            days = (await self._policies.of(tenant)).retention_days
            expired += await self._blocking.run(
                self._documents.expire, tenant, keep_s=days * DAY_S, limit=MAX_DOCUMENTS_A_STEP
            )
        return STEP_EVERY_S if expired else LOOK_EVERY_S

    async def remove(self) -> float:
        """Go on with deletions that are open; the seconds until the next look.

        Raises:
            NotReady: as for ``expire``, once all were tried; the next step goes on with those that are left.
        """
        going = await self._blocking.run(self._documents.deletions, limit=MAX_DOCUMENTS_A_STEP)
        failures: list[OcrError] = []
        places = asyncio.Semaphore(REMOVALS_AT_ONCE)

        async def remove(document: DeletedDocument) -> None:
            async with places:
                try:
                    await self._removal.remove(document)
                except OcrError as error:  # the others are not to wait for this one
                    failures.append(error)
                else:
                    self._gone.inc()

        async with asyncio.TaskGroup() as removals:
            for document in going:
                removals.create_task(remove(document))
        if gone := len(going) - len(failures):
            _log.info("Stored documents are gone", extra={"action": "documents.gone", "documents": gone})
        if failures:
            raise failures[0]
        return 0.0 if len(going) == MAX_DOCUMENTS_A_STEP else REMOVE_EVERY_S

    async def forget(self) -> float:
        """Forget documents that have been gone for long; the seconds until the next time.

        Raises:
            NotReady: the database does not answer.
        """
        forgotten = await self._blocking.run(self._documents.forget_deleted, keep_s=FORGET_AFTER_S)
        return STEP_EVERY_S if forgotten else FORGET_EVERY_S
