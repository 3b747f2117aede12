"""The page as rows of text: one string a visual row, with the way back from each character to the line printed there.

Values, labels and the space between them are looked for in a row's string, so that it does not matter whether the
detector put a label and its value into one box or into two. Pieces that stand close together are joined by a space,
pieces that stand apart by a tab, which no value crosses.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass, field
from functools import cached_property

from ocr_core.contracts.geometry import Quad, bounds
from postprocess_svc.fields.values.folding import NOT_IN_LABELS, fold, fold_character, is_cjk, squash_folded
from postprocess_svc.frozen import value
from postprocess_svc.lines import PageLines, TextLine

# Distances in line heights. Characters of one word stand at most one height apart, also when letters are spaced out
# (請　求　書); the columns of a form stand further.
_TAB_GAP = 1.0
_INNER_TAB_GAP = 3.0
# No recogniser gives a longer line; a text layer may, and what follows is neither label nor value.
_MAX_LINE_CHARACTERS = 1000
# Pieces share a row where their centres differ by less than this share of the lower piece's height.
_ROW_TOLERANCE = 0.5
# No document has rows of so many; where thousands of specks stand level, each would be held against all others.
_MAX_PIECES = 200

_LAST_LATIN = "\u2e7f"
"""East Asian writing comes after it."""
_JOINED_MARKS = "\uff9e\uff9f\u3099\u309a"
"""Voicing marks that are characters of their own, as half-width kana have them."""
_VOICED = re.compile(f"[{_JOINED_MARKS}]")


@value
class Extent:
    """Where a span stands: an upright box in page pixels with the page's skew taken out of its height."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    def overlap_x(self, other: Extent) -> float:
        """Pixels that both cover horizontally; negative is the gap between them."""
        return min(self.right, other.right) - max(self.left, other.left)


@value
class Piece:
    """A line's place in a row."""

    line: TextLine
    extent: Extent
    vertical: bool
    """Set from the top down, or turned by a quarter."""
    start: int
    end: int
    """The piece's span in the row's text."""


@dataclass(slots=True, kw_only=True)
class Row:
    """A visual row. ``text`` is folded (half width, one kind of dash); spans below are spans of it."""

    page: int
    number: int
    """Position among the rows of all pages, in reading order."""
    pieces: tuple[Piece, ...]
    text: str
    origins: tuple[int, ...]
    """Per character of ``text``: its piece's index times 65,536 plus the index in that line's text; -1 for joints."""
    top: float
    bottom: float
    squashed: str = field(init=False, default="")
    """``text`` for label lookup: lower case, no accents, spaces, points or hyphens."""
    squash_origins: list[int] = field(init=False, default_factory=list)
    _extents: dict[tuple[int, int], Extent] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._squash()

    @property
    def height(self) -> float:
        """Height in pixels, skew taken out."""
        return self.bottom - self.top

    def _squash(self) -> None:
        text = self.text
        self.squashed = squash_folded(text)
        if len(self.squashed) == len(text):
            self.squash_origins = list(range(len(text) + 1))
        else:
            origins = [index for index, character in enumerate(text) if character not in NOT_IN_LABELS]
            self.squash_origins = [*origins, len(text)]

    def begins_word(self, index: int) -> bool:
        """Whether a word begins at a character of ``squashed``."""
        at = self.squash_origins[index]
        before, character = self.text[at - 1] if at else " ", self.text[at]
        return (
            not (before.isalpha() and character.isalpha())
            or (before.islower() and character.isupper())
            or (before > _LAST_LATIN) != (character > _LAST_LATIN)
        )

    def _origin_spans(self, start: int, end: int) -> list[tuple[Piece, int, int]]:
        """The printed characters behind a span, piece by piece: (piece, start, end) in the line's own text."""
        spans: list[tuple[Piece, int, int]] = []
        origins = self.origins
        for piece in self.pieces:
            if piece.end <= start:
                continue
            if piece.start >= end:
                break
            # Within a piece origins ascend, so the first and the last say all; only joints (-1) lie between.
            first, last = max(start, piece.start), min(end, piece.end) - 1
            while first <= last and origins[first] < 0:
                first += 1
            while first <= last and origins[last] < 0:
                last -= 1
            if first <= last:
                spans.append(
                    (piece, origins[first] & 0xFFFF, _end_of_character(piece.line.text, origins[last] & 0xFFFF))
                )
        return spans

    def printed(self, start: int, end: int) -> str:
        """The text as printed behind a span."""
        return " ".join(piece.line.text[a:b] for piece, a, b in self._origin_spans(start, end)).strip()

    def quads(self, start: int, end: int) -> list[Quad]:
        """The quads of the characters behind a span, one a piece."""
        return [piece.line.span_quad(a, b) for piece, a, b in self._origin_spans(start, end)]

    def quad(self, start: int, end: int) -> Quad:
        """The quad of the characters behind a span; an upright one where the span crosses pieces."""
        quads = self.quads(start, end)
        if not quads:
            return self.pieces[0].line.quad
        return quads[0] if len(quads) == 1 else bounds(*quads).to_quad()

    def characters(self, start: int, end: int) -> tuple[str, list[float]]:
        """The printed characters behind a span, with nothing between the pieces, and the confidence in each."""
        text, confidences = "", list[float]()
        for piece, a, b in self._origin_spans(start, end):
            text += piece.line.text[a:b]
            confidences += piece.line.character_confidences[a:b] or [piece.line.confidence] * (b - a)
        return text, confidences

    def steps(self, start: int, end: int) -> list[float]:
        """From each printed character behind a span to the next, as shares of their line; of the first piece alone."""
        for piece, a, b in self._origin_spans(start, end):
            positions = piece.line.positions[a:b]
            return list(map(operator.sub, positions[1:], positions))
        return []

    def confidence(self, start: int, end: int) -> float:
        """The recogniser's mean confidence over a span."""
        spans = self._origin_spans(start, end)
        if not spans:
            return 0.0
        total = sum(b - a for _, a, b in spans)
        return sum(piece.line.span_confidence(a, b) * (b - a) for piece, a, b in spans) / total

    def covers_x_of(self, extent: Extent) -> bool:
        """Whether any piece stands above or below some part of the extent."""
        return any(piece.extent.left < extent.right and extent.left < piece.extent.right for piece in self.pieces)

    def extent(self, start: int, end: int) -> Extent:
        """Where a span stands: horizontally its own characters, vertically its pieces."""
        known = self._extents.get((start, end))
        if known is None:
            known = self._extents[(start, end)] = self._measure(start, end)
        return known

    def _measure(self, start: int, end: int) -> Extent:
        spans = self._origin_spans(start, end)
        if not spans:
            return self.pieces[0].extent
        lefts, rights, tops, bottoms = [], [], [], []
        for piece, first, last in spans:
            whole = piece.extent
            if last - first < len(piece.line.text):
                xs = [x for x, _ in piece.line.span_quad(first, last)]
                lefts.append(min(xs))
                rights.append(max(xs))
            elif len(spans) == 1:
                return whole
            else:
                lefts.append(whole.left)
                rights.append(whole.right)
            tops.append(whole.top)
            bottoms.append(whole.bottom)
        return Extent(left=min(lefts), right=max(rights), top=min(tops), bottom=max(bottoms))

    @property
    def vertical(self) -> bool:
        """A line set from the top down, alone in its row."""
        return self.pieces[0].vertical


@dataclass(frozen=True, kw_only=True)
class PageIndex:
    """A page's rows, from the top down."""

    number: int
    width_px: float
    height_px: float
    rows: tuple[Row, ...]

    @cached_property
    def text_height(self) -> float:
        """The page's ordinary line height in pixels: the median over its pieces."""
        heights = sorted(piece.extent.height for row in self.rows for piece in row.pieces if not row.vertical)
        return heights[len(heights) // 2] if heights else 1.0

    @cached_property
    def content(self) -> Extent:
        """The box around everything printed."""
        extents = [piece.extent for row in self.rows for piece in row.pieces]
        if not extents:
            return Extent(left=0.0, top=0.0, right=self.width_px, bottom=self.height_px)
        return Extent(
            left=min(extent.left for extent in extents),
            top=min(extent.top for extent in extents),
            right=max(extent.right for extent in extents),
            bottom=max(extent.bottom for extent in extents),
        )

    def depth(self, extent: Extent) -> float:
        """0 at the top of what is printed, 1 at its bottom."""
        content = self.content
        return (extent.top - content.top) / max(1.0, content.bottom - content.top)

    def side(self, extent: Extent) -> float:
        """0 at the left edge of what is printed, 1 at its right edge, by the span's centre."""
        content = self.content
        return ((extent.left + extent.right) / 2 - content.left) / max(1.0, content.right - content.left)


def index_page(page: PageLines, *, first_row: int = 0) -> PageIndex:
    """Arrange what is printed on a page into rows; ``first_row`` is the number of its first row in the document."""
    slope = math.tan(math.radians(page.skew_deg))
    placed = [_place(line, slope) for line in page.printed if line.text.strip()]
    placed.sort(key=_centres)
    rows = [
        _make_row(members, page=page.number, number=first_row + number) for number, members in enumerate(_rows(placed))
    ]
    return PageIndex(number=page.number, width_px=page.width_px, height_px=page.height_px, rows=tuple(rows))


@value
class _Placed:
    line: TextLine
    extent: Extent
    vertical: bool


def _centres(item: _Placed) -> float:
    return item.extent.top + item.extent.bottom


def _place(line: TextLine, slope: float) -> _Placed:
    """The line's box with the skew taken out: a tilted line is not taller than a level one."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = line.quad
    left, right = min(x0, x1, x2, x3), max(x0, x1, x2, x3)
    if _is_vertical(line, width=right - left):
        ys = [y - x * slope for x, y in line.quad]
        return _Placed(line=line, extent=Extent(left=left, right=right, top=min(ys), bottom=max(ys)), vertical=True)
    top = (y0 + y1) / 2 - slope * (x0 + x1) / 2
    bottom = (y2 + y3) / 2 - slope * (x2 + x3) / 2
    if bottom < top:
        top, bottom = bottom, top
    return _Placed(line=line, extent=Extent(left=left, right=right, top=top, bottom=bottom), vertical=False)


def _is_vertical(line: TextLine, *, width: float) -> bool:
    """Set in a column, or turned by a quarter: its height says nothing of the size of its type."""
    if line.vertical or len(line.text) <= 2:
        return line.vertical
    ys = [y for _, y in line.quad]
    return max(ys) - min(ys) > 1.8 * width


@dataclass(slots=True)
class _Gathering:
    """A row while its members are found."""

    members: list[_Placed]
    centres: float
    """Sum of top and bottom over the members."""
    lowest: float
    """The least height among them."""

    def takes(self, item: _Placed, centres: float, height: float) -> bool:
        """Whether an item is level with the row and stands free of its members."""
        count = len(self.members)
        lowest = min(self.lowest, height)
        if abs(centres / 2 - self.centres / (2 * count)) >= _ROW_TOLERANCE * lowest or count == _MAX_PIECES:
            return False
        if item.vertical or self.members[0].vertical:
            return False
        return all(item.extent.overlap_x(other.extent) < 0.5 * lowest for other in self.members)

    def add(self, item: _Placed, centres: float, height: float) -> None:
        """Take it."""
        self.members.append(item)
        self.centres += centres
        self.lowest = min(self.lowest, height)


def _rows(placed: list[_Placed]) -> list[list[_Placed]]:
    """Group lines (sorted by their centres) whose centres are level; members from left to right."""
    rows: list[_Gathering] = []
    for item in placed:
        centres, height = _centres(item), item.extent.height
        for row in reversed(rows[-3:]):
            if row.takes(item, centres, height):
                row.add(item, centres, height)
                break
        else:
            rows.append(_Gathering([item], centres, height))
    return [sorted(row.members, key=_left) if len(row.members) > 1 else row.members for row in rows]


def _left(item: _Placed) -> float:
    return item.extent.left


def _make_row(members: list[_Placed], *, page: int, number: int) -> Row:
    text: list[str] = []
    origins: list[int] = []
    pieces: list[Piece] = []
    previous: Extent | None = None
    for position, item in enumerate(members):
        extent = item.extent
        piece_text, piece_origins = _fold_line(item.line, position, vertical=item.vertical)
        if previous is not None:
            text.append(
                _joint(text, piece_text, gap=extent.left - previous.right, height=min(extent.height, previous.height))
            )
            origins.append(-1)
        start = len(text)
        text.extend(piece_text)
        origins.extend(piece_origins)
        pieces.append(Piece(line=item.line, extent=extent, vertical=item.vertical, start=start, end=len(text)))
        previous = extent
    return Row(
        page=page,
        number=number,
        pieces=tuple(pieces),
        text="".join(text),
        origins=tuple(origins),
        top=min([piece.extent.top for piece in pieces]),
        bottom=max([piece.extent.bottom for piece in pieces]),
    )


def _joint(left: list[str], right: list[str], *, gap: float, height: float) -> str:
    """A tab between columns; a space between near pieces and between spaced-out single characters."""
    if gap < _TAB_GAP * height:
        return " "
    single = (
        len(right) == 1 and (len(left) == 1 or left[-2:-1] in (["\t"], [" "])) and is_cjk(right[0]) and is_cjk(left[-1])
    )
    return " " if single and gap < 8 * height else "\t"


def _end_of_character(text: str, index: int) -> int:
    """Where a printed character ends: a half-width kana's voicing mark, which folding joins with it, is part of it."""
    end = index + 1
    while end < len(text) and text[end] in _JOINED_MARKS:
        end += 1
    return end


def _fold_line(line: TextLine, position: int, *, vertical: bool) -> tuple[list[str], list[int]]:
    """A line's folded characters with their origins; a wide empty space inside it becomes a tab."""
    text: list[str] = []
    origins: list[int] = []
    base = position << 16
    tabs = frozenset() if vertical else _inner_tabs(line)
    if not tabs:
        # Most lines fold one character to one.
        folded = fold(line.text[:_MAX_LINE_CHARACTERS])
        if len(folded) == min(len(line.text), _MAX_LINE_CHARACTERS) and _VOICED.search(folded) is None:
            return list(folded), list(range(base, base + len(folded)))
    for index, character in enumerate(line.text[:_MAX_LINE_CHARACTERS]):
        if index in tabs:
            if text and text[-1] == " ":
                text[-1], origins[-1] = "\t", -1
            else:
                text.append("\t")
                origins.append(-1)
        for part in fold(character):
            if part in _JOINED_MARKS and text:
                # A voiced mark of its own (half-width kana) joins the character before it.
                text[-1] = fold_character(text[-1] + ("\u3099" if part in "\uff9e\u3099" else "\u309a"))[:1]
                continue
            text.append(part)
            origins.append(base | index)
    return text, origins


def _inner_tabs(line: TextLine) -> frozenset[int]:
    """Characters before which a line is empty for more than ``_INNER_TAB_GAP`` heights."""
    count = len(line.text)
    if len(line.positions) != count or count < 3:
        return frozenset()
    p0, p1, _, p3 = line.quad
    limit = (_INNER_TAB_GAP + 0.8) * math.dist(p0, p3) / max(1.0, math.dist(p0, p1))
    positions = line.positions
    if limit > 1.0 or max(map(operator.sub, positions[1:], positions)) <= limit:
        return frozenset()
    tabs = set()
    last = 0
    for index in range(1, count):
        if line.text[index].isspace():
            continue
        lonely = is_cjk(line.text[last]) and is_cjk(line.text[index])
        if line.positions[index] - line.positions[last] > limit * (2.0 if lonely else 1.0):
            tabs.add(index)
        last = index
    return frozenset(tabs)
