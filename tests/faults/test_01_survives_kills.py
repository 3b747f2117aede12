"""Guarantee 1: a job answered 202 survives ``kill -9`` of API, workers, Triton and queue server at random moments."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import TestDocument, broken_document, foreign_document, png_document
from tests.support.bulk_house import Submission
from tests.support.bulk_ledger import agree, check_books
from tests.support.faults_strikes import LONGEST_PAUSE_S, each_in_turn, everybody, strike

DOCUMENTS_A_ROUND = 6
REAL_ROUNDS = 6


def documents_of_round(number: int) -> list[TestDocument]:
    """Mostly good ones, some that fail."""
    first = number * DOCUMENTS_A_ROUND
    good = [png_document(first + index) for index in range(DOCUMENTS_A_ROUND - 1)]
    bad = broken_document if number % 2 else foreign_document
    return [*good, bad(first + DOCUMENTS_A_ROUND - 1)]


@pytest.mark.parametrize(
    ("rounds", "fault_database"),
    [
        pytest.param(8, "sqlite", id="short"),
        pytest.param(60, "sqlite", id="long", marks=[pytest.mark.long, pytest.mark.timeout(1_800)]),
        pytest.param(60, "postgresql", id="long-postgresql", marks=[pytest.mark.long, pytest.mark.timeout(1_800)]),
    ],
    indirect=["fault_database"],
)
def test_every_document_of_a_job_that_was_answered_ends(
    make_house: HouseMaker, dice: random.Random, fault_database: str, rounds: int
) -> None:
    """In eight rounds every kind of process is killed alone once, and once all of them together."""
    house = make_house(database_url=fault_database)
    kills: Counter[str] = Counter()
    submissions: list[Submission] = []
    for number, struck in zip(range(rounds), each_in_turn(house, dice), strict=False):
        submissions.append(house.submit(documents_of_round(number), key=f"round-{number}"))
        time.sleep(dice.uniform(0, LONGEST_PAUSE_S))
        strike(house, dice, kills, struck)
    for submission in submissions:
        house.wait_done(submission.job_id, patience_s=180)

    books = check_books(house, submissions, may_exhaust=True)
    assert books.documents == rounds * DOCUMENTS_A_ROUND
    assert books.failed["attempts_exhausted"] == 0, "kills are not that frequent"
    assert {name for name, count in kills.items() if count >= 2} == set(everybody(house)), kills
    print(f"{rounds} rounds, kills: {dict(kills)}; {books}")  # noqa: T201


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(1_800)
def test_the_same_with_the_real_triton(make_house: HouseMaker, dice: random.Random, samples: Path) -> None:
    """Fewer rounds, as it takes some ten seconds to load its models; every one of them kills it."""
    house = make_house(real_triton=True)
    invoice = (samples / "invoice_ja.pdf").read_bytes()
    kills: Counter[str] = Counter()
    submissions: list[Submission] = []
    for number in range(REAL_ROUNDS):
        # A comment at a PDF's end: each is a document of its own.
        pages = [
            TestDocument(number=10 * number + n, content=invoice + b"\n%%%% %d.%d\n" % (number, n)) for n in range(6)
        ]
        submissions.append(house.submit(pages, key=f"real-{number}"))
        time.sleep(dice.uniform(0, 3 * LONGEST_PAUSE_S))
        house.triton.kill()
        kills["triton"] += 1
        strike(house, dice, kills)
        if not house.triton.alive:
            house.triton.start()
    for submission in submissions:
        house.wait_done(submission.job_id, patience_s=300)

    books = check_books(house, submissions, may_exhaust=True)
    assert (books.documents, books.done) == (6 * REAL_ROUNDS, 6 * REAL_ROUNDS)
    one, *others = (line["result"] for job in submissions for line in house.result_lines(job.job_id))
    for other in others:
        agree(same_page(one), same_page(other))


def same_page(result: dict[str, Any]) -> dict[str, Any]:
    """What all of these documents have in common: everything but their bytes and their names."""
    return {name: value for name, value in result.items() if name != "document"}
