"""What lies between subtotal, tax and the amount to pay: what was withheld, paid, carried over, advanced.

The amount to pay is subtotal and tax, less what is withheld, paid before or taken off, and with what is carried over,
levied or advanced (立替金, 入湯税). Read backwards it says what subtotal and tax have to add up to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import reduce

from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.amount_items import Item

_TAKEN_OFF = frozenset({"withholding", "paid", "discount"})
_ADDED = frozenset({"previous", "levy", "outlay"})
_UNTAXED = re.compile(r"非課税|不課税|課税対象外|対象外|免税|^実費")
_MAX_ASIDES = 7
_MAX_TAXES = 12
_MAX_BESIDE = 8
_RATES_IN_JAPAN = (Decimal(10), Decimal(8))
_LEAST_NET = 100


def sums_behind(items: Sequence[Item], total: Decimal | None) -> set[Decimal]:
    """What subtotal and tax may add up to for this to be the amount to pay: by any of the labelled asides."""
    if total is None:
        return set()
    behind = {total}
    for asides in _steps(items):
        behind |= {whole + aside for whole in behind for aside in asides}
    return behind


def _steps(items: Sequence[Item]) -> list[tuple[Decimal, ...]]:
    """Of each aside what leads back from the amount to pay; each once, those that are printed last first."""
    found: dict[Decimal, tuple[Decimal, ...]] = {}
    for item in reversed(items):
        amount = abs(item.value)
        if not amount or amount in found or len(found) == _MAX_ASIDES:
            continue
        if item.category in _TAKEN_OFF or (item.category == "tendered" and item.value < 0):
            found[amount] = (amount,)
        elif item.category in _ADDED or _is_untaxed(item):
            # A carried balance may be on either side, and what was advanced be given back.
            found[amount] = (-item.value,) if item.value > 0 else (amount,)
    return list(found.values())


def _is_untaxed(item: Item) -> bool:
    if item.category != "tax_base" or item.governor is None:
        return False
    phrase = item.governor.phrase
    return _UNTAXED.search(item.facts.row.text[phrase.start : phrase.end]) is not None


def closing_nets(context: DocumentContext, items: Sequence[Item], total: Decimal | None) -> set[int]:
    """Amounts of which a labelled tax is exactly the share, and which with it and what follows make the amount to pay.

    What follows may be labelled with anything (送料, 諸費用計); by identity.
    """
    if total is None or context.language is not Language.JAPANESE:
        return set()
    taxes = set(sorted({item.value for item in items if item.category == "tax" and item.value > 0})[-_MAX_TAXES:])
    behind = sums_behind(items, total)
    found = set()
    for index, item in enumerate(items):
        if item.category in _NEVER_NET or item.value < _LEAST_NET:
            continue
        tax = next((tax for tax in shares(item.value) if tax in taxes), None)
        if tax is None:
            continue
        rest = {whole - item.value - tax for whole in behind}
        if Decimal(0) in rest or not rest.isdisjoint(_beside(items[index + 1 :], tax)):
            found.add(id(item))
    return found


_NEVER_NET = frozenset(
    {"tax", "previous", "withholding", "paid", "tendered", "change", "points", "count", "unit_price"}
)


def shares(net: Decimal) -> list[Decimal]:
    """The consumption taxes of Japan on an amount, rounded either way."""
    found = []
    for rate in _RATES_IN_JAPAN:
        exact = net * rate / 100
        floor = exact // 1
        found += [floor] if exact == floor else [floor, floor + 1]
    return found


_NEVER_BESIDE = frozenset({"tax", "total", "total_due", "unit_price", "count"})


def _beside(following: Iterable[Item], tax: Decimal) -> set[Decimal]:
    """Amounts after the net other than its tax, alone and in pairs."""
    single: dict[Decimal, None] = {}
    for item in following:
        if item.value and item.value != tax and item.category not in _NEVER_BESIDE:
            single[item.value] = None
        if len(single) == _MAX_BESIDE:
            break
    values = list(single)
    return reduce(
        lambda sums, at: sums | {values[at] + other for other in values[at + 1 :]}, range(len(values)), set(values)
    )
