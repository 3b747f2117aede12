"""Tenants that are to be gone: their jobs, their objects, their keys, and in the end the tenant itself.

::

    DELETE /v1/admin/tenants/{tenant}    revokes the keys; nothing new is let in (``begin_deletion``)
    here, at once and again              jobs and stored documents with all their rows; then every object below the
                                         tenant's prefixes, exports too
    here, when all has settled           the tenant's own row, and with it the keys

What was on its way when the deletion began may still arrive: a form's files, what a worker has in hand, a document put
to a presigned URL. So the passes go on until nothing of it can come any more, and the last one has found nothing.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from async_worker.blocking import Blocking
from async_worker.exports.layout import exports_of
from async_worker.loops import repeat
from async_worker.object_keys import READINGS, RESULTS, UPLOADS
from async_worker.ownership import Ownership
from ocr_core.adapters.database import SystemClock
from ocr_core.contracts.access import Tenant
from ocr_core.contracts.access_store import Administration
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.objects import ObjectStore, delete_below
from ocr_core.contracts.remembered import REMEMBERED
from ocr_core.contracts.stored_documents import DocumentStore, tenant_prefix
from ocr_core.settings import BulkSettings

MAX_DOCUMENTS_A_STEP = 5_000
"""As for old jobs: deleting so many holds SQLite's write lock for 20 ms or so."""
LOOK_EVERY_S = 5.0
"""What a deletion waits at most to be begun with."""
AGAIN_EVERY_S = 60.0
"""Between two passes while what was on its way may still arrive."""
DAY_S = 86_400.0
AUDIT_EVERY_S = 3_600.0

_SETTLED_MARGIN_S = 60.0

_log = logging.getLogger(__name__)


class TenantDeletions:
    """Carries them out, and deletes old lines of the audit log; any number may run."""

    def __init__(
        self,
        *,
        administration: Administration,
        store: JobStore,
        objects: ObjectStore,
        blocking: Blocking,
        settings: BulkSettings,
        keep_audit_days: float,
        documents: DocumentStore,
        clock: Clock | None = None,
    ) -> None:
        """Store what it works with.

        Args:
            administration: Knows which tenants go.
            store: Their jobs. Both are called through ``blocking`` only.
            objects: Where their objects lie.
            blocking: Threads for the two.
            settings: How long things may be on their way.
            keep_audit_days: How long lines of the audit log are kept.
            documents: What they have stored; called through ``blocking`` only.
            clock: The machine's own where none is given.
        """
        self._administration = administration
        self._documents = documents
        self._store = store
        self._objects = objects
        self._blocking = blocking
        self._keep_audit_s = keep_audit_days * DAY_S
        self._clock = clock or SystemClock()
        self._ownership = Ownership(store=store, documents=documents, objects=objects, blocking=blocking)
        self.settles_after_s = _SETTLED_MARGIN_S + max(
            settings.url_ttl_s, settings.body_timeout_s, settings.stage_timeout_s + settings.lease_s
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(repeat(self.step, name="tenant_deletions", stop=stop))
            loops.create_task(repeat(self.forget_audit, name="audit_retention", stop=stop))

    async def step(self) -> float:
        """One pass over all deletions; the seconds until the next.

        Raises:
            NotReady: the database or the object store does not answer; the next pass begins anew.
        """
        going = await self._blocking.run(self._administration.deletions)
        if not going:
            return LOOK_EVERY_S
        if not await self._ownership.is_ours():  # it has said so in the log
            return AGAIN_EVERY_S
        left = [await self._pass(tenant) for tenant in going]
        return AGAIN_EVERY_S if all(left) else LOOK_EVERY_S

    async def forget_audit(self) -> float:
        """Delete old lines of the audit log; the seconds until the next time.

        Raises:
            NotReady: the database does not answer.
        """
        deleted = await self._blocking.run(self._administration.delete_old_audit, keep_s=self._keep_audit_s)
        return 1.0 if deleted else AUDIT_EVERY_S

    async def _pass(self, tenant: Tenant) -> bool:
        """Delete what there is of a tenant; whether it is still to be waited for."""
        has_settled = self._has_settled(tenant)
        jobs = 0
        while deleted := await self._blocking.run(
            self._store.delete_jobs_of, tenant.name, max_documents=MAX_DOCUMENTS_A_STEP
        ):
            jobs += deleted
        documents = 0
        while deleted := await self._blocking.run(
            self._documents.delete_documents_of, tenant.name, limit=MAX_DOCUMENTS_A_STEP
        ):
            documents += deleted
        objects = 0
        for prefix in (
            *(f"{area}/{tenant.name}/" for area in (UPLOADS, READINGS, RESULTS, REMEMBERED)),
            tenant_prefix(tenant.name),
            *exports_of(tenant.name),
        ):
            objects += await delete_below(self._objects, prefix)
        if jobs or documents or objects:
            _log.info(
                "What a tenant had was deleted",
                extra={
                    "action": "tenant.deleting",
                    "tenant": tenant.name,
                    "jobs": jobs,
                    "documents": documents,
                    "objects": objects,
                },
            )
            return True
        if has_settled:
            await self._blocking.run(self._administration.end_deletion, tenant.name)
            return False
        return True

    def _has_settled(self, tenant: Tenant) -> bool:
        """Whether nothing can be on its way any more."""
        began_at = tenant.deleted_at
        return began_at is not None and self._clock.now() >= began_at + timedelta(seconds=self.settles_after_s)
