"""Python client of the Yomitori document-reading server."""

from ocr_client.client import DEFAULT_URL, OcrClient
from ocr_client.errors import (
    AnswerTimedOut,
    ApiError,
    DocumentRefused,
    OcrClientError,
    RequestRefused,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    UnexpectedAnswer,
)
from ocr_client.retry import RetryPolicy
from ocr_client.types import OcrResult

__all__ = [
    "DEFAULT_URL",
    "AnswerTimedOut",
    "ApiError",
    "DocumentRefused",
    "OcrClient",
    "OcrClientError",
    "OcrResult",
    "RequestRefused",
    "RetryPolicy",
    "ServerBusy",
    "ServerFailed",
    "ServerUnreachable",
    "UnexpectedAnswer",
]
