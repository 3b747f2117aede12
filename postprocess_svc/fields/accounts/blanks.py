"""Blanks between Japanese characters, which nobody reads as characters: only the room that they took tells of them."""

from __future__ import annotations

from statistics import median

from postprocess_svc.fields.page_index import Row
from postprocess_svc.fields.values.folding import is_cjk

_LEAST_CHARACTERS = 4
_BLANK = 0.36
"""Of a full-width character: a narrow blank takes half of one."""


def blanks(row: Row, start: int, end: int) -> list[int]:
    """Where, within a span of a row's text, a character stands behind room for a blank."""
    printed, _ = row.characters(start, end)
    steps = row.steps(start, end)
    # Characters that fold to two, and spans of several pieces, lose count: better none than a wrong place.
    if len(printed) != end - start or len(steps) != end - start - 1 or len(printed) < _LEAST_CHARACTERS:
        return []
    wide = [is_wide(character) for character in printed]
    usual = [step for step, one, other in zip(steps, wide, wide[1:], strict=False) if one and other]
    if len(usual) < _LEAST_CHARACTERS - 1:
        return []
    limit = (1 + _BLANK) * median(usual)
    return [
        start + at + 1
        for at, (step, one, other) in enumerate(zip(steps, wide, wide[1:], strict=False))
        if one and other and step > limit
    ]


def is_wide(character: str) -> bool:
    """A full-width character of Japanese writing."""
    return is_cjk(character) and not "\uff66" <= character <= "\uff9f"
