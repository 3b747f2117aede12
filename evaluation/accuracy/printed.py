"""Whether a value stands in some lines, or something so near to it that it must be the value misread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from evaluation.accuracy.writings import TEXT, Writing, writing_of
from evaluation.field_metrics import Value
from evaluation.ordering import PlacedText

LEAST_LENGTH = 3
"""A shorter value is near to anything."""
NEAR_SHARE = 0.25
"""How many of a value's characters may differ, and at least one, for a text to be the value misread."""
_LIKE_AT_ALL = 50
"""Of 100: what is less alike is not looked at any closer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a value stands, or nearly."""

    places: tuple[PlacedText, ...]
    """The lines; several where the value runs over their ends."""
    distance: int
    """Edits between the value and what is there."""

    @property
    def is_exact(self) -> bool:
        """The value itself."""
        return self.distance == 0

    @property
    def text(self) -> str:
        """What the lines say."""
        return " ".join(place.text for place in self.places)


def find_printed(
    name: str, value: Value, lines: Sequence[PlacedText], *, printed_as: str | None = None
) -> Found | None:
    """The first place where a value stands exactly, else the one that is nearest to it, if any is near.

    Args:
        name: The field, or a part of an account; it decides how values are written.
        value: What is looked for.
        lines: Where.
        printed_as: What the labels say is printed for it.
    """
    found = [_find(value, writing_of(name), lines)]
    if printed_as:
        found.append(_find(printed_as, TEXT, lines))
    return min((place for place in found if place is not None), key=lambda place: place.distance, default=None)


def near_limit(length: int, writing: Writing) -> int:
    """How many edits away from a value of this length a text still is the value misread.

    One where whole amounts and dates are compared: a document has others that differ in two digits.
    """
    if length < LEAST_LENGTH:
        return 0
    return max(1, int(length * NEAR_SHARE)) if writing.within else 1


def _find(value: Value, writing: Writing, lines: Sequence[PlacedText]) -> Found | None:
    forms = [form for form in writing.forms(value) if form]
    nearest: Found | None = None
    for line in lines:
        for reading in writing.readings(line.text):
            for form in forms:
                distance = _distance_within(form, reading) if writing.within else Levenshtein.distance(form, reading)
                if distance == 0:
                    return Found(places=(line,), distance=0)
                if distance <= near_limit(len(form), writing) and (nearest is None or distance < nearest.distance):
                    nearest = Found(places=(line,), distance=distance)
    return (_find_over_ends(forms, writing, lines) if writing.within else None) or nearest


def _distance_within(form: str, text: str) -> int:
    """Edits between a text and the part of another that is nearest to it; its length where none is at all like it."""
    if form in text:
        return 0
    if fuzz.partial_ratio(form, text, score_cutoff=_LIKE_AT_ALL) == 0:
        return len(form)
    # Sellers 1980: the table of edit distances, with every place of the text a free beginning and end.
    row = [0] * (len(text) + 1)
    for index, character in enumerate(form, start=1):
        above, row = row, [index]
        for at, other in enumerate(text):
            row.append(min(above[at] + (character != other), above[at + 1] + 1, row[at] + 1))
    return min(row)


def _find_over_ends(forms: Sequence[str], writing: Writing, lines: Sequence[PlacedText]) -> Found | None:
    """A value that is broken over lines that follow each other on a page."""
    for _, on_page in groupby(lines, key=lambda line: line.page):
        members = list(on_page)
        texts = ["".join(writing.readings(line.text)) for line in members]
        joined = "".join(texts)
        for form in forms:
            start = joined.find(form)
            if start >= 0:
                return Found(places=_covering(members, texts, start, start + len(form)), distance=0)
    return None


def _covering(lines: Sequence[PlacedText], texts: Sequence[str], start: int, end: int) -> tuple[PlacedText, ...]:
    covering, at = [], 0
    for line, text in zip(lines, texts, strict=True):
        if at < end and at + len(text) > start:
            covering.append(line)
        at += len(text)
    return tuple(covering)
