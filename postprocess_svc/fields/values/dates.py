"""Printed dates as calendar dates.

Eras (令和元年, R8.10.31, 令和八年十月三十一日), year first (2026年10月31日, 26/10/31), day or month first (31.10.2026,
10/31/2026), names of months in several languages. Whether the day or the month comes first is the document's business:
such dates carry both readings and are settled by ``DayOrder``.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.values.folding import has_digits, read_digits
from postprocess_svc.fields.values.kanji_numbers import KANJI_DIGITS, read_kanji_number


class DayOrder(StrEnum):
    """How a document writes dates that are all digits and end in the year."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


@value
class PrintedDate:
    """A date found in a text; ``start`` and ``end`` are its span there."""

    start: int
    end: int
    year: int | None
    """None where only month and day are printed."""
    month: int
    day: int
    swappable: bool = False
    """All digits with the year last, and both readings are possible."""
    forced_order: DayOrder | None = None
    """All digits with the year last, and only this reading is possible."""
    guessed_year: bool = False
    """Two digits without a mark of what they count."""
    compact: bool = False
    """Eight digits in a row: a date only where a label says so."""

    def resolve(self, order: DayOrder, *, default_year: int | None = None) -> dt.date | None:
        """The calendar date, or None where there is no such day."""
        month, day = (
            (self.day, self.month) if self.swappable and order is DayOrder.MONTH_FIRST else (self.month, self.day)
        )
        year = self.year if self.year is not None else default_year
        if year is None or not 1 <= month <= 12:
            return None
        if day == LAST_DAY:
            day = calendar.monthrange(year, month)[1]
        try:
            return dt.date(year, month, day)
        except ValueError:
            return None


LAST_DAY = 99
"""Stands for 末日 until the month's length is known."""

# First year of each era less one: 令和 began on 2019-05-01, 平成 on 1989-01-08, 昭和 on 1926-12-25.
_ERA_OFFSET = {"令和": 2018, "令": 2018, "r": 2018, "平成": 1988, "平": 1988, "h": 1988, "昭和": 1925, "s": 1925}

_MONTHS: dict[str, int] = {}
for _number, _names in enumerate(
    (
        "january jan januar jänner janvier janv gennaio gen enero ene januari janeiro",
        "february feb februar février fevrier févr fevr febbraio febrero februari fevereiro fev",
        "march mar märz maerz mrz mars marzo maart mrt março marco",
        "april apr avril avr aprile abril abr",
        "may mai maggio mag mayo mei maio",
        "june jun juni juin giugno giu junio junho",
        "july jul juli juillet juil luglio lug julio julho",
        "august aug août aout agosto ago augustus",
        "september sept sep septembre settembre set septiembre setembro",
        "october oct oktober okt octobre ottobre ott octubre outubro out",
        "november nov novembre noviembre novembro",
        "december dec dezember dez décembre decembre déc dicembre dic diciembre dezembro",
    ),
    start=1,
):
    for _name in _names.split():
        _MONTHS[_name] = _number
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))

_YEAR_FIRST = re.compile(
    r"(?<![\d.,/-])'?((?:19|20)\d{2}|\d{2}|\d(?= ?年)) ?(年|[./-]) ?(\d{1,2}) ?(月|[./-]) ?"
    r"(\d{1,2}(?!\d)|末)(?: ?日)?(?![./-]?\d)"
)
# A comma where a point was printed (2025.01,31): only with all digits of the year, or it is a number.
_YEAR_FIRST_COMMA = re.compile(r"(?<![\d.,/-])((?:19|20)\d{2})[.,](\d{2})[.,](\d{2})(?![.,]?\d)")
_YEAR_FIRST_TIGHT = re.compile(r"(?<!\d)((?:19|20)\d{2}) ?(年|[./-]) ?(\d{1,2}) ?(月|\2) ?(\d{2})(?=[012]\d:\d\d)")
_ERA = re.compile(
    r"(令和|平成|昭和|令|平|(?<![A-Za-z])[RHS])[.' ]? ?(元|\d{1,2}) ?(?:年|[./-]) ?(\d{1,2}) ?(?:月|[./-]) ?"
    r"(\d{1,2}(?!\d)|末)(?: ?日)?(?!\d)",
    re.IGNORECASE,
)
_NUMERAL = rf"[\d{KANJI_DIGITS}十]{{1,4}}"
_IN_KANJI = re.compile(rf"(令和|平成|昭和)? ?(元|{_NUMERAL}) ?年 ?({_NUMERAL}) ?月 ?({_NUMERAL}|末) ?日", re.IGNORECASE)
_YEAR_LAST = re.compile(r"(?<![\d.,/-])(\d{1,2}) ?([./-]) ?(\d{1,2}) ?\2 ?((?:19|20)\d{2}|'?\d{2})(?![\d])(?![./-]\d)")
# A time printed straight after the year without a space (22/04/201818:54).
_YEAR_LAST_TIGHT = re.compile(r"(?<![\d.,/-])(\d{1,2})([./-])(\d{1,2})\2((?:19|20)\d{2})(?=[012]\d:\d\d)")
_DAY_NAME = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?(?:\s|[-./,]|de\b)*({_MONTH})(?![a-zäöüéèû])"
    r"\.?(?:\s|[-./,']|de\b)*((?:19|20)\d{2}|\d{2})(?![\d:])",
    re.IGNORECASE,
)
_NAME_DAY = re.compile(
    rf"(?<![A-Za-z])({_MONTH})\.?\s?-?(\d{{1,2}})(?:st|nd|rd|th)?(?:\s|[,.-])+((?:19|20)\d{{2}})(?!\d)", re.IGNORECASE
)
_NO_YEAR = re.compile(r"(?<![\d年])(?<!年 )(\d{1,2}) ?月 ?(\d{1,2}|末) ?日")
_NO_YEAR_IN_KANJI = re.compile(
    rf"(?<![{KANJI_DIGITS}十年\d])([{KANJI_DIGITS}十]{{1,2}})月([{KANJI_DIGITS}十]{{1,3}}|末)日"
)
# A form's own 年, 月 and 日, wide apart: 8 年 7 月 15 日.
_APART = re.compile(r"(?:(?:令和|平成|[RH])[ \t]*)?\d{1,4}[ \t]*年[ \t]*\d{1,2}[ \t]*月[ \t]*\d{1,2}[ \t]*日")
_COMPACT = re.compile(r"(?<![\dA-Za-z-])((?:19|20)\d{2})([01]\d)([0-3]\d)(?![\dA-Za-z-])")
# Asked of lower case: without IGNORECASE the engine skips ahead by first letters.
_HAS_MONTH_NAME = re.compile(_MONTH)
# Cheap questions before the dear ones: dates are looked for in every row, and most rows hold none.
_HAS_KANJI_NUMBER = re.compile(rf"[{KANJI_DIGITS}十元] ?年|[{KANJI_DIGITS}十] ?[月日]")
_HAS_WORD = re.compile(r"[^\W\d_\u2e80-\U0010ffff]{3}")
_HAS_DATE_MARK = re.compile(r"\d ?[年月./-]")
_HAS_TWO_MARKS = re.compile(r"\d ?[年.,/-] ?\d{1,2} ?[月.,/-]")
_HAS_EIGHT_DIGITS = re.compile(r"(?:19|20)\d{6}")
_MAY_BE_ERA = re.compile(r"[令平昭]|[RHSrhs][.' ]? ?[元\d]")

# Reiwa years are printed with two digits as often as Western ones: up to 16 they are Reiwa's (2034), and from 17 on
# Western, until 2060. What lies beyond (98年) is a year of neither, and which one was printed is not known.
_FIRST_WESTERN_SHORT_YEAR = 17
_LAST_WESTERN_SHORT_YEAR = 60
_FIRST_LONG_YEAR = 1900


def find_dates(folded_text: str, *, short_year_first: bool = False) -> list[PrintedDate]:
    """All dates in a folded text, left to right, none overlapping another; the surest reading of a place wins.

    Args:
        folded_text: The text.
        short_year_first: Three two-digit groups are year, month, day, as Japanese tills print 26/10/31.
    """
    if "\t" in folded_text and "年" in folded_text:
        folded_text = _APART.sub(lambda match: match[0].replace("\t", " "), folded_text)
    in_kanji = "月" in folded_text and _HAS_KANJI_NUMBER.search(folded_text) is not None
    if not in_kanji and not has_digits(folded_text, 2):
        return []
    text = read_digits(folded_text)
    found: list[PrintedDate] = []
    taken: list[tuple[int, int]] = []
    readings = _readings(text, short_year_first=short_year_first)
    for date in chain(_in_kanji(text), readings) if in_kanji else readings:
        if _is_possible(date) and not any(date.start < end and start < date.end for start, end in taken):
            found.append(date)
            taken.append((date.start, date.end))
    return sorted(found, key=lambda date: date.start)


def _is_possible(date: PrintedDate) -> bool:
    return 1 <= date.month <= 12 and (1 <= date.day <= 31 or date.day == LAST_DAY)


def _in_kanji(text: str) -> Iterator[PrintedDate]:
    """令和七年九月二十五日, 二〇二五年九月二十五日."""
    for match in _IN_KANJI.finditer(text):
        count = 1 if match[2] == "元" else read_kanji_number(match[2])
        month = read_kanji_number(match[3])
        day = LAST_DAY if match[4] == "末" else read_kanji_number(match[4])
        if count is None or month is None or day is None:
            continue
        if match[1]:
            yield _date(match, year=_ERA_OFFSET[match[1]] + count, month=month, day=day)
        elif count >= _FIRST_LONG_YEAR:
            yield _date(match, year=count, month=month, day=day)
        elif (year := _short_year(count)) is not None:
            yield _date(match, year=year, month=month, day=day, guessed_year=True)

    for match in _NO_YEAR_IN_KANJI.finditer(text):
        month = read_kanji_number(match[1])
        day = LAST_DAY if match[2] == "末" else read_kanji_number(match[2])
        if month is not None and day is not None:
            yield _date(match, year=None, month=month, day=day)


def _short_year(count: int) -> int | None:
    """26年 is 2026, 8年 is 令和8年, and 98年 no year that a document of today has."""
    if count > _LAST_WESTERN_SHORT_YEAR:
        return None
    return 2000 + count if count >= _FIRST_WESTERN_SHORT_YEAR else _ERA_OFFSET["令和"] + count


def _readings(text: str, *, short_year_first: bool) -> Iterator[PrintedDate]:
    has_marks = _HAS_DATE_MARK.search(text) is not None
    if has_marks and _MAY_BE_ERA.search(text) is not None:
        for match in _ERA.finditer(text):
            offset = _ERA_OFFSET[match[1].lower()]
            count = 1 if match[2] == "元" else int(match[2])
            yield _date(match, year=offset + count, month=int(match[3]), day=_day(match[4]))
    if has_marks and _HAS_TWO_MARKS.search(text) is not None:
        yield from _with_marks(text, short_year_first=short_year_first)
    if _HAS_WORD.search(text) is not None and _HAS_MONTH_NAME.search(text.lower()) is not None:
        for match in _DAY_NAME.finditer(text):
            yield _date(match, year=_long_year(match[3]), month=_MONTHS[match[2].lower()], day=int(match[1]))
        for match in _NAME_DAY.finditer(text):
            yield _date(match, year=int(match[3]), month=_MONTHS[match[1].lower()], day=int(match[2]))
    for match in _COMPACT.finditer(text) if _HAS_EIGHT_DIGITS.search(text) is not None else ():
        yield _date(match, year=int(match[1]), month=int(match[2]), day=int(match[3]), compact=True)
    for match in _NO_YEAR.finditer(text) if has_marks and "月" in text else ():
        yield _date(match, year=None, month=int(match[1]), day=_day(match[2]))


def _with_marks(text: str, *, short_year_first: bool) -> Iterator[PrintedDate]:
    """All digits, with marks between year, month and day."""
    for pattern in (_YEAR_FIRST_TIGHT, _YEAR_FIRST):
        for match in pattern.finditer(text):
            yield from _year_first(match, short=short_year_first)
    for match in _YEAR_FIRST_COMMA.finditer(text) if "," in text else ():
        yield _date(match, year=int(match[1]), month=int(match[2]), day=int(match[3]))
    for pattern in (_YEAR_LAST_TIGHT, _YEAR_LAST):
        for match in pattern.finditer(text):
            if not (short_year_first and len(match[4]) == 2):
                yield from _year_last(match)


def _year_first(match: re.Match[str], *, short: bool) -> Iterator[PrintedDate]:
    printed_year, mark = match[1], match[2]
    if len(printed_year) == 4:
        yield _date(match, year=int(printed_year), month=int(match[3]), day=_day(match[5]))
    elif mark == "年":
        year = _short_year(int(printed_year))
        if year is not None:
            yield _date(match, year=year, month=int(match[3]), day=_day(match[5]), guessed_year=True)
    elif match[0].startswith("'") or (short and match[4] == mark and int(printed_year) <= _LAST_WESTERN_SHORT_YEAR):
        # 08-10-22 is 令和8年 as 8年 is; '08 is Western.
        year = None if match[0].startswith("'") else _short_year(int(printed_year))
        yield _date(
            match, year=year or _long_year(printed_year), month=int(match[3]), day=_day(match[5]), guessed_year=True
        )


def _year_last(match: re.Match[str]) -> Iterator[PrintedDate]:
    first, second = int(match[1]), int(match[3])
    printed_year = match[4].lstrip("'")
    year = _long_year(printed_year)
    short = len(printed_year) == 2
    if first > 12 and second > 12:
        return
    if first > 12:
        yield _date(match, year=year, month=second, day=first, forced_order=DayOrder.DAY_FIRST, guessed_year=short)
    elif second > 12:
        yield _date(match, year=year, month=first, day=second, forced_order=DayOrder.MONTH_FIRST, guessed_year=short)
    else:
        yield _date(match, year=year, month=second, day=first, swappable=first != second, guessed_year=short)


def _date(
    match: re.Match[str],
    *,
    year: int | None,
    month: int,
    day: int,
    swappable: bool = False,
    forced_order: DayOrder | None = None,
    guessed_year: bool = False,
    compact: bool = False,
) -> PrintedDate:
    return PrintedDate(
        start=match.start(),
        end=match.end(),
        year=year,
        month=month,
        day=day,
        swappable=swappable,
        forced_order=forced_order,
        guessed_year=guessed_year,
        compact=compact,
    )


def _day(printed: str) -> int:
    return LAST_DAY if printed == "末" else int(printed)


def _long_year(printed: str) -> int:
    year = int(printed)
    if len(printed) == 4:
        return year
    return 2000 + year if year < 70 else 1900 + year
