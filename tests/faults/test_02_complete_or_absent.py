"""Guarantees 2 and 4 when the API dies in the middle: a job not answered 202 is complete or absent, and its key works.

Only API processes run: what they leave is looked at as they left it.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse

JSON_DOCUMENTS = 2_000
FILES = 12
LONGEST_LIFE_S = 0.4
"""Of an API after the request was sent; its answer takes about half as long."""

ROUNDS = [
    pytest.param(5, id="short"),
    pytest.param(50, id="long", marks=[pytest.mark.long, pytest.mark.timeout(1_200)]),
]


@dataclass(slots=True, kw_only=True)
class Request:
    """One POST, and its answer if one came."""

    house: BulkHouse
    key: str
    multipart: bool
    answers: list[httpx.Response] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many documents the job has."""
        return FILES if self.multipart else JSON_DOCUMENTS

    def send(self) -> httpx.Response:
        """Once."""
        url, headers = f"{self.house.api_url}/v1/jobs", {"Idempotency-Key": self.key}
        with httpx.Client(timeout=60, trust_env=False) as client:
            if self.multipart:
                files = [("file", (f"{n}.png", png_document(n).content, "image/png")) for n in range(FILES)]
                return client.post(url, files=files, headers=headers)
            documents = [{"source": f"s3://documents/{n}.png", "reference": f"r{n}"} for n in range(JSON_DOCUMENTS)]
            return client.post(url, json={"documents": documents}, headers=headers)

    def try_once(self) -> None:
        """As ``send``; that nobody answers is no error here."""
        with contextlib.suppress(httpx.TransportError):
            self.answers.append(self.send())


def jobs_of_key(house: BulkHouse, key: str) -> list[str]:
    """The jobs that the database knows under an idempotency key."""
    return [row["job_id"] for row in house.rows("SELECT job_id FROM idempotency_keys WHERE key = :key", key=key)]


def check_whole(house: BulkHouse, job_id: str, total: int) -> None:
    """The job has all of its documents, and each is waiting to be read."""
    (job,) = house.rows("SELECT * FROM jobs WHERE id = :job", job=job_id)
    (documents,) = house.rows("SELECT COUNT(*) AS n FROM documents WHERE job_id = :job", job=job_id)
    assert (job["total"], job["queued"], documents["n"]) == (total, total, total)
    assert len(house.tasks(job_id)) == total


@pytest.mark.parametrize("rounds", ROUNDS)
def test_an_api_that_dies_leaves_a_whole_job_or_none(make_house: HouseMaker, dice: random.Random, rounds: int) -> None:
    house = make_house(processes={"api": ("api",)})
    answered = left_whole = 0
    for number in range(rounds):
        request = Request(house=house, key=f"request-{number}", multipart=bool(number % 2))
        sender = threading.Thread(target=request.try_once)
        sender.start()
        time.sleep(dice.uniform(0, LONGEST_LIFE_S))
        house.running["api"].kill()
        sender.join()
        jobs = jobs_of_key(house, request.key)
        (count,) = house.rows("SELECT COUNT(*) AS n FROM jobs")
        assert count["n"] == number + len(jobs), "there is a job that nobody asked for"
        for job_id in jobs:
            check_whole(house, job_id, request.total)
        if request.answers:
            assert (request.answers[0].status_code, [request.answers[0].json()["id"]]) == (202, jobs)
        answered += len(request.answers)
        left_whole += len(jobs)

        house.running["api"].start()
        again = house.retried(request.send, until={202})
        assert jobs_of_key(house, request.key) == [again.json()["id"]]
        assert not jobs or jobs == [again.json()["id"]], "the key was forgotten"
        check_whole(house, again.json()["id"], request.total)
    print(f"{rounds} requests, {answered} answered, {left_whole} left whole")  # noqa: T201
