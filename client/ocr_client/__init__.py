"""Python client of the Yomitori document-reading server."""

from ocr_client.async_client import AsyncOcrClient
from ocr_client.async_jobs import AsyncJobsClient
from ocr_client.async_stored_documents import AsyncStoredDocumentsClient
from ocr_client.client import OcrClient
from ocr_client.document_calls import DEFAULT_URL
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
from ocr_client.job_calls import DEFAULT_BULK_URL
from ocr_client.job_types import Job, JobCounts, JobStatus, LineError, LineStatus, ResultLine
from ocr_client.jobs import JobsClient
from ocr_client.retry import RetryPolicy
from ocr_client.stored_documents import StoredDocumentsClient
from ocr_client.submission import JobDocument
from ocr_client.types import OcrResult

__all__ = [
    "DEFAULT_BULK_URL",
    "DEFAULT_URL",
    "AnswerTimedOut",
    "ApiError",
    "AsyncJobsClient",
    "AsyncOcrClient",
    "AsyncStoredDocumentsClient",
    "DocumentRefused",
    "Job",
    "JobCounts",
    "JobDocument",
    "JobStatus",
    "JobsClient",
    "LineError",
    "LineStatus",
    "OcrClient",
    "OcrClientError",
    "OcrResult",
    "RequestRefused",
    "ResultLine",
    "RetryPolicy",
    "ServerBusy",
    "ServerFailed",
    "ServerUnreachable",
    "StoredDocumentsClient",
    "UnexpectedAnswer",
]
