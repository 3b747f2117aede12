"""Which work goes to the queue next, fairly, and what has to go again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.database.metadata import UtcDateTime
from ocr_core.adapters.job_store.closing import ranks_of
from ocr_core.adapters.job_store.rows import AnyRow, dead_letter_of, pages_of
from ocr_core.adapters.job_store.tables import dead_letters, tasks, waits
from ocr_core.contracts.job_store import Backlog, DeadLetter, Dispatch, DueWork
from ocr_core.contracts.jobs import Clock, Stage, StoreRules
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.trace_context import TraceOrigin

MAX_DOUBLINGS = 30
"""Of the back-off; it has reached its longest by then, and 2 to this power is still a small number."""


def _waiting_tenants_query() -> sa.Select[tuple[str]]:
    """A loose index scan: one look-up a tenant, however long the queue is."""
    waiting = tasks.c.sent == sa.false()
    first = sa.select(sa.func.min(tasks.c.tenant).label("tenant")).where(waiting).cte("waiting", recursive=True)
    following = sa.select(sa.func.min(tasks.c.tenant)).where(waiting, tasks.c.tenant > first.c.tenant)
    names = first.union_all(sa.select(following.scalar_subquery()).where(first.c.tenant.is_not(None)))
    return sa.select(names.c.tenant).where(names.c.tenant.is_not(None))


# Made once: the dispatcher asks several times a second, and making them anew took longer than the database's answer.
_MOST = sa.bindparam("most", type_=sa.Integer)
_NOW = sa.bindparam("now", type_=UtcDateTime)
_ANY_WORK = sa.select(tasks.c.id).limit(1)
_WAITING_TENANTS = _waiting_tenants_query()
_IN_FLIGHT = (
    sa.select(tasks.c.tenant, sa.func.count().label("count")).where(tasks.c.sent == sa.true()).group_by(tasks.c.tenant)
)
_READS_LYING = sa.select(tasks.c.id, tasks.c.tenant).where(
    tasks.c.sent == sa.true(), tasks.c.lease_token.is_(None), tasks.c.stage != Stage.STRUCTURE.value
)
_WITH_STRUCTURE = (
    sa.select(tasks.c.tenant)
    .distinct()
    .where(
        tasks.c.sent == sa.false(),
        tasks.c.tenant.in_(sa.bindparam("tenants", expanding=True)),
        tasks.c.rank.in_(ranks_of(Stage.STRUCTURE)),  # the index has it; the stage it has not
    )
)
_SENT_WITHOUT_LEASE = (
    sa.select(tasks)
    .where(waits(tasks), tasks.c.next_send_at <= _NOW, tasks.c.sent == sa.true(), tasks.c.lease_token.is_(None))
    .order_by(tasks.c.next_send_at)
    .limit(_MOST)
)
_NEXT_OF_TENANT = (
    sa.select(tasks)
    .where(
        tasks.c.sent == sa.false(),
        tasks.c.tenant == sa.bindparam("tenant"),
        sa.or_(tasks.c.wait_s == 0, tasks.c.next_send_at <= _NOW),
    )
    .order_by(tasks.c.rank, tasks.c.id)
    .limit(_MOST)
)


class SqlDispatch:
    """The dispatcher's part of ``WorkQueue`` in SQL."""

    def __init__(self, database: Database, clock: Clock, rules: StoreRules, lots: Random) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._lots = lots

    def dispatchable(self, *, window: int, limit: int, ahead: int | None = None, at_least: int = 0) -> DueWork:
        """See ``WorkQueue``."""
        now = self._clock.now()
        with self._database.reading() as connection:
            if connection.execute(_ANY_WORK).first() is None:
                return DueWork()
            again = _sent_without_lease(connection, now, limit)
            in_flight = _in_flight(connection)
            lying = {row.id: str(row.tenant) for row in connection.execute(_READS_LYING)}
            # The tenants with least in flight take the first turns. Equal ones draw lots: with more tenants than places
            # any fixed order would leave the same ones out each time.
            waiting = _waiting_tenants(connection)
            self._lots.shuffle(waiting)
            waiting.sort(key=lambda tenant: in_flight.get(tenant, 0))
            places = limit if ahead is None else max(ahead - len(lying), at_least, 0)
            reads = _ReadPlaces(places=places, lying=frozenset(lying.values()))
            room = {tenant: min(window - in_flight.get(tenant, 0), limit) for tenant in waiting}
            queues = _queues(connection, room, now, reads, limit)
        turns = max((len(queue) for queue in queues), default=0)
        fresh = [queue[turn] for turn in range(turns) for queue in queues if turn < len(queue)]
        dispatches = tuple(_dispatch(row) for row in [*again, *reads.kept_of(fresh)][:limit])
        return DueWork(dispatches=dispatches, in_flight=sum(in_flight.values()), reads_lying=frozenset(lying))

    def mark_sent(self, dispatches: Sequence[Dispatch]) -> None:
        """See ``WorkQueue``. What has been claimed or given back since is left alone, and so is what is gone."""
        now = self._clock.now()
        with self._database.writing() as connection:
            seen = {dispatch.task_id: dispatch for dispatch in dispatches}
            # A row that is locked is being claimed or ended: waiting for it could only be in vain, or a deadlock.
            query = sa.select(tasks).where(tasks.c.id.in_(list(seen)))
            unlocked = connection.execute(query.with_for_update(skip_locked=True)).all()
            changes = [self._sent(seen[row.id], now) for row in unlocked if _is_unchanged(row, seen[row.id])]
            if changes:
                connection.execute(sa.update(tasks).where(tasks.c.id == sa.bindparam("task")), changes)

    def _sent(self, dispatch: Dispatch, now: datetime) -> dict[str, object]:
        doublings = min(dispatch.send_count, MAX_DOUBLINGS)
        wait_s = min(self._rules.resend_first_s * 2**doublings, self._rules.resend_max_s)
        return {
            "task": dispatch.task_id,
            "sent": True,
            "send_count": dispatch.send_count + 1,
            "next_send_at": now + timedelta(seconds=wait_s),
            "wait_s": wait_s,
        }

    def due_dead_letters(self, *, limit: int) -> tuple[DeadLetter, ...]:
        """See ``WorkQueue``."""
        query = sa.select(dead_letters).order_by(dead_letters.c.created_at, dead_letters.c.id).limit(limit)
        with self._database.reading() as connection:
            return tuple(dead_letter_of(row) for row in connection.execute(query))

    def mark_dead_letters_sent(self, ids: Collection[str]) -> None:
        """See ``WorkQueue``."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(dead_letters).where(dead_letters.c.id.in_(list(ids))))

    def backlog(self) -> tuple[Backlog, ...]:
        """See ``WorkQueue``."""
        now = self._clock.now()
        without_lease = sa.func.min(tasks.c.created_at).filter(tasks.c.lease_token.is_(None))
        query = sa.select(
            tasks.c.stage,
            sa.func.count().filter(tasks.c.sent == sa.false()).label("waiting"),
            sa.func.count().filter(tasks.c.sent == sa.true()).label("in_flight"),
            without_lease.label("oldest_at"),
        ).group_by(tasks.c.stage)
        with self._database.reading() as connection:
            rows = {row.stage: row for row in connection.execute(query)}
        return tuple(_backlog(stage, rows.get(stage.value), now) for stage in Stage)


def _in_flight(connection: Connection) -> dict[str, int]:
    """How much of each tenant is sent or leased. The windows bound how many rows that reads."""
    rows = connection.execute(_IN_FLIGHT).mappings().all()
    return {row["tenant"]: row["count"] for row in rows}


class _ReadPlaces:
    """Which reads may go in one look; structure work, which takes milliseconds, is never held back."""

    def __init__(self, *, places: int, lying: Collection[str]) -> None:
        """So many places; and whose reads lie in the queue."""
        self.places = places
        self._lying = lying

    def of_own(self, tenant: str) -> bool:
        """Whether one of this tenant's may go without a place, since nothing of its own lies there."""
        return tenant not in self._lying

    def kept_of(self, rows: Sequence[AnyRow]) -> list[AnyRow]:
        """The rows, in turn, without the reads that are too many; where there is no place, one without a place."""
        kept, places, without_place = [], self.places, 0 if self.places else 1
        for row in rows:
            if row.stage != Stage.STRUCTURE.value:
                if places > 0:
                    places -= 1
                elif without_place and self.of_own(row.tenant):
                    without_place -= 1
                else:
                    continue
            kept.append(row)
        return kept


def _queues(
    connection: Connection, room: Mapping[str, int], now: datetime, reads: _ReadPlaces, limit: int
) -> list[Sequence[AnyRow]]:
    """What is due of each tenant that can get something in this look, in the order of their turns."""
    with_structure = _with_structure(connection, room)
    queues: list[Sequence[AnyRow]] = []
    readers = 0
    for tenant, count in room.items():
        may_read = readers < reads.places or (readers == reads.places == 0 and reads.of_own(tenant))
        rows = _next_of_tenant(connection, tenant, now, count) if may_read or tenant in with_structure else ()
        if not rows:
            continue
        queues.append(rows)
        readers += may_read and any(row.stage != Stage.STRUCTURE.value for row in rows)
        if len(queues) == limit:
            break
    return queues


def _with_structure(connection: Connection, tenants: Collection[str]) -> frozenset[str]:
    """Those of the tenants that have structure work waiting."""
    return frozenset(row.tenant for row in connection.execute(_WITH_STRUCTURE, {"tenants": list(tenants)}))


def _waiting_tenants(connection: Connection) -> list[str]:
    """Whose work waits."""
    return [str(row.tenant) for row in connection.execute(_WAITING_TENANTS)]


def _sent_without_lease(connection: Connection, now: datetime, limit: int) -> Sequence[AnyRow]:
    return connection.execute(_SENT_WITHOUT_LEASE, {"now": now, "most": limit}).all()


def _next_of_tenant(connection: Connection, tenant: str, now: datetime, count: int) -> Sequence[AnyRow]:
    if count <= 0:
        return []
    return connection.execute(_NEXT_OF_TENANT, {"tenant": tenant, "now": now, "most": count}).all()


def _dispatch(row: AnyRow) -> Dispatch:
    message = StageMessage(kind=Stage(row.stage), tenant=row.tenant, document_id=row.document_id, pages=pages_of(row))
    return Dispatch(
        message=message,
        task_id=row.id,
        attempts=row.attempts,
        send_count=row.send_count,
        next_send_at=row.next_send_at,
        origin=TraceOrigin.decode(row.trace_origin),
    )


def _is_unchanged(row: AnyRow, dispatch: Dispatch) -> bool:
    """Whether the task is as it was; a refunded attempt brings its count back, but not the moment of sending."""
    found = (row.attempts, row.send_count, row.next_send_at)
    return found == (dispatch.attempts, dispatch.send_count, dispatch.next_send_at)


def _backlog(stage: Stage, row: AnyRow | None, now: datetime) -> Backlog:
    if row is None:
        return Backlog(stage=stage, waiting=0, in_flight=0, oldest_s=0.0)
    # A clock that was set back must not make an age negative.
    age_s = max(0.0, (now - row.oldest_at).total_seconds()) if row.oldest_at else 0.0
    return Backlog(stage=stage, waiting=row.waiting, in_flight=row.in_flight, oldest_s=age_s)
