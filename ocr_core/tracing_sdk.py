"""Spans by OpenTelemetry's SDK, sent as OTLP over HTTP. Imported by ``tracing.begin``, and only where that is on.

The provider is the process's own and not OpenTelemetry's global one: libraries that would make spans by themselves as
soon as there is a global one (FastAPI among them) write exceptions' messages into them, which may quote a document.
"""

from __future__ import annotations

import atexit
import os
import threading
from types import TracebackType
from typing import Self

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_NAMESPACE, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.trace_context import TraceContext
from ocr_core.settings import TracingSettings
from ocr_core.tracing import Facts, Kind

NAMESPACE = "yomitori"
_END_PATIENCE_S = 2.0
"""Of a process that ends: a collector that has gone must not hold it up."""
_EXPORT_TIMEOUT_S = 5.0
_TRACES_PATH = "/v1/traces"
_KINDS = {kind: trace.SpanKind[kind.value] for kind in Kind}


class SdkTracer:
    """``Tracer`` over a provider of its own."""

    def __init__(self, service: str, processor: SpanProcessor, *, sample_ratio: float) -> None:
        """Make the provider.

        Args:
            service: Of every span, unless ``OTEL_SERVICE_NAME`` says otherwise.
            processor: Takes the spans that have ended.
            sample_ratio: Share of the traces begun here that are recorded; what others began is as they decided.
        """
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAMESPACE: NAMESPACE, **named}),
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(NAMESPACE)

    @classmethod
    def sending(cls, service: str, settings: TracingSettings) -> SdkTracer:
        """One whose spans go where the settings say, in batches, by a thread of its own."""
        endpoint = None if settings.endpoint is None else f"{settings.endpoint.rstrip('/')}{_TRACES_PATH}"
        timeout_s = None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else _EXPORT_TIMEOUT_S
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=timeout_s)
        made = cls(service, BatchSpanProcessor(exporter), sample_ratio=settings.sample_ratio)
        atexit.register(made.end)
        return made

    def span(
        self, name: str, facts: Facts, *, kind: Kind, parent: TraceContext | None, link: TraceContext | None
    ) -> SdkSpan:
        """See ``tracing.span``."""
        under, links = None, None
        if link is not None:
            under, links = otel_context.Context(), [trace.Link(_remote(link))]  # under no parent: it begins a trace
        elif parent is not None:
            under = trace.set_span_in_context(trace.NonRecordingSpan(_remote(parent)))
        told = {fact: value for fact, value in facts.items() if value is not None}
        return SdkSpan(self._tracer.start_span(name, context=under, kind=_KINDS[kind], attributes=told, links=links))

    def current(self) -> TraceContext | None:
        """See ``tracing.current``."""
        return _told(trace.get_current_span().get_span_context())

    def end(self) -> None:
        """See ``Tracer``."""
        # The SDK would wait for a collector that has gone for half a minute.
        ending = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        try:
            ending.start()
        except RuntimeError:  # some releases of CPython (3.12.1) start no thread once the process ends
            self._provider.shutdown()
        else:
            ending.join(_END_PATIENCE_S)


class SdkSpan:
    """``Span`` of the SDK's."""

    __slots__ = ("_ended", "_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._ended = False

    def __enter__(self) -> Self:
        self._token = otel_context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        otel_context.detach(self._token)
        self.end(error)

    @property
    def context(self) -> TraceContext | None:
        """See ``Span``."""
        return _told(self._span.get_span_context())

    def name(self, name: str) -> None:
        """See ``Span``."""
        self._span.update_name(name)

    def tell(self, facts: Facts) -> None:
        """See ``Span``."""
        for name, fact in facts.items():
            if fact is not None:
                self._span.set_attribute(name, fact)

    def fail(self, code: str) -> None:
        """See ``Span``. Without a description: that would be the error's message."""
        self._span.set_attribute("error.type", code)
        self._span.set_status(trace.StatusCode.ERROR)

    def end(self, error: BaseException | None = None) -> None:
        """See ``Span``."""
        if self._ended:
            return
        self._ended = True
        if error is not None:
            self.fail(error.code if isinstance(error, OcrError) else type(error).__name__)
        self._span.end()


def _remote(context: TraceContext) -> trace.SpanContext:
    return trace.SpanContext(
        trace_id=int(context.trace_id, 16),
        span_id=int(context.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if context.sampled else trace.TraceFlags.DEFAULT),
    )


def _told(context: trace.SpanContext) -> TraceContext | None:
    if not context.is_valid:
        return None
    return TraceContext(
        trace_id=trace.format_trace_id(context.trace_id),
        span_id=trace.format_span_id(context.span_id),
        sampled=context.trace_flags.sampled,
    )
