"""What scales what: by metrics that our services really have, and queries that Prometheus itself answers as meant."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from async_worker.blocking import Blocking
from async_worker.sweeper import Sweeper
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.jobs import Stage, StoreRules
from ocr_core.settings import BulkSettings, PreprocessSettings
from ocr_core.telemetry import Metrics
from preprocess_svc.admission_metrics import AdmissionMetrics
from tests.support.alerts import OBSERVABILITY, RULES, alerts
from tests.support.kubernetes import EVERYTHING, Cluster, Manifest, main_container, rendered
from tests.support.prometheus import run_promtool_cases

TIMEOUT_S = 5
"""The sync API's own default for a whole request (api.md)."""
TRITONS = {"nv_inference_queue_duration_us", "nv_inference_request_success"}
"""See ``loadtest/triton_metrics.py``."""


@pytest.fixture(params=EVERYTHING)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return rendered(request.param)


def trigger(cluster: Cluster, scaled: str, kind: str = "prometheus") -> Manifest:
    """Its metadata, of the one of a kind."""
    (found,) = [
        item["metadata"] for item in cluster.of("ScaledObject")[scaled]["spec"]["triggers"] if item["type"] == kind
    ]
    return dict(found)


def scalers(cluster: Cluster) -> list[str]:
    """Whom each scaler scales, in any of the two ways."""
    return [
        item["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for item in cluster.of(kind).values()
    ]


def test_nobody_is_scaled_by_two_and_who_is_scaled_has_no_number_of_its_own(cluster: Cluster) -> None:
    scaled = scalers(cluster)
    assert len(scaled) == len(set(scaled))
    assert {"preprocess", "postprocess", "triton", "bulk-api", "bulk-read", "bulk-structure"} <= set(scaled)
    deployments = cluster.of("Deployment")
    for name in set(scaled) - {"bulk-intake"}:
        # A number in the manifest would undo the scaler's at every rollout.
        assert "replicas" not in deployments[name]["spec"], name


def test_workers_are_scaled_by_age_and_triton_by_its_queue(cluster: Cluster) -> None:
    assert trigger(cluster, "bulk-read")["query"].startswith("max(ocr_bulk_oldest_seconds{")
    assert trigger(cluster, "bulk-structure")["query"].startswith("max(ocr_bulk_oldest_seconds{")
    assert "nv_inference_queue_duration_us" in trigger(cluster, "triton")["query"]


def test_a_prometheus_that_is_gone_scales_nobody_down(cluster: Cluster) -> None:
    for item in cluster.of("ScaledObject").values():
        assert item["spec"]["fallback"]["behavior"] == "currentReplicasIfHigher"
        for found in item["spec"]["triggers"]:
            # Nothing found is an error, and not a zero.
            assert found["metadata"].get("ignoreNullValues", "false") == "false"


def test_stages_and_namespace_of_the_queries_are_there(cluster: Cluster) -> None:
    told: set[str] = set()
    for name in ("bulk-read", "bulk-structure"):
        stages = re.search(r'stage=~?"([a-z_|]+)"', trigger(cluster, name)["query"])
        assert stages is not None
        told |= set(stages[1].split("|"))
    assert told == {stage.value for stage in Stage}
    for scaled in ("preprocess", "triton", "bulk-read", "bulk-structure"):
        named = re.findall(r'namespace="(.*?)"', trigger(cluster, scaled)["query"])
        assert set(named) == set(cluster.of("Namespace"))


def test_metrics_of_the_queries_are_those_that_the_services_have(cluster: Cluster, tmp_path: Path) -> None:
    metrics = Metrics()
    AdmissionMetrics(metrics)
    rules = StoreRules(lease_s=30, max_attempts=5, resend_first_s=30, resend_max_s=600)
    with (
        Blocking(threads=1) as blocking,
        SqlJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite3'}", rules=rules, pool_size=1) as store,
    ):
        Sweeper(store=store, blocking=blocking, lease_s=30, metrics=metrics)
    ours = {family.name for family in metrics.registry.collect()}
    for scaled in ("preprocess", "triton", "bulk-read", "bulk-structure"):
        used = set(re.findall(r"\b(ocr_\w+|nv_\w+)\b", trigger(cluster, scaled)["query"]))
        assert used
        assert used <= ours | TRITONS


def test_preprocess_is_given_more_before_documents_are_refused(cluster: Cluster) -> None:
    door = float(trigger(cluster, "preprocess")["threshold"])
    assert door < PreprocessSettings().deadline_share * TIMEOUT_S / 2


def test_the_door_closes_its_eyes_where_triton_scales(cluster: Cluster) -> None:
    """One threshold on both sides: above it Triton grows, below it the pixel side does."""
    bound = re.search(r"<= bool ([0-9.]+)", trigger(cluster, "preprocess")["query"])
    assert bound is not None
    assert float(bound[1]) == float(trigger(cluster, "triton")["threshold"])


def test_alerts_and_dashboard_call_triton_short_where_it_scales(cluster: Cluster, tmp_path: Path) -> None:
    """Prometheus finds out by itself whether there are GPUs; a cluster is told by its overlay."""
    limits = main_container(cluster.pods()["triton"])["resources"]["limits"]
    series = {'nv_inference_request_success{part_of="yomitori", model="text_detection"}': "0+60x10"}
    if any("gpu" in resource for resource in limits):
        series['nv_gpu_utilization{part_of="yomitori", gpu_uuid="GPU-1"}'] = "0x10"
    bound = float(trigger(cluster, "triton")["threshold"])
    case = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": "max(yomitori:triton_queue_short_seconds)",
                        "eval_time": "8m",
                        "exp_samples": [{"labels": "{}", "value": bound}],
                    }
                ],
            }
        ],
    }
    run_promtool_cases(case, tmp_path)


def test_no_rule_or_panel_has_a_bound_of_its_own_for_tritons_queue() -> None:
    told = [rule["expr"] for rule in alerts().values()]
    for file in (OBSERVABILITY / "grafana" / "dashboards").glob("*.json"):
        told += [
            target["expr"] for panel in json.loads(file.read_text())["panels"] for target in panel.get("targets", [])
        ]
    compared = [expression for expression in told if "yomitori:triton_queue_seconds" in expression]
    assert len(compared) >= 4
    for expression in compared:
        assert "yomitori:triton_queue_short_seconds" in expression
        assert not re.search(r"triton_queue_seconds\s*(?:<|>|==)[=\s]*[0-9]", expression), expression


def test_queue_lengths_ask_for_no_more_than_the_busy(cluster: Cluster) -> None:
    if "aws-sqs-queue" not in str(cluster.of("ScaledObject")):
        return
    bulk = BulkSettings()
    in_hand = {"bulk-read": bulk.read_documents, "bulk-structure": bulk.structure_documents}
    for name, count in in_hand.items():
        assert int(trigger(cluster, name, "aws-sqs-queue")["queueLength"]) == 2 * count


# --- The queries, answered by Prometheus


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A cluster's metrics, and what a query is to make of them."""

    what: str
    scaled: str
    series: dict[str, str]
    """As promtool writes them: a value, and by how much it grows with each minute."""
    wanted: float | None
    """Null: no answer, which KEDA takes as a failure."""


def _triton(queue_s: float, requests: int = 600) -> dict[str, str]:
    """Two pods, each with so many requests a minute that waited for so long."""
    made = {}
    for pod in ("triton-a", "triton-b"):
        labels = f'{{namespace="yomitori", pod="{pod}", model="text_detection", version="1"}}'
        made["nv_inference_queue_duration_us" + labels] = f"0+{int(queue_s * 1e6 * requests)}x10"
        made["nv_inference_request_success" + labels] = f"0+{requests}x10"
    return made


def _door(first_s: float, second_s: float) -> dict[str, str]:
    return {
        'ocr_admission_wait_seconds{namespace="yomitori", pod="preprocess-a"}': f"{first_s}x10",
        'ocr_admission_wait_seconds{namespace="yomitori", pod="preprocess-b"}': f"{second_s}x10",
        'ocr_admission_wait_seconds{namespace="elsewhere", pod="preprocess-c"}': "99x10",
    }


def _ages(**stages: float) -> dict[str, str]:
    """Two dispatchers, of which one has looked a little earlier."""
    made = {}
    for stage, age_s in stages.items():
        for pod, late in (("a", 0), ("b", 10)):
            labels = f'{{namespace="yomitori", pod="bulk-dispatcher-{pod}", stage="{stage}"}}'
            made["ocr_bulk_oldest_seconds" + labels] = f"{max(0, age_s - late)}x10"
    return made


MOMENTS = [
    Moment(what="the pixel side is short", scaled="preprocess", series=_door(2, 4) | _triton(0.01), wanted=3),
    Moment(
        what="Triton is short, so the door says nothing",
        scaled="preprocess",
        series=_door(2, 4) | _triton(0.4),
        wanted=0,
    ),
    Moment(
        what="Triton answers nobody, so the door says nothing",
        scaled="preprocess",
        series=_door(2, 4) | _triton(0, requests=0),
        wanted=0,
    ),
    Moment(what="a quiet house", scaled="preprocess", series=_door(0, 0) | _triton(0, requests=0), wanted=0),
    Moment(what="no metrics of Triton", scaled="preprocess", series=_door(2, 4), wanted=None),
    Moment(what="requests wait", scaled="triton", series=_triton(0.4), wanted=0.4),
    Moment(what="nobody asks", scaled="triton", series=_triton(0, requests=0), wanted=0),
    Moment(what="no Triton", scaled="triton", series={}, wanted=None),
    Moment(
        what="a range of pages waits longest",
        scaled="bulk-read",
        series=_ages(read=40, read_range=130, structure=999),
        wanted=130,
    ),
    Moment(what="readings wait", scaled="bulk-structure", series=_ages(read=999, structure=70), wanted=70),
    Moment(what="no dispatcher", scaled="bulk-read", series={}, wanted=None),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment.scaled}: {moment.what}")
def test_prometheus_answers_as_meant(moment: Moment, tmp_path: Path) -> None:
    query = trigger(rendered("cpu"), moment.scaled)["query"]
    # A number that is none (scalar of nothing) is an answer to promtool; KEDA takes it for a failure as well.
    expression = f"({query}) >= 0" if moment.wanted is None else query
    samples = [] if moment.wanted is None else [{"labels": "{}", "value": moment.wanted}]
    case = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in moment.series.items()],
                "promql_expr_test": [{"expr": expression, "eval_time": "8m", "exp_samples": samples}],
            }
        ],
    }
    run_promtool_cases(case, tmp_path)
