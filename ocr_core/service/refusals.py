"""Requests that were refused for their key: counted all, told in the audit log so that nobody can flood it."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from prometheus_client import Counter
from starlette.requests import Request

from ocr_core.contracts.access import ApiKey
from ocr_core.contracts.audit import Actor, AuditAction
from ocr_core.service.context import context_of
from ocr_core.telemetry import Metrics

TOLD_EVERY_S = 60.0
"""Of one key and reason; strangers' keys, which they make up, are one together."""
MAX_REMEMBERED = 1_000

Note = Callable[[AuditAction, Actor, str | None, str | None, dict[str, object]], None]
"""Begins to write a line: action, actor, tenant, key, details."""


class Reason(StrEnum):
    """Why a request was refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a reason, no secret
    REVOKED = "revoked"
    EXPIRED = "expired"
    SCOPE = "scope"


class Refusals:
    """Used from one event loop only."""

    def __init__(self, *, note: Note, metrics: Metrics, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._note = note
        self._monotonic_s = monotonic_s
        self._told_s: dict[tuple[Reason, str | None], float] = {}
        self._untold: dict[tuple[Reason, str | None], int] = {}
        self._count = Counter(
            "ocr_access_refusals", "Requests refused for their API key.", ("reason",), registry=metrics.registry
        )

    def tell(self, request: Request, reason: Reason, key: ApiKey | None = None) -> None:
        """Note a refusal. Who merely brought no key is counted, and no more."""
        self._count.labels(reason.value).inc()
        context = context_of(request)
        context.facts["refused"] = reason.value
        if reason is Reason.MISSING:
            return
        of = (reason, key.id if key is not None else None)
        now_s = self._monotonic_s()
        self._untold[of] = self._untold.get(of, 0) + 1
        if now_s - self._told_s.get(of, float("-inf")) < TOLD_EVERY_S:
            return
        if len(self._told_s) >= MAX_REMEMBERED:
            self._told_s = {each: s for each, s in self._told_s.items() if now_s - s < TOLD_EVERY_S}
            self._untold = {each: count for each, count in self._untold.items() if each in self._told_s or each == of}
        self._told_s[of] = now_s
        details: dict[str, object] = {
            "reason": reason.value,
            "times": self._untold.pop(of, 1),
            "route": getattr(request.scope.get("route"), "path", "unmatched"),
            "method": request.method,
            "address": request.client.host if request.client is not None else None,
        }
        actor = Actor(key_id=of[1], through="api", request_id=context.request_id)
        self._note(AuditAction.KEY_REFUSED, actor, key.tenant if key is not None else None, of[1], details)
