"""Local files into the server's object storage by presigned URLs: several at a time, each in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from ocr_client.connection import Connection
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


def upload_files(
    connection: Connection, files: Sequence[LocalFile], *, retry: RetryPolicy | None, on_uploaded: OnUploaded
) -> list[str]:
    """Upload all; the sources by which a job names them, in the same order.

    Raises:
        OSError: A file cannot be read, or changed meanwhile.
        OcrClientError: The server or its storage refused, or could not be reached.
    """
    sources: list[str] = []
    with ExitStack() as stack:
        tasks = _tasks(connection, files, _Storage(retry, stack))
        for source in map_in_order(tasks, _put, workers=AT_ONCE):
            sources.append(source)
            on_uploaded(len(sources))
    return sources


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    file: LocalFile
    target: UploadTarget
    storage: Connection


def _put(task: _Task) -> str:
    size_bytes = task.file.size_bytes
    headers = {**task.target.headers, "Content-Length": str(size_bytes)}

    def build() -> httpx.Request:
        content = file_chunks(task.file.path, size_bytes)
        return task.storage.request("PUT", task.target.url, headers=headers, content=content)

    task.storage.answer(build, task.storage.new_retries(repeatable=True), answer_timeout_s=ANSWER_TIMEOUT_S)
    return task.target.source


class _Storage:
    """Connections to where the URLs point. None of the API's own headers go there: a key is not for strangers."""

    def __init__(self, retry: RetryPolicy | None, stack: ExitStack) -> None:
        self._retry = retry
        self._stack = stack
        self._connections: dict[str, Connection] = {}

    def connection(self, url: str) -> Connection:
        """To the URL's host; called by one thread, closed with the stack."""
        try:
            origin = str(httpx.URL(url).copy_with(raw_path=b"/"))
            if origin not in self._connections:
                connection = Connection(origin, retry=self._retry, headers=None)
                self._connections[origin] = self._stack.enter_context(closing(connection))
        except (ValueError, httpx.InvalidURL) as error:
            raise UnexpectedAnswer("the server gave an upload target that is no URL") from error
        return self._connections[origin]


def _tasks(connection: Connection, files: Sequence[LocalFile], storage: _Storage) -> Iterator[_Task]:
    for first in range(0, len(files), TARGETS_AT_ONCE):
        some = files[first : first + TARGETS_AT_ONCE]
        for file, target in zip(some, _ask_for_targets(connection, some), strict=True):
            yield _Task(file=file, target=target, storage=storage.connection(target.url))


def _ask_for_targets(connection: Connection, files: Sequence[LocalFile]) -> list[UploadTarget]:
    # An empty file has no size that could be asked for. It becomes a document that cannot be read.
    wanted = {"files": [{"file_name": file.file_name, "size_bytes": file.size_bytes or None} for file in files]}
    content = json.dumps(wanted, ensure_ascii=False).encode()

    def build() -> httpx.Request:
        headers = {"Content-Type": "application/json"}
        return connection.request("POST", "/v1/uploads", headers=headers, content=content)

    body = connection.answer(build, connection.new_retries(repeatable=True), answer_timeout_s=ANSWER_TIMEOUT_S)
    targets = _decode_targets(body)
    if len(targets) != len(files):
        raise UnexpectedAnswer(f"the server gave {len(targets)} upload targets for {len(files)} files")
    return targets


def _decode_targets(body: bytes) -> list[UploadTarget]:
    try:
        return [
            UploadTarget(source=str(entry["source"]), url=str(entry["url"]), headers=dict(entry.get("headers") or {}))
            for entry in json.loads(body)["uploads"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer("the server answered something else than upload targets") from error
