"""The small parts of an object transfer: keys, bounded sources, downloads that are closed from elsewhere."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from ocr_core.contracts.errors import DeadlineExceeded, DocumentTooLarge, InternalError

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig

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
        if self.size_bytes > self._max_bytes:
            raise DocumentTooLarge(f"the object holds more than the limit of {self._max_bytes} bytes (max_body_bytes)")
        return chunk

    def stop(self) -> None:
        """Let the next read fail."""
        self._stopped.set()


class Download:
    """Chunks that are taken on one thread and may be given up on another."""

    def __init__(self, chunks: Generator[bytes, None, None]) -> None:
        self._chunks = chunks
        self._lock = threading.Lock()

    def next_chunk(self) -> bytes | None:
        """The next chunk; null at the end."""
        with self._lock:
            return next(self._chunks, None)

    def close(self) -> None:
        """Let go of the connection, once the chunk that is under way has come."""
        with self._lock:
            self._chunks.close()
