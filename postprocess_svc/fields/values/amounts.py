"""Printed amounts of money as numbers.

Japanese (¥385,000-, 金385,000円也, ▲1,200, 金壱万弐千円也, a digit a box) and Western forms (1.234,56 €, 1 234,56, RM
12.30, $1,234.56, (12.30)).
Which mark separates thousands is decided from the number itself; a lone mark before three digits is a thousands
separator, which is how prices are printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.values.folding import has_cjk, has_digits, read_digits
from postprocess_svc.fields.values.kanji_numbers import KANJI_DIGITS, KANJI_UNITS, read_kanji_number

UNKNOWN_CURRENCY = "XXX"
"""ISO 4217's code for "no currency": the document names none, and nothing in it points to one."""

_CURRENCY_BY_MARK = {
    "¥": "JPY", "\\": "JPY", "円": "JPY", "金": "JPY", "jpy": "JPY", "yen": "JPY",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "£": "GBP", "gbp": "GBP", "$": "USD", "us$": "USD", "usd": "USD",
    "rm": "MYR", "myr": "MYR", "s$": "SGD", "sgd": "SGD", "hk$": "HKD", "hkd": "HKD", "a$": "AUD", "aud": "AUD",
    "c$": "CAD", "cad": "CAD", "ca$": "CAD", "nz$": "NZD", "nzd": "NZD", "nt$": "TWD", "twd": "TWD",
    "chf": "CHF", "sfr": "CHF", "fr.": "CHF", "₹": "INR", "inr": "INR", "rs": "INR", "rs.": "INR",
    "kr": "SEK", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "zł": "PLN", "pln": "PLN", "czk": "CZK", "kč": "CZK",
    "元": "CNY", "cny": "CNY", "rmb": "CNY", "₩": "KRW", "원": "KRW", "krw": "KRW", "฿": "THB", "thb": "THB",
    "idr": "IDR", "rp": "IDR", "php": "PHP", "₱": "PHP", "vnd": "VND", "₫": "VND", "brl": "BRL", "r$": "BRL",
    "aed": "AED", "zar": "ZAR", "₺": "TRY", "try": "TRY",
}  # fmt: skip

WITHOUT_MINOR_UNIT = frozenset({"JPY", "KRW", "VND", "IDR"})
"""Currencies that are printed without decimals; their thousands are separated by commas or points."""

_LEADING = (
    r"¥|\\|€|£|US ?\$|HK\$|NT\$|NZ\$|CA\$|[SACR]\$|\$|₹|₩|₱|₫|₺|฿|(?<!預)金(?=[\d¥ ])"
    r"|(?<![A-Za-z])(?:RM|EUR|USD|JPY|CHF|SFr|GBP|MYR|SGD|HKD|AUD|CAD|NZD|TWD|INR|SEK|NOK|DKK|PLN|CZK|CNY|RMB|KRW|THB"
    r"|PHP|VND|IDR|BRL|AED|ZAR|Rs|Rp|Fr\.|kr)"
)
_TRAILING = (
    r"円(?![錐形周柱筒盤卓弧])|€|£|\$|元|원|zł|Kč|₫"
    r"|(?:EUR|Euro|USD|JPY|CHF|GBP|MYR|SGD|HKD|AUD|CAD|INR|SEK|NOK|DKK|PLN|CZK|CNY|THB|kr)(?![A-Za-z])"
)
_NUMBER = (
    r"(?:(?!0+[,.'])\d{1,3}(?:[,.'] ?\d{3})+(?:[,.] ?\d{1,2})?"  # grouped
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{2})?"  # 12,34,567 in India
    r"|\d{1,3}(?: \d{3})+(?:,\d{2}|\.\d{2}(?= ?€))"  # 1 234,56
    r"|0[.,]\d{3}"  # a rate
    r"|\d+[.,] ?\d{2}"  # 1234.56
    r"|\d+[.,]\d"
    r"|\d+[.,]-"  # 25,-
    r"|\d+"
    r")(?![,.']?\d)"
)
# What is none of these is taken whole and refused: a part of a number is another number.
_ODD_NUMBER = r"\d+(?:[,.']\d+)+"
# Before all else the cheap question whether one may begin here: letters have to be a currency's, a number behind them.
_AMOUNT = re.compile(
    r"(?=[\d(+▲¥\\€£$₹₩₱₫₺฿金-]|(?<![A-Za-z])[A-Za-z]{2,3}[ .:]{0,3}[-+▲\d]|[A-Za-z]{1,2} ?\$)"
    rf"(?P<open>\()?(?P<sign>(?<![A-Za-z0-9])[-+▲] ?)?"
    rf"(?P<lead>(?:{_LEADING})[ .:]{{0,2}})?(?P<sign2>[-+▲] ?)?"
    rf"(?:(?P<number>{_NUMBER})|{_ODD_NUMBER})(?P<trail> ?(?:{_TRAILING}))?(?P<tail>也|-(?![\d\w]))?(?P<close>\))?",
    re.IGNORECASE,
)
# What looks like an amount's digits but is a time, a share, a phone, a postcode, a part number or a measure.
_NOT_MONEY = re.compile(
    r"(?-i:(?=[\d〒第#NnTtFf]))"  # the cheap question: whether any of these may begin here
    r"(?:\d{1,2}:\d{2}(?::\d{2})?|\d+(?:[.,]\d+)? ?%|〒 ?\d{3}-?\d{4}|\d{1,5}\(\d{1,4}\)\d{3,4}"
    r"|\d+(?:-\d+){2,}|(?<![A-Za-z0-9])\d{3}-\d{4}(?!\d)|\d{1,4}(?:/\d{1,4})+"
    # With what of their number stands before; a few marks only, lest a long row of digits be tried at each of them.
    # Groups of three and then two digits are an amount whose comma was read as a point (1.234.56).
    r"|(?!\d{1,3}(?:\.\d{3})+\.\d{2}(?![\d.]))(?:\d+[,']){0,4}\d+(?:\.\d+){2,}(?![\d,])|(?:\d+[,.]){0,4}\d{9,}"
    r"|(?:No|Nr|N°|#|TEL|FAX)[.: ]{0,2}[\d-]+|第\d+|\d{1,2}(?: ?\+ ?\d{1,2})+(?![\d,.])"
    r"|\d+(?:年|月|日|時|分|号|丁目|番地?|階)"
    r"|(?<![\d,.])\d{1,2}F(?![A-Za-z]))",
    re.IGNORECASE,
)
# 金壱万弐千円也: in words, which nothing can be added to; a bare 千円 is no sum.
_IN_KANJI = re.compile(
    rf"(?P<gold>(?<![\u3400-\u9fff])金 ?)?(?<![{KANJI_DIGITS}{KANJI_UNITS}\d,])"
    rf"(?P<number>[{KANJI_DIGITS}{KANJI_UNITS}\d,]{{1,24}}) ?(?:[円圓](?P<tail> ?也)?|(?P<bare_tail>也))"
)
_HAS_KANJI_NUMBER = re.compile(rf"[{KANJI_DIGITS}{KANJI_UNITS}]")
# 也 without 円 ends names too (一也, 三千也): a unit in the number, and 金 or a sum's name before it, say it is money.
_HAS_KANJI_UNIT = re.compile(rf"[{KANJI_UNITS}]")
_SUM_BEFORE = re.compile(r"[額計](?:\(.{0,8}\))?[ \t:]{0,3}$")
# A form's boxes hold a digit each: ¥ 1 2 3 4 5.
_IN_BOXES = re.compile(
    r"(?P<mark>¥|(?<![\u3400-\u9fff])金)[ \t]{1,3}(?P<number>\d(?:[ \t]{1,2},?\d){3,8})(?![ \t]?[\d,.])"
)
# Of a law: art. 293 B du CGI, § 35a, section 12.
_OF_LAW = re.compile(r"(?:\barts?\.?|\barticles?|\bartikel|§+|\bsection|\bsec\.) {0,2}\d+", re.IGNORECASE)
# In a Japanese row: the mark before read as the letter that it resembles, or 円 after it.
# Three digits alone only at a column's end: V60 ドリッパー is a model.
_MISREAD_YEN = re.compile(r"(?<![A-Za-z0-9])[YV](?=\d{1,3}(?:[,.] ?\d{3})+(?!\d)|\d{3}-?[)\]]?(?:\t|$))")
_MISREAD_EN = re.compile(r"(?<=[,.]\d{3})[PFHR](?![A-Za-z0-9])")
_MISREAD_EN_BESIDE_POINTS = re.compile(r"(?<=[,.]\d{3})[FHR](?![A-Za-z0-9])")
_POINTS = re.compile(r"[ポボホ]イント|進呈|付与|還元|獲得|加算")
_MEASURE = re.compile(
    r" ?(?:点|個|枚|本|台|名|件|冊|箱|袋|式|セット|回|人|杯|泊|時間|ヶ月|か月|カ月|ポイント|pt|pcs?"
    r"|kg|g|ml|l|cm|mm|m|kwh|stk|stück|std|h|x|×|@"
    r"|items?|nos?|units?|days?|tage?n?|jours?)(?![A-Za-z])",
    re.IGNORECASE,
)


@value
class PrintedAmount:
    """An amount found in a text; ``start`` and ``end`` are its span there, currency mark and tail included."""

    start: int
    end: int
    value: Decimal
    currency: str | None
    """As printed beside the number; None where nothing is."""
    decimals: int
    """Digits printed after the decimal mark."""
    grouped: bool
    """Thousands are separated."""
    closed: bool
    """A mark follows that lets no digit be added (¥33,000-, 金33,000円也): a sum to be paid or received."""
    measure: bool
    """A unit follows that is no money: pieces, kilograms, points."""


def find_amounts(folded_text: str, *, hidden: list[tuple[int, int]] | None = None) -> list[PrintedAmount]:
    """All numbers of a folded text that may be money, left to right.

    Args:
        folded_text: The text.
        hidden: Spans that are known to be something else (dates, account numbers).
    """
    text = read_digits(folded_text)
    for start, end in hidden or ():
        text = text[:start] + "\0" * (end - start) + text[end:]
    special = list(_special_forms(text)) if "金" in text or "也" in text or "¥" in text else []
    for known in special:
        text = text[: known.start] + "\0" * (known.end - known.start) + text[known.end :]
    if not has_digits(text, 1):
        return special
    if ("Y" in text or "V" in text) and has_cjk(text):
        text = _MISREAD_YEN.sub("¥", text)
    if _MISREAD_EN.search(text) is not None and has_cjk(text):
        text = (_MISREAD_EN if _POINTS.search(text) is None else _MISREAD_EN_BESIDE_POINTS).sub("円", text)
    of_law = list(_OF_LAW.finditer(text)) if not has_cjk(text) else []
    for match in [*of_law, *_NOT_MONEY.finditer(text)]:
        text = text[: match.start()] + "\0" * len(match[0]) + text[match.end() :]
    found = []
    for match in _AMOUNT.finditer(text):
        amount = _amount(match, text) if match["number"] else None
        if amount is not None:
            found.append(amount)
    return sorted([*special, *found], key=lambda amount: amount.start) if special else found


def _special_forms(text: str) -> Iterator[PrintedAmount]:
    """Amounts in kanji, and those that stand a digit a box."""
    for match in _IN_KANJI.finditer(text) if "金" in text or "也" in text else ():
        closed = match["tail"] is not None or match["bare_tail"] is not None
        if _HAS_KANJI_NUMBER.search(match["number"]) is None or not (match["gold"] or closed):
            continue
        if match["bare_tail"] is not None and not _is_sum(match, text):
            continue
        number = read_kanji_number(match["number"])
        if number:
            yield _yen(match, Decimal(number), closed=closed)
    for match in _IN_BOXES.finditer(text):
        yield _yen(match, Decimal(re.sub(r"\D", "", match["number"])), closed=False)


def _is_sum(match: re.Match[str], text: str) -> bool:
    """Whether a number in kanji that 也 follows at once is money, not a name."""
    if _HAS_KANJI_UNIT.search(match["number"]) is None:
        return False
    return match["gold"] is not None or _SUM_BEFORE.search(text, max(0, match.start() - 16), match.start()) is not None


def _yen(match: re.Match[str], number: Decimal, *, closed: bool) -> PrintedAmount:
    return PrintedAmount(
        start=match.start(),
        end=match.end(),
        value=number,
        currency="JPY",
        decimals=0,
        grouped=False,
        closed=closed,
        measure=False,
    )


def _amount(match: re.Match[str], text: str) -> PrintedAmount | None:
    opened, sign, lead, sign2, number, trail, tail, close = match.groups()
    start, end = match.span()
    if opened and not close:
        start += 1
    if close and not opened:
        end -= 1
    before = text[match.start() - 1] if match.start() else " "
    after = text[match.end("trail") if trail else match.end("number") : match.end() + 12]
    currency = _currency(lead, trail)
    if currency is None and ((before.isascii() and (before.isalnum() or before in "/#_\0")) or before == "\0"):
        return None
    if currency is None and before in ".,-" and match.start() > 1 and text[match.start() - 2].isalnum():
        return None
    amount, decimals, grouped = read_number(number)
    measured = decimals != 2 and _MEASURE.match(after) is not None
    if after[:1].isascii() and after[:1].isalpha() and not trail and not (decimals == 2 or measured):
        return None
    if currency is None and (after[:1] in {"\0", "/"} or (not tail and _is_no_sum(text, *match.span("number")))):
        return None
    minus = (sign is not None and sign[0] in "-▲") or (sign2 is not None and sign2[0] in "-▲")
    # 12.30- is how ledgers print a negative amount; ¥385,000- and 25,- only close the number.
    trailing_minus = tail == "-" and decimals == 2 and currency is None
    if minus or trailing_minus or (opened and close and decimals == 2 and currency is None):
        amount = -amount
    if not minus and sign is not None and sign[0] == "+" and currency is None and not decimals:
        return None
    return PrintedAmount(
        start=start,
        end=end,
        value=amount,
        currency=currency,
        decimals=decimals,
        grouped=grouped,
        closed=currency == "JPY" and tail is not None,
        measure=currency is None and measured,
    )


_ENUMERATED = re.compile(r"[.)]? ?[^\W\d_\u0000-\u2e7f]|[.)] ?[^\W\d_]")


def _is_no_sum(text: str, start: int, end: int) -> bool:
    number = text[start:end]
    return number.isdecimal() and (_is_enumerator(text, start, end) or _is_of_a_number(number, text[end : end + 2]))


def _is_enumerator(text: str, start: int, end: int) -> bool:
    """The number of a paragraph: 4 振込口座, 2) Skonto."""
    return (
        end - start <= 2
        and (start == 0 or text[start - 1] == "\t")
        and _ENUMERATED.match(text, end) is not None
        and _MEASURE.match(text, end) is None
    )


def _is_of_a_number(digits: str, after: str) -> bool:
    """04-02, 0007718: a hyphen goes on with digits, or a nought leads, as no amount of money has it."""
    return (after[:1] == "-" and after[1:2].isdigit()) or (len(digits) > 1 and digits[0] == "0")


def _currency(lead: str | None, trail: str | None) -> str | None:
    """What the mark before a number, or else the one behind it, says."""
    before = _CURRENCY_BY_MARK.get(lead.strip(" .:").replace(" ", "").lower()) if lead else None
    return before or (_CURRENCY_BY_MARK.get(trail.strip().lower()) if trail else None)


def read_number(printed: str) -> tuple[Decimal, int, bool]:
    """Value, digits after the decimal mark, and whether thousands are separated, of a printed number."""
    if printed.isdecimal():
        return Decimal(printed), 0, False
    number = printed.replace(" ", "").replace("'", "")
    grouped = len(number) != len(printed)
    if number.endswith((",-", ".-")):
        return Decimal(re.sub(r"\D", "", number)), 0, grouped
    last = max(number.rfind(","), number.rfind("."))
    if last < 0:
        return Decimal(number), 0, grouped
    fraction = number[last + 1 :]
    whole = number[:last].replace(",", "").replace(".", "")
    if len(fraction) in {1, 2} or whole == "0":
        return Decimal(f"{whole or '0'}.{fraction}"), len(fraction), ("," in number and "." in number) or grouped
    return Decimal(whole + fraction), 0, True


def money_value(value: Decimal, *, currency: str, decimals: int) -> int | str:
    """As api.md wants it: an integer for JPY, otherwise a decimal string with the decimals of the currency."""
    if currency in WITHOUT_MINOR_UNIT and value == value.to_integral_value():
        return int(value) if currency == "JPY" else str(int(value))
    if currency == "JPY":
        return int(value.to_integral_value())
    return f"{value:.{max(2, decimals)}f}"
