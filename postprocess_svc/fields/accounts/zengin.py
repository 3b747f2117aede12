"""How banks write an account's holder: in kana, with abbreviations for legal forms; what is certainly misread there.

The abbreviations are those of the Zengin system (全銀協): カ) before a name, (カ) within, (カ after it. Names there are
in large kana throughout (シヤ, not シャ), which lists in half-width print keep.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

Doubt = Callable[[int], float]
"""The recogniser's confidence in a character of a name, by its index."""
SURE = 0.9
"""A character read more surely than this stands as read: names there are that no list has."""

FORMS = {
    "カ": ("株式会社",),
    "ユ": ("有限会社",),
    "メ": ("合名会社",),
    "シ": ("合資会社",),
    "ド": ("合同会社",),
    "イ": ("医療法人", "医療法人社団", "医療法人財団", "社会医療法人"),
    "ザイ": ("財団法人", "一般財団法人", "公益財団法人"),
    "シヤ": ("社団法人", "一般社団法人", "公益社団法人"),
    "シユウ": ("宗教法人",),
    "ガク": ("学校法人",),
    "フク": ("社会福祉法人",),
    "ソ": ("相互会社",),
    "トクヒ": ("特定非営利活動法人", "NPO法人"),
    "ドク": ("独立行政法人",),
    "チドク": ("地方独立行政法人",),
    "ベン": ("弁護士法人",),
    "ギヨ": ("行政書士法人",),
    "シホウ": ("司法書士法人",),
    "ゼイ": ("税理士法人",),
    "ロウム": ("社会保険労務士法人",),
    "ダイ": ("国立大学法人", "公立大学法人"),
    "ノウ": ("農事組合法人",),
    "カンリ": ("管理組合法人",),
    "ホゴ": ("更生保護法人",),
}
"""Abbreviations and the legal forms that they stand for."""
MARKS = {form: mark for mark, forms in FORMS.items() for form in forms}
_MARK = "(?:" + "|".join(sorted(FORMS, key=len, reverse=True)) + "|イシ|シャ|ギョ|シュウ)"
OPENING = re.compile(rf"^[(]?{_MARK}[)]")
CLOSING = re.compile(rf"[(]{_MARK}[)]?$")

_SMALL = str.maketrans("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ")
_SMALL_KANA = re.compile("[ァィゥェォッャュョヮ]")
_NEVER_SMALL = re.compile("(?<![キシチニヒミリギジヂビピフヴテデトドクグ])[ャュョ]")
"""Behind other kana no small one is spoken."""
_LARGE_FOR_SMALL = re.compile(r"[キシチニヒミリギジヂビピ][ヤユヨ]")
_VOICEABLE = "カキクケコサシスセソタチツテトハヒフヘホ"
_VOICE_MARK = re.compile(r"(?<=[ァ-ヶ])\s?[\"'`゛“”]")
_PLOSIVE_MARK = re.compile(r"(?<=[ハヒフヘホ])\s?[°゜]")
_DASH = re.compile(r"(?<=[ァ-ヶ])[-‐一](?=[ァ-ヶ()]|$)")
# A kanji that is written as a kana is, where only a kana can be.
_KANA_FOR = str.maketrans("力卜二工口八夕三才又", "カトニエロハタミオヌ")
_LOOKS_KANA = re.compile(r"(?<![\u4e00-\u9fff々])[力卜二工口八夕三才又](?=[ァ-ヶー()]|$)")
"""Behind a kanji it is one too: カ)サンプル 収納口."""
_SQUARE_BRACKET = re.compile(rf"^({_MARK})[\]}}」]")
_HIRAGANA_MARK = re.compile(r"^(?:が|か゛)(?=[クく]\))|^か(?=\))")
_FIRST_KANJI_MARK = re.compile(r"^(?:加|力)(?=\))")


def is_marked(folded: str) -> bool:
    """The name carries the abbreviation of a legal form."""
    return OPENING.search(folded) is not None or CLOSING.search(folded) is not None


def without_marks(folded: str) -> str:
    """The name without the abbreviation of its legal form."""
    return CLOSING.sub("", OPENING.sub("", folded))


def is_kana_name(folded: str) -> bool:
    """Kana from end to end, but for marks and spaces."""
    letters = [character for character in folded if character.isalpha() or character == "ー"]
    return bool(letters) and all("ぁ" <= character <= "ヺ" or character == "ー" for character in letters)


def mostly_katakana(folded: str) -> bool:
    """Written in katakana, whatever was misread among it."""
    letters = [character for character in folded if character.isalnum() or character == "ー"]
    return len(letters) > 1 and sum("ァ" <= c <= "ー" for c in letters) >= 0.6 * len(letters)


def large(text: str) -> str:
    """The text with large kana for small ones, one for one."""
    return text.translate(_SMALL)


def mended(folded: str) -> str:
    """A holder in kana, folded, with what was certainly misread put right; the size of its kana stays as read."""
    text = _HIRAGANA_MARK.sub(lambda match: "ガ" if match[0][0] == "が" else "カ", folded)
    text = _FIRST_KANJI_MARK.sub("カ", text)
    text = _SQUARE_BRACKET.sub(r"\1)", text)
    if not mostly_katakana(text) and not is_marked(text):
        return folded
    text = _LOOKS_KANA.sub(lambda match: match[0].translate(_KANA_FOR), text)
    text = _DASH.sub("ー", text)
    return _with_marks(text)


def in_one_size(text: str, confidence: Doubt, *, half_width: bool) -> str:
    """The holder with large kana for small ones that are doubtful, where all seem to be large; one for one.

    A small kana that was surely read stays: not every holder is printed as banks write it.

    Args:
        text: The holder, mended.
        confidence: The recogniser's, in its characters.
        half_width: The print is narrow, as banks' lists are, which have no small kana.
    """
    if not mostly_katakana(text) and not is_marked(text):
        return text
    text = _NEVER_SMALL.sub(lambda kana: large(kana[0]), text)
    if not half_width and _LARGE_FOR_SMALL.search(text) is None:
        return text
    return _SMALL_KANA.sub(lambda kana: large(kana[0]) if confidence(kana.start()) < SURE else kana[0], text)


def _with_marks(text: str) -> str:
    """Voiced marks that were read as characters of their own; behind a kana that takes none they are noise."""

    def voiced(match: re.Match[str]) -> str:
        return "\u3099" if match.string[match.start() - 1] in _VOICEABLE else ""

    return unicodedata.normalize("NFC", _PLOSIVE_MARK.sub("\u309a", _VOICE_MARK.sub(voiced, text)))
