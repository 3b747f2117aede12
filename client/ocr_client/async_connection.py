"""HTTP to one server of this house, for the async clients: walks the flows that ``connection.py`` walks, on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Never, TypeVar

import httpx

from ocr_client.calls import Call, Request
from ocr_client.endpoint import LIMITS, Endpoint, error_of, media_type_of, timeout_extension
from ocr_client.errors import OcrClientError
from ocr_client.flows import Ask, Emit, End, Flow, Open, Read, Reply, Step, advance, called

Value = TypeVar("Value")
Result = TypeVar("Result")


class AsyncConnection:
    """Connections to one server, for one event loop; to be closed after use."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect when first used."""
        self.endpoint = endpoint
        self._closed = asyncio.Event()
        self._http = httpx.AsyncClient(
            base_url=endpoint.url, headers=endpoint.headers, limits=LIMITS, trust_env=endpoint.trusts_environment
        )

    async def aclose(self) -> None:
        """Close the connections; whoever waits before a repeat gets the error that it would have repeated after."""
        self._closed.set()
        await self._http.aclose()

    async def call(self, call: Call[Result]) -> Result:
        """The answer to a call; what may pass is waited for.

        Raises:
            OcrClientError: See ``ocr_client.errors``.
            OSError: The body's file cannot be read.
        """
        return await self.run(called(call, self.endpoint.new_retries(repeatable=call.repeatable)))

    async def run(self, flow: Flow[Never, Result]) -> Result:
        """Walk a flow that has nothing to say before its end."""
        walk = _Walk(self)
        try:
            step = advance(flow)
            while not isinstance(step, End):
                step = await walk.on(flow, step)
            return step.result
        finally:
            await walk.aclose()

    async def iterate(self, flow: Flow[Value, None]) -> AsyncIterator[Value]:
        """What a flow has to say, as it comes; closing the iteration closes what is open."""
        walk = _Walk(self)
        try:
            step = advance(flow)
            while not isinstance(step, End):
                if isinstance(step, Emit):
                    yield step.value
                step = await walk.on(flow, step)
        finally:
            flow.close()
            await walk.aclose()

    async def send(self, request: Request, silence_s: float) -> httpx.Response:
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
            response = await self._http.send(built, stream=True)
            if response.is_success:
                return response
            try:
                await response.aread()
            finally:
                await response.aclose()
        raise error_of(response)

    async def wait(self, duration_s: float) -> None:
        """Let time pass.

        Raises:
            OcrClientError: The client was closed meanwhile.
        """
        try:
            async with asyncio.timeout(duration_s):
                await self._closed.wait()
        except TimeoutError:
            return
        raise OcrClientError("the client was closed")

    async def is_ready(self, *, timeout_s: float) -> bool:
        """Whether the server says that it is ready; false also where nothing answers."""
        try:
            return (await self._http.get("/readyz", timeout=timeout_s)).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class _Walk:
    """Does the steps of one flow; at most one answer is open."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._silence_s = 0.0

    async def on(self, flow: Flow[Value, Result], step: Step | Emit[Value]) -> Step | Emit[Value] | End[Result]:
        """Do a step; the one after it."""
        try:
            reply = None if isinstance(step, Emit) else await self._do(step)
        except OcrClientError as error:
            return advance(flow, error=error)
        return advance(flow, reply)

    async def aclose(self) -> None:
        if self._response is not None:
            await self._response.aclose()
            self._response = None

    async def _do(self, step: Step) -> Reply:
        connection = self._connection
        match step:
            case Ask():
                await self.aclose()
                await self._open(step.request, step.timeout_s)
                chunks: list[bytes] = []
                while (chunk := await self._next()) is not None:
                    chunks.append(chunk)
                return b"".join(chunks)
            case Open():
                await self.aclose()
                return media_type_of(await self._open(step.request, step.silence_s))
            case Read():
                return await self._next()
            case _:
                await self.aclose()
                await connection.wait(step.duration_s)
                return None

    async def _open(self, request: Request, silence_s: float) -> httpx.Response:
        self._response = response = await self._connection.send(request, silence_s)
        self._chunks, self._silence_s = response.aiter_bytes(), silence_s
        return response

    async def _next(self) -> bytes | None:
        if self._chunks is None:
            return None
        with self._connection.endpoint.told(self._silence_s):
            return await anext(self._chunks, None)


def _body(request: Request) -> bytes | AsyncIterator[bytes] | None:
    return _pieces(request, request.body()) if callable(request.body) else request.body


async def _pieces(request: Request, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces are read from files: on a thread, so that the loop goes on meanwhile."""
    total, sent = int(request.headers["Content-Length"]), 0
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk
        sent += len(chunk)
        if request.on_sent is not None:
            request.on_sent(sent, total)
