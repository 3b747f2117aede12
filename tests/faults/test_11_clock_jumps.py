"""Guarantee 11: the clock jumps an hour, both ways, under all processes; nothing is lost and nothing done twice."""

from __future__ import annotations

import ast
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack.stack import REPOSITORY_ROOT
from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse, Submission
from tests.support.bulk_ledger import check_books
from tests.support.jumping_roles import CLOCK_VARIABLE, set_clock
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

HOUR_S = 3_600.0
SHORT_S = (HOUR_S, -HOUR_S, 0.0, -HOUR_S, HOUR_S)
"""Where the clock stands, beside the machine's: forth, two hours back, forth, back, two hours forth."""
SLOW_S = 4.0
PROCESSES = {"api": ("api",), "hub": ("dispatcher", "webhooks"), "read-1": ("read",), "structure-1": ("structure",)}

WALL_CLOCKS = {
    "time.time", "time.time_ns", "time.localtime", "time.gmtime",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
}  # fmt: skip
MAY_LOOK = {
    "ocr_core/adapters/database/clock.py",  # SystemClock itself
    "async_worker/api/upload_targets.py",  # tells callers when a URL ends that was signed by the machine's clock
    "async_worker/stages/spans.py",  # how long a message lay, by the queue's clock and this one: a metric only
    "ocr_core/adapters/remembered/memory.py",  # how old an answer is that another process stored: it may be made anew
    "postprocess_svc/identity.py",  # which day it is, for what is remembered under the rule of
    "postprocess_svc/pipeline.py",  # which day it is, for a schema's rule on how old a document may be
}


def offsets(dice: random.Random, rounds: int | None) -> list[float]:
    """The fixed ones, or so many by the dice."""
    return list(SHORT_S) if rounds is None else [dice.choice((-HOUR_S, 0.0, HOUR_S)) for _ in range(rounds)]


@pytest.mark.parametrize(
    ("rounds", "fault_database"),
    [
        pytest.param(None, "sqlite", id="short"),
        pytest.param(30, "sqlite", id="long", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
        pytest.param(30, "postgresql", id="long-postgresql", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
    indirect=["fault_database"],
)
def test_work_goes_on_while_the_clock_jumps(
    make_house: HouseMaker, dice: random.Random, tmp_path: Path, fault_database: str, rounds: int | None
) -> None:
    """Each finds work that nobody has sent; a jump back also a dead worker's lease, and messages to be sent again."""
    file = tmp_path / "clock"
    set_clock(file, 0)
    house = make_house(
        database_url=fault_database,
        entry="tests.support.jumping_roles",
        processes=PROCESSES,
        settings={CLOCK_VARIABLE: str(file)},
        slow_s=SLOW_S,
    )
    submissions: list[Submission] = []
    stands_s = 0.0
    started_s = time.monotonic()
    for number, offset_s in enumerate(offsets(dice, rounds)):
        first = number * 10
        goes_back = offset_s < stands_s
        if goes_back:
            submissions += moments_ahead(house, first)
        else:
            house.running["hub"].pause()
        submissions.append(house.submit([png_document(first + n) for n in range(6, 9)]))
        assert not any(task["sent"] for task in house.tasks(submissions[-1].job_id))
        set_clock(file, offset_s)
        house.running["hub"].resume()
        house.restart_dead()
        # Nothing waits for a clock to come round: an hour would be out of all patience.
        for submission in submissions if goes_back else ():
            house.wait_done(submission.job_id, patience_s=60, supervised=False)
        stands_s = offset_s
    for submission in submissions:
        house.wait_done(submission.job_id, patience_s=60, supervised=False)
    elapsed_ms = (time.monotonic() - started_s) * 1000

    books = check_books(house, submissions)
    assert books.done == sum(len(submission.documents) for submission in submissions)
    check_timings(house, [submission.job_id for submission in submissions], elapsed_ms)


def moments_ahead(house: BulkHouse, first: int) -> list[Submission]:
    """Jobs with moments in the database that lie hours ahead if the clock is set back now.

    The lease of a worker that is dead, and the times when messages are to be sent again that are lost: the reader is
    killed, the queue server begins anew without its messages, and the hub is paused.
    """
    leased = house.submit([png_document(first, Mark.SLOW)])
    wait_until(lambda: first in house.double.pages_begun(), "the slow one")
    house.running["read-1"].kill()
    sent = house.submit([png_document(first + n) for n in range(1, 6)])
    wait_until(lambda: all(task["sent"] for task in house.tasks(sent.job_id)), "their messages")
    house.running["hub"].pause()
    house.restart_aws()
    (task,) = house.tasks(leased.job_id)
    assert task["lease_token"] is not None
    assert [task["lease_token"] for task in house.tasks(sent.job_id)] == [None] * 5
    return [leased, sent]


def check_timings(house: BulkHouse, job_ids: list[str], elapsed_ms: float) -> None:
    """None is negative, none is an hour."""
    for job_id in job_ids:
        for line in house.result_lines(job_id):
            timings = line["result"]["timing_ms"]
            assert all(0 <= value <= elapsed_ms for value in timings.values()), timings


def test_nobody_asks_for_the_wall_clock_but_the_clock_that_jumps() -> None:
    """Else the jumps above would pass it by."""
    found = {
        file.relative_to(REPOSITORY_ROOT).as_posix(): clocks
        for room in ("async_worker", "ocr_core", "preprocess_svc", "postprocess_svc")
        for file in sorted((REPOSITORY_ROOT / room).rglob("*.py"))
        if (clocks := sorted(set(wall_clocks(file))))
    }
    assert {name: clocks for name, clocks in found.items() if name not in MAY_LOOK} == {}
    assert set(found) == MAY_LOOK


def wall_clocks(file: Path) -> Iterator[str]:
    """What of a module reads the wall clock, as it is written there."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            name = ".".join(ast.unparse(node).split(".")[-2:])
            if name in WALL_CLOCKS:
                yield name
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{alias.name}" for alias in node.names if f"time.{alias.name}" in WALL_CLOCKS)
