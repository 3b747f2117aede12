"""A page as hOCR and ALTO write it down: blocks of lines of words, each with its box in whole pixels of the page.

Both formats are read by programs that take boxes for integers inside of the page, so boxes grow to the next pixel and
end at the page's edge; as both steps keep order, a line's box holds its words' and a block's its lines'.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from ocr_core.contracts.geometry import Point, Quad, angle_deg
from ocr_core.contracts.result import Line, PageResult
from postprocess_svc.lines import TextLine

# Characters whose centres are further apart than this many line heights, and than this many of the line's usual
# distances, are not printed in one run: wide-set headings (one blank between characters: twice a full-width
# character's pitch, all along the line) stay whole, two columns that were read as one line are cut.
_MIN_GAP_HEIGHTS = 2.0
_MIN_GAP_PITCHES = 2.0

TURNED_DEG = 45.0
"""From this angle on a line is turned; below it is level but for the skew."""

_MAX_LEANING_PX = 1.0
"""A quad whose corners are no further than this from its bounding box's is that box."""

_WITHOUT_SPACE = re.compile(r"\S+")
KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
EAST_ASIAN = re.compile(r"[\u3001-\u9fff\uf900-\ufaff\uff01-\uff9f]")
_JAPANESE = "ja"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelBox:
    """Whole pixels within the page."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenWord:
    """What is printed in one run."""

    text: str
    confidence: float
    character_confidences: tuple[float, ...]
    """Empty where they are not known."""
    box: PixelBox
    space_before: PixelBox | None
    """The white between the word before and this one; none for a line's first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLine:
    """A line of at least one word."""

    confidence: float
    quad: Quad
    """As detected: it may reach beyond the page's edge."""
    outline: Quad
    """The quad's corners, within the page."""
    box: PixelBox
    words: tuple[WrittenWord, ...]
    direction_deg: float
    """In which direction it runs: clockwise from rightwards, in (-180, 180]."""
    size_px: float
    """Its height across the reading direction: a little more than the type's own size."""
    is_column: bool
    """Its characters stand upright one below the other."""
    language: str | None
    """As a language tag; none where the characters do not tell."""

    @property
    def is_turned(self) -> bool:
        """It runs up, down or upside down."""
        return abs(self.direction_deg) >= TURNED_DEG

    @property
    def leans(self) -> bool:
        """It is more than a rounding away from its box."""
        corners = ((self.box.left, self.box.right), (self.box.top, self.box.bottom))
        return any(
            min(abs(value - edge) for edge in edges) > _MAX_LEANING_PX
            for point in self.outline
            for value, edges in zip(point, corners, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBlock:
    """A column, a paragraph, an address: at least one line, in reading order."""

    box: PixelBox
    lines: tuple[WrittenLine, ...]


def written_blocks(page: PageResult) -> Iterator[WrittenBlock]:
    """The page's blocks in reading order; lines of white space alone are left out."""
    is_japanese = any(KANA.search(line.text) for line in page.lines)
    for _, members in groupby(page.lines, key=lambda line: line.block):
        lines = tuple(_line(line, page, is_japanese=is_japanese) for line in members if line.text.strip())
        if lines:
            yield WrittenBlock(box=_around([line.box for line in lines]), lines=lines)


def _line(line: Line, page: PageResult, *, is_japanese: bool) -> WrittenLine:
    direction_deg = angle_deg(line.quad)
    return WrittenLine(
        confidence=line.confidence,
        quad=line.quad,
        outline=_within(line.quad, page),
        box=_box(line.quad, page),
        words=tuple(_words(line, page)),
        direction_deg=direction_deg,
        size_px=math.dist(line.quad[0], line.quad[3]),
        is_column=TURNED_DEG <= direction_deg <= 180 - TURNED_DEG and bool(EAST_ASIAN.search(line.text)),
        language=_language(line.text, is_japanese=is_japanese),
    )


def _language(text: str, *, is_japanese: bool) -> str | None:
    """Kana are Japanese, and so are Chinese characters beside them; other scripts serve many languages."""
    return _JAPANESE if is_japanese and EAST_ASIAN.search(text) else None


def _words(line: Line, page: PageResult) -> Iterator[WrittenWord]:
    placed = TextLine(
        text=line.text,
        confidence=line.confidence,
        quad=line.quad,
        positions=line.positions,
        character_confidences=line.character_confidences,
    )
    before: Quad | None = None
    for start, end in _spans(placed):
        quad = placed.span_quad(start, end)
        yield WrittenWord(
            text=line.text[start:end],
            confidence=placed.span_confidence(start, end),
            character_confidences=line.character_confidences[start:end],
            box=_box(quad, page),
            space_before=None if before is None else _box((before[1], quad[0], quad[3], before[2]), page),
        )
        before = quad


def _spans(line: TextLine) -> Iterator[tuple[int, int]]:
    """Where words begin and end: at white space, printed as a character or seen as a gap."""
    cuts = gaps(line)
    for word in _WITHOUT_SPACE.finditer(line.text):
        start, end = word.span()
        yield from pairwise([start, *(cut for cut in cuts if start < cut < end), end])


def gaps(line: TextLine) -> list[int]:
    """Which characters stand behind a gap, by their index in the line's text."""
    positions, (p0, p1, _, p3) = line.positions, line.quad
    if len(positions) != len(line.text) or len(positions) < 3:
        return []
    distances = [after - before for before, after in pairwise(positions)]
    height = math.dist(p0, p3) / max(1.0, math.dist(p0, p1))
    widest = max(_MIN_GAP_HEIGHTS * height, _MIN_GAP_PITCHES * median(distances))
    return [at + 1 for at, distance in enumerate(distances) if distance > widest]


def _box(quad: Quad, page: PageResult) -> PixelBox:
    # Written out, as a page has hundreds of them: it saves a fifth of the time that the page takes.
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad
    width, height = page.width_px, page.height_px
    return PixelBox(
        left=min(max(0, math.floor(min(x0, x1, x2, x3))), width),
        top=min(max(0, math.floor(min(y0, y1, y2, y3))), height),
        right=min(max(0, math.ceil(max(x0, x1, x2, x3))), width),
        bottom=min(max(0, math.ceil(max(y0, y1, y2, y3))), height),
    )


def _within(quad: Quad, page: PageResult) -> Quad:
    p0, p1, p2, p3 = quad
    return (_inside(p0, page), _inside(p1, page), _inside(p2, page), _inside(p3, page))


def _inside(point: Point, page: PageResult) -> Point:
    return (_between(point[0], page.width_px), _between(point[1], page.height_px))


def _between(value: float, most: int) -> float:
    return min(max(0.0, value), float(most))


def _around(boxes: Sequence[PixelBox]) -> PixelBox:
    return PixelBox(
        left=min(box.left for box in boxes),
        top=min(box.top for box in boxes),
        right=max(box.right for box in boxes),
        bottom=max(box.bottom for box in boxes),
    )
