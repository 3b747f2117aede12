"""Guarantee 10: a quiet tenant's document, sent beside a flood, takes at most five times as long as when idle."""

from __future__ import annotations

import statistics
import time

import pytest

from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.jobs import NewDocument, NewJob, new_job_id
from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import DOCUMENTS_BUCKET, BulkHouse
from tests.support.waiting import wait_until

TIMES = 5
DETECTION_S = 0.1
"""About what a page costs two cores, one page after another, so that the flood takes the models' time, not ours."""
IDLE_TRIES = 3


def one_document_s(house: BulkHouse, number: int) -> float:
    """How long the quiet tenant waits for a document."""
    document = png_document(number)
    house.put([document])
    started_s = time.monotonic()
    submission = house.submit([document], put=False)
    wait_until(lambda: house.job(submission.job_id)["status"] == "done", "the quiet document", patience_s=120)
    return time.monotonic() - started_s


def flood(house: BulkHouse, count: int) -> str:
    """So many documents of another tenant, queued at once; the job's id."""
    document = png_document(9_000)
    house.put([document])
    source = f"s3://{DOCUMENTS_BUCKET}/{document.reference}"
    job_id = new_job_id()
    with SqlJobStore(house.database_url) as store:
        documents = tuple(NewDocument(source=source, reference=str(n)) for n in range(count))
        store.create_job(NewJob(id=job_id, tenant="flood", documents=documents))
    return job_id


@pytest.mark.parametrize(
    ("count", "tries"),
    [pytest.param(1_000, 3, id="short"), pytest.param(10_000, 15, id="long", marks=pytest.mark.long)],
)
def test_a_quiet_tenant_waits_five_idle_times_at_most(make_house: HouseMaker, count: int, tries: int) -> None:
    house = make_house(detection_s=DETECTION_S, settings={"OCR_BULK_TENANT": "quiet"})
    one_document_s(house, 0)  # the first one warms up
    idle_s = statistics.median(one_document_s(house, number) for number in range(1, 1 + IDLE_TRIES))

    job_id = flood(house, count)
    wait_until(lambda: len(house.rows("SELECT 1 FROM results WHERE job_id = :job", job=job_id)) > 20, "the flood")
    beside_s = [one_document_s(house, number) for number in range(11, 11 + tries)]
    (left,) = house.rows("SELECT queued FROM jobs WHERE id = :job", job=job_id)

    assert left["queued"] > count / 2, "the flood was over before the quiet tenant came"
    ratio = max(beside_s) / idle_s
    print(f"idle {idle_s:.2f} s, beside {count} queued {sorted(beside_s)}: {ratio:.1f} times")  # noqa: T201
    assert ratio <= TIMES
