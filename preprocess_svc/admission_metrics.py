"""What admission tells of itself on ``/metrics``."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import Counter, Gauge

from ocr_core.telemetry import Metrics


class Outcome(StrEnum):
    """What became of a document at the door, or behind it."""

    ADMITTED = "admitted"
    HOUSE_FULL = "house_full"
    """Refused: as many documents as may be are in the house."""
    TOO_LATE = "too_late"
    """Refused: it, or one that was let in before, would have been answered too late."""
    BECAME_LATE = "became_late"
    """Let in, and refused when its turn came: the house had become slower meanwhile."""


class AdmissionMetrics:
    """Registers with a service's own metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.outcomes = Counter(
            "ocr_admission_outcomes",
            "Documents at the door of the sync road, by what became of them there.",
            ("outcome",),
            registry=metrics.registry,
        )
        for outcome in Outcome:
            self.outcomes.labels(outcome.value)
        self.reading = Gauge("ocr_documents_reading", "Documents that are being read.", registry=metrics.registry)
        self.wait = Gauge(
            "ocr_admission_wait_seconds",
            "How long the work that is in the house would take, by the estimate.",
            registry=metrics.registry,
        )
        self.page = Gauge(
            "ocr_admission_page_seconds",
            "How long the house takes for a page, of late.",
            registry=metrics.registry,
        )

    def count(self, outcome: Outcome) -> None:
        """One more."""
        self.outcomes.labels(outcome.value).inc()
        if outcome is not Outcome.ADMITTED:
            self._metrics.refusals.inc()

    def show(self, *, in_house: int, reading: int, wait_s: float, page_s: float) -> None:
        """How things stand."""
        self._metrics.in_flight.set(in_house)
        self.reading.set(reading)
        self.wait.set(wait_s)
        self.page.set(page_s)
