"""How values are written on documents, so that they can be looked for in lines of text.

Apart from the parsers of the fields on purpose: what those did not understand is to be found here all the same. An
amount is its digits, a date any order of its numbers, a number its letters and digits, any other value its characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from evaluation.field_metrics import AMOUNT_FIELDS, Value, parse_number, without_space

_DATE_FIELDS = frozenset({"document_date", "due_date"})
_CODE_FIELDS = frozenset({"document_number", "registration_number", "phone", "number"})

_NUMBER = re.compile(r"\d(?:[\d.,' ]*\d)?")
_CENTURY = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A way of writing values."""

    forms: Callable[[Value], Iterable[str]]
    """A value in the forms in which it is looked for."""
    readings: Callable[[str], Iterable[str]]
    """What a line of text may say, in the same forms."""
    within: bool
    """Whether the value may be a part of what a line says."""


def writing_of(name: str) -> Writing:
    """How the values of a field, or of a part of an account, are written."""
    if name in AMOUNT_FIELDS:
        return AMOUNT
    if name in _DATE_FIELDS:
        return DATE
    if name == "type":
        return ACCOUNT_TYPE
    return CODE if name in _CODE_FIELDS else TEXT


def _as_text(value: Value) -> Iterator[str]:
    yield without_space(str(value)).casefold()


def _as_code(value: Value) -> Iterator[str]:
    yield "".join(filter(str.isalnum, without_space(str(value)).casefold()))


_ACCOUNT_TYPES = {"ordinary": "普通", "checking": "当座", "savings": "貯蓄"}


def _as_account_type(value: Value) -> Iterator[str]:
    yield _ACCOUNT_TYPES.get(str(value), str(value))


def _as_digits(value: Value) -> Iterator[str]:
    """With and without cents; a digit alone is anything."""
    number = parse_number(value["value"] if isinstance(value, Mapping) else value)
    if number is not None:
        yield f"{abs(number):.2f}".replace(".", "")
        if number == int(number) and abs(number) >= 10:
            yield str(abs(int(number)))


def _digits_in(text: str) -> Iterator[str]:
    """Each number's digits; spaces in it may part thousands or numbers."""
    for found in _NUMBER.finditer(unicodedata.normalize("NFKC", text).replace("’", "'")):
        yield "".join(filter(str.isdigit, found[0]))
        if " " in found[0]:
            yield from ("".join(filter(str.isdigit, part)) for part in found[0].split() if part.strip(".,'"))


_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "r": 2018, "h": 1988, "s": 1925}
_ERA_YEAR = re.compile(r"(令和|平成|昭和|\b[rhs])\s*\.?\s*(\d{1,2}|元)")
_KANJI_DIGITS = {sign: digit for digit, sign in enumerate("〇一二三四五六七八九")}
_KANJI_NUMBER = re.compile(r"[〇一二三四五六七八九十]+(?=\s*[年月日])")
_MONTH_AND_DAY = re.compile(r"(\d{1,2})\s*月\s*(\d{1,2})\s*日")
_GROUP = re.compile(r"\d+")
# First letters that name a month in English, German or French; checked longest first, since juin is not juillet.
_MONTHS = {
    "juil": 7, "juin": 6, "jan": 1, "jän": 1, "feb": 2, "fév": 2, "fev": 2, "mar": 3, "mär": 3, "mrz": 3, "apr": 4,
    "avr": 4, "mai": 5, "may": 5, "jun": 6, "jul": 7, "aug": 8, "aoû": 8, "aou": 8, "sep": 9, "oct": 10, "okt": 10,
    "nov": 11, "dec": 12, "dez": 12, "déc": 12,
}  # fmt: skip
_MONTH_NAME = re.compile(r"(?<![^\W\d_])(" + "|".join(_MONTHS) + r")[^\W\d_]*\.?")


def _as_date(value: Value) -> Iterator[str]:
    """The date, and its month and day alone, as some documents print it."""
    yield str(value)
    yield "-" + str(value)[4:]


def _dates_in(text: str) -> Iterator[str]:
    """Every date that three numbers in a row may be, and every month and day, in ISO 8601."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _KANJI_NUMBER.sub(lambda found: str(_kanji_number(found[0])), text)
    text = _ERA_YEAR.sub(_common_era, text)
    text = _MONTH_NAME.sub(lambda found: f" {_MONTHS[found[1]]} ", text)
    groups = _GROUP.findall(text)
    for group in groups:
        if len(group) in {6, 8}:
            yield from _dates_of(group[:-4], group[-4:-2], group[-2:])
    for first, second, third in zip(groups, groups[1:], groups[2:], strict=False):
        yield from _dates_of(first, second, third)
    for month, day in _MONTH_AND_DAY.findall(text):
        yield f"--{int(month):02d}-{int(day):02d}"


def _dates_of(*numbers: str) -> Iterator[str]:
    first, second, third = numbers
    for year, month, day in ((first, second, third), (third, second, first), (third, first, second)):
        if len(year) in {2, 4} and len(month) <= 2 and len(day) <= 2:
            # Days that there are not are kept: a misread date may be one.
            full_year = int(year) if len(year) == 4 else _CENTURY + int(year)
            yield f"{full_year}-{int(month):02d}-{int(day):02d}"


def _common_era(found: re.Match[str]) -> str:
    return f" {_ERAS[found[1]] + (1 if found[2] == '元' else int(found[2]))} "


def _kanji_number(text: str) -> int:
    """二十三 is 23, 二〇二六 is 2026."""
    if "十" not in text:
        return int("".join(str(_KANJI_DIGITS[sign]) for sign in text))
    tens, _, ones = text.partition("十")
    return (_KANJI_DIGITS.get(tens, 1)) * 10 + _KANJI_DIGITS.get(ones, 0)


TEXT = Writing(forms=_as_text, readings=_as_text, within=True)
CODE = Writing(forms=_as_code, readings=_as_code, within=True)
ACCOUNT_TYPE = Writing(forms=_as_account_type, readings=_as_text, within=True)
AMOUNT = Writing(forms=_as_digits, readings=_digits_in, within=False)
DATE = Writing(forms=_as_date, readings=_dates_in, within=False)
