"""An object store over HTTP that speaks as much of S3's protocol as the services read: GetObject, path style."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is what some tests are about."""


class ObjectStore:
    """Objects by ``bucket/key``."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requested: list[str] = []
        self.failing = False
        self.refusals: dict[str, tuple[int, str]] = {}
        """Status and S3's code, by name."""
        self.chunked: set[str] = set()
        """Sent without saying how long they are."""
        self.pauses_s: dict[str, float] = {}
        """Before each byte of what is sent byte by byte."""
        self._ended = threading.Event()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                store.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

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
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one GetObject as S3 would."""
        name = unquote(urlsplit(handler.path).path).lstrip("/")
        self.requested.append(name)
        if self.failing:
            self._send_error(handler, 503, "SlowDown")
        elif name in self.refusals:
            self._send_error(handler, *self.refusals[name])
        elif name in self.chunked:
            self._send_chunks(handler, self.objects[name])
        elif name in self.pauses_s:
            self._send_slowly(handler, self.objects[name], self.pauses_s[name])
        elif name in self.objects:
            self._send(handler, 200, self.objects[name], "application/octet-stream")
        elif name.startswith("archive/denied"):
            self._send_error(handler, 403, "AccessDenied")
        else:
            self._send_error(handler, 404, "NoSuchKey")

    def _send_error(self, handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
        body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'
        self._send(handler, status, body.encode(), "application/xml")

    @staticmethod
    def _send_chunks(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(body), 1000):
            chunk = body[start : start + 1000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n")

    def _send_slowly(self, handler: BaseHTTPRequestHandler, body: bytes, pause_s: float) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.close_connection = True
        for byte in body:
            if self._ended.wait(pause_s):
                return
            try:
                handler.wfile.write(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                return

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, content_type: str) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True
