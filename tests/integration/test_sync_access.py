"""The sync API with keys on: processes of their own over Triton's double, a real database, real keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.job_store import upgrade
from ocr_core.contracts.access import Scope
from ocr_core.contracts.areas import OWN_AREAS
from tests.support.access import add_key, add_tenant, bearer
from tests.support.bulk_documents import pdf_document, png_document
from tests.support.object_store import ObjectStore
from tests.support.sync_house import SyncHouse
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

PAGE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A house that checks keys."""

    house: SyncHouse
    accounts: SqlAccessStore

    def read(self, key: str | None, number: int = 1) -> httpx.Response:
        headers = {} if key is None else bearer(key)
        return self.house.http.post("/v1/ocr?timeout_s=20", content=png_document(number).content, headers=headers)

    def read_object(self, key: str, source: str) -> httpx.Response:
        return self.house.http.post("/v1/ocr?timeout_s=20", json={"source": source}, headers=bearer(key))


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    url = f"sqlite:///{folder / 'jobs.sqlite3'}"
    upgrade(url)
    settings = {
        "OCR_ACCESS_KEYS": "true",
        "OCR_ACCESS_CACHE_S": "0.05",
        "OCR_ACCESS_METRICS_OPEN": "true",
        "OCR_BULK_DATABASE_URL": url,
        "OCR_STORAGE_ENDPOINT_URL": object_store.url,
        "OCR_STORAGE_ACCESS_KEY_ID": "test",
        "OCR_STORAGE_SECRET_ACCESS_KEY": "test",
    }
    with SqlAccessStore(url) as accounts, SyncHouse(folder=folder, page_s=PAGE_S, settings=settings) as house:
        yield Keyed(house=house, accounts=accounts)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_document_is_read_for_whoever_has_a_key(keyed: Keyed) -> None:
    add_tenant(keyed.accounts, "acme")
    assert code(keyed.read(None)) == (401, "unauthenticated")
    assert code(keyed.read(add_key(keyed.accounts, "acme", Scope.BULK))) == (403, "forbidden")
    answer = keyed.read(add_key(keyed.accounts, "acme", Scope.SYNC))
    assert answer.status_code == 200, answer.text
    assert answer.json()["pages"]
    assert keyed.house.http.get("/readyz").json()["checked"][-1] == "API keys"


def test_schemas_are_for_either_api(keyed: Keyed) -> None:
    add_tenant(keyed.accounts, "acme")
    for scope, status in ((Scope.SYNC, 200), (Scope.BULK, 200), (Scope.ADMIN, 403)):
        key = add_key(keyed.accounts, "acme", scope)
        assert keyed.house.http.get("/v1/schemas", headers=bearer(key)).status_code == status


def test_a_tenants_minute_is_used_up_and_told(keyed: Keyed) -> None:
    add_tenant(keyed.accounts, "hasty", requests_per_minute=2)
    keys = [add_key(keyed.accounts, "hasty", Scope.SYNC) for _ in range(2)]  # the quota is the tenant's
    assert [keyed.read(key).status_code for key in keys] == [200, 200]
    refused = keyed.read(keys[0])
    assert code(refused) == (429, "quota_exceeded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    add_tenant(keyed.accounts, "acme")
    assert keyed.read(add_key(keyed.accounts, "acme")).status_code == 200


def test_a_tenant_has_so_many_at_the_same_time(keyed: Keyed) -> None:
    add_tenant(keyed.accounts, "narrow", concurrent_requests=1)
    key = add_key(keyed.accounts, "narrow", Scope.SYNC)
    answers: list[httpx.Response] = []

    def read_long() -> None:
        answers.append(
            httpx.post(
                f"{keyed.house.url}/v1/ocr?timeout_s=30",
                content=pdf_document(5, [Mark.PLAIN] * 6).content,
                headers=bearer(key),
                timeout=60.0,
                trust_env=False,
            )
        )

    running = threading.Thread(target=read_long)
    running.start()
    try:
        wait_until(lambda: keyed.house.metric("ocr_documents_in_flight") > 0, "the first document's admission")
        refused = keyed.read(key)
    finally:
        running.join()
    assert code(refused) == (429, "quota_exceeded")
    assert "concurrent_requests" in refused.json()["detail"]
    assert [answer.status_code for answer in answers] == [200]
    assert keyed.read(key).status_code == 200


def test_a_source_is_read_from_ones_own_prefixes_alone(keyed: Keyed, object_store: ObjectStore) -> None:
    object_store.objects["documents/acme/a.png"] = png_document(1).content
    add_tenant(keyed.accounts, "acme", source_prefixes=("documents/acme",))
    add_tenant(keyed.accounts, "globex", source_prefixes=("documents/globex",))
    ours, theirs = (add_key(keyed.accounts, tenant, Scope.SYNC) for tenant in ("acme", "globex"))
    assert keyed.read_object(ours, "s3://documents/acme/a.png").status_code == 200
    assert code(keyed.read_object(theirs, "s3://documents/acme/a.png")) == (403, "forbidden")
    assert code(keyed.read_object(ours, "s3://documents/acme-2/a.png")) == (403, "forbidden")


@pytest.mark.parametrize("area", OWN_AREAS)
def test_nobody_reads_what_the_house_keeps_of_others(keyed: Keyed, object_store: ObjectStore, area: str) -> None:
    key = f"yomitori/{area}/globex/doc_{'a' * 32}/pages/1"
    object_store.objects[key] = png_document(1).content
    add_tenant(keyed.accounts, "wide", source_prefixes=("yomitori",))
    answer = keyed.read_object(add_key(keyed.accounts, "wide", Scope.SYNC), f"s3://{key}")
    assert code(answer) == (403, "forbidden")
    assert key not in object_store.requested
