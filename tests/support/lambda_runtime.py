"""AWS Lambda on this machine, as far as a function and its caller see it: real HTTP on both sides, no container.

::

    boto3 ── Invoke API ──► LambdaService ── Runtime API ──► python -m awslambdaric HANDLER, one call at a time

Like AWS it starts a process where none is free, up to a limit, beyond which it throttles; keeps it warm; ends one that
takes too long; and tells a crash. Unlike AWS it isolates nothing.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

MAX_PAYLOAD_BYTES = 6_291_456
"""Of a synchronous call, either way: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
CANARY = "a-credential-of-the-function"
"""Stands where Lambda puts the keys of the function's role."""
Reply = tuple[int, bytes, Mapping[str, str]]
"""Status, body, headers."""
_POLL_S = 0.01
_START_S = 60.0


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Processes are ended in the middle of what they say, here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer's head and body are two writes; without this the second waits for the first's acknowledgement.
    disable_nagle_algorithm = True

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass


@dataclass(kw_only=True)
class _Call:
    payload: bytes
    deadline_ms: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answered: threading.Event = field(default_factory=threading.Event)
    answer: bytes = b""
    failed: bool = False


class _Instance:
    """One process with the handler, and its Runtime API."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self._calls: queue.Queue[_Call | None] = queue.Queue()
        self._current: _Call | None = None
        self.ready = threading.Event()
        instance = self

        class RuntimeApi(_Handler):
            def do_GET(self) -> None:
                instance.give_next(self)

            def do_POST(self) -> None:
                instance.take(self)

        self._server = _HttpServer(("127.0.0.1", 0), RuntimeApi)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}"},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def give_next(self, handler: _Handler) -> None:
        self.ready.set()
        call = self._calls.get()
        if call is None:
            handler.close_connection = True
            return
        self._current = call
        headers = {
            "Lambda-Runtime-Aws-Request-Id": call.id,
            "Lambda-Runtime-Deadline-Ms": str(call.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:opener",
        }
        handler.answer(200, call.payload, headers)

    def take(self, handler: _Handler) -> None:
        body, path = handler.body(), urlsplit(handler.path).path
        handler.answer(202)
        call, self._current = self._current, None
        if call is not None:
            call.answer, call.failed = body, path.endswith("/error")
            call.answered.set()

    def do(self, call: _Call) -> bool:
        """Have it done; false where the process ended meanwhile or took too long."""
        self._calls.put(call)
        while not call.answered.wait(_POLL_S):
            if self.process.poll() is not None or time.time() * 1000 > call.deadline_ms:
                return call.answered.is_set()
        return True

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._calls.put(None)
        self._server.shutdown()
        self._server.server_close()


class LambdaService:
    """A function and the part of Lambda that runs it.

    Args:
        handler: As the image's CMD names it, importable from ``folder``.
        folder: Where the process works: the image's WORKDIR.
        log: What the function writes.
        concurrency: Calls at the same time; one more is throttled.
        timeout_s: After which a call's process is ended.
        command: What is started in the place of ``awslambdaric HANDLER``: the image as a container.
    """

    def __init__(
        self,
        handler: str,
        *,
        folder: Path,
        log: Path,
        concurrency: int = 2,
        timeout_s: float = 60.0,
        command: Sequence[str] | None = None,
    ) -> None:
        self._folder = folder
        self.log = log
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._command = [sys.executable, "-m", "awslambdaric", handler] if command is None else list(command)
        self._lock = threading.Lock()
        self._idle: list[_Instance] = []
        self._busy: set[_Instance] = set()
        self.call_count = 0
        service = self

        class InvokeApi(_Handler):
            def do_POST(self) -> None:
                service.invoke(self)

        self._server = _HttpServer(("127.0.0.1", 0), InvokeApi)

    @property
    def url(self) -> str:
        """The endpoint of the Invoke API."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def pids(self) -> list[int]:
        """The function's processes, those that are free first."""
        with self._lock:
            return [instance.process.pid for instance in [*self._idle, *self._busy]]

    @property
    def busy(self) -> int:
        """Calls under way."""
        with self._lock:
            return len(self._busy)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        for instance in [*self._idle, *self._busy]:
            instance.end()

    def invoke(self, handler: _Handler) -> None:
        """Answer one Invoke."""
        payload = handler.body()
        if handler.headers.get("X-Amz-Invocation-Type") == "DryRun":
            handler.answer(204)
            return
        if len(payload) > MAX_PAYLOAD_BYTES:
            handler.answer(413, b"{}", {"x-amzn-ErrorType": "RequestTooLargeException"})
            return
        with self._lock:
            self.call_count += 1
            instance = self._take_idle()
            if instance is None and len(self._busy) < self._concurrency:
                instance = _Instance(self._command, self._environment(), self._folder, self.log)
            if instance is not None:
                self._busy.add(instance)
        if instance is None:
            body = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}
            handler.answer(429, json.dumps(body).encode(), {"x-amzn-ErrorType": "TooManyRequestsException"})
            return
        call = _Call(payload=payload, deadline_ms=int((time.time() + self._timeout_s) * 1000))
        alive = self._started(instance, call) and instance.do(call)
        with self._lock:
            self._busy.discard(instance)
            if alive:
                self._idle.append(instance)
        if not alive:
            ended = instance.process.poll() is not None
            instance.end()
            call.failed = True
            call.answer = b'{"errorType":"%b"}' % (b"Runtime.ExitError" if ended else b"Sandbox.Timedout")
        elif len(call.answer) > MAX_PAYLOAD_BYTES:
            call.failed, call.answer = True, b'{"errorType":"Function.ResponseSizeTooLarge"}'
        handler.answer(200, call.answer, {"X-Amz-Function-Error": "Unhandled"} if call.failed else {})

    def _take_idle(self) -> _Instance | None:
        while self._idle:
            instance = self._idle.pop()
            if instance.process.poll() is None:
                return instance
            instance.end()
        return None

    @staticmethod
    def _started(instance: _Instance, call: _Call) -> bool:
        give_up_s = time.monotonic() + _START_S
        started_s = time.time()
        while not instance.ready.wait(_POLL_S):
            if instance.process.poll() is not None or time.monotonic() > give_up_s:
                return False
        # The time that starting takes is not the call's.
        call.deadline_ms += int((time.time() - started_s) * 1000)
        return True

    def _environment(self) -> dict[str, str]:
        # As in an image function; the keys are its role's.
        return {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(self._folder),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "function",
            "AWS_SECRET_ACCESS_KEY": CANARY,
            "AWS_SESSION_TOKEN": CANARY,
            "AWS_LAMBDA_FUNCTION_NAME": "opener",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/opener",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


class DeceivingFunction:
    """An Invoke API over a function that is not ours: it answers whatever a test says.

    ``answer`` makes of a call's event what it answers; ``events`` are those that came.
    """

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Reply] = lambda _: (500, b"", {})
        self.dry_answer: Reply = (204, b"", {})
        self.events: list[dict[str, Any]] = []
        function = self

        class InvokeApi(_Handler):
            def do_POST(self) -> None:
                body = self.body()
                if self.headers.get("X-Amz-Invocation-Type") == "DryRun":
                    self.answer(*function.dry_answer)
                    return
                event = json.loads(body)
                function.events.append(event)
                self.answer(*function.answer(event))

        self._server = _HttpServer(("127.0.0.1", 0), InvokeApi)

    @property
    def url(self) -> str:
        """The endpoint of the Invoke API."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
