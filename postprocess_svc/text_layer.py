"""A PDF's own text, where it can be believed.

A text layer is whatever the PDF's author wrote into it: it may be invisible, stale, encoded with a wrong font map, or
there to deceive. What counts is what is printed. So the layer may spell better what the recogniser was unsure of, and
may never overrule what it saw clearly; least of all a digit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np

from ocr_core.contracts.geometry import Quad, bounds
from ocr_core.contracts.page import Notice, TextLayerWord
from postprocess_svc.japanese_forms import folded
from postprocess_svc.lines import TextLine, normalised_clusters

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXT_LAYER_DISTRUSTED = "text_layer_distrusted"

_MIN_SIMILARITY = 0.75
"""Share of characters in common (twice the matching ones over all): below it the two are different texts."""
_SURE = 0.9
"""A character recognised with this probability is what is printed, whatever the text layer says."""
_SPACE_WIDTH = 0.15
"""Words at least this far apart, in line heights, are joined by a space; a space is a quarter to a third."""
_WESTERN_SPACE_WIDTH = 0.12
"""The same between words that are set with spaces, in heights of their own type: a line's quad, as it is detected, is
up to twice as high."""
_LAST_SPACED = "\u2e7f"
"""East Asian writing comes after it, and is set without spaces between words."""
_MAX_COMPARED = 500
"""Characters of a line that are compared; the cost grows with the square of the length."""

_LOOKALIKES = str.maketrans("OoQlI|", "000111")
_NUMBER_PARTS = re.compile(r"\d|(?<=\d)[.,](?=\d)|[-−△▲](?=\D?\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferredText:
    """A page's lines after the text layer was asked."""

    lines: tuple[TextLine, ...]
    notice: Notice | None
    """Says on how many lines the layer was not believed."""


def prefer_text_layer(lines: Sequence[TextLine], words: Sequence[TextLayerWord], *, page: int) -> PreferredText:
    """Put the text layer's text in the place of recognised text wherever the two nearly agree.

    Args:
        lines: The page's lines as recognised.
        words: The page's text layer, in the same pixels.
        page: The page's number, for the notice.
    """
    layer = _Layer(words)
    preferred: list[TextLine] = []
    compared = distrusted = 0
    for line in lines:
        # A stamp is no part of the PDF's text: the words at its place are those beneath it.
        inside = [] if line.stamp is not None else layer.within(line.quad)
        if not inside:
            preferred.append(line)
            continue
        compared += 1
        written = _joined(line, [words[at] for at in inside])
        if _is_sound(line, written.text):
            preferred.append(written)
        else:
            preferred.append(line)
            distrusted += 1
    notice = None
    if distrusted:
        detail = f"on {distrusted} of {compared} lines the PDF's own text is not what is printed; it was not used there"
        notice = Notice(code=TEXT_LAYER_DISTRUSTED, detail=detail, page=page)
    return PreferredText(lines=tuple(preferred), notice=notice)


class _Layer:
    """The words' centres, sorted from the top, so that a line looks only at those near it."""

    def __init__(self, words: Sequence[TextLayerWord]) -> None:
        quads = np.array([word.quad for word in words], np.float64).reshape(-1, 4, 2)
        centres = quads.mean(axis=1)
        self._order: NDArray[np.intp] = np.argsort(centres[:, 1], kind="stable")
        self._centres = centres[self._order]

    def within(self, quad: Quad) -> list[int]:
        """Which words have their centre inside the quad, from the top down."""
        box = bounds(quad)
        first, last = np.searchsorted(self._centres[:, 1], [box.top, box.bottom + 1e-6])
        near = self._centres[first:last]
        inside = np.ones(len(near), np.bool_)
        for (x0, y0), (x1, y1) in zip(quad, (*quad[1:], quad[0]), strict=True):
            # Clockwise with y down: the inside lies to the right of each edge.
            inside &= (x1 - x0) * (near[:, 1] - y0) - (y1 - y0) * (near[:, 0] - x0) >= 0
        found: list[int] = self._order[first:last][inside].tolist()
        return found


def _joined(line: TextLine, words: list[TextLayerWord]) -> TextLine:
    """The line with the words' text, in the line's reading direction, and each character where its word has it."""
    origin = np.array(line.quad[0])
    along = np.array(line.quad[1]) - origin
    length = float(np.hypot(*along)) or 1.0
    height = float(np.hypot(*(np.array(line.quad[3]) - origin)))
    placed = sorted(
        (*_span([float((np.array(point) - origin) @ along) / length for point in word.quad]), word.text, _height(word))
        for word in words
    )
    text: list[str] = []
    positions: list[float] = []
    reach: float | None = None
    for start, end, word, type_height in placed:
        is_western = bool(text) and max(text[-1][-1], word[0]) <= _LAST_SPACED
        space = min(_WESTERN_SPACE_WIDTH * type_height, _SPACE_WIDTH * height) if is_western else _SPACE_WIDTH * height
        if reach is not None and start - reach >= space:
            text.append(" ")
            positions.append((reach + start) / 2 / length)
        text.append(word)
        positions += [(start + (end - start) * (at + 0.5) / len(word)) / length for at in range(len(word))]
        reach = end
    kept = tuple(min(1.0, max(0.0, position)) for position in positions)
    return replace(line, text="".join(text), positions=kept, character_confidences=())


def _height(word: TextLayerWord) -> float:
    """Of a word's type, in pixels."""
    (x0, y0), _, _, (x3, y3) = word.quad
    return float(np.hypot(x3 - x0, y3 - y0))


def _span(values: list[float]) -> tuple[float, float]:
    return min(values), max(values)


def _is_sound(line: TextLine, written: str) -> bool:
    """Whether the layer's text differs from the recognised one only where that was unsure."""
    read, sure = _compared(line)
    # A layer may well have what recognised text was mended of (製麵所), and is then no less right.
    seen = folded(read)
    told = folded("".join(form for _, form in normalised_clusters(written) if not form.isspace()))
    if not written.isprintable():
        return False
    if seen == told:
        return True
    return (
        max(len(seen), len(told)) <= _MAX_COMPARED
        and _number(seen) == _number(told)
        and _spells_better(told, seen, sure)
    )


def _spells_better(told: str, seen: str, sure: list[float]) -> bool:
    matcher = SequenceMatcher(None, seen, told, autojunk=False)
    if matcher.ratio() < _MIN_SIMILARITY:
        return False
    for tag, start, end, told_start, told_end in matcher.get_opcodes():
        # What was recognised surely stays; and a letter that was not seen at all needs an unsure neighbour, in whose
        # shape it may have been lost.
        if tag != "equal" and any(probability >= _SURE for probability in sure[start:end]):
            return False
        if tag == "insert" and any(character.isalnum() for character in told[told_start:told_end]):
            beside = sure[max(0, start - 1) : start + 1]
            if all(probability >= _SURE for probability in beside):
                return False
    return True


def _compared(line: TextLine) -> tuple[str, list[float]]:
    """The recognised text as it is compared (NFKC, no white space), and how sure each of its characters is."""
    text: list[str] = []
    sure: list[float] = []
    for at, form in normalised_clusters(line.text):
        if form.isspace():
            continue
        text.append(form)
        sure += [line.span_confidence(at, at + 1)] * len(form)
    return "".join(text), sure


def _number(text: str) -> str:
    """What a line says in digits, with signs and separators; letters that look like digits count as those."""
    return "".join(_NUMBER_PARTS.findall(text.translate(_LOOKALIKES).replace(",", ".")))
