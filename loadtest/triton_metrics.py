"""Triton's own account of its models: how long requests waited, and how large the batches were.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html
"""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

COUNTERS = {
    "nv_inference_request_success": "requests",
    "nv_inference_request_failure": "failures",
    "nv_inference_count": "rows",
    "nv_inference_exec_count": "batches",
    "nv_inference_queue_duration_us": "queue_us",
    "nv_inference_compute_infer_duration_us": "compute_us",
    "nv_inference_pending_request_count": "pending",
}
"""What is kept of it, by the name that it has here. All but ``pending`` only grow."""
TIMEOUT_S = 5.0

ModelCounters = dict[str, dict[str, float]]
"""Counters by model."""


def read_triton(url: str) -> ModelCounters:
    """The counters at this moment; nothing where Triton does not answer, as while it is started again."""
    try:
        answer = httpx.get(url, timeout=TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError:
        return {}
    return parse_triton(answer.text)


def parse_triton(text: str) -> ModelCounters:
    """The counters in Triton's exposition, versions of a model and reasons of failures added up."""
    counters: ModelCounters = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = COUNTERS.get(sample.name.removesuffix("_total")) or COUNTERS.get(sample.name)
            if name is not None:
                model = counters.setdefault(sample.labels["model"], {})
                model[name] = model.get(name, 0.0) + sample.value
    return counters
