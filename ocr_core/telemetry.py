"""Logs and metrics that every service writes the same way.

A log line is one JSON object: a sentence, an ``action``, the request's id and plain numbers. Document text never
enters one: that is why an exception is written as its type and its frames, without its message.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import choose_encoder

from ocr_core import tracing
from ocr_core.cores import usable_cores
from ocr_core.settings import LogFormat, LogSettings

request_id_of_task: ContextVar[str | None] = ContextVar("request_id_of_task", default=None)
"""The id of the request that the current task works for."""

_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}

# From a text-layer answer to the longest deadline that a caller may ask for.
_LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0)
_STAGE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30.0)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, *, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Write the record down with its extras; an exception without its message."""
        return json.dumps(self._content(record), ensure_ascii=False, default=str)

    def _content(self, record: logging.LogRecord) -> dict[str, object]:
        content: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := request_id_of_task.get()) is not None:
            content["request_id"] = request_id
        if (context := tracing.current()) is not None:
            content["trace_id"] = context.trace_id
            content["span_id"] = context.span_id
        content.update({name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES})
        if record.exc_info:
            content["exception"] = describe_exception(record.exc_info)
        return content


class TextFormatter(JsonFormatter):
    """The same for a person who reads along."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line: time, level, sentence, then the extras as ``name=value``."""
        content = self._content(record)
        head = f"{str(content.pop('time'))[11:23]} {str(content.pop('level')).upper():<7} {content.pop('message')}"
        for name in ("service", "logger"):
            content.pop(name)
        return " ".join([head, *(f"{name}={value}" for name, value in content.items())])


def describe_exception(exc_info: ExcInfo) -> dict[str, object]:
    """An exception's types and frames. Its message stays out: it may quote the document."""
    _, error, trace = exc_info
    types: list[str] = []
    while error is not None and len(types) < 5:
        types.append(f"{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or error.__context__
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
    return {"types": types, "frames": frames[-12:]}


def configure_logging(service: str, settings: LogSettings) -> None:
    """Send every logger of this process to standard error in the wanted format."""
    formatter = JsonFormatter if settings.format is LogFormat.JSON else TextFormatter
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(service=service))
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)
    # At INFO these two tell each call's URL, which adds nothing to our own line.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # At DEBUG these write whole payloads, which hold documents.
    for name in ("boto3", "botocore", "python_multipart", "PIL"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class Metrics:
    """A service's own registry; several applications in one process do not disturb one another."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ocr_requests",
            "Requests answered, by route, status and error code.",
            ("route", "method", "status", "code"),
            registry=self.registry,
        )
        self.request_duration = Histogram(
            "ocr_request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            ("route",),
            buckets=_LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.stage_duration = Histogram(
            "ocr_stage_duration_seconds",
            "Time that a document spent in a stage.",
            ("stage",),
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "ocr_documents_in_flight", "Documents admitted and not yet done.", registry=self.registry
        )
        self.refusals = Counter(
            "ocr_admission_refusals", "Documents refused because the house was full.", registry=self.registry
        )
        self.pages = Counter("ocr_pages", "Pages answered, read or not.", ("outcome",), registry=self.registry)
        self.dependency_up = Gauge(
            "ocr_dependency_up",
            "Whether a dependency answered when readiness was last asked for: 1 or 0.",
            ("dependency",),
            registry=self.registry,
        )
        # With process_cpu_seconds_total: how much of its processors a service uses.
        self.cores = Gauge("ocr_process_cores", "Processors that this process may use.", registry=self.registry)
        self.cores.set(usable_cores())
        ProcessCollector(registry=self.registry)

    def exposition(self) -> bytes:
        """The registry in Prometheus' text format."""
        return generate_latest(self.registry)

    def exposition_for(self, accept: str) -> tuple[bytes, str]:
        """The registry as a scraper asks for it, and its content type.

        Args:
            accept: Its ``Accept``. OpenMetrics, where it asks for that, carries exemplars: the trace of one of the
                observations in a bucket. Prometheus' text format, which it gets otherwise, has no place for them.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def observe(histogram: Histogram, value: float) -> None:
    """Note an observation, with the trace that it was made in as its exemplar.

    Args:
        histogram: Its labels filled in.
        value: In the unit of its name.
    """
    histogram.observe(value, tracing.exemplar())
