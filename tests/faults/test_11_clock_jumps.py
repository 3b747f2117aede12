"""Guarantee 11: the clock jumps an hour, both ways, under all processes; nothing is lost and nothing done twice."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_ledger import check_books
from tests.support.jumping_roles import CLOCK_VARIABLE, set_clock
from tests.support.triton_double import Mark

HOUR_S = 3_600.0


@pytest.mark.parametrize("rounds", [pytest.param(4, id="short"), pytest.param(30, id="long", marks=[pytest.mark.long])])
def test_work_goes_on_while_the_clock_jumps(make_house: HouseMaker, dice: random.Random, tmp_path, rounds: int) -> None:
    file = tmp_path / "clock"
    set_clock(file, 0)
    house = make_house(entry="tests.support.jumping_roles", settings={CLOCK_VARIABLE: str(file)}, slow_s=1.5)
    submissions = []
    started_s = time.monotonic()
    for number in range(rounds):
        first = number * 10
        documents = [png_document(first + n, Mark.SLOW if n == 0 else Mark.PLAIN) for n in range(10)]
        submissions.append(house.submit(documents))
        time.sleep(dice.uniform(0.1, 1.0))
        set_clock(file, dice.choice((-HOUR_S, 0.0, HOUR_S)))
    for submission in submissions:
        # Nothing waits for a clock to come round: an hour would be out of all patience.
        house.wait_done(submission.job_id, patience_s=120, supervised=False)
    elapsed_ms = (time.monotonic() - started_s) * 1000

    books = check_books(house, submissions)
    assert books.done == rounds * 10
    for submission in submissions:
        for line in house.result_lines(submission.job_id):
            timings = line["result"]["timing_ms"]
            assert all(0 <= value <= elapsed_ms for value in timings.values()), timings
