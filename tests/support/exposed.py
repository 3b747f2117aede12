"""Which metrics and labels the services expose: of the very objects that register them, in one registry."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from async_worker.dead_letters import DeadLetters
from async_worker.dispatcher import WorkSender
from async_worker.document_retention import DocumentRetention
from async_worker.intake.role import Intake
from async_worker.stages.metrics import StageMetrics
from async_worker.sweeper import Sweeper
from async_worker.tenants import TenantPolicies
from async_worker.webhooks.role import WebhookSender
from ocr_core.adapters.model_metrics import ModelMetrics
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.opener_metrics import FORBIDDEN_CALL, FORGERY, OpenerMetrics
from ocr_core.adapters.queue import SqsQueues
from ocr_core.adapters.remembered.memory import Kind, Memory
from ocr_core.contracts import errors
from ocr_core.contracts.access import HouseTenant
from ocr_core.service.quotas import SyncQuotas
from ocr_core.service.refusals import Reason, Refusals
from ocr_core.settings import (
    BulkSettings,
    ObjectStoreSettings,
    QueueSettings,
    RememberSettings,
    StorageSettings,
    WebhookSettings,
)
from ocr_core.telemetry import Metrics
from postprocess_svc.partners.store import PartnerStore
from postprocess_svc.quality import FOUND, NULL, Quality
from preprocess_svc.admission_metrics import AdmissionMetrics, Outcome
from preprocess_svc.keeping import DocumentKeeper

Labels = dict[str, set[str]]
"""Names of labels, each with the values that it may have; none where they are as they come."""

_CODES = {error.code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "code")}
_VALUES: dict[str, Labels] = {
    "ocr_requests": {"code": {*_CODES, "", "client_disconnected"}, "route": {"/v1/ocr"}},
    "ocr_request_duration_seconds": {"route": {"/v1/ocr"}},
    "ocr_stage_duration_seconds": {
        "stage": {"fetch", "wait", "open", "detect", "recognise", "structure", "write", "total"}
    },
    "ocr_pages": {"outcome": {"read", "unread", "unreadable"}},
    "ocr_admission_outcomes": {"outcome": {outcome.value for outcome in Outcome}},
    "ocr_access_refusals": {"reason": {reason.value for reason in Reason}},
    "ocr_opener_violations": {"kind": {FORBIDDEN_CALL, FORGERY}},
    "ocr_fields": {"outcome": {FOUND, NULL}, "field": {"total_amount"}},
    "ocr_model_request_failures": {"code": _CODES},
    "ocr_dependency_up": {
        "dependency": {"models", "postprocess", "file opener", "API keys", "job database", "object store", "queues"}
    },
    "ocr_bulk_attempts": {"outcome": {"read", "split", "done", "failed", "retried", "lost", "unanswered"}},
    "ocr_bulk_intake_messages": {"outcome": {"taken", "nothing_new", "refused", "failed"}},
    "ocr_bulk_webhook_attempts": {"outcome": {"delivered", "failed", "given_up"}},
    "ocr_bulk_swept": {"what": {"expired_leases", "exhausted", "cut_times", "expired_keys"}},
}

_PER_MODEL: Labels = {"model": set(), "version": set()}
TRITON: dict[str, Labels] = {
    "nv_inference_queue_duration_us": _PER_MODEL,
    "nv_inference_compute_infer_duration_us": _PER_MODEL,
    "nv_inference_request_success": _PER_MODEL,
    "nv_inference_count": _PER_MODEL,
    "nv_inference_exec_count": _PER_MODEL,
    "nv_inference_pending_request_count": _PER_MODEL,
    "nv_cpu_utilization": {},
}
"""What rules and dashboards ask of Triton; ``tests/integration/test_alerts_stack.py`` finds them in a real one."""
TRITON_GPU: dict[str, Labels] = {
    "nv_gpu_utilization": {"gpu_uuid": set()},
    "nv_gpu_memory_used_bytes": {"gpu_uuid": set()},
}
"""What only a Triton with a GPU has, by its documentation:
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html#gpu-metrics"""


@cache
def exposed(*, families: bool = False) -> dict[str, Labels]:
    """Every sample, or every family by its first sample's name, with its labels."""
    found: dict[str, Labels] = {} if families else dict(TRITON)
    registry = _all_of_them().registry
    for collector in registry._collector_to_names:
        for family in cast("Any", collector).describe() if hasattr(collector, "describe") else collector.collect():
            names = getattr(collector, "_labelnames", ())
            labels = {name: _VALUES.get(family.name, {}).get(name, set()) for name in names}
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            if families:
                found[f"{family.name}{'_total' if family.type == 'counter' else ''}"] = labels
            else:
                found |= {f"{family.name}{suffix}": labels for suffix in suffixes}
    return found


def _all_of_them() -> Metrics:
    """Every metric of every service in one registry. Nothing of it is started, and nothing is asked of anybody."""
    metrics = Metrics()
    nobody: Any = None
    queues, objects = SqsQueues(QueueSettings()), S3ObjectStore(ObjectStoreSettings(), StorageSettings())
    AdmissionMetrics(metrics)
    ModelMetrics(metrics)
    OpenerMetrics(metrics)
    Quality(metrics)
    StageMetrics(metrics)
    SyncQuotas(metrics)
    Memory(RememberSettings(), kind=Kind.ANSWER, metrics=metrics)
    DocumentKeeper(objects=nobody, store=nobody, budget=nobody, jpeg_quality=80, keep_timeout_s=1.0, metrics=metrics)
    Refusals(note=nobody, metrics=metrics)
    PartnerStore(Path("partners.csv"), look_every_s=1.0, metrics=metrics)
    Sweeper(store=nobody, blocking=nobody, lease_s=30, metrics=metrics)
    WorkSender(store=nobody, queues=queues, blocking=nobody, window=1, metrics=metrics)
    DeadLetters(store=nobody, queues=queues, blocking=nobody, metrics=metrics)
    policies = TenantPolicies(house=HouseTenant(name="default"))
    Intake(
        store=nobody,
        queues=queues,
        objects=objects,
        policies=policies,
        blocking=nobody,
        settings=BulkSettings(),
        metrics=metrics,
    )
    DocumentRetention(
        documents=nobody,
        removal=nobody,
        policies=policies,
        objects=objects,
        blocking=nobody,
        metrics=metrics,
    )
    WebhookSender(
        store=nobody, objects=objects, blocking=nobody, settings=WebhookSettings(), policies=policies, metrics=metrics
    )
    return metrics
