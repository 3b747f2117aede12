"""Traces on one machine without any container: takes them in as a collector does, and prints each as a tree.

::

    make traces            python -m local_stack.traces: listens on 127.0.0.1:4318
    make up                with OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318

A trace is printed when nothing more of it has come for a while.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

HOST, PORT = "127.0.0.1", 4318
QUIET_S = 6.0
"""A service sends what has ended every five seconds (``OTEL_BSP_SCHEDULE_DELAY``)."""

_JSON = "application/json"
_MAX_BODY_BYTES = 64 << 20
_NS_PER_MS = 1e6
_NAME_COLUMNS = 48
_SHOWN = ("ocr.", "http.response.status_code", "error.type")
"""What the tree shows of a span, by the beginning of the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSpan:
    """A span as it was sent."""

    service: str
    name: str
    kind: int
    """As OTLP numbers them: 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    trace_id: str
    span_id: str
    parent_id: str
    """Empty where it begins its trace."""
    links: tuple[tuple[str, str], ...]
    """Trace and span of each."""
    facts: Mapping[str, str | int | float | bool]
    started_ns: int
    ended_ns: int
    failed: bool
    events: int

    @property
    def elapsed_ms(self) -> float:
        """From its start to its end."""
        return (self.ended_ns - self.started_ns) / _NS_PER_MS


@dataclass(slots=True, kw_only=True)
class Receiver:
    """OTLP over HTTP on loopback; keeps all that comes. Use it as a context manager."""

    port: int = 0
    """Any that is free where it is 0."""
    bodies: list[bytes] = field(default_factory=list)
    """Every request, as it came."""
    _spans: list[SeenSpan] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        receiver = self

        class Handler(_Handler):
            def take(self, body: bytes, content_type: str) -> None:
                receiver.take(body, content_type)

        self._server = ThreadingHTTPServer((HOST, self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="traces", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        """For ``OTEL_EXPORTER_OTLP_ENDPOINT``."""
        return f"http://{HOST}:{self.port}"

    def take(self, body: bytes, content_type: str) -> None:
        """One request's spans.

        Raises:
            DecodeError, ParseError: there are none.
        """
        spans = list(_spans(_decoded(body, content_type)))
        with self._news:
            self.bodies.append(body)
            self._spans += spans
            self._news.notify_all()

    def spans(self) -> tuple[SeenSpan, ...]:
        """All that have come."""
        with self._news:
            return tuple(self._spans)

    def wait(self, timeout_s: float) -> None:
        """Return when more has come, or after that time."""
        with self._news:
            self._news.wait(timeout_s)

    def clear(self) -> None:
        """Forget all."""
        with self._news:
            self._spans.clear()
            self.bodies.clear()

    def forget(self, trace_id: str) -> None:
        """Forget one trace."""
        with self._news:
            self._spans = [span for span in self._spans if span.trace_id != trace_id]
            self.bodies.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def take(self, body: bytes, content_type: str) -> None:
        raise NotImplementedError

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(min(length, _MAX_BODY_BYTES))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        content_type = self.headers.get_content_type()
        try:
            self.take(body, content_type)
        except (DecodeError, ParseError):
            self.send_error(400)
            return
        answer = b"{}" if content_type == _JSON else ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def _decoded(body: bytes, content_type: str) -> ExportTraceServiceRequest:
    """OTLP in either of its forms: ours is protobuf, Triton sends JSON."""
    request = ExportTraceServiceRequest()
    if content_type != _JSON:
        request.ParseFromString(body)
        return request
    Parse(body, request, ignore_unknown_fields=True)
    # OTLP's JSON has ids in hexadecimal, where protobuf's own has bytes in base64 and has taken them for that.
    for span in (span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans):
        span.trace_id, span.span_id, span.parent_span_id = map(
            _unhexed, (span.trace_id, span.span_id, span.parent_span_id)
        )
        for link in span.links:
            link.trace_id, link.span_id = _unhexed(link.trace_id), _unhexed(link.span_id)
    return request


def _unhexed(misread: bytes) -> bytes:
    return bytes.fromhex(base64.b64encode(misread).decode())


def _spans(request: ExportTraceServiceRequest) -> Iterator[SeenSpan]:
    for of_resource in request.resource_spans:
        service = str(_facts(of_resource.resource.attributes).get("service.name", ""))
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield SeenSpan(
                    service=service,
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    facts=_facts(span.attributes),
                    started_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    failed=span.status.code == 2,  # STATUS_CODE_ERROR
                    events=len(span.events),
                )


def _facts(attributes: Iterable[KeyValue]) -> dict[str, str | int | float | bool]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes}


def tree(spans: Sequence[SeenSpan]) -> Iterator[str]:
    """One trace as lines: each span under its parent, with when it began, how long it took, and what it tells."""
    known = {span.span_id for span in spans}
    begun_ns = min(span.started_ns for span in spans)
    children: dict[str, list[SeenSpan]] = {}
    for span in sorted(spans, key=lambda each: each.started_ns):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    yield f"trace {spans[0].trace_id}: {len(spans)} spans"

    def lines(parent_id: str, depth: int) -> Iterator[str]:
        for span in children.get(parent_id, ()):
            name = f"{'  ' * depth}{span.service}: {span.name}"
            at_ms = (span.started_ns - begun_ns) / _NS_PER_MS
            told = [f"{key}={fact}" for key, fact in span.facts.items() if key.startswith(_SHOWN)]
            told += [f"of trace {trace_id}" for trace_id, _ in span.links]
            yield f"{name:<{_NAME_COLUMNS}} {at_ms:>9.1f} {span.elapsed_ms:>9.1f} ms  {' '.join(told)}".rstrip()
            yield from lines(span.span_id, depth + 1)

    yield from lines("", 1)


def _print_traces(receiver: Receiver) -> None:
    """Each trace once, when it has been quiet for ``QUIET_S``; what comes later of it is printed by itself."""
    seen: dict[str, tuple[int, float]] = {}
    while True:
        receiver.wait(1.0)
        now_s = time.monotonic()
        by_trace: dict[str, list[SeenSpan]] = {}
        for span in receiver.spans():
            by_trace.setdefault(span.trace_id, []).append(span)
        for trace_id, spans in by_trace.items():
            if seen.get(trace_id, (0, 0.0))[0] != len(spans):
                seen[trace_id] = (len(spans), now_s)
            elif now_s - seen[trace_id][1] >= QUIET_S:
                print("\n".join(tree(spans)), flush=True)
                receiver.forget(trace_id)
                del seen[trace_id]


def main() -> int:
    """Listen until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Takes in traces (OTLP over HTTP) and prints each as a tree.")
    parser.add_argument("--port", type=int, default=PORT)
    port = parser.parse_args().port
    try:
        with Receiver(port=port) as receiver:
            print(f"Listening. Start what is to be traced with  OTEL_EXPORTER_OTLP_ENDPOINT={receiver.url}", flush=True)
            _print_traces(receiver)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(f"port {port} of {HOST} cannot be listened on: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
