"""Rows of stored documents over SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.document_store import SqlDocumentStore, records
from ocr_core.contracts.audit import Actor, AuditAction
from ocr_core.contracts.errors import InvalidRequest, NotFound
from ocr_core.contracts.stored_documents import MAX_LISTED, DocumentCursor, Road, stored_result_key
from tests.support.job_stores import HOUR_S, SetClock, together
from tests.support.stored_documents import CLERK, correction, new_document, new_document_id

DAY_S = 24 * HOUR_S
BY = Actor(key_id="0123456789abcdef", through="api", request_id="req_1")


class TestDocuments:
    def test_a_document_is_as_it_was_kept(self, document_store: SqlDocumentStore, job_clock: SetClock) -> None:
        new = new_document(road=Road.BULK, job_id="job_1", reference='r "1"', document_type=None)
        kept = document_store.keep(new)
        found = document_store.get("acme", new.id)
        assert kept == found
        assert (found.created_at, found.corrections) == (job_clock.now(), 0)
        assert {name: getattr(found, name) for name in new.__dataclass_fields__} == {
            name: getattr(new, name) for name in new.__dataclass_fields__
        }

    def test_a_second_attempts_result_takes_the_firsts_place(
        self, document_store: SqlDocumentStore, job_clock: SetClock
    ) -> None:
        first = new_document()
        document_store.keep(first)
        began_at = job_clock.now()
        job_clock.move(60)
        second = new_document(document_id=first.id, result_key=stored_result_key("acme", first.id))
        document_store.keep(second)
        found = document_store.get("acme", first.id)
        assert (found.result_key, found.created_at) == (second.result_key, began_at)

    def test_nobody_finds_or_takes_what_is_another_tenants(self, document_store: SqlDocumentStore) -> None:
        theirs = new_document("globex")
        document_store.keep(theirs)
        with pytest.raises(NotFound):
            document_store.get("acme", theirs.id)
        with pytest.raises(NotFound):
            document_store.add_corrections("acme", theirs.id, [correction()], by=CLERK)
        with pytest.raises(NotFound):
            document_store.begin_deletion("acme", theirs.id, by=BY)
        assert document_store.keep(new_document("acme", document_id=theirs.id)) is None
        assert document_store.list("acme") == ()
        assert document_store.get("globex", theirs.id).result_key == theirs.result_key

    def test_lists_run_from_the_newest_without_a_gap(
        self, document_store: SqlDocumentStore, job_clock: SetClock
    ) -> None:
        kept = []
        for number in range(7):
            new = new_document(sha256=f"{number % 2:02d}" * 32)
            kept.append(document_store.keep(new))
            if number % 3:  # several of one moment
                job_clock.move(0.000_001)
        shown: list[object] = []
        before = None
        while page := document_store.list("acme", before=before, limit=2):
            shown += page
            before = DocumentCursor(created_at=page[-1].created_at, id=page[-1].id)
        in_order = sorted(kept, key=lambda each: (each.created_at, each.id), reverse=True)  # type: ignore[union-attr]
        assert shown == in_order
        assert document_store.list("acme", sha256="01" * 32) == tuple(
            each for each in in_order if each is not None and each.sha256 == "01" * 32
        )
        for wrong in (0, MAX_LISTED + 1):
            with pytest.raises(InvalidRequest):
                document_store.list("acme", limit=wrong)

    def test_which_of_these_there_are(self, document_store: SqlDocumentStore) -> None:
        there, going = new_document(), new_document()
        for each in (there, going):
            document_store.keep(each)
        document_store.begin_deletion("acme", going.id, by=BY)
        assert document_store.existing_documents([there.id, going.id, new_document_id()]) == {there.id}


class TestCorrections:
    def test_they_are_added_in_order_and_never_changed(
        self, document_store: SqlDocumentStore, job_clock: SetClock
    ) -> None:
        document = new_document()
        document_store.keep(document)
        quad = ((1.0, 2.0), (3.5, 2.0), (3.5, 4.0), (1.0, 4.0))
        first = correction(
            read={"value": 1, "currency": "JPY"}, value={"value": 2, "currency": "JPY"}, page=2, quad=quad
        )
        items = correction(
            "line_items", [{"description": '品 "1"', "amount": "12.50"}], schema="own", kind="line_items"
        )
        made = document_store.add_corrections("acme", document.id, [first, items], by=CLERK)
        job_clock.move(1)
        made += document_store.add_corrections("acme", document.id, [correction(read={"value": 1})], by=CLERK)
        assert document_store.corrections([document.id]) == made
        assert [each.value for each in made] == [first.value, items.value, None]
        assert (made[0].quad, made[0].page, made[0].by, made[1].schema) == (quad, 2, CLERK, "own")
        assert made[0].created_at < made[2].created_at == job_clock.now()
        assert document_store.get("acme", document.id).corrections == 3

    def test_many_hands_lose_none(self, document_store: SqlDocumentStore) -> None:
        document = new_document()
        document_store.keep(document)

        def correct(number: int) -> int:
            new = [correction(value=number), correction("phone", str(number))]
            return len(document_store.add_corrections("acme", document.id, new, by=CLERK))

        assert together(8, correct) == [2] * 8
        assert (
            document_store.get("acme", document.id).corrections == len(document_store.corrections([document.id])) == 16
        )

    def test_of_many_hands_those_are_refused_who_bring_too_many(
        self, document_store: SqlDocumentStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(records, "MAX_CORRECTIONS_OF_DOCUMENT", 10)
        document = new_document()
        document_store.keep(document)

        def correct(number: int) -> int:
            try:
                return len(
                    document_store.add_corrections("acme", document.id, [correction(value=number)] * 2, by=CLERK)
                )
            except InvalidRequest:
                return 0

        assert sorted(together(8, correct)) == [0] * 3 + [2] * 5
        assert document_store.get("acme", document.id).corrections == 10

    def test_what_is_too_long_is_not_written_down(
        self, document_store: SqlDocumentStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document, other = new_document(), new_document()
        for each in (document, other):
            document_store.keep(each)
        monkeypatch.setattr(records, "MAX_CORRECTION_CHARACTERS", 100)
        for _ in range(2):  # each "null" and a quoted text, by a clerk of two characters
            document_store.add_corrections("acme", document.id, [correction(value="x" * 42)], by=CLERK)
        with pytest.raises(InvalidRequest):
            document_store.add_corrections("acme", document.id, [correction()], by=CLERK)
        assert len(document_store.corrections([document.id])) == 2
        assert document_store.get("acme", document.id).corrections == 2
        document_store.add_corrections("acme", other.id, [correction()], by=CLERK)


class TestDeletions:
    def test_a_deleted_document_is_read_by_nobody_and_told_in_the_audit(
        self, document_store: SqlDocumentStore, job_database: str
    ) -> None:
        document = new_document()
        document_store.keep(document)
        document_store.add_corrections("acme", document.id, [correction(value="secret")], by=CLERK)
        assert not document_store.begin_deletion("acme", document.id, by=BY).is_gone
        with pytest.raises(NotFound):
            document_store.get("acme", document.id)
        assert document_store.list("acme") == document_store.corrections([document.id]) == ()
        # A worker that comes late does not bring it back.
        assert document_store.keep(document) is None
        assert [each.id for each in document_store.deletions(limit=9)] == [document.id]
        with SqlAccessStore(job_database) as accounts:
            (line,) = accounts.audit(tenant="acme")
        assert (line.action, line.actor, line.details) == (
            AuditAction.DOCUMENT_DELETED,
            BY,
            {"document_id": document.id},
        )

    def test_twice_is_once_until_it_is_forgotten(
        self, document_store: SqlDocumentStore, job_clock: SetClock, job_database: str
    ) -> None:
        document = new_document()
        document_store.keep(document)
        for _ in range(2):
            assert not document_store.begin_deletion("acme", document.id, by=BY).is_gone
        document_store.end_deletion(document.id)
        assert document_store.deletions(limit=9) == ()
        assert document_store.begin_deletion("acme", document.id, by=BY).is_gone
        assert document_store.forget_deleted(keep_s=DAY_S) == 0
        job_clock.move(DAY_S)
        assert document_store.forget_deleted(keep_s=DAY_S) == 1
        with pytest.raises(NotFound):
            document_store.begin_deletion("acme", document.id, by=BY)
        with SqlAccessStore(job_database) as accounts:
            assert len(accounts.audit(tenant="acme")) == 1

    def test_what_went_for_its_age_is_deleted_once_more_where_somebody_asks(
        self, document_store: SqlDocumentStore, job_clock: SetClock, job_database: str
    ) -> None:
        document = new_document(road=Road.BULK)
        document_store.keep(document)
        job_clock.move(DAY_S)
        document_store.expire("acme", keep_s=DAY_S, limit=9)
        assert [each.is_demanded for each in document_store.deletions(limit=9)] == [False]
        document_store.end_deletion(document.id)
        for _ in range(2):
            begun = document_store.begin_deletion("acme", document.id, by=BY)
            assert (begun.is_demanded, begun.is_gone) == (True, False)
        assert document_store.deletions(limit=9) == (begun,)
        document_store.end_deletion(document.id)
        assert document_store.begin_deletion("acme", document.id, by=BY).is_gone
        with SqlAccessStore(job_database) as accounts:
            told = [line.action for line in accounts.audit(tenant="acme")]
        assert sorted(told) == [AuditAction.DOCUMENT_DELETED, AuditAction.DOCUMENTS_EXPIRED]

    def test_what_is_old_goes_in_steps_and_of_its_tenant_alone(
        self, document_store: SqlDocumentStore, job_clock: SetClock, job_database: str
    ) -> None:
        old = [new_document() for _ in range(3)]
        for each in (*old, new_document("globex")):
            document_store.keep(each)
        job_clock.move(DAY_S)
        young = new_document()
        document_store.keep(young)
        assert document_store.tenants() == ("acme", "globex")
        assert document_store.expire("acme", keep_s=DAY_S + 1, limit=2) == 0
        assert [document_store.expire("acme", keep_s=DAY_S, limit=2) for _ in range(3)] == [2, 1, 0]
        assert [each.id for each in document_store.list("acme")] == [young.id]
        assert {each.id for each in document_store.deletions(limit=9)} == {each.id for each in old}
        assert len(document_store.list("globex")) == 1
        with SqlAccessStore(job_database) as accounts:
            told = [(line.action, line.details) for line in accounts.audit(tenant="acme")]
        assert told == [(AuditAction.DOCUMENTS_EXPIRED, {"documents": count}) for count in (1, 2)]

    def test_what_is_never_deleted_is_never_forgotten(
        self, document_store: SqlDocumentStore, job_clock: SetClock
    ) -> None:
        there, going = new_document(), new_document()
        for each in (there, going):
            document_store.keep(each)
        document_store.begin_deletion("acme", going.id, by=BY)
        job_clock.move(1_000 * DAY_S)
        assert document_store.forget_deleted(keep_s=DAY_S) == 0
        assert [each.id for each in document_store.deletions(limit=9)] == [going.id]

    def test_a_tenant_goes_with_all_that_it_has(self, document_store: SqlDocumentStore) -> None:
        kept = [new_document() for _ in range(3)]
        for each in (*kept, new_document("globex")):
            document_store.keep(each)
        document_store.add_corrections("acme", kept[0].id, [correction()], by=CLERK)
        document_store.begin_deletion("acme", kept[1].id, by=BY)
        assert [document_store.delete_documents_of("acme", limit=2) for _ in range(3)] == [2, 1, 0]
        assert document_store.deletions(limit=9) == document_store.corrections([kept[0].id]) == ()
        assert document_store.tenants() == ("globex",)


class TestDays:
    def test_a_day_has_another_state_whenever_something_of_it_changes(
        self, document_store: SqlDocumentStore, job_clock: SetClock
    ) -> None:
        job_clock.move(14.5 * HOUR_S)  # half past eleven at night, in UTC
        document_store.keep(new_document("globex"))
        states = []

        def note() -> None:
            of_acme = [each for each in document_store.days() if each.tenant == "acme"]
            states.append(tuple((each.day, each.state) for each in of_acme))

        kept = [new_document() for _ in range(3)]
        for each in kept:
            document_store.keep(each)
            note()
        document_store.add_corrections("acme", kept[0].id, [correction()], by=CLERK)
        note()
        document_store.begin_deletion("acme", kept[1].id, by=BY)
        note()
        document_store.keep(new_document())  # as many as before, but others
        note()
        assert len(set(states)) == len(states)
        job_clock.move(HOUR_S)
        document_store.keep(new_document())
        assert [(each.tenant, each.day) for each in document_store.days()] == [
            ("acme", "2026-11-21"),
            ("acme", "2026-11-22"),
            ("globex", "2026-11-21"),
        ]
        assert document_store.days() == document_store.days()

    def test_a_day_is_told_from_its_morning_on(self, document_store: SqlDocumentStore, job_clock: SetClock) -> None:
        kept = []
        for _ in range(5):
            kept.append(document_store.keep(new_document()))
            job_clock.move(1)
        told: list[object] = []
        after = None
        while some := document_store.of_day("acme", "2026-11-21", after=after, limit=2):
            told += some
            after = DocumentCursor(created_at=some[-1].created_at, id=some[-1].id)
        assert told == kept
        assert document_store.of_day("acme", "2026-11-22", limit=2) == ()


class TestMarks:
    """Of a busy month there are many: what is asked all the time is not to walk through them."""

    def test_polls_go_by_indexes_that_marks_are_not_in(
        self, document_store: SqlDocumentStore, job_database: str
    ) -> None:
        document_store.keep(new_document())
        polls: dict[str, Callable[[], object]] = {
            "ix_stored_documents_there": lambda: document_store.list("acme"),
            "ix_stored_documents_going": lambda: document_store.deletions(limit=9),
            "ix_stored_documents_gone": lambda: document_store.forget_deleted(keep_s=DAY_S),
        }
        for index, poll in polls.items():
            assert index in plan_of(poll, job_database)
        assert "ix_stored_documents_there" in plan_of(
            lambda: document_store.expire("acme", keep_s=DAY_S, limit=9), job_database
        )


def plan_of(poll: Callable[[], object], database: str) -> str:
    """By which way the database answers the first question of ``poll``; no table here is large enough to be told by."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        poll()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    engine = sa.create_engine(database)
    is_sqlite = engine.dialect.name == "sqlite"
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        if not is_sqlite:
            cursor.execute("SET enable_seqscan = off")
        statement, parameters = asked[0]
        cursor.execute(f"{'EXPLAIN QUERY PLAN' if is_sqlite else 'EXPLAIN'} {statement}", parameters)
        return str(cursor.fetchall())
    finally:
        connection.close()
        engine.dispose()
