"""What can go wrong between a caller and the server, as one tree.

::

    OcrClientError
      ├ ServerUnreachable    no connection, or it broke before the answer came
      ├ AnswerTimedOut       the server kept silent past the deadline and its grace
      ├ UnexpectedAnswer     something answered, but not this API
      └ ApiError             problem+json: code, status, detail, request_id
          ├ RequestRefused   400, 401, 403, 404, 405: nothing is wrong with the document
          ├ DocumentRefused  413, 415, 422: these bytes will fail again
          ├ ServerBusy       429, 503: still so after the retries
          └ ServerFailed     500, 502, 504
"""

from __future__ import annotations


class OcrClientError(Exception):
    """Base of the tree."""


class ServerUnreachable(OcrClientError):
    """No connection to the server, or it broke before the answer was complete.

    Attributes:
        connected: There was a connection, so the server may have heard something.
    """

    def __init__(self, message: str, *, connected: bool = True) -> None:
        super().__init__(message)
        self.connected = connected


class AnswerTimedOut(OcrClientError):
    """No answer within the deadline and a grace beyond it."""


class UnexpectedAnswer(OcrClientError):
    """The answer is not what this API gives; something else may listen on that address, or stand before it.

    Attributes:
        status: HTTP status, where that was all that could be understood.
        retry_after_s: Seconds after which whatever answered wants to be asked again, where it says so.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class ApiError(OcrClientError):
    """The server's problem+json.

    Attributes:
        code: The API's own name of the problem, such as ``password_required``.
        status: HTTP status.
        detail: What the server says of it.
        request_id: For looking it up in the server's logs; null where the answer names none.
        retry_after_s: Seconds after which the server wants to be asked again, where it says so.
    """

    def __init__(
        self, *, code: str, status: int, detail: str, request_id: str | None, retry_after_s: float | None
    ) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.code = code
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class RequestRefused(ApiError):
    """The request is off or not allowed; nothing is said of the document."""


class DocumentRefused(ApiError):
    """The document is too large, of an unknown kind, broken or locked."""


class ServerBusy(ApiError):
    """Too many documents at once, or not ready yet; retries did not help."""


class ServerFailed(ApiError):
    """The server failed, or the deadline passed inside it."""


_CLASSES_BY_STATUS: dict[int, type[ApiError]] = {
    413: DocumentRefused,
    415: DocumentRefused,
    422: DocumentRefused,
    429: ServerBusy,
    503: ServerBusy,
}


def api_error_class(status: int) -> type[ApiError]:
    """Which of the tree's leaves a status belongs to."""
    return _CLASSES_BY_STATUS.get(status, RequestRefused if status < 500 else ServerFailed)
