"""How documents go: at once for their readers, then from object storage, in the end from here too."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.access_store.trail import SqlTrail, tell
from ocr_core.adapters.database import Database
from ocr_core.adapters.document_store.rows import CONTENT, AnyRow
from ocr_core.adapters.document_store.tables import document_corrections, stored_documents
from ocr_core.contracts.audit import SERVER, Actor, AuditAction
from ocr_core.contracts.errors import NotFound
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.stored_documents import DeletedDocument, DocumentDay

_MAX_ROWS_A_STEP = 1_000
_TABLE = stored_documents.c
_TRACE = "sha256"
"""What finds what is remembered of a document, until that is gone as well."""


class SqlDocumentDeletions(SqlTrail):
    """The part of ``DocumentStore`` that ends documents, in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._database = database
        self._clock = clock

    def begin_deletion(self, tenant: str, document_id: str, *, by: Actor) -> DeletedDocument:
        """See ``DocumentStore``."""
        query = sa.select(stored_documents).where(_TABLE.id == document_id, _TABLE.tenant == tenant)
        told = {"document_id": document_id}
        action = AuditAction.DOCUMENT_DELETED
        with self._database.writing() as connection:
            row = connection.execute(query.with_for_update()).one_or_none()
            if row is None:
                raise NotFound("there is no such document")
            if row.demanded:
                return _deleted(row)
            if row.deleted_at is None:
                self._empty(connection, [document_id], but=(_TRACE,))
            # Where its time was over before, its job still has what it had: the deletion is open again.
            demanded = sa.update(stored_documents).where(_TABLE.id == document_id)
            connection.execute(demanded, {"demanded": True, "gone_at": None})
            row = connection.execute(query).one()
            self._write(connection, action, actor=by, tenant=tenant, key_id=None, details=told)
        tell(action, actor=by, tenant=tenant, key_id=None, details=told)
        return _deleted(row)

    def expire(self, tenant: str, *, keep_s: float, limit: int) -> int:
        """See ``DocumentStore``. What somebody else holds waits for the next step."""
        old = sa.and_(
            _TABLE.tenant == tenant,
            _TABLE.deleted_at.is_(None),
            _TABLE.created_at <= self._clock.now() - timedelta(seconds=keep_s),
        )
        query = sa.select(_TABLE.id).where(old).order_by(_TABLE.created_at).limit(limit)
        with self._database.reading() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return 0
        action = AuditAction.DOCUMENTS_EXPIRED
        with self._database.writing() as connection:
            ids = [row.id for row in connection.execute(query.with_for_update(skip_locked=True))]
            if not ids:
                return 0
            told = {"documents": len(ids)}
            self._empty(connection, ids)
            self._write(connection, action, actor=SERVER, tenant=tenant, key_id=None, details=told)
        tell(action, actor=SERVER, tenant=tenant, key_id=None, details=told)
        return len(ids)

    def deletions(self, *, limit: int) -> tuple[DeletedDocument, ...]:
        """See ``DocumentStore``."""
        open_ones = sa.and_(_TABLE.deleted_at.is_not(None), _TABLE.gone_at.is_(None))
        query = sa.select(stored_documents).where(open_ones).order_by(_TABLE.deleted_at, _TABLE.id).limit(limit)
        with self._database.reading() as connection:
            return tuple(_deleted(row) for row in connection.execute(query))

    def end_deletion(self, document_id: str) -> None:
        """See ``DocumentStore``."""
        going = sa.and_(_TABLE.id == document_id, _TABLE.deleted_at.is_not(None), _TABLE.gone_at.is_(None))
        with self._database.writing() as connection:
            connection.execute(sa.update(stored_documents).where(going), {"gone_at": self._clock.now(), _TRACE: None})

    def forget_deleted(self, *, keep_s: float) -> int:
        """See ``DocumentStore``."""
        over = _TABLE.gone_at <= self._clock.now() - timedelta(seconds=keep_s)
        return self._delete(sa.select(_TABLE.id).where(over).limit(_MAX_ROWS_A_STEP))

    def delete_documents_of(self, tenant: str, *, limit: int) -> int:
        """See ``DocumentStore``."""
        return self._delete(sa.select(_TABLE.id).where(_TABLE.tenant == tenant).limit(limit))

    def tenants(self) -> tuple[str, ...]:
        """See ``DocumentStore``."""
        query = sa.select(_TABLE.tenant).where(_TABLE.deleted_at.is_(None)).distinct().order_by(_TABLE.tenant)
        with self._database.reading() as connection:
            return tuple(connection.execute(query).scalars())

    def days(self) -> tuple[DocumentDay, ...]:
        """See ``DocumentStore``. Counts tell: within a day documents only come, go, and are forgotten weeks later."""
        there = sa.func.sum(sa.case((_TABLE.deleted_at.is_(None), 1), else_=0)).label("there")
        count = sa.func.count().label("all")
        corrections = sa.func.sum(_TABLE.corrections).label("corrections")
        newest = sa.func.max(_TABLE.created_at).label("newest")
        query = (
            sa.select(_TABLE.tenant, _TABLE.day, there, count, corrections, newest)
            .group_by(_TABLE.tenant, _TABLE.day)
            .having(there > 0)
            .order_by(_TABLE.tenant, _TABLE.day)
        )
        with self._database.reading() as connection:
            return tuple(
                DocumentDay(
                    tenant=row.tenant,
                    day=row.day,
                    state=f"{row.there}/{row.all}/{row.corrections}/{row.newest.timestamp():.6f}",
                )
                for row in connection.execute(query)
            )

    def _empty(self, connection: Connection, ids: list[str], *, but: Collection[str] = ()) -> None:
        """Forget what rows tell; that there was such a document stays."""
        connection.execute(sa.delete(document_corrections).where(document_corrections.c.document_id.in_(ids)))
        nothing: dict[str, object] = dict.fromkeys(name for name in CONTENT if name not in but)
        nothing |= {"deleted_at": self._clock.now(), "corrections": 0}
        connection.execute(sa.update(stored_documents).where(_TABLE.id.in_(ids)), nothing)

    def _delete(self, some: sa.Select[tuple[str]]) -> int:
        with self._database.reading() as connection:
            ids = list(connection.execute(some).scalars())
        if not ids:
            return 0
        with self._database.writing() as connection:
            return connection.execute(sa.delete(stored_documents).where(_TABLE.id.in_(ids))).rowcount


def _deleted(row: AnyRow) -> DeletedDocument:
    return DeletedDocument(
        id=row.id, tenant=row.tenant, is_gone=row.gone_at is not None, is_demanded=row.demanded, sha256=row.sha256
    )
