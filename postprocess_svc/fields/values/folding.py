"""Folding of printed characters into the few forms that the parsers know, with the way back to what was printed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from postprocess_svc.japanese_forms import japanese_variants

# What NFKC leaves apart although a document means the same by it. The prolonged sound mark of katakana is no dash.
_SAME_AS = {
    "‐": "-",
    "‑": "-",
    "‒": "-",
    "–": "-",
    "—": "-",
    "―": "-",
    "−": "-",
    "─": "-",
    "～": "~",
    "〜": "~",
    "∼": "~",
    "’": "'",
    "‘": "'",
    "´": "'",
    "`": "'",
    "“": '"',
    "”": '"',
    "［": "[",
    "］": "]",
    "【": "[",
    "】": "]",
    "〔": "[",
    "〕": "]",
    "△": "▲",
    "\t": " ",
    "\u3000": " ",
}

_DIGIT_LIKE = {"O": "0", "o": "0", "Q": "0", "D": "0", "I": "1", "l": "1", "|": "1", "!": "1"}
_MAY_BE_DIGITS = re.compile(r"[OoQDIl|!、](?<=[\d,.¥$€£].)[OoQDIl|!、]*")
_NUMERIC = frozenset("0123456789,.")
_DATE_MARKS = frozenset("/年月日")


_MAX_REMEMBERED = 8192


class _Forms(dict[int, str]):
    """Each character's form, for ``str.translate``: found out when the character is first met, then remembered."""

    def __init__(self, form_of: Callable[[str], str]) -> None:
        super().__init__()
        self._form_of = form_of

    def __missing__(self, code_point: int) -> str:
        form = self._form_of(chr(code_point))
        if len(self) < _MAX_REMEMBERED:
            self[code_point] = form
        return form


def fold_character(character: str) -> str:
    """NFKC form of one character, dashes and quotes made one; may be longer than one (``㈱`` is ``(株)``)."""
    form = unicodedata.normalize("NFKC", _SAME_AS.get(character, character))
    return "".join(_SAME_AS.get(part, part) for part in form) or " "


_FOLDED = _Forms(fold_character)


def fold(text: str) -> str:
    """A text, folded character by character."""
    return text.translate(_FOLDED)


_OLD_FORMS_IN_LABELS = dict(zip("對號總單發账收證据會賣销", "対号総単発帳収証拠会売販", strict=True))
"""Forms that ``japanese_variants`` leaves alone, since names may have them, or takes for others; labels have not."""
NOT_IN_LABELS = frozenset(" .-'*_")
"""What a label may be printed with or without."""


@lru_cache(maxsize=_MAX_REMEMBERED)
def squash_character(character: str) -> str:
    """Lower case without accents and voicing marks, in the Japanese form; one character for one."""
    form = _OLD_FORMS_IN_LABELS.get(character) or japanese_variants().get(ord(character), character)
    lower = form.lower()[:1]
    marked = "\u00c0" <= lower <= "\u024f" or "\u3041" <= lower <= "\u30ff"
    return unicodedata.normalize("NFD", lower)[0] if marked else lower


_SQUASHED = _Forms(lambda character: "" if character in NOT_IN_LABELS else squash_character(character))


def squash_folded(text: str) -> str:
    """A folded text in the form in which labels are compared: ``squash_character``, without what labels may lack.

    The recogniser mistakes ポ for ボ and 録 for 錄 far more often than one label for another.
    """
    return text.translate(_SQUASHED)


_SQUASHED_AS_PRINTED = _Forms(lambda character: fold_character(character).translate(_SQUASHED))


def squash(text: str) -> str:
    """A text as printed in the form in which labels are compared: folded and squashed in one go."""
    return text.translate(_SQUASHED_AS_PRINTED)


_SEVERAL_DIGITS = {count: re.compile(r"\d" + r"\D*\d" * (count - 1)) for count in (1, 2, 7)}


def has_digits(text: str, count: int) -> bool:
    """At least so many digits, wherever they stand; the cheap question before the dear one."""
    return _SEVERAL_DIGITS[count].search(text) is not None


def is_kana(character: str) -> bool:
    """Hiragana or katakana, half-width included."""
    return "\u3041" <= character <= "\u30ff" or "\uff66" <= character <= "\uff9f"


def is_cjk(character: str) -> bool:
    """A character of Japanese or Chinese writing."""
    return is_kana(character) or "\u3400" <= character <= "\u9fff" or character in "々〇"


_KANA = re.compile(r"[\u3041-\u30ff\uff66-\uff9f]")
_CJK = re.compile(r"[\u3041-\u30ff\uff66-\uff9f\u3400-\u9fff々〇]")


def count_kana(text: str) -> int:
    """How many characters ``is_kana`` holds for."""
    return len(_KANA.findall(text))


def count_cjk(text: str) -> int:
    """How many characters ``is_cjk`` holds for."""
    return len(_CJK.findall(text))


def has_cjk(text: str) -> bool:
    """Whether ``is_cjk`` holds for any character."""
    return not text.isascii() and _CJK.search(text) is not None


def read_digits(text: str) -> str:
    """Same length: letters that stand where only a digit can (``1,O00``, ``¥l20``) read as that digit.

    A letter counts as a digit only between numeric characters, or after a comma or a currency sign with numeric
    characters following, so that words and part numbers stay as they are.
    """
    return _MAY_BE_DIGITS.sub(_as_digits, text)


def _as_digits(match: re.Match[str]) -> str:
    text, before = match.string, match.string[match.start() - 1]
    read: list[str] = []
    for at in range(match.start(), match.end()):
        character, after = text[at], text[at + 1 : at + 2] or " "
        if character == "、":
            character = "," if before.isdigit() and after.isdigit() else character
        elif _stands_for_digit(before, after):
            character = _DIGIT_LIKE[character]
        read.append(character)
        # What was read as a digit makes the next one stand among digits.
        before = character
    return "".join(read)


def _stands_for_digit(before: str, after: str) -> bool:
    if before in _NUMERIC:
        if after in _DATE_MARKS:
            return before.isdigit()
        return after in _NUMERIC or after in _DIGIT_LIKE or (before in ",.0" and not after.isalnum())
    return before in "¥$€£" and (after in _NUMERIC or after in _DIGIT_LIKE)


def listed(parts: str) -> tuple[str, ...]:
    """What is listed over several lines with `` | `` between."""
    return tuple(part for part in re.split(r"\s*\n\s*|\s+\|\s*", parts.strip()) if part)


def alternatives(parts: str) -> str:
    """A pattern's alternatives, ``listed``, as one group."""
    return f"(?:{'|'.join(listed(parts))})"
