"""Guarantees 2 and 4 when the API dies in the middle: a job not answered 202 is complete or absent, and its key works.

Only API processes run: what they leave is looked at as they left it.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from tests.faults.conftest import HouseMaker
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import BulkHouse
from tests.support.faults_proxy import Passed
from tests.support.waiting import wait_until

JSON_DOCUMENTS = 2_000
FILES = 12
LONGEST_LIFE_S = 0.4
"""Of an API after the request was sent; its answer takes about half as long."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the API dies, and what it is to leave."""

    name: str
    multipart: bool
    strike: Callable[[BulkHouse, Request, threading.Thread], None]
    """Given the request's own thread, which is not started yet; returns when the API is dead."""
    leaves_job: bool | None
    """Null where nobody can know."""


def at_file(number: int) -> Moment:
    """As it stores the form's n-th file: the job is in the database after the last one only."""

    def strike(house: BulkHouse, request: Request, sender: threading.Thread) -> None:
        del request
        seen: list[Passed] = []

        def watch(passed: Passed) -> None:
            if passed.call == "PUT":
                seen.append(passed)
                if len(seen) == number:
                    house.running["api"].kill()

        house.object_proxy.watch = watch
        sender.start()
        wait_until(lambda: not house.running["api"].alive, f"file {number}")
        house.object_proxy.watch = None

    return Moment(name=f"file {number}", multipart=True, strike=strike, leaves_job=False)


def before_commit(*, multipart: bool) -> Moment:
    """While somebody else holds the database's one write lock."""

    def strike(house: BulkHouse, request: Request, sender: threading.Thread) -> None:
        del request
        with contextlib.closing(sqlite3.connect(house.folder / "jobs.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            sender.start()
            time.sleep(LONGEST_LIFE_S)
            house.running["api"].kill()
            other.execute("ROLLBACK")

    return Moment(name="before the commit", multipart=multipart, strike=strike, leaves_job=False)


def after_commit(*, multipart: bool) -> Moment:
    """As soon as others see the job in the database; its answer may be on the way."""

    def strike(house: BulkHouse, request: Request, sender: threading.Thread) -> None:
        sender.start()
        wait_until(lambda: bool(jobs_of_key(house, request.key)), "the commit")
        house.running["api"].kill()

    return Moment(name="after the commit", multipart=multipart, strike=strike, leaves_job=True)


def after_s(pause_s: float, *, multipart: bool) -> Moment:
    """Any time."""

    def strike(house: BulkHouse, request: Request, sender: threading.Thread) -> None:
        del request
        sender.start()
        time.sleep(pause_s)
        house.running["api"].kill()

    return Moment(name=f"after {pause_s:.3f} s", multipart=multipart, strike=strike, leaves_job=None)


CHOSEN = (
    at_file(1),
    at_file(FILES // 2),
    at_file(FILES),
    *(moment(multipart=multipart) for multipart in (True, False) for moment in (before_commit, after_commit)),
)


def check_whole(house: BulkHouse, job_id: str, request: Request) -> None:
    """The job has all of its documents, each is waiting to be read, and what a form brought is stored."""
    (job,) = house.rows("SELECT * FROM jobs WHERE id = :job", job=job_id)
    documents = house.rows("SELECT * FROM documents WHERE job_id = :job ORDER BY position", job=job_id)
    assert (job["total"], job["queued"], len(documents)) == (request.total, request.total, request.total)
    assert len(house.tasks(job_id)) == request.total
    for number, document in enumerate(documents if request.multipart else ()):
        bucket, key = document["source"].removeprefix("s3://").split("/", 1)
        assert house.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == png_document(number).content


@pytest.mark.parametrize(
    "dice_rounds",
    [
        pytest.param(0, id="short"),
        pytest.param(50, id="long", marks=[pytest.mark.long, pytest.mark.timeout(1_200)]),
    ],
)
def test_an_api_that_dies_leaves_a_whole_job_or_none(
    make_house: HouseMaker, dice: random.Random, dice_rounds: int
) -> None:
    house = make_house(processes={"api": ("api",)})
    by_dice = [after_s(dice.uniform(0, LONGEST_LIFE_S), multipart=bool(n % 2)) for n in range(dice_rounds)]
    answered = left_whole = 0
    for number, moment in enumerate((*CHOSEN, *by_dice)):
        request = Request(house=house, key=f"request-{number}", multipart=moment.multipart)
        sender = threading.Thread(target=request.try_once)
        moment.strike(house, request, sender)
        sender.join()
        jobs = jobs_of_key(house, request.key)
        (count,) = house.rows("SELECT COUNT(*) AS n FROM jobs")
        assert count["n"] == number + len(jobs), "there is a job that nobody asked for"
        assert moment.leaves_job in {None, bool(jobs)}, moment.name
        for job_id in jobs:
            check_whole(house, job_id, request)
        if request.answers:
            assert (request.answers[0].status_code, [request.answers[0].json()["id"]]) == (202, jobs)
        answered += len(request.answers)
        left_whole += len(jobs)

        house.running["api"].start()
        again = house.retried(request.send, until={202})
        assert jobs_of_key(house, request.key) == [again.json()["id"]]
        assert not jobs or jobs == [again.json()["id"]], "the key was forgotten"
        check_whole(house, again.json()["id"], request)
    print(f"{len(CHOSEN) + dice_rounds} requests, {answered} answered, {left_whole} left whole")  # noqa: T201
