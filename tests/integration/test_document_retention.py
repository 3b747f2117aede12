"""Stored documents end: by age, by a tenant's end, after a deletion that was interrupted. Real bucket and database."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from async_worker import leftovers
from async_worker.document_retention import FORGET_AFTER_S, LOOK_EVERY_S, STEP_EVERY_S, DocumentRetention
from async_worker.exports.layout import DataSet, part_key, state_key
from async_worker.leftovers import Leftovers
from async_worker.ownership import CLOCK_KEY, OWNER_KEY
from async_worker.removal import DocumentRemoval
from async_worker.tenant_deletions import TenantDeletions
from async_worker.tenants import TenantPolicies
from local_stack.aws import AwsServer
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.audit import Actor
from ocr_core.contracts.errors import NotFound, NotReady
from ocr_core.contracts.remembered import MemoryKey
from ocr_core.contracts.stored_documents import StoredDocument, page_key
from ocr_core.settings import BulkSettings
from tests.support.access import TEST, add_tenant
from tests.support.bulk_roles import Rooms, bulk_rooms
from tests.support.job_stores import claim_next, new_job
from tests.support.stored_documents import new_document, new_document_id

DAY_S = 86_400.0
BY = Actor(key_id=None, through="api")


class Later:
    """The machine's clock, put forward; object storage's goes with it, or stays."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.is_wrong = False

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    async def reference(self) -> float:
        return datetime.now(UTC).timestamp() if self.is_wrong else self.now().timestamp()


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path, clock: Later) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path, clock=clock) as opened:
        yield opened


@pytest.fixture
def accounts(rooms: Rooms, tmp_path: Path) -> Iterator[SqlAccessStore]:
    del rooms  # it has made the tables
    with SqlAccessStore(f"sqlite:///{tmp_path / 'jobs.sqlite3'}") as opened:
        add_tenant(opened, "acme", retention_days=7)
        add_tenant(opened, "globex", retention_days=1_000)
        yield opened


HOUSE = HouseTenant(name="default", retention_days=3)


@pytest.fixture
def retention(rooms: Rooms, accounts: SqlAccessStore, clock: Later) -> DocumentRetention:
    return ending(rooms, clock, TenantPolicies(house=HOUSE, accounts=accounts, blocking=rooms.blocking))


def ending(rooms: Rooms, clock: Later, policies: TenantPolicies) -> DocumentRetention:
    return DocumentRetention(
        documents=rooms.documents,
        removal=DocumentRemoval(
            documents=rooms.documents, jobs=rooms.store, objects=rooms.objects, blocking=rooms.blocking
        ),
        policies=policies,
        objects=rooms.objects,
        blocking=rooms.blocking,
        metrics=rooms.metrics,
        clock=clock,
        reference=clock.reference,
    )


async def keep(rooms: Rooms, tenant: str = "acme", pages: int = 2) -> StoredDocument:
    new = new_document(tenant)
    for key in (new.result_key, *(page_key(tenant, new.id, number + 1) for number in range(pages))):
        await rooms.objects.put(key, b"x", content_type="application/octet-stream")
    kept = rooms.documents.keep(new)
    assert kept is not None
    return kept


async def objects(rooms: Rooms) -> set[str]:
    return {item.key async for item in rooms.objects.scan("")} - {OWNER_KEY, CLOCK_KEY}


def tenants_of(keys: set[str]) -> list[str]:
    return sorted({key.split("/")[1] for key in keys})


async def test_what_is_older_than_its_tenants_days_goes(
    rooms: Rooms, retention: DocumentRetention, clock: Later
) -> None:
    for tenant in ("acme", "globex", "default"):
        await keep(rooms, tenant)
    assert await retention.expire() == LOOK_EVERY_S
    clock.ahead_s = 4 * DAY_S
    assert await retention.expire() == STEP_EVERY_S  # the house's own three days, by its settings
    assert rooms.documents.tenants() == ("acme", "globex")
    clock.ahead_s = 8 * DAY_S
    await retention.expire()
    await retention.remove()
    assert rooms.documents.tenants() == ("globex",)
    assert tenants_of(await objects(rooms)) == ["globex"]
    assert rooms.documents.deletions(limit=9) == ()
    assert rooms.metrics.registry.get_sample_value("ocr_documents_gone_total") == 2


async def test_switched_off_means_that_all_of_it_goes(
    rooms: Rooms, retention: DocumentRetention, accounts: SqlAccessStore
) -> None:
    for tenant in ("acme", "globex", "nobody"):
        await keep(rooms, tenant)
    add_tenant(accounts, "acme", retention_days=0)
    assert await retention.expire() == STEP_EVERY_S
    await retention.remove()
    assert tenants_of(await objects(rooms)) == ["globex"]


async def test_with_keys_off_the_settings_hold_for_every_tenant(
    rooms: Rooms, accounts: SqlAccessStore, clock: Later
) -> None:
    add_tenant(accounts, "acme", retention_days=0)  # left from when keys were on: nobody looks there
    retention = ending(rooms, clock, TenantPolicies(house=HOUSE))
    for tenant in ("acme", "default", "intake"):
        await keep(rooms, tenant)
    assert await retention.expire() == LOOK_EVERY_S
    assert rooms.documents.tenants() == ("acme", "default", "intake")
    clock.ahead_s = 4 * DAY_S
    await retention.expire()
    assert rooms.documents.tenants() == ()


async def test_a_clock_that_is_wrong_deletes_nothing(rooms: Rooms, retention: DocumentRetention, clock: Later) -> None:
    await keep(rooms)
    clock.ahead_s, clock.is_wrong = 30 * DAY_S, True
    assert await retention.expire() == LOOK_EVERY_S
    assert rooms.documents.tenants() == ("acme",)


async def test_a_deletion_that_was_interrupted_is_finished(
    rooms: Rooms, retention: DocumentRetention, clock: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await keep(rooms)
    rooms.documents.begin_deletion("acme", kept.id, by=BY)

    async def down(_keys: object) -> None:
        raise NotReady("object storage does not answer")

    with monkeypatch.context() as cut_off:
        cut_off.setattr(rooms.objects, "delete_many", down)
        with pytest.raises(NotReady):
            await retention.remove()
    assert [each.id for each in rooms.documents.deletions(limit=9)] == [kept.id]
    await retention.remove()
    assert await objects(rooms) == set()
    assert rooms.documents.deletions(limit=9) == ()
    await retention.forget()
    assert rooms.documents.begin_deletion("acme", kept.id, by=BY).is_gone
    clock.ahead_s = FORGET_AFTER_S + 60
    await retention.forget()
    with pytest.raises(NotFound):
        rooms.documents.begin_deletion("acme", kept.id, by=BY)


async def test_one_that_cannot_be_deleted_does_not_hold_up_the_others(
    rooms: Rooms, retention: DocumentRetention, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [await keep(rooms) for _ in range(10)]
    for each in kept:
        rooms.documents.begin_deletion("acme", each.id, by=BY)
    delete_many = rooms.objects.delete_many

    async def but_the_first(keys: Sequence[str]) -> None:
        if any(kept[0].id in key for key in keys):
            raise NotReady("object storage does not delete it")
        await delete_many(keys)

    with monkeypatch.context() as locked:
        locked.setattr(rooms.objects, "delete_many", but_the_first)
        with pytest.raises(NotReady):
            await retention.remove()
    assert [each.id for each in rooms.documents.deletions(limit=99)] == [kept[0].id]
    assert rooms.metrics.registry.get_sample_value("ocr_documents_gone_total") == 9
    await retention.remove()
    assert await objects(rooms) == set()


async def test_what_is_remembered_of_the_same_bytes_goes_with_a_deleted_document(
    rooms: Rooms, retention: DocumentRetention
) -> None:
    kept = await keep(rooms)
    ours = MemoryKey.of(tenant="acme", tenant_since=None, document_sha256=kept.sha256, circumstances={}).path
    others = [
        MemoryKey.of(tenant="acme", tenant_since=None, document_sha256="cd" * 32, circumstances={}).path,
        MemoryKey.of(tenant="globex", tenant_since=None, document_sha256=kept.sha256, circumstances={}).path,
    ]
    for key in (ours, *others):
        await rooms.objects.put(key, b"x", content_type="application/octet-stream")
    rooms.documents.begin_deletion("acme", kept.id, by=BY)
    await retention.remove()
    assert await objects(rooms) == set(others)


async def test_a_tenant_that_is_deleted_takes_its_documents_along(
    rooms: Rooms, accounts: SqlAccessStore, clock: Later
) -> None:
    deletions = TenantDeletions(
        documents=rooms.documents,
        administration=accounts,
        store=rooms.store,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=BulkSettings(),
        keep_audit_days=1.0,
        clock=clock,
    )
    for tenant in ("acme", "globex"):
        await keep(rooms, tenant)
        day = (tenant, "2026-11-29")
        for key in (part_key(DataSet.DOCUMENTS, *day), state_key(*day)):
            await rooms.objects.put(key, b"x", content_type="application/octet-stream")
    accounts.begin_deletion("acme", by=TEST)
    await deletions.step()
    left = await objects(rooms)
    assert len(left) == 5
    assert all("globex" in key for key in left)
    assert rooms.documents.tenants() == ("globex",)


async def test_a_document_that_ends_while_leftovers_are_looked_for_keeps_its_pages(
    rooms: Rooms, clock: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = new_job()
    rooms.store.create_job(job)
    lease = claim_next(rooms.store)
    new = dataclasses.replace(new_document(lease.tenant), id=lease.document_id)
    page = page_key(lease.tenant, lease.document_id, 1)
    await rooms.objects.put(page, b"x", content_type="image/jpeg")
    clock.ahead_s = 2 * 3_600.0
    answered: list[str] = []

    def once_one_is_answered(name: str, ask: Callable[[Collection[str]], frozenset[str]]) -> None:
        def asked(ids: Collection[str]) -> frozenset[str]:
            answer = ask(ids)
            if not answered:  # between the two questions it is kept, and ends
                rooms.documents.keep(new)
                rooms.store.fail_document(lease.token, code="internal", detail="as good as any other end")
            answered.append(name)
            return answer

        monkeypatch.setattr(rooms.documents if name == "existing_documents" else rooms.store, name, asked)

    once_one_is_answered("existing_documents", rooms.documents.existing_documents)
    once_one_is_answered("unfinished_documents", rooms.store.unfinished_documents)
    tidying = Leftovers(
        store=rooms.store,
        documents=rooms.documents,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=BulkSettings(),
        clock=clock,
        reference=clock.reference,
    )
    assert len(await tidying._left_over([item async for item in rooms.objects.scan("documents/")])) == 0
    assert sorted(answered) == ["existing_documents", "unfinished_documents"]


async def test_what_no_row_names_is_swept_but_not_what_is_being_read(
    rooms: Rooms, clock: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "STEP_EVERY_S", 0.0)
    kept = await keep(rooms)
    rooms.store.create_job(new_job())
    reading = claim_next(rooms.store).document_id
    nobodys = new_document_id()
    for document_id in (reading, nobodys):
        await rooms.objects.put(page_key("acme", document_id, 1), b"x", content_type="image/jpeg")
    tidying = Leftovers(
        store=rooms.store,
        documents=rooms.documents,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=BulkSettings(),
        clock=clock,
        reference=clock.reference,
    )
    assert await tidying.tidy(asyncio.Event(), pause_s=0.0) == 0  # too young to be judged
    clock.ahead_s = 2 * 3_600.0
    assert await tidying.tidy(asyncio.Event(), pause_s=0.0) == 1
    assert {key.split("/")[2] for key in await objects(rooms)} == {kept.id, reading}
