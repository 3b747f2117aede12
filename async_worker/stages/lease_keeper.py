"""The heartbeat of one delivery: from its receive to just before it is acknowledged.

Message and lease beat apart, so that a queue that hangs does not cost the lease. A process that was stopped and comes
back finds both beats overdue and asks at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from async_worker.blocking import Blocking
from async_worker.stages.metrics import StageMetrics
from ocr_core.contracts.errors import NotReady, OcrError
from ocr_core.contracts.job_store import Leases
from ocr_core.contracts.queues import Delivery, Queue

_log = logging.getLogger(__name__)


class LeaseKeeper:
    """Keeps a message invisible and, once there is one, its lease alive. A context manager: leaving it ends the beat.

    ::

        async with LeaseKeeper(delivery, …) as keeper:
            keeper.hold(lease.token, work.cancel)
    """

    def __init__(
        self,
        delivery: Delivery,
        *,
        received_at_s: float,
        queue: Queue,
        store: Leases,
        blocking: Blocking,
        visibility_s: int,
        heartbeat_s: float,
        metrics: StageMetrics,
    ) -> None:
        """Store what to keep.

        Args:
            delivery: Its visibility timeout is ``visibility_s``.
            received_at_s: When the queue handed it out, at the latest, by ``time.monotonic``.
            queue: It came from there.
            store: Gave, or will give, the lease.
            blocking: Threads for the store.
            visibility_s: What each beat asks for.
            heartbeat_s: Between two beats.
            metrics: Counts beats that nobody answered.
        """
        self._delivery = delivery
        self._queue = queue
        self._store = store
        self._blocking = blocking
        self._visibility_s = visibility_s
        self._heartbeat_s = heartbeat_s
        self._metrics = metrics
        self._beats: list[asyncio.Task[None]] = []
        self._message_ours = True
        self._visible_at_s = received_at_s + visibility_s
        self._lease_lost = False

    async def __aenter__(self) -> Self:
        self._start(self._extend_message)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def lease_lost(self) -> bool:
        """Whether a heartbeat found the lease gone."""
        return self._lease_lost

    @property
    def message_ours(self) -> bool:
        """Whether nobody else can have received the message since. If not, its receipt must not be used any more."""
        return self._message_ours and time.monotonic() < self._visible_at_s

    def hold(self, token: str, on_loss: Callable[[], object]) -> None:
        """Keep a lease alive from now on.

        Args:
            token: The lease's.
            on_loss: Called once, at the heartbeat that finds the lease gone.
        """

        async def extend_lease() -> bool:
            if await self._blocking.run(self._store.extend_lease, token):
                return True
            self._lease_lost = True
            on_loss()
            return False

        self._start(extend_lease)

    async def stop(self) -> None:
        """End the heartbeat. What is under way is not waited for longer than its cancellation takes."""
        beats, self._beats = self._beats, []
        for beat in beats:
            beat.cancel()
        await asyncio.gather(*beats, return_exceptions=True)

    def _start(self, extend: Callable[[], Awaitable[bool]]) -> None:
        self._beats.append(asyncio.create_task(self._beat(extend)))

    async def _beat(self, extend: Callable[[], Awaitable[bool]]) -> None:
        going_on = True
        while going_on:
            await asyncio.sleep(self._heartbeat_s)
            try:
                going_on = await extend()
            except NotReady:
                self._metrics.missed_beats.labels(extend.__name__.lstrip("_")).inc()
            except OcrError as error:
                _log.warning("A heartbeat failed", extra={"action": "bulk.heartbeat_failed", "code": error.code})
            except Exception:  # a fault of ours; the next beat may fare better, and without any the lease is lost
                self._metrics.missed_beats.labels(extend.__name__.lstrip("_")).inc()
                _log.exception("A heartbeat met a fault of ours", extra={"action": "bulk.heartbeat_failed"})

    async def _extend_message(self) -> bool:
        if not self.message_ours:
            self._message_ours = False
            return False
        asked_s = time.monotonic()
        if not await self._queue.extend(self._delivery.receipt, self._visibility_s):
            self._message_ours = False
            return False
        self._visible_at_s = asked_s + self._visibility_s
        return True
