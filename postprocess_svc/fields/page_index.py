"""The page as rows of text: one string a visual row, with the way back from each character to the line printed there.

Values, labels and the space between them are looked for in a row's string, so that it does not matter whether the
detector put a label and its value into one box or into two. Pieces that stand close together are joined by a space,
pieces that stand apart by a tab, which no value crosses.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import cached_property

from ocr_core.contracts.frozen import value
from ocr_core.contracts.geometry import Quad, bounds
from postprocess_svc.fields.values.folding import NOT_IN_LABELS, squash_folded
from postprocess_svc.lines import TextLine

_LAST_LATIN = "\u2e7f"
"""East Asian writing comes after it."""
JOINED_MARKS = "\uff9e\uff9f\u3099\u309a"
"""Voicing marks that are characters of their own, as half-width kana have them."""


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
        left, right = extent.left, extent.right
        for piece in self.pieces:  # noqa: SIM110 - ``any`` over a generator costs twice as much, and this is asked often
            if piece.extent.left < right and left < piece.extent.right:
                return True
        return False

    def extent(self, start: int, end: int) -> Extent:
        """Where a span stands: horizontally its own characters, vertically its pieces."""
        known = self._extents.get((start, end))
        if known is None:
            known = self._extents[(start, end)] = self._measure(start, end)
        return known

    def _measure(self, start: int, end: int) -> Extent:
        origins = self.origins
        for piece in self.pieces:
            # Most spans that are asked for are whole lines.
            if piece.start == start and piece.end == end:
                if origins[start] & 0xFFFF == 0 and (origins[end - 1] & 0xFFFF) + 1 == len(piece.line.text):
                    return piece.extent
                break
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


def _end_of_character(text: str, index: int) -> int:
    """Where a printed character ends: a half-width kana's voicing mark, which folding joins with it, is part of it."""
    end = index + 1
    while end < len(text) and text[end] in JOINED_MARKS:
        end += 1
    return end
