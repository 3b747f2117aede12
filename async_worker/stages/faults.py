"""Faults of our own, around the work: what slows a worker down, and in the end makes it start afresh.

A fault in the work itself fails its document. One around it (in what closes it, or counts it) meets every document
alike: a worker that went on at full pace would use up the attempts of all of them within seconds.
"""

from __future__ import annotations

import logging

from async_worker.loops import Backoff
from async_worker.stages.metrics import StageMetrics

_log = logging.getLogger(__name__)

OURS_FROM_DOCUMENTS = 3
"""Faults in a row on so many documents say that no document is to blame; then their attempts do not count."""
GIVE_UP_AFTER = 20
"""So many in a row end the process: a fresh one may fare better, and whoever watches over it learns of it."""
PACE = Backoff(first_s=1.0, max_s=60.0)


class TooManyFaults(RuntimeError):
    """Nothing but faults, one after the other."""


class Faults:
    """A consumer's, in a row; any attempt that ends in its own way ends the row."""

    def __init__(self, *, role: str, metrics: StageMetrics, pace: Backoff = PACE) -> None:
        self._role = role
        self._metrics = metrics
        metrics.faults.labels(role)
        metrics.malformed.labels(role)
        self._pace = pace
        self._documents: set[str] = set()
        self._last: BaseException | None = None
        self.in_a_row = 0
        self.wait_s = 0.0
        """Before anything new is taken, and before what met the last fault comes again; 0 where there is none."""

    def add(self, error: BaseException, *, document_id: str | None = None) -> None:
        """Count one more; the log tells of the 1st, 2nd, 4th, 8th and so on."""
        self.in_a_row += 1
        self.wait_s = self._pace.wait_s(self.in_a_row)
        self._last = error
        if document_id is not None:
            self._documents.add(document_id)
        self._metrics.faults.labels(self._role).inc()
        if self.in_a_row & (self.in_a_row - 1) == 0:
            _log.error(
                "A delivery met a fault of ours",
                extra={"action": "bulk.fault", "role": self._role, "in_a_row": self.in_a_row},
                exc_info=(type(error), error, error.__traceback__),
            )

    def clear(self) -> None:
        """An attempt ended in its own way."""
        if self.in_a_row > 1:
            _log.info(
                "Attempts end well again",
                extra={"action": "bulk.fault_over", "role": self._role, "in_a_row": self.in_a_row},
            )
        self.in_a_row, self.wait_s, self._last = 0, 0.0, None
        self._documents.clear()

    @property
    def are_ours(self) -> bool:
        """Whether the documents that met them are surely not to blame."""
        return len(self._documents) >= OURS_FROM_DOCUMENTS

    def check(self) -> None:
        """Raise ``TooManyFaults`` where there is no sense in going on."""
        if self.in_a_row >= GIVE_UP_AFTER:
            raise TooManyFaults(f"{self.in_a_row} faults in a row") from self._last
