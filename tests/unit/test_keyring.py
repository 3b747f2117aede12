"""Keys remembered: for how long, through which outages, and for how many strangers."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from ocr_core.contracts.access import ApiKey, KnownKey, Scope, TenantPolicy
from ocr_core.contracts.errors import NotReady
from ocr_core.service import keyring
from ocr_core.service.keyring import Keyring

ASKING_FOR: ContextVar[str] = ContextVar("asking_for")
CACHE_S, OUTAGE_S = 5.0, 120.0


def known(key_id: str = "a", *, revoked: bool = False) -> KnownKey:
    now = datetime.now(UTC)
    key = ApiKey(
        id=key_id,
        tenant="acme",
        name="n",
        scopes=frozenset({Scope.SYNC}),
        created_at=now,
        expires_at=None,
        revoked_at=now if revoked else None,
        last_used_at=None,
    )
    return KnownKey(key=key, digest=bytes(32), policy=TenantPolicy())


@dataclass
class Table:
    """What the database says, and how often it was asked."""

    keys: dict[str, KnownKey] = field(default_factory=dict)
    asked: int = 0
    asked_in: list[str | None] = field(default_factory=list)
    """The request that each question was part of."""
    is_down: bool = False
    answers: asyncio.Event | None = None

    async def ask(self, key_id: str) -> KnownKey | None:
        self.asked += 1
        self.asked_in.append(ASKING_FOR.get(None))
        if self.answers is not None:
            await self.answers.wait()
        if self.is_down:
            raise NotReady("the job database does not answer")
        return self.keys.get(key_id)


@dataclass
class Time:
    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def table() -> Table:
    return Table(keys={"a": known()})


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def ring(table: Table, time: Time) -> Keyring:
    return Keyring(table.ask, cache_s=CACHE_S, outage_s=OUTAGE_S, monotonic_s=time)


async def test_a_key_is_asked_for_once_in_its_time(ring: Keyring, table: Table, time: Time) -> None:
    for _ in range(3):
        assert await ring.find("a") == table.keys["a"]
    assert table.asked == 1
    time.now_s += CACHE_S
    await ring.find("a")
    assert table.asked == 2


async def test_a_revoked_key_is_known_as_such_within_seconds(ring: Keyring, table: Table, time: Time) -> None:
    await ring.find("a")
    table.keys["a"] = known(revoked=True)
    time.now_s += CACHE_S
    found = await ring.find("a")
    assert found is not None
    assert found.key.revoked_at is not None
    del table.keys["a"]
    time.now_s += CACHE_S
    assert await ring.find("a") is None


async def test_known_keys_outlive_a_database_that_is_away_for_30_s(ring: Keyring, table: Table, time: Time) -> None:
    await ring.find("a")
    table.is_down = True
    for _ in range(30):
        time.now_s += 1
        assert await ring.find("a") == known_like(table)
    table.is_down = False
    time.now_s += CACHE_S
    table.keys["a"] = known(revoked=True)
    found = await ring.find("a")
    assert found is not None
    assert found.key.revoked_at is not None


def known_like(table: Table) -> KnownKey:
    return table.keys["a"]


async def test_an_outage_that_lasts_ends_their_time(ring: Keyring, table: Table, time: Time) -> None:
    await ring.find("a")
    table.is_down = True
    time.now_s += CACHE_S + OUTAGE_S
    with pytest.raises(NotReady):
        await ring.find("a")


async def test_while_the_database_is_away_nothing_is_said_of_other_keys(ring: Keyring, table: Table) -> None:
    table.is_down = True
    with pytest.raises(NotReady):
        await ring.find("b")
    table.is_down = False
    assert await ring.find("b") is None


async def test_a_database_that_hangs_holds_a_known_key_up_once(
    ring: Keyring, table: Table, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "PATIENCE_S", 0.01)
    monkeypatch.setattr(keyring, "LONGEST_S", 0.01)
    await ring.find("a")
    table.answers = asyncio.Event()
    time.now_s += CACHE_S
    assert await ring.find("a") == table.keys["a"]
    asked = table.asked
    time.now_s += keyring.RETRY_S / 2
    assert await ring.find("a") == table.keys["a"]
    assert table.asked == asked
    with pytest.raises(NotReady):
        await ring.find("b")
    table.answers.set()


async def test_many_who_come_at_once_ask_once(ring: Keyring, table: Table) -> None:
    table.answers = asyncio.Event()
    asking = [asyncio.create_task(ring.find("a")) for _ in range(20)]
    await asyncio.sleep(0)
    table.answers.set()
    assert {found.key.id for found in await asyncio.gather(*asking) if found is not None} == {"a"}
    assert table.asked == 1


async def test_a_question_for_all_is_no_part_of_the_first_ones_request(ring: Keyring, table: Table) -> None:
    ASKING_FOR.set("the first one's")
    await ring.find("a")
    assert table.asked_in == [None]


async def test_a_caller_who_leaves_does_not_take_the_answer_from_others(ring: Keyring, table: Table) -> None:
    table.answers = asyncio.Event()
    leaving, staying = asyncio.create_task(ring.find("a")), asyncio.create_task(ring.find("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    table.answers.set()
    assert await staying == table.keys["a"]


async def test_strangers_push_no_known_key_out(ring: Keyring, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "MAX_UNKNOWN", 10)
    await ring.find("a")
    for number in range(100):
        assert await ring.find(f"stranger {number}") is None
    asked = table.asked
    table.is_down = True
    assert await ring.find("a") == table.keys["a"]
    assert table.asked == asked
    assert len(ring._unknown) == 10


async def test_look_ups_that_wait_are_bounded(ring: Keyring, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "MAX_ASKED", 3)
    table.answers = asyncio.Event()
    waiting = [asyncio.create_task(ring.find(str(number))) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(NotReady):
        await ring.find("one more")
    table.answers.set()
    assert await asyncio.gather(*waiting) == [None, None, None]
