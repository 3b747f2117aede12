"""The stage workers inside a test: real SQLite, real MiniStack, a real sandbox; only the models are a double."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from async_worker.blocking import Blocking
from async_worker.dispatcher import queue_of
from async_worker.job_sources import JobSources
from async_worker.loops import Backoff
from async_worker.stages.attempt import Workshop
from async_worker.stages.consumer import StageConsumer
from async_worker.stages.discards import Discards
from async_worker.stages.gate import Gate
from async_worker.stages.keeping import DocumentKeeping
from async_worker.stages.metrics import StageMetrics
from async_worker.stages.read_stage import ReadStage
from async_worker.stages.remembered_readings import RememberedReadings
from async_worker.stages.sources import SourceReader
from async_worker.stages.structure_stage import StructureStage
from async_worker.stages.work import StageWork
from async_worker.tenants import TenantPolicies
from local_stack.aws import AwsServer
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.file_opener import LocalFileOpener, OpenerSettings
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.queue import SqsQueues
from ocr_core.adapters.storage import S3Storage
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, Priority
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import Job, NewDocument, NewJob, ResultRow, Stage, StoreRules, new_job_id
from ocr_core.contracts.ports import ModelsInUse, Recognition, TextModels
from ocr_core.contracts.queues import Delivery, OutgoingMessage, Queue, QueueName
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO, SchemaName
from ocr_core.service import Readiness
from ocr_core.settings import BulkSettings, ObjectStoreSettings, PdfSettings, QueueSettings
from ocr_core.telemetry import Metrics
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.pipeline import TextPipeline
from tests.support.aws import object_settings, queue_settings, storage_settings
from tests.support.databases import ready_sqlite
from tests.support.open_samples import pdf
from tests.support.triton_double import CHARSET, CHARSET_SHA256, detect, recognise
from tests.support.waiting import PATIENCE_S

TENANT = "acme"
FAST = BulkSettings().model_copy(
    update={
        "lease_s": 2,
        "poll_wait_s": 1,
        "retry_first_s": 0.05,
        "retry_max_s": 0.2,
        "max_attempts": 3,
        "shutdown_grace_s": 20.0,
    }
)
FAST_PACE = Backoff(first_s=0.02, max_s=0.1)
"""Of faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCall:
    """What a worker asked of its queue, when it was asked."""

    name: str
    receipt: str = ""
    seconds: int = 0
    """Of an extension, or the delay of what is given back."""
    max_messages: int = 0


class RecordedQueue:
    """A real queue, and what was asked of it."""

    def __init__(self, queue: Queue, calls: list[QueueCall]) -> None:
        self._queue = queue
        self._calls = calls
        self.send = queue.send
        self.send_batch = queue.send_batch

    async def receive(self, *, max_messages: int, wait_s: int, visibility_timeout_s: int) -> tuple[Delivery, ...]:
        """See ``Queue``; what came is told once it is there."""
        self._calls.append(QueueCall(name="ask", max_messages=max_messages))
        deliveries = await self._queue.receive(
            max_messages=max_messages, wait_s=wait_s, visibility_timeout_s=visibility_timeout_s
        )
        self._calls.extend(QueueCall(name="receive", receipt=delivery.receipt) for delivery in deliveries)
        return deliveries

    async def extend(self, receipt: str, visibility_timeout_s: int) -> bool:
        """See ``Queue``."""
        self._calls.append(QueueCall(name="extend", receipt=receipt, seconds=visibility_timeout_s))
        return await self._queue.extend(receipt, visibility_timeout_s)

    async def release(self, receipt: str, *, delay_s: int = 0) -> bool:
        """See ``Queue``."""
        self._calls.append(QueueCall(name="release", receipt=receipt, seconds=delay_s))
        return await self._queue.release(receipt, delay_s=delay_s)

    async def delete(self, receipt: str) -> None:
        """See ``Queue``."""
        self._calls.append(QueueCall(name="delete", receipt=receipt))
        await self._queue.delete(receipt)

    async def dead_letter(self, message: Delivery, reason: str) -> None:
        """See ``Queue``."""
        self._calls.append(QueueCall(name="dead_letter", receipt=message.receipt))
        await self._queue.dead_letter(message, reason)


class DigitModels:
    """``TextModels`` that find dark lines and read six digits into each; they can be held up, or fail."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.asked = asyncio.Event()
        self.detections = 0
        self.priorities: set[Priority] = set()
        self.errors: list[Exception] = []
        """Raised by the next detections, the first one first."""
        self.charset = CHARSET_SHA256

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        """See ``TextModels``."""
        del deadline
        self.detections += 1
        self.priorities.add(priority)
        self.asked.set()
        if self.errors:
            raise self.errors.pop(0)
        await self.free.wait()
        return detect(image)

    async def recognise(self, crops: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> Recognition:
        """See ``TextModels``."""
        del priority, deadline
        ids, probabilities = zip(*(recognise(crop) for crop in crops), strict=True)
        return Recognition(class_ids=np.stack(ids), probabilities=np.stack(probabilities))

    async def in_use(self) -> ModelsInUse:
        """See ``TextModels``."""
        versions = {"text_detection": "1", "text_recognition": "1"}
        return ModelsInUse(versions=versions, charset_sha256=self.charset, sha256=self.charset)

    async def charset_sha256(self) -> str:
        """See ``TextModels``."""
        return self.charset


@dataclass(slots=True, kw_only=True)
class StageHouse:
    """What the stages of one process share; make it with ``stage_house``."""

    store: SqlJobStore
    queues: SqsQueues
    objects: S3ObjectStore
    storage: S3Storage
    blocking: Blocking
    opener: LocalFileOpener
    workers: ThreadPoolExecutor
    settings: BulkSettings
    metrics: Metrics
    stage_metrics: StageMetrics
    documents: S3ObjectStore
    """The callers' bucket."""
    models: TextModels
    charsets: Charsets
    limits: OpenLimits = field(default_factory=OpenLimits)
    pdf: PdfSettings = field(default_factory=PdfSettings)
    stored: SqlDocumentStore
    """Rows of what tenants keep."""
    retention_days: float = 0.0
    """Of the one tenant."""
    calls: list[QueueCall] = field(default_factory=list)
    """Of all workers, in their order."""

    @property
    def policies(self) -> TenantPolicies:
        """What the tenant may have, as of now."""
        house = HouseTenant(name=TENANT, source_prefixes=(self.bucket,), retention_days=self.retention_days)
        return TenantPolicies(house=house)

    @property
    def keeping(self) -> DocumentKeeping:
        """As both stages have it."""
        return DocumentKeeping(
            policies=self.policies,
            objects=self.objects,
            store=self.stored,
            blocking=self.blocking,
            workers=self.workers,
            jpeg_quality=self.pdf.jpeg_quality,
        )

    # --- workers -----------------------------------------------------------------------------------------------------

    def reader(
        self,
        *,
        places: int = 2,
        models: TextModels | None = None,
        work: StageWork | None = None,
        remembered: RememberedReadings | None = None,
        **settings: Any,
    ) -> StageConsumer:
        """A read worker; ``work`` takes the place of the read stage."""
        changed = self.settings.model_copy(update=settings)
        stage = work or ReadStage(
            store=self.store,
            objects=self.objects,
            sources=SourceReader(
                sources=JobSources(self.objects),
                policies=self.policies,
                objects=self.objects,
                storage=self.storage,
            ),
            opener=self.opener,
            models=models or self.models,
            workers=self.workers,
            limits=self.limits,
            settings=changed,
            pdf=self.pdf,
            metrics=self.stage_metrics,
            second_look=True,
            keeping=self.keeping,
            remembered=remembered,
        )
        return self._consumer(QueueName.READ, {Stage.READ, Stage.READ_RANGE}, stage, places, changed)

    def structurer(self, *, places: int = 2, **settings: Any) -> StageConsumer:
        """A structure worker."""
        stage = StructureStage(
            store=self.store,
            objects=self.objects,
            pipeline=TextPipeline(charsets=self.charsets),
            workers=self.workers,
            pdf=self.pdf,
            keeping=self.keeping,
        )
        changed = self.settings.model_copy(update=settings)
        return self._consumer(QueueName.STRUCTURE, {Stage.STRUCTURE}, stage, places, changed)

    def _consumer(
        self, queue: QueueName, stages: set[Stage], work: StageWork, places: int, settings: BulkSettings
    ) -> StageConsumer:
        async def database() -> None:
            await self.blocking.run(self.store.check)

        shop = Workshop(
            role=queue.value,
            queue=RecordedQueue(self.queues.queue(queue), self.calls),
            stages=frozenset(stages),
            work=work,
            store=self.store,
            discards=Discards(self.objects),
            blocking=self.blocking,
            gate=Gate(Readiness({"objects": self.objects.ensure_bucket, "database": database}), name="test"),
            settings=settings,
            metrics=self.stage_metrics,
        )
        return StageConsumer(shop=shop, places=places, fault_pace=FAST_PACE)

    @asynccontextmanager
    async def working(self, *consumers: StageConsumer, copies: int = 1) -> AsyncIterator[asyncio.Event]:
        """Run consumers, and beside them a dispatcher that sends each message so many times; yields their ``stop``."""
        stop = asyncio.Event()
        dispatching = asyncio.create_task(self._dispatch(copies))
        running = [asyncio.create_task(consumer.run(stop)) for consumer in consumers]
        try:
            yield stop
        finally:
            stop.set()
            try:
                await asyncio.gather(*running)
            finally:
                dispatching.cancel()
                await asyncio.gather(dispatching, return_exceptions=True)

    async def _dispatch(self, copies: int) -> None:
        while True:
            with suppress(NotReady):  # the queue's server is down; what was not marked is sent again
                await self.send_due(copies=copies)
            await asyncio.sleep(0.03)

    async def send_due(self, *, copies: int = 1) -> int:
        """Sweep, then send what is due."""
        await self.blocking.run(self.store.sweep)
        due = await self.blocking.run(self.store.dispatchable, window=1_000, limit=100)
        dispatches = due.dispatches
        for dispatch in dispatches:
            body = dispatch.message.encode()
            message = OutgoingMessage(body=body, group_id=dispatch.message.tenant)
            failures = await self.queues.queue(queue_of(dispatch.message.kind)).send_batch([message] * copies)
            if failures:
                raise NotReady("the queue took less than it was given")
        await self.blocking.run(self.store.mark_sent, dispatches)
        return len(dispatches)

    # --- jobs --------------------------------------------------------------------------------------------------------

    @property
    def bucket(self) -> str:
        """The callers' own."""
        return self.documents.uri("x").split("/")[2]

    async def put(self, name: str, content: bytes) -> str:
        """Store a caller's document; its address."""
        await self.documents.put(name, content, content_type="application/octet-stream")
        return self.documents.uri(name)

    async def submit(self, *contents: bytes, formats: tuple[OutputFormat, ...] = (), schema: SchemaName = AUTO) -> Job:
        """A job of these documents."""
        sources = [await self.put(f"{uuid.uuid4().hex}.bin", content) for content in contents]
        return await self.submit_sources(*sources, formats=formats, schema=schema)

    async def submit_sources(
        self, *sources: str, formats: tuple[OutputFormat, ...] = (), schema: SchemaName = AUTO
    ) -> Job:
        """A job of what lies at these addresses."""
        documents = tuple(NewDocument(source=source, reference=f"r{n}") for n, source in enumerate(sources))
        new_job = NewJob(id=new_job_id(), tenant=TENANT, documents=documents, formats=formats, schemas=(schema,))
        created = await self.blocking.run(self.store.create_job, new_job)
        return created.job

    async def job(self, job: Job) -> Job:
        """As it stands now."""
        return await self.blocking.run(self.store.get_job, job.tenant, job.id)

    async def ended(self, job: Job) -> list[ResultRow]:
        """The job's result lines by the order of its documents, once all have ended."""

        async def is_done() -> bool:
            return (await self.job(job)).finished_at is not None

        await until(is_done, f"the end of {job.id}")
        rows = await self.blocking.run(self.store.results_page, job.tenant, job.id, cursor=0, limit=1_000)
        return sorted(rows, key=lambda row: row.position)

    async def result(self, row: ResultRow) -> dict[str, Any]:
        """What is stored of a document that is done."""
        assert row.result_key is not None, (row.error_code, row.error_detail)
        found: dict[str, Any] = json.loads(await self.objects.get(row.result_key, max_bytes=1 << 24))
        return found

    async def keys(self, prefix: str = "") -> list[str]:
        """Of our own objects."""
        return [entry.key async for entry in self.objects.scan(prefix)]

    def count(self, metric: str, **labels: str) -> float:
        """A sample of the metrics; 0 where there is none yet."""
        return self.metrics.registry.get_sample_value(metric, labels) or 0.0

    async def messages_left(self, name: QueueName) -> int:
        """Visible or in flight."""
        depth = await self.queues.queue(name).depth()
        return depth.visible + depth.in_flight


async def until(condition: Callable[[], Awaitable[bool]], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as ``condition`` holds."""
    try:
        async with asyncio.timeout(patience_s):
            while not await condition():  # noqa: ASYNC110 - who is waited for tells nobody
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {patience_s:g} s") from None


@asynccontextmanager
async def stage_house(
    server: AwsServer,
    folder: Path,
    *,
    object_server: AwsServer | None = None,
    settings: BulkSettings = FAST,
    queue: QueueSettings | None = None,
    objects: ObjectStoreSettings | None = None,
    documents: ObjectStoreSettings | None = None,
    models: TextModels | None = None,
    charsets: Charsets | None = None,
) -> AsyncIterator[StageHouse]:
    """A process's worth of adapters, started. Two houses of one folder and the same settings share all their state."""
    database = folder / "jobs.sqlite3"
    url = f"sqlite:///{database}" if database.exists() else ready_sqlite(database)
    storage = storage_settings(object_server or server)
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        blocking = stack.enter_context(Blocking(threads=8))
        rules = StoreRules(
            lease_s=settings.lease_s, max_attempts=settings.max_attempts, resend_first_s=5, resend_max_s=60
        )
        house = StageHouse(
            store=stack.enter_context(SqlJobStore(url, rules=rules, pool_size=8)),
            stored=stack.enter_context(SqlDocumentStore(url, pool_size=4)),
            queues=SqsQueues(queue or queue_settings(server)),
            objects=S3ObjectStore(objects or object_settings(), storage),
            storage=S3Storage(storage),
            documents=S3ObjectStore(documents or object_settings(), storage),
            blocking=blocking,
            opener=LocalFileOpener(OpenerSettings(max_children=4)),
            workers=stack.enter_context(ThreadPoolExecutor(2)),
            settings=settings,
            metrics=metrics,
            stage_metrics=StageMetrics(metrics),
            models=models or DigitModels(),
            charsets=charsets or Charsets([Charset.parse(CHARSET.encode())]),
        )
        for adapter in (house.queues, house.objects, house.storage, house.documents, house.opener):
            await adapter.start()
            stack.push_async_callback(adapter.close)
        await house.queues.ensure_queues()
        await house.objects.ensure_bucket()
        await house.documents.ensure_bucket()
        yield house


def pages_pdf(texts: Sequence[str], *, broken: Sequence[int] = ()) -> bytes:
    """A PDF of small pages with a line each; those in ``broken``, 1-based, are listed in it and are not there."""
    pages = [("/MediaBox[0 0 150 60]", f"BT /F1 24 Tf 10 25 Td ({text}) Tj ET") for text in texts]
    document = pdf(pages)
    kids = document.index(b"/Kids[")
    end = document.index(b"]", kids)
    numbers = [f"{10 + 2 * index} 0 R" for index in range(len(texts))]
    for number in broken:
        # As long as before, or the table of offsets would be wrong.
        numbers[number - 1] = "9" * (len(numbers[number - 1]) - 4) + " 0 R"
    return document[: kids + len(b"/Kids[")] + " ".join(numbers).encode() + document[end:]
