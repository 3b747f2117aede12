"""A TCP proxy that can cut its connections off, or fall silent: a network between a service and its server."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 1 << 16


class TcpProxy:
    """Listens on a free port of 127.0.0.1 and passes bytes to ``port`` of the same; all in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._target_port = port
        self._is_cut = False
        self._passes = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection, and each new one at once."""
        self._run(self._set(cut=True, passes=True))

    def silence(self) -> None:
        """Keep connections, take new ones, and pass nothing on."""
        self._run(self._set(cut=False, passes=False))

    def mend(self) -> None:
        """Pass everything on again, also what waited."""
        self._run(self._set(cut=False, passes=True))

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._passes.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        # Connections end by being aborted; nobody is waited for.
        pending = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _set(self, *, cut: bool, passes: bool) -> None:
        self._is_cut = cut
        if passes:
            self._passes.set()
        else:
            self._passes.clear()
        if cut:
            for writer in self._open:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._passes.wait()
            if self._is_cut:
                return
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._open.add(upstream)
            try:
                await asyncio.gather(self._pump(reader, upstream), self._pump(upstream_reader, writer))
            finally:
                upstream.transport.abort()
                self._open.discard(upstream)
        except OSError:
            pass  # the server is not there
        finally:
            writer.transport.abort()
            self._open.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._passes.wait()
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
