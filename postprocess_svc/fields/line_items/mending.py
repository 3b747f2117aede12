"""Numbers of items that were read wrongly, set right where arithmetic leaves no doubt."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from decimal import Decimal

from postprocess_svc.fields.line_items.item import PrintedItem, sum_of

_ROUNDING = Decimal("0.05")
_MAX_WRONG = 3
"""With more rows that do not multiply, columns were misunderstood, not digits misread."""
_SURE_DIGIT = 0.9
"""A digit that the recogniser is surer of is what is printed, whatever it makes of the row: a price by the dozen, a
discount, a clerk's slip."""
_LOOK_ALIKES = frozenset(
    frozenset(pair)
    for pair in ("06", "08", "09", "14", "17", "27", "35", "38", "39", "49", "56", "58", "68", "69", "89")
)
_PRINTED_NUMBER = re.compile(r"\d(?:[\d,.' ]*\d)?")


def mend(items: Sequence[PrintedItem], sums: Collection[Decimal]) -> None:
    """Correct a digit of an item in which quantity times price is not the amount.

    Where the amounts add up to a sum that is printed they are right, and one digit of the quantity or of the price is
    what division leaves; where they would with the product for the amount, one digit of the amount is. Only a digit
    that was read without confidence is corrected, and only to one that looks like it.
    """
    wrong = [item for item in items if item.multiplies() is False and not item.is_reduced]
    if not 0 < len(wrong) <= _MAX_WRONG or 2 * len(wrong) > len(items) + 1:
        return
    whole = sum_of(items)
    if _is_printed(whole, sums):
        for item in wrong:
            _mend_factor(item)
    elif len(wrong) == 1:
        _mend_amount(wrong[0], whole, sums)


def _mend_factor(item: PrintedItem) -> None:
    if not item.amount or not item.quantity or not item.unit_price:
        return
    price, quantity = item.amount / item.quantity, item.amount / item.unit_price
    mends_price = _is_misread(item, item.unit_price, price)
    mends_quantity = _is_misread(item, item.quantity, quantity)
    if mends_price and not mends_quantity:
        item.unit_price = price
    elif mends_quantity and not mends_price:
        item.quantity = quantity


def _mend_amount(item: PrintedItem, whole: Decimal, sums: Collection[Decimal]) -> None:
    if item.amount is None or item.product is None:
        return
    if _is_misread(item, item.amount, item.product) and _is_printed(whole - item.amount + item.product, sums):
        item.amount = item.product


def _is_printed(whole: Decimal, sums: Collection[Decimal]) -> bool:
    return whole != 0 and any(abs(whole - printed) <= _ROUNDING for printed in sums)


def _is_misread(item: PrintedItem, read: Decimal, meant: Decimal) -> bool:
    """Whether a number may be what was printed where another was read: but for one doubtful digit the same."""
    places = Decimal(1).scaleb(min(0, int(read.as_tuple().exponent)))
    if meant != meant.quantize(places):
        return False
    one, other = f"{read:f}", f"{meant.quantize(places):f}"
    differing = [at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    if len(one) != len(other) or len(differing) != 1:
        return False
    (at,) = differing
    before = sum(map(str.isdecimal, one[:at]))
    return frozenset((one[at], other[at])) in _LOOK_ALIKES and _is_doubtful(item, one, before)


def _is_doubtful(item: PrintedItem, number: str, digit: int) -> bool:
    """Whether the recogniser doubted a digit of a number, wherever the item's lines have that number."""
    digits = [int(character) for character in number if character.isdecimal()]
    found: list[float] = []
    for line in item.lines:
        for match in _PRINTED_NUMBER.finditer(line.text) if line.character_confidences else ():
            places = [at for at in range(match.start(), match.end()) if line.text[at].isdecimal()]
            if [int(line.text[at]) for at in places] == digits:
                found.append(line.character_confidences[places[digit]])
    return bool(found) and max(found) < _SURE_DIGIT
