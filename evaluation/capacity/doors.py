"""Doors of the sync road beside the one that ships, to be compared with it: docs/adr/0015.

Each is the service's ``Admission`` with another rule for who is let in. None of the others looks at deadlines, neither
at the door nor when a document's turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ocr_core.contracts.deadline import Deadline
from ocr_core.telemetry import Metrics
from preprocess_svc.admission import Admission, Permit
from preprocess_svc.admission_metrics import AdmissionMetrics, Outcome

if TYPE_CHECKING:
    from evaluation.capacity.cell import Cell

Door = Callable[["Cell", Callable[[], float]], Admission]
"""Makes the admission of a cell, on a clock."""


def by_estimate(cell: Cell, now_s: Callable[[], float]) -> Admission:
    """As the service has it."""
    return Admission(**_options(cell, now_s))


class _Counted(Admission):
    """A limit on documents in the house, and nothing else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._limit = float(self._max_documents)
        self._entered_s: dict[int, float] = {}

    def enter(self, deadline: Deadline) -> Permit:
        permit = super().enter(deadline)
        self._entered_s[permit.number] = self._now_s()
        return permit

    def leave(self, permit: Permit) -> None:
        entered_s = self._entered_s.pop(permit.number, None)
        if entered_s is not None:
            allowed_s = permit.deadline_s - entered_s
            self._learn(self._now_s() - entered_s, allowed_s)
        super().leave(permit)

    def _learn(self, latency_s: float, allowed_s: float) -> None:
        """What a document took that has left."""

    def _check(self, newcomer: Permit, pages: float) -> None:
        del pages
        if newcomer.number not in self._house and len(self._house) >= max(1, int(self._limit)):
            raise self._refusal(Outcome.HOUSE_FULL, "the limit is reached", retry_after_s=1.0)

    def _is_hopeless(self, permit: Permit) -> bool:
        del permit
        return False


class _Aimd(_Counted):
    """One more for every houseful of prompt answers, a tenth less for every slow one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._limit = 8.0

    def _learn(self, latency_s: float, allowed_s: float) -> None:
        if latency_s > self._deadline_share * allowed_s:
            self._limit = max(1.0, 0.9 * self._limit)
        elif self.in_flight >= self._limit / 2:
            self._limit = min(float(self._max_documents), self._limit + 1 / self._limit)


class _Gradient2(_Counted):
    """Netflix's concurrency-limits with its defaults, but a queue of two: latency of late against that of long."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._limit = 8.0
        self._long_s = 0.0
        self._seen = 0

    def _learn(self, latency_s: float, allowed_s: float) -> None:
        del allowed_s
        self._seen += 1
        weight = max(1 / self._seen, 2 / 601)
        self._long_s += weight * (latency_s - self._long_s)
        if self._long_s > 2 * latency_s:
            self._long_s *= 0.95
        if self.in_flight < self._limit / 2:
            return
        gradient = max(0.5, min(1.0, 1.5 * self._long_s / latency_s))
        wanted = self._limit * gradient + 2
        self._limit = max(1.0, min(float(self._max_documents), 0.8 * self._limit + 0.2 * wanted))


DOORS: Mapping[str, Door] = {
    "at most 32": lambda cell, now_s: _Counted(**_options(cell, now_s)),
    "Gradient2": lambda cell, now_s: _Gradient2(**_options(cell, now_s)),
    "AIMD": lambda cell, now_s: _Aimd(**_options(cell, now_s)),
    "by estimate": by_estimate,
}
"""By name."""


def _options(cell: Cell, now_s: Callable[[], float]) -> dict[str, Any]:
    return {
        "max_documents": cell.max_documents,
        "max_reading": cell.reading_places,
        "deadline_share": cell.deadline_share,
        "metrics": AdmissionMetrics(Metrics()),
        "now_s": now_s,
    }
