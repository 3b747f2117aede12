"""Traces as tests look at them: sent by the real exporter, to a real receiver on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local_stack.traces import Receiver, SeenSpan
from ocr_core import tracing
from ocr_core.settings import TracingSettings
from ocr_core.tracing_sdk import SdkTracer
from tests.support.waiting import wait_until

QUICK: Mapping[str, str] = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
"""For a process that is to send its spans soon, in milliseconds."""


@contextmanager
def traced(
    receiver: Receiver, *, service: str = "tests", sample_ratio: float = 1.0, trust_callers: bool = False
) -> Iterator[None]:
    """This process makes spans; when the block ends all of them have been sent."""
    settings = TracingSettings(endpoint=receiver.url, sample_ratio=sample_ratio, trust_callers=trust_callers)
    tracer = SdkTracer.sending(service, settings)
    tracing.use(tracer, trusts_callers=trust_callers)
    try:
        yield
    finally:
        tracing.use(None)
        tracer.end()


class Trace:
    """One trace, whole."""

    def __init__(self, spans: list[SeenSpan]) -> None:
        self.spans = spans
        self._by_id = {span.span_id: span for span in spans}

    def one(self, name: str) -> SeenSpan:
        """The span of that name, of which there is one."""
        (span,) = self.all(name)
        return span

    def all(self, name: str) -> list[SeenSpan]:
        """Those of that name, in the order in which they began."""
        return sorted((span for span in self.spans if span.name == name), key=lambda span: span.started_ns)

    def parent_of(self, span: SeenSpan) -> SeenSpan | None:
        """Null where it begins the trace."""
        return self._by_id[span.parent_id] if span.parent_id else None

    def path(self, span: SeenSpan) -> list[str]:
        """Names from the trace's beginning to the span."""
        parent = self.parent_of(span)
        return [*(self.path(parent) if parent is not None else []), span.name]


def traces(receiver: Receiver) -> dict[str, Trace]:
    """All that has come, by trace id."""
    found: dict[str, list[SeenSpan]] = {}
    for span in receiver.spans():
        found.setdefault(span.trace_id, []).append(span)
    return {trace_id: Trace(spans) for trace_id, spans in found.items()}


def trace_with(receiver: Receiver, *names: str) -> Trace:
    """The one trace that holds spans of all these names; waited for."""

    def holding() -> list[Trace]:
        return [trace for trace in traces(receiver).values() if all(trace.all(name) for name in names)]

    wait_until(lambda: bool(holding()), f"a trace with {', '.join(names)}")
    (trace,) = holding()
    return trace
