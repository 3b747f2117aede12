"""The loop of a stage worker: as many messages in hand as there are places, and a few more where they go fast."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import TypeVar

from async_worker.loops import Backoff, wait_or_stop
from async_worker.stages.attempt import Attempt, Workshop
from async_worker.stages.faults import PACE, Faults
from async_worker.stages.places import Places
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.queues import MAX_BATCH_MESSAGES, Delivery

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

AHEAD_S = 0.25
"""Messages are taken ahead for so much work: one receive for ten costs what one for one does, but what waits here
could be worked on elsewhere."""
RELEASE_MARGIN_S = 3.0
"""Of the time to shut down, what is kept for giving back what could not be finished."""
DISCARD_S = 1.0
"""After that, for deleting objects that nobody needs."""

_RECEIVING = Backoff(first_s=0.25, max_s=5.0)
_PACE_WEIGHT = 0.2


class StageConsumer:
    """``Role`` of the stages: receives, and sees each delivery through."""

    def __init__(self, *, shop: Workshop, places: int, fault_pace: Backoff = PACE) -> None:
        self._shop = shop
        self._place_count = places
        self._places = Places(places)
        self._faults = Faults(role=shop.role, metrics=shop.metrics, pace=fault_pace)
        self._attempts: dict[asyncio.Task[None], Attempt] = {}
        self._freed = asyncio.Event()
        self._typical_s: float | None = None
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``.

        Raises:
            TooManyFaults: nothing but faults of ours; what was in hand has been given back.
        """
        try:
            while not stop.is_set():
                await self._until_a_place_is_free(stop)
                self._faults.check()
                if self._faults.in_a_row:
                    await wait_or_stop(stop, self._faults.wait_s)
                await self._shop.gate.until_open(stop)
                if not stop.is_set():
                    await self._receive(stop)
        finally:
            await self._wind_up()

    async def _until_a_place_is_free(self, stop: asyncio.Event) -> None:
        """And until nobody must be alone: what was taken then would only wait."""
        while not stop.is_set():
            if self._places.is_closed:
                await _unless(stop, self._places.until_open())
            elif len(self._attempts) >= self._place_count:
                self._freed.clear()
                await _unless(stop, self._freed.wait())
            else:
                return

    async def _receive(self, stop: asyncio.Event) -> None:
        settings = self._shop.settings
        free = self._place_count - len(self._attempts)
        asked_s = time.monotonic()
        try:
            deliveries = await _unless(
                stop,
                self._shop.queue.receive(
                    max_messages=1 if self._faults.in_a_row else min(free + self._ahead(), MAX_BATCH_MESSAGES),
                    wait_s=settings.poll_wait_s,
                    visibility_timeout_s=settings.lease_s,
                ),
            )
        except OcrError as error:
            self._shop.metrics.receive_errors.labels(self._shop.role).inc()
            self._failures += 1
            if self._failures == 1:
                _log.warning(
                    "The queue does not answer; it is asked again until it does",
                    extra={"action": "bulk.receive_failed", "role": self._shop.role, "detail": error.detail},
                )
            await wait_or_stop(stop, _RECEIVING.wait_s(self._failures))
            return
        self._failures = 0
        # A long poll ends in time; if this process was stopped meanwhile, the messages have been out for longer.
        received_at_s = min(time.monotonic(), asked_s + settings.poll_wait_s)
        for delivery in deliveries or ():
            self._begin(delivery, received_at_s)

    def _ahead(self) -> int:
        """How many more than the free places, by the pace of late."""
        if self._typical_s is None:
            return 0
        return min(int(self._place_count * AHEAD_S / max(self._typical_s, 1e-3)), MAX_BATCH_MESSAGES)

    def _begin(self, delivery: Delivery, received_at_s: float) -> None:
        attempt = Attempt(
            delivery, received_at_s=received_at_s, places=self._places, faults=self._faults, shop=self._shop
        )
        task = asyncio.create_task(attempt.run())
        self._attempts[task] = attempt
        self._shop.metrics.in_hand.labels(self._shop.role).set(len(self._attempts))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        attempt = self._attempts.pop(task)
        self._freed.set()
        self._shop.metrics.in_hand.labels(self._shop.role).set(len(self._attempts))
        if attempt.work_s is not None:
            typical_s = attempt.work_s if self._typical_s is None else self._typical_s
            self._typical_s = typical_s + _PACE_WEIGHT * (attempt.work_s - typical_s)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._faults.add(error)  # the lease and the message run out by themselves
        elif attempt.work_s is not None and not attempt.met_fault:
            self._faults.clear()

    async def _wind_up(self) -> None:
        """Give back what has not begun, finish what can be, give back the rest."""
        for task, attempt in self._attempts.items():
            if not attempt.begun:
                task.cancel()
        grace_s = self._shop.settings.shutdown_grace_s
        await self._wait(max(grace_s - RELEASE_MARGIN_S, grace_s / 2))
        for task in self._attempts:
            task.cancel()
        await self._wait(RELEASE_MARGIN_S)
        with suppress(TimeoutError):  # what is left lies about until it is swept up
            async with asyncio.timeout(DISCARD_S):
                await self._shop.discards.flush()

    async def _wait(self, timeout_s: float) -> None:
        if self._attempts:
            await asyncio.wait(set(self._attempts), timeout=timeout_s)


async def _unless(stop: asyncio.Event, work: Coroutine[object, object, Answer]) -> Answer | None:
    """Do it, unless ``stop`` is set first: then it is cancelled, and null comes back."""
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        stopping.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
