"""Lines of text with their place on the page: what ordering, fields and formats work on."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ocr_core.contracts.frozen import value
from ocr_core.contracts.geometry import Point, Quad
from ocr_core.contracts.reading import LineReading
from postprocess_svc.ctc import DecodedLine

if TYPE_CHECKING:
    from postprocess_svc.tables.table import TextTable

# Half of a character's widest believable box, in line heights: a full-width character is one high and one wide, so
# whatever lies further from the centre of a character is the gap beside it.
_MAX_HALF_CHARACTER = 0.6

# The height over width of an upright quad above which more than one character must stand on top of each other.
_MIN_COLUMN_RATIO = 1.5


@value
class Word:
    """A run of characters without white space."""

    text: str
    quad: Quad
    start: int
    """Index of the first character in the line's ``text``."""


@value
class TextLine:
    """One line as printed (full and half width are kept), in pixels of the upright page.

    Spans are half-open index ranges ``[start, end)``, as in slices.
    """

    text: str
    confidence: float
    """Mean probability of the characters, 0 to 1."""
    quad: Quad
    positions: tuple[float, ...] = ()
    """Each character's centre as a fraction of the quad's reading edge; empty where the text did not come from the
    recogniser: characters are then taken as evenly spaced."""
    character_confidences: tuple[float, ...] = ()
    """Each character's probability; empty where ``positions`` is."""
    vertical: bool = False
    """The line is set in a column, read from the top down."""
    row: int = 0
    """Which visual row of the page the line stands in, counted in reading order; cells of one table row share it."""
    block: int = 0
    """Which block of rows (a column, a table, an address) the line belongs to, counted in reading order."""
    stamp: int | None = None
    """Which of the page's stamps the line is read in: text of the page, but no part of its fields and tables."""

    def placed(self, *, row: int, block: int) -> TextLine:
        """The same line in its place among the page's rows and blocks."""
        # Not by ``replace``, which costs several times as much, a line.
        return TextLine(
            text=self.text,
            confidence=self.confidence,
            quad=self.quad,
            positions=self.positions,
            character_confidences=self.character_confidences,
            vertical=self.vertical,
            row=row,
            block=block,
            stamp=self.stamp,
        )

    def span_quad(self, start: int, end: int) -> Quad:
        """The quad of ``text[start:end]``; the whole line's where the span is empty or not within the text."""
        if not 0 <= start < end <= len(self.text) or (start == 0 and end == len(self.text)):
            return self.quad
        left, right = self._fractions(start, end)
        p0, p1, p2, p3 = self.quad
        return (
            _between(p0, p1, left),
            _between(p0, p1, right),
            _between(p3, p2, right),
            _between(p3, p2, left),
        )

    def span_confidence(self, start: int, end: int) -> float:
        """Mean probability of ``text[start:end]``; the line's where its characters have none of their own."""
        kept = self.character_confidences[start:end]
        return sum(kept) / len(kept) if kept else self.confidence

    def words(self) -> tuple[Word, ...]:
        """The line cut at white space (text without any, such as Japanese, is one word)."""
        found: list[Word] = []
        start = 0
        for blank, characters in groupby(self.text, key=str.isspace):
            end = start + sum(1 for _ in characters)
            if not blank:
                found.append(Word(text=self.text[start:end], quad=self.span_quad(start, end), start=start))
            start = end
        return tuple(found)

    def extent(self, index: int) -> tuple[float, float]:
        """Where a character begins and ends, as fractions of the reading edge."""
        return self._fractions(index, index + 1)

    def _fractions(self, start: int, end: int) -> tuple[float, float]:
        """Where ``text[start:end]`` begins and ends, as fractions of the reading edge; it has a character at least."""
        count, positions = len(self.text), self.positions
        if len(positions) != count:
            return start / count, end / count
        p0, p1, _, p3 = self.quad
        half = _MAX_HALF_CHARACTER * math.dist(p0, p3) / max(1.0, math.dist(p0, p1))
        first, last = positions[start], positions[end - 1]
        before = (positions[start - 1] + first) / 2 if start else 0.0
        after = (positions[end] + last) / 2 if end < count else 1.0
        return max(before, first - half), min(after, last + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLines:
    """A page's lines, in reading order."""

    number: int
    width_px: int
    height_px: int
    lines: tuple[TextLine, ...]
    skew_deg: float = 0.0
    """The text's mean direction, clockwise from level."""
    tables: tuple[TextTable, ...] = ()
    """Of these lines, from the top down."""

    @property
    def printed(self) -> tuple[TextLine, ...]:
        """The lines without those of stamps: what the document itself says."""
        return tuple([line for line in self.lines if line.stamp is None])

    def rows(self) -> Iterator[tuple[TextLine, ...]]:
        """The lines row by row: cells of a table row, or a label and its value, come together."""
        for _, row in groupby(self.lines, key=lambda line: line.row):
            yield tuple(row)

    @property
    def text(self) -> str:
        """The page's text: a line a row, the cells of a row set apart by a space, a blank line between blocks."""
        parts: list[str] = []
        block = None
        for row in self.rows():
            if block is not None and row[0].block != block:
                parts.append("")
            block = row[0].block
            parts.append(" ".join(line.text for line in row))
        return "\n".join(parts)


_MIDDLE = 0.25
"""A character's middle in timesteps from the beginning of the one it was seen in: not 0.5, since the recogniser sees
characters a quarter of a timestep late (measured on eleven documents against their text layers: 0.04 line heights)."""


def text_line(reading: LineReading, decoded: DecodedLine) -> TextLine:
    """A line from what the recogniser saw, without the spaces at its ends."""
    text, timesteps, probabilities = decoded.text.strip(), decoded.timesteps, decoded.probabilities
    if len(text) < len(decoded.text):
        start = len(decoded.text) - len(decoded.text.lstrip())
        timesteps, probabilities = timesteps[start : start + len(text)], probabilities[start : start + len(text)]
    p0, p1, _, p3 = reading.quad
    length = math.dist(p0, p1)
    scale = reading.timestep_px / length if length else 0.0
    return TextLine(
        text=text,
        confidence=decoded.confidence,
        quad=reading.quad,
        positions=_within([(step + _MIDDLE) * scale for step in timesteps]),
        character_confidences=probabilities,
        vertical=len(text) > 1 and (runs_down(reading.quad) or math.dist(p0, p3) > _MIN_COLUMN_RATIO * length),
        stamp=reading.stamp,
    )


def _within(positions: list[float]) -> tuple[float, ...]:
    """Ascending positions, none beyond the edge's end."""
    if positions and positions[-1] > 1.0:
        return tuple([min(1.0, position) for position in positions])
    return tuple(positions)


def runs_down(quad: Quad) -> bool:
    """Whether the quad's reading edge is nearer to the vertical, downwards or upwards."""
    (x0, y0), (x1, y1) = quad[0], quad[1]
    return abs(y1 - y0) > abs(x1 - x0)


def _between(start: Point, end: Point, fraction: float) -> Point:
    return (start[0] + (end[0] - start[0]) * fraction, start[1] + (end[1] - start[1]) * fraction)


def normalised_clusters(text: str) -> Iterator[tuple[int, str]]:
    """Index and NFKC form of each character together with the marks that join it.

    Half-width ``ｶﾞ`` are two characters that become one ``ガ``.
    """
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.combining(unicodedata.normalize("NFKC", text[end])[0]):
            end += 1
        yield start, unicodedata.normalize("NFKC", text[start:end])
        start = end
