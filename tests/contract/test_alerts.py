"""Every alert rule fires at the numbers that it is for, and at no others; all that rules and dashboards name is there.

``tests/integration/test_alerts_*.py`` bring the causes about on real services; here Prometheus' own promtool is given
series. A rule without both of its tests is a failure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_stack import rules as rules_command
from tests.support.alerts import OBSERVABILITY, ROOT, RULES, alerts, grouped_by, matchers_of, metrics_of, records
from tests.support.exposed import TRITON_GPU, exposed
from tests.support.kubernetes import rendered, rendered_with
from tests.support.prometheus import run_promtool, run_promtool_cases

DASHBOARDS = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))
FROM_SCRAPING = {"up", "namespace", "service", "part_of", "instance", "job"}
"""A metric and labels that Prometheus itself puts to what it scrapes."""
OURS = ("part_of", "yomitori")
"""A label of every target of ours, and of nobody else's."""
RECORDED_LABELS = {"namespace", "service", "document_type", "field"}


# --- By numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Series, and whether a rule is to fire once they have gone on like that."""

    alert: str
    what: str
    series: Mapping[str, str]
    """As promtool writes them."""
    fires: bool = True
    minutes: int = 20
    every_minutes: int = 1
    """Between two values, and two evaluations."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """That the alert is to carry."""


def _share(name: str, bad: str, good: str, *, bad_each: float, good_each: float, minutes: int = 90) -> dict[str, str]:
    return {f"{name}{bad}": f"0+{bad_each}x{minutes}", f"{name}{good}": f"0+{good_each}x{minutes}"}


def _triton(queue_s: float, *, part_of: str = "yomitori", gpu: bool = False) -> dict[str, str]:
    labels = f'{{model="text_detection", version="1", part_of="{part_of}"}}'
    made = {
        f"nv_inference_queue_duration_us{labels}": f"0+{int(queue_s * 1e6 * 60)}x90",
        f"nv_inference_request_success{labels}": "0+60x90",
    }
    return made | ({f'nv_gpu_utilization{{gpu_uuid="GPU-1", part_of="{part_of}"}}': "0x90"} if gpu else {})


def _stalled_triton(*, pending: int) -> dict[str, str]:
    """It answered before, and has not since."""
    labels = '{model="text_detection", version="1", part_of="yomitori"}'
    return {
        f"nv_inference_queue_duration_us{labels}": "6000x90",
        f"nv_inference_request_success{labels}": "60x90",
        f"nv_inference_pending_request_count{labels}": f"{pending}x90",
    }


def _fields(null_before: int, null_now: int, *, documents: int = 100) -> dict[str, str]:
    """A day of invoices, and an hour in which as many have not the field as before, or more."""
    labels = 'document_type="invoice", field="due_date"'
    made = {}
    for outcome, before, now in (
        ("null", null_before, null_now),
        ("found", documents - null_before, documents - null_now),
    ):
        at_noon = before * 138
        made[f'ocr_fields_total{{{labels}, outcome="{outcome}"}}'] = f"0+{before}x138 {at_noon + now}+{now}x6"
    return made


def _confidence(before: float, now: float) -> dict[str, str]:
    return {
        "ocr_page_confidence_sum": f"0+{before * 100}x138 {before * 13_800 + now * 100}+{now * 100}x6",
        "ocr_page_confidence_count": "0+100x144",
    }


def _door(admitted: float, refused: float) -> dict[str, str]:
    return _share(
        "ocr_admission_outcomes_total",
        '{outcome="too_late"}',
        '{outcome="admitted"}',
        bad_each=refused,
        good_each=admitted,
    )


def _latency(slow: float) -> dict[str, str]:
    labels = 'route="/v1/ocr"'
    return {
        f'ocr_request_duration_seconds_bucket{{{labels}, le="1.0"}}': f"0+{100 - slow}x90",
        f'ocr_request_duration_seconds_bucket{{{labels}, le="2.5"}}': f"0+{100 - slow}x90",
        f'ocr_request_duration_seconds_bucket{{{labels}, le="5.0"}}': "0+100x90",
        f'ocr_request_duration_seconds_bucket{{{labels}, le="+Inf"}}': "0+100x90",
    }


def _internal_errors(
    counted: str, *, up: str = "1x120", started_s: int = -86_400, instance: str = "a"
) -> dict[str, str]:
    """Of one process."""
    target = f'job="yomitori", instance="{instance}", part_of="yomitori"'
    return {
        f'ocr_requests_total{{{target}, route="/v1/ocr", status="500", code="internal_error"}}': counted,
        f"up{{{target}}}": up,
        f"process_start_time_seconds{{{target}}}": f"{started_s}x120",
    }


def _model_requests(*, failed: str, code: str) -> dict[str, str]:
    """A hundred a minute go well."""
    return {
        f'ocr_model_request_failures_total{{model="text_detection", code="{code}"}}': failed,
        'ocr_model_request_duration_seconds_count{model="text_detection", priority="sync"}': "0+100x90",
    }


DAY = 24 * 60
"""Of rules that look back so far, with a value every ten minutes."""
MOMENTS = [
    Moment(alert="YomitoriModelsAreShort", what="requests wait long", series=_triton(0.5), labels={"side": "models"}),
    Moment(alert="YomitoriModelsAreShort", what="requests hardly wait", series=_triton(0.1), fires=False),
    Moment(alert="YomitoriModelsAreShort", what="that is long on a GPU", series=_triton(0.1, gpu=True)),
    Moment(
        alert="YomitoriModelsAreShort",
        what="requests hardly wait on a GPU",
        series=_triton(0.04, gpu=True),
        fires=False,
    ),
    Moment(
        alert="YomitoriModelsAreShort",
        what="requests hardly wait, and a stranger's Triton has a GPU",
        series=_triton(0.1) | _triton(0.01, part_of="others", gpu=True),
        fires=False,
    ),
    Moment(
        alert="YomitoriPixelSideIsShort",
        what="work waits at the door, and Triton has nothing to do",
        series={"ocr_admission_wait_seconds": "2x90", **_triton(0.01)},
        labels={"side": "pixels"},
    ),
    Moment(
        alert="YomitoriPixelSideIsShort",
        what="work waits at the door for Triton",
        series={"ocr_admission_wait_seconds": "2x90", **_triton(0.5)},
        fires=False,
    ),
    Moment(
        alert="YomitoriPixelSideIsShort",
        what="work waits at the door, and Triton's requests not for long",
        series={"ocr_admission_wait_seconds": "2x90", **_triton(0.1)},
    ),
    Moment(
        alert="YomitoriPixelSideIsShort",
        what="work waits at the door for a GPU",
        series={"ocr_admission_wait_seconds": "2x90", **_triton(0.1, gpu=True)},
        fires=False,
    ),
    Moment(
        alert="YomitoriPixelSideIsShort",
        what="work waits at the door for a Triton that answers nobody",
        series={"ocr_admission_wait_seconds": "2x90", **_stalled_triton(pending=5)},
        fires=False,
    ),
    Moment(alert="YomitoriModelsAreShort", what="it answers nobody", series=_stalled_triton(pending=5)),
    Moment(alert="YomitoriModelsAreShort", what="nobody asks it", series=_stalled_triton(pending=0), fires=False),
    Moment(
        alert="YomitoriModelsAreShort",
        what="requests are in its queues, for a moment each",
        series=_stalled_triton(pending=5) | _triton(0.1),
        fires=False,
    ),
    Moment(
        alert="YomitoriTextSideIsShort",
        what="a process computes all the time",
        series={'process_cpu_seconds_total{service="postprocess", part_of="yomitori"}': "0+57x90"},
        labels={"side": "text"},
    ),
    Moment(
        alert="YomitoriTextSideIsShort",
        what="another service computes all the time",
        series={
            'process_cpu_seconds_total{service="postprocess", part_of="yomitori"}': "0+20x90",
            'process_cpu_seconds_total{service="preprocess", part_of="yomitori"}': "0+110x90",
        },
        fires=False,
    ),
    Moment(
        alert="YomitoriServiceDown",
        what="a target does not answer",
        series={'up{service="preprocess", part_of="yomitori"}': "0x90"},
        labels={"service": "preprocess"},
    ),
    Moment(
        alert="YomitoriServiceDown",
        what="a stranger's target, which has a service by the operator",
        series={'up{service="kube-proxy"}': "0x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriModelsAreShort",
        what="requests wait long in a stranger's Triton",
        series=_triton(0.5, part_of="others"),
        fires=False,
    ),
    Moment(
        alert="YomitoriTritonDown",
        what="no Triton for one of two",
        series={
            'ocr_dependency_up{service="bulk-read", dependency="models", instance="a"}': "0x90",
            'ocr_dependency_up{service="bulk-read", dependency="models", instance="b"}': "1x90",
        },
        labels={"service": "bulk-read"},
    ),
    Moment(
        alert="YomitoriTritonDown",
        what="Triton is back within a minute",
        series={'ocr_dependency_up{service="preprocess", dependency="models"}': "1x5 0x0 1x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriTextSideDown",
        what="no text side",
        series={'ocr_dependency_up{service="preprocess", dependency="postprocess"}': "0x90"},
        labels={"service": "preprocess"},
    ),
    Moment(
        alert="YomitoriTextSideDown",
        what="it is there",
        series={'ocr_dependency_up{service="preprocess", dependency="postprocess"}': "1x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriDependencyDown",
        what="no database",
        series={'ocr_dependency_up{service="bulk-api", dependency="job database"}': "0x90"},
        labels={"dependency": "job database"},
    ),
    Moment(
        alert="YomitoriDependencyDown",
        what="Triton has an alert of its own",
        series={'ocr_dependency_up{service="preprocess", dependency="models"}': "0x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriNoDispatcher", what="an API alone", series={'up{service="bulk-api", part_of="yomitori"}': "1x90"}
    ),
    Moment(
        alert="YomitoriNoDispatcher",
        what="a dispatcher without work",
        series={'up{service="bulk-api", part_of="yomitori"}': "1x90", 'ocr_bulk_waiting{stage="read"}': "0x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriNoDispatcher",
        what="no bulk road",
        series={'up{service="preprocess", part_of="yomitori"}': "1x90"},
        fires=False,
    ),
    Moment(alert="YomitoriDocumentsRefused", what="one in ten", series=_door(admitted=90, refused=10)),
    Moment(alert="YomitoriDocumentsRefused", what="one in fifty", series=_door(admitted=98, refused=2), fires=False),
    Moment(
        alert="YomitoriDeadlinesMissed",
        what="one in ten",
        series=_share(
            'ocr_requests_total{route="/v1/ocr", method="POST", ',
            'status="504", code="deadline_exceeded"}',
            'status="200", code=""}',
            bad_each=10,
            good_each=90,
        ),
    ),
    Moment(
        alert="YomitoriDeadlinesMissed",
        what="on another route",
        series=_share(
            'ocr_requests_total{route="/v1/schemas", method="GET", ',
            'status="504", code="deadline_exceeded"}',
            'status="200", code=""}',
            bad_each=10,
            good_each=90,
        ),
        fires=False,
    ),
    Moment(alert="YomitoriSlow", what="one in ten takes long", series=_latency(slow=10)),
    Moment(alert="YomitoriSlow", what="one in fifty does", series=_latency(slow=2), fires=False),
    Moment(
        alert="YomitoriInternalErrors",
        what="the first one ever",
        series=_internal_errors("_x18 1x90"),
        labels={"route": "/v1/ocr"},
    ),
    Moment(
        alert="YomitoriInternalErrors",
        what="the first one of a process beside another's old ones",
        series=_internal_errors("4x90") | _internal_errors("_x18 1x90", instance="b"),
    ),
    Moment(
        alert="YomitoriInternalErrors",
        what="one of a process that has just begun",
        series=_internal_errors("_x18 1x90", up="_x18 1x90", started_s=18 * 60),
    ),
    Moment(
        alert="YomitoriInternalErrors",
        what="one more",
        series=_internal_errors("4x18 5x90"),
        labels={"route": "/v1/ocr"},
    ),
    Moment(
        alert="YomitoriInternalErrors",
        what="long ago",
        series=_internal_errors("_x5 1x90"),
        fires=False,
    ),
    Moment(
        alert="YomitoriInternalErrors",
        what="long ago, and Prometheus was away meanwhile",
        series=_internal_errors("1x5 _x12 1x90", up="1x5 _x12 1x90"),
        fires=False,
    ),
    Moment(
        alert="YomitoriInternalErrors",
        what="long ago, and the process did not answer meanwhile",
        series=_internal_errors("1x5 _x12 1x90", up="1x5 0x11 1x90"),
        fires=False,
    ),
    Moment(
        alert="YomitoriModelRequestsFail",
        what="Triton goes away now and then",
        series=_model_requests(failed="0+3x90", code="not_ready"),
        labels={"model": "text_detection", "code": "not_ready"},
    ),
    Moment(
        alert="YomitoriModelRequestsFail",
        what="Triton has gone since the service began",
        series={'ocr_model_request_failures_total{model="text_detection", code="not_ready"}': "0+1x90"},
    ),
    Moment(
        alert="YomitoriModelRequestsFail",
        what="a Triton was restarted under one request",
        series=_model_requests(failed="0x18 1x90", code="not_ready"),
        fires=False,
    ),
    Moment(
        alert="YomitoriModelRequestsFail",
        what="one answer that is none",
        series=_model_requests(failed="0x17 1x90", code="internal_error"),
        labels={"code": "internal_error"},
    ),
    Moment(
        alert="YomitoriModelRequestsFail",
        what="its queue is full, which admission tells of",
        series={'ocr_model_request_failures_total{model="text_detection", code="overloaded"}': "0+5x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriKeysGuessed",
        what="two a second",
        series={'ocr_access_refusals_total{reason="unknown"}': "0+120x90"},
    ),
    Moment(
        alert="YomitoriKeysGuessed",
        what="somebody forgot his key",
        series={'ocr_access_refusals_total{reason="missing"}': "0+600x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriOpenerViolation",
        what="one",
        series={'ocr_opener_violations_total{kind="forbidden_call"}': "0x10 1x90"},
    ),
    Moment(
        alert="YomitoriOpenerViolation",
        what="none",
        series={'ocr_opener_violations_total{kind="forbidden_call"}': "0x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriWorkIsOld",
        what="readings wait",
        series={'ocr_bulk_oldest_seconds{stage="structure"}': "700x90"},
        labels={"stage": "structure"},
    ),
    Moment(
        alert="YomitoriWorkIsOld",
        what="not that long",
        series={'ocr_bulk_oldest_seconds{stage="read"}': "590x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriDocumentsFail",
        what="one in five",
        series=_share(
            "ocr_bulk_attempts_total",
            '{stage="read", outcome="failed"}',
            '{stage="structure", outcome="done"}',
            bad_each=20,
            good_each=80,
        ),
    ),
    Moment(
        alert="YomitoriDocumentsFail",
        what="attempts that are tried again are no failures",
        series=_share(
            "ocr_bulk_attempts_total",
            '{stage="read", outcome="retried"}',
            '{stage="structure", outcome="done"}',
            bad_each=50,
            good_each=80,
        ),
        fires=False,
    ),
    Moment(
        alert="YomitoriDeadLetters",
        what="one",
        series={'ocr_bulk_dead_letters_total{stage="read"}': "0x10 1x90"},
        labels={"stage": "read"},
    ),
    Moment(
        alert="YomitoriDeadLetters",
        what="none since long",
        series={'ocr_bulk_dead_letters_total{stage="read"}': "7x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriStrangeMessages",
        what="one that a worker put aside",
        series={'ocr_bulk_malformed_messages_total{role="read"}': "0x10 1x90"},
    ),
    Moment(
        alert="YomitoriStrangeMessages",
        what="one that the intake refused",
        series={'ocr_bulk_intake_messages_total{outcome="refused"}': "0x10 1x90"},
    ),
    Moment(
        alert="YomitoriStrangeMessages",
        what="a producer at work",
        series={
            'ocr_bulk_intake_messages_total{outcome="taken"}': "0+9x90",
            'ocr_bulk_intake_messages_total{outcome="refused"}': "0x90",
        },
        fires=False,
    ),
    Moment(
        alert="YomitoriWorkersDie",
        what="three in a quarter of an hour",
        series={'ocr_bulk_swept_total{what="expired_leases"}': "0x12 4x90"},
    ),
    Moment(
        alert="YomitoriWorkersDie",
        what="what a clock did is no death",
        series={'ocr_bulk_swept_total{what="cut_times"}': "0x12 9x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriWorkerFaults",
        what="three in a quarter of an hour",
        series={'ocr_bulk_faults_total{role="read"}': "0x12 4x90"},
        labels={"role": "read"},
    ),
    Moment(
        alert="YomitoriWorkerFaults",
        what="one",
        series={'ocr_bulk_faults_total{role="read"}': "0x12 1x90"},
        fires=False,
    ),
    Moment(
        alert="YomitoriWebhooksGivenUp",
        what="one",
        series={'ocr_bulk_webhook_attempts_total{outcome="given_up"}': "0x10 1x90"},
    ),
    Moment(
        alert="YomitoriWebhooksGivenUp",
        what="one that is tried again",
        series={
            'ocr_bulk_webhook_attempts_total{outcome="failed"}': "0+1x90",
            'ocr_bulk_webhook_attempts_total{outcome="given_up"}': "0x90",
        },
        fires=False,
    ),
    Moment(
        alert="YomitoriFieldsMissing",
        what="a field that was there on nine of ten is there on two",
        series=_fields(null_before=10, null_now=80),
        minutes=DAY,
        every_minutes=10,
        labels={"field": "due_date", "document_type": "invoice"},
    ),
    Moment(
        alert="YomitoriFieldsMissing",
        what="a field that is seldom there",
        series=_fields(null_before=80, null_now=85),
        minutes=DAY,
        every_minutes=10,
        fires=False,
    ),
    Moment(
        alert="YomitoriFieldsMissing",
        what="two documents say nothing",
        series={
            'ocr_fields_total{document_type="invoice", field="due_date", outcome="null"}': "0x140 2x9",
            'ocr_fields_total{document_type="invoice", field="due_date", outcome="found"}': "0x90 100x60",
        },
        minutes=DAY,
        every_minutes=10,
        fires=False,
    ),
    Moment(
        alert="YomitoriConfidenceFell", what="by a tenth", series=_confidence(0.97, 0.85), minutes=DAY, every_minutes=10
    ),
    Moment(
        alert="YomitoriConfidenceFell",
        what="by little",
        series=_confidence(0.97, 0.95),
        minutes=DAY,
        every_minutes=10,
        fires=False,
    ),
    Moment(
        alert="YomitoriPagesUnreadable",
        what="one in five",
        series=_share("ocr_pages_total", '{outcome="unreadable"}', '{outcome="read"}', bad_each=20, good_each=80),
        minutes=60,
    ),
    Moment(
        alert="YomitoriPagesUnreadable",
        what="one in fifty",
        series=_share("ocr_pages_total", '{outcome="unread"}', '{outcome="read"}', bad_each=2, good_each=98),
        minutes=60,
        fires=False,
    ),
]


def test_prometheus_takes_its_configuration_and_the_rules(tmp_path: Path) -> None:
    run_promtool("check", "rules", str(RULES))
    config = (OBSERVABILITY / "prometheus" / "prometheus.yaml").read_text()
    (token := tmp_path / "token").write_text("x")
    (tmp_path / "rules.yaml").write_text(RULES.read_text())
    (tmp_path / "prometheus.yaml").write_text(config.replace("/tmp/metrics-token", str(token)))  # noqa: S108 - its own
    run_promtool("check", "config", str(tmp_path / "prometheus.yaml"))


def _case(moment: Moment) -> dict[str, Any]:
    labels = "".join(f', {name}="{value}"' for name, value in moment.labels.items())
    firing = f'count(ALERTS{{alertname="{moment.alert}", alertstate="firing"{labels}}})'
    return {
        "name": f"{moment.alert}: {moment.what}",
        "interval": f"{moment.every_minutes}m",
        "input_series": [{"series": name, "values": values} for name, values in moment.series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": f"{moment.minutes}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if moment.fires else [],
            }
        ],
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("every_minutes", [1, 10])
def test_rules_fire_at_the_numbers_that_they_are_for_and_at_no_others(every_minutes: int, tmp_path: Path) -> None:
    """All of one pace in one go: promtool says which did not."""
    cases = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{every_minutes}m",
        "tests": [_case(moment) for moment in MOMENTS if moment.every_minutes == every_minutes],
    }
    run_promtool_cases(cases, tmp_path)


def test_every_rule_has_numbers_at_which_it_fires_and_numbers_at_which_it_does_not() -> None:
    assert {moment.alert for moment in MOMENTS if moment.fires} == set(alerts())
    assert {moment.alert for moment in MOMENTS if not moment.fires} == set(alerts())


def test_every_rule_has_a_test_that_causes_its_reason() -> None:
    caused: set[str] = set()
    for file in (ROOT / "tests" / "integration").glob("test_alerts_*.py"):
        caused |= set(re.findall(r"fires\(\s*(?:[\w.]+,\s*)?\"(Yomitori\w+)\"", file.read_text()))
    assert set(alerts()) == caused


# --- What rules and dashboards name is there


def _expressions() -> Iterator[tuple[str, str]]:
    """Of all rules and panels, with whose they are."""
    for name, rule in alerts().items():
        yield name, rule["expr"]
    yield from records().items()
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{file.name}: {panel['title']}", target["expr"]


EXPRESSIONS = list(_expressions())


@pytest.mark.parametrize(("whose", "expression"), EXPRESSIONS, ids=[f"{n}-{w}" for n, (w, _) in enumerate(EXPRESSIONS)])
def test_metrics_and_labels_are_those_that_are_exposed(whose: str, expression: str) -> None:
    known = exposed()
    used = metrics_of(expression)
    assert used or re.search(r"\byomitori:", expression), f"{whose} asks for nothing"
    assert used <= known.keys() | {"up"} | TRITON_GPU.keys()
    assert set(re.findall(r"\byomitori:\w+(?::\w+)?", expression)) <= set(records())
    labels = RECORDED_LABELS | FROM_SCRAPING | {"le"}
    for metric in used - {"up"}:
        labels |= known.get(metric, TRITON_GPU.get(metric, {})).keys()
    assert grouped_by(expression) <= labels
    for matcher in matchers_of(expression):
        if matcher.metric == "up" or matcher.label in FROM_SCRAPING:
            continue
        values = known[matcher.metric].get(matcher.label)
        assert values is not None, f"{matcher.metric} has no label {matcher.label}"
        # Values that the code itself lists must be among them; those of routes and the like are as they come.
        if values:
            assert set(matcher.words) <= values, matcher


@pytest.mark.parametrize(("whose", "expression"), EXPRESSIONS, ids=[f"{n}-{w}" for n, (w, _) in enumerate(EXPRESSIONS)])
def test_what_others_expose_too_is_asked_of_our_targets_only(whose: str, expression: str) -> None:
    ours = {matcher.metric for matcher in matchers_of(expression) if (matcher.label, matcher.value) == OURS}
    assert {metric for metric in metrics_of(expression) if not metric.startswith("ocr_")} == ours, whose


def test_every_target_is_said_to_be_ours() -> None:
    config = yaml.safe_load((OBSERVABILITY / "prometheus" / "prometheus.yaml").read_text())
    for job in config["scrape_configs"]:
        said = [(name, value) for item in job.get("static_configs", []) for name, value in item["labels"].items()]
        said += [(rule["target_label"], rule.get("replacement")) for rule in job.get("relabel_configs", [])]
        assert said.count(OURS) == len(job.get("static_configs", job.get("dns_sd_configs"))), job["job_name"]
    monitor = rendered_with("cpu", "prometheus-operator").of("PodMonitor")["yomitori"]["spec"]
    assert monitor["selector"]["matchLabels"]["app.kubernetes.io/part-of"] == OURS[1]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert {rule["targetLabel"]: rule["sourceLabels"] for rule in endpoint["relabelings"] if "targetLabel" in rule}[
        OURS[0]
    ] == ["__meta_kubernetes_pod_label_app_kubernetes_io_part_of"]


def test_legends_name_labels_that_are_left() -> None:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                left = grouped_by(target["expr"])
                assert named <= left | (RECORDED_LABELS if "yomitori:" in target["expr"] else set()), panel["title"]


def test_services_of_the_rules_are_those_that_are_scraped() -> None:
    config = yaml.safe_load((OBSERVABILITY / "prometheus" / "prometheus.yaml").read_text())
    scraped: set[str] = set()
    for job in config["scrape_configs"]:
        scraped |= {item["labels"]["service"] for item in job.get("static_configs", [])}
        scraped |= {name for item in job.get("dns_sd_configs", []) for name in item["names"]}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert scraped - {"triton"} <= set(compose)
    assert {"preprocess", "postprocess", "bulk-api", "bulk-dispatcher", "bulk-read", "bulk-structure"} <= scraped
    named = {
        word
        for _, expression in EXPRESSIONS
        for matcher in matchers_of(expression)
        if matcher.label == "service"
        for word in matcher.words
    }
    assert named <= scraped


def test_the_targets_are_the_ports_that_the_services_listen_on() -> None:
    text = (OBSERVABILITY / "prometheus" / "prometheus.yaml").read_text()
    compose = (ROOT / "docker-compose.yml").read_text()
    assert {"preprocess:8000", "postprocess:8002", "bulk-api:8001", "bulk-dispatcher:8003", "triton:8002"} == set(
        re.findall(r"\"([a-z-]+:[0-9]+)\"", text)
    )
    for variable, port in (("PREPROCESS_PORT", 8000), ("POSTPROCESS_PORT", 8002), ("BULK_VITALS_PORT", 8003)):
        assert f'OCR_{variable}: "{port}"' in compose


def test_every_alert_says_how_grave_it_is_and_has_its_page_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "observability.md").read_text()
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert f"`{name}`" in runbook, name


def test_every_metric_of_ours_is_in_the_table_of_the_docs() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    missing = {name for name in exposed(families=True) if name.startswith("ocr_") and f"`{name}`" not in page}
    assert not missing


def test_the_rules_of_a_cluster_are_the_same() -> None:
    assert rules_command.OPERATORS.read_text() == rules_command.operators_rules(), "run: python -m local_stack.rules"
    rule = yaml.safe_load(rules_command.OPERATORS.read_text())
    assert rule["spec"] == yaml.safe_load(RULES.read_text())


# --- Dashboards


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_a_dashboard_is_one_that_grafana_finds_and_nobody_trips_over(file: Path, tmp_path: Path) -> None:
    board: dict[str, Any] = json.loads(file.read_text())
    sources = {
        source["uid"]: source["type"]
        for source in yaml.safe_load(
            (OBSERVABILITY / "grafana" / "provisioning" / "datasources" / "datasources.yaml").read_text()
        )["datasources"]
    }
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
        for target in panel.get("targets", []):
            assert sources[target["datasource"]["uid"]] == target["datasource"]["type"] == "prometheus"
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    _check_expressions(expressions, tmp_path)
    assert len({json.loads(other.read_text())["uid"] for other in DASHBOARDS}) == len(DASHBOARDS)


def _check_expressions(expressions: list[str], folder: Path) -> None:
    """Whether Prometheus would take them: as rules, which promtool checks."""
    recorded = [{"record": f"x{number}", "expr": expression} for number, expression in enumerate(expressions)]
    rules = yaml.safe_dump({"groups": [{"name": "x", "rules": recorded}]})
    (written := folder / "rules.yaml").write_text(rules)
    run_promtool("check", "rules", str(written))


def test_exemplars_lead_to_the_trace_viewer() -> None:
    text = (OBSERVABILITY / "grafana" / "provisioning" / "datasources" / "datasources.yaml").read_text()
    sources = {source["uid"]: source for source in yaml.safe_load(text)["datasources"]}
    (lead,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert lead["name"] == "trace_id"
    # Grafana's own view of a trace is part of Explore, which a viewer who has not logged in may not use.
    assert lead["url"] == "$OCR_JAEGER_URL/trace/$${__value.raw}"
    assert "datasourceUid" not in lead
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    at = services["grafana"]["environment"]["OCR_JAEGER_URL"].removeprefix("http://")
    assert services["jaeger"]["ports"] == [f"{at}:16686"]


# --- The collector, and a cluster


def test_the_collector_takes_what_the_services_send_and_hands_it_to_the_viewer() -> None:
    config = yaml.safe_load((OBSERVABILITY / "collector" / "config.yaml").read_text())
    assert config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")
    (pipeline,) = config["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(config[kind])
    assert config["exporters"]["otlp/jaeger"]["endpoint"].startswith("jaeger:")
    assert "http://otel-collector:4318" in (ROOT / ".env.example").read_text()


def test_in_a_cluster_tracing_opens_the_way_to_the_collector_and_no_other() -> None:
    cluster = rendered_with("cpu", "tracing")
    plain = rendered("cpu")
    new = cluster.of("NetworkPolicy").keys() - plain.of("NetworkPolicy").keys()
    assert new == {"tracing"}
    spec = cluster.of("NetworkPolicy")["tracing"]["spec"]
    assert spec["podSelector"]["matchExpressions"][0]["values"] == ["triton"]
    to_collector, to_names = spec["egress"]
    assert to_collector["ports"] == [{"port": 4318, "protocol": "TCP"}]
    assert to_collector["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert {port["port"] for port in to_names["ports"]} == {53}
    (settings,) = [item["data"] for name, item in cluster.of("ConfigMap").items() if name.startswith("settings-common")]
    assert settings["OCR_TRACING_ENDPOINT"].endswith(":4318")
    assert float(settings["OCR_TRACING_SAMPLE_RATIO"]) < 1


def test_in_a_cluster_with_prometheus_operator_every_pod_is_scraped_under_its_name() -> None:
    cluster = rendered_with("cpu", "prometheus-operator")
    monitor = cluster.of("PodMonitor")["yomitori"]["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    for name, deployment in cluster.of("Deployment").items():
        assert wanted <= deployment["spec"]["template"]["metadata"]["labels"].items(), name
        assert cluster.labels(name)["app.kubernetes.io/name"] == name
    (endpoint,) = monitor["podMetricsEndpoints"]
    targets = {item.get("targetLabel") for item in endpoint["relabelings"]}
    assert {"__address__", "__metrics_path__", "service"} <= targets
    assert set(cluster.of("PrometheusRule")) == {"yomitori"}
