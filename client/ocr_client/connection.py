"""HTTP to one server of this house, for the sync clients: walks flows with blocking calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Never, TypeVar

import httpx

from ocr_client.calls import Call, Request
from ocr_client.endpoint import LIMITS, Endpoint, error_of, media_type_of, timeout_extension
from ocr_client.errors import OcrClientError
from ocr_client.flows import Ask, Emit, End, Flow, Open, Read, Reply, Step, advance, called

Value = TypeVar("Value")
Result = TypeVar("Result")


class Connection:
    """Connections to one server; safe to share between threads, to be closed after use."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect when first used."""
        self.endpoint = endpoint
        self._closed = threading.Event()
        self._http = httpx.Client(
            base_url=endpoint.url, headers=endpoint.headers, limits=LIMITS, trust_env=endpoint.trusts_environment
        )

    def close(self) -> None:
        """Close the connections; whoever waits before a repeat gets the error that it would have repeated after."""
        self._closed.set()
        self._http.close()

    def call(self, call: Call[Result]) -> Result:
        """The answer to a call; what may pass is waited for.

        Raises:
            OcrClientError: See ``ocr_client.errors``.
            OSError: The body's file cannot be read.
        """
        return self.run(called(call, self.endpoint.new_retries(repeatable=call.repeatable)))

    def run(self, flow: Flow[Never, Result]) -> Result:
        """Walk a flow that has nothing to say before its end."""
        walk = _Walk(self)
        try:
            step = advance(flow)
            while not isinstance(step, End):
                step = walk.on(flow, step)
            return step.result
        finally:
            walk.close()

    def iterate(self, flow: Flow[Value, None]) -> Iterator[Value]:
        """What a flow has to say, as it comes; leaving the iteration early closes what is open."""
        walk = _Walk(self)
        try:
            step = advance(flow)
            while not isinstance(step, End):
                if isinstance(step, Emit):
                    yield step.value
                step = walk.on(flow, step)
        finally:
            flow.close()
            walk.close()

    def send(self, request: Request, silence_s: float) -> httpx.Response:
        """Send once; the body of a success is left open.

        Raises:
            OcrClientError: See ``ocr_client.errors``.
        """
        if self._closed.is_set():
            raise OcrClientError("the client was closed")
        built = self._http.build_request(
            request.method,
            request.path,
            params=dict(request.params) or None,  # an empty one would take a URL's own query away
            headers=dict(request.headers),
            content=_body(request),
            extensions=timeout_extension(silence_s),
        )
        with self.endpoint.told(silence_s):
            response = self._http.send(built, stream=True)
            if response.is_success:
                return response
            try:
                response.read()
            finally:
                response.close()
        raise error_of(response)

    def wait(self, duration_s: float) -> None:
        """Let time pass.

        Raises:
            OcrClientError: The client was closed meanwhile.
        """
        if self._closed.wait(duration_s):
            raise OcrClientError("the client was closed")

    def is_ready(self, *, timeout_s: float) -> bool:
        """Whether the server says that it is ready; false also where nothing answers."""
        try:
            return self._http.get("/readyz", timeout=timeout_s).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class _Walk:
    """Does the steps of one flow; at most one answer is open."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())
        self._silence_s = 0.0

    def on(self, flow: Flow[Value, Result], step: Step | Emit[Value]) -> Step | Emit[Value] | End[Result]:
        """Do a step; the one after it."""
        try:
            reply = None if isinstance(step, Emit) else self._do(step)
        except OcrClientError as error:
            return advance(flow, error=error)
        return advance(flow, reply)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _do(self, step: Step) -> Reply:
        connection = self._connection
        match step:
            case Ask():
                self.close()
                self._open(step.request, step.timeout_s)
                return b"".join(iter(self._next, None))
            case Open():
                self.close()
                return media_type_of(self._open(step.request, step.silence_s))
            case Read():
                return self._next()
            case _:
                self.close()
                connection.wait(step.duration_s)
                return None

    def _open(self, request: Request, silence_s: float) -> httpx.Response:
        self._response = response = self._connection.send(request, silence_s)
        self._chunks, self._silence_s = response.iter_bytes(), silence_s
        return response

    def _next(self) -> bytes | None:
        with self._connection.endpoint.told(self._silence_s):
            return next(self._chunks, None)


def _body(request: Request) -> bytes | Iterator[bytes] | None:
    if not callable(request.body):
        return request.body
    chunks = request.body()
    return chunks if request.on_sent is None else _counted(request, chunks)


def _counted(request: Request, chunks: Iterator[bytes]) -> Iterator[bytes]:
    total, sent = int(request.headers["Content-Length"]), 0
    for chunk in chunks:
        yield chunk
        sent += len(chunk)
        if request.on_sent is not None:
            request.on_sent(sent, total)
