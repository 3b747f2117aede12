"""Where a webhook may go, and how soon it is tried again."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from async_worker.webhooks import check_webhook_url
from async_worker.webhooks.addresses import Addresses, NotAllowed, SystemResolver, is_public, parse_target
from async_worker.webhooks.outcomes import Outcome, asked_wait_s, retry_after_s
from async_worker.webhooks.role import origin_of
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.settings import WebhookSettings

SETTINGS = WebhookSettings(secret=SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
OPEN = SETTINGS.model_copy(update={"allow_private": True})
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.0.9",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]
PUBLIC += ["::ffff:8.8.8.8", "64:ff9b::808:808"]


class Names:
    """A resolver whose answers a test sets; the last repeats."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int) -> Sequence[str]:  # noqa: ARG002 - as the protocol has it
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_nothing_passes_that_the_registries_hold_for_special(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    carries_another = isinstance(address, ipaddress.IPv6Address) and int(address) >> 96 in {0, 0x0064_FF9B}
    if is_public(address) and not carries_another:
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/x",
        "ftp://hooks.example/x",
        "s3://bucket/key",
        "//hooks.example/x",
        "hooks.example",
        "",
        "https://",
        "https:///x",
        "https://user:secret@hooks.example/x",
        "https://hooks.example/x#part",
        "https://hooks.example:22/x",
        "https://hooks.example:0/x",
        "https://hooks.example:65536/x",
        "https://hooks.example:x/",
        "https://hooks.example/a b",
        "https://hooks.example\\@127.0.0.1/",
        "https://hooks.example/\n",
        "https://hooks..example/",
        "https://-hooks.example/",
        "https://hooks%2eexample/",
        "https://intranet/x",
        "https://localhost/x",
        "https://metadata.google.internal/x",
        "https://printer.local/x",
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://0177.0.0.1/x",
        "https://127.1/x",
        "https://[::1]/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://[fe80::1%25eth0]/x",
        "https://169.254.169.254./x",
        "https://hooks.example/" + "x" * 2_048,
        "https://hooks.example/\ud800",
    ],
)
def test_addresses_that_no_job_may_name(url: str) -> None:
    with pytest.raises(InvalidRequest, match="webhook_url"):
        check_webhook_url(url, SETTINGS, can_sign=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/x?token=1",
        "https://hooks.example:8443",
        "https://HOOKS.example:443/",
        "https://8.8.8.8/x",
        "https://[2606:4700::1111]/x",
        "https://日本.example/受信",
        "https://hooks.example./x",
    ],
)
def test_addresses_that_a_job_may_name(url: str) -> None:
    check_webhook_url(url, SETTINGS, can_sign=True)


def test_inside_the_network_only_where_it_is_meant() -> None:
    for url in ("http://127.0.0.1:9999/x", "https://localhost/x", "http://intranet:25/x", "http://[::1]:8000/"):
        check_webhook_url(url, OPEN, can_sign=True)
    for url in ("ftp://127.0.0.1/", "http://user@127.0.0.1/"):
        with pytest.raises(InvalidRequest):
            check_webhook_url(url, OPEN, can_sign=True)


def test_without_a_secret_no_job_may_name_any() -> None:
    with pytest.raises(InvalidRequest, match="secret"):
        check_webhook_url("https://hooks.example/x", SETTINGS, can_sign=False)


async def test_every_address_of_a_name_is_public_or_none_is_used() -> None:
    target = parse_target("https://hooks.example/x", allow_private=False)
    for answers in ([], ["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["no address"]):
        with pytest.raises(NotAllowed):
            await Addresses(resolver=Names(answers), allow_private=False).find(target)
    found = await Addresses(resolver=Names(["8.8.8.8", "2606:4700::1111", "8.8.8.8"]), allow_private=False).find(target)
    assert found == ("8.8.8.8", "2606:4700::1111")
    assert await Addresses(resolver=Names(["10.0.0.1"]), allow_private=True).find(target) == ("10.0.0.1",)


async def test_the_machines_resolver() -> None:
    resolver = SystemResolver()
    assert "127.0.0.1" in await resolver.resolve("localhost", 80)
    assert await resolver.resolve("2130706433", 80) == ("127.0.0.1",)
    assert await resolver.resolve("name.invalid.", 80) == ()
    assert await resolver.resolve("a" * 300, 80) == ()


def test_retries_end_after_so_many_or_where_they_are_in_vain() -> None:
    settings = SETTINGS.model_copy(update={"max_attempts": 3, "retry_first_s": 4.0, "retry_max_s": 10.0})
    failed = Outcome(delivered=False)
    assert 2 <= (retry_after_s(failed, 1, settings) or 0) <= 4
    assert 4 <= (retry_after_s(failed, 2, settings) or 0) <= 8
    assert retry_after_s(failed, 3, settings) is None
    assert retry_after_s(Outcome(delivered=False, final=True), 1, settings) is None
    assert 5 <= (retry_after_s(Outcome(delivered=False, ours=True), 50, settings) or 0) <= 10


def test_a_receivers_wish_is_heeded_within_limits() -> None:
    settings = SETTINGS.model_copy(update={"retry_first_s": 1.0, "retry_max_s": 100.0})
    for asked_s, waited_s in ((50.0, 50.0), (1e9, 100.0)):
        assert retry_after_s(Outcome(delivered=False, asked_s=asked_s), 1, settings) == waited_s
    assert (retry_after_s(Outcome(delivered=False, asked_s=0.0), 1, settings) or 0) >= 0.5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 5 ", 5.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, None),
        ("Mon, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert asked_wait_s(value, now=NOW) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_is_read_or_ignored(value: str) -> None:
    assert (asked_wait_s(value, now=NOW) or 0.0) >= 0.0


def test_origins() -> None:
    assert origin_of("https://Hooks.example:8443/a/b?c=//d") == "https://Hooks.example:8443"
    assert origin_of("https://hooks.example?x") == "https://hooks.example"
    assert origin_of("s3://bucket/key") == "s3://bucket"
