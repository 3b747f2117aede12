"""HTTP by presigned URLs, as much as the Lambda function needs: one GET into memory, PUTs out of it.

The URLs come with the call and are the only right the function has to anything. No redirect is followed, no proxy
used, and no URL is told to anybody: whoever has one may use it.
"""

from __future__ import annotations

import functools
import http.client
import os
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

_CHUNK_BYTES = 1 << 18
_STALL_S = 10.0
"""The longest silence of the store."""
_TRIES = 3
_FIRST_PAUSE_S = 0.1
_TAKEN = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT)


class TransferFailed(RuntimeError):
    """The store did not give or take an object; another call may fare better."""


class _MayPass(Exception):
    """The store is busy, or a connection was lost."""


class Transfer:
    """The transfers of one call. Connections are kept between them, and closed with it.

    Args:
        ends_at_s: When all must have happened (``time.monotonic``).
    """

    def __init__(self, ends_at_s: float) -> None:
        self._ends_at_s = ends_at_s
        self._connections: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        while self._connections:
            self._connections.popitem()[1].close()

    def download(self, url: str, fd: int, *, max_bytes: int) -> None:
        """Write an object to a file.

        Raises:
            TransferFailed: it is not to be had, or holds more than ``max_bytes``.
        """

        def once(connection: http.client.HTTPConnection, target: str) -> None:
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            connection.request("GET", target)
            with connection.getresponse() as response:
                _check_status(response, (HTTPStatus.OK,))
                size_bytes = 0
                while chunk := response.read(_CHUNK_BYTES):
                    size_bytes += len(chunk)
                    if size_bytes > max_bytes:
                        raise TransferFailed(f"the document's object holds more than {max_bytes} bytes")
                    _write(fd, chunk)
                    self._await_no_longer(connection)
                if response.length:  # http.client itself says nothing of an end that comes too early
                    raise _MayPass("the document's object was cut short")

        self._try(url, once)

    def upload(self, url: str, body: bytes) -> None:
        """Store an object.

        Raises:
            TransferFailed: the store does not take it.
        """

        def once(connection: http.client.HTTPConnection, target: str) -> None:
            connection.request("PUT", target, body=body)
            with connection.getresponse() as response:
                _check_status(response, _TAKEN)
                response.read(_CHUNK_BYTES)

        self._try(url, once)

    def _try(self, url: str, once: Callable[[http.client.HTTPConnection, str], None]) -> None:
        split = urlsplit(url)
        if split.scheme not in {"http", "https"} or not split.hostname:
            raise TransferFailed("a URL that is not one of HTTP")
        failure = "its time is over"
        for attempt in range(_TRIES):
            if time.monotonic() >= self._ends_at_s:
                break
            try:
                connection = self._connection(split)
                self._await_no_longer(connection)
                once(connection, f"{split.path or '/'}?{split.query}" if split.query else split.path or "/")
            except (_MayPass, OSError, http.client.HTTPException) as error:
                failure = str(error) if isinstance(error, _MayPass) else type(error).__name__
                self.close()
                time.sleep(max(0.0, min(_FIRST_PAUSE_S * 2**attempt, self._ends_at_s - time.monotonic())))
            except BaseException:
                self.close()
                raise
            else:
                return
        raise TransferFailed(f"object storage does not give or take an object: {failure}")

    def _connection(self, split: SplitResult) -> http.client.HTTPConnection:
        key = (split.scheme, split.netloc)
        if key not in self._connections:
            self._connections[key] = (
                http.client.HTTPSConnection(split.netloc, context=_tls())
                if split.scheme == "https"
                else http.client.HTTPConnection(split.netloc)
            )
        return self._connections[key]

    def _await_no_longer(self, connection: http.client.HTTPConnection) -> None:
        timeout_s = max(0.001, min(_STALL_S, self._ends_at_s - time.monotonic()))
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)


def _check_status(response: http.client.HTTPResponse, wanted: tuple[HTTPStatus, ...]) -> None:
    if response.status in wanted:
        return
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _MayPass(f"status {response.status}")
    raise TransferFailed(f"object storage refuses an object: status {response.status}")


def _write(fd: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(fd, rest) :]


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
