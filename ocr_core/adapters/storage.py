"""Object storage over S3's protocol. boto3 blocks, so it runs in threads of its own, a bounded number of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from ocr_core.adapters.aws_clients import s3_client
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DocumentTooLarge, Forbidden, InvalidRequest, NotReady, OcrError
from ocr_core.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 1 << 18
_READ_TIMEOUT_S = 5.0
_ATTEMPTS = 2


class S3Storage:
    """Reads objects. It knows nothing of who may read what: that is the caller's to check first."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._client: S3Client | None = None
        self._executor: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Make the client: about 0.3 s of imports and service descriptions, which no request should pay."""
        self._executor = ThreadPoolExecutor(self._settings.max_downloads, thread_name_prefix="storage")
        self._client = await asyncio.get_running_loop().run_in_executor(self._executor, self._make_client)

    async def close(self) -> None:
        """Let go of threads and connections; downloads still running end by themselves."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def fetch(self, bucket: str, key: str, *, max_bytes: int, deadline: Deadline) -> bytes:
        """Read one whole object.

        Raises:
            InvalidRequest: there is no such object.
            Forbidden: the store refuses our credentials.
            DocumentTooLarge: the object holds more than ``max_bytes``.
            NotReady: the store does not answer.
            DeadlineExceeded: the deadline passed between two chunks.
        """
        if self._client is None or self._executor is None:
            raise NotReady("object storage is not configured")
        abandoned = threading.Event()
        try:
            download = partial(
                self._fetch,
                self._client,
                bucket=bucket,
                key=key,
                max_bytes=max_bytes,
                deadline=deadline,
                abandoned=abandoned,
            )
            return await asyncio.get_running_loop().run_in_executor(self._executor, download)
        finally:
            abandoned.set()  # a cancelled request leaves its thread behind; it stops at the next chunk

    def _make_client(self) -> S3Client:
        return s3_client(
            self._settings,
            max_connections=self._settings.max_downloads,
            read_timeout_s=_READ_TIMEOUT_S,
            attempts=_ATTEMPTS,
        )

    @staticmethod
    def _fetch(
        client: S3Client, *, bucket: str, key: str, max_bytes: int, deadline: Deadline, abandoned: threading.Event
    ) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        deadline.check("download")
        try:
            content = bytearray()
            for chunk in read_chunks(client, bucket=bucket, key=key, max_bytes=max_bytes):
                content += chunk
                deadline.check("download")
                if abandoned.is_set():
                    return b""
            return bytes(content)
        except ClientError as error:
            raise _explain(error.response) from None
        except (BotoCoreError, OSError):
            raise NotReady("object storage does not answer") from None


def read_chunks(client: S3Client, *, bucket: str, key: str, max_bytes: int) -> Generator[bytes, None, None]:
    """Read an object; its connection is let go when the iterator ends or is closed.

    Raises:
        DocumentTooLarge: the object holds more than ``max_bytes``.
        BotoCoreError, ClientError, OSError: the store's own failures, for the caller to explain.
    """
    answer = client.get_object(Bucket=bucket, Key=key)
    with closing(answer["Body"]) as body:
        _check_size(answer["ContentLength"], max_bytes)
        size_bytes = 0
        # The stated length is the store's word; what comes is counted as well.
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            size_bytes += len(chunk)
            _check_size(size_bytes, max_bytes)
            yield chunk


def _check_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise DocumentTooLarge(f"the object holds more than the limit of {max_bytes} bytes (max_body_bytes)")


def _explain(response: object) -> OcrError:
    """What a refusal of the store means for the caller. Its message stays out: it may name our credentials."""
    match response:
        case {"Error": {"Code": "NoSuchKey" | "NoSuchBucket" | "404"}}:
            # 400 and not 404: the route exists, one of its parameters is off, and api.md's table for it has no 404.
            return InvalidRequest("parameter 'source': there is no such object")
        case {"ResponseMetadata": {"HTTPStatusCode": 401 | 403}}:
            # Also S3's answer for a missing key to those who may not list the bucket.
            return Forbidden("parameter 'source': object storage does not let this service read that object")
        case {"ResponseMetadata": {"HTTPStatusCode": int(status)}} if status < 500:
            return InvalidRequest("parameter 'source': object storage does not take that name")
        case _:
            return NotReady("object storage failed")
