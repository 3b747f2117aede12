"""What every decoder here has in common: what it is asked, what it gives, how it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import MAX_SIDE_PX, Failure, PageNotice
from ocr_core.contracts.page import TextLayerWord

if TYPE_CHECKING:
    from mmap import mmap

    Buffer = bytes | bytearray | memoryview | mmap

Allocate = Callable[[int, int], NDArray[np.uint8]]
"""Memory for a page: ``(height_px, width_px)`` to (H, W, 3) uint8, contents undefined. The decoder writes the page into
it and keeps no reference, so that the memory can be sealed."""


class OpeningFailed(Exception):
    """The document cannot be opened; ``value`` is what met a limit, where one was met."""

    def __init__(self, failure: Failure, value: int = 0) -> None:
        super().__init__(f"{failure.name} {value}")
        self.failure = failure
        self.value = value


class PageBroken(Exception):
    """This page cannot be read; others may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPage:
    """A page that now lies in the memory it was given."""

    width_px: int
    height_px: int
    dpi: int
    words: tuple[TextLayerWord, ...] = ()
    notices: PageNotice = PageNotice.NONE


class Decoder(Protocol):
    """An open document. Any exception but ``OpeningFailed`` and ``MemoryError`` means that the page is broken."""

    @property
    def media_type(self) -> MediaType:
        """What the bytes are."""
        ...

    @property
    def page_count(self) -> int:
        """How many pages the document says it has."""
        ...

    def decode_page(self, number: int, allocate: Allocate, *, text_layer: bool) -> DecodedPage:
        """Write page ``number`` (1-based) into allocated memory.

        Raises:
            OpeningFailed: a limit was met: of this page alone (``FAILURES_OF_A_PAGE``), or of the document.
        """
        ...


def check_image_size(width_px: int, height_px: int, limits: OpenLimits) -> None:
    """Refuse a raster image by what its header says, before anything is decoded.

    Raises:
        OpeningFailed: it has too many pixels, a side is too long, or it has no pixels at all.
    """
    if width_px < 1 or height_px < 1:
        raise OpeningFailed(Failure.UNREADABLE)
    if width_px * height_px > limits.max_image_pixels:
        raise OpeningFailed(Failure.IMAGE_PIXELS, width_px * height_px)
    if max(width_px, height_px) > MAX_SIDE_PX:
        raise OpeningFailed(Failure.PAGE_SIDE, max(width_px, height_px))
