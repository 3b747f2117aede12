"""Tenants, keys and the audit log over SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.access import NewKey, Scope, TenantPolicy, digest_of, key_id_of, make_key
from ocr_core.contracts.audit import Actor, AuditAction
from ocr_core.contracts.errors import Forbidden, InvalidRequest, NotFound, NotReady, QuotaExceeded
from ocr_core.contracts.jobs import NewJob
from tests.support.access import TEST, add_key, add_tenant
from tests.support.job_stores import (
    SetClock,
    claim_next,
    finish_everything,
    new_job,
    send,
    together,
)

POLICY = TenantPolicy(
    requests_per_minute=60,
    concurrent_requests=4,
    open_documents=100,
    retention_days=7.5,
    source_prefixes=("inbox/acme", 'archive/ä, "b"'),
    webhook_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  # noqa: S106 - of the tests' own
)


@pytest.fixture
def store(job_database: str, job_clock: SetClock) -> Iterator[SqlAccessStore]:
    with SqlAccessStore(job_database, clock=job_clock, pool_size=16) as opened:
        yield opened


def id_of(key: str) -> str:
    found = key_id_of(key)
    assert found is not None
    return found


def bounded(job: NewJob, most: int) -> NewJob:
    return NewJob(
        id=job.id,
        tenant=job.tenant,
        documents=job.documents,
        idempotency=job.idempotency,
        max_open_documents=most,
    )


class TestTenants:
    def test_a_tenant_is_as_it_was_made(self, store: SqlAccessStore, job_clock: SetClock) -> None:
        made = store.create_tenant("acme", POLICY, by=TEST)
        assert made == store.get_tenant("acme")
        assert (made.policy, made.created_at, made.deleted_at) == (POLICY, job_clock.now(), None)
        assert store.policy_of("acme") == POLICY
        assert store.policy_of("globex") is None

    def test_there_is_one_of_a_name(self, store: SqlAccessStore) -> None:
        add_tenant(store)
        with pytest.raises(InvalidRequest, match="already"):
            store.create_tenant("acme", POLICY, by=TEST)
        assert store.policy_of("acme") == TenantPolicy()
        for name in ("", "../x", "a/b", "a" * 65):
            with pytest.raises(InvalidRequest):
                store.create_tenant(name, POLICY, by=TEST)

    def test_its_policy_can_be_changed(self, store: SqlAccessStore) -> None:
        add_tenant(store)
        assert store.change_tenant("acme", POLICY, by=TEST).policy == POLICY
        with pytest.raises(NotFound):
            store.change_tenant("globex", POLICY, by=TEST)

    def test_they_are_listed_by_name_in_pages(self, store: SqlAccessStore) -> None:
        for name in ("c", "a", "b"):
            add_tenant(store, name)
        assert [tenant.name for tenant in store.list_tenants(limit=2)] == ["a", "b"]
        assert [tenant.name for tenant in store.list_tenants(after="b", limit=2)] == ["c"]


class TestKeys:
    def test_a_key_is_found_by_its_id_and_its_secret_is_not_kept(
        self, store: SqlAccessStore, job_database: str
    ) -> None:
        store.create_tenant("acme", POLICY, by=TEST)
        key = add_key(store, "acme", Scope.SYNC, Scope.BULK)
        found = store.find_key(id_of(key))
        assert found is not None
        assert (found.key.tenant, found.key.scopes) == ("acme", {Scope.SYNC, Scope.BULK})
        assert (found.digest, found.policy) == (digest_of(key), POLICY)
        assert store.find_key("0" * 16) is None
        if job_database.startswith("sqlite:///"):
            secret = key.rpartition("_")[2].encode()
            from pathlib import Path

            folder = Path(job_database.removeprefix("sqlite:///")).parent
            assert not any(secret in file.read_bytes() for file in folder.iterdir())

    def test_a_key_belongs_to_a_tenant_that_there_is(self, store: SqlAccessStore) -> None:
        with pytest.raises(NotFound):
            add_key(store, "nobody")

    def test_revoking_is_for_good(self, store: SqlAccessStore, job_clock: SetClock) -> None:
        add_tenant(store)
        add_tenant(store, "globex")
        key_id = id_of(add_key(store))
        with pytest.raises(NotFound):
            store.revoke_key(key_id, tenant="globex", by=TEST)
        revoked = store.revoke_key(key_id, tenant="acme", by=TEST)
        assert revoked.revoked_at == job_clock.now()
        job_clock.move(60)
        assert store.revoke_key(key_id, by=TEST) == revoked
        with pytest.raises(NotFound):
            store.revoke_key("0" * 16, by=TEST)

    def test_they_are_listed_oldest_first(self, store: SqlAccessStore, job_clock: SetClock) -> None:
        ids = []
        for tenant in ("b", "a", "b"):
            add_tenant(store, tenant)
            ids.append(id_of(add_key(store, tenant)))
            job_clock.move(1)
        assert [key.id for key in store.list_keys()] == ids
        assert [key.id for key in store.list_keys("b")] == [ids[0], ids[2]]
        with pytest.raises(NotFound):
            store.list_keys("c")

    def test_its_use_is_noted_now_and_then(self, store: SqlAccessStore, job_clock: SetClock) -> None:
        add_tenant(store)
        key_id = id_of(add_key(store))
        store.note_use(key_id)
        first = job_clock.now()
        job_clock.move(10)
        store.note_use(key_id)
        assert store.list_keys()[0].last_used_at == first
        job_clock.move(60)
        store.note_use(key_id)
        assert store.list_keys()[0].last_used_at == first + timedelta(seconds=70)

    def test_of_many_first_keys_there_is_one(self, store: SqlAccessStore) -> None:
        def make(_number: int) -> bool:
            key, key_id = make_key()
            new_key = NewKey(id=key_id, tenant="default", name="n", scopes=frozenset(Scope), digest=digest_of(key))
            return store.create_first_key(new_key) is not None

        assert sum(together(6, make)) == 1
        assert [tenant.name for tenant in store.list_tenants()] == ["default"]
        store.revoke_key(store.list_keys()[0].id, by=TEST)
        assert not make(0)


class TestAudit:
    def test_every_change_has_its_line(self, store: SqlAccessStore) -> None:
        by = Actor(key_id="0" * 16, through="api", request_id="req_1")
        store.create_tenant("acme", POLICY, by=by)
        key_id = id_of(add_key(store))
        store.revoke_key(key_id, by=by)
        store.change_tenant("acme", TenantPolicy(), by=by)
        store.begin_deletion("acme", by=by)
        store.end_deletion("acme")
        events = store.audit()
        assert [event.action for event in reversed(events)] == [
            AuditAction.TENANT_CREATED,
            AuditAction.KEY_CREATED,
            AuditAction.KEY_REVOKED,
            AuditAction.TENANT_CHANGED,
            AuditAction.TENANT_DELETION,
            AuditAction.TENANT_DELETED,
        ]
        assert events[-1].actor == by
        assert events[-1].details["webhook_secret"] is True
        assert all("whsec_" not in str(event.details) for event in events)
        assert store.audit(tenant="globex") == ()

    def test_it_is_read_in_pages(self, store: SqlAccessStore) -> None:
        for number in range(5):
            store.note(AuditAction.KEY_REFUSED, actor=TEST, tenant="acme", details={"n": number})
        newest = store.audit(limit=2)
        assert [event.details["n"] for event in newest] == [4, 3]
        assert [event.details["n"] for event in store.audit(before=newest[-1].id, limit=10)] == [2, 1, 0]
        for limit in (0, 1_001):
            with pytest.raises(InvalidRequest):
                store.audit(limit=limit)

    def test_what_is_old_goes(self, store: SqlAccessStore, job_clock: SetClock) -> None:
        store.note(AuditAction.KEY_REFUSED, actor=TEST, details={})
        job_clock.move(100)
        store.note(AuditAction.KEY_REFUSED, actor=TEST, details={"new": True})
        assert store.delete_old_audit(keep_s=50) == 1
        assert store.delete_old_audit(keep_s=50) == 0
        assert [event.details for event in store.audit()] == [{"new": True}]


class TestDeletion:
    def test_a_tenant_that_is_made_anew_is_another_one(self, store: SqlAccessStore, job_clock: SetClock) -> None:
        """What processes remember of the one before is not the new one's."""
        since = []
        for _ in range(2):
            add_tenant(store)
            key = id_of(add_key(store))
            known, policy = store.find_key(key), store.policy_of("acme")
            assert known is not None
            assert policy is not None
            assert known.policy.tenant_since == policy.tenant_since == store.get_tenant("acme").created_at
            since.append(policy.tenant_since)
            store.begin_deletion("acme", by=TEST)
            assert store.end_deletion("acme")
            job_clock.move(1)
        assert since[0] != since[1]

    def test_from_its_beginning_on_nothing_new_comes_in(self, store: SqlAccessStore, job_store: SqlJobStore) -> None:
        add_tenant(store)
        key = add_key(store)
        job_store.create_job(new_job())
        begun = store.begin_deletion("acme", by=TEST)
        assert store.begin_deletion("acme", by=TEST) == begun
        assert store.deletions() == (begun,)
        assert store.find_key(id_of(key)) is None
        assert store.policy_of("acme") is None
        for refused in (
            lambda: add_key(store),
            lambda: store.change_tenant("acme", POLICY, by=TEST),
        ):
            with pytest.raises(InvalidRequest, match="being deleted"):
                refused()
        with pytest.raises(Forbidden):
            job_store.create_job(new_job())
        assert job_store.create_job(new_job(tenant="globex")).created

    def test_a_job_that_is_being_made_is_there_before_or_refused(
        self, store: SqlAccessStore, job_store: SqlJobStore
    ) -> None:
        add_tenant(store)

        def act(number: int) -> bool:
            if number == 0:
                store.begin_deletion("acme", by=TEST)
                return False
            try:
                return job_store.create_job(new_job(20)).created
            except Forbidden:
                return False

        made = sum(together(6, act))
        deleted = 0
        while step := job_store.delete_jobs_of("acme", max_documents=25):
            deleted += step
        assert deleted == made

    def test_its_jobs_go_whatever_their_state_and_no_others(self, job_store: SqlJobStore) -> None:
        theirs = job_store.create_job(new_job(2, tenant="globex", key="k")).job
        finish_everything(job_store)
        ended = job_store.create_job(new_job(2, key="k", webhook=True)).job
        finish_everything(job_store)
        job_store.create_job(new_job(1))
        lease = claim_next(job_store)
        waiting = job_store.create_job(new_job(3)).job
        assert job_store.delete_jobs_of("acme", max_documents=2) == 1
        while job_store.delete_jobs_of("acme", max_documents=100):
            pass
        assert not job_store.extend_lease(lease.token)
        assert not job_store.finish_read(lease.token, reading_key="k", page_count=1)
        assert not job_store.fail_document(lease.token, code="x", detail="y")
        for job in (ended, waiting):
            with pytest.raises(NotFound):
                job_store.get_job("acme", job.id)
        assert job_store.get_job("globex", theirs.id).counts.done == 2
        assert send(job_store) == []
        job_store.sweep()
        # The key is free again.
        assert job_store.create_job(new_job(2, key="k", digest="other")).created

    def test_its_end_forgets_the_keys(self, store: SqlAccessStore) -> None:
        add_tenant(store)
        add_tenant(store, "globex")
        add_key(store)
        kept = id_of(add_key(store, "globex"))
        assert not store.end_deletion("acme")
        store.begin_deletion("acme", by=TEST)
        assert store.end_deletion("acme")
        assert [key.id for key in store.list_keys()] == [kept]
        with pytest.raises(NotFound):
            store.get_tenant("acme")


class TestOpenDocuments:
    def test_no_more_are_let_in_than_may_be_open(self, store: SqlAccessStore, job_store: SqlJobStore) -> None:
        add_tenant(store)
        first = job_store.create_job(bounded(new_job(2), 3))
        with pytest.raises(QuotaExceeded, match="open_documents") as refused:
            job_store.create_job(bounded(new_job(2), 3))
        assert refused.value.retry_after_s is not None
        job_store.create_job(bounded(new_job(1), 3))
        job_store.create_job(bounded(new_job(3, tenant="globex"), 3))
        job_store.cancel("acme", first.job.id)
        job_store.create_job(bounded(new_job(2), 3))

    def test_a_repeat_is_answered_however_full_it_is(self, store: SqlAccessStore, job_store: SqlJobStore) -> None:
        add_tenant(store)
        made = job_store.create_job(bounded(new_job(3, key="k"), 3))
        assert job_store.create_job(bounded(new_job(3, key="k"), 3)).job.id == made.job.id
        with pytest.raises(QuotaExceeded):
            job_store.create_job(bounded(new_job(1, key="other"), 3))
        job_store.cancel("acme", made.job.id)
        assert job_store.create_job(bounded(new_job(1, key="other"), 3)).created  # a refusal took no key

    def test_a_redrive_counts_too(self, store: SqlAccessStore, job_store: SqlJobStore) -> None:
        add_tenant(store)
        job = job_store.create_job(new_job(1)).job
        assert job_store.fail_document(claim_next(job_store).token, code="not_ready", detail="away")
        job_store.create_job(new_job(1))
        with pytest.raises(QuotaExceeded):
            job_store.redrive("acme", job.id, max_open_documents=1)
        assert job_store.redrive("acme", job.id, max_open_documents=2).run == 2

    def test_of_jobs_that_fit_alone_but_not_together_one_comes_in(
        self, store: SqlAccessStore, job_store: SqlJobStore
    ) -> None:
        add_tenant(store)

        def make(_number: int) -> bool:
            try:
                return job_store.create_job(bounded(new_job(2), 3)).created
            except QuotaExceeded:
                return False

        assert sum(together(6, make)) == 1


def test_a_database_without_tables_is_not_ready(empty_job_database: str) -> None:
    with SqlAccessStore(empty_job_database) as store, pytest.raises(NotReady):
        store.check()
