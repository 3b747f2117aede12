"""What nobody else puts right: leases of the dead, moments from another clock, keys past their time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.job_store.closing import fail_exhausted, lock_job
from ocr_core.adapters.job_store.rows import AnyRow
from ocr_core.adapters.job_store.tables import idempotency_keys, tasks, waits, webhook_deliveries
from ocr_core.contracts.errors import NotFound
from ocr_core.contracts.job_store import Swept
from ocr_core.contracts.jobs import Clock, StoreRules

MAX_ROWS_A_STEP = 500


class SqlSweep:
    """``WorkQueue.sweep`` in SQL. Any number may run at once: rows that another holds are skipped."""

    def __init__(self, database: Database, clock: Clock, rules: StoreRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    def sweep(self) -> Swept:
        """See ``WorkQueue``."""
        now = self._clock.now()
        # Looking needs no write lock, and mostly there is nothing to do.
        with self._database.reading() as connection:
            lengths_s = {table.name: _foreign_waits(connection, table, moment, now) for table, moment in _WAITING}
            far_leases = connection.execute(sa.select(tasks.c.id).where(self._lease_too_far(now)).limit(1)).first()
            expired = connection.execute(sa.select(tasks).where(_lease_expired(now)).limit(MAX_ROWS_A_STEP)).all()
            stale = connection.execute(sa.select(idempotency_keys.c.key).where(_key_expired(now)).limit(1)).first()
        exhausted = [task for task in expired if task.attempts >= self._rules.max_attempts]
        cut = sum(self._cut_waits(table, moment, lengths_s[table.name], now) for table, moment in _WAITING)
        cut += self._cut_leases(now) if far_leases else 0
        failed = sum(self._fail(task, now) for task in exhausted)
        freed = self._free(now) if len(expired) > len(exhausted) else 0
        keys = self._delete_stale_keys(now) if stale else 0
        return Swept(expired_leases=freed + failed, exhausted=failed, cut_times=cut, expired_keys=keys)

    def _cut_waits(self, table: sa.Table, moment: sa.Column[datetime], lengths_s: list[float], now: datetime) -> int:
        """Bring times that lie further ahead than they were ever put down to as far ahead as they were put."""
        cut = 0
        for wait_s in lengths_s:
            due = now + timedelta(seconds=wait_s)
            far = sa.and_(waits(table), table.c.wait_s == wait_s, moment > due)
            with self._database.writing() as connection:
                cut += _update_unlocked(connection, table, far, {moment.name: due})
        return cut

    def _cut_leases(self, now: datetime) -> int:
        values = {"lease_expires_at": now + timedelta(seconds=self._rules.lease_s)}
        with self._database.writing() as connection:
            return _update_unlocked(connection, tasks, self._lease_too_far(now), values)

    def _lease_too_far(self, now: datetime) -> sa.ColumnElement[bool]:
        return sa.and_(
            tasks.c.sent == sa.true(), tasks.c.lease_expires_at > now + timedelta(seconds=self._rules.lease_s)
        )

    def _fail(self, task: AnyRow, now: datetime) -> bool:
        """Fail an exhausted task's document, unless a heartbeat or another sweep was faster."""
        with self._database.writing() as connection:
            try:
                lock_job(connection, task.job_id)
            except NotFound:
                return False
            # Read again under the lock of its own: a heartbeat may have come.
            query = sa.select(tasks).where(tasks.c.id == task.id, _lease_expired(now))
            current = connection.execute(query.with_for_update()).one_or_none()
            return current is not None and fail_exhausted(connection, current, now=now)

    def _free(self, now: datetime) -> int:
        """Expired leases back to waiting, due at once."""
        dead = sa.and_(_lease_expired(now), tasks.c.attempts < self._rules.max_attempts)
        values = {
            "lease_token": None,
            "lease_expires_at": None,
            "sent": False,
            "send_count": 0,
            "next_send_at": now,
            "wait_s": 0.0,
        }
        with self._database.writing() as connection:
            return _update_unlocked(connection, tasks, dead, values)

    def _delete_stale_keys(self, now: datetime) -> int:
        with self._database.writing() as connection:
            return connection.execute(sa.delete(idempotency_keys).where(_key_expired(now))).rowcount


_WAITING = ((tasks, tasks.c.next_send_at), (webhook_deliveries, webhook_deliveries.c.next_at))
"""The tables whose rows wait for a moment, and the column that holds it."""


def _lease_expired(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(tasks.c.sent == sa.true(), tasks.c.lease_expires_at <= now)


def _key_expired(now: datetime) -> sa.ColumnElement[bool]:
    return idempotency_keys.c.expires_at <= now


def _foreign_waits(connection: Connection, table: sa.Table, moment: sa.Column[datetime], now: datetime) -> list[float]:
    """The lengths of wait of which some row lies further ahead than that: the clock has been set back since."""
    ahead = sa.and_(waits(table), moment > now)
    query = sa.select(table.c.wait_s, sa.func.max(moment).label("latest")).where(ahead).group_by(table.c.wait_s)
    return [row.wait_s for row in connection.execute(query) if row.latest > now + timedelta(seconds=row.wait_s)]


def _update_unlocked(
    connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool], values: Mapping[str, object]
) -> int:
    """Update the rows that nobody holds: waiting for several could end in a deadlock, and the next sweep is near."""
    free = sa.select(table.c.id).where(condition).with_for_update(skip_locked=True)
    return connection.execute(sa.update(table).where(table.c.id.in_(free)), dict(values)).rowcount
