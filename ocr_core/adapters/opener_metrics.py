"""What the file opener tells on ``/metrics``: what its children took, and what none of them may do."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from ocr_core.contracts.pool_wire import PoolMessage
from ocr_core.telemetry import Metrics, observe

FORBIDDEN_CALL, FORGERY = "forbidden_call", "forgery"

_CPU_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
_MEMORY_BUCKETS_BYTES = tuple(float(mib << 20) for mib in (128, 160, 192, 256, 384, 512, 768, 1_024, 1_280))


class OpenerMetrics:
    """Registers with a process's own metrics."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.violations = Counter(
            "ocr_opener_violations",
            "What no honest decoder does: a forbidden system call, or an answer that cannot be.",
            ("kind",),
            registry=registry,
        )
        for kind in (FORBIDDEN_CALL, FORGERY):
            self.violations.labels(kind)
        self.cpu = Histogram(
            "ocr_opener_child_cpu_seconds",
            "Processor time of one file's process.",
            buckets=_CPU_BUCKETS_S,
            registry=registry,
        )
        self.memory = Histogram(
            "ocr_opener_child_memory_bytes",
            "The most memory of one file's process, what all of them share included.",
            buckets=_MEMORY_BUCKETS_BYTES,
            registry=registry,
        )

    def note_exit(self, exited: PoolMessage) -> None:
        """A child has ended, in whatever way."""
        observe(self.cpu, exited.cpu_ms / 1_000)
        self.memory.observe(exited.peak_memory_kib * 1_024)
