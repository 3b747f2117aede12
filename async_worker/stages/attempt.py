"""One delivery, from its receive to its end.

::

    decode ─► place ─► claim ─► work ─► commit ─► delete
      │         │        │        │        └ refused: somebody else has it, or it was cancelled
      │         │        │        ├ error that may pass: released, due after a back-off ─► delete
      │         │        │        ├ other error, or the last attempt: the document has failed ─► delete
      │         │        │        ├ fault of ours around the work: as what may pass, at a slower pace (``faults``)
      │         │        │        └ told to stop: released, and the message given back, both for at once
      │         │        └ refused: delete
      │         └ none became free: given back
      └ no message of ours: dead letter

A message is deleted when the job store knows what its document waits for: it sends another one when that is due.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from async_worker.blocking import Blocking
from async_worker.object_keys import reading_objects
from async_worker.stages.discards import Discards
from async_worker.stages.faults import Faults
from async_worker.stages.gate import Gate
from async_worker.stages.lease_keeper import LeaseKeeper
from async_worker.stages.metrics import StageMetrics
from async_worker.stages.places import Places
from async_worker.stages.spans import note_wait, span_of
from async_worker.stages.work import Closing, NotBegun, StageWork, insist
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import InternalError, InvalidRequest, NotReady, OcrError, Overloaded
from ocr_core.contracts.job_store import Leases
from ocr_core.contracts.jobs import ClaimRefusal, Lease, Stage
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.queues import Delivery, Queue
from ocr_core.settings import BulkSettings
from ocr_core.telemetry import observe, request_id_of_task

_log = logging.getLogger(__name__)

PLACE_BEATS = 1.5
"""How long a message waits for a place, in heartbeats; then others may have it."""
ALONE_DELAY_S = 1.0
"""When work that must be done alone comes again, where somebody else is at such work."""
SOMETHING_DOWN_DELAY_S = 2
"""After how long a message comes again that was not claimed because something did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all attempts of a consumer work with."""

    role: str
    queue: Queue
    stages: frozenset[Stage]
    """Whose messages belong into this queue."""
    work: StageWork
    store: Leases
    discards: Discards
    blocking: Blocking
    gate: Gate
    settings: BulkSettings
    metrics: StageMetrics


class Attempt:
    """One delivery in hand."""

    def __init__(
        self, delivery: Delivery, *, received_at_s: float, places: Places, faults: Faults, shop: Workshop
    ) -> None:
        self._delivery = delivery
        self._places = places
        self._faults = faults
        self._shop = shop
        self._lease: Lease | None = None
        self._keeper = LeaseKeeper(
            delivery,
            received_at_s=received_at_s,
            queue=shop.queue,
            store=shop.store,
            blocking=shop.blocking,
            visibility_s=shop.settings.lease_s,
            heartbeat_s=shop.settings.heartbeat_s,
            metrics=shop.metrics,
        )
        self.begun = False
        """Whether a place was found, and work may be under way."""
        self.work_s: float | None = None
        """How long it took, where it came to an end of its own."""
        self.met_fault = False
        """Whether something of ours failed around the work; then the faults know of it."""

    async def run(self) -> None:
        """See it through. When it is cancelled, it gives back what it holds, and returns."""
        async with self._keeper:
            try:
                try:
                    await self._run()
                except Exception as error:
                    await self._let_go(error)
            except asyncio.CancelledError:
                await self._give_back()

    async def _let_go(self, error: Exception) -> None:
        """After a fault of ours around the work: lease and message wait out the faults' delay, which grows."""
        self.met_fault = True
        lease = self._lease
        self._faults.add(error, document_id=None if lease is None else lease.document_id)
        delay_s = self._faults.wait_s
        with suppress(Exception):  # what fails now is most likely the same fault; it is counted and told once
            if lease is not None:
                failure = InternalError(_fault_detail(lease), retry_after_s=delay_s)
                await self._failed(lease, failure, refund=self._faults.are_ours)
                return
        with suppress(Exception):
            await self._give_back_message(delay_s=math.ceil(delay_s))

    async def _run(self) -> None:
        message = await self._decode()
        if message is None:
            return
        try:
            async with asyncio.timeout(self._shop.settings.heartbeat_s * PLACE_BEATS):
                await self._places.take()
        except TimeoutError:  # others may have a place for it
            # While somebody is alone, perhaps for long, it is not to come again and again: each receive counts.
            delay_s = self._shop.settings.lease_s if self._places.is_closed else 0
            await self._give_back(delay_s=delay_s)
            return
        try:
            self.begun = True
            lease = await self._claim(message)
            if lease is not None:
                request_id_of_task.set(lease.document_id)
                with span_of(self._delivery, lease):
                    note_wait(self._delivery, lease, self._shop.metrics)
                    await (self._work(lease) if lease.attempts == 1 else self._work_alone(lease))
        finally:
            self._places.leave()

    async def _decode(self) -> StageMessage | None:
        """The message, where it is one of ours; any other goes to the dead letters."""
        try:
            message = StageMessage.decode(self._delivery.untrusted_body)
        except InvalidRequest as error:
            await self._set_aside(error.detail)
            return None
        if message.kind in self._shop.stages:
            return message
        await self._set_aside(f"a message of kind {message.kind} does not belong into this queue")
        return None

    async def _set_aside(self, reason: str) -> None:
        self._shop.metrics.malformed.labels(self._shop.role).inc()
        _log.warning(
            "A message that is none of ours goes to the dead letters",
            extra={"action": "bulk.malformed", "role": self._shop.role, "reason": reason},
        )
        await self._keeper.stop()
        with suppress(NotReady):  # then it comes again
            await self._shop.queue.dead_letter(self._delivery, reason)

    async def _claim(self, message: StageMessage) -> Lease | None:
        if not await self._shop.gate.is_open():
            await self._give_back(delay_s=SOMETHING_DOWN_DELAY_S)
            return None
        if not self._keeper.message_ours:  # the process was stopped meanwhile
            return None
        try:
            claimed = await self._claim_uncut(message)
        except NotReady:
            self._shop.gate.unanswered()
            await self._give_back(delay_s=SOMETHING_DOWN_DELAY_S)
            return None
        if isinstance(claimed, ClaimRefusal):
            self._shop.metrics.refusals.labels(claimed.value).inc()
            await self._acknowledge()
            return None
        self._lease = claimed
        return claimed

    async def _claim_uncut(self, message: StageMessage) -> Lease | ClaimRefusal:
        """Claim; who is cancelled meanwhile still learns what he has, so that it is given back."""
        claiming = asyncio.ensure_future(self._shop.blocking.run(self._shop.store.claim, message))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await asyncio.wait({claiming})
            if not claiming.cancelled() and claiming.exception() is None:
                claimed = claiming.result()
                self._lease = claimed if isinstance(claimed, Lease) else None
            raise

    async def _work_alone(self, lease: Lease) -> None:
        """Work on what may have killed a worker before (see ``places``); where somebody else is at such work, later."""
        if self._places.close():
            try:
                await self._work(lease)
            finally:
                self._places.reopen()
            return
        with suppress(NotReady):  # then the lease runs out by itself
            await self._shop.blocking.run(
                self._shop.store.release, lease.token, retry_after_s=ALONE_DELAY_S, refund_attempt=True
            )
        await self._acknowledge()

    async def _work(self, lease: Lease) -> None:
        started_s = time.monotonic()
        outcome = await self._outcome(lease)
        self.work_s = time.monotonic() - started_s
        observe(self._shop.metrics.duration.labels(lease.stage.value), self.work_s)
        self._shop.metrics.attempts.labels(lease.stage.value, outcome).inc()
        _log.info(
            "An attempt has ended",
            extra={
                "action": "bulk.attempt",
                "stage": lease.stage.value,
                "outcome": outcome,
                "job_id": lease.job_id,
                "attempt": lease.attempts,
                "work_ms": round(self.work_s * 1000, 1),
            },
        )

    async def _outcome(self, lease: Lease) -> str:
        """Work, and close in one way or another; a word for what became of it."""
        working = asyncio.create_task(self._begin(lease))
        self._keeper.hold(lease.token, working.cancel)
        try:
            closing, deadline = await working
        except asyncio.CancelledError:
            if self._keeper.lease_lost:
                return await self._lost(lease)
            raise
        except NotBegun as unbegun:
            # A house that is full says nothing about the document.
            refund = isinstance(unbegun.error, Overloaded) or not await self._shop.gate.answers()
            return await self._failed(lease, unbegun.error, refund=refund)
        except OcrError as error:
            if isinstance(error, NotReady | Overloaded):
                self._shop.gate.suspect()
            return await self._failed(lease, error, refund=False)
        except Exception:
            _log.exception("A stage failed unexpectedly", extra={"action": "bulk.failed", "job_id": lease.job_id})
            return await self._failed(lease, InternalError(_fault_detail(lease)), refund=False)
        return await self._close(lease, closing, deadline)

    async def _begin(self, lease: Lease) -> tuple[Closing, Deadline]:
        """Work, by a deadline that begins when the work does."""
        if lease.attempts > 1:
            await self._places.until_alone()
        deadline = Deadline.after(self._shop.settings.stage_timeout_s)
        return await self._shop.work.work(lease, deadline), deadline

    async def _close(self, lease: Lease, closing: Closing, deadline: Deadline) -> str:
        calls = 0

        async def commit() -> bool:
            nonlocal calls
            calls += 1
            return await self._shop.blocking.run(closing.commit)

        try:
            accepted = await insist(commit, deadline)
        except NotReady:
            self._shop.gate.unanswered()
            return "unanswered"  # the lease runs out by itself
        self._shop.gate.answered()
        if accepted:
            await self._acknowledge()
            self._shop.discards.add(closing.spent_keys)
            if closing.afterwards is not None:
                await self._see_to(lease, closing.afterwards)
            return closing.outcome
        if calls == 1:  # else an earlier call may have been accepted, and only its answer was lost
            self._shop.discards.add(closing.written_keys)
        return await self._lost(lease)

    async def _see_to(self, lease: Lease, afterwards: Callable[[], Awaitable[object]]) -> None:
        try:
            await afterwards()
        except OcrError as error:
            _log.warning(
                "What follows on an attempt was not done",
                extra={"action": "bulk.afterwards_failed", "job_id": lease.job_id, "code": error.code},
            )

    async def _failed(self, lease: Lease, error: OcrError, *, refund: bool) -> str:
        """Fail the document, or give the work back to be tried again."""
        settings, store = self._shop.settings, self._shop.store
        final = not error.retryable or (lease.attempts >= settings.max_attempts and not refund)
        try:
            if final:
                ours = await self._shop.blocking.run(
                    store.fail_document, lease.token, code=error.code, detail=error.detail
                )
            else:
                doublings = 0 if refund else lease.attempts - 1
                wait_s = min(settings.retry_first_s * 2.0**doublings, settings.retry_max_s)
                ours = await self._shop.blocking.run(
                    store.release,
                    lease.token,
                    retry_after_s=max(wait_s, error.retry_after_s or 0.0),
                    refund_attempt=refund,
                )
        except NotReady:
            self._shop.gate.unanswered()
            return "unanswered"
        self._shop.gate.answered()
        _log.warning(
            "An attempt failed",
            extra={
                "action": "bulk.attempt_failed",
                "stage": lease.stage.value,
                "job_id": lease.job_id,
                "attempt": lease.attempts,
                "code": error.code,
                "detail": error.detail,
                "final": final,
            },
        )
        if not ours:
            return await self._lost(lease)
        await self._acknowledge()
        if final:
            self._shop.discards.add(reading_objects(lease))
        return "failed" if final else "retried"

    async def _lost(self, lease: Lease) -> str:
        """The lease is gone: somebody else has the work, the job was cancelled, or the document has failed."""
        self._shop.metrics.lost_leases.labels(lease.stage.value).inc()
        await self._acknowledge()
        return "lost"

    async def _acknowledge(self) -> None:
        """Delete the message, unless somebody else may hold it by now. One that stays comes again, and is refused."""
        await self._keeper.stop()
        if self._keeper.message_ours:
            with suppress(OcrError):
                await self._shop.queue.delete(self._delivery.receipt)

    async def _give_back(self, *, delay_s: int = 0) -> None:
        """Let somebody else have it: the lease, its attempt not counted, then the message."""
        await self._keeper.stop()
        if self._lease is not None:
            with suppress(NotReady):
                await self._shop.blocking.run(self._shop.store.release, self._lease.token, refund_attempt=True)
        await self._give_back_message(delay_s=delay_s)

    async def _give_back_message(self, *, delay_s: int) -> None:
        await self._keeper.stop()
        if self._keeper.message_ours:
            with suppress(OcrError):
                await self._shop.queue.release(self._delivery.receipt, delay_s=delay_s)


def _fault_detail(lease: Lease) -> str:
    return f"the document failed inside the server; its log lines carry the id {lease.document_id}"
