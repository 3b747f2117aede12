"""What happens once, before any child is forked: everything that loading and first use would cost each of them."""

from __future__ import annotations

from PIL import ImageCms

from lambda_file_open.handler import decode_pages, open_file
from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.opening_wire import OpenRequest

_WARMUP_LIMITS = OpenLimits(render_dpi=36)


def load_decoders() -> None:
    """Do once all that a child does: render a small PDF whose fonts are not embedded, and pack its page and words.

    A child then imports nothing and searches no fonts: it may not be allowed to open files.
    """
    request = OpenRequest(selection=PageSelection(), limits=_WARMUP_LIMITS, text_layer=True, timeout_s=60.0)
    opened = open_file(_sample_pdf(), request)
    memory = SharedPage()
    for _, page in decode_pages(opened, request, memory.allocate):
        if page is None or not page.words:
            raise RuntimeError("the decoders do not work")
        memory.seal(width_px=page.width_px, height_px=page.height_px, words=page.words)
    memory.close()
    ImageCms.createProfile("sRGB")


def _sample_pdf() -> bytes:
    """One page with Latin and Japanese text in fonts that the reader must supply."""
    content = b"BT /F1 12 Tf 20 40 Td (Yomitori) Tj /F2 12 Tf 0 -20 Td <8ACB6C4266F8> Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 6 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Font/Subtype/Type0/BaseFont/HeiseiKakuGo-W5/Encoding/UniJIS-UCS2-H/DescendantFonts[7 0 R]>>",
        (
            b"<</Type/Font/Subtype/CIDFontType0/BaseFont/HeiseiKakuGo-W5"
            b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>/DW 1000/FontDescriptor 8 0 R>>"
        ),
        (
            b"<</Type/FontDescriptor/FontName/HeiseiKakuGo-W5/Flags 4/FontBBox[-92 -250 1010 922]"
            b"/ItalicAngle 0/Ascent 752/Descent -221/CapHeight 737/StemV 114>>"
        ),
    ]
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
