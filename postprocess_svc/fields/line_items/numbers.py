"""Numbers of item rows: quantities with their units, prices, rates."""

from __future__ import annotations

import re
from decimal import Decimal

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.values.amounts import read_number
from postprocess_svc.fields.values.folding import fold, read_digits

_NUMBER = re.compile(
    r"(?P<open>\()?(?P<sign>[-▲+])? ?(?:[¥\\$€£₹]|[A-Za-z]{1,3}\$? ?\.?)? ?(?P<sign2>[-▲])? ?"
    r"(?P<number>\d{1,3}(?:[ '][0-9]{3})+(?:[.,]\d{1,4})?(?!\d)"
    r"|\d{1,3}(?:,\d{3})*, \d{3}(?:,\d{3})*(?!\d)|\d+(?:[.,']\d+)*)"
    r"(?P<tail>-(?!\d))?"
)
_UNIT = re.compile(r"[^\W\d_][^\d]{0,11}[23²³]?")
_RATE = re.compile(r"(\d{1,2}(?:[.,]\d{1,2})?) ?%?")
_EITHER = re.compile(r"(\d{1,3})[.,](\d{3})")
"""1.000 is a thousand pieces or one kilogram to the gram."""
_FINE = re.compile(r"(\d+(?:[.,]\d{3})*)[.,](\d{4})")
"""1,4500: prices by the piece are printed to four places."""


@value
class Number:
    """A number as printed; a mark before three digits may separate thousands or decimals."""

    value: Decimal
    decimals: int
    other: Decimal | None
    """The value if the mark means the other thing."""
    end: int
    """Where it ends in the folded text."""


def find_number(folded_text: str) -> Number | None:
    """The first number of a text."""
    match = _NUMBER.search(read_digits(folded_text))
    if match is None:
        return None
    printed = match["number"]
    found, decimals = _read(printed)
    other: Decimal | None = None
    mark = _EITHER.fullmatch(printed)
    if mark is not None:
        other = Decimal(f"{mark[1]}.{mark[2]}")
    negative = match["sign"] in {"-", "▲"} or match["sign2"] is not None or (match["tail"] and decimals == 2)
    if match["open"] and ")" in folded_text[match.end() :] and decimals == 2:
        negative = True
    sign = -1 if negative else 1
    return Number(
        value=sign * found, decimals=decimals, other=None if other is None else sign * other, end=match.end("number")
    )


def _read(printed: str) -> tuple[Decimal, int]:
    printed = printed.replace(", ", ",")
    if printed.isdecimal():
        return Decimal(printed), 0
    fine = _FINE.fullmatch(printed)
    if fine is not None:
        return Decimal(f"{fine[1].replace('.', '').replace(',', '')}.{fine[2]}"), len(fine[2])
    found, decimals, _ = read_number(printed)
    return found, decimals


def split_quantity(text: str) -> tuple[Number | None, str | None]:
    """A quantity and the unit behind it (``10 個``, ``3 Std``)."""
    folded = fold(text)
    number = find_number(folded)
    if number is None:
        return None, None
    rest = folded[number.end :].strip(" .")
    unit = _UNIT.fullmatch(rest)
    return number, unit[0].strip() if unit else None


def find_rate(text: str) -> Decimal | None:
    """A tax rate in per cent."""
    match = _RATE.search(fold(text))
    if match is None:
        return None
    rate = Decimal(match[1].replace(",", "."))
    return rate if rate <= 50 else None


def plain(value: Decimal | None) -> int | str | None:
    """A number without money: an integer where it is whole, else a decimal string without needless noughts."""
    if value is None:
        return None
    if value == value.to_integral_value():
        return int(value)
    return f"{value.normalize():f}"
