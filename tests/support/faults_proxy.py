"""A proxy before an HTTP server that loses, repeats and delays what passes: the network to AWS at its worst.

It knows as much of SQS as it needs: which call a request is (``X-Amz-Target``). Faults are drawn from a seeded
generator; they may be changed at any time::

    with FaultProxy(server.config.url, seed=7) as proxy:
        proxy.faults = Faults(lose_request=0.02, lose_answer=0.02, copies=3)
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_SENDS = ("SendMessage", "SendMessageBatch")
_DELETES = ("DeleteMessage", "DeleteMessageBatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, as probabilities from 0 to 1 where nothing else is said."""

    lose_request: float = 0.0
    """The connection is cut before the server hears of it."""
    lose_answer: float = 0.0
    """The server has done it; the connection is cut before its answer."""
    lose_deletes: float = 0.0
    """Messages are said to be deleted, and are not."""
    copies: int = 1
    """How often the server gets every message that is sent."""
    delay_s: float = 0.0
    """Before every request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A request as it passed."""

    call: str
    """SQS's, else HTTP's own method."""
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed in the middle are what this is for."""


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and passes on to ``target_url``."""

    def __init__(self, target_url: str, *, seed: int = 0, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.counts: Counter[str] = Counter()
        """Of what went wrong, by kind."""
        self.watch: Callable[[Passed], None] | None = None
        """Told of every request that the server will hear of."""
        self._target = urlsplit(target_url).netloc
        self._random = random.Random(seed)  # noqa: S311 - faults, not secrets
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def happens(self, kind: str, probability: float) -> bool:
        """Draw, and count what is to go wrong."""
        with self._lock:
            hit = probability > 0 and self._random.random() < probability
            self.counts[kind] += hit
        return hit

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                self.upstream: http.client.HTTPConnection | None = None

            def finish(self) -> None:
                with suppress(OSError):
                    super().finish()
                if self.upstream is not None:
                    self.upstream.close()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    proxy.pass_on(self, body)
                except (OSError, http.client.HTTPException):
                    self.close_connection = True  # the server has gone, or the client

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        return Handler

    def pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """One request, with what goes wrong with it."""
        faults, call = self.faults, handler.headers.get("X-Amz-Target", handler.command).rsplit(".", 1)[-1]
        if faults.delay_s:
            time.sleep(faults.delay_s)
        if self.happens("lost requests", faults.lose_request):
            handler.close_connection = True
            return
        if call in _DELETES and self.happens("lost deletes", faults.lose_deletes):
            _answer(handler, 200, [("Content-Type", "application/x-amz-json-1.0")], _all_deleted(body))
            return
        if self.watch is not None:
            self.watch(Passed(call=call, body=body))
        status, headers, content = self._ask(handler, body)
        if call in _SENDS:
            for _ in range(faults.copies - 1):
                self.counts["repeated sends"] += 1
                self._ask(handler, body)
        if self.happens("lost answers", faults.lose_answer):
            handler.close_connection = True
            return
        _answer(handler, status, headers, content)

    def _ask(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server says; over a connection that lives as long as the client's."""
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers.pop("Expect", None)  # answered by this side already
        headers["Content-Length"] = str(len(body))
        reused: http.client.HTTPConnection | None = handler.upstream  # type: ignore[attr-defined]
        if reused is not None:
            # The server lets go of idle connections, of which the client, behind this side, learns nothing.
            with suppress(http.client.RemoteDisconnected, ConnectionError):
                return _exchange(reused, handler, body, headers)
            reused.close()
        fresh = handler.upstream = http.client.HTTPConnection(self._target, timeout=60)  # type: ignore[attr-defined]
        return _exchange(fresh, handler, body, headers)


def _exchange(
    upstream: http.client.HTTPConnection, handler: BaseHTTPRequestHandler, body: bytes, headers: dict[str, str]
) -> tuple[int, list[tuple[str, str]], bytes]:
    upstream.request(handler.command, handler.path, body=body, headers=headers)
    response = upstream.getresponse()
    content = response.read()
    if response.will_close:
        upstream.close()
    return response.status, response.getheaders(), content


def _all_deleted(body: bytes) -> bytes:
    """SQS's answer to a batch that was deleted; what a single delete answers has no body to speak of."""
    entries = json.loads(body).get("Entries", [])
    return json.dumps({"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}).encode()


def _answer(handler: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
    handler.send_response_only(status)
    length = None
    for name, value in headers:
        if name.lower() == "content-length":
            length = value
        elif name.lower() not in _HOP_BY_HOP:
            handler.send_header(name, value)
    handler.send_header("Content-Length", length if handler.command == "HEAD" and length else str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
