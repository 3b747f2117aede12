"""Guarantee 1: a job answered 202 survives ``kill -9`` of API, workers, Triton and queue server at random moments."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import TestDocument, broken_document, foreign_document, png_document
from tests.support.bulk_house import BulkHouse, Submission
from tests.support.bulk_ledger import check_books

DOCUMENTS_A_ROUND = 6
LONGEST_PAUSE_S = 0.7


def documents_of_round(number: int) -> list[TestDocument]:
    """Mostly good ones, some that fail."""
    first = number * DOCUMENTS_A_ROUND
    good = [png_document(first + index) for index in range(DOCUMENTS_A_ROUND - 1)]
    bad = broken_document if number % 2 else foreign_document
    return [*good, bad(first + DOCUMENTS_A_ROUND - 1)]


def strike(house: BulkHouse, dice: random.Random, kills: Counter[str]) -> None:
    """Kill somebody, wait a little, and start whoever is dead."""
    victims: dict[str, Callable[[], None]] = {name: process.kill for name, process in house.running.items()}
    victims |= {"triton": house.double.kill, "queue server": house.aws.kill}
    struck = dice.sample(sorted(victims), k=dice.choice((1, 1, 1, 2, len(victims))))
    for name in struck:
        victims[name]()
        kills[name] += 1
    time.sleep(dice.uniform(0, LONGEST_PAUSE_S))
    if "triton" in struck:
        house.double.restart()
    if "queue server" in struck:
        house.restart_aws()
    house.restart_dead()


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(6, id="short"),
        pytest.param(60, id="long", marks=[pytest.mark.long, pytest.mark.timeout(1_800)]),
    ],
)
def test_every_document_of_a_job_that_was_answered_ends(
    make_house: HouseMaker, dice: random.Random, rounds: int
) -> None:
    house = make_house()
    kills: Counter[str] = Counter()
    submissions: list[Submission] = []
    for number in range(rounds):
        submissions.append(house.submit(documents_of_round(number), key=f"round-{number}"))
        time.sleep(dice.uniform(0, LONGEST_PAUSE_S))
        strike(house, dice, kills)
    for submission in submissions:
        house.wait_done(submission.job_id, patience_s=180)

    books = check_books(house, submissions, may_exhaust=True)
    assert books.documents == rounds * DOCUMENTS_A_ROUND
    assert books.failed["attempts_exhausted"] == 0, "kills are not that frequent"
    assert sum(kills.values()) >= rounds
    print(f"{rounds} rounds, kills: {dict(kills)}; {books}")  # noqa: T201
