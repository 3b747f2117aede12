"""Taxes of several rates: which is of which, and which printed one is the sum of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, islice

from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.families.amount_items import Item
from postprocess_svc.fields.neighbourhood import Relation
from postprocess_svc.fields.values.amounts import WITHOUT_MINOR_UNIT
from postprocess_svc.fields.vocabulary import Role

_ROWS_TO_BASE = 3
_MAX_STATED, _MAX_ADDENDS = 10, 4
_RATE_BEFORE = re.compile(r"(\d{1,2}(?:[.,]\d{1,2})?) ?%")


def rate_parts(context: DocumentContext, taxes: list[Item]) -> list[Item]:
    """One tax amount a rate, where the document prints several rates."""
    by_rate: dict[float, Item] = {}
    for item in taxes:
        rate = _rate(context, item)
        if item.amount.currency is None and item.amount.decimals == 0 and context.currency not in WITHOUT_MINOR_UNIT:
            continue
        if rate is not None and item.value != 0:
            by_rate.setdefault(rate, item)
    parts = list(by_rate.values())
    return parts if len(parts) > 1 else []


def _rate(context: DocumentContext, item: Item) -> float | None:
    """The tax rate of an amount: in its label, before it in the row, or in a row above that gives its base."""
    governor = item.governor
    if governor is not None and governor.phrase.rate_percent is not None:
        return governor.phrase.rate_percent
    printed = _RATE_BEFORE.findall(item.facts.row.text, 0, item.amount.start)
    if printed:
        return float(printed[-1].replace(",", "."))
    if governor is None or governor.relation is Relation.BELOW:
        return None
    for above in islice(context.rows_above(item.facts), _ROWS_TO_BASE):
        if any(Role.TAX in phrase.roles and Role.TAX_BASE not in phrase.roles for phrase in above.phrases):
            return None
        bases = [phrase.rate_percent for phrase in above.phrases if Role.TAX_BASE in phrase.roles]
        if bases:
            return bases[-1]
    return None


def stated_sums(items: Sequence[Item]) -> tuple[set[int], set[int]]:
    """Amounts of one kind of which one is the sum of two to four others: the sums and their parts, by identity."""
    sums: set[int] = set()
    parts: set[int] = set()
    known = [item for item in items if item.value > 0][:_MAX_STATED]
    for item in known:
        smaller = [other for other in known if other.value < item.value]
        for count in range(2, min(_MAX_ADDENDS, len(smaller)) + 1):
            found = next((c for c in combinations(smaller, count) if _states(item, c)), None)
            if found is not None:
                sums.add(id(item))
                parts.update(id(other) for other in found)
                break
    return sums, parts


def _states(item: Item, parts: Sequence[Item]) -> bool:
    """The parts add up to the amount; not along one label's row, as parts of a contract's price do."""
    if sum(part.value for part in parts) != item.value:
        return False
    label = item.governor
    if label is None or label.relation is not Relation.ROW:
        return True
    place = (label.row, label.phrase.start)
    return any(part.governor is None or (part.governor.row, part.governor.phrase.start) != place for part in parts)
