"""HTTP to one server of this house: its URL, its error answers, and what is sent again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from ocr_client.errors import AnswerTimedOut, OcrClientError, ServerUnreachable, UnexpectedAnswer, api_error_class
from ocr_client.retry import Retries, RetryPolicy, parse_retry_after_s

CONNECT_TIMEOUT_S = 5.0
API_KEY_VARIABLE = "OCR_API_KEY"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def api_key_or_default(api_key: str | None) -> str | None:
    """The key that was given, or the environment's.

    Raises:
        ValueError: it could not stand in a header.
    """
    key = (os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key).strip()
    if not all("!" <= character <= "~" for character in key):
        raise ValueError(f"the API key ({API_KEY_VARIABLE}) holds other than printable ASCII characters")
    return key or None


class Connection:
    """Connections to one server; safe to share between threads, to be closed after use."""

    def __init__(
        self, url: str, *, retry: RetryPolicy | None, headers: Mapping[str, str] | None, api_key: str | None = None
    ) -> None:
        """Connect when first used.

        Args:
            url: The server's.
            retry: What to do about answers that say "later".
            headers: Sent with every request.
            api_key: Likewise, as ``Authorization``; null: none is sent, whatever the environment says.

        Raises:
            ValueError: The URL is none.
        """
        try:
            base_url = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise ValueError(f"{url!r}: {error}") from error
        if base_url.scheme not in {"http", "https"} or not base_url.host:
            raise ValueError(f"{url!r} is not the URL of a server, like http://127.0.0.1:8000")
        all_headers = httpx.Headers({"Authorization": f"Bearer {api_key}"} if api_key else {})
        all_headers.update(dict(headers or {}))  # whoever sets his own Authorization means it
        self._retry = retry if retry is not None else RetryPolicy()
        self._closed = threading.Event()
        self._http = httpx.Client(
            # A proxy for the outside world must not see documents on their way to this machine.
            trust_env=base_url.host not in LOOPBACK_HOSTS,
            base_url=base_url,
            headers=all_headers,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        )

    def close(self) -> None:
        """Close the connections; whoever waits before a repeat gets the error that it would have repeated after."""
        self._closed.set()
        self._http.close()

    def pause(self, duration_s: float) -> None:
        """Wait, unless the client is closed meanwhile.

        Raises:
            OcrClientError: it was.
        """
        if self._closed.wait(duration_s):
            raise OcrClientError("the client was closed")

    def new_retries(self, policy: RetryPolicy | None = None, *, repeatable: bool) -> Retries:
        """Counts the repeats of one operation; its waits end when the connection is closed."""
        return Retries(policy if policy is not None else self._retry, self._closed, repeatable=repeatable)

    def answer(self, build: Callable[[], httpx.Request], retries: Retries, *, answer_timeout_s: float) -> bytes:
        """The body of the first answer that is a success; what may pass is waited for.

        Args:
            build: Makes the request, anew for each attempt: a body that streams is used up by one.
            retries: What is waited for, and for how long.
            answer_timeout_s: Of each attempt.

        Raises:
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """
        while True:
            try:
                with self.stream(build(), read_timeout_s=answer_timeout_s) as response:
                    return response.read()
            except OcrClientError as error:
                retries.wait_after(error)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> httpx.Request:
        """A request below the server's URL, not sent yet."""
        return self._http.build_request(method, path, params=params, headers=headers, content=content, files=files)

    @contextmanager
    def stream(self, request: httpx.Request, *, read_timeout_s: float) -> Iterator[httpx.Response]:
        """Send once; the answer's body is read within the context, and its faults are raised in our words there.

        Raises:
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer, ApiError: See ``ocr_client.errors``.
        """
        if self._closed.is_set():
            raise OcrClientError("the client was closed")
        request.extensions["timeout"] = httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S).as_dict()
        try:
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise error_of(response)
                yield response
            finally:
                response.close()
        except httpx.ConnectTimeout as error:
            message = f"no connection to {self._http.base_url} in {CONNECT_TIMEOUT_S:g} s"
            raise ServerUnreachable(message, connected=False) from error
        except httpx.TimeoutException as error:
            raise AnswerTimedOut(f"no answer from {self._http.base_url} in {read_timeout_s:g} s") from error
        except httpx.TransportError as error:
            message = f"{self._http.base_url}: {error or type(error).__name__}"
            raise ServerUnreachable(message, connected=not isinstance(error, httpx.ConnectError)) from error
        except httpx.DecodingError as error:
            raise UnexpectedAnswer(f"{self._http.base_url}: {error}") from error

    def is_ready(self, *, answer_timeout_s: float) -> bool:
        """Whether the server says that it is ready; false also where nothing answers."""
        try:
            return self._http.get("/readyz", timeout=answer_timeout_s).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def error_of(response: httpx.Response) -> OcrClientError:
    """The exception for an error answer: an ``ApiError``, unless it is not this API that answered."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        message = f"the server answered {response.status_code} without a problem description"
        return UnexpectedAnswer(message, status=response.status_code)
    request_id = problem.get("request_id")
    return api_error_class(response.status_code)(
        code=problem["code"],
        status=response.status_code,
        detail=str(problem.get("detail", "")),
        request_id=request_id if isinstance(request_id, str) else None,
        retry_after_s=parse_retry_after_s(response.headers),
    )
