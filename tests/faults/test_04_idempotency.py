"""Guarantee 4: parallel POSTs with one key make one job; another body is refused. (For crashes see guarantee 2.)"""

from __future__ import annotations

from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse
from tests.support.bulk_ledger import check_books
from tests.support.job_stores import together

PARALLEL = 32


def test_parallel_posts_with_one_key_make_one_job(house: BulkHouse) -> None:
    documents = [png_document(n) for n in range(5)]
    house.put(documents)
    (before,) = house.rows("SELECT COUNT(*) AS n FROM jobs")

    answers = together(
        PARALLEL, lambda _: house.retried(lambda: house.post(documents, key="at-once", schema="none"), until={202})
    )
    ids = {answer.json()["id"] for answer in answers}
    (after,) = house.rows("SELECT COUNT(*) AS n FROM jobs")
    assert (len(ids), after["n"] - before["n"]) == (1, 1)

    other = house.post(documents[:4], key="at-once", schema="none")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    submission = house.submit(documents, key="at-once", put=False, schema="none")
    assert {submission.job_id} == ids
    house.wait_done(submission.job_id)
    check_books(house, [submission])
