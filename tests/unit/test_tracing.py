"""Spans: none where there is nowhere to send them to; else what was done, and nothing of what a document says."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace as otel_trace
from starlette.requests import Request

from async_worker.vitals import no_lifespan
from local_stack.traces import Receiver, tree
from ocr_core import tracing
from ocr_core.contracts.errors import Overloaded
from ocr_core.contracts.trace_context import TraceContext, TraceOrigin
from ocr_core.service import Readiness, context_of, create_app
from ocr_core.settings import TracingSettings
from ocr_core.telemetry import JsonFormatter, Metrics, observe
from tests.support.aws import free_port
from tests.support.traces import trace_with, traced, traces
from tests.support.waiting import wait_until

DOCUMENT_TEXT = "株式会社ひみつ"
FAR = TraceContext(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", span_id="00f067aa0ba902b7", sampled=True)
STANDARD = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


class TestOff:
    def test_no_span_is_made(self) -> None:
        assert tracing.span("anything", {"ocr.page": 1}) is tracing.NO_SPAN
        with tracing.span("anything") as span:
            span.tell({"ocr.page": 2})
            span.fail("never")
            assert span.context is None
            assert tracing.current() is None
            assert tracing.headers() == {}
            assert tracing.origin() is None
            assert tracing.exemplar() is None

    def test_the_sdk_is_not_even_imported(self) -> None:
        program = (
            "import sys, preprocess_svc.main, postprocess_svc.main, async_worker.main\n"
            "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
        )
        environment = {"PATH": "/usr/bin:/bin"}
        answer = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
        )
        assert answer.stdout.strip() == "[]"

    @pytest.mark.parametrize(
        ("environment", "is_on"),
        [
            ({}, False),
            ({"OCR_TRACING_ENDPOINT": ""}, False),
            ({"OCR_TRACING_ENDPOINT": "http://collector:4318"}, True),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
            ({"OCR_TRACING_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "True"}, False),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ],
    )
    def test_it_is_on_where_there_is_an_address_ours_or_the_standards(
        self, environment: dict[str, str], is_on: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in (*STANDARD, "OTEL_TRACES_EXPORTER", "OCR_TRACING_ENDPOINT"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert TracingSettings().is_on is is_on


class TestSpans:
    def test_what_is_done_inside_is_a_child_in_tasks_and_threads_too(self, receiver: Receiver) -> None:
        def in_thread() -> None:
            with tracing.span("in a thread"):
                pass

        async def work() -> None:
            async def in_task() -> None:
                with tracing.span("in a task"):
                    pass

            with tracing.span("outer", {"ocr.pages": 3, "ocr.nothing": None}, kind=tracing.Kind.SERVER):
                await asyncio.create_task(in_task())
                await asyncio.get_running_loop().run_in_executor(None, tracing.with_context(in_thread))
            with tracing.span("after"):
                pass

        with traced(receiver, service="reader"):
            asyncio.run(work())
        trace = trace_with(receiver, "outer")
        outer = trace.one("outer")
        assert (outer.service, outer.kind, dict(outer.facts), outer.parent_id) == ("reader", 2, {"ocr.pages": 3}, "")
        assert trace.path(trace.one("in a task")) == ["outer", "in a task"]
        assert trace.path(trace.one("in a thread")) == ["outer", "in a thread"]
        assert trace_with(receiver, "after") is not trace
        assert not trace.all("after")

    def test_a_parent_is_joined_and_a_link_begins_a_trace(self, receiver: Receiver) -> None:
        handed_over = TraceOrigin(context=FAR)
        with traced(receiver):
            tracing.span("joined", parent=FAR).end()
            tracing.span("linked", link=FAR).end()
            tracing.span_of("first", handed_over, kind=tracing.Kind.CONSUMER, again=False).end()
            tracing.span_of("again", handed_over, kind=tracing.Kind.CONSUMER, again=True).end()
            apart = TraceOrigin(context=FAR, apart=True)
            tracing.span_of("of many", apart, kind=tracing.Kind.CONSUMER, again=False).end()
            tracing.span_of("of nothing", None, kind=tracing.Kind.CONSUMER, again=False).end()
        spans = {span.name: span for span in receiver.spans()}
        for name in ("joined", "first"):
            assert (spans[name].trace_id, spans[name].parent_id) == (FAR.trace_id, FAR.span_id)
            assert spans[name].links == ()
        for name in ("linked", "again", "of many"):
            assert spans[name].trace_id != FAR.trace_id
            assert spans[name].parent_id == ""
            assert spans[name].links == ((FAR.trace_id, FAR.span_id),)
        assert (spans["of nothing"].parent_id, spans["of nothing"].links) == ("", ())

    def test_an_error_is_told_by_its_kind_and_never_by_its_message(self, receiver: Receiver) -> None:
        def fail(error: BaseException) -> None:
            with pytest.raises(type(error)), tracing.span(type(error).__name__):
                raise error

        with traced(receiver):
            fail(ValueError(DOCUMENT_TEXT))
            fail(Overloaded(DOCUMENT_TEXT))
            fail(asyncio.CancelledError(DOCUMENT_TEXT))
        found = {span.name: span for span in receiver.spans()}
        assert all(span.failed and span.events == 0 for span in found.values())
        assert {name: span.facts["error.type"] for name, span in found.items()} == {
            "ValueError": "ValueError",
            "Overloaded": "overloaded",
            "CancelledError": "CancelledError",
        }
        assert not any(DOCUMENT_TEXT.encode() in body for body in receiver.bodies)

    def test_a_trace_that_is_not_recorded_is_not_recorded_anywhere(self, receiver: Receiver) -> None:
        with traced(receiver, sample_ratio=0.0):
            with tracing.span("ours"):
                context = tracing.current()
                assert context is not None
                assert not context.sampled
                assert tracing.headers()["traceparent"].endswith("-00")
                assert tracing.exemplar() is None
            # What others began is as they decided.
            tracing.span("theirs", parent=FAR).end()
        assert [span.name for span in receiver.spans()] == ["theirs"]

    def test_a_tree_is_readable(self, receiver: Receiver) -> None:
        with traced(receiver, service="reader"), tracing.span("outer"), tracing.span("inner", {"ocr.page": 7}):
            pass
        head, outer, inner = tree(receiver.spans())
        assert head.endswith("2 spans")
        assert outer.startswith("  reader: outer")
        assert inner.startswith("    reader: inner")
        assert inner.endswith("ocr.page=7")

    def test_a_collector_that_has_gone_holds_up_nobody(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
            program = (
                "from ocr_core import tracing\n"
                "from ocr_core.settings import TracingSettings\n"
                f"tracing.begin('x', TracingSettings(endpoint='http://127.0.0.1:{silent.getsockname()[1]}'))\n"
                "[tracing.span('work').end() for _ in range(5000)]\n"
                "print('done')"
            )
            answer = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
            )
        assert answer.stdout.strip() == "done"

    def test_a_service_that_is_told_to_end_sends_its_last_spans(self, receiver: Receiver) -> None:
        port = free_port()
        program = (
            "from async_worker.vitals import no_lifespan\n"
            "from ocr_core import tracing\n"
            "from ocr_core.service import Readiness, create_app, serve\n"
            "from ocr_core.service.serve import run_main\n"
            "from ocr_core.settings import TracingSettings\n"
            "from ocr_core.telemetry import Metrics\n"
            "def main():\n"
            f"    tracing.begin('ending', TracingSettings(endpoint={receiver.url!r}))\n"
            "    app = create_app(title='t', version='0', description='d', metrics=Metrics(), readiness=Readiness(),\n"
            "                     routers=[], lifespan=no_lifespan)\n"
            f"    serve(app, host='127.0.0.1', port={port}, shutdown_grace_s=1.0)\n"
            "run_main(main)\n"
        )
        later = os.environ | {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}  # nothing goes before the end
        with subprocess.Popen([sys.executable, "-c", program], env=later, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: _is_answered(port), "the service")
                httpx.get(f"http://127.0.0.1:{port}/nowhere", trust_env=False)
                process.terminate()
                assert process.wait(timeout=20) == 0
            finally:
                process.kill()
        assert [span.facts["http.response.status_code"] for span in receiver.spans()] == [404]


def _is_answered(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False


class TestContext:
    @given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans(), st.booleans())
    def test_it_comes_out_as_it_went_in(self, trace_id: int, span_id: int, sampled: bool, apart: bool) -> None:
        context = TraceContext(trace_id=f"{trace_id:032x}", span_id=f"{span_id:016x}", sampled=sampled)
        assert TraceContext.decode(context.encode()) == context
        origin = TraceOrigin(context=context, apart=apart)
        assert TraceOrigin.decode(origin.encode()) == origin
        assert len(origin.encode()) <= 64  # the column's length

    @given(st.text())
    def test_anything_else_is_none_and_no_error(self, untrusted: str) -> None:
        assert TraceContext.decode(untrusted) is None
        assert TraceOrigin.decode(untrusted) is None

    @pytest.mark.parametrize(
        "untrusted",
        [
            None,
            f"00-{'0' * 32}-{'1' * 16}-01",
            f"00-{'1' * 32}-{'0' * 16}-01",
            f"ff-{'1' * 32}-{'1' * 16}-01",
            f"00-{'A' * 32}-{'1' * 16}-01",
            f"00-{'1' * 32}-{'1' * 16}-01-more",
        ],
    )
    def test_what_the_standard_calls_invalid_is_none(self, untrusted: str | None) -> None:
        assert TraceContext.decode(untrusted) is None


def make_app(*, internal: bool, metrics: Metrics | None = None) -> FastAPI:
    router = APIRouter()

    @router.get("/number/{wanted}")
    async def number(request: Request, wanted: int) -> dict[str, str | None]:
        context_of(request).stages_ms["detect"] = 12.0
        logging.getLogger("a.route").info("Asked", extra={"wanted": wanted})
        if wanted == 13:
            raise RuntimeError(DOCUMENT_TEXT)
        return dict(tracing.headers())

    app = create_app(
        title="t",
        version="0",
        description="d",
        metrics=metrics or Metrics(),
        readiness=Readiness(),
        routers=[router],
        lifespan=no_lifespan,
    )
    if not internal:  # as an application with keys has it
        for layer in app.user_middleware:
            layer.kwargs["internal"] = False
    return app


async def get(app: FastAPI, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path, headers=headers)


class TestRequests:
    async def test_a_request_is_a_span_by_its_route_with_its_id(self, receiver: Receiver) -> None:
        with traced(receiver):
            answer = await get(make_app(internal=True), "/number/5", {"X-Request-Id": "req-5"})
            for quiet in ("/healthz", "/readyz", "/metrics"):
                await get(make_app(internal=True), quiet)
        (span,) = receiver.spans()
        assert span.name == "GET /number/{wanted}"
        assert span.facts["http.response.status_code"] == 200
        assert span.facts["ocr.request_id"] == "req-5"
        assert answer.json()["traceparent"].split("-")[1:3] == [span.trace_id, span.span_id]

    async def test_a_service_of_ours_is_joined_and_a_stranger_linked_to(self, receiver: Receiver) -> None:
        asked = {"traceparent": FAR.encode()}
        with traced(receiver):
            await get(make_app(internal=True), "/number/1", asked)
            await get(make_app(internal=False), "/number/2", asked)
        with traced(receiver, trust_callers=True):
            await get(make_app(internal=False), "/number/3", asked)
        joined, linked, trusted = sorted(receiver.spans(), key=lambda span: span.started_ns)
        assert (joined.trace_id, joined.parent_id) == (FAR.trace_id, FAR.span_id)
        assert linked.trace_id != FAR.trace_id
        assert linked.links == ((FAR.trace_id, FAR.span_id),)
        assert (trusted.trace_id, trusted.parent_id) == (FAR.trace_id, FAR.span_id)

    async def test_what_nobody_foresaw_is_a_failure_without_its_message(self, receiver: Receiver) -> None:
        with traced(receiver):
            assert (await get(make_app(internal=True), "/number/13")).status_code == 500
        (span,) = receiver.spans()
        assert span.failed
        assert span.facts["error.type"] == "internal_error"
        assert not any(DOCUMENT_TEXT.encode() in body for body in receiver.bodies)

    async def test_a_log_line_names_the_trace(self, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
        lines: list[dict[str, object]] = []

        class Keep(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append(json.loads(JsonFormatter(service="t").format(record)))

        handler = Keep()
        logging.getLogger("a.route").addHandler(handler)
        try:
            with caplog.at_level(logging.INFO):
                with traced(receiver):
                    await get(make_app(internal=True), "/number/5")
                await get(make_app(internal=True), "/number/6")
        finally:
            logging.getLogger("a.route").removeHandler(handler)
        (span,) = receiver.spans()
        traced_line, plain_line = lines
        assert (traced_line["trace_id"], traced_line["span_id"]) == (span.trace_id, span.span_id)
        assert "trace_id" not in plain_line

    async def test_exemplars_name_the_trace_for_those_who_ask_for_openmetrics(self, receiver: Receiver) -> None:
        metrics = Metrics()
        app = make_app(internal=True, metrics=metrics)
        with traced(receiver):
            await get(app, "/number/5")
            scraped = await get(app, "/metrics", {"Accept": "application/openmetrics-text;version=1.0.0"})
        plain = await get(app, "/metrics")
        (span,) = receiver.spans()
        assert scraped.headers["Content-Type"].startswith("application/openmetrics-text")
        exemplar = f'# {{span_id="{span.span_id}",trace_id="{span.trace_id}"}}'
        marked = [line for line in scraped.text.splitlines() if exemplar in line]
        assert {line.partition("{")[0] for line in marked} == {
            "ocr_request_duration_seconds_bucket",
            "ocr_stage_duration_seconds_bucket",
        }
        assert scraped.text.endswith("# EOF\n")
        assert plain.headers["Content-Type"].startswith("text/plain")
        assert "trace_id" not in plain.text

    async def test_nothing_but_our_own_spans_is_sent_whatever_the_framework_can_do_by_itself(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """FastAPI would send exceptions with their messages as soon as OpenTelemetry's variables are there."""
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        app = make_app(internal=True)
        async with app.router.lifespan_context(app):
            await get(app, "/number/13")
        assert type(otel_trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"
        assert receiver.bodies == []


def test_an_observation_outside_of_a_trace_has_no_exemplar() -> None:
    metrics = Metrics()
    observe(metrics.stage_duration.labels("open"), 0.1)
    content, _ = metrics.exposition_for("application/openmetrics-text")
    assert b"trace_id" not in content
    assert b'ocr_stage_duration_seconds_count{stage="open"} 1.0' in content


def test_two_that_listen_keep_apart() -> None:
    with Receiver() as first, Receiver() as second:
        with traced(first):
            tracing.span("first").end()
        assert len(traces(first)) == 1
        assert traces(second) == {}
        assert not any(thread.name == "traces-end" and thread.is_alive() for thread in threading.enumerate())
