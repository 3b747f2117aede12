"""The words of a PDF page's text layer, with their quads in the pixels of the rendered page.

PDFium gives characters in reading order with boxes on the page; white space, a turn or a jump ends a word. Japanese
puts no white space between words: there a "word" is what was set in one run.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pypdfium2.raw as pdfium

from ocr_core.contracts.geometry import Point, Quad
from ocr_core.contracts.opening_wire import MAX_CODE_POINTS_PER_PAGE, MAX_WORDS_PER_PAGE
from ocr_core.contracts.page import TextLayerWord
from ocr_core.contracts.page_memory import MAX_WORD_CODE_POINTS, allowed_code_points

_REPLACEMENT = 0xFFFD
"""Stands for a glyph whose meaning the font does not tell, so that a reader of the layer can see how sound it is."""
_HYPHEN = 0x2D
_SOFT_HYPHEN = 0xAD
_SOFT_BREAK = 0x02
"""PDFium's code for a hyphen at the end of a line."""
_TURN_RAD = math.radians(5)
_STRAIGHT_RAD = math.radians(1)
_SUBPIXELS = 64
"""PDFium maps points to whole device pixels; a device this much finer gives fractions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Character:
    """One character: extent along and across the reading direction, in points."""

    code_point: int
    angle_rad: float
    start: float
    end: float
    bottom: float
    top: float


@dataclass(slots=True, kw_only=True)
class _Word:
    angle_rad: float
    code_points: list[int] = field(default_factory=list)
    start: float = math.inf
    end: float = -math.inf
    bottom: float = math.inf
    top: float = -math.inf

    def takes(self, character: _Character) -> bool:
        """Whether the character goes on where this word stands."""
        if not self.code_points:
            return True
        if len(self.code_points) >= MAX_WORD_CODE_POINTS or abs(character.angle_rad - self.angle_rad) > _TURN_RAD:
            return False
        height = max(self.top - self.bottom, character.top - character.bottom, 0.1)
        gap = character.start - self.end
        drift = (character.top + character.bottom - self.top - self.bottom) / 2
        return -height < gap < height and abs(drift) < 0.6 * height

    def add(self, character: _Character) -> None:
        self.code_points.append(character.code_point)
        self.start, self.end = min(self.start, character.start), max(self.end, character.end)
        self.bottom, self.top = min(self.bottom, character.bottom), max(self.top, character.top)

    def corners(self) -> Iterator[Point]:
        """The quad's corners on the page, from the text's own top-left, clockwise as seen."""
        cos, sin = math.cos(self.angle_rad), math.sin(self.angle_rad)
        for along, across in (
            (self.start, self.top),
            (self.end, self.top),
            (self.end, self.bottom),
            (self.start, self.bottom),
        ):
            yield along * cos - across * sin, along * sin + across * cos


def read_words(page: object, *, width_px: int, height_px: int) -> tuple[TextLayerWord, ...]:
    """The page's words in PDFium's order; those that lie outside the rendered page are left out."""
    text_page = pdfium.FPDFText_LoadPage(page)
    if not text_page:
        return ()
    try:
        to_pixels = _page_to_pixels(page, width_px=width_px, height_px=height_px)
        words: list[TextLayerWord] = []
        code_point_count = 0
        for word in _words(text_page):
            quad = _quad_on_page(word, to_pixels, width_px=width_px, height_px=height_px)
            text = "".join(map(chr, word.code_points))
            code_point_count += len(text)
            if code_point_count > MAX_CODE_POINTS_PER_PAGE or len(words) == MAX_WORDS_PER_PAGE:
                break
            if quad is not None:
                words.append(TextLayerWord(text=text, quad=quad))
        return tuple(words)
    finally:
        pdfium.FPDFText_ClosePage(text_page)


def _page_to_pixels(page: object, *, width_px: int, height_px: int) -> tuple[Point, Point, Point]:
    """Where PDFium draws the page's origin and its two unit vectors (per 1,000 points): rotation and crop included."""
    x, y = ctypes.c_int(), ctypes.c_int()
    points: list[Point] = []
    for page_x, page_y in ((0.0, 0.0), (1000.0, 0.0), (0.0, 1000.0)):
        width, height = width_px * _SUBPIXELS, height_px * _SUBPIXELS
        pdfium.FPDF_PageToDevice(page, 0, 0, width, height, 0, page_x, page_y, x, y)
        points.append((x.value / _SUBPIXELS, y.value / _SUBPIXELS))
    return points[0], points[1], points[2]


def _quad_on_page(word: _Word, to_pixels: tuple[Point, Point, Point], *, width_px: int, height_px: int) -> Quad | None:
    (x0, y0), (x1, y1), (x2, y2) = to_pixels
    corners = [
        (x0 + ((x1 - x0) * x + (x2 - x0) * y) / 1000.0, y0 + ((y1 - y0) * x + (y2 - y0) * y) / 1000.0)
        for x, y in word.corners()
    ]
    centre_x, centre_y = sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4
    # Written so that a NaN is outside.
    if not (0 <= centre_x <= width_px and 0 <= centre_y <= height_px):
        return None
    first, second, third, fourth = (
        (min(max(x, 0.0), float(width_px)), min(max(y, 0.0), float(height_px))) for x, y in corners
    )
    if math.dist(first, third) < 1.0:
        return None
    return first, second, third, fourth


def _words(text_page: object) -> Iterator[_Word]:
    word: _Word | None = None
    for character in _characters(text_page):
        if character is None:
            if word is not None:
                yield word
            word = None
            continue
        if word is None or not word.takes(character):
            if word is not None:
                yield word
            word = _Word(angle_rad=character.angle_rad)
        word.add(character)
    if word is not None:
        yield word


def _characters(text_page: object) -> Iterator[_Character | None]:
    """The page's characters; ``None`` where white space parts two words."""
    count = min(pdfium.FPDFText_CountChars(text_page), MAX_CODE_POINTS_PER_PAGE)
    numbers = [pdfium.FPDFText_GetUnicode(text_page, index) for index in range(count)]
    allowed = allowed_code_points(np.array(numbers, dtype=np.uint32)) if numbers else np.zeros(0, dtype=np.bool_)
    box, matrix = pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    for index, number in enumerate(numbers):
        code_point = number
        if number in (_SOFT_BREAK, _SOFT_HYPHEN):
            code_point = _HYPHEN
        elif 0xD800 <= number <= 0xDBFF and index + 1 < count and 0xDC00 <= numbers[index + 1] <= 0xDFFF:
            code_point = 0x10000 + ((number - 0xD800) << 10) + (numbers[index + 1] - 0xDC00)
        elif pdfium.FPDFText_HasUnicodeMapError(text_page, index) == 1:
            code_point = _REPLACEMENT
        elif pdfium.FPDFText_IsGenerated(text_page, index) == 1 or chr(number).isspace():
            yield None
            continue
        elif not allowed[index]:
            continue
        if not pdfium.FPDFText_GetLooseCharBox(text_page, index, box):
            continue
        # Where the baseline runs. PDFium's own angle is that of the stems: slanted type would be taken for turned.
        turned = pdfium.FPDFText_GetMatrix(text_page, index, matrix)
        yield _placed(code_point, math.atan2(matrix.b, matrix.a) if turned else 0.0, box)


def _placed(code_point: int, untrusted_angle_rad: float, box: pdfium.FS_RECTF) -> _Character:
    """A character's extent in its own reading direction, from its upright box on the page."""
    angle_rad = untrusted_angle_rad if math.isfinite(untrusted_angle_rad) else 0.0
    quarter = round(angle_rad / (math.pi / 2)) * (math.pi / 2)
    if abs(angle_rad - quarter) < _STRAIGHT_RAD:
        angle_rad = quarter
    angle_rad = math.remainder(angle_rad, 2 * math.pi)
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    centre_x, centre_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    length, height = _turned_back(abs(box.right - box.left), abs(box.top - box.bottom), abs(cos), abs(sin))
    along, across = centre_x * cos + centre_y * sin, centre_y * cos - centre_x * sin
    return _Character(
        code_point=code_point,
        angle_rad=angle_rad,
        start=along - length / 2,
        end=along + length / 2,
        bottom=across - height / 2,
        top=across + height / 2,
    )


def _turned_back(box_width: float, box_height: float, cos: float, sin: float) -> tuple[float, float]:
    """Length and height of the rectangle that, turned, has an upright box of this size around it.

    The box of an l x h rectangle turned by an angle is (l cos + h sin) wide and (l sin + h cos) high; near 45 degrees
    the two equations say the same, and a square is assumed.
    """
    determinant = cos * cos - sin * sin
    if abs(determinant) < 0.2:
        side = (box_width + box_height) / 2 / (cos + sin)
        return side, side
    length = (box_width * cos - box_height * sin) / determinant
    height = (box_height * cos - box_width * sin) / determinant
    return max(length, 0.0), max(height, 0.0)
