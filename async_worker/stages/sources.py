"""Fetches the documents of leases: a tenant's own uploads, or what its allow-list permits."""

from __future__ import annotations

import asyncio

from async_worker import object_keys
from async_worker.job_sources import JobSources
from async_worker.tenants import TenantPolicies
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, InternalError, InvalidRequest, NotFound
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.objects import ObjectStore
from preprocess_svc.sources import Storage


class SourceReader:
    """Checks anew what was checked when the job came in, and fetches."""

    def __init__(
        self, *, sources: JobSources, policies: TenantPolicies, objects: ObjectStore, storage: Storage
    ) -> None:
        """Store where documents may come from.

        Args:
            sources: Who may name what.
            policies: Whose allow-list has what, as it is now.
            objects: Our own bucket, where uploads lie.
            storage: Any other bucket.
        """
        self._sources = sources
        self._policies = policies
        self._objects = objects
        self._storage = storage

    async def fetch(self, lease: Lease, *, max_bytes: int, deadline: Deadline) -> bytes:
        """The document, whole.

        Raises:
            Forbidden: the tenant may not read it.
            InvalidRequest: there is no such object, in the words of the sync API.
            DocumentTooLarge, NotReady, DeadlineExceeded.
        """
        allow_list = await self._policies.allow_list(lease.tenant)
        location = self._sources.check(lease.tenant, lease.source, allow_list=allow_list)
        uploads = object_keys.uploads_prefix(lease.tenant)
        own = self._objects.uri(uploads.rstrip("/")) + "/"
        if not lease.source.startswith(own):
            return await self._storage.fetch(location.bucket, location.key, max_bytes=max_bytes, deadline=deadline)
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await self._objects.get(uploads + lease.source.removeprefix(own), max_bytes=max_bytes)
        except (NotFound, InternalError) as error:  # the latter for a key that we never give out
            raise InvalidRequest("parameter 'source': there is no such object") from error
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed before stage 'download' ended") from error
