"""What only a real Triton can tell: its own metrics under Prometheus' eyes, its own spans in our traces."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from local_stack import triton
from local_stack.ports import LOOPBACK, Ports
from local_stack.stack import LocalStack
from local_stack.traces import Receiver
from ocr_core import tracing
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import Overloaded
from ocr_core.contracts.tensors import DETECTION_SHAPES, TEXT_DETECTION
from ocr_core.settings import TritonSettings
from tests.support.alerts import alerts, metrics_of, records
from tests.support.bulk_documents import png_document
from tests.support.documents import png
from tests.support.exposed import TRITON, exposed
from tests.support.prometheus import Prometheus
from tests.support.sync_house import SyncHouse
from tests.support.traces import trace_with, traced
from tests.support.waiting import wait_until

LARGEST = max(DETECTION_SHAPES, key=lambda shape: shape[0] * shape[1])
SMALLEST = min(DETECTION_SHAPES, key=lambda shape: shape[0] * shape[1])
AT_ONCE = 12
"""Requests for the largest image: on any machine without a GPU the last of them wait for seconds."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(420)]


async def _detect(models: TritonModels, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 200, np.uint8)
    await models.detect(image, priority=Priority.SYNC, deadline=Deadline.after(60))


def flood(grpc_url: str) -> None:
    """More detections at once than any processor does quickly."""

    async def ask() -> None:
        models = TritonModels(TritonSettings(grpc_url=grpc_url))
        await models.start()
        try:
            answers = await asyncio.gather(*(_detect(models, LARGEST) for _ in range(AT_ONCE)), return_exceptions=True)
            assert {type(answer) for answer in answers} <= {type(None), Overloaded}
        finally:
            await models.close()

    asyncio.run(ask())


def triton_target(stack: LocalStack) -> str:
    return urlsplit(stack.triton_metrics_url).netloc


def _families(url: str) -> dict[str, set[str]]:
    """Names of samples as Prometheus takes them, with the names of their labels.

    Read by hand: the client's parser adds ``_total`` to Triton's counters, which have none.
    """
    found: dict[str, set[str]] = {}
    for line in httpx.get(url, trust_env=False, timeout=30).text.splitlines():
        if line and not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})?", line).groups()  # type: ignore[union-attr]
            found.setdefault(name, set()).update(re.findall(r"(\w+)=\"", labels or ""))
    return found


def test_what_rules_and_dashboards_ask_of_triton_is_there(running_stack: LocalStack) -> None:
    flood(running_stack.triton_grpc_url)
    found = _families(running_stack.triton_metrics_url)
    assert TRITON.keys() <= found.keys()
    for name, labels in TRITON.items():
        assert labels.keys() <= found[name], name


def test_what_rules_ask_of_our_services_is_there_once_they_have_worked(
    running_stack: LocalStack, api: httpx.Client, bulk_api: httpx.Client
) -> None:
    assert api.post("/v1/ocr", content=png("Invoice", "Total 1,980")).status_code == httpx.codes.OK
    assert bulk_api.post("/v1/jobs", files=[("file", ("a.png", png("Invoice")))]).status_code == httpx.codes.ACCEPTED
    ports = running_stack.ports
    numbers = (ports.preprocess, ports.postprocess, ports.bulk_api, *ports.bulk_vitals[:3])

    def found() -> dict[str, set[str]]:
        merged: dict[str, set[str]] = {}
        for number in numbers:
            for name, labels in _families(f"http://{LOOPBACK}:{number}/metrics").items():
                merged.setdefault(name, set()).update(labels)
        return merged

    wait_until(lambda: "ocr_bulk_queue_wait_seconds_count" in found(), "the read of the bulk document", patience_s=60)
    expressions = [*(rule["expr"] for rule in alerts().values()), *records().values()]
    used = {
        name for expression in expressions for name in metrics_of(expression) if name.startswith(("ocr_", "process_"))
    }
    # Keys are off in this stack, so that nobody is refused for his.
    assert used - {"ocr_access_refusals_total"} <= found().keys()
    for name, labels in found().items():
        if name in exposed():
            assert labels - {"le"} <= exposed()[name].keys(), name


def test_models_that_are_short_show_by_tritons_own_queue(running_stack: LocalStack, tmp_path: Path) -> None:
    with Prometheus(folder=tmp_path, targets={"triton": triton_target(running_stack)}) as prometheus:
        prometheus.wait_seen()
        prometheus.wait_fires("YomitoriModelsAreShort", lambda: flood(running_stack.triton_grpc_url))


def test_a_pixel_side_that_is_short_shows_by_its_door_while_triton_rests(
    running_stack: LocalStack, tmp_path: Path
) -> None:
    with SyncHouse(folder=tmp_path, page_s=0.3) as house:
        for number in range(6):
            assert house.send(png_document(number).content, timeout_s=30).status == 200
        targets = {"preprocess": urlsplit(house.url).netloc, "triton": triton_target(running_stack)}
        with Prometheus(folder=tmp_path, targets=targets) as prometheus:
            prometheus.wait_seen()

            def fill() -> None:
                documents = [png_document(number).content for number in range(20)]
                house.send_over_time(documents, every_s=0.0, timeout_s=20.0)

            prometheus.wait_fires("YomitoriPixelSideIsShort", fill)
            assert "YomitoriModelsAreShort" not in prometheus.firing()


@pytest.fixture
def telling_triton(receiver: Receiver) -> Iterator[str]:
    """A Triton that makes spans, with the detector alone; its gRPC address."""
    ports = Ports.free()
    config = triton.TritonConfig(
        grpc_port=ports.triton_grpc,
        http_port=ports.triton_http,
        metrics_port=ports.triton_metrics,
        model_names=(TEXT_DETECTION.name,),
        trace_endpoint=receiver.url,
    )
    process = subprocess.Popen(
        triton.command(config),
        env=triton.environment(config),
        cwd=triton.REPOSITORY_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: triton.is_ready(config) or process.poll() is not None, "Triton", patience_s=300)
        assert process.poll() is None, "Triton has ended"
        yield f"{LOOPBACK}:{ports.triton_grpc}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(60)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def test_triton_tells_of_each_request_inside_our_trace(telling_triton: str, receiver: Receiver) -> None:
    async def ask() -> None:
        models = TritonModels(TritonSettings(grpc_url=telling_triton))
        await models.start()
        try:
            for _ in range(3):
                await _detect(models, SMALLEST)
            await asyncio.sleep(2.5)  # statistics are asked for again
            await _detect(models, SMALLEST)
            await asyncio.sleep(0.5)
            with tracing.span("the last one"):
                await _detect(models, SMALLEST)
        finally:
            await models.close()

    with traced(receiver):
        asyncio.run(ask())
    trace = trace_with(receiver, "the last one", "InferRequest", "compute")
    ours = f"triton {TEXT_DETECTION.name}"
    path = ["the last one", ours, "InferRequest", TEXT_DETECTION.name, "compute"]
    assert trace.path(trace.one("compute")) == path
    assert trace.one("compute").service == "triton"
    # How long it lay in the queue is the time between these two.
    assert trace.one("InferRequest").started_ns <= trace.one("compute").started_ns
    facts = trace.one(ours).facts
    assert float(facts["ocr.triton.mean_compute_ms"]) > 0
    assert float(facts["ocr.triton.mean_queue_ms"]) >= 0
    assert float(facts["ocr.triton.mean_batch"]) >= 1
