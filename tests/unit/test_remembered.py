"""What is remembered: keys, bytes, the shelf, the shared store and its illnesses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.adapters.remembered import Kind, Memory, forget
from ocr_core.adapters.remembered.shared import RESTS_S, WRITES_AT_ONCE, Outcome, SharedStore
from ocr_core.adapters.remembered.shelf import Shelf
from ocr_core.contracts.access import TenantPolicy
from ocr_core.contracts.errors import NotFound, NotReady
from ocr_core.contracts.objects import ObjectInfo
from ocr_core.contracts.remembered import MemoryKey, Remembered, document_prefix
from ocr_core.contracts.remembered_codec import decode_remembered, encode_remembered
from ocr_core.settings import RememberSettings, SettingsError, load
from ocr_core.telemetry import Metrics

A, B = "a" * 64, "b" * 64
KEPT = TenantPolicy(retention_days=30)
NOT_KEPT = TenantPolicy()


def key(tenant: str = "acme", document: str = A, since: datetime | None = None, **circumstances: object) -> MemoryKey:
    return MemoryKey.of(tenant=tenant, tenant_since=since, document_sha256=document, circumstances=circumstances)


def thing(body: bytes = b"answer", made_at_s: float = 1_000.0) -> Remembered:
    return Remembered(content_type="text/plain", body=body, made_at_s=made_at_s)


class TestKeys:
    def test_whatever_differs_is_another_key(self) -> None:
        keys = [
            key(),
            key(tenant="globex"),
            key(since=datetime(2026, 1, 1, tzinfo=UTC)),
            key(since=datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
            key(document=B),
            key(models="1"),
            key(models="2"),
            key(models="1", text="1"),
            key(text="1", models=["1"]),
        ]
        assert len({each.path for each in keys}) == len(keys)

    def test_the_order_of_circumstances_does_not_count(self) -> None:
        assert key(a=1, b=2) == key(b=2, a=1)

    def test_a_path_lies_below_its_document_and_tenant(self) -> None:
        assert key().path.startswith(f"remembered/acme/{A}/")

    @pytest.mark.parametrize("name", ["", "a" * 63, "A" * 64, f"{A}/..", "../" + "a" * 61])
    def test_only_a_digest_names_a_document(self, name: str) -> None:
        with pytest.raises(ValueError, match="SHA-256"):
            document_prefix("acme", name)


class TestBytes:
    @given(st.binary(max_size=200), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
    def test_what_is_written_is_read_again(self, body: bytes, notes: dict[str, str]) -> None:
        stored = Remembered(content_type="a/b", body=body, made_at_s=1.5, notes=notes)
        assert decode_remembered(key(), encode_remembered(key(), stored)) == stored

    @given(st.data())
    def test_a_changed_byte_is_noticed(self, data: st.DataObject) -> None:
        written = bytearray(encode_remembered(key(), thing()))
        at = data.draw(st.integers(0, len(written) - 1))
        written[at] ^= data.draw(st.integers(1, 255))
        assert decode_remembered(key(), bytes(written)) is None

    @given(st.integers(0, 1_000))
    def test_a_cut_one_is_noticed(self, length: int) -> None:
        written = encode_remembered(key(), thing())
        if length < len(written):
            assert decode_remembered(key(), written[:length]) is None

    @given(st.binary(max_size=100))
    def test_strange_bytes_are_no_answer(self, strange: bytes) -> None:
        assert decode_remembered(key(), strange) is None

    def test_another_keys_is_no_answer(self) -> None:
        assert decode_remembered(key(tenant="globex"), encode_remembered(key(), thing())) is None


class TestShelf:
    def test_what_was_longest_not_asked_for_goes_first(self) -> None:
        shelf = Shelf(3 * thing().size_bytes)
        for name in ("1", "2", "3"):
            assert shelf.put(key(name=name), thing())
        assert shelf.get(key(name="1"), not_before_s=0) is not None
        shelf.put(key(name="4"), thing())
        assert [shelf.get(key(name=name), not_before_s=0) is not None for name in "1234"] == [True, False, True, True]
        assert shelf.size_bytes == 3 * thing().size_bytes

    def test_it_never_holds_more_than_its_bytes(self) -> None:
        shelf = Shelf(10_000)
        for number in range(200):
            shelf.put(key(number=number % 7), thing(b"x" * (number * 37 % 5_000)))
            assert shelf.size_bytes <= 10_000
        shelf.put(key(number=0), thing(b"x"))
        assert not shelf.put(key(number=0), thing(b"x" * 10_001))
        assert shelf.get(key(number=0), not_before_s=0) is None  # the one before is no answer any more

    def test_what_is_too_old_is_gone(self) -> None:
        shelf = Shelf(10_000)
        shelf.put(key(), thing(made_at_s=10.0))
        assert shelf.get(key(), not_before_s=10.0) is not None
        assert shelf.get(key(), not_before_s=10.1) is None
        assert (len(shelf), shelf.size_bytes) == (0, 0)
        shelf.put(key(), thing(made_at_s=10.0))
        assert shelf.drop_older(11.0) == 1
        assert (len(shelf), shelf.size_bytes) == (0, 0)


@dataclass
class IllStore:
    """Object storage in whatever state; the real one runs in ``tests/integration/test_remembered_shared.py``."""

    held: dict[str, bytes] = field(default_factory=dict)
    delay_s: float = 0.0
    error: Exception | None = None
    calls: int = 0

    async def get(self, name: str, *, max_bytes: int) -> bytes:
        del max_bytes
        await self._suffer()
        if name not in self.held:
            raise NotFound("there is no such object")
        return self.held[name]

    async def put(self, name: str, body: bytes, **_: Any) -> None:
        await self._suffer()
        self.held[name] = body

    async def scan(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        for name in sorted(self.held):
            if name.startswith(prefix):
                yield ObjectInfo(key=name, size_bytes=1, modified_at_s=0)

    async def delete(self, name: str) -> None:
        self.held.pop(name, None)

    async def delete_many(self, names: list[str]) -> None:
        for name in names:
            self.held.pop(name)

    async def _suffer(self) -> None:
        self.calls += 1
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error


def shared_over(store: IllStore, now_s: Callable[[], float] = lambda: 0.0, wait_s: float = 0.02) -> SharedStore:
    return SharedStore(store, wait_s=wait_s, max_entry_bytes=1_000, monotonic_s=now_s)  # type: ignore[arg-type]


class TestSharedStore:
    async def test_what_was_put_is_found(self) -> None:
        shared = shared_over(IllStore())
        assert await shared.get(key()) == (None, Outcome.MISS)
        assert await shared.put(key(), thing()) is Outcome.KEPT
        assert await shared.get(key()) == (thing(), Outcome.HIT)

    async def test_a_damaged_one_is_a_miss_and_is_replaced(self) -> None:
        store = IllStore()
        shared = shared_over(store)
        await shared.put(key(), thing())
        store.held[key().path] = store.held[key().path][:-1]
        assert await shared.get(key()) == (None, Outcome.DAMAGED)
        await shared.put(key(), thing())
        assert await shared.get(key()) == (thing(), Outcome.HIT)

    async def test_a_slow_store_is_waited_for_no_longer_than_said_and_then_left_alone(self) -> None:
        now_s, store = 0.0, IllStore(delay_s=30.0)
        shared = shared_over(store, lambda: now_s)
        started_s = asyncio.get_running_loop().time()
        assert await shared.get(key()) == (None, Outcome.LATE)
        assert await shared.get(key()) == (None, Outcome.RESTING)
        assert await shared.put(key(), thing()) is Outcome.RESTING
        assert asyncio.get_running_loop().time() - started_s < 5.0
        assert store.calls == 1
        store.delay_s, now_s = 0.0, RESTS_S
        assert await shared.get(key()) == (None, Outcome.MISS)

    async def test_a_store_that_fails_is_a_miss_and_then_left_alone(self) -> None:
        store = IllStore(error=NotReady("gone"))
        shared = shared_over(store)
        assert await shared.get(key()) == (None, Outcome.FAILED)
        assert await shared.get(key()) == (None, Outcome.RESTING)
        shared = shared_over(store)
        assert await shared.put(key(), thing()) is Outcome.FAILED

    async def test_only_so_many_are_stored_at_once_and_none_that_is_too_large(self) -> None:
        shared = shared_over(IllStore(delay_s=0.05))
        outcomes = await asyncio.gather(*(shared.put(key(n=n), thing()) for n in range(WRITES_AT_ONCE + 2)))
        assert sorted(outcomes) == [Outcome.BUSY] * 2 + [Outcome.KEPT] * WRITES_AT_ONCE
        assert await shared.put(key(), thing(b"x" * 1_001)) is Outcome.TOO_LARGE

    async def test_what_lands_after_its_document_was_deleted_is_taken_back(self) -> None:
        store = IllStore()
        shared, is_there = shared_over(store), True

        async def still_wanted() -> bool:
            assert key().path in store.held  # asked before, the answer would say nothing
            return is_there

        assert await shared.put(key(), thing(), still_wanted) is Outcome.KEPT
        is_there = False
        assert await shared.put(key(), thing(), still_wanted) is Outcome.UNWANTED
        assert store.held == {}

    async def test_forgetting_takes_a_document_or_a_tenant_and_nobody_elses(self) -> None:
        store = IllStore()
        shared = shared_over(store)
        for tenant, document in (("acme", A), ("acme", B), ("acme-2", A)):
            await shared.put(key(tenant, document), thing())
        assert await forget(store, "acme", A) == 1  # type: ignore[arg-type]
        assert await forget(store, "acme") == 1  # type: ignore[arg-type]
        assert [name.split("/")[1] for name in store.held] == ["acme-2"]
        with pytest.raises(ValueError, match="SHA-256"):
            await forget(store, "acme", "")  # type: ignore[arg-type]


@dataclass
class Clock:
    now_s: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def memory_of(store: IllStore | None, clock: Clock, metrics: Metrics | None = None, **settings: Any) -> Memory:
    wanted = RememberSettings(enabled=True, **settings)
    return Memory(wanted, kind=Kind.ANSWER, metrics=metrics or Metrics(), objects=store, now_s=clock)  # type: ignore[arg-type]


async def kept(memory: Memory, policy: TenantPolicy) -> None:
    memory.keep(key(), memory.made_now(b"answer", content_type="text/plain"), policy)
    await memory.settle()


class TestMemory:
    async def test_nothing_of_a_tenant_of_whom_nothing_is_kept_leaves_the_process(self) -> None:
        store = IllStore()
        memory = memory_of(store, Clock())
        await kept(memory, NOT_KEPT)
        assert await memory.find(key(), NOT_KEPT) is not None
        assert (store.held, store.calls) == ({}, 0)

    async def test_what_may_be_deleted_lies_where_it_can_be(self) -> None:
        store = IllStore()
        memory, other_replica = memory_of(store, Clock()), memory_of(store, Clock())
        await kept(memory, KEPT)
        assert await other_replica.find(key(), KEPT) is not None
        await forget(store, "acme", A)  # type: ignore[arg-type]
        assert await memory.find(key(), KEPT) is None
        assert await other_replica.find(key(), KEPT) is None

    async def test_without_a_shared_store_nothing_is_remembered_of_whose_documents_are_kept(self) -> None:
        memory = memory_of(None, Clock())
        await kept(memory, KEPT)
        assert await memory.find(key(), KEPT) is None
        assert await memory.find(key(), NOT_KEPT) is None

    @pytest.mark.parametrize(
        ("policy", "lives_s"),
        [(NOT_KEPT, 3_600.0), (KEPT, 3_600.0), (TenantPolicy(retention_days=1 / 48), 1_800.0)],
    )
    async def test_it_grows_no_older_than_said_nor_than_its_tenants_documents(
        self, policy: TenantPolicy, lives_s: float
    ) -> None:
        clock = Clock()
        memory = memory_of(IllStore(), clock)
        await kept(memory, policy)
        clock.now_s += lives_s
        found = await memory.find(key(), policy)
        assert found is not None
        assert memory.age_s(found) == int(lives_s)
        clock.now_s += 1.0
        assert await memory.find(key(), policy) is None

    async def test_a_clock_that_goes_back_makes_no_negative_age(self) -> None:
        clock = Clock()
        memory = memory_of(None, clock)
        await kept(memory, NOT_KEPT)
        clock.now_s -= 100.0
        found = await memory.find(key(), NOT_KEPT)
        assert found is not None
        assert memory.age_s(found) == 0

    async def test_it_is_counted(self) -> None:
        metrics = Metrics()
        memory = memory_of(IllStore(), Clock(), metrics)
        await memory.find(key(), NOT_KEPT)
        await kept(memory, NOT_KEPT)
        await memory.find(key(), NOT_KEPT)
        await kept(memory, KEPT)
        told = metrics.exposition().decode()
        for line in (
            'ocr_remembered_asked_total{kind="answer",outcome="miss"} 1.0',
            'ocr_remembered_asked_total{kind="answer",outcome="hit"} 1.0',
            'ocr_remembered_kept_total{kind="answer",outcome="kept"} 2.0',
            'ocr_remembered_answered_bytes_total{kind="answer"} 6.0',
            "ocr_remembered_entries 1.0",
        ):
            assert line in told

    async def test_closing_forgets(self) -> None:
        memory = memory_of(None, Clock())
        await memory.start()
        await kept(memory, NOT_KEPT)
        await memory.close()
        assert await memory.find(key(), NOT_KEPT) is None


def test_it_is_off_unless_it_is_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load(RememberSettings).enabled
    monkeypatch.setenv("OCR_REMEMBER_SHARED", "true")
    with pytest.raises(SettingsError, match="OCR_REMEMBER"):
        load(RememberSettings)
