"""Guarantee 7: of a batch of messages only those come again whose work failed."""

from __future__ import annotations

from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse
from tests.support.bulk_ledger import check_books
from tests.support.faults_proxy import Faults
from tests.support.triton_double import Mark

FIRST = 700


def test_only_failures_are_worked_on_again(house: BulkHouse) -> None:
    flaky = {FIRST + 2, FIRST + 5, FIRST + 11}
    documents = [
        png_document(number, Mark.FLAKY if number in flaky else Mark.PLAIN) for number in range(FIRST, FIRST + 20)
    ]
    # Messages that were done and come nevertheless must not be worked on either.
    house.break_network(Faults(lose_deletes=0.5))
    submission = house.submit(documents)
    house.wait_done(submission.job_id)

    check_books(house, [submission])
    begun = house.double.pages_begun()
    assert {number: begun[number] for number in range(FIRST, FIRST + 20)} == {
        number: 2 if number in flaky else 1 for number in range(FIRST, FIRST + 20)
    }
