"""Every way a document can fail, as one tree.

::

    bytes in ──► open ──► detect ──► recognise ──► structure ──► answer out
      │            │          └───────┬──────┘         │
      │            │                  │                └ InternalError            500
      │            │                  ├ NotReady                                  503
      │            │                  └ Overloaded                                429
      │            ├ UnsupportedMediaType                                          415
      │            ├ DocumentTooLarge                                              413
      │            ├ UnreadableDocument ─ PasswordRequired                         422
      │            └ UnreadablePage (one page; its neighbours are read)
      ├ InvalidRequest                                                             400
      ├ Unauthenticated / Forbidden                                                401 / 403
      ├ NotFound / MethodNotAllowed                                                404 / 405
      ├ IdempotencyMismatch                                                        422
      └ Overloaded / QuotaExceeded                                                 429
    any stage: DeadlineExceeded                                                    504

``retryable`` says whether the same bytes may succeed later; a bulk worker reads it, and the sync API turns it
into ``Retry-After`` where that makes sense.
"""

from __future__ import annotations

from typing import ClassVar


class OcrError(Exception):
    """Base of the tree. ``detail`` is written for the caller and never holds document text."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "The server failed"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = True

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s


class InternalError(OcrError):
    """A fault of ours; the detail names the request id, never the cause's text."""


class InvalidRequest(OcrError):
    """Parameters are off; the detail names which."""

    code = "invalid_request"
    title = "The request is not valid"
    http_status = 400
    retryable = False


class Unauthenticated(OcrError):
    """Keys are on, and none or a wrong one came."""

    code = "unauthenticated"
    title = "A valid API key is needed"
    http_status = 401
    retryable = False


class Forbidden(OcrError):
    """The caller may not read or do this."""

    code = "forbidden"
    title = "Not allowed"
    http_status = 403
    retryable = False


class NotFound(OcrError):
    """No such route or resource."""

    code = "not_found"
    title = "Not found"
    http_status = 404
    retryable = False


class MethodNotAllowed(OcrError):
    """The route exists, the method does not."""

    code = "method_not_allowed"
    title = "Method not allowed"
    http_status = 405
    retryable = False


class IdempotencyMismatch(OcrError):
    """The key came before, with another body."""

    code = "idempotency_mismatch"
    title = "The idempotency key belongs to another request"
    http_status = 422
    retryable = False


class DocumentTooLarge(OcrError):
    """Bytes, pages, pixels or memory over the limit; the detail names the limit."""

    code = "document_too_large"
    title = "The document is over a limit"
    http_status = 413
    retryable = False


class UnsupportedMediaType(OcrError):
    """Not a document that we open; decided from the bytes, never from the name."""

    code = "unsupported_media_type"
    title = "Not a kind of document that is read here"
    http_status = 415
    retryable = False


class UnreadableDocument(OcrError):
    """The document is broken."""

    code = "unreadable_document"
    title = "The document cannot be opened"
    http_status = 422
    retryable = False


class PasswordRequired(UnreadableDocument):
    """The document is locked."""

    code = "password_required"
    title = "The document is locked with a password"


class UnreadablePage(OcrError):
    """One page is broken. It takes the page's place in the result; it fails the request only where no page is left."""

    code = "unreadable_page"
    title = "The page cannot be read"
    http_status = 422
    retryable = False


class Overloaded(OcrError):
    """The admission limit or a bounded queue is full."""

    code = "overloaded"
    title = "Too many documents at once"
    http_status = 429


class QuotaExceeded(OcrError):
    """The caller's own quota is used up."""

    code = "quota_exceeded"
    title = "The quota is used up"
    http_status = 429


class NotReady(OcrError):
    """Models are not loaded, or a dependency is down."""

    code = "not_ready"
    title = "The service is not ready"
    http_status = 503


class DeadlineExceeded(OcrError):
    """The deadline passed; work still running for it is cancelled."""

    code = "deadline_exceeded"
    title = "The deadline passed"
    http_status = 504


ERRORS_BY_CODE: dict[str, type[OcrError]] = {
    error.code: error
    for error in (
        InternalError,
        InvalidRequest,
        Unauthenticated,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        IdempotencyMismatch,
        DocumentTooLarge,
        UnsupportedMediaType,
        UnreadableDocument,
        PasswordRequired,
        UnreadablePage,
        Overloaded,
        QuotaExceeded,
        NotReady,
        DeadlineExceeded,
    )
}
