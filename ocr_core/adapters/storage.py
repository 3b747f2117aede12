"""Object storage over S3's protocol. boto3 blocks, so it runs in threads of its own, a bounded number of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING

from ocr_core.adapters.aws_clients import s3_client
from ocr_core.adapters.object_parts import Download
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, Forbidden, InvalidRequest, NotReady, OcrError
from ocr_core.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READ_TIMEOUT_S = 5.0
_ATTEMPTS = 2

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_BETWEEN_THE_STORE_AND_US = frozenset(
    {
        "AccountProblem",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "IllegalLocationConstraintException",
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "InvalidToken",
        "NotSignedUp",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "SignatureDoesNotMatch",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TokenRefreshRequired",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
"""Refusals of our keys, clock, region or pace, whatever their status: the same document may be read later."""


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
            DeadlineExceeded: the deadline passed.
        """
        if self._client is None or self._executor is None:
            raise NotReady("object storage is not configured")
        deadline.check("download")
        download = Download(self._client, bucket=bucket, key=key, max_bytes=max_bytes)
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await asyncio.get_running_loop().run_in_executor(self._executor, _fetch, download)
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed before stage 'download' ended") from None
        finally:
            download.give_up()

    def _make_client(self) -> S3Client:
        return s3_client(
            self._settings,
            max_connections=self._settings.max_downloads,
            read_timeout_s=_READ_TIMEOUT_S,
            attempts=_ATTEMPTS,
        )


def _fetch(download: Download) -> bytes:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        return download.whole()
    except ClientError as error:
        raise _explain(error.response) from None
    except (BotoCoreError, OSError):
        raise NotReady("object storage does not answer") from None


def _explain(response: object) -> OcrError:
    """What a refusal of the store means for the caller. Its message stays out: it may name our credentials."""
    match response:
        case {"Error": {"Code": "NoSuchKey" | "NoSuchBucket" | "404"}}:
            # 400 and not 404: the route exists, one of its parameters is off, and api.md's table for it has no 404.
            return InvalidRequest("parameter 'source': there is no such object")
        case {"Error": {"Code": str(code)}} if code in _BETWEEN_THE_STORE_AND_US:
            return NotReady(f"object storage refuses this service: {code}")
        case {"ResponseMetadata": {"HTTPStatusCode": 401 | 403}}:
            # Also S3's answer for a missing key to those who may not list the bucket.
            return Forbidden("parameter 'source': object storage does not let this service read that object")
        case {"ResponseMetadata": {"HTTPStatusCode": int(status)}} if _is_refusal(status):
            return InvalidRequest("parameter 'source': object storage does not take that name")
        case _:
            return NotReady("object storage failed")


def _is_refusal(status: int) -> bool:
    """Of what was asked for, rather than of its moment or its place."""
    return status // 100 == 4 and status not in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
