"""Traces of whole roads: real services, real queues, and a real OTLP receiver that has nothing else to do.

::

    POST /v1/ocr ─► open file, pages, detect, recognise ─► POST /v1/structure ─► lines, fields, render     one trace
    a job ─► send read ─► process read ─► send structure ─► process structure ─► webhook                  one trace
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from async_worker.dispatcher import WorkSender
from async_worker.loops import wait_or_stop
from async_worker.stages.consumer import StageConsumer
from async_worker.tenants import TenantPolicies
from async_worker.webhooks.role import WebhookSender
from local_stack.aws import AwsServer
from local_stack.traces import Receiver
from ocr_core import tracing
from ocr_core.adapters.job_store.tables import tasks
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.document import MediaType
from ocr_core.contracts.jobs import Job, NewDocument, NewJob, new_job_id
from ocr_core.contracts.schema_names import NONE
from ocr_core.contracts.trace_context import TraceContext
from ocr_core.contracts.webhooks import DeliveryStatus
from ocr_core.settings import WebhookSettings
from ocr_core.telemetry import Metrics
from tests.support.bulk_documents import png_document
from tests.support.bulk_roles import Receiver as WebhookReceiver
from tests.support.bulk_roles import at_work, until
from tests.support.documents import png
from tests.support.stage_house import TENANT, StageHouse, stage_house
from tests.support.sync_house import SyncHouse
from tests.support.traces import QUICK, Trace, trace_with, traced, traces

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of tests
STRANGERS = TraceContext(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", span_id="00f067aa0ba902b7", sampled=True)
FILE_NAME = "Rechnung-Geheim-4711.png"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture(scope="module")
def house(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncHouse]:
    everywhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **QUICK}
    with SyncHouse(folder=tmp_path_factory.mktemp("traces"), page_s=0.0, everywhere=everywhere) as started:
        yield started


@pytest.fixture(scope="module")
def answer(house: SyncHouse) -> httpx.Response:
    """To one document, sent by somebody who traces too."""
    headers = {"X-Request-Id": "req-traced", "traceparent": STRANGERS.encode()}
    files = {"file": (FILE_NAME, png_document(7).content, MediaType.PNG.value)}
    answer = house.http.post("/v1/ocr", files=files, headers=headers)
    assert answer.status_code == httpx.codes.OK
    return answer


@pytest.fixture(scope="module")
def trace(answer: httpx.Response, receiver: Receiver) -> Trace:
    assert answer.status_code == httpx.codes.OK
    return trace_with(receiver, "POST /v1/ocr", "file opener child", "render")


class TestSyncRoad:
    def test_one_request_is_one_trace_over_both_services_with_the_right_parents(self, trace: Trace) -> None:
        paths = {(span.service, *trace.path(span)) for span in trace.spans}
        root = ("preprocess", "POST /v1/ocr")
        structure = (*root, "structure", "POST /v1/structure")
        assert {
            root,
            (*root, "wait"),
            (*root, "open file"),
            (*root, "open file", "file opener child"),
            (*root, "open page"),
            (*root, "read page"),
            (*root, "read page", "detect"),
            (*root, "read page", "detect", "triton text_detection"),
            (*root, "read page", "recognise"),
            (*root, "read page", "recognise", "triton text_recognition"),
            (*root, "structure"),
            structure,
            ("postprocess", *structure[1:], "POST /v1/structure"),
            *(("postprocess", *structure[1:], "POST /v1/structure", step) for step in STEPS_OF_TEXT),
        } <= paths
        assert len({span.trace_id for span in trace.spans}) == 1
        for span in trace.spans:
            parent = trace.parent_of(span)
            assert parent is None or parent.started_ns <= span.started_ns

    def test_spans_tell_what_the_child_and_the_models_were_given(self, trace: Trace) -> None:
        request = trace.one("POST /v1/ocr")
        assert request.facts["ocr.request_id"] == "req-traced"
        assert request.facts["http.response.status_code"] == 200
        assert trace.one("open file").facts["ocr.media_type"] == MediaType.PNG.value
        child = trace.one("file opener child").facts
        assert int(child["ocr.child.peak_memory_kib"]) > 0
        assert "ocr.child.cpu_ms" in child
        detection = trace.all("triton text_detection")[0].facts
        assert (detection["ocr.batch"], detection["ocr.priority"]) == (1, "sync")

    def test_a_strangers_trace_is_linked_to_and_not_joined(self, trace: Trace) -> None:
        request = trace.one("POST /v1/ocr")
        assert request.trace_id != STRANGERS.trace_id
        assert request.links == ((STRANGERS.trace_id, STRANGERS.span_id),)

    def test_triton_is_told_which_span_each_request_is_part_of(self, house: SyncHouse, trace: Trace) -> None:
        told = {entry["traceparent"] for entry in house.triton.journal() if entry["event"] == "call"}
        calls = [span for span in trace.spans if span.name.startswith("triton ")]
        assert calls
        assert {f"00-{span.trace_id}-{span.span_id}-01" for span in calls} <= told

    def test_exemplars_of_the_metrics_lead_to_the_trace(self, house: SyncHouse, trace: Trace) -> None:
        openmetrics = {"Accept": "application/openmetrics-text;version=1.0.0"}
        for url in (house.url, house.text_url):
            text = httpx.get(f"{url}/metrics", headers=openmetrics, trust_env=False).text
            lines = [line for line in text.splitlines() if f'trace_id="{trace.spans[0].trace_id}"' in line]
            names = {line.partition("{")[0] for line in lines}
            assert {"ocr_request_duration_seconds_bucket"} <= names
            if url == house.url:
                assert {"ocr_stage_duration_seconds_bucket", "ocr_model_request_duration_seconds_bucket"} <= names
                assert "ocr_opener_child_cpu_seconds_bucket" in names
            else:
                assert "ocr_page_confidence_bucket" in names

    def test_logs_carry_the_trace_beside_the_request(self, house: SyncHouse, trace: Trace) -> None:
        for process in (house.pixels, house.text):
            lines = [json.loads(line) for line in process.log.read_text().splitlines() if '"req-traced"' in line]
            assert lines
            assert {line["trace_id"] for line in lines} == {trace.spans[0].trace_id}

    def test_no_text_of_a_document_is_in_any_span_or_label(
        self, house: SyncHouse, answer: httpx.Response, receiver: Receiver, trace: Trace
    ) -> None:
        assert trace.one("render")  # all of it has come
        texts = [line["text"] for page in answer.json()["pages"] for line in page["lines"]]
        assert texts
        told = json.dumps([[span.name, *span.facts.values()] for span in receiver.spans()], ensure_ascii=False)
        labels = json.dumps(list(_labels(house)), ensure_ascii=False)
        for text in (*texts, FILE_NAME.partition(".")[0]):
            assert text not in told
            assert text not in labels
        assert FILE_NAME.encode() not in b"".join(receiver.bodies)

    def test_health_checks_and_scrapes_make_no_spans(self, house: SyncHouse, receiver: Receiver) -> None:
        for path in ("/healthz", "/readyz", "/metrics"):
            house.http.get(path)
        assert not {span.name for span in receiver.spans()} & {"GET /healthz", "GET /readyz", "GET /metrics"}


STEPS_OF_TEXT = ("decode reading", "lines", "fields", "render")


def _labels(house: SyncHouse) -> Iterator[str]:
    for url in (house.url, house.text_url):
        for family in text_string_to_metric_families(httpx.get(f"{url}/metrics", trust_env=False).text):
            for sample in family.samples:
                yield from sample.labels.values()


# --- the bulk road


@pytest.fixture
async def bulk(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[StageHouse]:
    async with stage_house(aws_server, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def working(house: StageHouse, *consumers: StageConsumer) -> AsyncIterator[None]:
    """Workers, and the dispatcher's own sender."""
    stop = asyncio.Event()
    sender = WorkSender(store=house.store, queues=house.queues, blocking=house.blocking, window=100, metrics=Metrics())

    async def send() -> None:
        while not stop.is_set():
            await wait_or_stop(stop, min(await sender.step(), 0.05))

    running = [asyncio.create_task(send()), *(asyncio.create_task(consumer.run(stop)) for consumer in consumers)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def submitted(house: StageHouse, contents: Sequence[bytes], *, webhook_url: str | None = None) -> Job:
    """A job, made inside a span as the API makes it."""
    sources = [await house.put(f"{number}.bin", content) for number, content in enumerate(contents)]
    new_job = NewJob(
        id=new_job_id(),
        tenant=TENANT,
        documents=tuple(NewDocument(source=source) for source in sources),
        schemas=(NONE,),
        webhook_url=webhook_url,
    )
    with tracing.span("POST /v1/jobs", kind=tracing.Kind.SERVER):
        return (await house.blocking.run(house.store.create_job, new_job)).job


class TestBulkRoad:
    async def test_a_jobs_trace_crosses_the_queues_and_ends_with_its_webhook(
        self, bulk: StageHouse, receiver: Receiver
    ) -> None:
        receiver.clear()
        with WebhookReceiver() as called, traced(receiver):
            job = await submitted(bulk, [png("Invoice"), png("Total 1,980")], webhook_url=called.url)
            async with working(bulk, bulk.reader(), bulk.structurer()):
                await bulk.ended(job)
            webhooks = WebhookSender(
                store=bulk.store,
                objects=bulk.objects,
                blocking=bulk.blocking,
                settings=WebhookSettings(allow_private=True),
                policies=TenantPolicies(house=HouseTenant(name=TENANT, webhook_secret=SECRET)),
                metrics=Metrics(),
            )
            async with at_work(webhooks):
                await until(lambda: _delivered(bulk, job), "the webhook")
        trace = trace_with(receiver, "POST /v1/jobs")
        assert len(traces(receiver)) == 1
        through_read = ["POST /v1/jobs", "send read", "process read"]
        through_structure = [*through_read, "send structure", "process structure"]
        assert {tuple(trace.path(span)) for span in trace.all("process structure")} == {tuple(through_structure)}
        assert len(trace.all("process structure")) == 2
        assert trace.path(trace.one("webhook")) == [*through_structure, "webhook"]
        for name in ("fetch", "open file", "read page", "store"):
            assert [*through_read, name] in [trace.path(span) for span in trace.spans]
        for name in ("fetch", "structure", "store"):
            assert [*through_structure, name] in [trace.path(span) for span in trace.spans]
        read = trace.all("process read")[0].facts
        assert (read["ocr.job_id"], read["ocr.tenant"], read["ocr.attempt"]) == (job.id, TENANT, 1)
        # A receiver is a stranger: it is not told of our traces.
        assert not any("traceparent" in heard.headers for heard in called.heard)
        assert bulk.count("ocr_bulk_queue_wait_seconds_count", stage="read") == 2

    async def test_documents_of_a_large_job_have_traces_of_their_own_that_link_to_it(
        self, bulk: StageHouse, receiver: Receiver
    ) -> None:
        receiver.clear()
        count = tracing.MAX_JOINED_DOCUMENTS + 1
        with traced(receiver):
            job = await submitted(bulk, [b"no document"] * count)
            async with working(bulk, bulk.reader(places=4)):
                await bulk.ended(job)
        found = list(traces(receiver).values())
        assert len(found) == 1 + count
        (of_request,) = [trace for trace in found if trace.all("POST /v1/jobs")]
        request = of_request.one("POST /v1/jobs")
        for trace in found:
            if trace is not of_request:
                sent = trace.one("send read")
                assert sent.links == ((request.trace_id, request.span_id),)
                assert trace.path(trace.one("process read")) == ["send read", "process read"]

    async def test_a_message_that_was_lost_goes_again_in_a_trace_that_links_to_its_origin(
        self, bulk: StageHouse, receiver: Receiver
    ) -> None:
        receiver.clear()
        with traced(receiver):
            job = await submitted(bulk, [png("Invoice")])
            request = await _sent_and_lost(bulk)
            async with working(bulk, bulk.reader(), bulk.structurer()):
                await bulk.ended(job)
        again = trace_with(receiver, "process read")
        sent = again.one("send read")
        (link,) = sent.links
        assert link[0] == request.trace_id
        assert sent.facts["ocr.sent_before"] == 1
        assert again.path(again.one("process structure"))[0] == "send read"

    async def test_who_traces_nothing_hands_on_what_others_trace(self, bulk: StageHouse, receiver: Receiver) -> None:
        receiver.clear()
        with traced(receiver):
            job = await submitted(bulk, [png("Invoice")])
        sender = WorkSender(store=bulk.store, queues=bulk.queues, blocking=bulk.blocking, window=100, metrics=Metrics())
        await sender.step()  # a dispatcher without tracing
        with traced(receiver):
            async with working(bulk, bulk.reader(), bulk.structurer()):
                await bulk.ended(job)
        trace = trace_with(receiver, "process structure")
        assert trace.path(trace.one("process read")) == ["POST /v1/jobs", "process read"]

    async def test_off_no_span_is_made_and_nothing_is_kept_of_traces(
        self, bulk: StageHouse, receiver: Receiver
    ) -> None:
        receiver.clear()
        job = await submitted(bulk, [png("Invoice")])
        due = await bulk.blocking.run(bulk.store.dispatchable, window=10, limit=10)
        assert [dispatch.origin for dispatch in due.dispatches] == [None]
        async with working(bulk, bulk.reader(), bulk.structurer()):
            await bulk.ended(job)
        assert receiver.spans() == ()


async def _sent_and_lost(house: StageHouse) -> TraceContext:
    """The first message of a document is sent, and then is no more; the store has it sent again."""
    due = await house.blocking.run(house.store.dispatchable, window=10, limit=10)
    (dispatch,) = due.dispatches
    assert dispatch.origin is not None
    await house.blocking.run(house.store.mark_sent, due.dispatches)
    await house.blocking.run(_make_due_again, house)
    return dispatch.origin.context


def _make_due_again(house: StageHouse) -> None:
    """As if the time after which it goes again had passed."""

    with house.store._database.writing() as connection:
        connection.execute(sa.update(tasks).values(next_send_at=tasks.c.created_at))


def _delivered(house: StageHouse, job: Job) -> bool:
    return {each.status for each in house.store.deliveries(TENANT, job.id)} == {DeliveryStatus.DELIVERED}
