"""The outermost layer: request ids, spans, the log line, the metrics, and the answer to what nobody foresaw."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_core import tracing
from ocr_core.contracts.trace_context import TRACEPARENT, TraceContext
from ocr_core.service.context import RequestContext, accept_request_id, attach
from ocr_core.service.problems import internal_error, problem_response
from ocr_core.telemetry import Metrics, observe, request_id_of_task

REQUEST_ID_HEADER = "X-Request-Id"
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics", "/ping"})
_SERVER_ERROR = 500
CLIENT_CLOSED_REQUEST = 499
"""Nobody was left to answer; the number is nginx's."""

_logger = logging.getLogger(__name__)


class TelemetryMiddleware:
    """Pure ASGI: it neither buffers bodies nor hides the client's disconnect."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, internal: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._internal = internal
        """Whether the callers are the house's own services, whose traces go on here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request inside its context."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._span(scope) as span:
            await self._answer(scope, receive, send, span)

    def _span(self, scope: Scope) -> tracing.Span:
        if not tracing.is_on() or scope["path"] in _QUIET_ROUTES:
            return tracing.NO_SPAN
        untrusted = TraceContext.decode(Headers(scope=scope).get(TRACEPARENT))
        joins = self._internal or tracing.trusts_callers()
        return tracing.span(
            _method(scope),
            kind=tracing.Kind.SERVER,
            parent=untrusted if joins else None,
            link=None if joins else untrusted,
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send, span: tracing.Span) -> None:
        context = RequestContext(request_id=accept_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER)))
        attach(scope, context)  # type: ignore[arg-type]  # Starlette's Scope is a MutableMapping[str, Any]
        token = request_id_of_task.set(context.request_id)
        status: int | None = None
        unread = "Transfer-Encoding" in Headers(scope=scope)

        async def receive_and_note() -> Message:
            nonlocal unread
            message = await receive()
            if not message.get("more_body", False):
                unread = False
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = context.request_id
                if unread:
                    # A body without a length that was given up: kept open, the server would take it to its end, which
                    # may never come, only to throw it away.
                    headers["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive_and_note, send_with_id)
        except Exception:
            _logger.exception("A request failed in a way that nobody foresaw", extra={"action": "request.failed"})
            if status is None:
                await problem_response(internal_error(context), context)(scope, receive, send_with_id)
        finally:
            self._record(scope, context, status or CLIENT_CLOSED_REQUEST, span)
            request_id_of_task.reset(token)

    def _record(self, scope: Scope, context: RequestContext, status: int, span: tracing.Span) -> None:
        elapsed_ms = context.elapsed_ms()
        route = getattr(scope.get("route"), "path", "unmatched")
        method = _method(scope)
        self._metrics.requests.labels(route, method, str(status), context.error_code or "").inc()
        observe(self._metrics.request_duration.labels(route), elapsed_ms / 1_000)
        for stage, ms in context.stages_ms.items():
            observe(self._metrics.stage_duration.labels(stage), ms / 1_000)
        if tracing.is_on():
            _tell(span, context, method=method, route=route, status=status)
        _logger.log(
            logging.DEBUG if route in _QUIET_ROUTES else logging.INFO,
            "A request was answered",
            extra={
                "action": "request.answered",
                "route": route,
                "method": method,
                "status": status,
                "code": context.error_code,
                "elapsed_ms": round(elapsed_ms, 1),
                "stages_ms": {stage: round(ms, 1) for stage, ms in context.stages_ms.items()},
                **context.facts,
            },
        )


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _KNOWN_METHODS else "other"


def _tell(span: tracing.Span, context: RequestContext, *, method: str, route: str, status: int) -> None:
    span.name(f"{method} {route}")
    facts: dict[str, tracing.Fact | None] = {f"ocr.{name}": fact for name, fact in context.facts.items()}
    names: dict[str, tracing.Fact | None] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "ocr.request_id": context.request_id,
    }
    span.tell({**names, **facts})
    if context.error_code is not None or status >= _SERVER_ERROR:
        span.fail(context.error_code or str(status))
