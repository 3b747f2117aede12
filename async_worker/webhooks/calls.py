"""One attempt at one receiver, over HTTP.

The connection goes to an address that was checked, and to no other: the URL that is asked for holds the address
itself, while TLS and the ``Host`` header name the host. Nothing is kept open, so no connection that was made for one
name can serve another.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import httpx

from async_worker.webhooks.addresses import Addresses, NotAllowed, Resolver, Target, parse_target
from async_worker.webhooks.outcomes import Outcome, asked_wait_s
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import Clock
from ocr_core.settings import WebhookSettings

MAX_ADDRESSES = 4
"""Of one name that are tried."""
MAX_ANSWER_BYTES = 16_384
"""Of an answer's body that are read, to let the receiver finish; nobody looks at them."""
_ANSWER_PATIENCE_S = 1.0
_CONNECT_SHARE = 0.5
"""Of the attempt's time that one address may take to answer a connection."""

_GONE = 410
_NOWHERE = "the address does not lead to a server on the public network"


class Caller:
    """Calls receivers."""

    def __init__(
        self, *, settings: WebhookSettings, resolver: Resolver, clock: Clock, tls: ssl.SSLContext | None = None
    ) -> None:
        """Store how to call.

        Args:
            settings: Deadline, and whether addresses inside the network are meant.
            resolver: Names to addresses.
            clock: For dates that receivers name.
            tls: Whom to trust; the usual authorities where none is given.
        """
        self._settings = settings
        self._addresses = Addresses(resolver=resolver, allow_private=settings.allow_private)
        self._clock = clock
        self._tls = tls

    async def post(self, url: str, *, body: str, headers: Mapping[str, str]) -> Outcome:
        """Send a message; every way in which that can go is an ``Outcome``."""
        try:
            target = parse_target(url, allow_private=self._settings.allow_private)
        except InvalidRequest:
            return Outcome(delivered=False, error="the address is not allowed on this server any more", final=True)
        timeout_s = self._settings.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                addresses = await self._addresses.find(target)
                return await self._try_each(target, addresses[:MAX_ADDRESSES], body=body, headers=headers)
        except NotAllowed:
            return Outcome(delivered=False, error=_NOWHERE)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(delivered=False, error=f"no answer within {timeout_s:g} s")
        except httpx.ConnectError as error:
            broken = _is_tls(error)
            return Outcome(delivered=False, error="the TLS handshake failed" if broken else "no connection")
        except httpx.HTTPError:
            return Outcome(delivered=False, error="the connection broke before an answer, or the answer was no HTTP")

    async def _try_each(
        self, target: Target, addresses: tuple[str, ...], *, body: str, headers: Mapping[str, str]
    ) -> Outcome:
        """The first address that takes the connection has the message; no other gets it."""
        *others, last = addresses
        for address in others:
            try:
                return await self._post(target, address, body=body, headers=headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post(target, last, body=body, headers=headers)

    async def _post(self, target: Target, address: str, *, body: str, headers: Mapping[str, str]) -> Outcome:
        url = target.url.copy_with(host=address)
        timeout_s = self._settings.timeout_s
        async with (
            httpx.AsyncClient(
                verify=self._trust(),
                trust_env=False,  # no proxy, no .netrc: the way is the one that was checked
                follow_redirects=False,
                timeout=httpx.Timeout(timeout_s, connect=timeout_s * _CONNECT_SHARE),
                limits=httpx.Limits(max_keepalive_connections=0),
            ) as client,
            client.stream(
                "POST",
                url,
                content=body.encode(),
                headers={**headers, "host": target.url.netloc.decode("ascii"), "accept-encoding": "identity"},
                extensions={"sni_hostname": target.host},
            ) as response,
        ):
            outcome = self._judge(response)
            await _let_finish(response)
            return outcome

    def _judge(self, response: httpx.Response) -> Outcome:
        status = response.status_code
        if response.is_success:
            return Outcome(delivered=True, status_code=status)
        words = f"the receiver answered {status}"
        if response.is_redirect or response.has_redirect_location:
            words += "; redirects are not followed"
        asked_s = asked_wait_s(response.headers.get("retry-after"), now=self._clock.now())
        return Outcome(delivered=False, status_code=status, error=words, asked_s=asked_s, final=status == _GONE)

    def _trust(self) -> ssl.SSLContext:
        """Made once: reading the authorities takes some 20 ms."""
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        return self._tls


async def _let_finish(response: httpx.Response) -> None:
    """Read the beginning of the answer's body. What becomes of it changes nothing: the status has been said."""
    size_bytes = 0
    try:
        async with asyncio.timeout(_ANSWER_PATIENCE_S):
            async for chunk in response.aiter_raw():
                size_bytes += len(chunk)
                if size_bytes > MAX_ANSWER_BYTES:
                    return
    except (TimeoutError, httpx.HTTPError):
        return


def _is_tls(error: BaseException) -> bool:
    """Whether a connection was made and its other end was not who it should be."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
