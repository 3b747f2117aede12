"""A tenant that is to be gone is gone: rows, objects, keys, also what was on its way. Real bucket, real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from async_worker.ownership import CLOCK_KEY, OWNER_KEY, Ownership
from async_worker.tenant_deletions import AGAIN_EVERY_S, LOOK_EVERY_S, TenantDeletions
from local_stack.aws import AwsServer
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.contracts.errors import NotFound
from ocr_core.settings import BulkSettings
from tests.support.access import TEST, add_key, add_tenant
from tests.support.bulk_roles import Rooms, bulk_rooms
from tests.support.job_stores import claim_next, new_job

SETTINGS = BulkSettings()


class Later:
    """The machine's clock, put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path, clock: Later) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path, clock=clock) as opened:
        yield opened


@pytest.fixture
async def accounts(rooms: Rooms, tmp_path: Path) -> AsyncIterator[SqlAccessStore]:
    assert await Ownership(
        store=rooms.store, documents=rooms.documents, objects=rooms.objects, blocking=rooms.blocking
    ).is_ours()
    with SqlAccessStore(f"sqlite:///{tmp_path / 'jobs.sqlite3'}") as opened:
        for tenant in ("acme", "acme-2"):
            add_tenant(opened, tenant)
        yield opened


@pytest.fixture
def deletions(rooms: Rooms, accounts: SqlAccessStore, clock: Later) -> TenantDeletions:
    return TenantDeletions(
        documents=rooms.documents,
        administration=accounts,
        store=rooms.store,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=SETTINGS,
        keep_audit_days=1.0,
        clock=clock,
    )


async def put(rooms: Rooms, *keys: str) -> None:
    for key in keys:
        await rooms.objects.put(key, b"x", content_type="application/octet-stream")


async def objects(rooms: Rooms) -> set[str]:
    return {item.key async for item in rooms.objects.scan("")} - {OWNER_KEY, CLOCK_KEY}


def areas(tenant: str) -> list[str]:
    of_jobs = [f"{area}/{tenant}/job_1/x" for area in ("uploads", "readings", "results")]
    return [*of_jobs, f"remembered/{tenant}/{'a' * 64}/{'b' * 64}"]


async def test_all_that_a_tenant_has_goes_and_nothing_else(
    rooms: Rooms, accounts: SqlAccessStore, deletions: TenantDeletions, clock: Later
) -> None:
    add_key(accounts, "acme")
    kept_key = add_key(accounts, "acme-2")
    theirs = rooms.store.create_job(new_job(2, tenant="acme-2")).job
    await put(rooms, *areas("acme"), *areas("acme-2"))
    assert await deletions.step() == LOOK_EVERY_S
    assert len(await objects(rooms)) == 8
    ours = rooms.store.create_job(new_job(3)).job

    accounts.begin_deletion("acme", by=TEST)
    assert await deletions.step() == AGAIN_EVERY_S
    assert await objects(rooms) == set(areas("acme-2"))
    with pytest.raises(NotFound):
        rooms.store.get_job("acme", ours.id)

    # What was on its way arrives, and goes with the next pass.
    await put(rooms, "uploads/acme/up_late")
    assert await deletions.step() == AGAIN_EVERY_S
    assert await objects(rooms) == set(areas("acme-2"))
    assert accounts.get_tenant("acme").deleted_at is not None

    clock.ahead_s = deletions.settles_after_s + 1
    await put(rooms, "uploads/acme/up_later")
    await deletions.step()
    assert accounts.get_tenant("acme").deleted_at is not None  # this pass still found something
    await deletions.step()
    with pytest.raises(NotFound):
        accounts.get_tenant("acme")
    assert [key.id for key in accounts.list_keys()] == [kept_key.split("_")[1]]
    assert rooms.store.get_job("acme-2", theirs.id) == theirs
    assert await deletions.step() == LOOK_EVERY_S


async def test_whoever_works_on_its_documents_finishes_nothing(
    rooms: Rooms, accounts: SqlAccessStore, deletions: TenantDeletions
) -> None:
    rooms.store.create_job(new_job())
    lease = claim_next(rooms.store)
    accounts.begin_deletion("acme", by=TEST)
    await deletions.step()
    assert not rooms.store.extend_lease(lease.token)
    assert not rooms.store.finish_read(lease.token, reading_key="k", page_count=1)


async def test_nothing_goes_from_a_bucket_that_is_not_ours(
    rooms: Rooms, accounts: SqlAccessStore, deletions: TenantDeletions
) -> None:
    await put(rooms, *areas("acme"))
    await rooms.objects.put(OWNER_KEY, b"another house", content_type="text/plain")
    accounts.begin_deletion("acme", by=TEST)
    assert await deletions.step() == AGAIN_EVERY_S
    assert await objects(rooms) == set(areas("acme"))
    assert accounts.get_tenant("acme").deleted_at is not None


async def test_its_waits_cover_whatever_may_be_on_its_way(deletions: TenantDeletions) -> None:
    for may_take_s in (SETTINGS.url_ttl_s, SETTINGS.body_timeout_s, SETTINGS.stage_timeout_s + SETTINGS.lease_s):
        assert deletions.settles_after_s > may_take_s


async def test_old_lines_of_the_audit_log_go(accounts: SqlAccessStore, deletions: TenantDeletions) -> None:
    assert accounts.audit()
    await deletions.forget_audit()
    assert accounts.audit()
    old = SqlAccessStore(accounts._database._engine.url.render_as_string(), clock=_Tomorrow())
    with old:
        assert old.delete_old_audit(keep_s=86_400.0) > 0
    assert accounts.audit() == ()


class _Tomorrow:
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=1, seconds=5)
