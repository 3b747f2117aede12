"""PDF pages, rendered by PDFium straight into the page's memory."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pypdfium2  # noqa: F401 - initialises the library that `raw` calls
import pypdfium2.raw as pdfium

from lambda_file_open.decoding import Allocate, DecodedPage, OpeningFailed, PageBroken
from lambda_file_open.pdf_text import read_words
from lambda_file_open.sniff import has_pdf_header
from ocr_core.contracts.document import MediaType, OpenLimits
from ocr_core.contracts.opening_wire import MAX_PAGE_COUNT, MAX_SIDE_PX, Failure, PageNotice

if TYPE_CHECKING:
    from lambda_file_open.decoding import Buffer

POINTS_PER_INCH = 72.0
_WHITE = 0xFF
_LEAST_SHRUNK_SIDE_PX = 16
# Annotations are drawn as on the screen: all but the hidden (F 2) and those for paper only (F 32). FPDF_PRINTING
# would leave out those without the Print flag (F 4), which many writers never set. The byte order is reversed because
# PDFium's 24-bit bitmap is BGR and ours is RGB.
_RENDER_FLAGS = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSize:
    """How large a page is rendered."""

    width_px: int
    height_px: int
    dpi: int
    smaller: bool


def render_size(width_pt: float, height_pt: float, limits: OpenLimits) -> RenderSize:
    """The size of a page box at the wanted resolution, or at the highest that the limits allow.

    Raises:
        PageBroken: the box has no size.
        OpeningFailed: it is too long to be rendered and too thin to be rendered smaller.
    """
    if not (math.isfinite(width_pt) and math.isfinite(height_pt)) or width_pt <= 0 or height_pt <= 0:
        raise PageBroken("a page box without a size")
    scale = limits.render_dpi / POINTS_PER_INCH
    # A hair below the ceiling: 612 pt at 200 dpi is 1,700 px, not 1,701 by the last bit of a float.
    width_px = max(1, math.ceil(width_pt * scale - 1e-3))
    height_px = max(1, math.ceil(height_pt * scale - 1e-3))
    if width_px * height_px <= limits.max_rendered_page_pixels and max(width_px, height_px) <= MAX_SIDE_PX:
        return RenderSize(width_px=width_px, height_px=height_px, dpi=limits.render_dpi, smaller=False)
    shrink = min(
        math.sqrt(limits.max_rendered_page_pixels / (width_pt * scale * height_pt * scale)),
        MAX_SIDE_PX / (max(width_pt, height_pt) * scale),
    )
    width_px, height_px = math.floor(width_pt * scale * shrink), math.floor(height_pt * scale * shrink)
    if min(width_px, height_px) < _LEAST_SHRUNK_SIDE_PX:
        # A ribbon: rendered smaller it would show nothing, and at full size it is over the limit.
        raise OpeningFailed(Failure.PAGE_SIDE, math.ceil(max(width_pt, height_pt) * scale))
    dpi = max(1, math.floor(limits.render_dpi * shrink))
    return RenderSize(width_px=width_px, height_px=height_px, dpi=dpi, smaller=True)


class PdfDocument:
    """An open PDF. PDFium honours /Rotate and the crop box; it does not know UserUnit.

    A page with UserUnit n is therefore rendered at 1/n of the resolution: large drawings come out smaller, as they
    would by the pixel limit.
    """

    media_type = MediaType.PDF

    def __init__(self, untrusted: Buffer, limits: OpenLimits) -> None:
        self._limits = limits
        if not has_pdf_header(untrusted):
            raise OpeningFailed(Failure.UNREADABLE)
        # Kept: PDFium reads from this memory as it goes.
        self._data = np.frombuffer(untrusted, dtype=np.uint8)
        address = ctypes.c_void_p(self._data.ctypes.data)
        self._document = pdfium.FPDF_LoadMemDocument64(address, self._data.size, None)
        if not self._document:
            locked = pdfium.FPDF_GetLastError() in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
            raise OpeningFailed(Failure.PASSWORD if locked else Failure.UNREADABLE)
        self._form_info: object = None
        self._form: object = None
        if pdfium.FPDF_GetFormType(self._document) != pdfium.FORMTYPE_NONE:
            # Without callbacks, and no open action is ever run: fields are drawn, nothing in them acts. This build
            # of PDFium has neither JavaScript nor XFA.
            self._form_info = pdfium.FPDF_FORMFILLINFO(version=2)
            self._form = pdfium.FPDFDOC_InitFormFillEnvironment(self._document, self._form_info)
        self.page_count: int = pdfium.FPDF_GetPageCount(self._document)
        if not 1 <= self.page_count <= MAX_PAGE_COUNT:
            raise OpeningFailed(Failure.UNREADABLE)

    def decode_page(self, number: int, allocate: Allocate, *, text_layer: bool) -> DecodedPage:
        """Render one page, and read its words if they are wanted. See ``Decoder``."""
        with self._page(number) as page:
            width_pt, height_pt = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
            size = render_size(width_pt, height_pt, self._limits)
            self._render(page, size, allocate)
            words = read_words(page, width_px=size.width_px, height_px=size.height_px) if text_layer else ()
        return DecodedPage(
            width_px=size.width_px,
            height_px=size.height_px,
            dpi=size.dpi,
            words=words,
            notices=PageNotice.RENDERED_SMALLER if size.smaller else PageNotice.NONE,
        )

    @contextmanager
    def _page(self, number: int) -> Iterator[object]:
        page = pdfium.FPDF_LoadPage(self._document, number - 1)
        if not page:
            raise PageBroken("PDFium does not load the page")
        if self._form:
            pdfium.FORM_OnAfterLoadPage(page, self._form)
        try:
            yield page
        finally:
            if self._form:
                pdfium.FORM_OnBeforeClosePage(page, self._form)
            pdfium.FPDF_ClosePage(page)

    def _render(self, page: object, size: RenderSize, allocate: Allocate) -> None:
        canvas = allocate(size.height_px, size.width_px)
        canvas.fill(_WHITE)  # PDFium's own filling takes three times as long
        width_px, height_px = size.width_px, size.height_px
        bitmap = pdfium.FPDFBitmap_CreateEx(
            width_px, height_px, pdfium.FPDFBitmap_BGR, ctypes.c_void_p(canvas.ctypes.data), width_px * 3
        )
        if not bitmap:
            raise MemoryError
        try:
            pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width_px, height_px, 0, _RENDER_FLAGS)
            if self._form:
                pdfium.FPDF_FFLDraw(self._form, bitmap, page, 0, 0, width_px, height_px, 0, _RENDER_FLAGS)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
