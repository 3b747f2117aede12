"""The background roles inside a test: real SQLite, real MiniStack, real HTTP receivers on loopback."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from async_worker.blocking import Blocking
from async_worker.roles import Role
from local_stack.aws import AwsServer
from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.queue import SqsQueues
from ocr_core.contracts.jobs import ClaimRefusal, Clock, Lease, StoreRules
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.queues import QueueName
from ocr_core.settings import ObjectStoreSettings, QueueSettings
from ocr_core.telemetry import Metrics
from tests.support.aws import object_settings, queue_settings, storage_settings
from tests.support.databases import ready_sqlite
from tests.support.waiting import PATIENCE_S

QUICK = StoreRules(lease_s=60, max_attempts=2, resend_first_s=30, resend_max_s=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What a role is made of."""

    store: SqlJobStore
    documents: SqlDocumentStore
    blocking: Blocking
    queues: SqsQueues
    objects: S3ObjectStore
    metrics: Metrics
    queue_settings: QueueSettings
    object_settings: ObjectStoreSettings


@asynccontextmanager
async def bulk_rooms(
    server: AwsServer, tmp_path: Path, *, rules: StoreRules = QUICK, clock: Clock | None = None
) -> AsyncIterator[Rooms]:
    """A database, a bucket and queues of their own."""
    url = ready_sqlite(tmp_path / "jobs.sqlite3")
    queued, stored = queue_settings(server), object_settings()
    async with AsyncExitStack() as stack:
        blocking = stack.enter_context(Blocking(threads=4))
        store = stack.enter_context(SqlJobStore(url, rules=rules, clock=clock))
        documents = stack.enter_context(SqlDocumentStore(url, clock=clock, pool_size=4))
        queues, objects = SqsQueues(queued), S3ObjectStore(stored, storage_settings(server))
        for adapter in (queues, objects):
            await adapter.start()
            stack.push_async_callback(adapter.close)
        await queues.ensure_queues()
        await objects.ensure_bucket()
        yield Rooms(
            store=store,
            documents=documents,
            blocking=blocking,
            queues=queues,
            objects=objects,
            metrics=Metrics(),
            queue_settings=queued,
            object_settings=stored,
        )


@asynccontextmanager
async def at_work(role: Role) -> AsyncIterator[None]:
    """The role runs; it has ended by itself when the context ends, or what it raised is raised."""
    stop = asyncio.Event()
    running = asyncio.create_task(role.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await running


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Return as soon as the condition holds."""
    give_up_s = time.monotonic() + PATIENCE_S
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert time.monotonic() < give_up_s, f"{what} did not come within {PATIENCE_S:g} s"
        await asyncio.sleep(0.02)


async def receive_all(queues: SqsQueues, name: QueueName, count: int) -> list[StageMessage]:
    """So many messages of a queue, deleted there."""
    messages: list[StageMessage] = []
    give_up_s = time.monotonic() + PATIENCE_S
    while len(messages) < count:
        assert time.monotonic() < give_up_s, f"{len(messages)} of {count} messages came within {PATIENCE_S:g} s"
        most = min(10, count - len(messages))
        for delivery in await queues.queue(name).receive(max_messages=most, wait_s=1, visibility_timeout_s=60):
            messages.append(StageMessage.decode(delivery.untrusted_body))
            await queues.queue(name).delete(delivery.receipt)
    return messages


def leased(store: SqlJobStore, message: StageMessage) -> Lease:
    """The lease, which is expected to be given."""
    lease = store.claim(message)
    assert not isinstance(lease, ClaimRefusal), lease
    return lease


@dataclass(slots=True, kw_only=True)
class Heard:
    """One request as a receiver got it."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a receiver says."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: threading.Event | None = None
    """It keeps silent until this is set."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that gives up in the middle is what some tests are about."""


class Receiver:
    """A caller's own server. It answers by a script, whose last answer repeats."""

    def __init__(self, *script: Answer, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self.script = list(script) or [Answer()]
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
                pass

        self.server = _Server(("127.0.0.1", port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.server_port

    @property
    def url(self) -> str:
        """A webhook's address."""
        return f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for answer in self.script:
            if answer.after is not None:
                answer.after.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.heard.append(Heard(path=handler.path, headers=headers, body=body))
        if answer.after is not None:
            answer.after.wait(PATIENCE_S)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        try:
            handler.wfile.write(answer.body)
        except OSError:
            handler.close_connection = True
