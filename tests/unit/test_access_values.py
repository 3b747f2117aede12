"""Keys, policies and the house's own tenant as values."""

from __future__ import annotations

import re

import pytest

from ocr_core.contracts.access import (
    HouseTenant,
    NewKey,
    Scope,
    TenantPolicy,
    check_webhook_secret,
    digest_of,
    key_id_of,
    make_key,
)
from ocr_core.contracts.errors import InvalidRequest

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the tests' own


def test_a_key_has_192_random_bits_and_carries_its_id() -> None:
    key, key_id = make_key()
    assert re.fullmatch(rf"ok_{key_id}_[0-9a-f]{{48}}", key)
    assert key_id_of(key) == key_id
    assert make_key() != make_key()
    assert len(digest_of(key)) == 32
    assert digest_of(key) != digest_of(make_key()[0])


@pytest.mark.parametrize(
    "text", ["", "ok_", "ok__", "ok_0123456789abcdef_", "OK_" + "0" * 16 + "_" + "0" * 48, "é" * 40]
)
def test_what_has_not_a_keys_form_has_no_id(text: str) -> None:
    assert key_id_of(text) is None
    assert key_id_of(make_key()[0] + "\n") is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"concurrent_requests": -1}, "concurrent_requests"),
        ({"open_documents": 10**12}, "open_documents"),
        ({"retention_days": -1.0}, "retention_days"),
        ({"retention_days": float("nan")}, "retention_days"),
        ({"source_prefixes": ("NOT_A_BUCKET/x",)}, "source_prefixes"),
        ({"source_prefixes": ("bucket/../x",)}, "source_prefixes"),
        ({"source_prefixes": ("bucket/a//b",)}, "source_prefixes"),
        ({"source_prefixes": ("bucket/\0",)}, "source_prefixes"),
    ],
)
def test_a_policy_that_is_off_names_what(values: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        TenantPolicy(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("secret", ["", "secret", "whsec_short", "whsec_" + "é" * 32])
def test_a_webhook_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(InvalidRequest, match="webhook_secret"):
        check_webhook_secret(secret)
    check_webhook_secret(SECRET)


def test_no_secret_shows_in_what_is_printed() -> None:
    assert SECRET not in repr(TenantPolicy(webhook_secret=SECRET))
    assert SECRET not in repr(HouseTenant(name="a", webhook_secret=SECRET))


@pytest.mark.parametrize(
    "values", [{"name": ""}, {"name": "x" * 201}, {"name": "\0"}, {"tenant": "../x"}, {"scopes": frozenset()}]
)
def test_a_key_that_is_off_is_not_stored(values: dict[str, object]) -> None:
    good: dict[str, object] = {
        "id": "0" * 16,
        "tenant": "acme",
        "name": "n",
        "scopes": frozenset({Scope.SYNC}),
        "digest": bytes(32),
    }
    NewKey(**good)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        NewKey(**{**good, **values})  # type: ignore[arg-type]


def test_the_operators_settings_belong_to_the_houses_own_tenant_alone() -> None:
    house = HouseTenant(name="default", source_prefixes=("inbox",), webhook_secret=SECRET)
    own = house.complete("default", TenantPolicy(source_prefixes=("more", "inbox"), open_documents=7))
    assert own == TenantPolicy(source_prefixes=("more", "inbox"), open_documents=7, webhook_secret=SECRET)
    assert house.complete("acme", TenantPolicy()) == TenantPolicy()


def test_the_house_keeps_documents_of_its_own_tenant_unless_that_says_otherwise() -> None:
    house = HouseTenant(name="default", retention_days=30)
    assert house.policy.retention_days == 30
    assert house.complete("default", TenantPolicy()).retention_days == 30
    assert house.complete("default", TenantPolicy(retention_days=7)).retention_days == 7
    assert house.complete("acme", TenantPolicy()).retention_days == 0
