"""Numbers of documents as they are printed: INV-2026/7, 技26-S0774, 榊経発第41号, SR 2026/031, 0 0 2 8 4."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.values.folding import has_digits
from postprocess_svc.fields.values.kanji_numbers import KANJI_DIGITS

# A number holds a digit; it may be written in groups by hyphens, slashes, points or, between digits, single spaces.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_])#?[A-Za-z0-9]+(?:[-/_.:#][A-Za-z0-9]+)*"
    r"(?:(?<=\d) (?=\d{2,}(?!\S*[,.:]\d)))?[A-Za-z0-9]*"
)
_CJK = r"[\u3041-\u30ff\u3400-\u9fff々]"
_JOINT = r"(?![年月日時分号番第約金計円点個名様])" + _CJK
"""What may be a part of a number beside digits, unlike counters and units."""
_JOINED = re.compile(
    rf"(?:{_JOINT}-[A-Za-z0-9][A-Za-z0-9/-]*"  # 委-58, あ-26-0779
    rf"|{_JOINT}[A-Za-z0-9]+-[A-Za-z0-9/-]+"  # 技26-S0774
    rf"|[A-Za-z0-9]+(?:{_JOINT}){{1,2}}-[A-Za-z0-9][A-Za-z0-9/-]*"  # 2026登-0588
    rf")(?!{_CJK}|[A-Za-z0-9])"
)
_OF_DISPATCH = rf"[A-Za-z0-9](?:[A-Za-z0-9/-]| (?=[A-Za-z0-9]))*|[{KANJI_DIGITS}十百千]+"
_DISPATCHED = re.compile(rf"(?:(?:{_CJK}|[A-Za-z0-9-]){{0,6}}?)第 ?(?:{_OF_DISPATCH}) ?号(?!{_CJK})")
"""Of offices' letters: 商議発第 88-117 号; written downwards, or by hand, 第九二号."""
_WHOLE = re.compile(rf"(?:{_JOINT}){{0,4}}-?[A-Za-z0-9]+(?:[-/_.][A-Za-z0-9]+)*")
"""A cell that is a number and nothing else: 26A-01877, 会費26-0318, 健-8-226."""
_LICENCE = re.compile(r"知事|大臣|公安|許可|登録|免許|認定|認証|届出|様式|別[記紙]|条")
_SPACED_OUT = re.compile(r"(?<![^\s:(])[A-Za-z0-9](?: [A-Za-z0-9-]){3,}(?![A-Za-z0-9-]| [A-Za-z0-9])")
_LETTERS_BEFORE = re.compile(
    r"(?<![^\s:(])(?!EUR|USD|GBP|CHF|JPY|NO|NR)[A-Z]{1,4} (?=\d+[-/]\d)[0-9][0-9/-]*(?![\w,.]\d)"
)


@value
class PrintedNumber:
    """A number and its span; tabs in the text are crossed by none."""

    start: int
    end: int
    value: str
    dispatched: bool = False
    """Of an office's letter: 第41号."""


def find_numbers(parted: str, *, after: Collection[int] = ()) -> list[PrintedNumber]:
    """What may be a document's number in a row's text, from left to right, none overlapping another.

    Args:
        parted: The text, folded, with tabs where its pieces meet.
        after: Where labels end: a kanji there may be the number's, though the recogniser saw no gap before it.
    """
    if not has_digits(parted, 1) and not ("第" in parted and "号" in parted):
        return []
    found: list[PrintedNumber] = []
    for number in [*_composed(parted, after), *_tokens(parted)]:
        if all(number.end <= other.start or other.end <= number.start for other in found):
            found.append(number)
    return sorted(found, key=lambda number: number.start)


def _composed(text: str, after: Collection[int]) -> Iterator[PrintedNumber]:
    """Those of more than one token, the longest forms first."""
    if "号" in text and "第" in text:
        for match in _standing_free(_DISPATCHED, text, after):
            if _LICENCE.search(match[0]) is None:
                yield PrintedNumber(start=match.start(), end=match.end(), value=match[0], dispatched=True)
    if not text.isascii():
        for match in _standing_free(_JOINED, text, after):
            yield PrintedNumber(start=match.start(), end=match.end(), value=match[0])
    for match in _SPACED_OUT.finditer(text):
        if has_digits(match[0], 2):
            yield PrintedNumber(start=match.start(), end=match.end(), value=match[0].replace(" ", ""))
    for match in _LETTERS_BEFORE.finditer(text):
        yield PrintedNumber(start=match.start(), end=match.end(), value=match[0])


def _standing_free(pattern: re.Pattern[str], text: str, after: Collection[int]) -> Iterator[re.Match[str]]:
    """Matches right behind a label, and those behind white space, a colon or a bracket."""
    yield from filter(None, (pattern.match(text, end) for end in after))
    yield from (match for match in pattern.finditer(text) if not match.start() or text[match.start() - 1] in " \t:(")


def _tokens(text: str) -> Iterator[PrintedNumber]:
    for match in _TOKEN.finditer(text):
        if not match[0].isalpha() and has_digits(match[0], 1):
            yield PrintedNumber(start=match.start(), end=match.end(), value=match[0])


_YEAR_OR_MONTH = re.compile(r"(?:19|20)\d\d(?:[-/.]\d{1,2})?")
_CODE = re.compile(r"(?=.*[A-Za-z].*\d|.*\d.*[A-Za-z]|.*\d[-/].*\d).{4,}|\d{5,}")


def is_code(number: str) -> bool:
    """It looks like somebody's number by itself: digits with letters or in groups, or many; no year nor month."""
    return _CODE.fullmatch(number) is not None and _YEAR_OR_MONTH.fullmatch(number) is None


def is_whole_code(cell: str) -> bool:
    """A cell is somebody's number by itself and nothing else."""
    return has_digits(cell, 1) and _WHOLE.fullmatch(cell) is not None and is_code(cell)
