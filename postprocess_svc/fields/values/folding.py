"""Folding of printed characters into the few forms that the parsers know, with the way back to what was printed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

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
_MAY_BE_DIGIT = re.compile(r"[OoQDIl|!、]")
_NUMERIC = frozenset("0123456789,.")
_DATE_MARKS = frozenset("/年月日")


@lru_cache(maxsize=8192)
def fold_character(character: str) -> str:
    """NFKC form of one character, dashes and quotes made one; may be longer than one (``㈱`` is ``(株)``)."""
    form = unicodedata.normalize("NFKC", _SAME_AS.get(character, character))
    return "".join(_SAME_AS.get(part, part) for part in form) or " "


def fold(text: str) -> str:
    """A text, folded character by character."""
    return "".join(map(fold_character, text))


# Forms of other countries that the recogniser, trained on all of them, gives for a Japanese character.
_JAPANESE_FORM = dict(
    zip(
        "錄录对對费减钱銭號额總总單单车电话電话發发值內稅银帳账讫收证證据會会员员号订结结买买卖賣销货质调据请诸领领课课计计书书項项",
        "録録対対費減銭銭号額総総単単車電話電話発発値内税銀帳帳訖収証証据会会員員号訂結結買買売売販貨質調拠請諸領領課課計計書書項項",
        strict=True,
    )
)


@lru_cache(maxsize=8192)
def squash_character(character: str) -> str:
    """Lower case without accents and voicing marks, in the Japanese form; one character for one.

    Labels are compared in this form: the recogniser mistakes ポ for ボ and 録 for 錄 far more often than one label for
    another.
    """
    lower = _JAPANESE_FORM.get(character, character).lower()[:1]
    marked = "\u00c0" <= lower <= "\u024f" or "\u3041" <= lower <= "\u30ff"
    return unicodedata.normalize("NFD", lower)[0] if marked else lower


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
    return _CJK.search(text) is not None


def read_digits(text: str) -> str:
    """Same length: letters that stand where only a digit can (``1,O00``, ``¥l20``) read as that digit.

    A letter counts as a digit only between numeric characters, or after a comma or a currency sign with numeric
    characters following, so that words and part numbers stay as they are.
    """
    if _MAY_BE_DIGIT.search(text) is None:
        return text
    characters = list(text)
    last = len(characters) - 1
    for index, character in enumerate(characters):
        before = characters[index - 1] if index else " "
        after = text[index + 1] if index < last else " "
        if character == "、":
            if before.isdigit() and after.isdigit():
                characters[index] = ","
        elif character in _DIGIT_LIKE and _stands_for_digit(before, after):
            characters[index] = _DIGIT_LIKE[character]
    return "".join(characters)


def _stands_for_digit(before: str, after: str) -> bool:
    if before in _NUMERIC:
        if after in _DATE_MARKS:
            return before.isdigit()
        return after in _NUMERIC or after in _DIGIT_LIKE or (before in ",.0" and not after.isalnum())
    return before in "¥$€£" and (after in _NUMERIC or after in _DIGIT_LIKE)


def alternatives(listed: str) -> str:
    """A pattern's alternatives, listed over several lines with `` | `` between them, as one group."""
    return "(?:" + "|".join(part for part in re.split(r"\s*\n\s*|\s+\|\s*", listed.strip()) if part) + ")"
