"""Guarantee 3: one stored result a document, first write wins, though every message comes up to three times."""

from __future__ import annotations

import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import pdf_document, png_document
from tests.support.bulk_house import BulkHouse
from tests.support.bulk_ledger import agree, check_books
from tests.support.faults_proxy import Faults
from tests.support.triton_double import Mark


@pytest.mark.parametrize(
    "count",
    [pytest.param(24, id="short"), pytest.param(400, id="long", marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_messages_that_come_three_times_make_one_result(house: BulkHouse, count: int) -> None:
    check_one_result(house, count)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault_database", ["postgresql"], indirect=True)
def test_the_same_over_postgresql(make_house: HouseMaker, fault_database: str) -> None:
    check_one_result(make_house(database_url=fault_database, settings={"OCR_BULK_RANGE_PAGES": "5"}), 400)


def check_one_result(house: BulkHouse, count: int) -> None:
    """Read so many documents twice, every message three times; everything agrees."""
    house.break_network(Faults(copies=3, lose_deletes=0.3))
    before = house.queue_proxy.counts["repeated sends"]
    documents = [*(png_document(n) for n in range(count)), pdf_document(count, [Mark.PLAIN] * 12)]
    first = house.submit(documents)
    house.wait_done(first.job_id, patience_s=600)
    again = house.submit(documents, put=False)
    house.wait_done(again.job_id, patience_s=600)

    assert house.queue_proxy.counts["repeated sends"] - before >= 2 * count / 10
    books = check_books(house, [first, again])
    assert books.done == 2 * len(documents)
    one, other = (
        {line["reference"]: line["result"] for line in house.result_lines(job.job_id)} for job in (first, again)
    )
    for reference, result in one.items():
        agree(result, other[reference])
