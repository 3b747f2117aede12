"""The sandbox says numbers; here they become errors and notices that a caller can read. Every one names its limit."""

from __future__ import annotations

import os
import signal

from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    InvalidRequest,
    NotReady,
    OcrError,
    PasswordRequired,
    UnreadableDocument,
    UnreadablePage,
    UnsupportedMediaType,
)
from ocr_core.contracts.opening_wire import MAX_SIDE_PX, Failure, PageNotice, PageReady
from ocr_core.contracts.page import Notice, PageError
from ocr_core.contracts.pool_wire import NOT_STARTED, PoolMessage

_MEMORY_SHARE = 0.75
"""A child that died with this much of its memory in use died of the limit: libraries abort when they get no more."""


_PAGE_DAMAGED = "the page is damaged and could not be decoded"

_ERRORS: dict[Failure, tuple[type[OcrError], str]] = {
    Failure.UNSUPPORTED: (
        UnsupportedMediaType,
        "the bytes are none of PDF, PNG, JPEG, TIFF, WebP, GIF, BMP, HEIC, AVIF, whatever the name says",
    ),
    Failure.UNREADABLE: (UnreadableDocument, "the document is damaged, and no page of it can be read"),
    Failure.PASSWORD: (PasswordRequired, "the document opens with a password only"),
    Failure.SELECTION: (InvalidRequest, "parameter 'pages' asks for more than the document's {value} pages"),
    Failure.PAGES: (
        DocumentTooLarge,
        "{value} pages are to be read; the limit is {limits.max_pages} pages (max_pages)",
    ),
    Failure.IMAGE_PIXELS: (
        DocumentTooLarge,
        "an image has more pixels than the limit of {limits.max_image_pixels} an image (max_image_pixels)",
    ),
    Failure.PAGE_SIDE: (DocumentTooLarge, f"a page is longer than the limit of {MAX_SIDE_PX} pixels a side"),
    Failure.DOCUMENT_PIXELS: (
        DocumentTooLarge,
        "all pages together have more pixels than the limit of {limits.max_document_pixels} (max_document_pixels)",
    ),
    Failure.MEMORY: (
        DocumentTooLarge,
        "opening the document takes more memory than the limit of {limits.max_memory_bytes} bytes (max_memory_bytes)",
    ),
}


def failure_error(failure: Failure, limits: OpenLimits, *, value: int = 0) -> OcrError:
    """The error for a failure that the child reports or the host finds; ``value`` is what met the limit."""
    error, detail = _ERRORS[failure]
    return error(detail.format(value=value, limits=limits))


def page_error(number: int, failure: Failure, limits: OpenLimits) -> PageError:
    """What stands in the place of a page that could not be read."""
    detail = _PAGE_DAMAGED if failure is Failure.UNREADABLE else failure_error(failure, limits).detail
    return PageError(number=number, code=UnreadablePage.code, detail=detail)


def wall_error(limits: OpenLimits) -> OcrError:
    """The error for a document whose opening keeps the host waiting for too long, deadline or not."""
    return DocumentTooLarge(
        f"opening the document takes longer than the limit of {limits.max_wall_s:g} seconds (max_wall_s)"
    )


def cpu_error(limits: OpenLimits) -> OcrError:
    """The error for a document whose children together used up their processor time."""
    return DocumentTooLarge(
        f"opening the document takes more processor time than the limit of {limits.max_cpu_s:g} seconds (max_cpu_s)"
    )


def is_violation(exited: PoolMessage) -> bool:
    """Whether the child ended because of a system call that its filter does not know."""
    return os.WIFSIGNALED(exited.wait_status) and os.WTERMSIG(exited.wait_status) == signal.SIGSYS


def exit_error(exited: PoolMessage | None, limits: OpenLimits) -> OcrError:
    """The error for a child that ended without having said so.

    Args:
        exited: How it ended; ``None`` where the whole pool did.
        limits: What it was held to.
    """
    if exited is None or exited.wait_status == NOT_STARTED:
        return NotReady("the file opener is being restarted; the same request may succeed now", retry_after_s=1.0)
    signal_number = os.WTERMSIG(exited.wait_status) if os.WIFSIGNALED(exited.wait_status) else 0
    if signal_number == signal.SIGALRM:
        return DeadlineExceeded("the deadline passed before stage 'open' ended")
    used_up = signal_number == signal.SIGKILL and exited.cpu_ms >= limits.max_cpu_s * 1000
    if signal_number == signal.SIGXCPU or used_up:
        return cpu_error(limits)
    used_much = exited.peak_memory_kib * 1024 >= limits.max_memory_bytes * _MEMORY_SHARE
    if used_much and not is_violation(exited):
        return failure_error(Failure.MEMORY, limits)
    if signal_number == signal.SIGKILL:
        # Nobody but the kernel sends it unasked: the machine was out of memory, and this child was not the reason.
        return NotReady("the machine was short of memory; the same request may succeed later", retry_after_s=1.0)
    return UnreadableDocument("the document is damaged: its decoder failed")


def page_notices(page: PageReady, limits: OpenLimits) -> tuple[Notice, ...]:
    """What was done differently from asked on one page."""
    notices: list[Notice] = []
    if PageNotice.RENDERED_SMALLER in page.notices:
        detail = (
            f"at {limits.render_dpi} dpi the page would exceed {limits.max_rendered_page_pixels} pixels "
            f"or {MAX_SIDE_PX} pixels a side; it was rendered at {page.dpi} dpi"
        )
        notices.append(Notice(code="page_rendered_smaller", detail=detail, page=page.number))
    if PageNotice.ANIMATION_FIRST_FRAME in page.notices:
        detail = "the image is an animation; its first frame was read"
        notices.append(Notice(code="animation_first_frame", detail=detail, page=page.number))
    if PageNotice.IMAGE_TRUNCATED in page.notices:
        detail = "the image's data is damaged or ends early; what could be decoded was read"
        notices.append(Notice(code="image_truncated", detail=detail, page=page.number))
    return tuple(notices)
