"""Writes what tenants have stored as Parquet, a day at a time; only days of which something has changed.

::

    days of the database ─► state as at the last export? ─► nothing to do
                                  └ no ─► documents, page by page ─► results ─► three files ─► the state, last

A day's files are replaced as a whole, so a second run changes nothing, one that was interrupted is made good by the
next, and a document that was deleted is in no file of its day any more. Of a day without documents the files go.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from async_worker.blocking import Blocking
from async_worker.exports.layout import DataSet, day_of, part_key, state_key, states_prefix
from async_worker.exports.rows import correction_rows, document_row, field_rows
from async_worker.exports.tables import TableFile, table_files
from async_worker.result_lines import MAX_RESULT_BYTES
from ocr_core.contracts.errors import NotFound
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.stored_documents import (
    Correction,
    DocumentCursor,
    DocumentDay,
    DocumentStore,
    StoredDocument,
)

FORMAT = 1
"""Of the tables; with another one all is written anew."""
DOCUMENTS_A_PAGE = 200
RESULTS_AHEAD = 4
"""Results that are in memory at the same time."""
MAX_FILE_BYTES = 50 << 30
MAX_STATE_BYTES = 1 << 16
CONTENT_TYPE = "application/vnd.apache.parquet"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export did."""

    days_written: int
    days_unchanged: int
    days_removed: int
    documents: int
    """Of the days that were written."""


class Exporter:
    """Exports into our own bucket."""

    def __init__(self, *, documents: DocumentStore, objects: ObjectStore, blocking: Blocking) -> None:
        """Store what it works with.

        Args:
            documents: Called through ``blocking`` only.
            objects: Where results lie, and exports go.
            blocking: Threads for the store.
        """
        self._documents = documents
        self._objects = objects
        self._blocking = blocking

    async def run(self, *, tenant: str | None = None, anew: bool = False) -> Exported:
        """Export what has changed.

        Args:
            tenant: Whose alone; everybody's where none is given.
            anew: Write all days, changed or not.

        Raises:
            NotReady: the database or the object store does not answer; what was written stays, and is right.
        """
        days = [day for day in await self._blocking.run(self._documents.days) if tenant in (None, day.tenant)]
        written = documents = unchanged = 0
        for day in days:
            if not anew and await self._state(day) == _state_of(day):
                unchanged += 1
                continue
            documents += await self._write(day)
            written += 1
        removed = await self._remove_others(days, tenant)
        done = Exported(days_written=written, days_unchanged=unchanged, days_removed=removed, documents=documents)
        _log.info(
            "Stored documents were exported",
            extra={"action": "export.done", "days": written, "documents": documents, "days_removed": removed},
        )
        return done

    async def _write(self, day: DocumentDay) -> int:
        """Write a day's files; the documents in them.

        A mark takes the old state's place first. Where two exports run at once, files of the slower one may tell of a
        document that was deleted; beside the other's state they would stay so. Who does not find his mark at the end
        leaves no state, and the next run writes the day anew.
        """
        mark, state = json.dumps({"writing": secrets.token_hex(16)}).encode(), state_key(day.tenant, day.day)
        with table_files() as files:
            async for document, result, corrections in self._of(day):
                await asyncio.to_thread(self._add, files, document, result, corrections)
            await self._objects.put(state, mark, content_type="application/json")
            for data_set, file in files.items():
                await asyncio.to_thread(file.finish)
                await self._objects.put_file(
                    part_key(data_set, day.tenant, day.day),
                    file.file,
                    content_type=CONTENT_TYPE,
                    max_bytes=MAX_FILE_BYTES,
                )
            if await self._state(day) == mark:
                await self._objects.put(state, _state_of(day), content_type="application/json")
            else:
                await self._objects.delete(state)
            return files[DataSet.DOCUMENTS].rows

    def _add(
        self,
        files: Mapping[DataSet, TableFile],
        document: StoredDocument,
        stored: bytes,
        corrections: Sequence[Correction],
    ) -> None:
        result: dict[str, Any] = from_json(stored)
        files[DataSet.DOCUMENTS].add(document_row(document, result))
        for row in field_rows(document, result):
            files[DataSet.FIELDS].add(row)
        for row in correction_rows(document, result, corrections, uri=self._objects.uri):
            files[DataSet.CORRECTIONS].add(row)

    async def _of(self, day: DocumentDay) -> AsyncIterator[tuple[StoredDocument, bytes, list[Correction]]]:
        """A day's documents with their results and corrections, oldest first; those that go meanwhile left out."""
        after: DocumentCursor | None = None
        while page := await self._blocking.run(
            self._documents.of_day, day.tenant, day.day, after=after, limit=DOCUMENTS_A_PAGE
        ):
            after = DocumentCursor(created_at=page[-1].created_at, id=page[-1].id)
            for first in range(0, len(page), RESULTS_AHEAD):
                some = page[first : first + RESULTS_AHEAD]
                corrected = [document.id for document in some if document.corrections]
                made = await self._blocking.run(self._documents.corrections, corrected) if corrected else ()
                results = await asyncio.gather(*(self._result(document) for document in some))
                for document, result in zip(some, results, strict=True):
                    if result is not None:
                        yield document, result, [each for each in made if each.document_id == document.id]

    async def _result(self, document: StoredDocument) -> bytes | None:
        try:
            return await self._objects.get(document.result_key, max_bytes=MAX_RESULT_BYTES)
        except NotFound:
            return None

    async def _state(self, day: DocumentDay) -> bytes | None:
        try:
            return await self._objects.get(state_key(day.tenant, day.day), max_bytes=MAX_STATE_BYTES)
        except NotFound:
            return None

    async def _remove_others(self, days: Sequence[DocumentDay], tenant: str | None) -> int:
        """Delete the files of days that have no document any more; how many days."""
        there = {(day.tenant, day.day) for day in days}
        gone = [
            found
            async for item in self._objects.scan(states_prefix(tenant))
            if (found := day_of(item.key)) is not None and found not in there
        ]
        for whose, day in gone:
            # The state last: an interrupted removal is found again by it.
            await self._objects.delete_many([part_key(data_set, whose, day) for data_set in DataSet])
            await self._objects.delete(state_key(whose, day))
        return len(gone)


def _state_of(day: DocumentDay) -> bytes:
    return json.dumps({"format": FORMAT, "state": day.state}, sort_keys=True).encode()
