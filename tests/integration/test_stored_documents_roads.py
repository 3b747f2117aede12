"""Documents are kept by both roads: the sync service as processes over Triton's double, the bulk stages in the test."""

from __future__ import annotations

import io
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, AwsServer
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.contracts.audit import Actor
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.stored_documents import NewStoredDocument, Road, StoredDocument
from ocr_core.settings import BulkSettings
from tests.support.bulk_api import ApiHouse, ServedApi, open_api_house
from tests.support.job_stores import RULES
from tests.support.stage_house import FAST, StageHouse, pages_pdf, stage_house
from tests.support.sync_house import SyncHouse

TWO_PAGES = pages_pdf(["one 111", "two 222"])
RETENTION_DAYS = 7.0


def settings_of(house: ApiHouse, server: AwsServer, **more: str) -> dict[str, str]:
    """The sync service beside a bulk API: the same database, bucket and tenant."""
    return {
        "OCR_BULK_DATABASE_URL": house.database_url,
        "OCR_BULK_TENANT": "acme",
        "OCR_STORAGE_ENDPOINT_URL": server.config.url,
        "OCR_STORAGE_REGION": REGION,
        "OCR_STORAGE_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "OCR_STORAGE_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "OCR_OBJECTS_BUCKET": house.bucket.name,
        "OCR_OBJECTS_PREFIX": "bulk/",
        "OCR_DOCUMENTS_RETENTION_DAYS": str(RETENTION_DAYS),
        **more,
    }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, aws_server: AwsServer) -> Iterator[ApiHouse]:
    database = f"sqlite:///{tmp_path_factory.mktemp('kept') / 'jobs.sqlite3'}"
    upgrade(database)
    with SqlJobStore(database, rules=RULES) as store, open_api_house(store, aws_server) as made:
        yield made


@pytest.fixture(scope="module")
def bulk(house: ApiHouse) -> ServedApi:
    return house.serve(BulkSettings(), retention_days=RETENTION_DAYS)


@pytest.fixture(scope="module")
def sync(
    tmp_path_factory: pytest.TempPathFactory, house: ApiHouse, bulk: ServedApi, aws_server: AwsServer
) -> Iterator[SyncHouse]:
    del bulk  # it has made the bucket
    folder = tmp_path_factory.mktemp("sync")
    with SyncHouse(folder=folder, page_s=0.01, settings=settings_of(house, aws_server)) as opened:
        yield opened


def read(sync: SyncHouse, **query: Any) -> httpx.Response:
    answer = sync.http.post("/v1/ocr", params={"timeout_s": 30, **query}, files={"file": ("請求書.pdf", TWO_PAGES)})
    assert answer.status_code == 200, answer.text
    return answer


class TestTheSyncRoad:
    def test_an_answer_that_names_a_document_is_about_one_that_is_there(
        self, sync: SyncHouse, bulk: ServedApi, house: ApiHouse
    ) -> None:
        answer = read(sync)
        told = answer.json()
        assert answer.headers["Yomitori-Document-Id"] == told["id"]
        assert told["timing_ms"]["keep"] >= 0
        stored = bulk.client.get(f"/v1/documents/{told['id']}").json()
        for name in ("id", "document", "pages", "text", "fields", "models", "warnings"):
            assert stored[name] == told[name]
        assert stored["stored_until"] == told["stored_until"]
        assert (stored["road"], stored["job_id"], stored["page_images"]) == ("sync", None, [1, 2])
        for page in told["pages"]:
            image = bulk.client.get(f"/v1/documents/{told['id']}/pages/{page['number']}")
            with Image.open(io.BytesIO(image.content)) as opened:
                assert opened.size == (page["width_px"], page["height_px"])
                assert opened.get_format_mimetype() == image.headers["Content-Type"]
        row = house.documents.get("acme", told["id"])
        sizes = [len(house.bucket.get(key)) for key in house.bucket.keys(f"bulk/documents/acme/{told['id']}/")]
        assert (row.size_bytes, row.file_name, row.schemas) == (sum(sizes), "請求書.pdf", ("auto",))

    @pytest.mark.parametrize("output_format", ["text", "pdf"])
    def test_every_format_is_kept_with_its_json(self, sync: SyncHouse, bulk: ServedApi, output_format: str) -> None:
        answer = read(sync, format=output_format)
        stored = bulk.client.get(f"/v1/documents/{answer.headers['Yomitori-Document-Id']}").json()
        assert stored["text"]
        if output_format == "text":
            assert stored["text"].split() == answer.text.split()
        assert stored["page_images"] == [1, 2]

    def test_with_page_images_too(self, sync: SyncHouse, bulk: ServedApi) -> None:
        told = read(sync, page_images="true").json()
        assert [page["image"]["media_type"] for page in told["pages"]]
        stored = bulk.client.get(f"/v1/documents/{told['id']}").json()
        assert stored["page_images"] == [1, 2]
        assert "image" not in stored["pages"][0]

    def test_who_does_not_want_it_has_nothing_kept(self, sync: SyncHouse, bulk: ServedApi, house: ApiHouse) -> None:
        before = house.bucket.keys("bulk/documents/")
        answer = read(sync, store="false")
        assert "Yomitori-Document-Id" not in answer.headers
        assert "stored_until" not in answer.json()
        assert house.bucket.keys("bulk/documents/") == before
        assert bulk.client.get(f"/v1/documents/{answer.json()['id']}").status_code == 404

    def test_a_document_that_cannot_be_read_leaves_nothing(self, sync: SyncHouse, house: ApiHouse) -> None:
        before = house.bucket.keys("bulk/documents/")
        answer = sync.http.post("/v1/ocr", content=b"no document", headers={"Content-Type": "application/pdf"})
        assert answer.status_code == 415
        assert house.bucket.keys("bulk/documents/") == before

    def test_without_the_stores_the_answer_comes_all_the_same(
        self, tmp_path: Path, house: ApiHouse, aws_server: AwsServer
    ) -> None:
        with socket.socket() as silent:  # takes connections and says nothing
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            dead = f"http://127.0.0.1:{silent.getsockname()[1]}"
            changed = {"OCR_STORAGE_ENDPOINT_URL": dead, "OCR_DOCUMENTS_KEEP_TIMEOUT_S": "0.3"}
            with SyncHouse(folder=tmp_path, page_s=0.01, settings=settings_of(house, aws_server, **changed)) as cut_off:
                for _ in range(2):
                    answer = read(cut_off)
                    told = answer.json()
                    assert "document_not_kept" in [warning["code"] for warning in told["warnings"]]
                    assert "document_not_kept" in answer.headers["Yomitori-Warnings"]
                    assert "stored_until" not in told
                    assert "Yomitori-Document-Id" not in answer.headers
                metrics = cut_off.http.get("/metrics").text
                assert 'ocr_documents_kept_total{outcome="failed"} 2.0' in metrics

    def test_without_retention_nothing_is_kept(self, tmp_path: Path, house: ApiHouse, aws_server: AwsServer) -> None:
        before = house.bucket.keys("bulk/")
        off = settings_of(house, aws_server, OCR_DOCUMENTS_RETENTION_DAYS="0")
        with SyncHouse(folder=tmp_path, page_s=0.01, settings=off) as plain:
            told = read(plain).json()
        assert "stored_until" not in told
        assert "keep" not in told["timing_ms"]
        assert house.bucket.keys("bulk/") == before


class TestTheBulkRoad:
    @pytest.fixture
    async def stages(self, aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[StageHouse]:
        async with stage_house(aws_server, tmp_path, settings=FAST) as opened:
            opened.retention_days = RETENTION_DAYS
            yield opened

    async def test_a_document_is_kept_with_its_pages_in_ranges_too(self, stages: StageHouse) -> None:
        job = await stages.submit(TWO_PAGES, formats=(OutputFormat.TEXT, OutputFormat.PDF))
        async with stages.working(stages.reader(range_pages=1), stages.structurer()):
            (row,) = await stages.ended(job)
        result = await stages.result(row)
        (kept,) = stages.stored.list("acme")
        assert (kept.id, kept.road, kept.job_id, kept.reference) == (row.document_id, Road.BULK, job.id, "r0")
        assert list(result)[-2:] == ["stored_until", "links"]
        prefix = f"documents/acme/{kept.id}/"
        assert set(await stages.keys(prefix)) == {kept.result_key, f"{prefix}pages/1", f"{prefix}pages/2"}
        sizes = [item.size_bytes async for item in stages.objects.scan(prefix)]
        assert kept.size_bytes == sum(sizes)
        page = await stages.objects.get(f"{prefix}pages/1", max_bytes=1 << 24)
        with Image.open(io.BytesIO(page)) as opened:
            assert opened.size == (result["pages"][0]["width_px"], result["pages"][0]["height_px"])

    async def test_without_retention_nothing_is_kept(self, stages: StageHouse) -> None:
        stages.retention_days = 0.0
        job = await stages.submit(TWO_PAGES)
        async with stages.working(stages.reader(), stages.structurer()):
            (row,) = await stages.ended(job)
        assert "stored_until" not in await stages.result(row)
        assert stages.stored.tenants() == ()
        assert await stages.keys("documents/") == []

    @pytest.mark.parametrize("when", ["before_its_row", "after_its_row"])
    async def test_a_document_that_is_deleted_meanwhile_does_not_come_back(
        self, stages: StageHouse, monkeypatch: pytest.MonkeyPatch, when: str
    ) -> None:
        keep, finish = stages.stored.keep, stages.store.finish_document
        kept: list[NewStoredDocument] = []

        def delete(new: NewStoredDocument) -> None:
            stages.stored.begin_deletion(new.tenant, new.id, by=Actor(key_id=None, through="api"))

        def keeping(new: NewStoredDocument) -> StoredDocument | None:
            kept.append(new)
            if when == "before_its_row":  # by an earlier attempt it was there already
                keep(new)
                delete(new)
            return keep(new)

        def finishing(token: str, *, result_key: str) -> bool:
            delete(kept[0])
            return finish(token, result_key=result_key)

        monkeypatch.setattr(stages.stored, "keep", keeping)
        if when == "after_its_row":
            monkeypatch.setattr(stages.store, "finish_document", finishing)
        job = await stages.submit(TWO_PAGES, formats=(OutputFormat.TEXT, OutputFormat.PDF))
        async with stages.working(stages.reader(), stages.structurer()):
            (row,) = await stages.ended(job)
        assert await stages.keys("results/") == []
        assert await stages.keys("documents/") == []
        assert row.error_code == ("not_found" if when == "before_its_row" else None)
