"""The webhook sender's role: due deliveries are claimed, attempted side by side, and what became of them is noted."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Iterable

import prometheus_client
from pydantic import SecretStr

from async_worker.blocking import Blocking
from async_worker.loops import Backoff, repeat, wait_or_stop
from async_worker.tenants import TenantPolicies
from async_worker.webhooks.addresses import Resolver, SystemResolver
from async_worker.webhooks.calls import Caller
from async_worker.webhooks.filing import SCHEME, Filing
from async_worker.webhooks.messages import body_of, headers_of
from async_worker.webhooks.outcomes import Outcome, retry_after_s
from ocr_core import tracing
from ocr_core.adapters.job_store import SystemClock
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.job_store import JobStore
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.webhooks import WebhookDelivery
from ocr_core.settings import WebhookSettings
from ocr_core.telemetry import Metrics

IDLE_S = 1.0
"""Between two looks where nothing is due, or no place is free; an attempt's end makes the next look earlier."""
LEASE_MARGIN_S = 30.0
"""Beyond an attempt's own deadline: for reading a result, and for noting how it went."""
_NOTE_TRIES = 5

_log = logging.getLogger(__name__)


class WebhookSender:
    """``RoleName.WEBHOOKS``; any number may run."""

    def __init__(
        self,
        *,
        store: JobStore,
        objects: ObjectStore,
        blocking: Blocking,
        settings: WebhookSettings,
        policies: TenantPolicies,
        metrics: Metrics,
        shutdown_grace_s: float = 30.0,
        resolver: Resolver | None = None,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Store what it works with.

        Args:
            store: Called through ``blocking`` only.
            objects: Where result lines of the intake's documents go.
            blocking: Threads for the store.
            settings: Deadline, retries, how many at once.
            policies: With which secret each tenant's are signed.
            metrics: Of the process.
            shutdown_grace_s: How long attempts may go on after ``stop``; those that are cut off are made again.
            resolver: Names to addresses; the machine's own where none is given.
            clock: For the moment that is signed; the machine's own where none is given.
            tls: Whom to trust; the usual authorities where none is given.
        """
        self._store = store
        self._blocking = blocking
        self._settings = settings
        self._policies = policies
        self._shutdown_grace_s = shutdown_grace_s
        self._clock = clock or SystemClock()
        self._filing = Filing(store=store, objects=objects, blocking=blocking)
        self._caller = Caller(settings=settings, resolver=resolver or SystemResolver(), clock=self._clock, tls=tls)
        self._running: dict[asyncio.Task[None], WebhookDelivery] = {}
        self._attempts = prometheus_client.Counter(
            "ocr_bulk_webhook_attempts", "Attempts at deliveries, by outcome.", ("outcome",), registry=metrics.registry
        )
        for outcome in ("delivered", "failed", "given_up"):
            self._attempts.labels(outcome)

    async def run(self, stop: asyncio.Event) -> None:
        """See ``Role``."""
        try:
            await repeat(lambda: self._step(stop), name="webhooks", stop=stop)
            if self._running:
                await asyncio.wait(self._running, timeout=self._shutdown_grace_s)
        finally:
            cut_off = list(self._running)
            for task in cut_off:
                task.cancel()
            await asyncio.gather(*cut_off, return_exceptions=True)

    async def _step(self, stop: asyncio.Event) -> float:
        """Claim what is due and begin with it; the seconds until the next look.

        One receiver that is slow holds up a part of the places and no more, and so does one tenant with many. Our own
        bucket is no receiver: it is quick, or down for everyone.

        Raises:
            NotReady: the database does not answer.
        """
        most = self._settings.max_deliveries
        free = most - len(self._running)
        before = set(self._running)
        if free <= 0:
            return await self._an_end(before, stop)
        of_origin = max(1, most // 4)
        running = self._running.values()
        called = (each.url for each in running if not each.url.startswith(SCHEME))
        claimed = await self._blocking.run(
            self._store.claim_webhooks,
            limit=min(free, of_origin),
            lease_s=self._settings.timeout_s + LEASE_MARGIN_S,
            skip_origins=_full(map(origin_of, called), of_origin),
            skip_tenants=_full((each.tenant for each in running), max(1, most * 3 // 4)),
        )
        for delivery in claimed:
            task = asyncio.create_task(self._deliver(delivery, stop))
            self._running[task] = delivery
            task.add_done_callback(self._running.pop)
        return 0.0 if claimed else await self._an_end(before, stop)

    async def _an_end(self, before: set[asyncio.Task[None]], stop: asyncio.Event) -> float:
        """Wait until an attempt of those ``before`` the look ends, as its place may be what others wait for.

        The seconds that are left to wait.
        """
        if not before:
            return IDLE_S
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({*before, stopping}, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        return 0.0

    async def _deliver(self, delivery: WebhookDelivery, stop: asyncio.Event) -> None:
        """One attempt and its note. It raises nothing: its neighbours go on, and the delivery comes again."""
        with _span(delivery) as span:
            await self._deliver_within(delivery, stop, span)

    async def _deliver_within(self, delivery: WebhookDelivery, stop: asyncio.Event, span: tracing.Span) -> None:
        try:
            outcome = await self._attempt(delivery)
        except Exception:
            _log.exception(
                "A delivery failed inside the server", extra={"action": "webhooks.fault", "delivery_id": delivery.id}
            )
            outcome = Outcome(delivered=False, error="an error inside the server")
        span.tell({"http.response.status_code": outcome.status_code})
        if not outcome.delivered:
            span.fail("not_delivered")
        wait_s = retry_after_s(outcome, delivery.attempts, self._settings)
        self._tell(delivery, outcome, wait_s)
        await self._note(delivery, outcome, wait_s, stop)

    async def _attempt(self, delivery: WebhookDelivery) -> Outcome:
        if delivery.url.startswith(SCHEME):
            return await self._filing.file(delivery)
        try:
            secret = (await self._policies.of(delivery.tenant)).webhook_secret
        except NotReady:
            return Outcome(delivered=False, error="an error inside the server", ours=True)
        if secret is None:
            return Outcome(delivered=False, error="there is no secret to sign with any more")
        body = body_of(delivery)
        headers = headers_of(delivery, body, secret=SecretStr(secret), now=self._clock.now())
        return await self._caller.post(delivery.url, body=body, headers=headers)

    def _tell(self, delivery: WebhookDelivery, outcome: Outcome, wait_s: float | None) -> None:
        """To the log and the metrics; the URL stays out, as receivers keep secrets in them."""
        if outcome.delivered:
            self._attempts.labels("delivered").inc()
            return
        self._attempts.labels("given_up" if wait_s is None else "failed").inc()
        _log.warning(
            "A delivery was given up" if wait_s is None else "A delivery failed and is tried again",
            extra={
                "action": "webhooks.failed",
                "delivery_id": delivery.id,
                "job_id": delivery.job_id,
                "attempts": delivery.attempts,
                "status_code": outcome.status_code,
                "reason": outcome.error,
            },
        )

    async def _note(
        self, delivery: WebhookDelivery, outcome: Outcome, wait_s: float | None, stop: asyncio.Event
    ) -> None:
        """Write down how it went. What cannot be noted is attempted again when the claim has run out."""
        if delivery.token is None:
            return
        for failures in range(1, _NOTE_TRIES + 1):
            try:
                await self._blocking.run(
                    self._store.record_webhook,
                    delivery.token,
                    delivered=outcome.delivered,
                    status_code=outcome.status_code,
                    error=outcome.error,
                    retry_after_s=wait_s,
                )
            except NotReady:
                await wait_or_stop(stop, Backoff(max_s=5.0).wait_s(failures))
            except Exception:
                _log.exception(
                    "A delivery could not be noted", extra={"action": "webhooks.fault", "delivery_id": delivery.id}
                )
                return
            else:
                return


def _span(delivery: WebhookDelivery) -> tracing.Span:
    """Of one attempt. Its URL is not told, as receivers keep secrets in them, nor our trace to the receiver."""
    if not tracing.is_on():
        return tracing.NO_SPAN
    attempt = delivery.attempts
    facts: tracing.Facts = {"ocr.tenant": delivery.tenant, "ocr.job_id": delivery.job_id, "ocr.attempt": attempt}
    return tracing.span_of("webhook", delivery.origin, facts, kind=tracing.Kind.CLIENT, again=attempt > 1)


def origin_of(url: str) -> str:
    """``scheme://authority`` as it stands in the URL: what slow receivers are counted by."""
    scheme, separator, rest = url.partition("://")
    for end in "/?#":
        rest = rest.partition(end)[0]
    return f"{scheme}{separator}{rest}"


def _full(names: Iterable[str], most: int) -> tuple[str, ...]:
    """The names that come as often as they may."""
    return tuple(name for name, count in Counter(names).items() if count >= most)
