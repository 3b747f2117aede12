"""The bulk road as processes that tests break: real ones of ours, MiniStack, and a double of Triton or the real one.

::

    test ──HTTP──► api ──► database ◄── hub (dispatcher, intake, webhooks), read-…, structure-…
                    │                        │            │
                    └──► object proxy ─► MiniStack ◄─ queue proxy      Triton('s double)

Durations are short, so that what takes minutes in production takes seconds here; everything listens on loopback, and
every process can be killed, paused, ended and started again by its name.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import sqlalchemy as sa

from local_stack.aws import AwsServer, client_settings
from ocr_core.adapters.aws_clients import s3_client, sqs_client
from ocr_core.adapters.job_store import upgrade
from tests.support import faults_triton
from tests.support.aws import free_port, make_server, queue_settings, storage_settings
from tests.support.bulk_documents import TestDocument
from tests.support.faults_process import DoubleProcess, FaultyProcess
from tests.support.faults_proxy import FaultProxy, Faults
from tests.support.faults_triton import TritonProcess
from tests.support.triton_double import CHARSET
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

DOCUMENTS_BUCKET = "documents"
OWN_BUCKET = "yomitori"
QUEUE_PREFIX = "faults-"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the tests' own servers
PATIENCE_S = 90.0

PROCESSES: Mapping[str, tuple[str, ...]] = {
    "api": ("api",),
    "hub": ("dispatcher", "intake", "webhooks"),
    "read-1": ("read",),
    "read-2": ("read",),
    "structure-1": ("structure",),
}
"""What a house starts by default, and each process's roles."""

SHORT_DURATIONS: Mapping[str, str] = {
    "OCR_BULK_LEASE_S": "2",
    "OCR_BULK_RESEND_FIRST_S": "1",
    "OCR_BULK_RESEND_MAX_S": "4",
    "OCR_BULK_RETRY_FIRST_S": "0.1",
    "OCR_BULK_RETRY_MAX_S": "1",
    "OCR_BULK_POLL_WAIT_S": "1",
    "OCR_BULK_SHUTDOWN_GRACE_S": "5",
    "OCR_BULK_MAX_ATTEMPTS": "10",
    "OCR_QUEUE_MAX_RECEIVES": "100",
    "OCR_QUEUE_DELETE_DELAY_S": "0.1",
    "OCR_WEBHOOK_RETRY_FIRST_S": "0.2",
    "OCR_WEBHOOK_RETRY_MAX_S": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job that was answered 202, and what it is to become."""

    job_id: str
    documents: tuple[TestDocument, ...]


@dataclass(slots=True, kw_only=True)
class BulkHouse:
    """Start it as a context manager; nothing of it is left afterwards."""

    folder: Path
    seed: int = 0
    database_url: str = ""
    """An empty database; SQLite in ``folder`` where none is given."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Over the short ones."""
    processes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(PROCESSES))
    real_triton: bool = False
    """The real one, with the real models, in place of its double."""
    slow_s: float = 5.0
    detection_s: float = 0.0
    entry: str = "async_worker"
    """The module that a process runs."""
    triton: DoubleProcess | TritonProcess = field(init=False)
    charset: Path = field(init=False)
    aws: AwsServer = field(init=False)
    queue_proxy: FaultProxy = field(init=False)
    object_proxy: FaultProxy = field(init=False)
    running: dict[str, FaultyProcess] = field(init=False, default_factory=dict)
    api_ports: dict[str, int] = field(init=False, default_factory=dict)
    http: httpx.Client = field(init=False)
    engine: sa.Engine = field(init=False)
    s3: S3Client = field(init=False)
    sqs: SQSClient = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for process in self.running.values():
                print(process.last_lines())  # noqa: T201 - pytest shows it where the test fails
        self._stack.close()

    def _open(self, stack: ExitStack) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database_url = self.database_url or f"sqlite:///{self.folder / 'jobs.sqlite3'}"
        upgrade(self.database_url)
        self.engine = sa.create_engine(_with_driver(self.database_url))
        stack.callback(self.engine.dispose)
        self.aws = stack.enter_context(make_server(self.folder / "aws"))
        self.queue_proxy = stack.enter_context(FaultProxy(self.aws.config.url, seed=self.seed))
        self.object_proxy = stack.enter_context(FaultProxy(self.aws.config.url, seed=self.seed + 1))
        self.s3 = s3_client(storage_settings(self.aws), max_connections=8, read_timeout_s=30, attempts=5)
        stack.callback(self.s3.close)
        self.sqs = sqs_client(queue_settings(self.aws), max_connections=4, read_timeout_s=30, attempts=5)
        stack.callback(self.sqs.close)
        for bucket in (DOCUMENTS_BUCKET, OWN_BUCKET):
            self.s3.create_bucket(Bucket=bucket)
        if self.real_triton:
            self.charset = faults_triton.CHARSET
            self.triton = TritonProcess(self.folder)
        else:
            self.charset = self.folder / "charset.txt"
            self.charset.write_text(CHARSET, encoding="utf-8")
            self.triton = DoubleProcess(self.folder, slow_s=self.slow_s, detection_s=self.detection_s)
        stack.enter_context(self.triton)
        self.http = stack.enter_context(httpx.Client(timeout=30.0, trust_env=False))
        stack.callback(self._kill_all)
        for name, roles in self.processes.items():
            self.start(name, roles)
        self.wait_ready()

    @property
    def double(self) -> DoubleProcess:
        """Triton's double, where that is what runs."""
        assert isinstance(self.triton, DoubleProcess), "this house has the real Triton"
        return self.triton

    # --- processes ---------------------------------------------------------------------------------------------------

    def start(self, name: str, roles: Sequence[str] | None = None, **settings: str) -> FaultyProcess:
        """Start a process, or the same one again."""
        process = self.running.get(name)
        if process is None:
            if roles is None:
                roles = PROCESSES[name]
            process = self.running[name] = FaultyProcess(
                name=name,
                command=[sys.executable, "-m", self.entry, *roles],
                environment={**self._environment(name, roles), **settings},
                log=self.folder / f"{name}.log",
            )
        process.start()
        return process

    def _environment(self, name: str, roles: Sequence[str]) -> dict[str, str]:
        port = free_port()
        if "api" in roles:
            self.api_ports[name] = port
        return {
            **client_settings(self.aws.config),
            "OCR_QUEUE_ENDPOINT_URL": self.queue_proxy.url,
            "OCR_STORAGE_ENDPOINT_URL": self.object_proxy.url,
            "OCR_QUEUE_NAME_PREFIX": QUEUE_PREFIX,
            "OCR_OBJECTS_BUCKET": OWN_BUCKET,
            "OCR_STORAGE_ALLOW": DOCUMENTS_BUCKET,
            "OCR_BULK_DATABASE_URL": self.database_url,
            "OCR_BULK_PORT": str(port),
            **({} if "api" in roles else {"OCR_BULK_VITALS_PORT": str(port)}),
            "OCR_TRITON_GRPC_URL": self.triton.grpc_url,
            "OCR_TRITON_SHARED_MEMORY": "true" if self.real_triton else "false",
            "OCR_POSTPROCESS_CHARSET_FILES": str(self.charset),
            "OCR_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "OCR_WEBHOOK_ALLOW_PRIVATE": "true",
            **SHORT_DURATIONS,
            **self.settings,
        }

    def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Return when those processes say that they are ready; all of them by default."""
        for name in names or list(self.running):
            process = self.running[name]
            port = process.environment.get("OCR_BULK_VITALS_PORT", process.environment["OCR_BULK_PORT"])
            wait_until(
                lambda process=process, port=port: (
                    not process.alive or self._answers(f"http://127.0.0.1:{port}/readyz")
                ),  # type: ignore[misc]
                f"the readiness of {name}",
                patience_s=PATIENCE_S,
            )
            assert process.alive, f"{name} has ended with {process.exit_status}:\n{process.last_lines()}"

    def _answers(self, url: str) -> bool:
        with suppress(httpx.HTTPError):
            return self.http.get(url).status_code == 200
        return False

    def restart_dead(self) -> list[str]:
        """Start again what has ended, as a supervisor would; their names."""
        dead = [name for name, process in self.running.items() if not process.alive]
        for name in dead:
            self.running[name].start()
        return dead

    def make_whole(self) -> None:
        """Everything runs, nothing is paused, and nothing is in the way."""
        self.break_network(Faults())
        for process in self.running.values():
            if process.alive:
                process.resume()
        if not self.double.alive or self.double.spared:
            self.double.restart()
        if self.restart_dead():
            self.wait_ready()

    def _kill_all(self) -> None:
        for process in self.running.values():
            process.kill()

    def restart_aws(self) -> None:
        """Kill MiniStack and start it anew: its objects are there, its queues and messages are not."""
        self.aws.kill()
        self.aws.start()
        self.aws.wait_ready()

    # --- what callers do ---------------------------------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        """Of the first API process."""
        return f"http://127.0.0.1:{next(iter(self.api_ports.values()))}"

    def put(self, documents: Iterable[TestDocument]) -> None:
        """Store documents where jobs may name them."""
        for document in documents:
            self.s3.put_object(Bucket=DOCUMENTS_BUCKET, Key=document.reference, Body=document.content)

    def body(self, documents: Iterable[TestDocument], **further: Any) -> dict[str, Any]:
        """A job's JSON."""
        named = [
            {"source": f"s3://{DOCUMENTS_BUCKET}/{each.reference}", "reference": each.reference} for each in documents
        ]
        return {"documents": named, **further}

    def submit(
        self, documents: Sequence[TestDocument], *, key: str | None = None, put: bool = True, **further: Any
    ) -> Submission:
        """Store the documents, and have their job answered 202, however often that takes."""
        if put:
            self.put(documents)
        answer = self.retried(lambda: self.post(documents, key=key, **further), until={202})
        return Submission(job_id=answer.json()["id"], documents=tuple(documents))

    def post(
        self, documents: Sequence[TestDocument], *, key: str | None = None, url: str = "", **further: Any
    ) -> httpx.Response:
        """One POST; it may fail."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(f"{url or self.api_url}/v1/jobs", json=self.body(documents, **further), headers=headers)

    def retried(
        self, call: Callable[[], httpx.Response], *, until: set[int], patience_s: float = PATIENCE_S
    ) -> httpx.Response:
        """Ask until one of these answers comes; what is not there, or not ready, is asked again."""
        give_up_s = time.monotonic() + patience_s
        while True:
            problem = ""
            try:
                answer = call()
            except httpx.TransportError as error:
                problem = repr(error)
            else:
                if answer.status_code in until:
                    return answer
                problem = f"{answer.status_code} {answer.text[:500]}"
                assert answer.status_code in {429, 500, 503}, problem
            assert time.monotonic() < give_up_s, f"no answer of {until} within {patience_s:g} s: {problem}"
            time.sleep(0.1)

    def job(self, job_id: str, *, url: str = "") -> dict[str, Any]:
        """The job as the API tells it."""
        answer = self.retried(lambda: self.http.get(f"{url or self.api_url}/v1/jobs/{job_id}"), until={200})
        job: dict[str, Any] = answer.json()
        return job

    def wait_done(
        self, job_id: str, *, patience_s: float = PATIENCE_S, url: str = "", supervised: bool = True
    ) -> dict[str, Any]:
        """The job, once it has ended; meanwhile who has died is started again, unless ``supervised`` is false."""
        job: dict[str, Any] = {}

        def ended() -> bool:
            if supervised:
                self.restart_dead()
            job.update(self.job(job_id, url=url))
            return bool(job["status"] in {"done", "cancelled"})

        try:
            wait_until(ended, f"the end of {job_id}", patience_s=patience_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it stands at {job}; open work: {self.tasks(job_id)}") from error
        return job

    def result_lines(self, job_id: str, *, url: str = "") -> list[dict[str, Any]]:
        """All result lines of a job, as the API streams them."""
        answer = self.retried(lambda: self.http.get(f"{url or self.api_url}/v1/jobs/{job_id}/results"), until={200})
        return [json.loads(line) for line in answer.text.splitlines()]

    # --- behind the scenes -------------------------------------------------------------------------------------------

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """What the database itself says."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]

    def tasks(self, job_id: str) -> list[dict[str, Any]]:
        """A job's open work."""
        return self.rows("SELECT * FROM tasks WHERE job_id = :job", job=job_id)

    def wait_leased(self, job_id: str, *, stage: str = "read") -> dict[str, Any]:
        """The first task of the job that somebody has taken."""
        found: list[dict[str, Any]] = []

        def leased() -> bool:
            found[:] = [
                task for task in self.tasks(job_id) if task["lease_token"] is not None and task["stage"] == stage
            ]
            return bool(found)

        wait_until(leased, f"a lease on {job_id}")
        return found[0]

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Our own objects below a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=OWN_BUCKET, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=OWN_BUCKET, Key=key)["Body"].read() for key in keys}

    def queue_url(self, name: str) -> str:
        """Of one of the queues."""
        return self.sqs.get_queue_url(QueueName=f"{QUEUE_PREFIX}{name}")["QueueUrl"]

    def dead_letters(self, name: str) -> list[dict[str, Any]]:
        """What lies in a queue's dead-letter queue; it stays there."""
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url(f"{name}-dead"),
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        )
        return [dict(message) for message in answer.get("Messages", [])]

    def break_network(self, faults: Faults) -> None:
        """The same faults before queues and objects."""
        self.queue_proxy.faults = self.object_proxy.faults = faults


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
