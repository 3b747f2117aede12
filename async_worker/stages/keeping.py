"""Documents of jobs that are kept, for tenants that have retention.

::

    read       page images ─► a temporary file ─► object storage, one object a page
    structure  result ─► object storage, then the row

As everything of the bulk road it happens at least once: a store that does not answer makes the attempt fail, and
another follows. All attempts at a document write the same page images under the same names; each writes its own result,
and the row names the last.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from typing import IO, Any, NamedTuple

from pydantic_core import to_json

from async_worker.blocking import Blocking
from async_worker.object_keys import result_prefix
from async_worker.stages.work import insist
from async_worker.tenants import TenantPolicies
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded
from ocr_core.contracts.jobs import Lease
from ocr_core.contracts.objects import ObjectStore, delete_below
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.stored_documents import (
    DocumentStore,
    NewStoredDocument,
    Road,
    document_prefix,
    expiry,
    page_key,
    storable_name,
    stored_result_key,
)
from postprocess_svc.formats.json_format import CONTENT_TYPE
from preprocess_svc.shown_pages import shown_page

_UPLOADS_AT_ONCE = 4


class DocumentKeeping:
    """What both stages need to keep documents."""

    def __init__(
        self,
        *,
        policies: TenantPolicies,
        objects: ObjectStore,
        store: DocumentStore,
        blocking: Blocking,
        workers: Executor,
        jpeg_quality: int,
    ) -> None:
        """Store what it works with.

        Args:
            policies: Which tenants have retention.
            objects: Where results and images go.
            store: Where rows go; called through ``blocking`` only.
            blocking: Threads for the store.
            workers: The stage's own threads.
            jpeg_quality: Of page images, 1 to 100.
        """
        self._policies = policies
        self._objects = objects
        self._store = store
        self._blocking = blocking
        self._workers = workers
        self._jpeg_quality = jpeg_quality

    async def days(self, lease: Lease) -> float:
        """How long the document's tenant keeps it; 0: not at all.

        Raises:
            NotReady: the database does not answer.
        """
        return (await self._policies.of(lease.tenant)).retention_days

    @contextmanager
    def pages(self) -> Iterator[PagesToKeep]:
        """Page images for as long as an attempt lasts. The file has no name, so that it is gone with its process."""
        with tempfile.TemporaryFile() as file:
            yield PagesToKeep(file, jpeg_quality=self._jpeg_quality, objects=self._objects, workers=self._workers)

    async def keep(self, lease: Lease, result: Mapping[str, Any], days: float, deadline: Deadline) -> str | None:
        """Store a document's result and its row; until when it is kept, null where it was deleted meanwhile.

        Args:
            lease: On the document.
            result: As JSON, without what concerns the job alone.
            days: How long the tenant keeps documents.
            deadline: Of the attempt.

        Raises:
            NotReady: a store never answered.
            DeadlineExceeded.
        """
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await self._keep(lease, result, days, deadline)
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed while the document was being kept") from error

    async def take_back_if_deleted(self, lease: Lease, deadline: Deadline) -> bool:
        """Where a document was deleted while it was worked on, delete all that was written of it; whether it was.

        Whoever deletes it takes along what lies there by then; what came later only we know of.

        Raises:
            NotReady: a store never answered.
        """
        there = await insist(partial(self._blocking.run, self._store.existing_documents, [lease.document_id]), deadline)
        if there:
            return False
        for prefix in (
            document_prefix(lease.tenant, lease.document_id),
            result_prefix(lease.tenant, lease.job_id, lease.document_id),
        ):
            await insist(partial(delete_below, self._objects, prefix), deadline)
        return True

    async def _keep(self, lease: Lease, result: Mapping[str, Any], days: float, deadline: Deadline) -> str | None:
        body = await asyncio.get_running_loop().run_in_executor(self._workers, to_json, result)
        key = stored_result_key(lease.tenant, lease.document_id)
        await insist(lambda: self._objects.put(key, body, content_type=CONTENT_TYPE), deadline)
        images_bytes = [
            item.size_bytes
            async for item in self._objects.scan(f"{document_prefix(lease.tenant, lease.document_id)}pages/")
        ]
        document = result["document"]
        new = NewStoredDocument(
            id=lease.document_id,
            tenant=lease.tenant,
            road=Road.BULK,
            job_id=lease.job_id,
            reference=lease.reference,
            sha256=document["sha256"],
            file_name=storable_name(document["file_name"]),
            media_type=document["media_type"],
            page_count=document["page_count"],
            document_type=result["document_type"],
            schemas=lease.schemas,
            result_key=key,
            size_bytes=len(body) + sum(images_bytes),
        )
        stored = await insist(partial(self._blocking.run, self._store.keep, new), deadline)
        return None if stored is None else expiry(stored, days)


class _Place(NamedTuple):
    number: int
    at: int
    size_bytes: int
    media_type: str


class PagesToKeep:
    """The images of one attempt's pages, in a file."""

    def __init__(self, file: IO[bytes], *, jpeg_quality: int, objects: ObjectStore, workers: Executor) -> None:
        self._file = file
        self._jpeg_quality = jpeg_quality
        self._objects = objects
        self._workers = workers
        self._lock = threading.Lock()
        self._places: list[_Place] = []

    def keep(self, page: PageImage, rotation_deg: int) -> None:
        """``pipeline.KeepPage``."""
        image = shown_page(page, rotation_deg, jpeg_quality=self._jpeg_quality)
        with self._lock:
            at = self._file.tell()
            self._file.write(image.data)
            self._places.append(_Place(image.number, at, len(image.data), image.media_type.value))

    async def store(self, lease: Lease, deadline: Deadline) -> None:
        """Store them, a few at a time.

        Raises:
            NotReady: the object store never answered.
            DeadlineExceeded.
        """
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                for first in range(0, len(self._places), _UPLOADS_AT_ONCE):
                    some = self._places[first : first + _UPLOADS_AT_ONCE]
                    await asyncio.gather(*(self._put(place, lease, deadline) for place in some))
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed while page images were stored") from error

    async def _put(self, place: _Place, lease: Lease, deadline: Deadline) -> None:
        data = await asyncio.get_running_loop().run_in_executor(self._workers, self._read, place)
        key = page_key(lease.tenant, lease.document_id, place.number)
        await insist(lambda: self._objects.put(key, data, content_type=place.media_type), deadline)

    def _read(self, place: _Place) -> bytes:
        with self._lock:
            self._file.seek(place.at)
            return self._file.read(place.size_bytes)
