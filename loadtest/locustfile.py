"""Users of the sync API: each sends a document, waits for its answer, and sends the next.

A 429 with ``Retry-After`` is a right answer of a full server: it is counted under a name of its own, and its user
waits as long as it is told to. A 429 without that header, and everything else that is not 200, is a failure.

(locust's own types are not published, hence the exceptions for the type checker.)
"""

from __future__ import annotations

import random
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, ClassVar

from locust import HttpUser, constant, events, task
from locust.env import Environment

from loadtest.corpus import BUNDLED_SAMPLES, CorpusDocument, load_corpus, nonces

READ_NAME = "POST /v1/ocr"
REFUSED_NAME = "POST /v1/ocr (429, asked to wait)"
MAX_WAIT_S = 10.0
# A server that is down refuses thousands of connections a second, which tells nothing.
WAIT_AFTER_FAILURE_S = 0.5


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: ArgumentParser) -> None:
    """Options of ours beside locust's own."""
    parser.add_argument("--documents", default=str(BUNDLED_SAMPLES), help="folder of documents to send")
    parser.add_argument("--schema", default="auto", help="the query parameter")
    parser.add_argument("--deadline", type=float, default=5.0, help="timeout_s of each request, in seconds")


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def read_corpus(environment: Environment, **_: Any) -> None:
    """Read the documents once, before anybody sends."""
    SyncUser.corpus = load_corpus(Path(environment.parsed_options.documents))


class SyncUser(HttpUser):  # type: ignore[misc]
    """Somebody who waits for each answer."""

    wait_time = constant(0)
    corpus: ClassVar[list[CorpusDocument]] = []
    nonces = nonces()

    @task  # type: ignore[untyped-decorator]
    def read(self) -> None:
        """Send one document and judge the answer."""
        document = random.choice(self.corpus)
        options = self.environment.parsed_options
        sent = self.client.post(
            "/v1/ocr",
            params={"schema": options.schema, "timeout_s": options.deadline},
            files={"file": (document.name, document.varied(next(self.nonces)), "application/octet-stream")},
            name=READ_NAME,
            catch_response=True,
        )
        wait_s = 0.0
        with sent as response:
            if response.status_code == 429:
                wait_s = _judge_refusal(response)
            elif response.status_code != 200:
                response.failure(_problem(response))
                wait_s = WAIT_AFTER_FAILURE_S
            elif not _is_read(response):
                response.failure("200 without a single line")
        # locust has patched it: only this user sleeps.
        time.sleep(wait_s)


def _judge_refusal(response: Any) -> float:
    """Count a 429 apart; returns the seconds to wait."""
    retry_after = response.headers.get("Retry-After", "")
    if not retry_after.isdigit():
        response.failure("429 without Retry-After")
        return 1.0
    response.request_meta["name"] = REFUSED_NAME
    response.success()
    return min(float(retry_after), MAX_WAIT_S)


def _is_read(response: Any) -> bool:
    try:
        return any(page.get("lines") for page in response.json()["pages"])
    except (ValueError, KeyError, TypeError):
        return False


def _problem(response: Any) -> str:
    try:
        return f"{response.status_code} {response.json()['code']}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} without a problem description"
