"""hOCR and ALTO read back: lines to write down, and what a parser finds of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

from ocr_core.contracts.geometry import Box, Point, Quad
from ocr_core.contracts.result import Line, OcrResult, OutputFormat, PageResult
from postprocess_svc import formats
from tests.support.alto_schema import NAMESPACE, faults
from tests.unit.test_formats import RESULT

ALTO = f"{{{NAMESPACE}}}"
PAGE = PageResult(number=1, width_px=1000, height_px=800, dpi=200, rotation_deg=0, lines=())
MARKUP = (OutputFormat.HOCR, OutputFormat.ALTO)
# What XML 1.0 (2.2) has a place for.
STORABLE = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Corners = tuple[int, int, int, int]


def line(text: str, quad: Quad | Corners = (100, 100, 300, 120), *, spaced: bool = False, block: int = 0) -> Line:
    """A line; ``spaced`` gives each character its place and its confidence, as the recogniser does."""
    corners = (
        Box(left=quad[0], top=quad[1], right=quad[2], bottom=quad[3]).to_quad() if isinstance(quad[0], int) else quad
    )
    count = len(text)
    return Line(
        text=text,
        confidence=0.9,
        quad=corners,  # type: ignore[arg-type]
        block=block,
        row=block,
        positions=tuple((at + 0.5) / count for at in range(count)) if spaced else (),
        character_confidences=tuple(1 - 0.1 * (at % 10) for at in range(count)) if spaced else (),
    )


def turned(quad: Quad, degrees: float, around: Point) -> Quad:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    (cx, cy) = around
    points = [((x - cx) * cosine - (y - cy) * sine + cx, (x - cx) * sine + (y - cy) * cosine + cy) for x, y in quad]
    return (points[0], points[1], points[2], points[3])


def result_of(*lines: Line) -> OcrResult:
    return replace(RESULT, pages=(replace(PAGE, lines=lines),), fields=None, warnings=())


def hocr(result: OcrResult) -> ET.Element:
    return ET.fromstring(formats.render(result, OutputFormat.HOCR).body)  # noqa: S314 - our own


def alto(result: OcrResult) -> ET.Element:
    body = formats.render(result, OutputFormat.ALTO).body
    assert faults(body) == []
    return ET.fromstring(body)  # noqa: S314 - our own


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("class") == name]


def properties(element: ET.Element) -> dict[str, str]:
    """Of an element's title, as hOCR's section "Terminology and Representation" has them."""
    pairs = [part.strip().partition(" ") for part in element.attrib["title"].split(";")]
    return {name: value for name, _, value in pairs}


def hocr_box(element: ET.Element) -> Corners:
    left, top, right, bottom = (int(value) for value in properties(element)["bbox"].split())
    return left, top, right, bottom


def alto_box(element: ET.Element) -> Corners:
    left, top, width, height = (int(element.attrib[name]) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    return left, top, left + width, top + height


def words(result: OcrResult, wanted: OutputFormat) -> list[tuple[str, Corners]]:
    if wanted is OutputFormat.HOCR:
        return [(word.text or "", hocr_box(word)) for word in of_class(hocr(result), "ocrx_word")]
    return [(word.attrib["CONTENT"], alto_box(word)) for word in alto(result).iter(f"{ALTO}String")]


def storable(text: str) -> Iterator[str]:
    """The characters as they come back."""
    return (character if STORABLE.match(character) else "\ufffd" for character in text)
