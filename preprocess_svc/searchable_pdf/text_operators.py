"""A page's lines as the operators that write them, invisible, over their print (ISO 32000-1, 9.4).

A line's type is as high as the print in its quad, which is larger; its characters are as wide as they were printed, one
behind the other. The blank between two cells of a row is written, because it is part of the text; that between two rows
is left to the reader, who sees that another row begins.

Order is that of the operators, with two catches. PDFium, and so Chrome, sorts strings that begin at one height from
left to right, which turns columns around: a blank in a string of its own, further down, keeps two columns apart. And
what it takes for one height grows with the last character's width: a blank is narrow, however far the next cell is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_core.contracts.geometry import Point
from ocr_core.contracts.placed_text import PlacedLine
from preprocess_svc.searchable_pdf.font_program import DESCENT, UNITS_PER_EM
from preprocess_svc.searchable_pdf.glyphs import MAX_STEPS, STEP, STEPS_PER_EM, InvisibleFonts
from preprocess_svc.searchable_pdf.pdf_file import decimal

TYPE_SHARE = 0.7
"""Of a quad's height that its print takes, ascenders and descenders included; the rest is white, as much above as
below: the detector grows its boxes by so much. Medians of eleven documents with a text layer of their own: 0.54 to
0.93."""
_BASELINE = (1 - TYPE_SHARE) / 2 - DESCENT / UNITS_PER_EM * TYPE_SHARE
"""Above a quad's lower edge, as a fraction of its height."""
_BLANK = 0.25
"""Em, of a blank that is not printed."""
_MIN_BLANK_STEPS = 4
"""Poppler sees no blank in 0.15 em or less, whatever character stands there."""
_MIN_SIZE_PT = 0.1
_INVISIBLE = "3 Tr"


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePlace:
    """How pixels of an upright page become points of PDF's user space, whose origin is at the bottom left."""

    height_px: int
    points_per_px: float

    def point(self, pixel: Point) -> Point:
        """Where a pixel lies."""
        return pixel[0] * self.points_per_px, (self.height_px - pixel[1]) * self.points_per_px


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """A page's text, written down."""

    operators: bytes
    fonts: frozenset[str]
    """The names of the fonts that it uses."""


def page_text(lines: Sequence[PlacedLine], place: PagePlace, fonts: InvisibleFonts) -> PageText:
    """The lines in their order."""
    writer = _Writer(place, fonts)
    for line in lines:
        writer.write(line)
    return writer.finish()


class _Writer:
    def __init__(self, place: PagePlace, fonts: InvisibleFonts) -> None:
        self._place = place
        self._fonts = fonts
        self._parts = ["BT", _INVISIBLE]
        self._font_set = ""
        self._used: set[str] = set()

    def finish(self) -> PageText:
        if not self._used:
            return PageText(operators=b"", fonts=frozenset())
        return PageText(operators="\n".join([*self._parts, "ET"]).encode("ascii"), fonts=frozenset(self._used))

    def write(self, line: PlacedLine) -> None:
        """One line, and the blank behind it."""
        pen = _Pen(line, self._place)
        text, extents = line.text, list(line.extents)
        if line.row_goes_on or pen.is_steep:
            text += " "
            extents.append((1.0, 1.0 + _BLANK * STEPS_PER_EM / pen.steps if pen.steps else 1.0))
        last = len(text) - 1 if pen.is_steep else None
        cursor: int | None = None
        shown: list[str] = []
        font_now = ""
        for index, (character, (start, end)) in enumerate(zip(text, extents, strict=True)):
            first = max(round(start * pen.steps), cursor or 0)
            least = _MIN_BLANK_STEPS if character.isspace() else 1
            steps = min(max(round(end * pen.steps) - first, least), MAX_STEPS)
            font, code = self._fonts.glyph(character, steps, in_column=line.is_column)
            if font != font_now or index == last or cursor is None:
                self._show(shown)
                self._begin(pen, first, font)
                shown, font_now = ["<"], font
            elif first > cursor:
                # A positive number moves the pen back in a line, and onwards in a column (table 109).
                gap = (first - cursor) * STEP
                shown.append(f">{gap if line.is_column else -gap}<")
            shown.append(code)
            cursor = first + steps
        self._show(shown)

    def _begin(self, pen: _Pen, step: int, font: str) -> None:
        """Set font and place."""
        font_set = f"/{font} {decimal(pen.size_pt)} Tf"
        if font_set != self._font_set:
            self._parts.append(font_set)
            self._font_set = font_set
            self._used.add(font)
        self._parts.append(pen.matrix(step))

    def _show(self, shown: list[str]) -> None:
        if shown:
            self._parts.append(f"[{''.join(shown)}>]TJ")


class _Pen:
    """Where a line runs: from its start along the lower edge, or down the middle of a column."""

    def __init__(self, line: PlacedLine, place: PagePlace) -> None:
        p0, p1, p2, p3 = (place.point(corner) for corner in line.quad)
        # A column's pen runs down its middle.
        rise = 0.5 if line.is_column else _BASELINE
        self._start, end = _between(p3, p0, rise), _between(p2, p1, rise)
        self.size_pt = max(round(math.dist(p0, p3) * TYPE_SHARE, 2), _MIN_SIZE_PT)
        length_pt = math.dist(self._start, end)
        self._along = (
            ((end[0] - self._start[0]) / length_pt, (end[1] - self._start[1]) / length_pt)
            if length_pt
            else ((0.0, -1.0) if line.is_column else (1.0, 0.0))
        )
        self._is_column = line.is_column
        self.steps = length_pt / self.size_pt * STEPS_PER_EM
        """Of the whole reading edge."""

    @property
    def is_steep(self) -> bool:
        """It runs down or up the page."""
        return abs(self._along[1]) > abs(self._along[0])

    def matrix(self, step: int) -> str:
        """``Tm`` for a character that begins ``step`` twentieths behind the line's beginning."""
        cosine, sine = self._along
        offset_pt = step / STEPS_PER_EM * self.size_pt
        x, y = self._start[0] + cosine * offset_pt, self._start[1] + sine * offset_pt
        if self._is_column:  # the characters stand upright where the pen goes down
            cosine, sine = -sine, cosine
        numbers = [decimal(value, 5) for value in (cosine, sine, -sine, cosine)]
        return " ".join([*numbers, decimal(x), decimal(y), "Tm"])


def _between(start: Point, end: Point, fraction: float) -> Point:
    return start[0] + (end[0] - start[0]) * fraction, start[1] + (end[1] - start[1]) * fraction
