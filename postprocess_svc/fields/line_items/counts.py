"""Counts as receipts print them: 2コX単150, @1,870×2, 2 x 1.50, (2点)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from postprocess_svc.fields.line_items.numbers import find_number

_PIECE = r"個|コ|ヶ|ケ|点|本|枚|袋|箱|杯|名|人|式|台|冊|パック|セット|缶|皿|膳|泊|回|pcs?|ea|nos?|units?|stk|stück|st"
_ANY_UNIT = r"(?!円)[^\W\d_x×]{1,4}[23²³]?"
"""Beside the sign that multiplies, whatever stands behind a number counts it."""
_MARK = r"@|単価?|[¥\\$€£]"
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_FIRST_UNIT = rf"{_ANY_UNIT}(?=[ \t]?[×✕@]|[ \t]?\*(?!\t)|[ \t][xX])|(?:{_PIECE})(?![A-WYZa-wyz])"
_SECOND_UNIT = rf"{_ANY_UNIT}(?=[ \t)\]]|$)|(?:{_PIECE})(?![A-WYZa-wyz])"
_TIMES = re.compile(
    rf"[(\[]?(?<![\d.,])(?P<mark>{_MARK})? ?(?P<first>{_NUMBER}) ?(?P<unit>{_FIRST_UNIT})?(?:円)? ?"
    rf"(?:(?:[x×✕X]|(?P<at>@))[ \t]?|\* ?)(?P<mark2>{_MARK}|EUR|USD|GBP|RM)?[¥\\$€£]? ?"
    rf"(?P<second>-?{_NUMBER})(?![\d.,]*%) ?(?P<unit2>{_SECOND_UNIT})?(?:円)?[)\]]?",
    re.IGNORECASE,
)
_ALONE = re.compile(
    rf"(?:^|\t)(?P<count>\d{{1,3}}) ?(?P<unit>{_PIECE})(?=[ \t¥]|$|[\d,]{{2,}}円?$)"
    rf"|[(\[](?P<count2>\d{{1,3}}) ?(?P<unit2>{_PIECE})[)\]]"
    r"|^(?P<count3>\d{1,2})(?P<unit3>点)",  # no name begins so
    re.IGNORECASE,
)
_PRICE = re.compile(r"[(\[]?(?:単価?|@) ?[¥\\]?(?P<price>\d[\d,]*)(?:円)?[)\]]?")
_BEFORE_NAME = re.compile(r"(?P<count>[1-9]\d?) ?[xX×]?[ \t]+(?=[^\W\d_]{2})")
_COLUMN = re.compile(r"[xX×]? ?(?P<count>[1-9]\d?)")
_NUMBERS_BEFORE = 2
_NUMBER_COLUMN = re.compile(rf"(?:{_MARK})? ?(?P<number>-?{_NUMBER}) ?(?P<unit>{_ANY_UNIT})?円?")
_HAS_COUNT = re.compile(r"\d")
_MULTIPLIES = re.compile(r"[x×✕X@*]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many, and at what price if that is printed; the span is one of the row's text."""

    count: Decimal
    unit: str | None
    price: Decimal | None
    start: int
    end: int


def find_count(folded_text: str) -> Count | None:
    """The count in a row's text."""
    if _HAS_COUNT.search(folded_text) is None:
        return None
    if _MULTIPLIES.search(folded_text) is not None and (match := _TIMES.search(folded_text)) is not None:
        return _times(match)
    match = _ALONE.search(folded_text)
    if match is None:
        return None
    return Count(
        count=Decimal(match["count"] or match["count2"] or match["count3"]),
        unit=match["unit"] or match["unit2"] or match["unit3"],
        price=None,
        start=match.start(),
        end=match.end(),
    )


def bare_count(folded_text: str, name: str) -> tuple[str, Decimal] | None:
    """A name and the count without a unit beside it: before it (2 Pancakes), or in the column behind it.

    Args:
        folded_text: The row up to its amount, its columns parted by tabs.
        name: What of it is the name.
    """
    match = _BEFORE_NAME.match(folded_text)
    if match is not None:
        return name[match.end() :] if name.startswith(match[0]) else name, Decimal(match["count"])
    columns = folded_text.rstrip().split("\t")
    match = _COLUMN.fullmatch(columns[-1].strip()) if len(columns) > 1 else None
    return None if match is None else (name, Decimal(match["count"]))


def columns_count(folded_text: str, amount: Decimal) -> Count | None:
    """The count and the price in the last two columns before an amount, where they make it.

    Args:
        folded_text: The row up to its amount, its columns parted by tabs.
        amount: What they make.
    """
    columns = folded_text.rstrip().split("\t")
    if len(columns) <= _NUMBERS_BEFORE:
        return None
    first, second = (_NUMBER_COLUMN.fullmatch(column.strip()) for column in columns[-_NUMBERS_BEFORE:])
    count = None if first is None else find_number(first["number"])
    price = None if second is None else find_number(second["number"])
    if first is None or count is None or price is None or count.value * price.value != abs(amount):
        return None
    unit = first["unit"]
    return Count(count=count.value, unit=unit, price=price.value, start=len(folded_text), end=len(folded_text))


def counted_name(folded_name: str, amount: Decimal) -> tuple[str, Count] | None:
    """A name without the count and the price around it (3点 塩バターパン 単価200), where they make its amount."""
    count = find_count(folded_name)
    if count is None:
        return None
    name = f"{folded_name[: count.start]} {folded_name[count.end :]}"
    if count.price is None:
        match = _PRICE.search(name)
        price = None if match is None else find_number(match["price"])
        if match is None or price is None or count.count * price.value != abs(amount):
            return None
        name = f"{name[: match.start()]} {name[match.end() :]}"
        count = replace(count, price=price.value)
    elif not _makes(count.price * count.count, amount):
        return None
    return " ".join(name.split()), count


def _makes(product: Decimal, amount: Decimal) -> bool:
    """Whether a product is an amount, whose last place is rounded where the product has more of them."""
    places = Decimal(1).scaleb(min(0, int(amount.as_tuple().exponent)))
    is_finer = product % places != 0
    return abs(abs(product) - abs(amount)) < places if is_finer else abs(product) == abs(amount)


def _times(match: re.Match[str]) -> Count | None:
    first, second = find_number(match["first"]), find_number(match["second"])
    if first is None or second is None:
        return None
    if match["unit"] or match["mark2"] or match["at"] or second.value < 0:
        price_first = False  # what is below zero is what is taken off for each
    elif match["unit2"] or match["mark"]:
        price_first = True
    elif first.decimals != second.decimals:
        price_first = first.decimals == 2
    else:
        price_first = first.value > second.value
    count, price = (second, first) if price_first else (first, second)
    return Count(
        count=count.value,
        unit=match["unit2"] if price_first else match["unit"],
        price=price.value,
        start=match.start(),
        end=match.end(),
    )
