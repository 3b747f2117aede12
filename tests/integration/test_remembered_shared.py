"""Answers that are remembered in object storage, for tenants whose documents are kept; and a storage that is ill."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, AwsServer
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.job_store import upgrade
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.remembered import forget
from ocr_core.contracts.access import Scope
from tests.support.access import TEST, add_key, add_tenant, bearer
from tests.support.aws import object_settings, storage_settings
from tests.support.bulk_documents import png_document
from tests.support.faults_proxy import FaultProxy, Faults
from tests.support.sync_house import SyncHouse
from tests.support.waiting import wait_until

RESTS_S = 1.2
"""A little longer than a store that failed is left alone."""
_numbers = itertools.count(2_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A sync service; started anew it knows nothing but what lies in object storage."""

    house: SyncHouse
    accounts: SqlAccessStore
    proxy: FaultProxy
    objects: S3ObjectStore
    documents: SqlDocumentStore

    def key(self, tenant: str, **policy: object) -> str:
        add_tenant(self.accounts, tenant, **policy)
        return add_key(self.accounts, tenant, Scope.SYNC)

    def read(self, key: str, content: bytes) -> httpx.Response:
        answer = self.house.http.post("/v1/ocr?timeout_s=20", content=content, headers=bearer(key))
        assert answer.status_code == 200, answer.text
        return answer

    def is_remembered(self, key: str, content: bytes) -> bool:
        return "Age" in self.read(key, content).headers

    def restart(self) -> None:
        self.house.pixels.kill()
        self.house.pixels.start()
        wait_until(self.house._is_ready, "the pixel side")

    async def keys(self, prefix: str = "remembered/") -> list[str]:
        await self.objects.start()
        try:
            return [found.key async for found in self.objects.scan(prefix)]
        finally:
            await self.objects.close()


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory, aws_server: AwsServer) -> Iterator[Replica]:
    folder = tmp_path_factory.mktemp("shared")
    url = f"sqlite:///{folder / 'jobs.sqlite3'}"
    upgrade(url)
    bucket = object_settings()
    with (
        FaultProxy(aws_server.config.url) as proxy,
        SqlAccessStore(url) as accounts,
        SqlDocumentStore(url) as documents,
    ):
        settings = {
            "OCR_ACCESS_KEYS": "true",
            "OCR_ACCESS_METRICS_OPEN": "true",
            "OCR_ACCESS_CACHE_S": "0.05",
            "OCR_BULK_DATABASE_URL": url,
            "OCR_STORAGE_ENDPOINT_URL": proxy.url,
            "OCR_STORAGE_REGION": REGION,
            "OCR_STORAGE_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "OCR_STORAGE_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "OCR_OBJECTS_BUCKET": bucket.bucket,
            "OCR_REMEMBER_ENABLED": "true",
            "OCR_REMEMBER_SHARED": "true",
            # The tests' machine is busy; how long it waits is seen below, with a store that never answers.
            "OCR_REMEMBER_WAIT_S": "2",
        }
        objects = S3ObjectStore(bucket, storage_settings(aws_server))
        asyncio.run(_make_bucket(objects))
        with SyncHouse(folder=folder, page_s=0.01, settings=settings) as house:
            yield Replica(house=house, accounts=accounts, proxy=proxy, objects=objects, documents=documents)


async def _make_bucket(objects: S3ObjectStore) -> None:
    await objects.start()
    await objects.ensure_bucket()
    await objects.close()


def fresh() -> bytes:
    return png_document(next(_numbers)).content


async def test_another_replica_answers_what_this_one_has_read(replica: Replica) -> None:
    key, content = replica.key("kept", retention_days=30), fresh()
    assert not replica.is_remembered(key, content)
    wait_until(lambda: replica.is_remembered(key, content), "the answer to be kept")
    (name,) = await replica.keys("remembered/kept/")
    assert name.split("/")[2] == hashlib.sha256(content).hexdigest()
    replica.restart()
    answer = replica.read(key, content)
    assert answer.json()["from_memory"] is True


async def test_nothing_is_at_rest_of_whom_nothing_is_kept_and_nobody_finds_anothers(replica: Replica) -> None:
    kept, passing, content = replica.key("kept", retention_days=30), replica.key("passing"), fresh()
    wait_until(lambda: replica.is_remembered(kept, content), "the answer to be kept")
    assert not replica.is_remembered(passing, content)
    wait_until(lambda: replica.is_remembered(passing, content), "the answer to be kept")
    assert await replica.keys("remembered/passing/") == []


async def test_nothing_is_at_rest_of_a_document_of_which_nothing_is_to_be_kept(replica: Replica) -> None:
    key, content = replica.key("kept", retention_days=30), fresh()
    for _ in range(2):
        answer = replica.house.http.post("/v1/ocr?timeout_s=20&store=false", content=content, headers=bearer(key))
        assert answer.status_code == 200
        assert "Age" not in answer.headers
    wait_until(lambda: replica.is_remembered(key, content), "the answer that may be kept")
    assert len(await replica.keys(f"remembered/kept/{hashlib.sha256(content).hexdigest()}/")) == 1


async def test_what_is_forgotten_is_read_anew(replica: Replica) -> None:
    key, content, other = replica.key("kept", retention_days=30), fresh(), fresh()
    for each in (content, other):
        wait_until(lambda: replica.is_remembered(key, each), "the answer to be kept")  # noqa: B023 - called at once
    await replica.objects.start()
    assert await forget(replica.objects, "kept", hashlib.sha256(content).hexdigest()) == 1
    await replica.objects.close()
    assert not replica.is_remembered(key, content)
    assert replica.is_remembered(key, other)


async def test_a_damaged_one_is_read_anew(replica: Replica) -> None:
    key, content = replica.key("kept", retention_days=30), fresh()
    wait_until(lambda: replica.is_remembered(key, content), "the answer to be kept")
    (name,) = await replica.keys(f"remembered/kept/{hashlib.sha256(content).hexdigest()}/")
    await replica.objects.start()
    whole = await replica.objects.get(name, max_bytes=1 << 24)
    for damaged in (whole[:-100], b"", whole[:200] + b"?" + whole[201:]):
        await replica.objects.put(name, damaged, content_type="application/octet-stream")
        assert not replica.is_remembered(key, content)
        wait_until(lambda: replica.is_remembered(key, content), "the answer to be kept again")
    await replica.objects.close()


@pytest.mark.parametrize("faults", [Faults(lose_request=1.0), Faults(lose_answer=1.0), Faults(delay_s=30.0)])
def test_a_storage_that_is_ill_costs_a_little_time_and_nothing_else(replica: Replica, faults: Faults) -> None:
    key, content = replica.key("kept", retention_days=30), fresh()
    wait_until(lambda: replica.is_remembered(key, content), "the answer to be kept")
    replica.proxy.faults = faults
    try:
        started_s = time.monotonic()
        assert not replica.is_remembered(key, content)
        asked_s = time.monotonic()
        assert not replica.is_remembered(key, content)  # it is left alone now
        assert asked_s - started_s < 10.0
        assert time.monotonic() - asked_s < 5.0
    finally:
        replica.proxy.faults = Faults()
    time.sleep(RESTS_S)
    wait_until(lambda: replica.is_remembered(key, content), "the storage to be asked again")


def test_an_answer_names_a_stored_document_only_while_it_is_there(replica: Replica) -> None:
    """Also where nobody has told the memory yet: the row alone is marked here."""
    key, content = replica.key("kept", retention_days=30), fresh()
    wait_until(lambda: replica.is_remembered(key, content), "the answer to be kept")
    answer = replica.read(key, content)
    document_id = answer.json()["id"]
    assert answer.headers["Yomitori-Document-Id"] == document_id
    assert answer.json()["stored_until"]
    replica.documents.get("kept", document_id)
    replica.documents.begin_deletion("kept", document_id, by=TEST)
    assert not replica.is_remembered(key, content)
    wait_until(lambda: replica.is_remembered(key, content), "the new document's answer to be kept")
    assert replica.read(key, content).json()["id"] != document_id


def test_an_answer_from_memory_counts_as_one_of_the_tenants_minute(replica: Replica) -> None:
    content = fresh()
    key = replica.key("hasty", retention_days=30)
    wait_until(lambda: replica.is_remembered(key, content), "the answer to be kept")
    replica.key("hasty", retention_days=30, requests_per_minute=1)
    time.sleep(0.1)  # until the policy that was looked up is looked up anew
    assert replica.is_remembered(key, content)
    answer = replica.house.http.post("/v1/ocr", content=content, headers=bearer(key))
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
