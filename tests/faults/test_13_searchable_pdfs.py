"""Searchable PDFs under ``kill -9`` of those who read and those who write: each is whole, and its document's own."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import httpx

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import pdf_document, png_document
from tests.support.bulk_ledger import check_books
from tests.support.faults_strikes import LONGEST_PAUSE_S, strike
from tests.support.pdf_reading import check_sound, pixels, texts, without_space
from tests.support.triton_double import Mark

ROUNDS = 6
RANGE_PAGES = "2"
PAGES = 5
VICTIMS = (("read-1", "read-2"), ("structure-1",), ("read-1", "structure-1"))


def test_every_pdf_is_whole_whoever_was_killed(make_house: HouseMaker, dice: random.Random) -> None:
    house = make_house(settings={"OCR_BULK_RANGE_PAGES": RANGE_PAGES})
    kills: Counter[str] = Counter()
    submissions = []
    for number in range(ROUNDS):
        documents = [
            pdf_document(100 * number, [Mark.PLAIN] * PAGES),
            *(png_document(100 * number + 10 + index) for index in range(3)),
        ]
        submissions.append(house.submit(documents, formats=["pdf", "text"]))
        time.sleep(dice.uniform(0, LONGEST_PAUSE_S))
        strike(house, dice, kills, VICTIMS[number % len(VICTIMS)])
    for submission in submissions:
        house.wait_done(submission.job_id, patience_s=180)

    books = check_books(house, submissions, may_exhaust=True)
    assert books.documents == books.done == 4 * ROUNDS
    assert set(kills) == {"read-1", "read-2", "structure-1"}
    for submission in submissions:
        for line in house.result_lines(submission.job_id):
            _check(line["result"])


def _check(result: dict[str, Any]) -> None:
    content = httpx.get(result["links"]["pdf"], trust_env=False).content
    check_sound(content)
    found = texts(content)
    assert len(found) == len(result["pages"]) == result["document"]["page_count"]
    for at, (text, page) in enumerate(zip(found, result["pages"], strict=True)):
        assert without_space(text) == without_space("".join(line["text"] for line in page["lines"])) != ""
        assert (pixels(content, at) < 128).any()
