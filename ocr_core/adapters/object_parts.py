"""The small parts of an object transfer: keys, bounded sources, downloads that are closed from elsewhere."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Generator
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import quote

from ocr_core.contracts.errors import DeadlineExceeded, DocumentTooLarge, InternalError

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig
    from mypy_boto3_s3 import S3Client
    from urllib3 import BaseHTTPResponse

_CHUNK_BYTES = 1 << 18
_PART_BYTES = 8 << 20
"""Of a multipart upload; S3 takes up to 10,000 parts of 5 MiB or more."""
_KEY = re.compile(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*")


def check_key(key: str, *, max_bytes: int) -> None:
    """Let a key pass that is made of ids alone.

    Raises:
        InternalError: it is empty, too long, or holds what no id holds: a caller's words have come in unchecked.
    """
    too_long = len(key) > max_bytes
    if too_long or not _KEY.fullmatch(key) or any(segment in {".", ".."} for segment in key.split("/")):
        raise InternalError("an object's key is segments of ids between slashes")


def disposition(untrusted_file_name: str) -> str:
    """``Content-Disposition`` for a download under that name (RFC 6266), whatever characters it holds."""
    return f"attachment; filename*=UTF-8''{quote(untrusted_file_name, safe='')}"


def transfer_config() -> TransferConfig:
    """Uploads in parts, one after the other on the calling thread: a part's memory at a time, and no more threads."""
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

    return TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False)


class BoundedFile:
    """A file as the transfer manager reads it, counted; it can be stopped from another thread."""

    def __init__(self, file: IO[bytes], *, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._stopped = threading.Event()
        self.size_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            DocumentTooLarge: more have come than there may be.
            DeadlineExceeded: nobody waits for the upload any more.
        """
        if self._stopped.is_set():
            raise DeadlineExceeded("the upload was given up")
        chunk = self._file.read(size)
        self.size_bytes += len(chunk)
        _check_size(self.size_bytes, self._max_bytes)
        return chunk

    def stop(self) -> None:
        """Let the next read fail."""
        self._stopped.set()


class Download:
    """One object's bytes: taken on one thread at a time, given up from any other.

    Nothing is asked of the store before the first chunk is.
    """

    def __init__(self, client: S3Client, *, bucket: str, key: str, max_bytes: int) -> None:
        self._chunks = self._read(client, bucket, key, max_bytes)
        self._taking = threading.Lock()
        self._given_up = threading.Event()
        self._response: BaseHTTPResponse | None = None

    def next_chunk(self) -> bytes | None:
        """The next chunk; null at the end.

        Raises:
            DocumentTooLarge: the object holds more than it may.
            BotoCoreError, ClientError, OSError: the store's own failures, for the caller to explain.
        """
        with self._taking:
            return next(self._chunks, None)

    def whole(self) -> bytes:
        """All of them; as ``next_chunk`` otherwise."""
        content = bytearray()
        while (chunk := self.next_chunk()) is not None:
            content += chunk
        return bytes(content)

    def give_up(self) -> None:
        """Let nothing more come, and wake the thread that waits for bytes: a store that stalls must not keep it."""
        self._given_up.set()
        response = self._response
        if response is not None:
            # The connection may have ended, or its last byte may have come, at this very moment.
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                response.shutdown()

    def close(self) -> None:
        """Let go of the connection, once nobody takes a chunk."""
        with self._taking:
            self._chunks.close()

    def _read(self, client: S3Client, bucket: str, key: str, max_bytes: int) -> Generator[bytes, None, None]:
        answer = client.get_object(Bucket=bucket, Key=key)
        # botocore's body opens to urllib3's response, which can be shut down from elsewhere.
        with (body := answer["Body"]) as response:
            self._response = cast("BaseHTTPResponse", response)
            try:
                # The stated length, where there is one, is the store's word; what comes is counted as well.
                _check_size(answer.get("ContentLength", 0), max_bytes)
                size_bytes = 0
                while not self._given_up.is_set() and (chunk := body.read(_CHUNK_BYTES)):
                    size_bytes += len(chunk)
                    _check_size(size_bytes, max_bytes)
                    yield chunk
            finally:
                self._response = None


def _check_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise DocumentTooLarge(f"the object holds more than the limit of {max_bytes} bytes (max_body_bytes)")
