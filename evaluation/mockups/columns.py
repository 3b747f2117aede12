"""How wide a character is drawn, in columns of half a full-width character."""

from __future__ import annotations

import unicodedata

_DRAWING = range(0x2500, 0x2580)
_CJK = ("CJK UNIFIED", "HIRAGANA", "KATAKANA")


def is_drawing(character: str) -> bool:
    """A piece of a rule, no print."""
    return ord(character) in _DRAWING


def is_japanese(text: str) -> bool:
    """Whether a page is drawn in a Japanese font."""
    return any(unicodedata.name(character, "").startswith(_CJK) for character in text)


def column_count(character: str, *, japanese: bool) -> int:
    """2 of a full-width character, else 1. Symbols such as × and ※ are as wide as kanji in Japanese fonts alone."""
    if is_drawing(character):
        return 1
    width = unicodedata.east_asian_width(character)
    if width == "A":
        return 2 if japanese and not unicodedata.category(character).startswith("L") else 1
    return 2 if width in {"W", "F"} else 1


def arms(character: str) -> frozenset[str]:
    """Where a piece of a rule leads: some of LEFT, RIGHT, UP and DOWN."""
    words = set(
        unicodedata.name(character, "").replace("HORIZONTAL", "LEFT RIGHT").replace("VERTICAL", "UP DOWN").split()
    )
    return frozenset(words & {"LEFT", "RIGHT", "UP", "DOWN"}) if is_drawing(character) else frozenset()
