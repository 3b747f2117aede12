"""The result as hOCR 1.2 (kba.github.io/hocr-spec/1.2): HTML whose classes and titles tell what was seen where.

The document is HTML and well-formed XML at once, so that browsers show it and XML parsers read it. It is sent as
``text/html``, which the specification's editor advises (its issue 27): the type that it proposes,
``text/vnd.hocr+html``, is not registered, and a browser does not show it.

Boxes are those of the page as it was read. What the specification has no property for is an attribute of the page:
``data-rotation-deg`` tells by how many degrees clockwise it was turned upright before, ``data-error`` why it could not
be read. ``x_size`` is Tesseract's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.result import OcrResult, PageResult, UnreadPage
from postprocess_svc.formats.written_page import PixelBox, WrittenBlock, WrittenLine, written_blocks
from postprocess_svc.formats.xml_text import SOFTWARE_NAME, decimal, software_version, xml_text

CONTENT_TYPE = "text/html; charset=utf-8"

CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_lang"
"""Section "Capabilities": everything that may occur, whether it does in this document or not."""

# In a property's value a quote or a semicolon would end it, and a path has no backslash (section "image").
_NOT_IN_A_PATH = re.compile(r'[%"\\;\x00-\x1f]')
_NO_SIZE = "bbox 0 0 0 0"


def render(result: OcrResult) -> RenderedResult:
    """The whole document, UTF-8."""
    parts = [
        "<!DOCTYPE html>\n",
        '<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n<meta charset="utf-8"/>\n',
        f"<title>{xml_text(result.document.file_name or result.id)}</title>\n",
        _meta("ocr-system", f"{SOFTWARE_NAME} {software_version()}"),
        _meta("ocr-capabilities", CAPABILITIES),
        _meta("ocr-number-of-pages", str(len(result.pages))),
        _meta("ocr-langs", "unknown"),
        _meta("ocr-scripts", "unknown"),
        "</head>\n<body>\n",
    ]
    for page in result.pages:
        parts += _page(page, result.document.file_name)
    parts.append("</body>\n</html>\n")
    return RenderedResult(content_type=CONTENT_TYPE, body="".join(parts).encode())


def _meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{xml_text(content)}"/>\n'


def _page(page: PageResult | UnreadPage, file_name: str | None) -> Iterator[str]:
    image = [] if file_name is None else [f'image "{_path(file_name)}"']
    number = f"ppageno {page.number - 1}"  # section "ppageno": the first is 0
    if isinstance(page, UnreadPage):
        # Not a comment: most parsers lose those.
        told = f'data-error="{xml_text(page.error.code)}" data-error-detail="{xml_text(page.error.detail)}"'
        yield f'<div class="ocr_page" id="page_{page.number}" {_title(*image, _NO_SIZE, number)} {told}></div>\n'
        return
    properties = [*image, f"bbox 0 0 {page.width_px} {page.height_px}", number]
    if page.dpi > 0:
        properties.append(f"scan_res {page.dpi} {page.dpi}")
    turned = f' data-rotation-deg="{page.rotation_deg}"' if page.rotation_deg else ""
    yield f'<div class="ocr_page" id="page_{page.number}" {_title(*properties)}{turned}>\n'
    for at, block in enumerate(written_blocks(page), 1):
        yield from _block(block, f"{page.number}_{at}")
    yield "</div>\n"


def _block(block: WrittenBlock, key: str) -> Iterator[str]:
    title = _title(_bbox(block.box))
    yield f'<div class="ocr_carea" id="block_{key}" {title}>\n<p class="ocr_par" id="par_{key}" {title}>\n'
    for at, line in enumerate(block.lines, 1):
        yield _line(line, f"{key}_{at}")
    yield "</p>\n</div>\n"


def _line(line: WrittenLine, key: str) -> str:
    properties = [_bbox(line.box)]
    if line.is_turned:
        # Section "textangle": counter-clockwise, so that text running down has 270.
        properties.append(f"textangle {decimal(-line.direction_deg % 360, digits=1)}")
    else:
        properties.append(_baseline(line))
    properties += [f"x_size {decimal(line.size_px, digits=1)}", _confidence(line.confidence)]
    language = "" if line.language is None else f' lang="{line.language}"'
    style = ' style="writing-mode: vertical-rl"' if line.is_column else ""
    words = " ".join(
        f'<span class="ocrx_word" id="word_{key}_{at}" {_title(_bbox(word.box), _confidence(word.confidence))}>'
        f"{xml_text(word.text)}</span>"
        for at, word in enumerate(line.words, 1)
    )
    return f'<span class="ocr_line" id="line_{key}" {_title(*properties)}{language}{style}>{words}</span>\n'


def _baseline(line: WrittenLine) -> str:
    """Section "baseline": slope and offset of a straight line, from the bounding box's lower left corner.

    It is the quad's lower edge: how far above it the type stands is not known.
    """
    _, _, (right, right_y), (left, left_y) = line.quad
    slope = (right_y - left_y) / (right - left) if right > left else 0.0
    offset = left_y + slope * (line.box.left - left) - line.box.bottom
    return f"baseline {decimal(slope, digits=4)} {decimal(offset, digits=0)}"


def _title(*properties: str) -> str:
    return f'title="{xml_text("; ".join(properties))}"'


def _bbox(box: PixelBox) -> str:
    return f"bbox {box.left} {box.top} {box.right} {box.bottom}"


def _confidence(confidence: float) -> str:
    """Section "x_wconf": per cent."""
    return f"x_wconf {decimal(100 * confidence, digits=0)}"


def _path(file_name: str) -> str:
    return _NOT_IN_A_PATH.sub(lambda found: f"%{ord(found.group()):02X}", file_name)
