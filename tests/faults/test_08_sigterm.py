"""Guarantee 8: told to end, a worker takes nothing more, finishes or gives back, and is gone by its deadline."""

from __future__ import annotations

import time

import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse, Submission
from tests.support.bulk_ledger import check_books
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

GRACE_S = 4
LONG_S = 60
PROCESSES = {
    "api": ("api",),
    "hub": ("dispatcher",),
    "read-1": ("read",),
    "read-2": ("read",),
    "structure-1": ("structure",),
}


def slow_work_of(house: BulkHouse, number: int) -> tuple[Submission, str]:
    """A job whose document is being worked on, and by which process."""
    submission = house.submit([png_document(number, Mark.SLOW)])
    pids: list[int] = []

    def begun() -> bool:
        pids[:] = [
            entry["pid"] for entry in house.double.journal() if entry["page"] == number and entry["event"] == "begin"
        ]
        return bool(pids)

    wait_until(begun, "the first attempt")
    (name,) = (name for name, process in house.running.items() if process.pid == pids[0])
    return submission, name


def test_work_that_ends_in_time_is_finished_before_the_end(make_house: HouseMaker) -> None:
    house = make_house(slow_s=1.0, processes=PROCESSES, settings={"OCR_BULK_SHUTDOWN_GRACE_S": str(GRACE_S)})
    submission, name = slow_work_of(house, 1)
    assert house.running[name].terminate() == 0
    house.wait_done(submission.job_id, supervised=False)
    check_books(house, [submission])
    assert house.double.pages_begun()[1] == 1
    for other in ("api", "hub", "structure-1"):
        assert house.running[other].terminate() == 0, other
        assert house.running[other].leftovers() == []


@pytest.mark.parametrize(
    "patience_s", [pytest.param(5, id="short"), pytest.param(2, id="long", marks=pytest.mark.long)]
)
def test_work_that_does_not_is_begun_elsewhere_at_once(make_house: HouseMaker, patience_s: float) -> None:
    """By a lease, or a message sent again, it would take a minute."""
    settings = {
        "OCR_BULK_SHUTDOWN_GRACE_S": str(GRACE_S),
        "OCR_BULK_LEASE_S": str(LONG_S),
        "OCR_BULK_RESEND_FIRST_S": str(LONG_S),
        "OCR_BULK_RESEND_MAX_S": str(LONG_S),
    }
    house = make_house(slow_s=8.0, processes=PROCESSES, settings=settings)
    submission, name = slow_work_of(house, 1)
    process = house.running[name]

    asked_s = time.monotonic()
    process.ask_to_end()
    assert process.wait_end(patience_s=30) == 0
    ended_s = time.monotonic()
    assert ended_s - asked_s < GRACE_S + 3, "the deadline, and what a busy machine adds"
    assert process.leftovers() == []

    # The work may have been given back, and taken up, before the process had ended.
    wait_until(lambda: house.double.pages_begun()[1] == 2, "the work elsewhere", patience_s=patience_s)
    house.wait_done(submission.job_id, supervised=False)
    check_books(house, [submission])
    (document,) = house.rows("SELECT * FROM documents WHERE job_id = :job", job=submission.job_id)
    assert document["status"] == "done"
