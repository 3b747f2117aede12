"""``OcrClient``: one document in, its lines and fields out."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, Unpack, overload

from ocr_client.calls import OnSent
from ocr_client.connection import Connection
from ocr_client.document_calls import ANSWER_TIMEOUT_S, DEFAULT_URL, ReadOptions, Source, read_call, schemas_call
from ocr_client.endpoint import Endpoint, api_key_or_default
from ocr_client.retry import RetryPolicy
from ocr_client.types import Format, OcrResult, Schema


class OcrClient:
    """A connection to one server; safe to share between threads, to be closed after use.

    Example:
        >>> with OcrClient() as client:  # doctest: +SKIP
        ...     result = client.read("invoice.pdf")
        ...     print(result["text"])
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Connect when first used.

        Args:
            url: Where the sync API listens.
            api_key: Where the server wants one; the environment's ``OCR_API_KEY`` where it is left out. Empty: none.
            retry: What to do about 429 and 503.
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

    @overload
    def read(
        self,
        source: Source,
        *,
        format: Literal["json"] = "json",
        file_name: str | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult: ...

    @overload
    def read(
        self,
        source: Source,
        *,
        format: Literal["text", "markdown", "hocr", "alto", "pdf"],
        file_name: str | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[ReadOptions],
    ) -> bytes: ...

    @overload
    def read(
        self,
        source: Source,
        *,
        format: Format,
        file_name: str | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult | bytes: ...

    def read(
        self,
        source: Source,
        *,
        format: Format = "json",  # noqa: A002 - the API's own name
        file_name: str | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult | bytes:
        """Read one document.

        Args:
            source: A path, or the document's bytes.
            format: ``json`` gives the parsed result, any other format its bytes.
            file_name: What the result calls the document; a path's own name if left out.
            on_sent: Told how many bytes are on their way, and how many there are.
            options: See ``ReadOptions``.

        Raises:
            OSError: The file cannot be read.
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """
        call = read_call(source, format=format, file_name=file_name, on_sent=on_sent, options=options)
        return self._connection.call(call)

    def schemas(self) -> list[Schema]:
        """The schemas that the server has.

        Raises:
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """
        return self._connection.call(schemas_call())

    def is_ready(self) -> bool:
        """Whether the server says that its models are warm; false also where nothing answers."""
        return self._connection.is_ready(timeout_s=ANSWER_TIMEOUT_S)
