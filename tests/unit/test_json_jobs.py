"""``async_worker.api.json_jobs``: what is refused before it is taken apart, and which requests are the same."""

from __future__ import annotations

import json

import pytest

from async_worker.api import json_jobs
from async_worker.api.json_jobs import JsonJobs
from async_worker.job_sources import JobSources
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.access import Caller, Scope, TenantPolicy
from ocr_core.contracts.errors import DocumentTooLarge, InvalidRequest
from ocr_core.settings import ObjectStoreSettings, StorageSettings

MOST = 50
ACME = Caller(
    tenant="acme", key_id=None, scopes=frozenset({Scope.BULK}), policy=TenantPolicy(source_prefixes=("inbox",))
)


@pytest.fixture
def jobs() -> JsonJobs:
    objects = S3ObjectStore(ObjectStoreSettings(), StorageSettings())
    return JsonJobs(sources=JobSources(objects), max_documents=MOST)


def body(documents: object, **options: object) -> bytes:
    return json.dumps({"documents": documents, **options}).encode()


@pytest.mark.parametrize(
    "values", [["{}"] * 5_000, ["[]"] * 5_000, ["0"] * 5_000, ['""'] * 5_000, ['{"a":[[1,1]]}'] * 999]
)
def test_values_beyond_number_are_refused_before_they_are_made(
    jobs: JsonJobs, monkeypatch: pytest.MonkeyPatch, values: list[str]
) -> None:
    made: list[bytes] = []
    monkeypatch.setattr(json_jobs, "from_json", lambda untrusted, **_: made.append(untrusted))
    with pytest.raises(DocumentTooLarge, match=f"more than {MOST} documents .max_documents."):
        jobs.parse(f'{{"documents":[{",".join(values)}]}}'.encode(), caller=ACME)
    assert made == []


@pytest.mark.parametrize("text", ["{" * 500, ",[" * 250, '\\"' * 200, "a\\" * 200])
def test_what_stands_in_a_text_is_no_value(jobs: JsonJobs, text: str) -> None:
    document = {"source": "s3://inbox/a.pdf", "reference": text, "file_name": "a,b.pdf"}
    received = jobs.parse(body([document] * MOST), caller=ACME)
    assert len(received.documents) == MOST


def test_one_document_too_many_is_refused(jobs: JsonJobs) -> None:
    with pytest.raises(DocumentTooLarge, match="max_documents"):
        jobs.parse(body([{"source": "s3://inbox/a.pdf"}] * (MOST + 1)), caller=ACME)


@pytest.mark.parametrize("damaged", [b'{"documents":["' + b'\\"' * 100_000, b'"' + b"a" * 9_999, b"\xff" * 99])
def test_what_is_no_json_is_no_request(jobs: JsonJobs, damaged: bytes) -> None:
    with pytest.raises(InvalidRequest):
        jobs.parse(damaged, caller=ACME)


def test_an_option_that_is_left_out_is_the_same_as_its_default(jobs: JsonJobs) -> None:
    documents = [{"source": "s3://inbox/a.pdf"}]
    digests = {
        jobs.parse(body(documents, **options), caller=ACME).digest
        for options in ({}, {"priority": "normal"}, {"schema": "auto", "formats": []})
    }
    assert len(digests) == 1
    assert jobs.parse(body(documents, priority="low"), caller=ACME).digest not in digests


def test_an_option_of_a_later_release_leaves_the_digest_of_who_does_not_use_it(
    jobs: JsonJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LaterOptions(json_jobs.JobOptions):
        later: int = 7

    documents = [{"source": "s3://inbox/a.pdf"}]
    before = jobs.parse(body(documents, priority="low"), caller=ACME).digest
    monkeypatch.setattr(json_jobs, "JobOptions", LaterOptions)
    assert jobs.parse(body(documents, priority="low"), caller=ACME).digest == before
    assert jobs.parse(body(documents, priority="low", later=8), caller=ACME).digest != before
