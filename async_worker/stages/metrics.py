"""What the stage workers count, in the registry of their process."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from ocr_core.contracts.jobs import Stage
from ocr_core.telemetry import Metrics

# From the text of one page to a range of fifty.
_STAGE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)


class StageMetrics:
    """Made once a process; its consumers share it."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.attempts = Counter(
            "ocr_bulk_attempts", "Attempts ended, by stage and outcome.", ("stage", "outcome"), registry=registry
        )
        for stage in Stage:
            self.attempts.labels(stage.value, "failed")
        self.duration = Histogram(
            "ocr_bulk_stage_duration_seconds",
            "Time from claim to close of an attempt that came to an end of its own.",
            ("stage",),
            buckets=_STAGE_BUCKETS_S,
            registry=registry,
        )
        self.queue_wait = Histogram(
            "ocr_bulk_queue_wait_seconds",
            "Time from a message's sending to the claim of its work, by stage.",
            ("stage",),
            buckets=_STAGE_BUCKETS_S,
            registry=registry,
        )
        self.in_hand = Gauge(
            "ocr_bulk_in_hand", "Messages in hand, waiting for a place or worked on.", ("role",), registry=registry
        )
        self.refusals = Counter(
            "ocr_bulk_claims_refused", "Messages that asked for nothing, by reason.", ("reason",), registry=registry
        )
        self.malformed = Counter(
            "ocr_bulk_malformed_messages", "Messages put among the dead letters unread.", ("role",), registry=registry
        )
        self.lost_leases = Counter(
            "ocr_bulk_leases_lost", "Leases that were gone at a heartbeat or at the end.", ("stage",), registry=registry
        )
        self.missed_beats = Counter(
            "ocr_bulk_heartbeats_missed", "Heartbeats that nobody answered.", ("what",), registry=registry
        )
        self.faults = Counter(
            "ocr_bulk_faults", "Deliveries that met a fault of ours around the work.", ("role",), registry=registry
        )
        self.receive_errors = Counter(
            "ocr_bulk_receive_errors", "Receives that the queue did not answer.", ("role",), registry=registry
        )
        self.pages = metrics.pages
        self.steps = metrics.stage_duration
