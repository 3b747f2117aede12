"""Guarantee 8: told to end, a worker takes nothing more, finishes or gives back, and is gone by its deadline."""

from __future__ import annotations

import time
from collections.abc import Container
from typing import Any

import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse, Submission
from tests.support.bulk_ledger import check_books
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

GRACE_S = 4
LONG_S = 60
APART = {"api": ("api",), "hub": ("dispatcher",), "read-1": ("read",), "structure-1": ("structure",)}
TWO_READERS = {"rest": ("api", "dispatcher", "structure"), "read-1": ("read",), "read-2": ("read",)}


def slow_work_of(house: BulkHouse, number: int) -> tuple[Submission, str]:
    """A job whose document is being worked on, and by which process."""
    submission = house.submit([png_document(number, Mark.SLOW)])
    wait_until(lambda: bool(begun(house, {number})), "the first attempt")
    pid = begun(house, {number})[0]["pid"]
    (name,) = (name for name, process in house.running.items() if process.pid == pid)
    return submission, name


def test_work_that_ends_in_time_is_finished_before_the_end(make_house: HouseMaker) -> None:
    house = make_house(slow_s=1.0, processes=APART, settings={"OCR_BULK_SHUTDOWN_GRACE_S": str(GRACE_S)})
    submission, name = slow_work_of(house, 1)
    assert house.running[name].terminate() == 0
    house.wait_done(submission.job_id, supervised=False)
    check_books(house, [submission])
    assert house.double.pages_begun()[1] == 1
    for other in ("api", "hub", "structure-1"):
        assert house.running[other].terminate() == 0, other
        assert house.running[other].leftovers() == []


@pytest.mark.parametrize(
    "patience_s",
    [
        pytest.param(8, id="short"),  # beside other tests, on a machine that is busy
        pytest.param(2, id="long", marks=pytest.mark.long),  # the guarantee
    ],
)
def test_work_that_does_not_is_begun_elsewhere_at_once(make_house: HouseMaker, patience_s: float) -> None:
    """By a lease, or a message sent again, it would take a minute."""
    settings = {
        "OCR_BULK_SHUTDOWN_GRACE_S": str(GRACE_S),
        "OCR_BULK_LEASE_S": str(LONG_S),
        "OCR_BULK_RESEND_FIRST_S": str(LONG_S),
        "OCR_BULK_RESEND_MAX_S": str(LONG_S),
    }
    house = make_house(slow_s=8.0, processes=TWO_READERS, settings=settings)
    submission, name = slow_work_of(house, 1)
    process, token = house.running[name], lease_of(house, submission)
    further = [png_document(number) for number in range(2, 22)]
    house.put(further)

    asked_s = time.monotonic()
    process.ask_to_end()
    wait_until(lambda: "bulk.stopping" in process.log.read_text(encoding="utf-8"), "the worker's word")
    later = house.submit(further, put=False)
    wait_until(lambda: lease_of(house, submission) != token, "the release")
    released_s = time.time()  # the journal's clock
    assert process.wait_end(patience_s=30) == 0
    assert time.monotonic() - asked_s < GRACE_S + 3, "the deadline, and what a busy machine adds"
    assert process.leftovers() == []

    wait_until(lambda: house.double.pages_begun()[1] == 2, "the work elsewhere")
    first, second = begun(house, {1})
    assert second["pid"] != first["pid"] == process.pid
    assert second["at_s"] - released_s < patience_s
    house.wait_done(submission.job_id, supervised=False)
    house.wait_done(later.job_id, supervised=False)
    check_books(house, [submission, later])
    assert process.pid not in {entry["pid"] for entry in begun(house, range(2, 22))}, "it has taken something new"


def lease_of(house: BulkHouse, submission: Submission) -> str | None:
    """Of the job's one piece of work."""
    (task,) = house.tasks(submission.job_id)
    token: str | None = task["lease_token"]
    return token


def begun(house: BulkHouse, numbers: Container[int]) -> list[dict[str, Any]]:
    """When and by whom the models were asked for those documents' pages."""
    return [entry for entry in house.double.journal() if entry["event"] == "begin" and entry["page"] in numbers]
