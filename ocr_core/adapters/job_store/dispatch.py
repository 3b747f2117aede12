"""Which work goes to the queue next, fairly, and what has to go again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.job_store.database import Database
from ocr_core.adapters.job_store.rows import AnyRow, dead_letter_of, pages_of
from ocr_core.adapters.job_store.tables import UtcDateTime, dead_letters, tasks, waits
from ocr_core.contracts.job_store import Backlog, DeadLetter, Dispatch, DueWork
from ocr_core.contracts.jobs import Clock, Stage, StoreRules
from ocr_core.contracts.messages import StageMessage

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
_NOT_TAKEN_UP = sa.and_(tasks.c.lease_token.is_(None), tasks.c.stage != Stage.STRUCTURE.value)
_IN_FLIGHT = (
    sa.select(
        tasks.c.tenant,
        sa.func.count().label("count"),
        sa.func.count().filter(_NOT_TAKEN_UP).label("reads_not_taken_up"),
    )
    .where(tasks.c.sent == sa.true())
    .group_by(tasks.c.tenant)
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

    def __init__(self, database: Database, clock: Clock, rules: StoreRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    def dispatchable(self, *, window: int, limit: int, ahead: int | None = None) -> DueWork:
        """See ``WorkQueue``."""
        now = self._clock.now()
        with self._database.reading() as connection:
            if connection.execute(_ANY_WORK).first() is None:
                return DueWork()
            again = _sent_without_lease(connection, now, limit)
            in_flight, reads_not_taken_up = _in_flight(connection)
            # The tenants with least in flight take the first turns: no state, and no tenant can be passed over.
            waiting = sorted(_waiting_tenants(connection), key=lambda tenant: in_flight.get(tenant, 0))
            queues = [
                _next_of_tenant(connection, tenant, now, min(window - in_flight.get(tenant, 0), limit))
                for tenant in waiting
            ]
        turns = max((len(queue) for queue in queues), default=0)
        fresh = [queue[turn] for turn in range(turns) for queue in queues if turn < len(queue)]
        if ahead is not None:
            fresh = _with_reads_at_most(fresh, ahead - reads_not_taken_up)
        dispatches = tuple(_dispatch(row) for row in [*again, *fresh][:limit])
        return DueWork(dispatches=dispatches, in_flight=sum(in_flight.values()))

    def mark_sent(self, dispatches: Sequence[Dispatch]) -> None:
        """See ``WorkQueue``. What has been claimed since has another count of attempts, and is left alone."""
        now = self._clock.now()
        with self._database.writing() as connection:
            seen = {dispatch.task_id: dispatch for dispatch in dispatches}
            # A row that is locked is being claimed or ended: waiting for it could only be in vain, or a deadlock.
            query = sa.select(tasks.c.id, tasks.c.attempts).where(tasks.c.id.in_(list(seen)))
            unlocked = connection.execute(query.with_for_update(skip_locked=True)).all()
            changes = [self._sent(seen[row.id], now) for row in unlocked if row.attempts == seen[row.id].attempts]
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


def _in_flight(connection: Connection) -> tuple[dict[str, int], int]:
    """How much of each tenant is sent or leased, and how many reads nobody has taken up.

    The windows bound how many rows that reads.
    """
    rows = connection.execute(_IN_FLIGHT).mappings().all()
    return {row["tenant"]: row["count"] for row in rows}, sum(row["reads_not_taken_up"] for row in rows)


def _with_reads_at_most(rows: Sequence[AnyRow], count: int) -> list[AnyRow]:
    """The rows without the reads that are too many; structure work, which takes milliseconds, is never held back."""
    kept = []
    for row in rows:
        if row.stage != Stage.STRUCTURE.value:
            if count <= 0:
                continue
            count -= 1
        kept.append(row)
    return kept


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
    return Dispatch(message=message, task_id=row.id, attempts=row.attempts, send_count=row.send_count)


def _backlog(stage: Stage, row: AnyRow | None, now: datetime) -> Backlog:
    if row is None:
        return Backlog(stage=stage, waiting=0, in_flight=0, oldest_s=0.0)
    # A clock that was set back must not make an age negative.
    age_s = max(0.0, (now - row.oldest_at).total_seconds()) if row.oldest_at else 0.0
    return Backlog(stage=stage, waiting=row.waiting, in_flight=row.in_flight, oldest_s=age_s)
