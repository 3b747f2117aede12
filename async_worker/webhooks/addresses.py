"""Where a webhook may go. A caller names the address, so it must not lead to what only we can reach.

::

    POST /v1/jobs      check_webhook_url     form, and addresses that are written out; the name is not looked up
    a delivery         Addresses.find        the same again, then every address of the name is checked
                       (calls.py)            and the connection goes to one of exactly these, never to the name

The look-up belongs to the delivery: a name may lead elsewhere by then, and whoever owns it decides when.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import httpx

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import MAX_SOURCE_CHARACTERS, check_storable
from ocr_core.settings import WebhookSettings

MAX_LOOK_UPS = 32
"""At the same time. A name server that does not answer holds a thread for half a minute."""

_HTTPS_PORT = 443
_PORTS = {"http": 80, "https": _HTTPS_PORT}
_LAST_PORT = 65_535
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_NAME_CHARACTERS = 253
_FIRST_FREE_PORT = 1_024
_LOCAL_SUFFIXES = ("localhost", "local", "internal", "lan", "intranet", "corp", "home")

_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        # https://www.iana.org/assignments/iana-ipv4-special-registry
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; Alibaba's metadata service too
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; the metadata service of AWS, Azure, Google
        "172.16.0.0/12",
        "192.0.0.0/24",  # Oracle's metadata service too
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # A public address that answers inside Azure's networks alone:
        # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        "168.63.129.16/32",
    )
)
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is given out for the public network; the rest is local, multicast, or stands for something else."""
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        # https://www.iana.org/assignments/iana-ipv6-special-registry
        "2001::/23",  # protocols' own, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address that a relay would unwrap
        "3fff::/20",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""The IPv4 network as hosts with IPv6 alone see it (RFC 6052); the last 32 bits are the address."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(Exception):
    """The address leads nowhere that webhooks may go, or nowhere at all; which of them is not told."""


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The host's IP addresses, as text, in the order in which to try them; none where it has none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A webhook's address, taken apart."""

    url: httpx.URL
    host: str
    """In ASCII, as TLS and the ``Host`` header name it; an IP address without brackets."""
    port: int


def check_webhook_url(untrusted_url: str, settings: WebhookSettings, *, can_sign: bool) -> None:
    """Whether a job may name this address; asked when the job comes, without a look-up of the name.

    Args:
        untrusted_url: As the caller sent it.
        settings: Whether addresses inside the network are meant.
        can_sign: Whether there is a secret to sign the tenant's webhooks with.

    Raises:
        InvalidRequest: it may not; the detail says why.
    """
    if not can_sign:
        raise InvalidRequest("webhook_url: there is no secret to sign this tenant's webhooks with")
    parse_target(untrusted_url, allow_private=settings.allow_private)


def parse_target(untrusted_url: str, *, allow_private: bool) -> Target:
    """Take an address apart.

    ``https`` on its own port or one from 1024 up: what listens below is mail, printers, databases' front doors.
    No user and password, which do not belong into a database, and no fragment, which would never be sent.

    Raises:
        InvalidRequest: it is no address that a webhook may go to; a name is not looked up.
    """
    if len(untrusted_url) > MAX_SOURCE_CHARACTERS:
        raise InvalidRequest(f"webhook_url is longer than {MAX_SOURCE_CHARACTERS} characters")
    check_storable(untrusted_url, "webhook_url")
    # Parsers differ in what they do with these, so nobody gets to see them.
    if any(character <= " " or character in "\\\x7f" for character in untrusted_url):
        raise InvalidRequest("webhook_url holds spaces, backslashes or control characters")
    try:
        url = httpx.URL(untrusted_url)
        host = url.raw_host.decode("ascii").removesuffix(".")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InvalidRequest("webhook_url is not an address") from error
    if url.scheme != "https" and not (allow_private and url.scheme == "http"):
        raise InvalidRequest("webhook_url is not an https address")
    if url.userinfo or "#" in untrusted_url:
        raise InvalidRequest("webhook_url has neither user nor fragment")
    if not (_NAME.fullmatch(host) and len(host) <= _MAX_NAME_CHARACTERS) and _written_out(host) is None:
        raise InvalidRequest("webhook_url does not name a host")
    port = url.port if url.port is not None else _PORTS[url.scheme]
    if not 1 <= port <= _LAST_PORT:
        raise InvalidRequest(f"webhook_url: a port is 1 to {_LAST_PORT}")
    if not allow_private:
        if port != _HTTPS_PORT and port < _FIRST_FREE_PORT:
            raise InvalidRequest(f"webhook_url: the port is {_HTTPS_PORT}, or one from {_FIRST_FREE_PORT} up")
        _check_public_host(host)
    return Target(url=url, host=host, port=port)


def _check_public_host(host: str) -> None:
    """Refuse what is not public by its looks: addresses that are written out, in any of their notations, and names."""
    written = _written_out(host)
    if written is None:
        if "." not in host or host.rsplit(".", 1)[-1] in _LOCAL_SUFFIXES or host.endswith(".home.arpa"):
            raise InvalidRequest("webhook_url is not on the public network")
    elif not is_public(written):
        raise InvalidRequest("webhook_url is not on the public network")


def _written_out(host: str) -> IpAddress | None:
    """The address that the host is, if it is one and no name; also as ``2130706433`` or ``0x7f.1``, as C has it."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def is_public(address: IpAddress) -> bool:
    """Whether an address lies in the public network, for whoever connects to it.

    By lists of our own: what Python's ``is_global`` holds for global has changed with its versions, and it does not
    look into addresses that carry another one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


class Addresses:
    """Which addresses a delivery may connect to."""

    def __init__(self, *, resolver: Resolver, allow_private: bool) -> None:
        self._resolver = resolver
        self._allow_private = allow_private

    async def find(self, target: Target) -> tuple[str, ...]:
        """Every address of the target, in the order in which to try them.

        Raises:
            NotAllowed: it has none, or one of them is not public: a name that leads to both is no accident.
        """
        found = tuple(dict.fromkeys(await self._resolver.resolve(target.host, target.port)))
        if not found or not (self._allow_private or all(map(_is_public_text, found))):
            raise NotAllowed
        return found


def _is_public_text(address: str) -> bool:
    try:
        return is_public(ipaddress.ip_address(address))
    except ValueError:
        return False


class SystemResolver:
    """The machine's own resolver, on threads that nobody waits for when they hang."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MAX_LOOK_UPS)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """See ``Resolver``. None also where too many look-ups hang already."""
        if not self._places.acquire(blocking=False):
            return ()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

        def give(found: tuple[str, ...]) -> None:
            if not answer.done():
                answer.set_result(found)

        def look_up() -> None:
            try:
                found = _look_up(host, port)
            finally:
                self._places.release()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(give, found)

        # Not on an executor: the process would wait for its threads at the end.
        threading.Thread(target=look_up, name="webhook-resolver", daemon=True).start()
        return await answer


def _look_up(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(str(address[0]) for *_, address in found)
