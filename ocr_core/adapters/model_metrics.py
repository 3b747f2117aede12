"""What calls of the models tell on ``/metrics``, as their caller sees them; Triton has the other side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import DeadlineExceeded, InternalError, NotReady, OcrError, Overloaded
from ocr_core.contracts.tensors import MODELS
from ocr_core.telemetry import Metrics, observe

# From a recogniser's batch on a GPU to the longest deadline of the sync road.
_DURATION_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30.0)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


class ModelMetrics:
    """Registers with a process's own metrics."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.duration = Histogram(
            "ocr_model_request_duration_seconds",
            "Time that a request to a model took, its wait in Triton's queue included.",
            ("model", "priority"),
            buckets=_DURATION_BUCKETS_S,
            registry=registry,
        )
        self.batch = Histogram(
            "ocr_model_request_rows",
            "Images, or crops of lines, in one request to a model; Triton may put several requests together.",
            ("model",),
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.failures = Counter(
            "ocr_model_request_failures",
            "Requests to a model that came to nothing, by the error's code.",
            ("model", "code"),
            registry=registry,
        )
        for model in MODELS:
            for error in (DeadlineExceeded, InternalError, NotReady, Overloaded):
                self.failures.labels(model.name, error.code)

    @contextmanager
    def request(self, model: str, priority: Priority, *, batch: int) -> Iterator[None]:
        """Around one request; one that is cancelled counts for nothing."""
        started_s = time.perf_counter()
        try:
            yield
        except OcrError as error:
            self.failures.labels(model, error.code).inc()
            raise
        observe(self.duration.labels(model, priority.value), time.perf_counter() - started_s)
        self.batch.labels(model).observe(batch)
