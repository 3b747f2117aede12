"""Who calls, and whether they may: asked before a route runs, by what it declares.

::

    request ─► the route's declaration ─┬ open ──────────────────────────────► the route
                                        └ key ─► keyring ─► secret, end, scope ─► Caller in the context ─► the route
                                                    └ Unauthenticated 401, Forbidden 403, NotReady 503
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar, Protocol

from pydantic import SecretStr
from starlette.requests import Request

from ocr_core.contracts.access import Caller, HouseTenant, KnownKey, Scope, digest_of, key_id_of
from ocr_core.contracts.access_store import Accounts
from ocr_core.contracts.audit import Actor, AuditAction
from ocr_core.contracts.errors import Forbidden, NotReady, OcrError, Unauthenticated
from ocr_core.contracts.jobs import Clock
from ocr_core.service.context import context_of
from ocr_core.service.declarations import Declaration
from ocr_core.service.keyring import Keyring
from ocr_core.service.refusals import Reason, Refusals
from ocr_core.settings import AccessSettings
from ocr_core.telemetry import Metrics

KEY_HEADER = "X-API-Key"
LOOK_UP_THREADS = 4
CHECK_PATIENCE_S = 1.0
"""Of ``check``, within the two seconds that ``/readyz`` gives it."""
NOTED_EVERY_S = 60.0
"""How often one process notes that a key is used."""

_BEARER = "bearer "
_NOBODY = bytes(32)
"""What a secret is compared with where there is no such key, so that both take the same time."""

_log = logging.getLogger(__name__)


class Access(Protocol):
    """Lets requests in, or not."""

    wants_keys: ClassVar[bool]
    """Whether routes that are not open need a key, which ``/openapi.json`` tells."""

    async def admit(self, request: Request, declared: Declaration) -> Caller | None:
        """Who calls a route that is not open; null for whoever reads the metrics.

        Raises:
            Unauthenticated: no key, or none that is good.
            Forbidden: it is good for other things.
            NotReady: that cannot be known now.
        """
        ...

    async def check(self) -> None:
        """For ``/readyz``: return where requests can be let in.

        Raises:
            NotReady: keys cannot be looked up.
        """
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...


class NoKeys:
    """Keys are off: whoever reaches the service is the house's own tenant. Nobody administers over the network."""

    wants_keys: ClassVar[bool] = False

    def __init__(self, house: HouseTenant) -> None:
        self._caller = Caller(
            tenant=house.name, key_id=None, scopes=frozenset({Scope.SYNC, Scope.BULK}), policy=house.policy
        )

    async def admit(self, request: Request, declared: Declaration) -> Caller | None:
        """See ``Access``."""
        del request
        if declared.for_scrapers:
            return None
        if not declared.scopes & self._caller.scopes:
            raise Forbidden("administration by HTTP needs API keys, which are off here (OCR_ACCESS_KEYS)")
        return self._caller

    async def check(self) -> None:
        """See ``Access``."""

    def close(self) -> None:
        """See ``Access``."""


class WithKeys:
    """Keys are on. Used from one event loop only; ``accounts`` is its own, to be closed with it."""

    wants_keys: ClassVar[bool] = True

    def __init__(
        self, *, accounts: Accounts, settings: AccessSettings, house: HouseTenant, clock: Clock, metrics: Metrics
    ) -> None:
        self._accounts = accounts
        self._house = house
        self._clock = clock
        self._metrics_open = settings.metrics_open
        self._metrics_token = settings.metrics_token
        self._readers = ThreadPoolExecutor(LOOK_UP_THREADS, thread_name_prefix="keys")
        # Apart: what is noted may wait for the database, what is asked must not wait for that.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="key-notes")
        self._checker = ThreadPoolExecutor(1, thread_name_prefix="key-check")
        self._checking: asyncio.Future[None] | None = None
        self._answered_s = float("-inf")
        self._outage_s = settings.outage_s
        self._keyring = Keyring(self._look_up, cache_s=settings.cache_s, outage_s=settings.outage_s)
        self._refusals = Refusals(note=self._note, metrics=metrics)
        self._noted_s: dict[str, float] = {}

    async def admit(self, request: Request, declared: Declaration) -> Caller | None:
        """See ``Access``."""
        if declared.for_scrapers and self._may_scrape(request):
            return None
        known = await self._authenticate(request)
        key = known.key
        if not declared.scopes & key.scopes:
            self._refusals.tell(request, Reason.SCOPE, key)
            wanted = " or ".join(f"'{scope}'" for scope in Scope if scope in declared.scopes)
            raise Forbidden(f"the API key has not the scope {wanted}")
        self._note_use(key.id)
        return Caller(
            tenant=key.tenant, key_id=key.id, scopes=key.scopes, policy=self._house.complete(key.tenant, known.policy)
        )

    async def check(self) -> None:
        """See ``Access``. Ready through an outage for as long as known keys are taken.

        Else every process would be taken out of service at once for what none of their callers notices.
        """
        if self._checking is None or self._checking.done():
            self._checking = asyncio.get_running_loop().run_in_executor(self._checker, self._accounts.check)
            self._checking.add_done_callback(_heard)
        try:
            async with asyncio.timeout(CHECK_PATIENCE_S):
                await asyncio.shield(self._checking)  # one at a time, however often it is asked for
        except (TimeoutError, NotReady) as error:
            if time.monotonic() - self._answered_s > self._outage_s:
                raise error if isinstance(error, NotReady) else NotReady("the database does not answer") from None
        else:
            self._answered_s = time.monotonic()

    def close(self) -> None:
        """See ``Access``. Nothing is waited for: the database may be what has gone."""
        for threads in (self._readers, self._writer, self._checker):
            threads.shutdown(wait=False, cancel_futures=True)
        self._accounts.close()

    async def _authenticate(self, request: Request) -> KnownKey:
        untrusted_key = presented_key(request)
        if untrusted_key is None:
            self._refusals.tell(request, Reason.MISSING)
            raise Unauthenticated(f"no API key came: send it as 'Authorization: Bearer …' or '{KEY_HEADER}: …'")
        key_id = key_id_of(untrusted_key)
        known = None if key_id is None else await self._keyring.find(key_id)
        is_right = hmac.compare_digest(digest_of(untrusted_key), _NOBODY if known is None else known.digest)
        if known is None or not is_right:
            reason = Reason.MALFORMED if key_id is None else Reason.UNKNOWN if known is None else Reason.WRONG_SECRET
            self._refusals.tell(request, reason, None if known is None else known.key)
            raise Unauthenticated("the API key is not valid")
        # From here on it is the key's owner who asks, and may know.
        if known.key.revoked_at is not None:
            self._refusals.tell(request, Reason.REVOKED, known.key)
            raise Unauthenticated("the API key has been revoked")
        if known.key.expires_at is not None and known.key.expires_at <= self._clock.now():
            self._refusals.tell(request, Reason.EXPIRED, known.key)
            raise Unauthenticated("the API key has expired")
        return known

    def _may_scrape(self, request: Request) -> bool:
        if self._metrics_open:
            return True
        token, untrusted = self._metrics_token, presented_key(request)
        return token is not None and untrusted is not None and _same(untrusted, token)

    async def _look_up(self, key_id: str) -> KnownKey | None:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._accounts.find_key, key_id)

    def _note_use(self, key_id: str) -> None:
        now_s = time.monotonic()
        if now_s - self._noted_s.get(key_id, float("-inf")) >= NOTED_EVERY_S:
            self._noted_s[key_id] = now_s
            self._writer.submit(_quietly, partial(self._accounts.note_use, key_id))

    def _note(
        self, action: AuditAction, actor: Actor, tenant: str | None, key_id: str | None, details: dict[str, object]
    ) -> None:
        note = partial(self._accounts.note, action, actor=actor, tenant=tenant, key_id=key_id, details=details)
        self._writer.submit(_quietly, note)


def presented_key(request: Request) -> str | None:
    """The key that a request carries; null where it carries none.

    An ``Authorization`` of another scheme is not ours: a gateway in front may want it.

    Raises:
        Unauthenticated: it carries several that differ.
    """
    bearers = [
        value[len(_BEARER) :].strip()
        for value in request.headers.getlist("authorization")
        if value[: len(_BEARER)].lower() == _BEARER
    ]
    keys = {*bearers, *(value.strip() for value in request.headers.getlist(KEY_HEADER))}
    if len(keys) > 1:
        raise Unauthenticated("the request carries several API keys that differ")
    return keys.pop() if keys else None


def caller_of(request: Request) -> Caller:
    """Who calls, on a route that is not open."""
    caller = context_of(request).caller
    if caller is None:
        raise TypeError("the route is open, or the application checks no keys: there is no caller")
    return caller


def _same(untrusted: str, secret: SecretStr) -> bool:
    return hmac.compare_digest(untrusted.encode(), secret.get_secret_value().encode())


def _heard(check: asyncio.Future[None]) -> None:
    """Take note of how a check ended that nobody waited for any more."""
    if not check.cancelled():
        check.exception()


def _quietly(note: partial[None]) -> None:
    """A note that cannot be written must not hold up anybody; the log's own line has told it."""
    try:
        note()
    except OcrError as error:
        _log.warning(
            "Something about a key could not be noted", extra={"action": "access.not_noted", "code": error.code}
        )
