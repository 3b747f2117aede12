"""How documents print numbers and dates."""

from __future__ import annotations

import datetime
import unicodedata
from decimal import Decimal

_DAIJI = str.maketrans("0123456789", "零壱弐参四五六七八九")
_KANJI_DIGITS = "〇一二三四五六七八九"
_WIDE = str.maketrans("0123456789,.-%:/", "０１２３４５６７８９，．－％：／")
_SMALL_KANA = str.maketrans("ァィゥェォッャュョ", "アイウエオツヤユヨ")
_WEEKDAYS = "月火水木金土日"
REIWA_OFFSET = 2018
"""Reiwa 1 is 2019; the generator dates nothing before."""

MONEY_STYLES_JA = ("yen", "wide_yen", "yen_dash", "en", "bare", "wide_en", "kin_en", "spaced_yen")
DATE_STYLES_JA = (
    "kanji", "kanji", "kanji_padded", "slash", "slash_plain", "dot", "hyphen", "era", "era_spaced", "era_letter",
    "wide",
)  # fmt: skip

_MONTHS = {
    "en": "January|February|March|April|May|June|July|August|September|October|November|December",
    "de": "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember",
    "fr": "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
}


def wide(text: str) -> str:
    """Digits and their signs in full width."""
    return text.translate(_WIDE)


def half_width(kana: str) -> str:
    """Katakana as banks print them: half width, voicing marks apart, no small letters."""
    return "".join(_HALF_WIDTH.get(sign, sign) for sign in bank_kana(kana))


def bank_kana(kana: str) -> str:
    """Katakana as bank ledgers have them: no small letters."""
    return kana.translate(_SMALL_KANA)


def money_ja(value: Decimal, style: str) -> str:
    """An amount in yen, in one of ``MONEY_STYLES_JA``, ``daiji`` or ``star``."""
    number = f"{abs(value):,.0f}"
    sign = "-" if value < 0 else ""
    forms = {
        "yen": f"{sign}¥{number}",
        "wide_yen": f"{sign}￥{number}",
        "yen_dash": f"{sign}¥{number}-",
        "en": f"{sign}{number}円",
        "bare": f"{sign}{number}",
        "wide_en": wide(f"{sign}{number}") + "円",
        "kin_en": f"金{number}円",
        "spaced_yen": f"{sign}¥ {number}",
        "daiji": f"金{daiji(int(abs(value)))}円也",
        "star": f"*{number}",
    }
    return forms[style]


def daiji(number: int) -> str:
    """A number in the kanji that cannot be altered: 12,345 is 壱万弐千参百四拾五."""
    if number == 0:
        return "零"
    text = ""
    for unit, name in ((10**8, "億"), (10**4, "萬"), (1, "")):
        part, number = divmod(number, unit)
        if part:
            text += _daiji_below_ten_thousand(part) + name
    return text


def date_ja(date: datetime.date, style: str) -> str:
    """A date in one of ``DATE_STYLES_JA``, ``weekday`` or ``vertical``."""
    era = date.year - REIWA_OFFSET
    era_name = "元" if era == 1 else str(era)
    forms = {
        "kanji": f"{date.year}年{date.month}月{date.day}日",
        "kanji_padded": f"{date.year}年{date.month:02d}月{date.day:02d}日",
        "slash": f"{date:%Y/%m/%d}",
        "slash_plain": f"{date.year}/{date.month}/{date.day}",
        "dot": f"{date:%Y.%m.%d}",
        "hyphen": f"{date:%Y-%m-%d}",
        "era": f"令和{era_name}年{date.month}月{date.day}日",
        "era_spaced": f"令和 {era_name} 年 {date.month} 月 {date.day} 日",
        "era_letter": f"R{era}.{date.month}.{date.day}",
        "wide": wide(f"{date.year}") + "年" + wide(f"{date.month}") + "月" + wide(f"{date.day}") + "日",
        "weekday": f"{date.year}年{date.month}月{date.day}日({_WEEKDAYS[date.weekday()]})",
        "vertical": f"令和{_kanji_number(era)}年{_kanji_number(date.month)}月{_kanji_number(date.day)}日",
    }
    return forms[style]


def money_latin(value: Decimal, currency: str, style: str) -> str:
    """An amount: ``us`` 1,234.50, ``eu`` 1.234,50, ``fr`` 1 234,50.

    ``_sign`` or ``_code`` after the style adds the currency's sign or code where the language puts it.
    """
    marks, _, addition = style.partition("_")
    text = f"{value:,.2f}"
    thousands, point = {"us": (",", "."), "eu": (".", ","), "fr": ("\N{NO-BREAK SPACE}", ",")}[marks]
    text = text.replace(",", "\0").replace(".", point).replace("\0", thousands)
    sign = {"EUR": "€", "USD": "$", "GBP": "£"}[currency]
    if addition == "sign":
        return f"{text}\N{NO-BREAK SPACE}{sign}" if marks in {"eu", "fr"} else f"{sign}{text}"
    if addition == "code":
        return f"{text}\N{NO-BREAK SPACE}{currency}" if marks in {"eu", "fr"} else f"{currency} {text}"
    return text


def date_latin(date: datetime.date, language: str, style: str) -> str:
    """A date: ``long``, ``short_month``, ``us_long``, ``dmy_dot``, ``dmy_slash``, ``dmy_hyphen``, ``iso``."""
    month = _MONTHS[language].split("|")[date.month - 1]
    day = f"{date.day}." if language == "de" else "1er" if language == "fr" and date.day == 1 else str(date.day)
    forms = {
        "long": f"{day} {month} {date.year}",
        "short_month": f"{date.day:02d} {month[:3]} {date.year}",
        "us_long": f"{month} {date.day}, {date.year}",
        "dmy_dot": f"{date:%d.%m.%Y}",
        "dmy_slash": f"{date:%d/%m/%Y}",
        "dmy_hyphen": f"{date:%d-%m-%Y}",
        "iso": date.isoformat(),
    }
    return forms[style]


def _daiji_below_ten_thousand(number: int) -> str:
    text = ""
    for unit, name in ((1000, "千"), (100, "百"), (10, "拾"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            text += str(digit).translate(_DAIJI) + name
    return text


def _kanji_number(number: int) -> str:
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else _KANJI_DIGITS[tens] + "十"
    return head + (_KANJI_DIGITS[ones] if ones or not tens else "")


def _half_width_table() -> dict[str, str]:
    table = {"（": "(", "）": ")", "\N{IDEOGRAPHIC SPACE}": " ", "・": "."}
    for code in range(0xFF66, 0xFF9E):
        table[unicodedata.normalize("NFKC", chr(code))] = chr(code)
        for mark in "\uff9e\uff9f":
            composed = unicodedata.normalize("NFKC", chr(code) + mark)
            if len(composed) == 1:
                table[composed] = chr(code) + mark
    return table


_HALF_WIDTH = _half_width_table()
