"""Triton's counters, out of what its metrics endpoint writes."""

from __future__ import annotations

from loadtest.triton_metrics import parse_triton, read_triton

EXPOSITION = """\
# HELP nv_inference_request_success Number of successful inference requests, all batch sizes
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="text_detection",version="1"} 12
nv_inference_request_success{model="text_recognition",version="1"} 40
# HELP nv_inference_request_failure Number of failed inference requests, all batch sizes
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="text_detection",reason="CANCELED",version="1"} 2
nv_inference_request_failure{model="text_detection",reason="OTHER",version="1"} 1
# HELP nv_inference_count Number of inferences performed (does not include cached requests)
# TYPE nv_inference_count counter
nv_inference_count{model="text_recognition",version="1"} 130
# HELP nv_inference_exec_count Number of model executions performed (does not include cached requests)
# TYPE nv_inference_exec_count counter
nv_inference_exec_count{model="text_recognition",version="1"} 38
# HELP nv_inference_queue_duration_us Cumulative inference queuing duration in microseconds
# TYPE nv_inference_queue_duration_us counter
nv_inference_queue_duration_us{model="text_recognition",version="1"} 91000
# HELP nv_inference_pending_request_count Instantaneous number of pending requests awaiting execution per-model.
# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{model="text_recognition",version="1"} 6
# HELP nv_cpu_utilization CPU utilization rate [0.0 - 1.0]
# TYPE nv_cpu_utilization gauge
nv_cpu_utilization 0.5
"""


def test_counters_are_kept_by_model_and_reasons_added_up() -> None:
    assert parse_triton(EXPOSITION) == {
        "text_detection": {"requests": 12.0, "failures": 3.0},
        "text_recognition": {"requests": 40.0, "rows": 130.0, "batches": 38.0, "queue_us": 91_000.0, "pending": 6.0},
    }


def test_a_triton_that_does_not_answer_is_no_error() -> None:
    assert read_triton("http://127.0.0.1:1/metrics") == {}
