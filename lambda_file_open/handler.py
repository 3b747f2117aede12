"""The one handler: an untrusted file in, pages out. No process, no socket: each launcher brings its own.

Every launcher calls it in a child that was forked for the file and whose pages lie in shared memory.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_file_open.decoding import Allocate, DecodedPage, Decoder, OpeningFailed
from lambda_file_open.pdf import PdfDocument
from lambda_file_open.raster import RasterDocument
from lambda_file_open.sniff import sniff
from lambda_file_open.tiff import TiffDocument
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.opening_wire import FAILURES_OF_A_PAGE, Failure, OpenRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lambda_file_open.decoding import Buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """A file that its decoder has accepted, and the pages wanted of it."""

    decoder: Decoder
    numbers: list[int]


def open_file(untrusted: Buffer, request: OpenRequest) -> OpenedFile:
    """Find the decoder, let it read the structure, and hold the page count against the limit.

    Raises:
        OpeningFailed: not a kind of document read here, broken, locked, or over a limit.
    """
    limits = request.limits
    try:
        decoder = _decoder(untrusted, limits)
    except (OpeningFailed, MemoryError):
        raise
    except Exception as error:
        if _is_out_of_memory(error):
            raise MemoryError from error
        # Decoders raise whatever the damage made of them: struct, index, value and syntax errors among others.
        raise OpeningFailed(Failure.UNREADABLE) from error
    try:
        count = request.selection.count(decoder.page_count)
    except InvalidRequest as error:
        raise OpeningFailed(Failure.SELECTION, decoder.page_count) from error
    if count > limits.max_pages:
        raise OpeningFailed(Failure.PAGES, count)
    return OpenedFile(decoder=decoder, numbers=request.selection.numbers(decoder.page_count))


def _decoder(untrusted: Buffer, limits: OpenLimits) -> Decoder:
    match sniff(untrusted):
        case None:
            raise OpeningFailed(Failure.UNSUPPORTED)
        case MediaType.PDF:
            return PdfDocument(untrusted, limits)
        case MediaType.TIFF:
            return TiffDocument(untrusted, limits)
        case media_type:
            return RasterDocument(untrusted, media_type, limits)


def decode_pages(
    opened: OpenedFile, request: OpenRequest, allocate: Allocate
) -> Iterator[tuple[int, DecodedPage | Failure]]:
    """The wanted pages in order, each with its number, or with what is wrong with that page alone.

    Raises:
        OpeningFailed: a limit of the whole document was met, or none of the wanted pages can be read; then with what is
            wrong with the last.
    """
    budget = _PixelBudget(allocate, request.limits)
    any_page = False
    for number in opened.numbers:
        page = _decode_page(opened.decoder, number, budget, text_layer=request.text_layer)
        if isinstance(page, DecodedPage):
            any_page = True
        elif number == opened.numbers[-1] and not any_page:
            raise page
        yield number, page if isinstance(page, DecodedPage) else page.failure


def _decode_page(
    decoder: Decoder, number: int, budget: _PixelBudget, *, text_layer: bool
) -> DecodedPage | OpeningFailed:
    try:
        return decoder.decode_page(number, budget.allocate, text_layer=text_layer)
    except OpeningFailed as failed:
        if failed.failure not in FAILURES_OF_A_PAGE:
            raise
        return failed
    except MemoryError:
        raise
    except Exception as error:
        if _is_out_of_memory(error):
            raise MemoryError from error
        return OpeningFailed(Failure.UNREADABLE)


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error is another way of saying that memory was short.

    Pillow's decoders say it in words (``OSError("out of memory error when reading image file")``), the system by a
    number, the loader of a library that was not needed before by the system's words.
    """
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        words = str(error).lower()
        if number == errno.ENOMEM or "out of memory" in words or "cannot allocate memory" in words:
            return True
        error = error.__cause__ or error.__context__
    return False


class _PixelBudget:
    """Counts the document's pixels before memory is given out for them."""

    def __init__(self, allocate: Allocate, limits: OpenLimits) -> None:
        self._allocate = allocate
        self._limit = limits.max_document_pixels
        self._used = 0

    def allocate(self, height_px: int, width_px: int) -> NDArray[np.uint8]:
        self._used += height_px * width_px
        if self._used > self._limit:
            raise OpeningFailed(Failure.DOCUMENT_PIXELS, self._used)
        return self._allocate(height_px, width_px)
