"""Company names in the form that they are compared in; what is printed is kept beside it.

Two printings of one company differ in width, spaces, dots, the legal form's spelling and place, and old or new
characters. All of that is folded here; what differs after it is another name or a slip of the reading.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from postprocess_svc.fields.values.folding import is_cjk, is_kana

MAX_NAME_CHARACTERS = 200
"""A longer text is no name; the rest of it is not looked at."""

_DASHES = frozenset("‐‑‒–—―−─━-ｰー﹣－~〜～_")
_LONG_VOWEL = "ー"
_KANJI_ONE = "一"
_SMALL = str.maketrans("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ", "あいうえおつやゆよわアイウエオツヤユヨワカケ")
_KEPT_MARKS = frozenset("&+ー々〇")
_BRACKETS = str.maketrans("[]{}〔〕【】〈〉", "()()()()()")


class FormPosition(StrEnum):
    """Where the legal form stands: 前株, 後株, or between (``日本通運(株)東京支店``)."""

    FRONT = "front"
    BACK = "back"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalForm:
    """A legal form as part of a name."""

    name: str
    """Spelled out: 株式会社."""
    position: FormPosition
    abbreviated: bool
    """Printed as (株), ㈱ or, in bank's kana, ｶ)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyName:
    """A name, as printed and as compared."""

    printed: str
    key: str
    """Folded, the legal form spelled out in its place: what names are compared by."""
    core: str
    """``key`` without the legal form."""
    form: LegalForm | None
    form_start: int
    """Where the form stands in ``key``; -1 without one."""

    @property
    def form_end(self) -> int:
        """Behind the form in ``key``; -1 without one."""
        return -1 if self.form is None else self.form_start + len(self.form.name)


# Spelled out, then abbreviations as NFKC leaves them (㈱ becomes (株)), then words in kana. Bank's kana as the
# Japanese Bankers Association abbreviates account holders: https://www.zenginkyo.or.jp (Zengin format).
_FORMS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("株式会社", ("株",), ("カブシキガイシャ", "カブシキカイシャ", "カ")),
    ("有限会社", ("有",), ("ユウゲンガイシャ", "ユウゲンカイシャ", "ユ")),
    ("合同会社", ("同", "合"), ("ゴウドウガイシャ", "ゴウドウカイシャ", "ド")),
    ("合資会社", ("資",), ("ゴウシガイシャ", "シ")),
    ("合名会社", ("名",), ("ゴウメイガイシャ", "メ")),
    ("一般社団法人", ("一社",), ("イッパンシャダンホウジン",)),
    ("一般財団法人", ("一財",), ("イッパンザイダンホウジン",)),
    ("公益社団法人", ("公社",), ("コウエキシャダンホウジン",)),
    ("公益財団法人", ("公財",), ("コウエキザイダンホウジン",)),
    ("社会福祉法人", ("福", "社福"), ("フク",)),
    ("特定非営利活動法人", ("特非", "NPO"), ("トクヒ",)),
    ("国立大学法人", ("大",), ("ダイ",)),
    ("独立行政法人", ("独",), ("ドク",)),
    ("医療法人社団", (), ()),
    ("医療法人財団", (), ()),
    ("医療法人", ("医",), ("イ",)),
    ("学校法人", ("学",), ("ガク",)),
    ("宗教法人", ("宗",), ("シュウ",)),
    ("税理士法人", ("税",), ("ゼイ",)),
    ("弁護士法人", ("弁",), ("ベン",)),
    ("社会保険労務士法人", (), ()),
    ("司法書士法人", (), ()),
    ("監査法人", (), ()),
    ("NPO法人", (), ()),
    ("社団法人", ("社",), ("シャ",)),
    ("財団法人", ("財",), ("ザイ",)),
    ("相互会社", ("相",), ("ソ",)),
    ("協同組合", ("協",), ("キョウクミ",)),
)
FORM_NAMES = tuple(name for name, _, _ in _FORMS)
_SAME_FORM = {"NPO法人": "特定非営利活動法人"}


def _spellings() -> list[tuple[str, str, bool]]:
    """Each printing with what it stands for and whether it is short; longest first, so that no part is taken."""
    found = []
    for name, brackets, words in _FORMS:
        found.append((name, _SAME_FORM.get(name, name), False))
        found += [(f"({short})", name, True) for short in brackets]
        for word in words:
            if len(word) > 4:
                found.append((word, name, False))
            else:
                found += [(f"({word})", name, True), (f"{word})", name, True), (f"({word}", name, True)]
    return sorted(found, key=lambda entry: -len(entry[0]))


_SPELLINGS = _spellings()


@cache
def variants() -> dict[int, str]:
    """Other form of a character to the one that names are compared in; for ``str.translate``."""
    text = (files("postprocess_svc.partners") / "variants.txt").read_text(encoding="utf-8")
    pairs = " ".join(line for line in text.splitlines() if not line.startswith("#")).split()
    return {ord(pair[0]): pair[1] for pair in pairs if pair[0] != pair[1]}


def normalise(printed: str) -> CompanyName:
    """Fold a printed name.

    Args:
        printed: The name as printed or read; any text is allowed. What lies beyond ``MAX_NAME_CHARACTERS`` is left out
            of the comparison, and of nothing else.
    """
    text = unicodedata.normalize("NFKC", printed[:MAX_NAME_CHARACTERS]).translate(variants()).translate(_BRACKETS)
    text = "".join(text.split())
    form, start, end = _find_form(text)
    if form is None:
        key = _fold(text)
        return CompanyName(printed=printed, key=key, core=key, form=None, form_start=-1)
    before, behind = _fold(text[:start]), _fold(text[end:])
    return CompanyName(
        printed=printed, key=before + form.name + behind, core=before + behind, form=form, form_start=len(before)
    )


def _find_form(text: str) -> tuple[LegalForm | None, int, int]:
    """The form at either end, else between; a short kana abbreviation only at the end where a bank puts it."""
    for position in FormPosition:
        for spelling, name, abbreviated in _SPELLINGS:
            start = _locate(text, spelling, position)
            if start >= 0:
                form = LegalForm(name=name, position=position, abbreviated=abbreviated)
                return form, start, start + len(spelling)
    return None, -1, -1


def _locate(text: str, spelling: str, position: FormPosition) -> int:
    open_ended = spelling.startswith("(") != spelling.endswith(")")
    if position is FormPosition.FRONT:
        return 0 if text.startswith(spelling) and not (open_ended and spelling.startswith("(")) else -1
    if position is FormPosition.BACK:
        fits = text.endswith(spelling) and not (open_ended and spelling.endswith(")"))
        return len(text) - len(spelling) if fits else -1
    return -1 if open_ended else text.find(spelling)


def _fold(text: str) -> str:
    folded = []
    for index, character in enumerate(text):
        before = text[index - 1] if index else ""
        behind = text[index + 1] if index + 1 < len(text) else ""
        if character in _DASHES or character == _KANJI_ONE:
            if _is_long_vowel(character, before, behind):
                folded.append(_LONG_VOWEL)
            elif character == _KANJI_ONE:
                folded.append(character)
        elif character.isalnum() or character in _KEPT_MARKS:
            folded.append(character)
    return "".join(folded).lower().translate(_SMALL)


def _is_long_vowel(character: str, before: str, behind: str) -> bool:
    """A dash behind kana; the kanji for one only where kana or a dash follows too, for 第一, サン一 are names."""
    if before not in _DASHES and not (before and is_kana(before)):
        return False
    if character != _KANJI_ONE:
        return True
    return bool(behind) and (is_kana(behind) or behind in _DASHES)


class Script(StrEnum):
    """What kind of character; slips keep within a kind more often than not."""

    KANJI = "kanji"
    KANA = "kana"
    LATIN = "latin"
    OTHER = "other"


def script_of(character: str) -> Script:
    """The kind of a folded character."""
    if is_kana(character):
        return Script.KANA
    if is_cjk(character):
        return Script.KANJI
    return Script.LATIN if character.isascii() and character.isalpha() else Script.OTHER


def bare(character: str) -> str:
    """A character without its voicing mark: what ブ and プ have in common."""
    return unicodedata.normalize("NFD", character)[0]
