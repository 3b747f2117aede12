"""Documents of the sync road that are kept, for tenants that have retention (docs/adr/0017-kept-before-the-answer.md).

::

    a page is read ──► its image is on its way to object storage, while others are read
    all is structured ─► the last images, the result, the row ─► the answer, which names the document

An answer that names a stored document is about one that can be fetched at once. A store that does not answer in time
costs the answer no more than ``keep_timeout_s``, and a warning in it; while it fails, most answers a fifth of that.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from prometheus_client import Counter
from pydantic_core import to_json

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import InternalError, NotFound, NotReady, OcrError
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.page import PageImage
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.stored_documents import (
    DocumentStore,
    NewStoredDocument,
    Road,
    StoredDocument,
    expiry,
    page_key,
    storable_name,
    stored_result_key,
)
from ocr_core.telemetry import Metrics
from preprocess_svc.searchable_pdf.held_images import HeldImages, ImageBudget
from preprocess_svc.shown_pages import ShownPage, shown_page
from preprocess_svc.stores_patience import StoresPatience

DOCUMENT_NOT_KEPT = "document_not_kept"
"""The warning of an answer whose document could not be kept."""

STORE_THREADS = 4
"""Rows that are written at the same time."""
_RESULT_TYPE = "application/json"

_log = logging.getLogger(__name__)


class Adapter(Protocol):
    """What is started and closed with the service."""

    async def start(self) -> None:
        """Make connections."""
        ...

    async def close(self) -> None:
        """Let go of them."""
        ...


class StartedObjects(ObjectStore, Adapter, Protocol):
    """An object store with its connections."""


class ClosedStore(DocumentStore, Protocol):
    """A document store with its connections."""

    def close(self) -> None:
        """Let go of them."""
        ...


class DocumentKeeper:
    """What all documents of a process that are kept share. Used from one event loop, but for ``KeptDocument.keep``."""

    def __init__(
        self,
        *,
        objects: StartedObjects,
        store: ClosedStore,
        budget: ImageBudget,
        jpeg_quality: int,
        keep_timeout_s: float,
        metrics: Metrics,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store what it works with.

        Args:
            objects: Where results and images go; started and closed here.
            store: Where rows go; closed here.
            budget: The memory that images may take until they are stored.
            jpeg_quality: 1 to 100.
            keep_timeout_s: How long an answer waits for the stores, when all else is done.
            metrics: Of the process.
            monotonic_s: The time, for what is remembered of the stores' failures.
        """
        self.objects = objects
        self.store = store
        self.budget = budget
        self.jpeg_quality = jpeg_quality
        self.threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="documents")
        self.patience = StoresPatience(keep_timeout_s, monotonic_s=monotonic_s)
        self._outcomes = Counter(
            "ocr_documents_kept",
            "Documents of tenants with retention, by whether they were kept.",
            ("outcome",),
            registry=metrics.registry,
        )
        for outcome in ("kept", "failed"):
            self._outcomes.labels(outcome)
        self._discarding: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Make the connections to object storage; nothing is asked of it yet."""
        await self.objects.start()

    async def close(self) -> None:
        """Let go of threads and connections, after what is being taken back."""
        if self._discarding:
            await asyncio.wait(self._discarding, timeout=self.patience.whole_s)
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.store.close()
        await self.objects.close()

    def document(self, tenant: str, *, schemas: tuple[str, ...], retention_days: float) -> KeptDocument:
        """One document's: a context manager; what it wrote of one that was not kept is taken back at the end."""
        return KeptDocument(self, tenant=tenant, schemas=schemas, retention_days=retention_days)

    async def is_there(self, tenant: str, document_id: str) -> bool:
        """Whether a document is stored and not deleted; false also where that cannot be known."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.threads, partial(self.store.get, tenant, document_id))
        except (NotFound, NotReady):
            return False
        return True

    def note(self, problem: OcrError | None) -> None:
        """How keeping a document ended."""
        self._outcomes.labels("kept" if problem is None else "failed").inc()
        if problem is not None:
            _log.warning(
                "A document was not kept",
                extra={"action": "documents.not_kept", "code": problem.code, "detail": problem.detail},
            )

    def discard(self, keys: list[str]) -> None:
        """Delete objects that no row names, without anybody waiting; what fails is found by the dispatcher's sweep."""
        task = asyncio.get_running_loop().create_task(self._discard(keys))
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)

    async def _discard(self, keys: list[str]) -> None:
        try:
            await self.objects.delete_many(keys)
        except OcrError as error:
            _log.info(
                "What was written of a document that was not kept is left over",
                extra={"action": "documents.left_over", "code": error.code, "objects": len(keys)},
            )


class KeptDocument:
    """One document on its way into the store."""

    def __init__(self, keeper: DocumentKeeper, *, tenant: str, schemas: tuple[str, ...], retention_days: float) -> None:
        self._schemas = schemas
        self.id = f"doc_{secrets.token_hex(16)}"
        self._keeper = keeper
        self._tenant = tenant
        self._retention_days = retention_days
        self._loop = asyncio.get_running_loop()
        self._images: HeldImages[ShownPage] = HeldImages(keeper.budget)
        self._uploads: list[asyncio.Task[None]] = []
        self._keys: list[str] = []
        self._size_bytes = 0
        self._problem: OcrError | None = None
        self._stored: StoredDocument | None = None
        self._have_stores_failed = False
        self._has_ended = False
        self._may_have_a_row = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended = True
        for upload in self._uploads:
            upload.cancel()
        self._images.release()
        if self._keys and not self._may_have_a_row:
            self._keeper.discard(self._keys)

    def keep(self, page: PageImage, rotation_deg: int) -> None:
        """``pipeline.KeepPage``. It never raises: a page that cannot be kept is no reason not to answer."""
        if self._problem is not None:
            return
        try:
            image = shown_page(page, rotation_deg, jpeg_quality=self._keeper.jpeg_quality)
        except Exception as error:
            self._problem = _fault(error)
        else:
            self.take(image)

    def take(self, image: ShownPage) -> None:
        """Send a page's image on its way. For any thread."""
        try:
            self._images.add(image)
        except OcrError as error:
            self._problem = error
        else:
            self._loop.call_soon_threadsafe(self._start_upload, image)

    async def finish(
        self,
        as_json: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        timing_ms: Mapping[str, float],
        deadline: Deadline,
        reserve_s: float,
    ) -> None:
        """Store the result and the row, once the pages are there; ``put_into`` tells how it went. It never raises.

        Args:
            as_json: Makes what the text side answered, as JSON.
            timing_ms: What it is to tell of how long things took.
            deadline: Of the request.
            reserve_s: Of that, left for the answer itself.
        """
        try:
            result = await self._result(as_json, deadline, reserve_s)
            body = await asyncio.to_thread(to_json, {**result, "id": self.id, "timing_ms": timing_ms})
            await self._store_in_time(result, body, deadline, reserve_s)
        except OcrError as error:
            self._problem = error
        except Exception as error:
            self._problem = _fault(error)
        if self._problem is None:
            self._keeper.patience.note_success()
        elif self._have_stores_failed:  # and not the text side, or a document that takes more memory than there is
            self._keeper.patience.note_failure()
        self._keeper.note(self._problem)

    def put_into(self, result: dict[str, Any]) -> None:
        """Let a JSON result say under which id it is kept and until when, or that it is not."""
        if self._stored is not None:
            result["id"] = self.id
            result["stored_until"] = expiry(self._stored, self._retention_days)
        else:
            detail = "the document was read, but could not be kept"
            result["warnings"].append({"code": DOCUMENT_NOT_KEPT, "detail": detail, "page": None})

    def tell_by_headers(self, result: RenderedResult) -> RenderedResult:
        """The same for the headers that go with every format."""
        if self._stored is not None:
            return replace(result, stored_id=self.id)
        return replace(result, warning_codes=tuple(dict.fromkeys((*result.warning_codes, DOCUMENT_NOT_KEPT))))

    async def _result(
        self, as_json: Callable[[], Awaitable[Mapping[str, Any]]], deadline: Deadline, reserve_s: float
    ) -> Mapping[str, Any]:
        """What is to be kept. Made apart from what the stores are waited for: they cannot help how long it takes."""
        if self._problem is not None:
            raise self._problem
        patience_s = min(self._keeper.patience.whole_s, deadline.remaining_s() - reserve_s)
        try:
            async with asyncio.timeout(max(0.0, patience_s)):
                return await as_json()
        except TimeoutError:
            raise NotReady("the document's JSON was not made in time") from None

    async def _store_in_time(
        self, result: Mapping[str, Any], body: bytes, deadline: Deadline, reserve_s: float
    ) -> None:
        patience = self._keeper.patience.grant(deadline, reserve_s=reserve_s)
        try:
            async with asyncio.timeout(patience.seconds):
                self._stored = await self._store(result, body)
        except TimeoutError:
            self._have_stores_failed |= patience.is_whole
            raise NotReady("the stores did not take the document in time") from None
        except NotReady:
            self._have_stores_failed |= patience.is_whole
            raise

    async def _store(self, result: Mapping[str, Any], body: bytes) -> StoredDocument:
        await asyncio.gather(*self._uploads)
        if self._problem is not None:
            raise self._problem
        key = stored_result_key(self._tenant, self.id)
        self._keys.append(key)
        await self._keeper.objects.put(key, body, content_type=_RESULT_TYPE)
        document = result["document"]
        new = NewStoredDocument(
            id=self.id,
            tenant=self._tenant,
            road=Road.SYNC,
            job_id=None,
            reference=None,
            sha256=document["sha256"],
            file_name=storable_name(document["file_name"]),
            media_type=document["media_type"],
            page_count=document["page_count"],
            document_type=result["document_type"],
            schemas=self._schemas,
            result_key=key,
            size_bytes=self._size_bytes + len(body),
        )
        self._may_have_a_row = True  # a call that nobody waits for any more still ends
        stored = await self._loop.run_in_executor(self._keeper.threads, partial(self._keeper.store.keep, new))
        if stored is None:  # nobody knows the id who could have deleted it
            raise InternalError("a document was deleted before it was there")
        return stored

    def _start_upload(self, image: ShownPage) -> None:
        if not self._has_ended:
            self._uploads.append(self._loop.create_task(self._upload(image)))

    async def _upload(self, image: ShownPage) -> None:
        key = page_key(self._tenant, self.id, image.number)
        self._keys.append(key)
        self._size_bytes += len(image.data)
        try:
            await self._keeper.objects.put(key, image.data, content_type=image.media_type.value)
        except OcrError as error:  # told when all is done; meanwhile nobody waits for this task
            self._problem = error
            self._have_stores_failed |= isinstance(error, NotReady)  # in a time of its own, which no deadline cuts


def _fault(error: Exception) -> InternalError:
    """Something that nobody has foreseen. The caller's document was read all the same; the log has it."""
    _log.error("Keeping a document failed", extra={"action": "documents.fault"}, exc_info=error)
    return InternalError("keeping the document failed")
