"""Numbers of items that were read wrongly, set right where arithmetic leaves no doubt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from postprocess_svc.fields.line_items.item import PrintedItem, sum_of

_ROUNDING = Decimal("0.05")
_MAX_WRONG = 3
"""With more rows that do not multiply, columns were misunderstood, not digits misread."""
_MAX_MISREAD = 1
"""Digits of a number that differ from what was read."""


def mend(items: Sequence[PrintedItem], sums: Collection[Decimal]) -> None:
    """Correct a digit of an item in which quantity times price is not the amount.

    Where the amounts add up to a sum that is printed they are right, and one digit of the quantity or of the price is
    what division leaves; where they would with the product for the amount, one digit of the amount is.
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
    mends_price = _is_misread(item.unit_price, price)
    mends_quantity = _is_misread(item.quantity, quantity)
    if mends_price and not mends_quantity:
        item.unit_price = price
    elif mends_quantity and not mends_price:
        item.quantity = quantity


def _mend_amount(item: PrintedItem, whole: Decimal, sums: Collection[Decimal]) -> None:
    if item.amount is None or item.product is None:
        return
    if _is_misread(item.amount, item.product) and _is_printed(whole - item.amount + item.product, sums):
        item.amount = item.product


def _is_printed(whole: Decimal, sums: Collection[Decimal]) -> bool:
    return whole != 0 and any(abs(whole - printed) <= _ROUNDING for printed in sums)


def _is_misread(read: Decimal, meant: Decimal) -> bool:
    """Whether a number may be what was printed where another was read: as many digits, but for one the same."""
    places = Decimal(1).scaleb(min(0, int(read.as_tuple().exponent)))
    if meant != meant.quantize(places):
        return False
    one, other = f"{read:f}", f"{meant.quantize(places):f}"
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == _MAX_MISREAD
