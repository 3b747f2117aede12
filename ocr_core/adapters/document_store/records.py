"""Documents as their owners see them: kept, found, listed, put right."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ocr_core.adapters.database import Database
from ocr_core.adapters.document_store.rows import AnyRow, content_of, correction_of, correction_values, document_of
from ocr_core.adapters.document_store.tables import document_corrections, stored_documents
from ocr_core.contracts.errors import InvalidRequest, NotFound
from ocr_core.contracts.jobs import Clock
from ocr_core.contracts.stored_documents import (
    MAX_CORRECTION_CHARACTERS,
    MAX_CORRECTIONS_OF_DOCUMENT,
    MAX_IDS_AT_ONCE,
    MAX_LISTED,
    Correction,
    Corrector,
    DocumentCursor,
    NewCorrection,
    NewStoredDocument,
    StoredDocument,
)

_TABLE = stored_documents.c
_THERE = _TABLE.deleted_at.is_(None)


class SqlDocumentRecords:
    """The part of ``DocumentStore`` that the APIs and the roads ask, in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def keep(self, new: NewStoredDocument) -> StoredDocument | None:
        """See ``DocumentStore``."""
        now = self._clock.now()
        content = content_of(new)
        first = {"id": new.id, "tenant": new.tenant, "day": now.date().isoformat(), "created_at": now}
        first |= {"corrections": 0, "demanded": False}
        same = sa.and_(_TABLE.id == new.id, _TABLE.tenant == new.tenant)
        with self._database.writing() as connection:
            if not self._database.insert_if_absent(connection, stored_documents, {**first, **content}):
                connection.execute(sa.update(stored_documents).where(same, _THERE), content)
            row = connection.execute(sa.select(stored_documents).where(same, _THERE)).one_or_none()
        return None if row is None else document_of(row)

    def get(self, tenant: str, document_id: str) -> StoredDocument:
        """See ``DocumentStore``."""
        with self._database.reading() as connection:
            return document_of(_document_row(connection, tenant, document_id))

    def list(
        self, tenant: str, *, before: DocumentCursor | None = None, sha256: str | None = None, limit: int = 100
    ) -> tuple[StoredDocument, ...]:
        """See ``DocumentStore``."""
        if not 1 <= limit <= MAX_LISTED:
            raise InvalidRequest(f"limit: 1 to {MAX_LISTED}")
        query = sa.select(stored_documents).where(_TABLE.tenant == tenant, _THERE)
        query = query.order_by(_TABLE.created_at.desc(), _TABLE.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_position() < _bound(before))
        if sha256 is not None:
            query = query.where(_TABLE.sha256 == sha256)
        with self._database.reading() as connection:
            return tuple(document_of(row) for row in connection.execute(query))

    def add_corrections(
        self, tenant: str, document_id: str, new: Sequence[NewCorrection], *, by: Corrector
    ) -> tuple[Correction, ...]:
        """See ``DocumentStore``. The document's row is locked, so that a deletion waits, or has been."""
        shared = {"document_id": document_id, "created_at": self._clock.now()}
        insert = sa.insert(document_corrections).returning(document_corrections)
        with self._database.writing() as connection:
            row = _document_row(connection, tenant, document_id, lock=True)
            if row.corrections + len(new) > MAX_CORRECTIONS_OF_DOCUMENT:
                raise InvalidRequest(f"a document has {MAX_CORRECTIONS_OF_DOCUMENT} corrections at most")
            made = [
                correction_of(connection.execute(insert, {**shared, **correction_values(each, by)}).one())
                for each in new
            ]
            if connection.execute(_characters(document_id)).scalar_one() > MAX_CORRECTION_CHARACTERS:
                raise InvalidRequest(f"a document's corrections have {MAX_CORRECTION_CHARACTERS} characters at most")
            counted = sa.update(stored_documents).where(_TABLE.id == document_id)
            connection.execute(counted, {"corrections": row.corrections + len(made)})
        return tuple(made)

    def corrections(self, document_ids: Collection[str]) -> tuple[Correction, ...]:
        """See ``DocumentStore``."""
        table = document_corrections
        query = sa.select(table).where(table.c.document_id.in_(_some(document_ids))).order_by(table.c.id)
        with self._database.reading() as connection:
            return tuple(correction_of(row) for row in connection.execute(query))

    def existing_documents(self, document_ids: Collection[str]) -> frozenset[str]:
        """See ``DocumentStore``."""
        query = sa.select(_TABLE.id).where(_TABLE.id.in_(_some(document_ids)), _THERE)
        with self._database.reading() as connection:
            return frozenset(row.id for row in connection.execute(query))

    def of_day(
        self, tenant: str, day: str, *, after: DocumentCursor | None = None, limit: int
    ) -> tuple[StoredDocument, ...]:
        """See ``DocumentStore``."""
        query = sa.select(stored_documents).where(_TABLE.tenant == tenant, _TABLE.day == day, _THERE)
        query = query.order_by(_TABLE.created_at, _TABLE.id).limit(limit)
        if after is not None:
            query = query.where(_position() > _bound(after))
        with self._database.reading() as connection:
            return tuple(document_of(row) for row in connection.execute(query))


def _characters(document_id: str) -> sa.Select[int]:
    """Of all corrections of a document."""
    table = document_corrections.c
    lengths = (
        sa.func.length(each) for each in (table.read_value, table.value, sa.func.coalesce(table.corrected_by, ""))
    )
    return sa.select(sa.func.coalesce(sa.func.sum(sum(lengths, sa.literal(0))), 0)).where(
        table.document_id == document_id
    )


def _position() -> sa.Tuple:
    return sa.tuple_(_TABLE.created_at, _TABLE.id)


def _bound(cursor: DocumentCursor) -> sa.Tuple:
    return sa.tuple_(sa.literal(cursor.created_at, _TABLE.created_at.type), sa.literal(cursor.id))


def _some(document_ids: Collection[str]) -> list[str]:
    if len(document_ids) > MAX_IDS_AT_ONCE:
        raise ValueError(f"more than {MAX_IDS_AT_ONCE} ids at once")
    return list(document_ids)


def _document_row(connection: Connection, tenant: str, document_id: str, *, lock: bool = False) -> AnyRow:
    """A tenant's document; another tenant's does not exist, nor does a deleted one."""
    query = sa.select(stored_documents).where(_TABLE.id == document_id, _TABLE.tenant == tenant, _THERE)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("there is no such document")
    return row
