"""The export, read back by DuckDB and held against the database. Real bucket, real database."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import duckdb
import pytest

from async_worker.exports.exporter import Exported, Exporter
from async_worker.exports.layout import DataSet
from async_worker.exports.tables import SCHEMAS
from local_stack.aws import ACCESS_KEY_ID, SECRET_ACCESS_KEY, AwsServer
from local_stack.plan import REPOSITORY_ROOT
from ocr_core.contracts.audit import Actor
from ocr_core.contracts.stored_documents import NewCorrection, StoredDocument, page_key
from tests.integration.test_stored_documents_api import FIELDS, QUAD, stored_result
from tests.support.bulk_roles import Rooms, bulk_rooms
from tests.support.stored_documents import CLERK, correction, new_document

BY = Actor(key_id=None, through="api")
FIRST_DAY, SECOND_DAY = "2026-11-28", "2026-11-29"


class Calendar:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 28, 23, 59, 58, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(microseconds=1)
        return self.moment


@pytest.fixture
def clock() -> Calendar:
    return Calendar()


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path, clock: Calendar) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path, clock=clock) as opened:
        yield opened


@pytest.fixture
def exporter(rooms: Rooms) -> Exporter:
    return Exporter(documents=rooms.documents, objects=rooms.objects, blocking=rooms.blocking)


class Lake:
    """What was exported, as DuckDB sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._duckdb = duckdb.connect()

    async def fetch(self, rooms: Rooms) -> dict[str, bytes]:
        """Copy the exports out of the bucket; all of them by key."""
        found = {}
        async for item in rooms.objects.scan("exports/"):
            found[item.key] = await rooms.objects.get(item.key, max_bytes=1 << 24)
            path = self.folder / item.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(found[item.key])
        return found

    def rows(self, data_set: DataSet, query: str = "SELECT * FROM t ORDER BY ALL") -> list[dict[str, Any]]:
        """Of a table, partitions and all."""
        files = self.folder / "exports" / data_set / "*" / "*" / "*.parquet"
        table = f"read_parquet('{files}', hive_partitioning = true, hive_types = {{'date': DATE, 'tenant': VARCHAR}})"
        cursor = self._duckdb.execute(f"WITH t AS (SELECT * FROM {table}) {query}")  # noqa: S608 - of this test
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """Let go of it."""
        self._duckdb.close()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path / "lake")
    yield made
    made.close()


async def keep(rooms: Rooms, tenant: str = "acme", **changes: Any) -> StoredDocument:
    new = new_document(tenant)
    body = json.dumps({**stored_result(new.id), **changes}).encode()
    await rooms.objects.put(new.result_key, body, content_type="application/json")
    kept = rooms.documents.keep(new)
    assert kept is not None
    return kept


def correct(rooms: Rooms, document: StoredDocument, *new: NewCorrection) -> None:
    rooms.documents.add_corrections(document.tenant, document.id, new, by=CLERK)


async def test_duckdb_reads_what_the_database_has(
    rooms: Rooms, exporter: Exporter, lake: Lake, clock: Calendar
) -> None:
    kept = [await keep(rooms), await keep(rooms, "globex")]
    clock.moment += timedelta(seconds=10)  # past midnight, in UTC
    kept += [await keep(rooms), await keep(rooms)]
    quad = tuple((x, y) for x, y in QUAD)
    correct(
        rooms,
        kept[0],
        correction(read={"value": 385000, "currency": "JPY"}, value={"value": 1, "currency": "JPY"}),
        correction(read={"value": 385000, "currency": "JPY"}, value={"value": 2, "currency": "JPY"}),
        correction("due_date", {"value": "2026-11-30"}, kind="date", page=1, quad=quad),
        correction("bank_accounts.0.number", "7654321", "1234567", kind="text"),
        correction("bank_accounts", [{"number": "1"}], [{"number": "1234567"}], kind="accounts"),
    )
    assert await exporter.run() == Exported(days_written=3, days_unchanged=0, days_removed=0, documents=4)
    await lake.fetch(rooms)

    documents = lake.rows(DataSet.DOCUMENTS)
    by_id = {row["document_id"]: row for row in documents}
    assert by_id.keys() == {document.id for document in kept}
    for document in kept:
        row, now = by_id[document.id], rooms.documents.get(document.tenant, document.id)
        assert (row["tenant"], row["date"].isoformat()) == (document.tenant, document.created_at.date().isoformat())
        assert row["stored_at"].astimezone(UTC) == document.created_at
        for name in ("sha256", "file_name", "media_type", "page_count", "document_type", "job_id", "reference"):
            assert row[name] == getattr(now, name)
        assert (row["road"], row["schemas"], row["correction_count"]) == ("sync", ["auto"], now.corrections)
        assert (row["text"], row["pages_read"], row["pages_unread"], row["line_count"]) == ("請求書", 1, 1, 0)
        assert (row["detection_model"], row["total_ms"]) == ("1", 5.0)

    fields = {row["path"]: row for row in lake.rows(DataSet.FIELDS) if row["document_id"] == kept[0].id}
    assert {path: row["value"] for path, row in fields.items()} == {
        "issuer_name": "株式会社サンプル",
        "total_amount": "385000",
        "due_date": None,
        **{
            f"bank_accounts.0.{member}": FIELDS["bank_accounts"][0][member]
            for member in ("bank", "branch", "type", "number", "holder")
        },
    }
    total = fields["total_amount"]
    assert (total["currency"], total["confidence"], total["page"], total["quad"]) == (
        "JPY", 0.9, 1, [0.0, 0.0, 9.0, 0.0, 9.0, 4.0, 0.0, 4.0]
    )  # fmt: skip
    account = fields["bank_accounts.0.number"]
    assert (account["field"], account["entry"], account["member"]) == ("bank_accounts", 0, "number")

    made = rooms.documents.corrections([kept[0].id])
    corrections = lake.rows(DataSet.CORRECTIONS, "SELECT * FROM t ORDER BY correction_id")
    assert [row["correction_id"] for row in corrections] == [each.id for each in made]
    assert [(row["path"], row["read"], row["corrected"], row["is_latest"]) for row in corrections] == [
        ("total_amount", "385000", "1", False),
        ("total_amount", "385000", "2", True),
        ("due_date", None, "2026-11-30", True),
        ("bank_accounts.0.number", "1234567", "7654321", False),  # the whole list was replaced since
        ("bank_accounts", '[{"number": "1234567"}]', '[{"number": "1"}]', True),
    ]
    second, third = corrections[1], corrections[2]
    assert (second["evidence"], second["page"], second["text"]) == ("reading", 1, "x")
    assert (third["evidence"], third["page"], third["text"]) == ("person", 1, None)
    assert third["page_image"] == rooms.objects.uri(page_key("acme", kept[0].id, 1))
    assert (second["key_id"], second["corrected_by"], second["currency"]) == (CLERK.key_id, CLERK.corrected_by, "JPY")
    assert [row["corrected_at"].astimezone(UTC) for row in corrections] == [each.created_at for each in made]


async def test_a_second_run_writes_nothing_and_a_new_one_the_same(
    rooms: Rooms, exporter: Exporter, lake: Lake, clock: Calendar
) -> None:
    document = await keep(rooms)
    clock.moment += timedelta(days=1)
    await keep(rooms)
    await exporter.run()
    first = await lake.fetch(rooms)
    assert await exporter.run() == Exported(days_written=0, days_unchanged=2, days_removed=0, documents=0)
    assert (await exporter.run(anew=True)).days_written == 2
    assert await lake.fetch(rooms) == first
    # Only the day of which something has changed is written again.
    correct(rooms, document, correction(read={"value": 385000}, value={"value": 1}))
    assert await exporter.run() == Exported(days_written=1, days_unchanged=1, days_removed=0, documents=1)
    changed = {key for key, content in (await lake.fetch(rooms)).items() if first[key] != content}
    assert {key.rsplit("/", 1)[0].partition("date=")[2] for key in changed if key.endswith(".parquet")} == {FIRST_DAY}


async def test_deleted_documents_do_not_come_back(rooms: Rooms, exporter: Exporter, lake: Lake) -> None:
    gone, stays = await keep(rooms), await keep(rooms)
    alone = await keep(rooms, "globex")
    await exporter.run()
    for document in (gone, alone):
        rooms.documents.begin_deletion(document.tenant, document.id, by=BY)
    done = await exporter.run()
    assert (done.days_written, done.days_removed) == (1, 1)
    left = await lake.fetch(rooms)
    assert not any("globex" in key for key in left)
    assert {row["document_id"] for row in lake.rows(DataSet.DOCUMENTS) if row["tenant"] == "acme"} == {stays.id}
    assert {row["document_id"] for row in lake.rows(DataSet.FIELDS) if row["tenant"] == "acme"} == {stays.id}
    # One that goes at this moment has a row still, and no result any more.
    await rooms.objects.delete(stays.result_key)
    await exporter.run(anew=True)
    await lake.fetch(rooms)
    assert [row for row in lake.rows(DataSet.DOCUMENTS) if row["tenant"] == "acme"] == []


async def test_of_two_exports_at_once_the_slower_one_brings_nothing_back_for_good(
    rooms: Rooms, exporter: Exporter, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = await keep(rooms), await keep(rooms)
    put_file = rooms.objects.put_file
    has_read, may_write = asyncio.Event(), asyncio.Event()

    async def in_turns(key: str, file: IO[bytes], *, content_type: str, max_bytes: int) -> int:
        is_slow = asyncio.current_task() is slow
        if is_slow:
            has_read.set()
            await may_write.wait()
        size_bytes = await put_file(key, file, content_type=content_type, max_bytes=max_bytes)
        if not is_slow and not may_write.is_set() and list(DataSet)[-1] in key:  # all of the faster one's files
            may_write.set()
            await slow
        return size_bytes

    monkeypatch.setattr(rooms.objects, "put_file", in_turns)
    slow = asyncio.create_task(exporter.run())
    await has_read.wait()
    rooms.documents.begin_deletion(gone.tenant, gone.id, by=BY)
    await exporter.run()
    assert (await exporter.run()).days_written == 1
    await lake.fetch(rooms)
    assert [row["document_id"] for row in lake.rows(DataSet.DOCUMENTS)] == [stays.id]
    assert (await exporter.run()).days_unchanged == 1


async def test_one_tenants_export_touches_no_others(rooms: Rooms, exporter: Exporter, lake: Lake) -> None:
    for tenant in ("acme", "globex"):
        await keep(rooms, tenant)
    await exporter.run()
    rooms.documents.delete_documents_of("globex", limit=9)
    assert (await exporter.run(tenant="acme", anew=True)).days_removed == 0
    assert any("globex" in key for key in await lake.fetch(rooms))
    assert (await exporter.run()).days_removed == 1


async def test_several_schemas_are_told_apart(rooms: Rooms, exporter: Exporter, lake: Lake) -> None:
    await keep(rooms, fields=None, schemas={"invoice": {"due_date": None}, "receipt": {"phone": None}})
    await keep(rooms, fields=None)
    await exporter.run()
    await lake.fetch(rooms)
    assert [(row["schema"], row["path"]) for row in lake.rows(DataSet.FIELDS, "SELECT * FROM t ORDER BY path")] == [
        ("invoice", "due_date"),
        ("receipt", "phone"),
    ]


def export(settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    return subprocess.run(
        [sys.executable, "-m", "async_worker", "export", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY_ROOT,
        env=environment | settings,
    )


async def test_the_command_exports_and_says_what_it_did(
    rooms: Rooms, lake: Lake, aws_server: AwsServer, tmp_path: Path
) -> None:
    await keep(rooms)
    settings = {
        "OCR_BULK_DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.sqlite3'}",
        "OCR_OBJECTS_BUCKET": rooms.object_settings.bucket,
        "OCR_STORAGE_ENDPOINT_URL": aws_server.config.url,
        "OCR_STORAGE_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "OCR_STORAGE_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    }
    done = export(settings)
    assert (done.returncode, json.loads(done.stdout)) == (
        0, {"days_written": 1, "days_unchanged": 0, "days_removed": 0, "documents": 1}
    )  # fmt: skip
    await lake.fetch(rooms)
    assert len(lake.rows(DataSet.DOCUMENTS)) == 1
    nowhere = {**settings, "OCR_STORAGE_ENDPOINT_URL": "http://127.0.0.1:9"}
    failed = export(nowhere, "--anew")
    assert failed.returncode == 1
    assert "object storage" in failed.stderr


def test_the_dictionary_tells_every_column() -> None:
    text = (REPOSITORY_ROOT / "docs" / "data-dictionary.md").read_text()
    for data_set, schema in SCHEMAS.items():
        section = text.split(f"\n## `{data_set}`", 1)[1].split("\n## ", 1)[0]
        told = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
        assert [(name.strip(" `"), kind.strip()) for name, kind in told] == [
            (field.name, _kind(field.type)) for field in schema
        ]


def _kind(arrow: Any) -> str:
    """As the dictionary says it."""
    names = {
        "string": "string",
        "int32": "int32",
        "int64": "int64",
        "double": "double",
        "bool": "boolean",
        "timestamp[us, tz=UTC]": "timestamp",
        "list<element: double>": "list of double",
        "list<item: double>": "list of double",
        "list<element: string>": "list of string",
        "list<item: string>": "list of string",
    }
    return names[str(arrow)]
