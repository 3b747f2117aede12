"""What both kinds of connection know of a server: its URL, what is sent with each request, and what errors mean."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from ocr_client.errors import AnswerTimedOut, OcrClientError, ServerUnreachable, UnexpectedAnswer, api_error_class
from ocr_client.retry import Retries, RetryPolicy, parse_retry_after_s

CONNECT_TIMEOUT_S = 5.0
API_KEY_VARIABLE = "OCR_API_KEY"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=16)


def api_key_or_default(api_key: str | None) -> str | None:
    """The key that was given, or the environment's.

    Raises:
        ValueError: it could not stand in a header.
    """
    key = (os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key).strip()
    if not all("!" <= character <= "~" for character in key):
        raise ValueError(f"the API key ({API_KEY_VARIABLE}) holds other than printable ASCII characters")
    return key or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One server of this house; make it with ``of``."""

    url: httpx.URL
    headers: httpx.Headers
    retry: RetryPolicy

    @classmethod
    def of(
        cls,
        url: str,
        *,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
    ) -> Endpoint:
        """Check what was given.

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
        return cls(url=base_url, headers=all_headers, retry=retry if retry is not None else RetryPolicy())

    @property
    def trusts_environment(self) -> bool:
        """A proxy for the outside world must not see documents on their way to this machine."""
        return self.url.host not in LOOPBACK_HOSTS

    def new_retries(self, policy: RetryPolicy | None = None, *, repeatable: bool) -> Retries:
        """Counts the repeats of one operation."""
        return Retries(policy if policy is not None else self.retry, repeatable=repeatable)

    @contextmanager
    def told(self, silence_s: float) -> Iterator[None]:
        """What goes wrong on the network within it is raised in our words.

        Raises:
            ServerUnreachable, AnswerTimedOut, UnexpectedAnswer: See ``ocr_client.errors``.
        """
        try:
            yield
        except httpx.ConnectTimeout as error:
            message = f"no connection to {self.url} in {CONNECT_TIMEOUT_S:g} s"
            raise ServerUnreachable(message, connected=False) from error
        except httpx.TimeoutException as error:
            raise AnswerTimedOut(f"no answer from {self.url} in {silence_s:g} s") from error
        except httpx.TransportError as error:
            message = f"{self.url}: {error or type(error).__name__}"
            raise ServerUnreachable(message, connected=not isinstance(error, httpx.ConnectError)) from error
        except httpx.DecodingError as error:
            raise UnexpectedAnswer(f"{self.url}: {error}") from error


def timeout_extension(silence_s: float) -> dict[str, object]:
    """Httpx's own form of a timeout that one request has.

    Silence is the server's. The wait for one of our own connections, where many calls come at once, has no end: a call
    that was not sent yet has not been answered late.
    """
    return {"timeout": httpx.Timeout(silence_s, connect=CONNECT_TIMEOUT_S, pool=None).as_dict()}


def media_type_of(response: httpx.Response) -> str:
    """Without its parameters; empty where there is none."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip()


def error_of(response: httpx.Response) -> OcrClientError:
    """The exception for an error answer: an ``ApiError``, unless it is not this API that answered."""
    retry_after_s = parse_retry_after_s(response.headers)
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        message = f"the server answered {response.status_code} without a problem description"
        return UnexpectedAnswer(message, status=response.status_code, retry_after_s=retry_after_s)
    request_id = problem.get("request_id")
    return api_error_class(response.status_code)(
        code=problem["code"],
        status=response.status_code,
        detail=str(problem.get("detail", "")),
        request_id=request_id if isinstance(request_id, str) else None,
        retry_after_s=retry_after_s,
    )
