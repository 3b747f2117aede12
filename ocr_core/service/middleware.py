"""The outermost layer: request ids, the log line, the metrics, and the answer to what nobody foresaw."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_core.service.context import RequestContext, accept_request_id, attach
from ocr_core.service.problems import internal_error, problem_response
from ocr_core.telemetry import Metrics, request_id_of_task

REQUEST_ID_HEADER = "X-Request-Id"
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics", "/ping"})
CLIENT_CLOSED_REQUEST = 499
"""Nobody was left to answer; the number is nginx's."""

_logger = logging.getLogger(__name__)


class TelemetryMiddleware:
    """Pure ASGI: it neither buffers bodies nor hides the client's disconnect."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request inside its context."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
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
            self._record(scope, context, status or CLIENT_CLOSED_REQUEST)
            request_id_of_task.reset(token)

    def _record(self, scope: Scope, context: RequestContext, status: int) -> None:
        elapsed_ms = context.elapsed_ms()
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else "other"
        self._metrics.requests.labels(route, method, str(status), context.error_code or "").inc()
        self._metrics.request_duration.labels(route).observe(elapsed_ms / 1_000)
        for stage, ms in context.stages_ms.items():
            self._metrics.stage_duration.labels(stage).observe(ms / 1_000)
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
