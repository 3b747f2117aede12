"""The result as ALTO 4.4 (loc.gov/standards/alto): XML that libraries and archives keep a page's text and layout in.

All pages are in one file, as the schema allows. Boxes are those of the pages as they were read; where one was turned
upright first, a step of the processing tells so. Angles are in degrees counter-clockwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from ocr_core.contracts.geometry import Point
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.result import OcrResult, PageResult, UnreadPage
from postprocess_svc.formats.written_page import PixelBox, WrittenBlock, WrittenLine, WrittenWord, written_blocks
from postprocess_svc.formats.xml_text import SOFTWARE_NAME, decimal, software_version, xml_text

CONTENT_TYPE = "application/xml"

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
SCHEMA_VERSION = "4.4"
_SCHEMA_LOCATION = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"

_POINTS_PER_INCH = 72
_MIN_ROTATION_DEG = 0.5
"""Below it a block is level: its quads are no finer."""
_MAX_SPREAD_DEG = 5.0
"""Lines whose directions differ by more have no rotation in common."""


def render(result: OcrResult) -> RenderedResult:
    """The whole document, UTF-8."""
    sizes_pt: set[int] = set()
    layout = "".join(part for page in result.pages for part in _page(page, sizes_pt))
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<alto xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
        f' xsi:schemaLocation="{NAMESPACE} {_SCHEMA_LOCATION}" SCHEMAVERSION="{SCHEMA_VERSION}">\n',
        *_description(result),
        *_styles(sizes_pt),
        f"<Layout>\n{layout}</Layout>\n</alto>\n",
    ]
    return RenderedResult(content_type=CONTENT_TYPE, body="".join(parts).encode())


def _description(result: OcrResult) -> Iterator[str]:
    yield "<Description>\n<MeasurementUnit>pixel</MeasurementUnit>\n"
    if result.document.file_name is not None:
        name = xml_text(result.document.file_name)
        yield f"<sourceImageInformation><fileName>{name}</fileName></sourceImageInformation>\n"
    # Deprecated since 4.0 in favour of Processing, and what readers of every version look for.
    yield '<OCRProcessing ID="ocr_1">\n'
    for page in result.pages:
        if isinstance(page, PageResult) and page.rotation_deg:
            turned = f"page {page.number}: turned clockwise by {page.rotation_deg} degrees before it was read"
            step = f"<processingStepDescription>{turned}</processingStepDescription>"
            yield f"<preProcessingStep>{step}</preProcessingStep>\n"
    models = ", ".join(f"{name} {number}" for name, number in result.models.items())
    yield (
        f"<ocrProcessingStep><processingStepSettings>{xml_text(models)}</processingStepSettings>"
        f"<processingSoftware><softwareName>{SOFTWARE_NAME}</softwareName>"
        f"<softwareVersion>{xml_text(software_version())}</softwareVersion></processingSoftware></ocrProcessingStep>\n"
        "</OCRProcessing>\n</Description>\n"
    )


def _styles(sizes_pt: set[int]) -> Iterator[str]:
    if sizes_pt:
        styles = "\n".join(f'<TextStyle ID="size_{size}" FONTSIZE="{size}"/>' for size in sorted(sizes_pt))
        yield f"<Styles>\n{styles}\n</Styles>\n"


def _page(page: PageResult | UnreadPage, sizes_pt: set[int]) -> Iterator[str]:
    """A page; the sizes of its type are added to ``sizes_pt``."""
    identity = f'<Page ID="page_{page.number}" PHYSICAL_IMG_NR="{page.number}"'
    if isinstance(page, UnreadPage):
        detail = xml_text(f"{page.error.code}: {page.error.detail}")
        yield f'{identity} QUALITY="Missing" QUALITY_DETAIL="{detail}"/>\n'
        return
    size = f'WIDTH="{page.width_px}" HEIGHT="{page.height_px}"'
    yield f'{identity} {size}>\n<PrintSpace HPOS="0" VPOS="0" {size}>\n'
    for at, block in enumerate(written_blocks(page), 1):
        yield from _block(block, f"{page.number}_{at}", page.dpi, sizes_pt)
    yield "</PrintSpace>\n</Page>\n"


def _block(block: WrittenBlock, key: str, dpi: int, sizes_pt: set[int]) -> Iterator[str]:
    yield f'<TextBlock ID="block_{key}" {_box(block.box)}{_rotation(block)}>\n'
    for at, line in enumerate(block.lines, 1):
        yield from _line(line, f"{key}_{at}", dpi, sizes_pt)
    yield "</TextBlock>\n"


def _rotation(block: WrittenBlock) -> str:
    """How the block's lines lie, where they agree. Characters of a column are not turned."""
    directions = [line.direction_deg for line in block.lines if not line.is_column]
    if not directions:
        return ""
    off_first = [(direction - directions[0] + 180) % 360 - 180 for direction in directions]
    rotation = (-directions[0] - sum(off_first) / len(off_first) + 180) % 360 - 180
    if max(off_first) - min(off_first) > _MAX_SPREAD_DEG or abs(rotation) < _MIN_ROTATION_DEG:
        return ""
    return f' ROTATION="{decimal(rotation, digits=1)}"'


def _line(line: WrittenLine, key: str, dpi: int, sizes_pt: set[int]) -> Iterator[str]:
    attributes = [f'ID="line_{key}"', _box(line.box)]
    size_pt = round(line.size_px * _POINTS_PER_INCH / dpi) if dpi > 0 else 0
    if size_pt > 0:
        sizes_pt.add(size_pt)
        attributes.append(f'STYLEREFS="size_{size_pt}"')
    if line.is_column:
        attributes.append('BASEDIRECTION="ttb"')
    else:
        # The quad's lower edge: how far above it the type stands is not known.
        attributes.append(f'BASELINE="{_points(line.outline[3], line.outline[2])}"')
    if line.language is not None:
        attributes.append(f'LANG="{line.language}"')
    yield f"<TextLine {' '.join(attributes)}>\n"
    if line.leans:
        yield f'<Shape><Polygon POINTS="{_points(*line.outline)}"/></Shape>\n'
    for at, word in enumerate(line.words, 1):
        if word.space_before is not None:
            yield f"<SP {_box(word.space_before)}/>\n"
        yield _string(word, f"{key}_{at}")
    yield "</TextLine>\n"


def _string(word: WrittenWord, key: str) -> str:
    # CC: one digit a character, from 0 (sure) to 9 (unsure).
    digits = "".join([str(round(9 - 9 * sure)) for sure in word.character_confidences])
    characters = f' CC="{digits}"' if digits else ""
    confidence = decimal(word.confidence, digits=4)
    return (
        f'<String ID="string_{key}" {_box(word.box)} CONTENT="{xml_text(word.text)}" WC="{confidence}"{characters}/>\n'
    )


def _box(box: PixelBox) -> str:
    width, height = box.right - box.left, box.bottom - box.top
    return f'HPOS="{box.left}" VPOS="{box.top}" WIDTH="{width}" HEIGHT="{height}"'


def _points(*points: Point) -> str:
    return " ".join(f"{decimal(x, digits=1)},{decimal(y, digits=1)}" for x, y in points)
