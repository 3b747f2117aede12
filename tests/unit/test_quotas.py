"""The sync API's quotas: so many a minute, so many at the same time, each tenant for itself."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from ocr_core.contracts.access import Caller, Scope, TenantPolicy
from ocr_core.contracts.errors import Overloaded, QuotaExceeded
from ocr_core.service.quotas import SyncQuotas
from ocr_core.telemetry import Metrics


class Time:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def quotas(time: Time) -> SyncQuotas:
    return SyncQuotas(Metrics(), monotonic_s=time)


def caller(tenant: str = "acme", **policy: int) -> Caller:
    return Caller(
        tenant=tenant,
        key_id="k",
        scopes=frozenset({Scope.SYNC}),
        policy=TenantPolicy(**policy),  # type: ignore[arg-type]
    )


def send(quotas: SyncQuotas, who: Caller, times: int = 1) -> None:
    for _ in range(times):
        with quotas.hold(who):
            pass


def test_a_minutes_worth_may_come_at_once_and_then_drop_by_drop(quotas: SyncQuotas, time: Time) -> None:
    acme = caller(requests_per_minute=6)
    send(quotas, acme, 6)
    with pytest.raises(QuotaExceeded, match="requests_per_minute") as refused:
        send(quotas, acme)
    assert refused.value.retry_after_s == pytest.approx(10)
    time.now_s += 10
    send(quotas, acme)
    time.now_s += 3_600
    send(quotas, acme, 6)
    with pytest.raises(QuotaExceeded):
        send(quotas, acme)


def test_at_the_same_time_only_so_many(quotas: SyncQuotas) -> None:
    acme = caller(concurrent_requests=2)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(quotas.hold(acme))
        with pytest.raises(QuotaExceeded, match="concurrent_requests"):
            send(quotas, acme)
        send(quotas, caller("globex", concurrent_requests=1))
    send(quotas, acme)


def test_one_tenants_flood_is_not_anothers(quotas: SyncQuotas) -> None:
    send(quotas, caller(requests_per_minute=1))
    send(quotas, caller("globex", requests_per_minute=1))
    with pytest.raises(QuotaExceeded):
        send(quotas, caller(requests_per_minute=1))


def test_what_the_house_had_no_room_for_is_not_counted(quotas: SyncQuotas) -> None:
    acme = caller(requests_per_minute=1)
    for _ in range(3):
        with pytest.raises(Overloaded), quotas.hold(acme):
            raise Overloaded("full")
    send(quotas, acme)


def test_what_failed_is_counted_and_gives_its_place_back(quotas: SyncQuotas) -> None:
    acme = caller(requests_per_minute=1, concurrent_requests=1)
    with pytest.raises(KeyError), quotas.hold(acme):
        raise KeyError
    with pytest.raises(QuotaExceeded, match="requests_per_minute"):
        send(quotas, acme)


def test_a_policy_that_changes_holds_at_once(quotas: SyncQuotas) -> None:
    send(quotas, caller(), 1_000)
    send(quotas, caller(requests_per_minute=2), 2)
    with pytest.raises(QuotaExceeded):
        send(quotas, caller(requests_per_minute=2))
    send(quotas, caller(), 10)
