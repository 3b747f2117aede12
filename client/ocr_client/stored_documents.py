"""``StoredDocumentsClient``: what the server keeps of documents, where the tenant has retention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from ocr_client.connection import Connection
from ocr_client.endpoint import Endpoint, api_key_or_default
from ocr_client.job_calls import DEFAULT_BULK_URL
from ocr_client.retry import RetryPolicy
from ocr_client.stored_calls import correct_call, delete_call, documents_flow, page_image_call, result_call
from ocr_client.stored_types import Correction, NewCorrection, StoredDocument, StoredResult


class StoredDocumentsClient:
    """A connection to one bulk API, which has these routes; safe to share between threads, to be closed after use.

    Example:
        >>> with StoredDocumentsClient() as documents:  # doctest: +SKIP
        ...     for document in documents.list():
        ...         print(document["id"], document["file_name"], document["stored_until"])
    """

    def __init__(
        self,
        url: str = DEFAULT_BULK_URL,
        *,
        api_key: str | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Connect when first used.

        Args:
            url: Where the bulk API listens.
            api_key: Where the server wants one; the environment's ``OCR_API_KEY`` where it is left out. Empty: none.
            retry: What to do where an answer is lost, or says "later".
            headers: Sent with every request.

        Raises:
            ValueError: The URL is none, or the key could not be one.
        """
        key = api_key_or_default(api_key)
        self._connection = Connection(Endpoint.of(url, retry=retry, headers=headers, api_key=key))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def list(self, *, sha256: str | None = None) -> Iterator[StoredDocument]:
        """Stored documents, newest first, asked for as they are taken.

        Args:
            sha256: Only those of exactly these bytes.

        Raises:
            OcrClientError: See ``ocr_client.errors``.
        """
        return self._connection.iterate(documents_flow(self._connection.endpoint, sha256=sha256))

    def get(self, document_id: str) -> StoredResult:
        """A document's result, and what was put right in it.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 404 where there is no such document.
        """
        return self._connection.call(result_call(document_id))

    def page_image(self, document_id: str, number: int) -> bytes:
        """The image of a page, 1-based: a JPEG, or a PNG where it is black and white alone.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 404 where there is none.
        """
        return self._connection.call(page_image_call(document_id, number))

    def correct(
        self, document_id: str, corrections: Sequence[NewCorrection], *, corrected_by: str | None = None
    ) -> Sequence[Correction]:
        """Say what values should have been; all of it is taken, or nothing. A lost answer is not asked for again.

        Args:
            document_id: Which document.
            corrections: See ``NewCorrection``.
            corrected_by: The person, in your own words.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 400 names what a field's type does not allow.
        """
        return self._connection.call(correct_call(document_id, corrections, corrected_by=corrected_by))

    def delete(self, document_id: str) -> bool:
        """Delete a document; whether it is gone from object storage as well already. Nobody can read it either way.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 404 where there is no such document.
        """
        return self._connection.call(delete_call(document_id))
