"""The load generator: locust users who carry out one phase. ``loadtest.generator`` starts it.

``Arrivals`` is the open loop. Everything that locust has for rates (``constant_throughput``, ``poisson``, a shape)
decides how long a user waits *after* an answer, so that a slow server is sent less, just when it matters. Here one user
keeps the clock: at each arrival it starts a greenlet that sends and waits, and itself waits for nobody. ``Callers`` are
the closed loop, which finds the capacity; ``BulkJobs`` keeps the bulk road's queue full.

(locust's own types are not published, hence the exceptions for the type checker.)
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
import traceback
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust import FastHttpUser, events, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.env import Environment
from urllib3 import encode_multipart_formdata

from loadtest.arrivals import balanced_documents, poisson_arrivals_s, shuffled_documents
from loadtest.documents import Document, nonces, read_corpus
from loadtest.judging import Verdict, judge
from loadtest.phase import Order
from loadtest.samples import BULK_FILE, CLOCK_FILE, SAMPLES_FILE, LineWriter, Outcome, Sample

READ_NAME = "POST /v1/ocr"
BULK_NAME = "POST /v1/jobs"
PATIENCE_BEYOND_DEADLINE_S = 5.0
"""So long a sender waits for the 504 that it should have had at the deadline."""
MAX_CONNECTIONS = 10_000
"""Beyond what any run sends at once: locust's default of ten connections a user would be a closed loop of ten."""
MAX_RETRY_WAIT_S = 10.0
WAIT_AFTER_FAILURE_S = 0.5
"""A server that is down refuses thousands of connections a second, which tells nothing."""
DOCUMENTS_A_JOB = 20
BULK_POLL_S = 1.0
EX_SOFTWARE = 70
"""Of sysexits.h."""
SETTLE_S = 5.0
"""Between a full bulk queue and the first sync request."""


class _Run:
    """What the users of one phase share."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.phase = order.phase
        self.corpus = read_corpus(order.corpus)
        self.writer = LineWriter(order.output / SAMPLES_FILE)
        self.bulk_writer = LineWriter(order.output / BULK_FILE)
        self.nonces = nonces()
        self.queue_is_full = Event()
        self.sync_is_over = Event()
        self.bulk_is_over = Event()
        if not self.phase.backlog:
            self.queue_is_full.set()
            self.bulk_is_over.set()

    def wait_for_queue(self) -> None:
        """Until the bulk road has its work, where the phase wants that."""
        self.queue_is_full.wait()
        if self.phase.backlog:
            gevent.sleep(SETTLE_S)

    def start_clock(self) -> float:
        """The phase begins; monotonic seconds."""
        started_s = time.monotonic()
        (self.order.output / CLOCK_FILE).write_text(json.dumps({"started_s": started_s}) + "\n", encoding="utf-8")
        return started_s

    def end(self, environment: Environment) -> None:
        """All sync requests have ended: let the bulk jobs be cancelled, then end locust."""
        self.sync_is_over.set()
        self.bulk_is_over.wait()
        # From a greenlet of its own: it ends that of the user who asks.
        gevent.spawn(environment.runner.quit)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: ArgumentParser) -> None:
    """An option of ours beside locust's own."""
    parser.add_argument("--order", help="the phase to carry out: a file that python -m loadtest writes")


@events.init.add_listener  # type: ignore[untyped-decorator]
def read_order(environment: Environment, **_: Any) -> None:
    """Read order and documents once, before anybody sends."""
    try:
        _ApiUser.run_state = _Run(Order.read(Path(environment.parsed_options.order)))
    except Exception:
        # locust would log it and go on.
        traceback.print_exc()
        sys.exit(EX_SOFTWARE)


@events.user_error.add_listener  # type: ignore[untyped-decorator]
def give_up(user_instance: Any, **_: Any) -> None:
    """A user who fails has a bug; locust would have him begin anew, for ever."""
    gevent.spawn(user_instance.environment.runner.quit)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def set_exit_status(environment: Environment, **_: Any) -> None:
    """A server that fails is a finding, not a failure of this program; an exception in a user is one."""
    environment.process_exit_code = EX_SOFTWARE if environment.runner.exceptions else 0


class _ApiUser(FastHttpUser):  # type: ignore[misc]
    abstract = True
    concurrency = MAX_CONNECTIONS
    # The longest deadline that the API knows, and then some: whom a document's own sender gives up on is counted late.
    network_timeout = 30.0 + PATIENCE_BEYOND_DEADLINE_S
    # A caller of his own for each request: no connection that the server is just closing is used again.
    default_headers: ClassVar[dict[str, str]] = {"Connection": "close"}
    run_state: ClassVar[_Run]

    def send(self, document: Document, body: bytes, content_type: str, *, intended_s: float | None) -> Verdict:
        """Send a document and write down what came of it; latency counts from ``intended_s``, or from now."""
        sent_s = time.monotonic()
        intended_s = sent_s if intended_s is None else intended_s
        deadline_s = self.run_state.phase.deadline_s or document.deadline_s
        with self.client.request(
            "POST",
            f"{self.run_state.order.api_url}/v1/ocr",
            params={"timeout_s": deadline_s},
            data=body,
            headers={"Content-Type": content_type},
            name=READ_NAME,
            catch_response=True,
        ) as response:
            ended_s = time.monotonic()
            status, answer, error = _answer(response)
            retry_after = response.headers.get("Retry-After") if response.headers else None
            verdict = judge(status, answer, retry_after=retry_after, error=error)
            response.request_meta["response_time"] = (ended_s - intended_s) * 1000
            if verdict.outcome is Outcome.FAILED:
                response.failure(f"{status} {verdict.code}")
            else:
                response.request_meta["name"] = f"{READ_NAME} ({verdict.outcome})"
                response.success()
        self.run_state.writer.write(
            Sample(
                document=document.name,
                kind=document.kind,
                pages=document.pages,
                deadline_s=deadline_s,
                intended_s=intended_s,
                sent_s=sent_s,
                ended_s=ended_s,
                status=status,
                code=verdict.code,
                outcome=verdict.outcome,
                server_ms=verdict.server_ms,
                text_crc32=verdict.text_crc32,
            )
        )
        return verdict

    def form(self, *documents: Document) -> tuple[bytes, str]:
        """A form with the documents, each in new bytes, and its content type."""
        parts = [
            ("file", (document.name, document.varied(next(self.run_state.nonces)), "application/octet-stream"))
            for document in documents
        ]
        return encode_multipart_formdata(parts)


def _answer(response: Any) -> tuple[int, bytes | None, str]:
    """Status, body, and the name of what went wrong; status 0 where there is no answer, or not a whole one."""
    try:
        content: bytes | None = response.content
    except FAILURE_EXCEPTIONS as broken:
        return 0, None, type(broken).__name__
    error = getattr(response, "error", None)
    return response.status_code, content, "" if error is None else type(error).__name__


class Arrivals(_ApiUser):
    """The open loop: requests leave when they are due, whatever became of those before them."""

    fixed_count = 1

    @task  # type: ignore[untyped-decorator]
    def send_all(self) -> None:
        """Send every request of the phase at its time, wait for all answers, end the phase."""
        run, phase = self.run_state, self.run_state.phase
        arrivals_s = poisson_arrivals_s(phase.rate_per_s or 0.0, phase.sending_s, seed=phase.seed)
        documents = shuffled_documents(run.corpus, run.order.sync_weights, len(arrivals_s), seed=phase.seed)
        run.wait_for_queue()
        under_way = Group()
        started_s = run.start_clock()
        for arrival_s, document in zip(arrivals_s, documents, strict=True):
            # Before its time comes, so that writing the form is nobody's latency.
            body, content_type = self.form(document)
            intended_s = started_s + arrival_s
            gevent.sleep(max(0.0, intended_s - time.monotonic()))
            under_way.spawn(self.send, document, body, content_type, intended_s=intended_s)
        under_way.join()
        run.end(self.environment)
        gevent.sleep(PATIENCE_BEYOND_DEADLINE_S)


class Callers(_ApiUser):
    """The closed loop: somebody who sends a document, waits for its answer, and sends the next."""

    _under_way: ClassVar[int] = 0
    _started_s: ClassVar[float | None] = None
    _documents: ClassVar[Any] = None

    @task  # type: ignore[untyped-decorator]
    def call_on(self) -> None:
        """Send one document after the other until the phase is over; the last caller to end ends it."""
        run, phase = self.run_state, self.run_state.phase
        cls = type(self)
        cls._under_way += 1
        run.wait_for_queue()
        if cls._started_s is None:
            cls._started_s = run.start_clock()
            cls._documents = balanced_documents(run.corpus, run.order.sync_weights, seed=phase.seed)
        while time.monotonic() < cls._started_s + phase.sending_s:
            document = next(cls._documents)
            verdict = self.send(document, *self.form(document), intended_s=None)
            if verdict.outcome is Outcome.REFUSED:
                gevent.sleep(min(verdict.retry_after_s or 1.0, MAX_RETRY_WAIT_S))
            elif verdict.outcome is Outcome.FAILED:
                gevent.sleep(WAIT_AFTER_FAILURE_S)
        cls._under_way -= 1
        if cls._under_way == 0:
            run.end(self.environment)
        gevent.sleep(self.network_timeout)


class BulkJobs(_ApiUser):
    """Somebody with more documents than the bulk road can read: jobs follow each other, so that its queue is full."""

    fixed_count = 1

    @task  # type: ignore[untyped-decorator]
    def keep_queue_full(self) -> None:
        """Submit jobs, watch them, submit more as they end; cancel what is left when the sync requests are over."""
        run, draw = self.run_state, random.Random(self.run_state.phase.seed)
        url = f"{run.order.bulk_url}/v1/jobs"
        documents = balanced_documents(run.corpus, run.order.bulk_weights, seed=draw.randrange(1 << 30))
        open_jobs: dict[str, dict[str, int]] = {}
        ended: list[dict[str, int]] = []
        while not run.sync_is_over.is_set():
            while sum(counts["queued"] for counts in open_jobs.values()) < run.phase.backlog:
                body, content_type = self.form(*itertools.islice(documents, min(DOCUMENTS_A_JOB, run.phase.backlog)))
                job = self._call("POST", url, name=BULK_NAME, data=body, headers={"Content-Type": content_type})
                if job is None:
                    gevent.sleep(WAIT_AFTER_FAILURE_S)
                    continue
                open_jobs[job["id"]] = job["documents"]
            run.queue_is_full.set()
            run.sync_is_over.wait(BULK_POLL_S)
            for job_id in list(open_jobs):
                job = self._call("GET", f"{url}/{job_id}", name="GET /v1/jobs/{id}")
                if job is not None:
                    open_jobs[job_id] = job["documents"]
                    if job["status"] == "done":
                        ended.append(open_jobs.pop(job_id))
            self._note([*open_jobs.values(), *ended])
        for job_id in open_jobs:
            self._call("DELETE", f"{url}/{job_id}", name="DELETE /v1/jobs/{id}")
        run.bulk_is_over.set()
        gevent.sleep(self.network_timeout)

    def _call(self, method: str, url: str, **options: Any) -> dict[str, Any] | None:
        with self.client.request(method, url, catch_response=True, **options) as response:
            if response.status_code not in {200, 202, 204}:
                response.failure(f"{response.status_code}")
                return None
            response.success()
            return response.json() if response.content else {}

    def _note(self, jobs: list[dict[str, int]]) -> None:
        sums = {name: sum(counts[name] for counts in jobs) for name in ("queued", "done", "failed")}
        self.run_state.bulk_writer.write({"at_s": time.monotonic(), **sums})
