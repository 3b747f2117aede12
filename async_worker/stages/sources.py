"""Where a job's documents come from: a tenant's own uploads, or what the operator's allow-list permits."""

from __future__ import annotations

import asyncio

from async_worker import object_keys
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, Forbidden, InvalidRequest, NotFound
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.objects import ObjectStore
from preprocess_svc.sources import AllowList, S3Location, Sources, Storage


class JobSources:
    """Fetches the document of a lease, checking anew what was checked when the job came in."""

    def __init__(self, *, objects: ObjectStore, storage: Storage, allow: tuple[str, ...]) -> None:
        """Store where documents may come from.

        Args:
            objects: Our own bucket, where uploads lie.
            storage: Other buckets.
            allow: The allow-list, as ``OCR_STORAGE_ALLOW`` has it.
        """
        self._objects = objects
        self._elsewhere = Sources(allow_list=AllowList(allow), storage=storage)
        self._all_uploads = objects.uri(f"{object_keys.UPLOADS}/_").removesuffix("_")

    async def fetch(self, lease: Lease, *, max_bytes: int, deadline: Deadline) -> bytes:
        """The document, whole.

        Raises:
            Forbidden: the tenant may not read it.
            InvalidRequest: there is no such object, in the words of the sync API.
            DocumentTooLarge, NotReady, DeadlineExceeded.
        """
        location = S3Location.parse(lease.source)
        if not lease.source.startswith(self._all_uploads):
            return await self._elsewhere.fetch(location, max_bytes=max_bytes, deadline=deadline)
        key = f"{object_keys.UPLOADS}/{lease.source.removeprefix(self._all_uploads)}"
        if not key.startswith(object_keys.uploads_prefix(lease.tenant)):
            # Whatever the allow-list covers: other tenants' uploads are nobody's source.
            raise Forbidden("parameter 'source': that bucket and prefix are not on the allow-list")
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await self._objects.get(key, max_bytes=max_bytes)
        except NotFound as error:
            raise InvalidRequest("parameter 'source': there is no such object") from error
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed before stage 'download' ended") from error
