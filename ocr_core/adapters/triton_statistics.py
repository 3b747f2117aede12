"""How long requests have waited in Triton's queue of late, and what it computed for, for the spans of our calls.

Triton's answers do not tell it of the single request. Its statistics have sums, so what is told here is a mean over the
last seconds; asked for while tracing is on, at most every ``REFRESH_S``, and never waited for. A Triton that makes
spans itself (``--trace-config mode=opentelemetry``) tells of each request, as children of ours.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from tritonclient.utils import InferenceServerException

from ocr_core.tracing import Facts

REFRESH_S = 2.0
_NS_PER_MS = 1e6
_NOTHING: Facts = {}


class StatisticsClient(Protocol):
    """Of Triton's client, what is needed here."""

    async def get_inference_statistics(self, model_name: str, *, client_timeout: float) -> object:
        """``ModelStatisticsResponse`` of https://github.com/triton-inference-server/common ``grpc_service.proto``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Since the server's start."""

    requests: int
    queue_ns: int
    compute_ns: int
    rows: int
    executions: int


class TritonStatistics:
    """Of one Triton. Used from one event loop."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._sums: dict[str, _Sums] = {}
        self._facts: dict[str, Facts] = {}
        self._asked_s: dict[str, float] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def facts_of(self, model: str, client: StatisticsClient) -> Facts:
        """What is known of a model, for a span; nothing at first. What is old is asked for anew meanwhile."""
        now_s = time.monotonic()
        if now_s - self._asked_s.get(model, float("-inf")) >= REFRESH_S:
            self._asked_s[model] = now_s
            task = asyncio.create_task(self._ask(model, client))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return self._facts.get(model, _NOTHING)

    async def close(self) -> None:
        """Ask no more."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self, model: str, client: StatisticsClient) -> None:
        try:
            answer = await client.get_inference_statistics(model, client_timeout=self._timeout_s)
        except InferenceServerException:
            return
        now = _sums(answer)
        before, self._sums[model] = self._sums.get(model), now
        if before is not None and now.requests > before.requests:
            self._facts[model] = _means(before, now)


def _sums(answer: object) -> _Sums:
    """Of all versions of the model together."""
    versions = list(getattr(answer, "model_stats", ()))
    stats = [version.inference_stats for version in versions]
    return _Sums(
        requests=sum(each.success.count for each in stats),
        queue_ns=sum(each.queue.ns for each in stats),
        compute_ns=sum(each.compute_input.ns + each.compute_infer.ns + each.compute_output.ns for each in stats),
        rows=sum(version.inference_count for version in versions),
        executions=sum(version.execution_count for version in versions),
    )


def _means(before: _Sums, now: _Sums) -> Facts:
    requests = now.requests - before.requests
    return {
        "ocr.triton.mean_queue_ms": round((now.queue_ns - before.queue_ns) / requests / _NS_PER_MS, 2),
        "ocr.triton.mean_compute_ms": round((now.compute_ns - before.compute_ns) / requests / _NS_PER_MS, 2),
        "ocr.triton.mean_batch": round((now.rows - before.rows) / max(now.executions - before.executions, 1), 2),
    }
