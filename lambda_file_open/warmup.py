"""What happens once, before any child is forked: everything that loading and first use would cost each of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from PIL import ImageCms

from lambda_file_open.decoding import DecodedPage
from lambda_file_open.fonts import install_fonts
from lambda_file_open.handler import decode_pages, open_file
from lambda_file_open.lazy_imports import preload
from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.opening_wire import OpenRequest
from ocr_core.contracts.page_memory import page_memory_bytes

_WARMUP_LIMITS = OpenLimits(render_dpi=36)

_LATIN_FONTS = (
    *("Courier", "Courier-Bold", "Helvetica", "Helvetica-Bold", "Helvetica-Oblique"),
    *("Times-Roman", "Times-Bold", "Times-Italic", "Symbol", "ZapfDingbats"),
)
"""None that PDFium has no cut of: its fonts of variable width come out a little otherwise the second time."""
_CJK_FONTS = (
    ("MS-Gothic", "Japan1", "90ms-RKSJ-H", "請求書".encode("cp932")),
    ("MS-PGothic", "Japan1", "90msp-RKSJ-H", "請求書".encode("cp932")),
    ("MS-Mincho", "Japan1", "UniJIS-UCS2-H", "請求書".encode("utf_16_be")),
    ("MS-PMincho", "Japan1", "UniJIS-UTF16-H", "請求書".encode("utf_16_be")),
    ("MS-Gothic,Bold", "Japan1", "UniJIS-UCS2-H", "請求書".encode("utf_16_be")),
    ("MS-Mincho,Bold", "Japan1", "UniJIS-UCS2-H", "請求書".encode("utf_16_be")),
    ("SimSun", "GB1", "UniGB-UCS2-H", "发票".encode("utf_16_be")),
    ("SimHei", "GB1", "GBK-EUC-H", "发票".encode("gbk")),
    ("MingLiU", "CNS1", "UniCNS-UCS2-H", "發票".encode("utf_16_be")),
    ("HYSMyeongJo-Medium", "Korea1", "UniKS-UCS2-H", "한글".encode("utf_16_be")),
    ("HYGoThic-Medium", "Korea1", "KSCms-UHC-H", "한글".encode("cp949")),
)
"""Name, Adobe's character collection, encoding, text."""


def load_decoders(more_font_folders: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Do once all that a child does: render a small PDF whose fonts are not embedded, and pack its page and words.

    A child then imports nothing and searches no fonts: it may not be allowed to open files. The fonts of the small PDF
    stay loaded: one that a child must load for itself costs it 4 to 5 ms.

    Args:
        more_font_folders: Folders of fonts, besides the system's.
    """
    preload()
    fonts = install_fonts(more_font_folders)
    sample = _sample_pdf()
    fonts.keep(sample)
    request = OpenRequest(selection=PageSelection(), limits=_WARMUP_LIMITS, text_layer=True, timeout_s=60.0)
    opened = open_file(sample, request)
    memory = SharedPage.reserve(0)
    memory.fix(page_memory_bytes(_WARMUP_LIMITS))
    for _, page in decode_pages(opened, request, memory.allocate):
        if not isinstance(page, DecodedPage) or not page.words:
            raise RuntimeError("the decoders do not work")
        memory.finish(width_px=page.width_px, height_px=page.height_px, words=page.words)
    memory.close()
    ImageCms.createProfile("sRGB")


def _sample_pdf() -> bytes:
    """One page with a line in each of the usual fonts that a reader must supply."""
    fonts: list[bytes] = []
    lines: list[bytes] = []
    objects: list[bytes] = []
    first_free = 5
    for name in _LATIN_FONTS:
        objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/%s>>" % name.encode())
        fonts.append(b"%d 0 R" % (first_free + len(objects) - 1))
        lines.append(b"Yomitori".hex().encode())
    for name, ordering, encoding, text in _CJK_FONTS:
        objects.append(
            b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/%s/DescendantFonts[<</Type/Font/Subtype/CIDFontType2"
            b"/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(%s)/Supplement 2>>/DW 1000%s>>]>>"
            % (*(part.encode() for part in (name, encoding, name, ordering)), _descriptor(name))
        )
        fonts.append(b"%d 0 R" % (first_free + len(objects) - 1))
        lines.append(text.hex().encode())
    content = b"BT 10 TL 5 %d Td " % (10 * len(lines))
    content += b" ".join(b"/F%d 8 Tf <%s> Tj T*" % (number, line) for number, line in enumerate(lines)) + b" ET"
    resources = b" ".join(b"/F%d %s" % (number, font) for number, font in enumerate(fonts))
    return _pdf(
        (
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 %d]/Contents 4 0 R/Resources<</Font<<%s>>>>>>"
            % (10 * len(lines) + 10, resources),
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            *objects,
        )
    )


def _descriptor(name: str) -> bytes:
    return (
        b"/FontDescriptor<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[-92 -250 1010 922]"
        b"/ItalicAngle 0/Ascent 752/Descent -221/CapHeight 737/StemV 80>>" % name.encode()
    )


def _pdf(objects: Sequence[bytes]) -> bytes:
    body = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, written in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, written)
    table_at = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table_at)
    return bytes(body)
