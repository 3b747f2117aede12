"""Opens untrusted files in a function on AWS Lambda: not on this machine, with no right to anything but one document.

::

    LambdaFileOpener ─── places, limits of the request
      ├ FunctionCalls ─── boto3's Invoke                               (lambda_calls)
      ├ Exchange ──────── one document's objects, and calls about it   (lambda_exchange)
      └ SandboxedDocument one document's pages, in order, checked      (sandbox_document)
          └ Conversation ─ the calls' answers, as if of one child      (lambda_conversation)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from ocr_core.adapters.file_opener import check_request
from ocr_core.adapters.lambda_calls import FunctionCalls
from ocr_core.adapters.lambda_conversation import LambdaConversation
from ocr_core.adapters.lambda_exchange import Exchange
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.opener_metrics import OpenerMetrics
from ocr_core.adapters.sandbox_channel import Conversation, within
from ocr_core.adapters.sandbox_document import SandboxedDocument
from ocr_core.adapters.sandbox_evidence import report_exit
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.errors import NotReady, Overloaded
from ocr_core.contracts.lambda_wire import MAX_PAGES_PER_CALL
from ocr_core.contracts.opening_wire import OpenRequest
from ocr_core.contracts.ports import OpenedDocument
from ocr_core.settings import ObjectStoreSettings, StorageSettings

logger = logging.getLogger(__name__)

_TIDY_S = 20.0
"""How long ``close`` waits for documents to be deleted; what is left then is the bucket's lifecycle's."""
_MOST_TRANSFERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaOpenerSettings:
    """Where the function is, and how it is used."""

    function: str
    """Name or ARN, with a version or alias where one is meant."""
    bucket: str
    """Through which documents and pages pass; the deployment has it forget everything after a day."""
    prefix: str = "openings/"
    """Before every key there; ends in a slash."""
    region: str = "us-east-1"
    """Of the function."""
    endpoint_url: str | None = None
    """Another server than AWS, for the function."""
    pages_per_call: int = 4
    """The first is waited for until all of them are there; each further call opens the document anew."""
    max_documents: int = 8
    """Documents open at once, and so calls; no more than the function's reserved concurrency is of use."""
    max_waiting: int = 64
    """Documents that wait for one of these places; more are refused at once."""
    max_call_s: float = 120.0
    """How long the function may run, as its deployment says."""

    def __post_init__(self) -> None:
        if self.max_documents < 1 or self.max_waiting < 0 or self.max_call_s <= 0:
            raise ValueError("max_documents and max_call_s must be positive, max_waiting not negative")
        if not 1 <= self.pages_per_call <= MAX_PAGES_PER_CALL:
            raise ValueError(f"pages_per_call must be 1 to {MAX_PAGES_PER_CALL}")


class LambdaFileOpener:
    """``FileOpener`` over a function. ``start`` and ``close`` it with the service.

    Args:
        settings: The function and the bucket.
        storage: Endpoint and region of object storage, and the keys for both. With keys for a while only, a presigned
            URL is good no longer than they are.
        metrics: Where calls that ended are counted.
    """

    def __init__(
        self, settings: LambdaOpenerSettings, storage: StorageSettings, metrics: OpenerMetrics | None = None
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._calls = FunctionCalls(
            storage,
            function=settings.function,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            max_calls=settings.max_documents,
            max_call_s=settings.max_call_s,
        )
        self._store = S3ObjectStore(
            ObjectStoreSettings(
                bucket=settings.bucket,
                prefix=settings.prefix,
                create_bucket=False,
                public_endpoint_url=None,
                max_transfers=min(2 * settings.max_documents, _MOST_TRANSFERS),
            ),
            storage,
        )
        self._places = asyncio.Semaphore(settings.max_documents)
        self._waiting = 0
        self._starting = asyncio.Lock()
        self._has_clients = False
        self._is_callable = False
        self._closed = False
        self._tidying: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Make the clients, and see that the function may be called; takes no time once it was.

        Raises:
            NotReady: it may not, or Lambda does not answer.
        """
        if self._closed:
            raise NotReady("the file opener is closed")
        async with self._starting:
            if not self._has_clients:
                await self._store.start()
                await self._calls.start()
                self._has_clients = True
            if not self._is_callable:
                await self._calls.check()
                self._is_callable = True

    async def close(self) -> None:
        """Wait for a while until the objects of closed documents are deleted; then let go of everything."""
        self._closed = True
        if self._tidying:
            _, left = await asyncio.wait(self._tidying, timeout=_TIDY_S)
            if left:
                logger.warning("%d documents' objects were left behind", len(left), extra={"action": "opener_tidy"})
            for task in left:
                task.cancel()
        self._calls.close()
        await self._store.close()

    @asynccontextmanager
    async def open(
        self,
        untrusted_bytes: bytes,
        *,
        selection: PageSelection,
        limits: OpenLimits,
        deadline: Deadline,
        text_layer: bool,
    ) -> AsyncIterator[OpenedDocument]:
        """Open a document; see ``FileOpener.open``.

        Leaving the context begins no further call. One that is under way ends by itself, at the deadline at the latest;
        then the document's objects are deleted and its place is free.

        Raises:
            NotReady: the function or object storage is not to be had, or failed (the same bytes may succeed).
        """
        check_request(untrusted_bytes, selection, limits)
        deadline.check("open")
        request = OpenRequest(
            selection=selection, limits=limits, text_layer=text_layer, timeout_s=deadline.remaining_s()
        )
        await self._take_place(deadline)
        exchange = Exchange(self._store, self._calls)
        document = SandboxedDocument(
            untrusted_bytes,
            request,
            converse=lambda asked: self._converse(untrusted_bytes, exchange, asked, deadline),
            deadline=deadline,
            metrics=self._metrics,
        )
        try:
            async with within(deadline):
                await exchange.put_document(untrusted_bytes)
            await document.begin()
            yield document
        finally:
            document.end()
            exchange.end()
            self._tidy(exchange)

    async def _converse(
        self, untrusted_bytes: bytes, exchange: Exchange, request: OpenRequest, deadline: Deadline
    ) -> Conversation:
        conversation = LambdaConversation(
            exchange,
            request,
            pages_per_call=self._settings.pages_per_call,
            deadline=deadline,
            on_exit=partial(report_exit, untrusted_bytes, self._metrics),
        )
        conversation.begin()
        return conversation

    async def _take_place(self, deadline: Deadline) -> None:
        if self._closed:
            raise NotReady("the file opener is closed")
        if self._places.locked() and self._waiting >= self._settings.max_waiting:
            raise Overloaded("too many documents are being opened", retry_after_s=1.0)
        self._waiting += 1
        try:
            async with within(deadline):
                await self._places.acquire()
        finally:
            self._waiting -= 1

    def _tidy(self, exchange: Exchange) -> None:
        """Delete in the background. The place is taken until then, so that no heap of documents grows there."""
        task = asyncio.get_running_loop().create_task(exchange.tidy())
        self._tidying.add(task)
        task.add_done_callback(self._tidied)

    def _tidied(self, task: asyncio.Task[None]) -> None:
        self._tidying.discard(task)
        self._places.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a document's objects were left behind", exc_info=error, extra={"action": "opener_tidy"})
