"""``StoredDocumentsClient``: what the server keeps of documents, where the tenant has retention."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from ocr_client.connection import Connection, api_key_or_default
from ocr_client.errors import UnexpectedAnswer
from ocr_client.jobs import ANSWER_TIMEOUT_S, DEFAULT_BULK_URL
from ocr_client.retry import RetryPolicy
from ocr_client.stored_types import Correction, NewCorrection, StoredDocument, StoredResult

LISTED_AT_ONCE = 100


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
        self._connection = Connection(url, retry=retry, headers=headers, api_key=api_key_or_default(api_key))

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
        cursor: str | None = None
        while True:
            wanted = {"limit": str(LISTED_AT_ONCE), "sha256": sha256, "cursor": cursor}
            params = {name: value for name, value in wanted.items() if value is not None}
            page = self._json("GET", "/v1/documents", "documents", params=params)
            yield from cast("Sequence[StoredDocument]", page["documents"])
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def get(self, document_id: str) -> StoredResult:
        """A document's result, and what was put right in it.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 404 where there is no such document.
        """
        return cast("StoredResult", self._json("GET", _path(document_id), "pages"))

    def page_image(self, document_id: str, number: int) -> bytes:
        """The image of a page, 1-based: a JPEG, or a PNG where it is black and white alone.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 404 where there is none.
        """
        return self._answer("GET", f"{_path(document_id)}/pages/{number}")

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
        body: dict[str, object] = {"corrections": list(corrections)}
        if corrected_by is not None:
            body["corrected_by"] = corrected_by
        told = self._json(
            "POST",
            f"{_path(document_id)}/corrections",
            "corrections",
            content=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            repeatable=False,
        )
        return cast("Sequence[Correction]", told["corrections"])

    def delete(self, document_id: str) -> bool:
        """Delete a document; whether it is gone from object storage as well already. Nobody can read it either way.

        Raises:
            OcrClientError: See ``ocr_client.errors``; 404 where there is no such document.
        """
        return self._answer("DELETE", _path(document_id)) == b""

    def _json(self, method: str, path: str, holds: str, **more: Any) -> dict[str, Any]:
        body = self._answer(method, path, **more)
        try:
            untrusted = json.loads(body)
        except ValueError as error:
            raise UnexpectedAnswer("the server answered with a success and without JSON") from error
        if not isinstance(untrusted, dict) or not isinstance(untrusted.get(holds), list):
            raise UnexpectedAnswer(f"the server answered with a success and without '{holds}'")
        return untrusted

    def _answer(self, method: str, path: str, *, repeatable: bool = True, **more: Any) -> bytes:
        build: Callable[[], httpx.Request] = lambda: self._connection.request(method, path, **more)  # noqa: E731
        retries = self._connection.new_retries(repeatable=repeatable)
        return self._connection.answer(build, retries, answer_timeout_s=ANSWER_TIMEOUT_S)


def _path(document_id: str) -> str:
    return f"/v1/documents/{quote(document_id, safe='')}"
