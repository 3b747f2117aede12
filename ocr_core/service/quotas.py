"""How much of the sync API a tenant may have: so many documents a minute, so many at the same time.

Kept by each process for itself. Several replicas let as many times that through; a shared counter would put a round
trip to a database into every request, and the house's own limits (``preprocess_svc/admission.py``) hold however many
come.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter

from ocr_core.contracts.access import Caller
from ocr_core.contracts.errors import Overloaded, QuotaExceeded
from ocr_core.telemetry import Metrics

_MINUTE_S = 60.0


@dataclass(slots=True, kw_only=True)
class _Account:
    """One tenant's."""

    tokens: float
    filled_s: float
    running: int = 0


class SyncQuotas:
    """A token bucket and a count for each tenant. Used from one event loop only."""

    def __init__(self, metrics: Metrics, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._accounts: dict[str, _Account] = {}
        self._refusals = Counter(
            "ocr_quota_refusals", "Requests refused for their tenant's quota.", ("quota",), registry=metrics.registry
        )

    @contextmanager
    def hold(self, caller: Caller) -> Iterator[None]:
        """Let a document in for as long as the block runs.

        A document that the house then has no room for (``Overloaded``) has not used up anything.

        Raises:
            QuotaExceeded: the tenant has as many as it may; told when it may have another.
        """
        policy = caller.policy
        account = self._account(caller.tenant, policy.requests_per_minute)
        if policy.concurrent_requests is not None and account.running >= policy.concurrent_requests:
            self._refusals.labels("concurrent_requests").inc()
            raise QuotaExceeded(
                f"{account.running} documents of this tenant are being read, as many as it may have at the same time "
                f"(concurrent_requests: {policy.concurrent_requests})"
            )
        if policy.requests_per_minute is not None:
            if account.tokens < 1:
                self._refusals.labels("requests_per_minute").inc()
                raise QuotaExceeded(
                    f"this tenant may send {policy.requests_per_minute} documents a minute (requests_per_minute)",
                    retry_after_s=(1 - account.tokens) * _MINUTE_S / policy.requests_per_minute,
                )
            account.tokens -= 1
        account.running += 1
        try:
            yield
        except Overloaded:
            account.tokens += 1
            raise
        finally:
            account.running -= 1

    def _account(self, tenant: str, per_minute: int | None) -> _Account:
        """The tenant's, filled up to now; a whole minute's worth may come at once after a minute's rest."""
        now_s = self._monotonic_s()
        account = self._accounts.setdefault(tenant, _Account(tokens=math.inf, filled_s=now_s))
        if per_minute is None:
            account.tokens = math.inf
        else:
            gained = max(0.0, now_s - account.filled_s) * per_minute / _MINUTE_S
            account.tokens = min(float(per_minute), account.tokens + gained)
        account.filled_s = now_s
        return account
