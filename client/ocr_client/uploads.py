"""Local files into the server's object storage by presigned URLs: several at a time, each in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import httpx

from ocr_client.calls import Call, Request
from ocr_client.connection import Connection
from ocr_client.endpoint import Endpoint
from ocr_client.errors import UnexpectedAnswer
from ocr_client.multipart import file_chunks
from ocr_client.parallel import map_in_order
from ocr_client.retry import RetryPolicy
from ocr_client.submission import JobDocument

AT_ONCE = 8
# URLs are asked for some at a time: they are good for an hour, and a hundred thousand files may take longer.
TARGETS_AT_ONCE = 200
ANSWER_TIMEOUT_S = 60.0

OnUploaded = Callable[[int], None]
"""Told how many files are up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file to upload."""

    path: Path
    file_name: str
    size_bytes: int

    @classmethod
    def of(cls, document: JobDocument) -> LocalFile:
        """The document's file as it is now.

        Raises:
            OSError: It is not there.
        """
        return cls(path=document.path, file_name=document.file_name, size_bytes=document.path.stat().st_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTarget:
    """Where one file goes."""

    source: str
    """What a job calls it then."""
    url: str
    headers: Mapping[str, str]


AnyConnection = TypeVar("AnyConnection")


class Storage(Generic[AnyConnection]):
    """Connections to where the URLs point. None of the API's own headers go there: a key is not for strangers."""

    def __init__(self, retry: RetryPolicy, connect: Callable[[Endpoint], AnyConnection]) -> None:
        self._retry = retry
        self._connect = connect
        self._connections: dict[str, AnyConnection] = {}

    def connection(self, url: str) -> AnyConnection:
        """To the URL's host.

        Raises:
            UnexpectedAnswer: It is no URL.
        """
        try:
            origin = str(httpx.URL(url).copy_with(raw_path=b"/"))
            if origin not in self._connections:
                self._connections[origin] = self._connect(Endpoint.of(origin, retry=self._retry))
        except (ValueError, httpx.InvalidURL) as error:
            raise UnexpectedAnswer("the server gave an upload target that is no URL") from error
        return self._connections[origin]


def upload_files(connection: Connection, files: Sequence[LocalFile], *, on_uploaded: OnUploaded | None) -> list[str]:
    """Upload all; the sources by which a job names them, in the same order.

    Raises:
        OSError: A file cannot be read, or changed meanwhile.
        OcrClientError: The server or its storage refused, or could not be reached.
    """
    sources: list[str] = []
    with ExitStack() as stack:
        storage = Storage(
            connection.endpoint.retry, lambda endpoint: stack.enter_context(closing(Connection(endpoint)))
        )
        for source in map_in_order(_tasks(connection, files, storage), _put, workers=AT_ONCE):
            sources.append(source)
            if on_uploaded is not None:
                on_uploaded(len(sources))
    return sources


def _tasks(
    connection: Connection, files: Sequence[LocalFile], storage: Storage[Connection]
) -> Iterator[tuple[Connection, LocalFile, UploadTarget]]:
    for some in in_portions(files):
        targets = connection.call(targets_call(some))
        for file, target in zip(some, targets, strict=True):
            yield storage.connection(target.url), file, target


def _put(task: tuple[Connection, LocalFile, UploadTarget]) -> str:
    connection, file, target = task
    return connection.call(put_call(file, target))


def in_portions(files: Sequence[LocalFile]) -> Iterator[Sequence[LocalFile]]:
    """As many at a time as URLs are asked for."""
    return (files[first : first + TARGETS_AT_ONCE] for first in range(0, len(files), TARGETS_AT_ONCE))


def put_call(file: LocalFile, target: UploadTarget) -> Call[str]:
    """Store one file, at an address of its own; the answer is what a job calls it then."""
    request = Request(
        method="PUT",
        path=target.url,
        headers={**target.headers, "Content-Length": str(file.size_bytes)},
        body=partial(file_chunks, file.path, file.size_bytes),
    )
    return Call(request=request, decode=lambda _body: target.source, timeout_s=ANSWER_TIMEOUT_S, repeatable=True)


def targets_call(files: Sequence[LocalFile]) -> Call[list[UploadTarget]]:
    """Ask where the files may go; as many targets as files."""
    # An empty file has no size that could be asked for. It becomes a document that cannot be read.
    wanted = {"files": [{"file_name": file.file_name, "size_bytes": file.size_bytes or None} for file in files]}

    def decode(body: bytes) -> list[UploadTarget]:
        targets = _decode_targets(body)
        if len(targets) != len(files):
            raise UnexpectedAnswer(f"the server gave {len(targets)} upload targets for {len(files)} files")
        return targets

    request = Request(
        method="POST",
        path="/v1/uploads",
        headers={"Content-Type": "application/json"},
        body=json.dumps(wanted, ensure_ascii=False).encode(),
    )
    return Call(request=request, decode=decode, timeout_s=ANSWER_TIMEOUT_S, repeatable=True)


def _decode_targets(body: bytes) -> list[UploadTarget]:
    try:
        return [
            UploadTarget(source=str(entry["source"]), url=str(entry["url"]), headers=dict(entry.get("headers") or {}))
            for entry in json.loads(body)["uploads"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer("the server answered something else than upload targets") from error
