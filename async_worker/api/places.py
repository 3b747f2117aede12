"""How many of a kind of request are in the house at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ocr_core.contracts.errors import Overloaded
from ocr_core.telemetry import Metrics

_RETRY_AFTER_S = 2.0


class Place:
    """The right to be in the house; given back once."""

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places

    def release(self) -> None:
        """Leave. A second call does nothing."""
        if self._places is not None:
            self._places.taken -= 1
            self._places = None


class Places:
    """A bounded number of places, given out at once or not at all. Used from one event loop only."""

    def __init__(self, count: int, *, what: str, metrics: Metrics) -> None:
        """Store the bound.

        Args:
            count: How many there are.
            what: What takes them, in the plural, for the refusal.
            metrics: Where refusals are counted.
        """
        self._count = count
        self._what = what
        self._metrics = metrics
        self.taken = 0

    def take(self) -> Place:
        """A place, to be released by the caller.

        Raises:
            Overloaded: all are taken.
        """
        if self.taken >= self._count:
            self._metrics.refusals.inc()
            raise Overloaded(
                f"{self._count} {self._what} are under way already, the most at once", retry_after_s=_RETRY_AFTER_S
            )
        self.taken += 1
        return Place(self)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A place for as long as the block runs.

        Raises:
            Overloaded: all are taken.
        """
        place = self.take()
        try:
            yield
        finally:
            place.release()
