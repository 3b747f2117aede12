"""Spans, as every service makes them: nothing at all unless ``begin`` was called with an address to send them to.

::

    main ── begin ──► tracing_sdk (OpenTelemetry's SDK, imported only then) ──► OTLP over HTTP
    code ── span(…) ──► the span that is current in this task, its child from here on
    boundary ── current(), headers() ──► traceparent ──► span(…, parent=…) or span(…, link=…) on the other side

Off, a span costs what calling a function does (docs/observability.md has it measured). A span holds names, numbers
and ids: never document text, a file's name, an address or an exception's message.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from types import TracebackType
from typing import ParamSpec, Protocol, Self, TypeVar

from ocr_core.contracts.trace_context import TRACEPARENT, TraceContext, TraceOrigin
from ocr_core.settings import TracingSettings

P = ParamSpec("P")
T = TypeVar("T")

Fact = str | int | float | bool
Facts = Mapping[str, Fact | None]
"""What a span tells, by OpenTelemetry's own names where it has one, else under ``ocr.``; null is not told."""

MAX_JOINED_DOCUMENTS = 20
"""Documents of one job that share the trace of its request. A trace of more is one that no viewer shows, and that
sampling could only take or leave whole: each document of a larger job has a trace of its own, linked to it."""


class Kind(Enum):
    """Which side of a call a span is; the names are OpenTelemetry's."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Span(Protocol):
    """One step of some work. As a context manager it is current inside the block, and ends with it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def context(self) -> TraceContext | None:
        """Where it is, for others to join or link to; null where nothing is recorded anywhere."""
        ...

    def name(self, name: str) -> None:
        """Call it something else, now that more is known."""
        ...

    def tell(self, facts: Facts) -> None:
        """Add what has become known."""
        ...

    def fail(self, code: str) -> None:
        """It did not come to what was asked for."""
        ...

    def end(self, error: BaseException | None = None) -> None:
        """For a span that is not used as a context manager: it has ended. A second call does nothing."""
        ...


class Tracer(Protocol):
    """Makes spans; ``tracing_sdk`` has the one that there is."""

    def span(
        self, name: str, facts: Facts, *, kind: Kind, parent: TraceContext | None, link: TraceContext | None
    ) -> Span:
        """See ``span``."""
        ...

    def current(self) -> TraceContext | None:
        """See ``current``."""
        ...

    def end(self) -> None:
        """Send what has not been sent, for a short while."""
        ...


class _NoSpan:
    """What everybody gets while tracing is off."""

    __slots__ = ()
    context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def name(self, name: str) -> None:
        """See ``Span``."""

    def tell(self, facts: Facts) -> None:
        """See ``Span``."""

    def fail(self, code: str) -> None:
        """See ``Span``."""

    def end(self, error: BaseException | None = None) -> None:
        """See ``Span``."""


NO_SPAN = _NoSpan()
_NO_FACTS: Facts = {}
_NO_HEADERS: Mapping[str, str] = {}


class _State:
    """Of the process: it sends its spans to one place, or nowhere."""

    tracer: Tracer | None = None
    trusts_callers: bool = False


def begin(service: str, settings: TracingSettings) -> None:
    """Switch tracing on for this process where the settings name somewhere to send spans to; else do nothing.

    What has not been sent when the process ends is sent then, for a second or two.

    Args:
        service: Its name in every trace, unless ``OTEL_SERVICE_NAME`` gives another.
        settings: ``OCR_TRACING_…``; ``OTEL_EXPORTER_OTLP_…`` is followed as the standard has it.
    """
    if not settings.is_on:
        return
    from ocr_core.tracing_sdk import SdkTracer  # noqa: PLC0415 - 0.2 s and some megabytes that others do not pay

    use(SdkTracer.sending(service, settings), trusts_callers=settings.trust_callers)


def use(tracer: Tracer | None, *, trusts_callers: bool = False) -> None:
    """Have this tracer make the process's spans; null for none."""
    _State.tracer, _State.trusts_callers = tracer, trusts_callers


def is_on() -> bool:
    """Whether spans are made at all, for what is worth doing only then."""
    return _State.tracer is not None


def trusts_callers() -> bool:
    """Whether a stranger's ``traceparent`` is joined, and not only linked to."""
    return _State.trusts_callers


def span(
    name: str,
    facts: Facts = _NO_FACTS,
    *,
    kind: Kind = Kind.INTERNAL,
    parent: TraceContext | None = None,
    link: TraceContext | None = None,
) -> Span:
    """A span, from now on.

    Args:
        name: What is done; of few different ones, so nothing of a document.
        facts: What is known of it already.
        kind: Which side of a call it is.
        parent: What it is part of, where that is in another process; else what is current here.
        link: What it came of and is no part of: it begins a trace of its own.
    """
    if _State.tracer is None:
        return NO_SPAN
    return _State.tracer.span(name, facts, kind=kind, parent=parent, link=link)


def span_of(name: str, origin: TraceOrigin | None, facts: Facts = _NO_FACTS, *, kind: Kind, again: bool) -> Span:
    """A span of work that was handed over: part of its origin the first time, and linked to it ever after.

    What is done ``again`` may be done hours later, when whoever gathers traces has long closed that one.
    """
    if origin is None:
        return span(name, facts, kind=kind)
    if again or origin.apart:
        return span(name, facts, kind=kind, link=origin.context)
    return span(name, facts, kind=kind, parent=origin.context)


def current() -> TraceContext | None:
    """The span that is current here; null where none is."""
    return None if _State.tracer is None else _State.tracer.current()


def origin(*, apart: bool = False) -> str | None:
    """What is current here as a ``TraceOrigin``'s column; null where nothing is."""
    context = current()
    return None if context is None else TraceOrigin(context=context, apart=apart).encode()


def headers() -> Mapping[str, str]:
    """What tells a service of ours that is called from here what it is part of."""
    context = current()
    return _NO_HEADERS if context is None else {TRACEPARENT: context.encode()}


def exemplar() -> dict[str, str] | None:
    """Names the trace that an observation of a metric came of, where that trace is recorded."""
    context = current()
    if context is None or not context.sampled:
        return None
    return {"trace_id": context.trace_id, "span_id": context.span_id}


def with_context(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """The same call, to be made on another thread in this task's context: its spans and its request id."""
    return partial(contextvars.copy_context().run, partial(work, *args, **kwargs))
