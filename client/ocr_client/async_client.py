"""``AsyncOcrClient``: ``OcrClient`` for asyncio, method for method."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, Unpack, overload

from ocr_client.async_connection import AsyncConnection
from ocr_client.calls import OnSent
from ocr_client.document_calls import ANSWER_TIMEOUT_S, DEFAULT_URL, ReadOptions, Source, read_call, schemas_call
from ocr_client.endpoint import Endpoint, api_key_or_default
from ocr_client.retry import RetryPolicy
from ocr_client.types import Format, OcrResult, Schema


class AsyncOcrClient:
    """A connection to one server, for one event loop; its tasks may share it. To be closed after use.

    Example:
        >>> async with AsyncOcrClient() as client:  # doctest: +SKIP
        ...     result = await client.read("invoice.pdf")
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
        self._connection = AsyncConnection(Endpoint.of(url, retry=retry, headers=headers, api_key=key))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @overload
    async def read(
        self,
        source: Source,
        *,
        format: Literal["json"] = "json",
        file_name: str | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult: ...

    @overload
    async def read(
        self,
        source: Source,
        *,
        format: Literal["text", "markdown", "hocr", "alto", "pdf"],
        file_name: str | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[ReadOptions],
    ) -> bytes: ...

    @overload
    async def read(
        self,
        source: Source,
        *,
        format: Format,
        file_name: str | None = None,
        on_sent: OnSent | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult | bytes: ...

    async def read(
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
        return await self._connection.call(call)

    async def schemas(self) -> list[Schema]:
        """The schemas that the server has.

        Raises:
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """
        return await self._connection.call(schemas_call())

    async def is_ready(self) -> bool:
        """Whether the server says that its models are warm; false also where nothing answers."""
        return await self._connection.is_ready(timeout_s=ANSWER_TIMEOUT_S)
