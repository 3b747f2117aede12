"""The dispatcher's role: due work to the queues, and beside it what keeps the house in order.

::

    WorkSender    store.dispatchable ─► queues ─► store.mark_sent
    Sweeper       leases of the dead, moments from another clock; the backlog's figures
    DeadLetters   documents that killed their every attempt ─► dead-letter queues
    Leftovers     old jobs, and objects that belong to nothing any more
    DocumentRetention   stored documents whose time is over, or that somebody deleted
    TenantDeletions   tenants that are to be gone, with all that they have
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence

from prometheus_client import Counter

from async_worker.blocking import Blocking
from async_worker.dead_letters import DeadLetters
from async_worker.document_retention import DocumentRetention
from async_worker.leftovers import Leftovers
from async_worker.loops import Backoff, repeat
from async_worker.sweeper import Sweeper
from async_worker.tenant_deletions import TenantDeletions
from ocr_core import tracing
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.job_store import Dispatch, JobStore, WorkQueue
from ocr_core.contracts.jobs import Clock, Stage
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.queues import OutgoingMessage, QueueName, QueueSet
from ocr_core.contracts.stored_documents import DocumentStore
from ocr_core.settings import BulkSettings, RememberSettings
from ocr_core.telemetry import Metrics

MAX_MESSAGES_A_STEP = 100
"""Ten full batches; what is left goes with the next step, at once."""

_FASTEST_S = 0.03
_SLOWEST_S = 0.25
"""What an idle house waits between two looks, so what a new job waits at most: 1 ms of CPU each, 0.4 % of a core."""
_PATIENCE = 0.1
"""Between the two, a look comes after this part of the time since the last message went out."""
_BUSY_PIECES = 3
_BUSY_S = 0.25
"""With so many pieces of work in flight nobody waits for a single one, and messages go out together: a look that sends
costs 4 ms of CPU, however many it sends."""

_OUT_OF_TURN_S = 1.0
"""Queues hand messages out about in their order: one that was sent by so much earlier than one that was taken up was
passed over."""
_FIRST_PROBE_S = 1.2
_LONGEST_PROBE_S = 60.0
"""How long nothing may have had a place before a read is sent without one, at first and after some in vain."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """``RoleName.DISPATCHER``; any number may run."""

    def __init__(
        self,
        *,
        store: JobStore,
        queues: QueueSet,
        objects: ObjectStore,
        blocking: Blocking,
        settings: BulkSettings,
        metrics: Metrics,
        documents: DocumentStore,
        retention: DocumentRetention | None = None,
        deletions: TenantDeletions | None = None,
        keep_remembered_s: float = RememberSettings.model_fields["keep_s"].default,
        clock: Clock | None = None,
    ) -> None:
        """Store what it works with.

        Args:
            store: Called through ``blocking`` only.
            queues: Where messages go.
            objects: Where left over objects are looked for.
            blocking: Threads for the store.
            settings: Window, lease and how long things are kept.
            metrics: Of the process.
            documents: Of what tenants keep; called through ``blocking`` only.
            retention: Of these; null where nobody ends them.
            deletions: Of tenants; null where there are none.
            keep_remembered_s: How long what is remembered may lie in object storage.
            clock: For the age of objects; the machine's own where none is given.
        """
        self._deletions = deletions
        self._retention = retention
        self._sender = WorkSender(
            store=store, queues=queues, blocking=blocking, window=settings.window, metrics=metrics
        )
        self._sweeper = Sweeper(store=store, blocking=blocking, lease_s=settings.lease_s, metrics=metrics)
        self._dead_letters = DeadLetters(store=store, queues=queues, blocking=blocking, metrics=metrics)
        self._leftovers = Leftovers(
            store=store,
            documents=documents,
            objects=objects,
            blocking=blocking,
            settings=settings,
            keep_remembered_s=keep_remembered_s,
            clock=clock,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``. A message that was taken and could not be marked any more goes out again; that is no harm."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(repeat(self._sender.step, name="dispatch", stop=stop, backoff=Backoff(max_s=5.0)))
            loops.create_task(self._sweeper.run(stop))
            loops.create_task(repeat(self._dead_letters.step, name="dead_letters", stop=stop))
            loops.create_task(self._leftovers.run(stop))
            if self._retention is not None:
                loops.create_task(self._retention.run(stop))
            if self._deletions is not None:
                loops.create_task(self._deletions.run(stop))


class WorkSender:
    """Sends what is due, within the window of each tenant."""

    def __init__(
        self,
        *,
        store: WorkQueue,
        queues: QueueSet,
        blocking: Blocking,
        window: int,
        metrics: Metrics,
        fewest_ahead: int = 4,
    ) -> None:
        self._store = store
        self._queues = queues
        self._blocking = blocking
        self._window = window
        self._pace = Pace()
        self._unmarked: list[Dispatch] = []
        self._ahead = Ahead(fewest=fewest_ahead, most=window)
        self._sent = Counter(
            "ocr_bulk_messages_sent", "Messages sent to the stages, by stage.", ("stage",), registry=metrics.registry
        )

    async def step(self) -> float:
        """Send what is due and note what the queues took; the seconds until the next look.

        Raises:
            NotReady: the database does not answer, or a queue took less than it was given.
        """
        await self._mark_sent()
        now_s = time.monotonic()
        work = await self._blocking.run(
            self._store.dispatchable,
            window=self._window,
            limit=MAX_MESSAGES_A_STEP,
            ahead=self._ahead.bound,
            at_least=self._ahead.probes(now_s),
        )
        due = work.dispatches
        # What goes again says nothing of the workers' pace: it is there because they did not take it up.
        fresh = {item.task_id for item in due if item.message.kind is not Stage.STRUCTURE and item.send_count == 0}
        self._ahead.learn(now_s, granted=fresh, lying=work.reads_lying)
        if not due:
            return self._pace.wait_s(0, work.in_flight)
        by_queue: dict[QueueName, list[Dispatch]] = {}
        for dispatch in due:
            by_queue.setdefault(queue_of(dispatch.message.kind), []).append(dispatch)
        taken_lists = await asyncio.gather(*(self._send(name, batch) for name, batch in by_queue.items()))
        self._unmarked = [dispatch for batch in taken_lists for dispatch in batch]
        taken = len(self._unmarked)
        for dispatch in self._unmarked:
            self._sent.labels(dispatch.message.kind.value).inc()
        self._ahead.note_sent(now_s, fresh.intersection(dispatch.task_id for dispatch in self._unmarked))
        await self._mark_sent()
        if taken < len(due):
            raise NotReady(f"the queues took {taken} of {len(due)} messages")
        return 0.0 if len(due) == MAX_MESSAGES_A_STEP else self._pace.wait_s(len(due), work.in_flight)

    async def _mark_sent(self) -> None:
        """Note what the queues have taken.

        Where the database does not write, that is kept for the next step, which sends nothing before it is noted: it
        would be the same messages again and again, for as long as the disk is full.
        """
        if self._unmarked:
            await self._blocking.run(self._store.mark_sent, self._unmarked)
            self._unmarked = []

    async def _send(self, name: QueueName, dispatches: Sequence[Dispatch]) -> list[Dispatch]:
        """Those that the queue took."""
        spans = [_span(dispatch) for dispatch in dispatches]
        messages = [_message(dispatch, span) for dispatch, span in zip(dispatches, spans, strict=True)]
        failed = {failure.index: failure.code for failure in await self._queues.queue(name).send_batch(messages)}
        for index, span in enumerate(spans):
            if index in failed:
                span.fail(failed[index])
            span.end()
        return [dispatch for index, dispatch in enumerate(dispatches) if index not in failed]


class Ahead:
    """How many reads may lie in the queue for workers to take up: about as many as they take up between two looks.

    Fewer, and workers wait for work; more, and a quiet tenant's document waits behind them, since not every queue
    serves its groups in turn. It follows the workers: doubled when a look finds all of them taken up, and shrinking
    while most of them still lie there.

    What was sent a good while before something that workers have taken up since was passed over: its message is lost,
    or nobody can take it up. It counts no more, or four lost messages would end all reading until they go again. Where
    nothing is taken up, because messages are lost or because workers are slow, single reads go beyond the bound to find
    out, ever more rarely: a slow house's queue must not fill up with them.
    """

    def __init__(self, *, fewest: int, most: int) -> None:
        self._fewest = fewest
        self._most = max(most, fewest)
        self.reads = fewest
        self._sent_s: dict[int, float] = {}
        self._newest_taken_up_s = float("-inf")
        self._probed_s = float("-inf")
        self._probe_wait_s = _FIRST_PROBE_S

    @property
    def bound(self) -> int:
        """How many may lie there, those included that were passed over."""
        before_s = self._newest_taken_up_s - _OUT_OF_TURN_S
        return self.reads + sum(sent_s < before_s for sent_s in self._sent_s.values())

    def probes(self, now_s: float) -> int:
        """How many reads go in this look although there is no place for them."""
        return 1 if now_s - self._probed_s >= self._probe_wait_s else 0

    def learn(self, now_s: float, *, granted: Collection[int], lying: Collection[int]) -> None:
        """After a look that found these reads lying in the queue, and adds those that were granted; by their ids."""
        full = len(lying) >= self.bound
        taken_up_s = [sent_s for task_id, sent_s in self._sent_s.items() if task_id not in lying]
        self._newest_taken_up_s = max(self._newest_taken_up_s, *taken_up_s, float("-inf"))
        # Another dispatcher's, or from before a restart: as if sent now.
        self._sent_s = {task_id: self._sent_s.get(task_id, now_s) for task_id in lying}
        if not full:
            self._probe_wait_s = _FIRST_PROBE_S
            self._probed_s = now_s
        elif granted and self.probes(now_s):
            self._probe_wait_s = min(self._probe_wait_s * 2, _LONGEST_PROBE_S)
            self._probed_s = now_s
        if len(granted) >= self.reads:
            self.reads = min(self.reads * 2, self._most)
        elif len(granted) < self.reads // 2:
            self.reads = max(self.reads - max(self.reads // 8, 1), self._fewest)

    def note_sent(self, now_s: float, task_ids: Collection[int]) -> None:
        """Fresh reads that the queue has taken."""
        self._sent_s.update(dict.fromkeys(task_ids, now_s))


class Pace:
    """How soon to look again: often while an answer is about to come, seldom when idle or when many go together.

    A lone document should not wait between its stages, and its read takes a good part of a second: looking after a
    tenth of the time that has passed makes it at most a tenth slower, for some thirty looks.
    """

    def __init__(self) -> None:
        self._last_sent_s = -60.0

    def wait_s(self, sent: int, in_flight: int) -> float:
        """After a look that has sent so many messages, where so many pieces were in flight before."""
        now_s = time.monotonic()
        if sent:
            self._last_sent_s = now_s
        if in_flight >= _BUSY_PIECES:
            return _BUSY_S
        return min(max((now_s - self._last_sent_s) * _PATIENCE, _FASTEST_S), _SLOWEST_S)


def _span(dispatch: Dispatch) -> tracing.Span:
    """Of one message's way into its queue. Its work is part of it; so what goes again begins a trace anew."""
    if not tracing.is_on():
        return tracing.NO_SPAN
    message = dispatch.message
    facts: tracing.Facts = {
        "messaging.system": "aws_sqs",
        "ocr.tenant": message.tenant,
        "ocr.document_id": message.document_id,
        "ocr.attempts": dispatch.attempts,
        "ocr.sent_before": dispatch.send_count,
    }
    name = f"send {message.kind.value}"
    return tracing.span_of(name, dispatch.origin, facts, kind=tracing.Kind.PRODUCER, again=dispatch.again)


def _message(dispatch: Dispatch, span: tracing.Span) -> OutgoingMessage:
    trace = span.context
    if trace is None and dispatch.origin is not None and not (dispatch.origin.apart or dispatch.again):
        trace = dispatch.origin.context  # this process traces nothing, but others do
    return OutgoingMessage(body=dispatch.message.encode(), group_id=dispatch.message.tenant, trace=trace)


def queue_of(stage: Stage) -> QueueName:
    """Whose workers do it."""
    return QueueName.STRUCTURE if stage is Stage.STRUCTURE else QueueName.READ
