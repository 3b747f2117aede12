"""What is old is deleted, and what is left over is told."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa

from ocr_core.adapters.database.connection import Database
from ocr_core.adapters.job_store.closing import ENDED
from ocr_core.adapters.job_store.tables import (
    dead_letters,
    documents,
    installation,
    jobs,
    tasks,
)
from ocr_core.contracts.job_store import DocumentTraces
from ocr_core.contracts.jobs import Clock

MAX_IDS_AT_ONCE = 500
_MAX_JOBS_A_STEP = 500


class SqlRetention:
    """``Retention`` in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def delete_old_jobs(self, *, keep_s: float, max_documents: int) -> int:
        """See ``Retention``. What belongs to a job goes by the foreign keys' cascade, in the same transaction."""
        old = jobs.c.finished_at <= self._clock.now() - timedelta(seconds=keep_s)
        query = sa.select(jobs.c.id, jobs.c.total).where(old).order_by(jobs.c.finished_at).limit(_MAX_JOBS_A_STEP)
        with self._database.reading() as connection:
            ids = _as_many([(row.id, row.total) for row in connection.execute(query)], max_documents)
        if not ids:
            return 0
        # A redrive since then has taken the end away, or holds the row; another process may be deleting it as well.
        free = sa.select(jobs.c.id).where(jobs.c.id.in_(ids), old).with_for_update(skip_locked=True)
        with self._database.writing() as connection:
            return connection.execute(sa.delete(jobs).where(jobs.c.id.in_(free))).rowcount

    def delete_jobs_of(self, tenant: str, *, max_documents: int) -> int:
        """See ``Retention``. Tasks go before their documents, in the order in which a claim locks them."""
        query = sa.select(jobs.c.id, jobs.c.total).where(jobs.c.tenant == tenant).order_by(jobs.c.id)
        with self._database.reading() as connection:
            found = connection.execute(query.limit(_MAX_JOBS_A_STEP))
            ids = _as_many([(row.id, row.total) for row in found], max_documents)
        with self._database.writing() as connection:
            connection.execute(sa.delete(dead_letters).where(dead_letters.c.tenant == tenant))
            locked = [
                row.id
                for row in connection.execute(
                    sa.select(jobs.c.id).where(jobs.c.id.in_(ids)).order_by(jobs.c.id).with_for_update()
                )
            ]
            connection.execute(sa.delete(tasks).where(tasks.c.job_id.in_(locked)))
            return connection.execute(sa.delete(jobs).where(jobs.c.id.in_(locked))).rowcount

    def traces_of(self, tenant: str, document_id: str) -> DocumentTraces | None:
        """See ``Retention``."""
        query = (
            sa.select(documents.c.source, jobs.c.id, jobs.c.created_at, jobs.c.webhook_url)
            .join(jobs, jobs.c.id == documents.c.job_id)
            .where(documents.c.id == document_id, documents.c.tenant == tenant)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return DocumentTraces(
            job_id=row.id, job_created_at=row.created_at, source=row.source, webhook_url=row.webhook_url
        )

    def forget_document(self, tenant: str, document_id: str) -> None:
        """See ``Retention``."""
        one = sa.and_(documents.c.id == document_id, documents.c.tenant == tenant)
        with self._database.writing() as connection:
            connection.execute(sa.update(documents).where(one), {"source": "", "file_name": None})

    def installation_id(self) -> str:
        """See ``Retention``."""
        query = sa.select(installation.c.id).where(installation.c.number == 1)
        with self._database.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is not None:
            return str(found)
        with self._database.writing() as connection:
            values = {"number": 1, "id": f"inst_{secrets.token_hex(16)}"}
            self._database.insert_if_absent(connection, installation, values)
            return str(connection.execute(query).scalar_one())

    def unfinished_documents(self, document_ids: Collection[str]) -> frozenset[str]:
        """See ``Retention``."""
        if len(document_ids) > MAX_IDS_AT_ONCE:
            raise ValueError(f"more than {MAX_IDS_AT_ONCE} ids at once")
        going = sa.and_(documents.c.id.in_(list(document_ids)), documents.c.status.not_in(ENDED))
        with self._database.reading() as connection:
            return frozenset(row.id for row in connection.execute(sa.select(documents.c.id).where(going)))


def _as_many(jobs_and_sizes: Sequence[tuple[str, int]], max_documents: int) -> list[str]:
    """The ids of the first jobs that have no more documents together; of one, where it alone has more."""
    ids: list[str] = []
    count = 0
    for job_id, size in jobs_and_sizes:
        count += size
        if ids and count > max_documents:
            break
        ids.append(job_id)
    return ids
