"""``OcrClient``: one document in, its lines and fields out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypedDict, Unpack, cast, overload

import httpx

from ocr_client.connection import Connection, api_key_or_default
from ocr_client.documents import readable_name
from ocr_client.errors import UnexpectedAnswer
from ocr_client.retry import RetryPolicy
from ocr_client.types import Format, OcrResult, Schema, TextLayer

DEFAULT_URL = "http://127.0.0.1:8000"
# The server keeps the deadline itself; beyond it only the upload and the way back may take time.
ANSWER_GRACE_S = 15.0
SERVER_DEFAULT_TIMEOUT_S = 5.0


class ReadOptions(TypedDict, total=False):
    """What may be asked for beside the format, under the API's own names; what is left out or null is its default."""

    schema: str | None
    """``auto``, ``none``, or names of schemas with commas: ``invoice``, ``receipt``, or the server's own."""
    pages: str | None
    """1-based selection such as ``1-3,7``."""
    timeout_s: float | None
    """The deadline that the server keeps for the whole request, at most 30."""
    text_layer: TextLayer | None
    """``prefer`` uses a PDF's own text where it is sound."""
    min_confidence: float | None
    """Fields below it are null."""
    store: bool | None
    """False: nothing of the document is kept, also where the tenant has retention."""


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

    @overload
    def read(
        self,
        source: str | Path | bytes,
        *,
        format: Literal["json"] = "json",
        file_name: str | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult: ...

    @overload
    def read(
        self,
        source: str | Path | bytes,
        *,
        format: Literal["text", "markdown", "hocr", "alto", "pdf"],
        file_name: str | None = None,
        **options: Unpack[ReadOptions],
    ) -> bytes: ...

    @overload
    def read(
        self,
        source: str | Path | bytes,
        *,
        format: Format,
        file_name: str | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult | bytes: ...

    def read(
        self,
        source: str | Path | bytes,
        *,
        format: Format = "json",  # noqa: A002 - the API's own name
        file_name: str | None = None,
        **options: Unpack[ReadOptions],
    ) -> OcrResult | bytes:
        """Read one document.

        Args:
            source: A path, or the document's bytes.
            format: ``json`` gives the parsed result, any other format its bytes.
            file_name: What the result calls the document; a path's own name if left out.
            options: See ``ReadOptions``.

        Raises:
            OSError: The file cannot be read.
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """
        if isinstance(source, bytes):
            content = source
        else:
            content = Path(source).read_bytes()
            file_name = file_name or readable_name(Path(source).name)
        upload = {"file": (file_name or "document", content, "application/octet-stream")}
        wishes = {"format": format, **{name: _written(value) for name, value in options.items() if value is not None}}

        def build() -> httpx.Request:
            return self._connection.request("POST", "/v1/ocr", params=wishes, files=upload)

        answer_timeout_s = (options.get("timeout_s") or SERVER_DEFAULT_TIMEOUT_S) + ANSWER_GRACE_S
        retries = self._connection.new_retries(repeatable=False)
        body = self._connection.answer(build, retries, answer_timeout_s=answer_timeout_s)
        return _decode_result(body) if format == "json" else body

    def schemas(self) -> list[Schema]:
        """The schemas that the server has.

        Raises:
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """

        def build() -> httpx.Request:
            return self._connection.request("GET", "/v1/schemas")

        retries = self._connection.new_retries(repeatable=True)
        body = self._connection.answer(build, retries, answer_timeout_s=SERVER_DEFAULT_TIMEOUT_S + ANSWER_GRACE_S)
        return _decode_schemas(body)

    def is_ready(self) -> bool:
        """Whether the server says that its models are warm; false also where nothing answers."""
        return self._connection.is_ready(answer_timeout_s=SERVER_DEFAULT_TIMEOUT_S + ANSWER_GRACE_S)


def _written(value: object) -> str:
    """A parameter as the API writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decode_result(body: bytes) -> OcrResult:
    """Parse a 200's JSON.

    Raises:
        UnexpectedAnswer: it is not an OCR result.
    """
    try:
        untrusted = json.loads(body)
    except ValueError as error:
        raise UnexpectedAnswer("the server answered 200 without JSON") from error
    if not isinstance(untrusted, dict) or "pages" not in untrusted:
        raise UnexpectedAnswer("the server answered 200 without an OCR result")
    return cast("OcrResult", untrusted)


def _decode_schemas(body: bytes) -> list[Schema]:
    """Parse a 200's JSON.

    Raises:
        UnexpectedAnswer: it is no list of schemas.
    """
    try:
        untrusted = json.loads(body)
    except ValueError as error:
        raise UnexpectedAnswer("the server answered 200 without JSON") from error
    if not isinstance(untrusted, dict) or not isinstance(untrusted.get("schemas"), list):
        raise UnexpectedAnswer("the server answered 200 without a list of schemas")
    return cast("list[Schema]", untrusted["schemas"])
