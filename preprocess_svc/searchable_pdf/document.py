"""A searchable PDF, page by page: what has been written is not held."""

from __future__ import annotations

import hashlib
import textwrap
from importlib.metadata import version
from typing import IO

from ocr_core.contracts.errors import DocumentTooLarge, InternalError
from ocr_core.contracts.placed_text import DocumentTitle, PlacedPage, UnreadPlace
from preprocess_svc.searchable_pdf.encoded_page import EncodedPage, PixelCoding
from preprocess_svc.searchable_pdf.glyphs import InvisibleFonts
from preprocess_svc.searchable_pdf.pdf_file import MAX_FILE_BYTES, PdfFile, decimal, text_string
from preprocess_svc.searchable_pdf.text_operators import PagePlace, page_text

CONTENT_TYPE = "application/pdf"

POINTS_PER_INCH = 72
UNKNOWN_DPI = 200
"""Of a picture that does not say: what a page is rendered at here, and what most scanners and faxes use."""
MIN_SIDE_PT, MAX_SIDE_PT = 3.0, 14_400.0
"""ISO 32000-1, annex C: readers need not show a page beyond."""
A4_PT = (595.28, 841.89)

_NOTE_SIZE_PT, _NOTE_LEADING_PT, _NOTE_MARGIN_PT, _NOTE_CHARACTERS = 11, 15, 56, 80
_PRODUCT = "yomitori"


class SearchablePdf:
    """One document. Pages are added in order; then ``finish``."""

    def __init__(self, sink: IO[bytes], title: DocumentTitle) -> None:
        """Begin a document.

        Args:
            sink: Takes the bytes; it is neither sought in nor closed.
            title: What the document says of itself.
        """
        self._file = PdfFile(sink)
        self._title = title
        self._fonts = InvisibleFonts()
        self._tree = self._file.reserve()
        self._pages: list[int] = []
        self._labels: list[str] = []
        self._last_number: int | None = None
        self._note_font: int | None = None
        self._size_pt = A4_PT

    @property
    def size_bytes(self) -> int:
        """Of what has been written."""
        return self._file.size_bytes

    def add(self, page: PlacedPage | UnreadPlace, image: EncodedPage | None) -> None:
        """Write a page: its image with its text, or its image alone, or, where there is neither, why.

        Raises:
            InternalError: a page that was read has no image, or one of another size.
            DocumentTooLarge: the file is larger than a PDF of this kind can be.
        """
        if image is None:
            if isinstance(page, PlacedPage):
                raise InternalError("the image of a page is no longer there")
            self._add_note(page)
        else:
            if isinstance(page, PlacedPage) and (page.width_px, page.height_px) != (image.width_px, image.height_px):
                raise InternalError("the image of a page is not of the page's size")
            self._add_image(image, page)
        if page.number != (1 if self._last_number is None else self._last_number + 1):
            self._labels.append(f"{len(self._pages) - 1}<</S/D/St {page.number}>>")
        self._last_number = page.number
        if self._file.size_bytes > MAX_FILE_BYTES:
            raise DocumentTooLarge(f"the PDF is over the limit of {MAX_FILE_BYTES} bytes that a PDF can have")

    def finish(self) -> None:
        """Write what belongs to the document as a whole."""
        file, title = self._file, self._title
        self._fonts.write(file)
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        file.add(f"<</Type/Pages/Kids[{kids}]/Count {len(self._pages)}>>", number=self._tree)
        labels = ""
        if self._labels:
            # The tree has an entry for the first page (12.4.2).
            first = [] if self._labels[0].startswith("0<") else ["0<</S/D>>"]
            labels = f"/PageLabels<</Nums[{''.join([*first, *self._labels])}]>>"
        language = text_string(title.language or "")
        shown = f"/Lang{language}{labels}/ViewerPreferences<</DisplayDocTitle true>>"
        root = file.add(f"<</Type/Catalog/Pages {self._tree} 0 R{shown}>>")
        producer = text_string(f"{_PRODUCT} {version(_PRODUCT)}")
        info = file.add(f"<</Title{text_string(title.title)}/Producer{producer}>>")
        # No moment of making: attempts at the same document write the same bytes.
        identity = hashlib.sha256(f"{title.sha256} {title.title}".encode(errors="replace")).digest()[:16]
        file.finish(root=root, info=info, identity=identity)

    def _add_image(self, image: EncodedPage, page: PlacedPage | UnreadPlace) -> None:
        points_per_px = scale(image)
        width_pt, height_pt = image.width_px * points_per_px, image.height_px * points_per_px
        picture = self._file.add_stream(
            f"/Type/XObject/Subtype/Image/Width {image.width_px}/Height {image.height_px}{_coding(image)}",
            image.data,
            compress=False,
        )
        operators = f"q {decimal(width_pt)} 0 0 {decimal(height_pt)} 0 0 cm /Page Do Q\n".encode("ascii")
        fonts = ""
        if isinstance(page, PlacedPage):
            place = PagePlace(height_px=image.height_px, points_per_px=points_per_px)
            text = page_text(page.lines, place, self._fonts)
            operators += text.operators
            named = "".join(f"/{font} {self._fonts.number(font, self._file)} 0 R" for font in sorted(text.fonts))
            fonts = f"/Font<<{named}>>" if named else ""
        self._add_page((width_pt, height_pt), operators, f"/XObject<</Page {picture} 0 R>>{fonts}")

    def _add_note(self, page: UnreadPlace) -> None:
        """An empty page, of the size of the one before, that says why."""
        if self._note_font is None:
            self._note_font = self._file.add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
        said = textwrap.wrap(f"Page {page.number} could not be read: {page.detail}", width=_NOTE_CHARACTERS)
        rows = " ".join(f"<{row.encode('cp1252', errors='replace').hex()}> Tj T*" for row in said)
        start = f"{_NOTE_MARGIN_PT} {decimal(self._size_pt[1] - _NOTE_MARGIN_PT)} Td"
        operators = f"BT /Note {_NOTE_SIZE_PT} Tf {_NOTE_LEADING_PT} TL {start} {rows} ET".encode("ascii")
        self._add_page(self._size_pt, operators, f"/Font<</Note {self._note_font} 0 R>>")

    def _add_page(self, size_pt: tuple[float, float], operators: bytes, resources: str) -> None:
        contents = self._file.add_stream("", operators)
        box = f"0 0 {decimal(size_pt[0])} {decimal(size_pt[1])}"
        self._size_pt = size_pt
        self._pages.append(
            self._file.add(
                f"<</Type/Page/Parent {self._tree} 0 R/MediaBox[{box}]/Resources<<{resources}>>"
                f"/Contents {contents} 0 R>>"
            )
        )


def scale(image: EncodedPage) -> float:
    """Points of one pixel: by the page's resolution, unless a page of that size could not be shown."""
    points_per_px = POINTS_PER_INCH / (image.dpi or UNKNOWN_DPI)
    shorter, longer = sorted((image.width_px, image.height_px))
    points_per_px = max(points_per_px, MIN_SIDE_PT / shorter)
    return min(points_per_px, MAX_SIDE_PT / longer)


def _coding(image: EncodedPage) -> str:
    match image.coding:
        case PixelCoding.JPEG_COLOUR:
            return "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode"
        case PixelCoding.JPEG_GREY:
            return "/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode"
        case PixelCoding.GROUP_4:
            parameters = f"<</K -1/Columns {image.width_px}/Rows {image.height_px}>>"
            return f"/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms{parameters}"
