"""A small HTTP server that answers by a script: the client is tested over real connections."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks: bool = False
    """The body is announced one byte longer than it is, and the connection ends in the middle of it."""
    holds: bool = False
    """After the body (or before the status, where there is none) nothing comes until the server stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


Answerer = Callable[[Seen], Scripted]
"""An answer that depends on the request; called by one request at a time."""


@dataclass(slots=True, kw_only=True)
class ScriptedServer:
    """Where it listens, what it will answer (the last answer repeats), and what it has seen."""

    url: str
    script: list[Scripted | Answerer]
    seen: list[Seen] = field(default_factory=list)


RESULT = {
    "id": "doc_1",
    "request_id": "req_1",
    "document": {"file_name": "a.pdf", "media_type": "application/pdf", "page_count": 1, "sha256": "00"},
    "document_type": "invoice",
    "pages": [
        {
            "number": 1,
            "width_px": 100,
            "height_px": 50,
            "dpi": 200,
            "rotation_deg": 0,
            "lines": [{"text": "請求書", "confidence": 0.998, "quad": [[1, 1], [30, 1], [30, 9], [1, 9]]}],
        }
    ],
    "text": "請求書",
    "fields": {
        "total_amount": {
            "value": 385000,
            "currency": "JPY",
            "text": "¥385,000-",
            "confidence": 0.99,
            "page": 1,
            "quad": [[1, 1], [30, 1], [30, 9], [1, 9]],
        },
        "due_date": None,
        "bank_accounts": [
            {
                "bank": "みほん銀行",
                "branch": None,
                "type": "ordinary",
                "number": "1234567",
                "holder": None,
                "text": "普通 1234567",
                "confidence": 0.97,
                "page": 1,
                "quad": [[1, 1], [30, 1], [30, 9], [1, 9]],
            }
        ],
    },
    "models": {"text_detection": "1", "text_recognition": "1"},
    "timing_ms": {"open": 1, "detect": 2, "recognise": 3, "structure": 1, "total": 7},
}


def result() -> Scripted:
    return Scripted(body=json.dumps(RESULT).encode(), headers={"Content-Type": "application/json"})


def problem(status: int, code: str, **headers: str) -> Scripted:
    content = {
        "type": "about:blank",
        "title": "t",
        "status": status,
        "detail": "d",
        "code": code,
        "request_id": "req_9",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted(
        status=status,
        body=json.dumps(content).encode(),
        headers={"Content-Type": "application/problem+json", **named},
    )


@contextmanager
def scripted_server(*script: Scripted | Answerer) -> Iterator[ScriptedServer]:
    """Serve the script on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            address = urlsplit(self.path)
            seen = Seen(
                method=self.command,
                path=address.path,
                query=parse_qs(address.query),
                headers=dict(self.headers),
                body=body,
            )
            with lock:
                server.seen.append(seen)
                entry = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                answer = entry if isinstance(entry, Scripted) else entry(seen)
            with suppress(ConnectionError):  # the client had enough
                self.send(answer)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the base class's names

        def send(self, answer: Scripted) -> None:
            if answer.holds and not answer.body:
                stopping.wait()
            cut = answer.breaks or answer.holds
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) + cut))
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
            if answer.holds:
                stopping.wait()
            if cut:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    class Listener(ThreadingHTTPServer):
        request_queue_size = (
            64  # clients that come at once; with the usual five one is refused where the machine is busy
        )

        def handle_error(self, request: object, client_address: object) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # clients leave as they like
                super().handle_error(request, client_address)  # type: ignore[arg-type]

    lock = threading.Lock()
    stopping = threading.Event()
    listener = Listener(("127.0.0.1", 0), Handler)
    server = ScriptedServer(url=f"http://127.0.0.1:{listener.server_port}", script=list(script))
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        stopping.set()
        listener.shutdown()
        thread.join()
        listener.server_close()
