"""How amounts add up: what sums, what is left, what is a share or a product of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice, pairwise

from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.families.amount_items import Item
from postprocess_svc.fields.neighbourhood import Relation

WHOLE = frozenset({"total", "total_due"})
"""Categories of sums that a document may ask for."""
# Per cent, of the countries whose documents are read most.
_USUAL_RATES = (10, 8, 19, 20, 7, 6, 21, 5, 9, 22, 25, 5.5, 18, 23, 12, 15)
_RATES_IN_JAPAN = (10, 8)
_LEAST_TAXED = 100
_MAX_PARTS = 60
_MAX_FEW = 12
"""Subtotals, taxes or totals of different value that are added to each other."""
_MAX_FACTORS = 8
_MAX_CHANGE = 1_000
# Words that a sum of items is labelled with; 駐車料金 and 運賃 are charges, which the amount to pay may well repeat.
_SUM_WORD = re.compile(r"[計合額]$|小計")
_MAX_ROWS_TO_WHOLE = 2


def few(values: set[Decimal]) -> list[Decimal]:
    """The least values, as many as may be added to each other or to every amount of a document of many pages."""
    return sorted(values)[:_MAX_FEW]


def differences(wholes: Sequence[Decimal], parts: set[Decimal]) -> set[Decimal]:
    """What is left of totals once something was paid."""
    paid = sorted({abs(part) for part in parts if part})[:_MAX_PARTS]
    return {whole - part for whole in set(wholes) for part in paid if part != whole}


def payments(by_category: dict[str, set[Decimal]]) -> set[Decimal]:
    """What was paid before, each payment and all together."""
    paid = {abs(payment) for payment in by_category["paid"]}
    return paid | {sum(paid, Decimal(0))} - {Decimal(0)}


def part_paid(by_category: dict[str, set[Decimal]]) -> set[Decimal]:
    """Totals of which a labelled payment leaves what another label says is due."""
    dues = by_category["total_due"]
    paid = sorted(payments(by_category))[:_MAX_PARTS]
    wholes = dues | by_category["total"]
    return wholes.intersection(due + part for due in dues if due > 0 for part in paid)


_ASIDE = frozenset({"discount", "withholding", "previous", "paid", "tendered", "points", "rounding", "change"})
"""What may lie between subtotal, tax and the amount to pay, wherever it stands."""
_INSIDE = frozenset({"subtotal", "tax", "tax_base", "unit_price", "count"})
"""What never does; amounts of other labels or none do where they stand below the subtotal: postage, a fee."""
_MAX_ASIDE = 24


def contradicted(items: list[Item], by_category: dict[str, set[Decimal]], sums: set[Decimal]) -> set[Decimal]:
    """Labelled totals that printed arithmetic is against: subtotal and tax make another total, which is printed too.

    Where nothing printed explains the difference, a larger one was misread; a smaller one only where it looks like the
    other, for it may be an instalment.
    """
    wholes = by_category["total"] | by_category["total_due"]
    doubted = wholes - sums
    if not doubted or not by_category["subtotal"]:
        return set()
    taxes = sorted(tax for tax in by_category["tax"] if tax > 0)[:_MAX_FEW]
    made = wholes.intersection(base + tax for base in sorted(by_category["subtotal"])[:_MAX_FEW] for tax in taxes)
    if not made:
        return set()
    first = next(item.facts.row.number for item in items if item.category == "subtotal")
    aside = {
        abs(item.value)
        for item in items
        if item.category in _ASIDE
        or (item.facts.row.number >= first and item.category not in _INSIDE | WHOLE and item.category != "amount")
    }
    parts = [Decimal(0), *sorted(aside - {Decimal(0)})[:_MAX_ASIDE]]
    explained = {abs(one + sign * other) for one in parts for other in parts for sign in (1, -1)}
    least, most, whole_of_all = min(made), max(made), sum(wholes, Decimal(0))
    return {
        value
        for value in doubted
        if (value > most or (value < least and any(_reads_alike(value, other) for other in made)))
        and 2 * value != whole_of_all  # a total of totals
        and all(abs(value - other) not in explained for other in made)
    }


def _reads_alike(one: Decimal, other: Decimal) -> bool:
    """Whether two numbers differ by one digit, misread or lost."""
    first, second = sorted((str(one), str(other)), key=len)
    if len(first) == len(second):
        return sum(a != b for a, b in zip(first, second, strict=True)) == 1
    return any(first == second[:at] + second[at + 1 :] for at in range(len(second)))


_MADE_OF = frozenset(
    {"subtotal", "tax", "tax_base", "withholding", "tendered", "change", "paid", "previous", "rounding"}
)


def values_by_category(items: list[Item]) -> dict[str, set[Decimal]]:
    """Amounts other than nought by what their labels make them, for the categories that sums are made of."""
    found: dict[str, set[Decimal]] = {name: set() for name in WHOLE | _MADE_OF}
    for item in items:
        if item.category in found and item.value:
            found[item.category].add(item.value)
    return found


def sums_to_pay(items: list[Item], by_category: dict[str, set[Decimal]]) -> set[Decimal]:
    """Amounts to pay that subtotals, taxes, withholding and what was carried over make."""
    bases = sorted(by_category["subtotal"] | by_category["tax_base"])[:12]
    taxes = sorted(by_category["tax"])[:12]
    held = [abs(value) for value in by_category["withholding"]][:4]
    wholes = sorted(by_category["total"] | by_category["total_due"])[:12]
    carried = sorted(by_category["previous"])[:4]
    sums = {base + tax for base in bases for tax in taxes}
    sums |= {base + first + second for base in bases for first in taxes for second in taxes if first < second}
    parts = _bases_by_rate(items)
    if len(parts) > 1:
        # Bases of all rates, printed with their taxes or without.
        sums |= {sum(parts, Decimal(0)), sum([*parts, *taxes], Decimal(0))}
    # A sum whose label does not say so is net where a tax is added to it: お買上計, 消費税, and the amount to pay.
    sums |= {whole + tax for whole in wholes for tax in taxes if tax > 0}
    sums |= {value + before for value in list(sums) for before in carried}
    sums |= {value - part for value in [*sums, *wholes] for part in held}
    return sums


def _bases_by_rate(items: list[Item]) -> list[Decimal]:
    """What is taxed at each rate, one amount a rate."""
    by_rate: dict[float, Decimal] = {}
    for item in items:
        if item.category in {"tax_base", "subtotal"} and item.governor is not None and item.value:
            rate = item.governor.phrase.rate_percent
            if rate is not None:
                by_rate.setdefault(rate, item.value)
    return list(by_rate.values())


def amounts_of_change(items: list[Item]) -> set[int]:
    """Amounts that are what is left of the cash: after it, where an amount before it is the rest; by identity."""
    found: set[int] = set()
    before: dict[Decimal, None] = {}
    # What each sum of cash leaves of the amounts before it; of few amounts, be there pages of them.
    change: set[Decimal] = set()
    for item in items:
        if item.category == "tendered" and item.value > 0:
            if len(change) < _MAX_CHANGE:
                change.update(item.value - asked for asked in islice(before, _MAX_PARTS))
        elif item.value in change:
            found.add(id(item))
        if item.category in WHOLE or item.category == "subtotal":
            before[item.value] = None
    return found


def is_net_of(net: Decimal, total: Decimal) -> bool:
    """A consumption tax of Japan on top of one amount gives the other, but for the fraction that is dropped."""
    return net > _LEAST_TAXED and any(0 <= net * (100 + rate) / 100 - total < 1 for rate in _RATES_IN_JAPAN)


def sums_before_total(items: list[Item]) -> set[int]:
    """A till's 計 right before its お支払額, no tax before or between: the sum of items with their tax; by identity."""
    found: set[int] = set()
    marks = [item for item in items if item.category in WHOLE or item.category == "tax"]
    for item, later in pairwise(marks):
        if item.category == "tax":
            break
        if item.category not in WHOLE or item.governor is None or item.governor.relation is not Relation.ROW:
            continue
        phrase, row = item.governor.phrase, item.facts.row
        if (
            later.category in WHOLE
            and later.value == item.value
            and 0 < later.facts.row.number - row.number <= _MAX_ROWS_TO_WHOLE
            and _SUM_WORD.search(row.text[phrase.start : phrase.end]) is not None
        ):
            found.add(id(item))
    return found


def is_priced(context: DocumentContext, item: Item) -> bool:
    """Quantity times price gives the amount, in its row or the next: an item that happens to be the only one."""
    number = item.facts.row.number
    rows = [item.facts, *context.facts[number + 1 : number + 2]]
    others = (a.value for facts in rows for a in facts.amounts if a is not item.amount)
    factors = list(islice(others, _MAX_FACTORS))
    return any(first * second == item.value for index, first in enumerate(factors) for second in factors[index + 1 :])


def has_usual_rate(tax: Decimal, bases: Sequence[float]) -> bool:
    """The tax is a usual share of a base, or the usual share contained in it, within a unit of rounding."""
    unit = 1.0 if tax == tax.to_integral_value() else 0.01
    value = float(tax)
    if abs(value) <= 5 * unit:
        return False
    return any(
        abs(value - base * rate / 100) <= unit or abs(value - base * rate / (100 + rate)) <= unit
        for base in bases
        for rate in _USUAL_RATES
    )
