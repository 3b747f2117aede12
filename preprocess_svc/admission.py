"""How many documents are in the house at once.

Two bounds. A *permit* is taken at the door, for everything from the request's headers to its answer: without one
the answer is 429 at once. The *reading places* are fewer: only their holders open and read, the others wait in
order of arrival. With twenty documents on two cores, reading all at once would make every one of them as late as
the last; in order, the first are answered while the last still wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ocr_core.contracts.errors import Overloaded
from ocr_core.telemetry import Metrics

_SMOOTHING = 0.2
"""Weight of the newest service time: about the last ten documents count."""


class Permit:
    """The right to be in the house; given back once, by whoever finishes last."""

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission
        self._entered_s = time.monotonic()

    def release(self) -> None:
        """Leave. A second call does nothing."""
        if self._admission is not None:
            self._admission.leave(time.monotonic() - self._entered_s)
            self._admission = None


class Admission:
    """The door and the reading places. Used from one event loop only."""

    def __init__(self, *, max_documents: int, max_reading: int, metrics: Metrics) -> None:
        self._max_documents = max_documents
        self._metrics = metrics
        self._in_flight = 0
        self._reading_places = asyncio.Semaphore(max_reading)
        self._mean_service_s = 1.0

    @property
    def in_flight(self) -> int:
        """Documents in the house."""
        return self._in_flight

    def enter(self) -> Permit:
        """Take a permit, or be turned away at once.

        Raises:
            Overloaded: the house is full; try again after about the time that a document takes at present.
        """
        if self._in_flight >= self._max_documents:
            self._metrics.refusals.inc()
            raise Overloaded(
                f"{self._max_documents} documents are being read already, the most that are admitted at once",
                retry_after_s=self._mean_service_s,
            )
        self._in_flight += 1
        self._metrics.in_flight.set(self._in_flight)
        return Permit(self)

    def leave(self, service_s: float) -> None:
        """Count a document out that spent ``service_s`` in the house."""
        self._in_flight -= 1
        self._metrics.in_flight.set(self._in_flight)
        self._mean_service_s += _SMOOTHING * (service_s - self._mean_service_s)

    @asynccontextmanager
    async def reading_place(self) -> AsyncIterator[None]:
        """Wait for a place among those that are read now. Places are handed out in order of arrival."""
        async with self._reading_places:
            yield
