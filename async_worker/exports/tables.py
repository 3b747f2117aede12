"""The export's tables as Arrow has them, and Parquet files of them, written piece by piece."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from async_worker.exports.layout import DataSet
from async_worker.exports.rows import Row

ROWS_A_GROUP = 5_000
"""Of a file's pieces: what is held until it is written."""
TEXT_BYTES_A_GROUP = 32 << 20
"""Likewise, of the texts of documents."""

_MOMENT = pa.timestamp("us", tz="UTC")
_QUAD = pa.list_(pa.float64())


def _schema(**columns: Any) -> Any:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


SCHEMAS: Mapping[DataSet, Any] = MappingProxyType(
    {
        DataSet.DOCUMENTS: _schema(
            document_id=pa.string(),
            stored_at=_MOMENT,
            road=pa.string(),
            job_id=pa.string(),
            reference=pa.string(),
            file_name=pa.string(),
            media_type=pa.string(),
            sha256=pa.string(),
            page_count=pa.int32(),
            pages_read=pa.int32(),
            pages_unread=pa.int32(),
            document_type=pa.string(),
            schemas=pa.list_(pa.string()),
            text=pa.string(),
            line_count=pa.int32(),
            mean_line_confidence=pa.float64(),
            detection_model=pa.string(),
            recognition_model=pa.string(),
            total_ms=pa.float64(),
            correction_count=pa.int32(),
        ),
        DataSet.FIELDS: _schema(
            document_id=pa.string(),
            schema=pa.string(),
            path=pa.string(),
            field=pa.string(),
            entry=pa.int32(),
            member=pa.string(),
            value=pa.string(),
            currency=pa.string(),
            text=pa.string(),
            confidence=pa.float64(),
            page=pa.int32(),
            quad=_QUAD,
        ),
        DataSet.CORRECTIONS: _schema(
            correction_id=pa.int64(),
            document_id=pa.string(),
            schema=pa.string(),
            path=pa.string(),
            field=pa.string(),
            type=pa.string(),
            read=pa.string(),
            corrected=pa.string(),
            currency=pa.string(),
            is_latest=pa.bool_(),
            page=pa.int32(),
            quad=_QUAD,
            evidence=pa.string(),
            page_image=pa.string(),
            text=pa.string(),
            confidence=pa.float64(),
            key_id=pa.string(),
            corrected_by=pa.string(),
            corrected_at=_MOMENT,
        ),
    }
)
"""The columns of each, in their order."""


class TableFile:
    """One table's Parquet file in the making. The same rows in the same order make the same bytes."""

    def __init__(self, data_set: DataSet, file: IO[bytes], held: ExitStack) -> None:
        self.file = file
        self.rows = 0
        self._schema = SCHEMAS[data_set]
        self._writer = held.enter_context(pq.ParquetWriter(file, self._schema, compression="zstd"))
        self._waiting: list[Row] = []
        self._waiting_bytes = 0

    def add(self, row: Row) -> None:
        """Append a row."""
        self._waiting.append(row)
        self._waiting_bytes += len(row.get("text") or "") * 3
        self.rows += 1
        if len(self._waiting) >= ROWS_A_GROUP or self._waiting_bytes >= TEXT_BYTES_A_GROUP:
            self._write()

    def finish(self) -> None:
        """Write what waits, and the file's end."""
        if self._waiting:
            self._write()
        self._writer.close()
        self.file.flush()
        self.file.seek(0)

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting = []
        self._waiting_bytes = 0


@contextmanager
def table_files() -> Iterator[Mapping[DataSet, TableFile]]:
    """One file for each table. They have no names, so that they are gone with the process."""
    with ExitStack() as held:
        yield {
            data_set: TableFile(data_set, held.enter_context(tempfile.TemporaryFile()), held) for data_set in DataSet
        }
