"""What is known of the request that is being answered."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from ocr_core.contracts.access import Caller

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_SCOPE_KEY = "ocr_request_context"


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """One request, from its headers on. Mutable: the route adds what the log line and the metrics should tell."""

    request_id: str
    received_s: float = field(default_factory=time.monotonic)
    """When the headers had arrived, on the monotonic clock."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage, for the log, the metrics and ``Server-Timing``."""
    facts: dict[str, str | int | float | None] = field(default_factory=dict)
    """Plain facts for the log line. Never document text, never a file name."""
    error_code: str | None = None
    caller: Caller | None = None
    """Who calls; null on routes that are open, and where the service checks no keys."""

    def elapsed_ms(self) -> float:
        """Milliseconds since the headers arrived."""
        return (time.monotonic() - self.received_s) * 1_000

    def server_timing(self) -> str:
        """The stages as a ``Server-Timing`` header."""
        return ", ".join(f"{stage};dur={ms:.1f}" for stage, ms in self.stages_ms.items())


def accept_request_id(untrusted_id: str | None) -> str:
    """The caller's id where it is short and plain enough to go into headers and logs, else a new one."""
    if untrusted_id is not None and _SANE_REQUEST_ID.fullmatch(untrusted_id):
        return untrusted_id
    return f"req_{secrets.token_hex(12)}"


def attach(scope: dict[str, object], context: RequestContext) -> None:
    """Put the context where the route finds it."""
    scope[_SCOPE_KEY] = context


def context_of(request: HTTPConnection) -> RequestContext:
    """The context that the middleware made for this request."""
    context = request.scope[_SCOPE_KEY]
    if not isinstance(context, RequestContext):
        raise TypeError("the telemetry middleware did not run")
    return context
