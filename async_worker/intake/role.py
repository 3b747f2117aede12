"""The intake's role: one job a document that a producer or a bucket tells of.

::

    receive ─► decode ─► may it be read? ─► create_job (commit) ─► delete
                  └─────────────┴─► dead-letter queue, with the reason

A message that comes again makes no second job: the job's idempotency key is the event's. The guarantee begins at the
commit; until then the queue keeps the message.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging

from prometheus_client import Counter

from async_worker.blocking import Blocking
from async_worker.intake.events import Announced, decode
from async_worker.job_sources import JobSources
from async_worker.loops import repeat
from async_worker.object_keys import by_source_key
from async_worker.tenants import TenantPolicies
from ocr_core import tracing
from ocr_core.contracts.areas import OwnAreas
from ocr_core.contracts.errors import NotReady, OcrError
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.jobs import MAX_REFERENCE_CHARACTERS, IdempotencyKey, NewDocument, NewJob, new_job_id
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.queues import MAX_BATCH_MESSAGES, MAX_RETENTION_S, Delivery, QueueName, QueueSet
from ocr_core.settings import BulkSettings
from ocr_core.telemetry import Metrics
from preprocess_svc.sources import S3Location

ROUTE = f"intake:{QueueName.INTAKE.value}"
"""The scope of the idempotency keys."""

_RELEASE_DELAY_S = 1
_FAILED_DELAY_S = 30

_log = logging.getLogger(__name__)


class Intake:
    """``RoleName.INTAKE``; any number may run."""

    def __init__(
        self,
        *,
        store: JobRecords,
        queues: QueueSet,
        objects: ObjectStore,
        policies: TenantPolicies,
        blocking: Blocking,
        settings: BulkSettings,
        metrics: Metrics,
    ) -> None:
        """Store what it works with.

        Args:
            store: Called through ``blocking`` only.
            queues: Of which it reads the intake queue.
            objects: Knows which addresses are our own.
            policies: What else may be read.
            blocking: Threads for the store.
            settings: To whom the documents belong; how long messages are ours.
            metrics: Of the process.
        """
        self._store = store
        self._queue = queues.queue(QueueName.INTAKE)
        self._objects = objects
        self._sources = JobSources(objects)
        self._policies = policies
        self._blocking = blocking
        self._settings = settings
        self._own_areas = OwnAreas(objects)
        self._messages = Counter(
            "ocr_bulk_intake_messages",
            "Messages of the intake queue, by outcome.",
            ("outcome",),
            registry=metrics.registry,
        )
        for outcome in ("taken", "nothing_new", "refused", "failed"):
            self._messages.labels(outcome)

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``."""
        await repeat(lambda: self._step(stop), name="intake", stop=stop)

    async def _step(self, stop: asyncio.Event) -> float:
        """Take what has come in, or wait for it; the next step follows at once.

        Raises:
            NotReady: the queue or the database does not answer; what was not done is given back.
        """
        deliveries = await self._receive(stop)
        outcomes = await asyncio.gather(*(self._take(delivery) for delivery in deliveries), return_exceptions=True)
        for failure in outcomes:
            if failure is not None:
                raise failure
        return 0.0

    async def _receive(self, stop: asyncio.Event) -> tuple[Delivery, ...]:
        """The next messages; none, at once, when ``stop`` is set while it waits."""
        receiving = asyncio.ensure_future(
            self._queue.receive(
                max_messages=MAX_BATCH_MESSAGES,
                wait_s=self._settings.poll_wait_s,
                visibility_timeout_s=self._settings.lease_s,
            )
        )
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return receiving.result() if receiving.done() else ()
        finally:
            for waiting in (receiving, stopping):
                waiting.cancel()  # a receive that is cancelled gives back what still comes in

    async def _take(self, delivery: Delivery) -> None:
        with _span(delivery):
            await self._take_within(delivery)

    async def _take_within(self, delivery: Delivery) -> None:
        try:
            created = await self._make_jobs(delivery)
        except NotReady:
            await self._queue.release(delivery.receipt, delay_s=_RELEASE_DELAY_S)
            raise
        except Exception as error:
            if not isinstance(error, OcrError) or error.retryable:
                await self._set_aside(delivery)
                return
            self._messages.labels("refused").inc()
            _log.warning(
                "A message of the intake queue was refused",
                extra={"action": "intake.refused", "message_id": delivery.message_id, "reason": error.detail},
            )
            await self._queue.dead_letter(delivery, f"{error.code}: {error.detail}")
        else:
            self._messages.labels("taken" if created else "nothing_new").inc()
            await self._queue.delete(delivery.receipt)

    async def _set_aside(self, delivery: Delivery) -> None:
        """A fault of ours with this one message: the others go on, and the queue itself gives it up in the end."""
        self._messages.labels("failed").inc()
        _log.exception(
            "A message of the intake queue could not be handled",
            extra={"action": "intake.failed", "message_id": delivery.message_id, "receives": delivery.receive_count},
        )
        await self._queue.release(delivery.receipt, delay_s=_FAILED_DELAY_S)

    async def _make_jobs(self, delivery: Delivery) -> int:
        """A job for each document that the message tells of; how many are new.

        Of a message with several, those that may not be read do not hold up the others.

        Raises:
            OcrError: it cannot be read, or some of it may not be; what could be done is done.
        """
        created, refusal = 0, None
        for announced in decode(delivery.untrusted_body, delivery.message_id):
            try:
                created += await self._make_job(announced)
            except OcrError as error:
                if error.retryable:
                    raise
                refusal = error
        if refusal is not None:
            raise refusal
        return created

    async def _make_job(self, announced: Announced) -> bool:
        """Whether the job is new."""
        if announced.by_bucket and self._is_not_meant(announced.untrusted_source):
            return False
        tenant = self._settings.intake_tenant
        allow_list = await self._policies.allow_list(tenant)
        location = self._sources.check(tenant, announced.untrusted_source, allow_list=allow_list)
        job = self._job(tenant, announced, location)
        answer = await self._blocking.run(self._store.create_job, job)
        return answer.created

    def _is_not_meant(self, source: str) -> bool:
        """What the bucket tells of that nobody wants read: what we wrote there ourselves, and folders."""
        return self._own_areas.hold(source) or source.endswith("/")

    def _job(self, tenant: str, announced: Announced, location: S3Location) -> NewJob:
        source = announced.untrusted_source
        reference = announced.reference
        if reference is None and len(source) <= MAX_REFERENCE_CHARACTERS:
            reference = source  # so that the result line says whose it is
        result_key = by_source_key(tenant, location.bucket, location.key)
        return NewJob(
            id=new_job_id(),
            tenant=tenant,
            documents=(NewDocument(source=source, reference=reference, file_name=location.file_name),),
            webhook_url=self._objects.uri(result_key),
            idempotency=IdempotencyKey(
                route=ROUTE,
                key=announced.event_key,
                # Another reference under the same event would be a fault of the key, not of the caller.
                body_digest=hashlib.sha256(source.encode()).hexdigest(),
                keep_s=float(MAX_RETENTION_S),  # a message may come again for as long as the queue keeps it
            ),
        )


def _span(delivery: Delivery) -> tracing.Span:
    """Of one message. A producer is a stranger, as a caller of the APIs is."""
    if not tracing.is_on():
        return tracing.NO_SPAN
    joins = tracing.trusts_callers()
    return tracing.span(
        "process intake",
        {"messaging.system": "aws_sqs", "messaging.message.id": delivery.message_id},
        kind=tracing.Kind.CONSUMER,
        parent=delivery.trace if joins else None,
        link=None if joins else delivery.trace,
    )
