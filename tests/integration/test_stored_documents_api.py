"""The routes of stored documents under a real server, over SQLite and a real object store; one house for all tests.

What the store does on both databases is told by test_document_store.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from async_worker.api.bounded_reads import BoundedReads
from async_worker.object_keys import by_source_key, job_upload_key
from async_worker.webhooks.filing import MADE_AT
from local_stack.aws import AwsServer
from ocr_core.adapters.access_store import SqlAccessStore
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.audit import AuditAction
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import NewDocument, NewJob, new_job_id
from ocr_core.contracts.stored_documents import Road, StoredDocument, document_prefix, page_key
from ocr_core.settings import AccessSettings
from tests.support.access import add_key, add_tenant, bearer
from tests.support.aws import object_settings, storage_settings
from tests.support.bulk_api import TENANT, ApiHouse, ServedApi, open_api_house
from tests.support.job_stores import RULES, claim, read, send
from tests.support.json_schema import mismatches
from tests.support.stored_documents import new_document

JPEG, PNG = b"\xff\xd8\xff a page", b"\x89PNG\r\n\x1a\n a page"
QUAD = [[0.0, 0.0], [9.0, 0.0], [9.0, 4.0], [0.0, 4.0]]
EVIDENCE = {"text": "x", "confidence": 0.9, "page": 1, "quad": QUAD}
FIELDS: dict[str, Any] = {
    "issuer_name": {"value": "株式会社サンプル", **EVIDENCE},
    "total_amount": {"value": 385000, "currency": "JPY", **EVIDENCE},
    "due_date": None,
    "bank_accounts": [
        {
            "bank": "みずほ銀行",
            "branch": None,
            "type": "ordinary",
            "number": "1234567",
            "holder": "カ)サンプル",
            **EVIDENCE,
        }
    ],
}


def stored_result(document_id: str) -> dict[str, Any]:
    """As the roads store them."""
    return {
        "id": document_id,
        "request_id": "req_1",
        "document": {"file_name": "a.pdf", "media_type": "application/pdf", "page_count": 2, "sha256": "ab" * 32},
        "document_type": "invoice",
        "pages": [
            {"number": 1, "width_px": 9, "height_px": 9, "dpi": 200, "rotation_deg": 0, "lines": [], "tables": []},
            {"number": 2, "error": {"code": "unreadable_page", "detail": "it is broken"}},
        ],
        "text": "請求書",
        "fields": FIELDS,
        "schemas": None,
        "models": {"text_detection": "1", "text_recognition": "1"},
        "warnings": [],
        "timing_ms": {"open": 1.0, "detect": 1.0, "recognise": 1.0, "structure": 1.0, "total": 5.0},
    }


def keep(house: ApiHouse, tenant: str = TENANT, **changes: Any) -> StoredDocument:
    """A document with its objects: two pages, the second without an image."""
    new = new_document(tenant, **changes)
    house.bucket.put(f"bulk/{new.result_key}", json.dumps(stored_result(new.id)).encode())
    house.bucket.put(f"bulk/{page_key(tenant, new.id, 1)}", JPEG)
    kept = house.documents.keep(new)
    assert kept is not None
    return kept


@pytest.fixture(scope="module")
def api_house(tmp_path_factory: pytest.TempPathFactory, aws_server: AwsServer) -> Iterator[ApiHouse]:
    database = f"sqlite:///{tmp_path_factory.mktemp('stored') / 'jobs.sqlite3'}"
    upgrade(database)
    with SqlJobStore(database, rules=RULES) as store, open_api_house(store, aws_server) as made:
        yield made


@pytest.fixture(scope="module")
def api(api_house: ApiHouse) -> ServedApi:
    return api_house.serve()


@pytest.fixture(scope="module")
def interface(api: ServedApi) -> dict[str, Any]:
    return dict(api.client.get("/openapi.json").json())


class TestReading:
    def test_a_document_is_its_result_and_what_became_of_it(
        self, api_house: ApiHouse, api: ServedApi, interface: dict[str, Any]
    ) -> None:
        kept = keep(api_house, road=Road.BULK, job_id="job_1", reference="r1")
        answer = api.client.get(f"/v1/documents/{kept.id}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "private, no-store"
        told = answer.json()
        result = stored_result(kept.id)
        assert {name: told[name] for name in result} == result
        more = {name: told[name] for name in told.keys() - result.keys()}
        assert more.pop("stored_at") <= more.pop("stored_until")
        nothing_yet = {"page_images": [1], "corrections": [], "corrected": None}
        assert more == {"road": "bulk", "job_id": "job_1", "reference": "r1", **nothing_yet}
        assert mismatches(told, {"$ref": "#/components/schemas/StoredResult"}, interface) == []

    def test_pages_come_as_what_they_are(self, api_house: ApiHouse, api: ServedApi) -> None:
        kept = keep(api_house)
        api_house.bucket.put(f"bulk/{page_key(TENANT, kept.id, 12)}", PNG)
        for number, content, media_type in ((1, JPEG, "image/jpeg"), (12, PNG, "image/png")):
            answer = api.client.get(f"/v1/documents/{kept.id}/pages/{number}")
            assert (answer.status_code, answer.content) == (200, content)
            assert answer.headers["Content-Type"] == media_type
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for number in ("2", "0", "-1", "01", "x", "9999999"):
            assert api.client.get(f"/v1/documents/{kept.id}/pages/{number}").status_code == 404

    def test_a_list_goes_on_by_its_cursor(self, api_house: ApiHouse, api: ServedApi) -> None:
        ids = [keep(api_house, sha256=f"{number:02d}" * 32).id for number in range(5)]
        keep(api_house, "globex")
        shown: list[str] = []
        cursor = None
        while True:
            query = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
            page = api.client.get("/v1/documents", params=query).json()
            shown += [document["id"] for document in page["documents"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert set(ids) <= set(shown)
        assert shown == [document.id for document in api_house.documents.list(TENANT)]
        (found,) = api.client.get("/v1/documents", params={"sha256": "03" * 32}).json()["documents"]
        assert (found["id"], found["road"], found["corrections"]) == (ids[3], "sync", 0)

    @pytest.mark.parametrize(
        "query",
        ["cursor=x", "cursor=ZG9jXzE", "cursor=%00", "limit=0", "limit=501", "limit=a", "sha256=ab", "nonsense=1"],
    )
    def test_a_list_says_which_parameter_is_off(self, api: ServedApi, query: str) -> None:
        answer = api.client.get(f"/v1/documents?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert query.partition("=")[0] in answer.json()["detail"]

    @pytest.mark.parametrize("document_id", ["doc_1", "doc_" + "0a" * 16, "job_" + "0a" * 16, "doc_" + "0A" * 16])
    def test_what_is_not_there_is_not_found(self, api: ServedApi, document_id: str) -> None:
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/pages/1"), ("POST", "/corrections")):
            answer = api.client.request(method, f"/v1/documents/{document_id}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestCorrections:
    def correct(self, api: ServedApi, kept: StoredDocument, *corrections: dict[str, Any], **more: Any) -> Any:
        return api.client.post(f"/v1/documents/{kept.id}/corrections", json={"corrections": corrections, **more})

    def test_the_latest_counts_and_all_are_told(
        self, api_house: ApiHouse, api: ServedApi, interface: dict[str, Any]
    ) -> None:
        kept = keep(api_house)
        first = self.correct(
            api, kept, {"path": "total_amount", "value": 1}, {"path": "bank_accounts.0.number", "value": "7654321"},
            corrected_by="佐藤",
        )  # fmt: skip
        assert first.status_code == 201
        self.correct(api, kept, {"path": "total_amount", "value": "2", "page": 1, "quad": QUAD})
        told = api.client.get(f"/v1/documents/{kept.id}").json()
        made = told["corrections"]
        assert made[:2] == first.json()["corrections"]
        assert [(each["path"], each["type"], each["read"], each["value"]) for each in made] == [
            ("total_amount", "money", {"value": 385000, "currency": "JPY"}, {"value": 1, "currency": "JPY"}),
            ("bank_accounts.0.number", "text", "1234567", "7654321"),
            ("total_amount", "money", {"value": 385000, "currency": "JPY"}, {"value": 2, "currency": "JPY"}),
        ]
        assert [each["corrected_by"] for each in made] == ["佐藤", "佐藤", None]
        assert (made[2]["page"], made[2]["quad"], made[2]["schema"], made[2]["key_id"]) == (1, QUAD, None, None)
        assert told["fields"] == FIELDS
        corrected = told["corrected"]["fields"]
        assert (corrected["total_amount"]["value"], corrected["total_amount"]["corrected"]) == (2, True)
        assert corrected["bank_accounts"][0]["number"] == "7654321"
        assert corrected["issuer_name"] == FIELDS["issuer_name"]
        assert mismatches(told, {"$ref": "#/components/schemas/StoredResult"}, interface) == []
        assert api_house.documents.get(TENANT, kept.id).corrections == 3

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ({}, "corrections"),
            ({"corrections": []}, "corrections"),
            ({"corrections": [{"path": "total_amount"}]}, "value"),
            ({"corrections": [{"path": "phone", "value": "1"}]}, "corrections[0].path"),
            ({"corrections": [{"path": "due_date", "value": "soon"}]}, "corrections[0].value"),
            ({"corrections": [{"path": "due_date", "value": None, "why": 1}]}, "why"),
            ({"corrections": [{"path": "due_date", "value": None, "quad": [[0, 0]]}]}, "quad"),
            ({"corrections": [{"path": "due_date", "value": None}], "corrected_by": ""}, "corrected_by"),
            ({"corrections": [{"path": "due_date", "value": None}], "corrected_by": "a\0"}, "corrected_by"),
        ],
    )
    def test_all_or_none_are_taken(self, api_house: ApiHouse, api: ServedApi, body: Any, named: str) -> None:
        kept = keep(api_house)
        good = {"path": "total_amount", "value": 1}
        if body.get("corrections"):
            body = {**body, "corrections": [*body["corrections"], good]}
        answer = api.client.post(f"/v1/documents/{kept.id}/corrections", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert named in answer.json()["detail"]
        assert api_house.documents.corrections([kept.id]) == ()

    def test_the_example_has_the_form_that_is_taken(
        self, api_house: ApiHouse, api: ServedApi, interface: dict[str, Any]
    ) -> None:
        body = interface["paths"]["/v1/documents/{document_id}/corrections"]["post"]["requestBody"]["content"]
        example = body["application/json"]["example"]
        assert mismatches(example, body["application/json"]["schema"], interface) == []
        assert self.correct(api, keep(api_house), *example["corrections"], corrected_by="m").status_code == 201

    def test_who_did_it_is_the_keys_owner(self, api_house: ApiHouse) -> None:
        add_tenant(api_house.accounts, TENANT, retention_days=7)
        key = add_key(api_house.accounts, TENANT)
        api = api_house.serve(access=AccessSettings().model_copy(update={"keys": True}))
        kept = keep(api_house)
        body = {"corrections": [{"path": "due_date", "value": "2026-11-30"}]}
        answer = api.client.post(f"/v1/documents/{kept.id}/corrections", json=body, headers=bearer(key))
        assert answer.json()["corrections"][0]["key_id"] == key.split("_")[1]


class TestMemory:
    async def test_what_is_read_is_counted_by_its_own_size_and_nobody_waits_for_ever(
        self, api_house: ApiHouse, aws_server: AwsServer
    ) -> None:
        kept = keep(api_house)  # by its row, of five gigabytes with its images
        size_bytes = len(json.dumps(stored_result(kept.id)))
        async with AsyncExitStack() as stack:
            bucket = object_settings(prefix="bulk/").model_copy(update={"bucket": api_house.bucket.name})
            objects = S3ObjectStore(bucket, storage_settings(aws_server))
            await objects.start()
            stack.push_async_callback(objects.close)
            reads = BoundedReads(objects, max_bytes=3 * size_bytes + len(JPEG), patience_s=0.2)
            async with (
                reads.read(kept.result_key, max_bytes=1 << 20, copies=3) as result,
                reads.read(page_key(TENANT, kept.id, 1), max_bytes=1 << 20) as image,
            ):
                assert (len(result), image) == (size_bytes, JPEG)
                with pytest.raises(NotReady):
                    async with reads.read(page_key(TENANT, kept.id, 1), max_bytes=1 << 20):
                        pass
            async with reads.read(page_key(TENANT, kept.id, 1), max_bytes=1 << 20) as image:
                assert image == JPEG


class TestDeletion:
    def test_it_is_gone_from_storage_and_database_and_the_audit_says_so(
        self, api_house: ApiHouse, api: ServedApi
    ) -> None:
        kept, other = keep(api_house), keep(api_house)
        path = f"/v1/documents/{kept.id}"
        api.client.post(f"{path}/corrections", json={"corrections": [{"path": "due_date", "value": "2026-11-30"}]})
        assert api.client.delete(path).status_code == 204
        assert api_house.bucket.keys(f"bulk/{document_prefix(TENANT, kept.id)}") == []
        assert len(api_house.bucket.keys(f"bulk/{document_prefix(TENANT, other.id)}")) == 2
        for deeper in ("", "/pages/1"):
            assert api.client.get(path + deeper).status_code == 404
        assert api.client.post(f"{path}/corrections", json={}).status_code == 404
        assert api_house.documents.corrections([kept.id]) == ()
        # Again, as somebody does whose first answer was lost.
        assert api.client.delete(path).status_code == 204
        with SqlAccessStore(api_house.database_url) as accounts:
            (line,) = [line for line in accounts.audit(tenant=TENANT) if line.details == {"document_id": kept.id}]
        assert (line.action, line.actor.through) == (AuditAction.DOCUMENT_DELETED, "api")

    @pytest.mark.parametrize("its_time_was_over", [False, True])
    def test_what_its_job_has_of_it_goes_too(
        self, api_house: ApiHouse, api: ServedApi, its_time_was_over: bool
    ) -> None:
        job_id = new_job_id()
        bucket, key = api_house.bucket, by_source_key(TENANT, "inbox", "a.pdf")
        upload = job_upload_key(TENANT, job_id, 0)
        line = f"s3://{bucket.name}/bulk/{key}"
        documents = (
            NewDocument(source=f"s3://{bucket.name}/bulk/{upload}", reference="mine", file_name="secret.pdf"),
            NewDocument(source="s3://inbox/b.pdf", reference="other"),
        )
        job = api_house.store.create_job(NewJob(id=job_id, tenant=TENANT, documents=documents, webhook_url=line)).job
        for message in send(api_house.store):
            read(api_house.store, claim(api_house.store, message))
        leases = [claim(api_house.store, message) for message in send(api_house.store)]
        for lease in leases:
            result = f"results/{TENANT}/{job_id}/{lease.document_id}/{lease.token}"
            for extension in ("json", "md"):
                bucket.put(f"bulk/{result}.{extension}", b'{"text": "secret"}')
            assert api_house.store.finish_document(lease.token, result_key=f"{result}.json")
        bucket.put(f"bulk/{upload}", b"secret")
        bucket.put_noted(f"bulk/{key}", b"secret", {MADE_AT: job.created_at.isoformat(timespec="microseconds")})
        (mine,) = [lease for lease in leases if lease.reference == "mine"]
        (other,) = [lease for lease in leases if lease.reference == "other"]
        keep(api_house, document_id=mine.document_id, road=Road.BULK, job_id=job_id)
        if its_time_was_over:
            api_house.documents.expire(TENANT, keep_s=0, limit=500)
            for each in api_house.documents.deletions(limit=500):
                api_house.documents.end_deletion(each.id)
        assert api.client.delete(f"/v1/documents/{mine.document_id}").status_code == 204
        assert bucket.keys("bulk/uploads/") == []
        assert bucket.keys(f"bulk/{document_prefix(TENANT, mine.document_id)}") == []
        assert {key.split("/")[4] for key in bucket.keys(f"bulk/results/{TENANT}/{job_id}/")} == {other.document_id}
        assert bucket.keys(f"bulk/{key}") == []
        lines = {
            told["reference"]: told
            for told in map(json.loads, api.client.get(f"/v1/jobs/{job_id}/results").iter_lines())
        }
        assert lines["mine"]["error"]["code"] == "not_found"
        assert lines["mine"]["file_name"] is None
        assert lines["other"]["result"] == {"text": "secret"}

    def test_a_newer_jobs_line_of_the_same_source_stays(self, api_house: ApiHouse, api: ServedApi) -> None:
        job_id, key = new_job_id(), by_source_key(TENANT, "inbox", "a.pdf")
        line = f"s3://{api_house.bucket.name}/bulk/{key}"
        documents = (NewDocument(source="s3://inbox/a.pdf"),)
        api_house.store.create_job(NewJob(id=job_id, tenant=TENANT, documents=documents, webhook_url=line))
        (message,) = send(api_house.store)
        lease = claim(api_house.store, message)
        api_house.bucket.put_noted(f"bulk/{key}", b"newer", {MADE_AT: "2099-01-01T00:00:00.000000+00:00"})
        keep(api_house, document_id=lease.document_id, road=Road.BULK, job_id=job_id)
        assert api.client.delete(f"/v1/documents/{lease.document_id}").status_code == 204
        assert api_house.bucket.keys(f"bulk/{key}") == [f"bulk/{key}"]

    def test_without_object_storage_it_is_unreadable_at_once_and_gone_later(
        self, api_house: ApiHouse, api: ServedApi
    ) -> None:
        """The dispatcher's part: test_document_retention.py."""
        kept = keep(api_house)
        cut_off = api_house.serve_without_objects()
        answer = cut_off.client.delete(f"/v1/documents/{kept.id}")
        assert (answer.status_code, answer.json()) == (202, {"id": kept.id, "status": "deleting"})
        assert api.client.get(f"/v1/documents/{kept.id}").status_code == 404
        assert [each.id for each in api_house.documents.deletions(limit=9)] == [kept.id]
        # Who asks again has it done.
        assert api.client.delete(f"/v1/documents/{kept.id}").status_code == 204
        assert api_house.documents.deletions(limit=9) == ()
