"""``OcrClient``: one document in, its lines and fields out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, cast, overload

import httpx

from ocr_client.errors import AnswerTimedOut, OcrClientError, ServerUnreachable, UnexpectedAnswer, api_error_class
from ocr_client.retry import RETRIED_STATUSES, RetryPolicy, parse_retry_after_s
from ocr_client.types import Format, OcrResult, TextLayer

DEFAULT_URL = "http://127.0.0.1:8000"
# The server keeps the deadline itself; beyond it only the upload and the way back may take time.
ANSWER_GRACE_S = 15.0
CONNECT_TIMEOUT_S = 5.0
SERVER_DEFAULT_TIMEOUT_S = 5.0
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


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
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Connect when first used.

        Args:
            url: Where the sync API listens.
            retry: What to do about 429 and 503.
            headers: Sent with every request.

        Raises:
            ValueError: The URL is none.
        """
        self._retry = retry if retry is not None else RetryPolicy()
        try:
            base_url = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise ValueError(f"{url!r}: {error}") from error
        if base_url.scheme not in {"http", "https"} or not base_url.host:
            raise ValueError(f"{url!r} is not the URL of a server, like {DEFAULT_URL}")
        self._http = httpx.Client(
            # A proxy for the outside world must not see documents on their way to this machine.
            trust_env=base_url.host not in LOOPBACK_HOSTS,
            base_url=base_url,
            headers=dict(headers or {}),
            timeout=httpx.Timeout(SERVER_DEFAULT_TIMEOUT_S + ANSWER_GRACE_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        schema: str | None = None,
        pages: str | None = None,
        format: Literal["json"] = "json",
        timeout_s: float | None = None,
        text_layer: TextLayer | None = None,
        min_confidence: float | None = None,
        file_name: str | None = None,
    ) -> OcrResult: ...

    @overload
    def read(
        self,
        source: str | Path | bytes,
        *,
        schema: str | None = None,
        pages: str | None = None,
        format: Literal["text", "markdown"],
        timeout_s: float | None = None,
        text_layer: TextLayer | None = None,
        min_confidence: float | None = None,
        file_name: str | None = None,
    ) -> bytes: ...

    @overload
    def read(
        self,
        source: str | Path | bytes,
        *,
        schema: str | None = None,
        pages: str | None = None,
        format: Format,
        timeout_s: float | None = None,
        text_layer: TextLayer | None = None,
        min_confidence: float | None = None,
        file_name: str | None = None,
    ) -> OcrResult | bytes: ...

    def read(
        self,
        source: str | Path | bytes,
        *,
        schema: str | None = None,
        pages: str | None = None,
        format: Format = "json",  # noqa: A002 - the API's own name
        timeout_s: float | None = None,
        text_layer: TextLayer | None = None,
        min_confidence: float | None = None,
        file_name: str | None = None,
    ) -> OcrResult | bytes:
        """Read one document. What is left out takes the server's default.

        Args:
            source: A path, or the document's bytes.
            schema: ``auto``, ``invoice``, ``receipt``, ``none``, or several with commas.
            pages: 1-based selection such as ``1-3,7``.
            format: ``json`` gives the parsed result, any other format its bytes.
            timeout_s: The deadline that the server keeps for the whole request, at most 30.
            text_layer: ``prefer`` uses a PDF's own text where it is sound.
            min_confidence: Fields below it are null.
            file_name: What the result calls the document; a path's own name if left out.

        Raises:
            OSError: The file cannot be read.
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """
        if isinstance(source, bytes):
            content = source
        else:
            content = Path(source).read_bytes()
            file_name = file_name or Path(source).name
        wishes: dict[str, object] = {
            "schema": schema,
            "pages": pages,
            "format": format,
            "timeout_s": timeout_s,
            "text_layer": text_layer,
            "min_confidence": min_confidence,
        }
        body = self._post(
            "/v1/ocr",
            content=content,
            file_name=file_name or "document",
            params={name: str(value) for name, value in wishes.items() if value is not None},
            answer_timeout_s=(timeout_s or SERVER_DEFAULT_TIMEOUT_S) + ANSWER_GRACE_S,
        )
        return _decode_result(body) if format == "json" else body

    def is_ready(self) -> bool:
        """Whether the server says that its models are warm; false also where nothing answers."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _post(
        self, path: str, *, content: bytes, file_name: str, params: dict[str, str], answer_timeout_s: float
    ) -> bytes:
        """Send until it is answered with anything but "come back later", or the retries are used up."""
        attempt = 0
        while True:
            try:
                response = self._http.post(
                    path,
                    params=params,
                    files={"file": (file_name, content, "application/octet-stream")},
                    timeout=httpx.Timeout(answer_timeout_s, connect=CONNECT_TIMEOUT_S),
                )
            except httpx.ConnectTimeout as error:
                raise ServerUnreachable(f"no connection to {self._http.base_url} in {CONNECT_TIMEOUT_S:g} s") from error
            except httpx.TimeoutException as error:
                raise AnswerTimedOut(f"no answer from {self._http.base_url} in {answer_timeout_s:g} s") from error
            except httpx.TransportError as error:
                raise ServerUnreachable(f"{self._http.base_url}: {error or type(error).__name__}") from error
            if response.is_success:
                return response.content
            if response.status_code not in RETRIED_STATUSES or attempt >= self._retry.max_retries:
                raise _error_of(response)
            time.sleep(self._retry.wait_s(attempt, parse_retry_after_s(response.headers)))
            attempt += 1


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


def _error_of(response: httpx.Response) -> OcrClientError:
    """The exception for an error answer: an ``ApiError``, unless it is not this API that answered."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return UnexpectedAnswer(f"the server answered {response.status_code} without a problem description")
    request_id = problem.get("request_id")
    return api_error_class(response.status_code)(
        code=problem["code"],
        status=response.status_code,
        detail=str(problem.get("detail", "")),
        request_id=request_id if isinstance(request_id, str) else None,
        retry_after_s=parse_retry_after_s(response.headers),
    )
