"""Amounts with what their surroundings say of them: the ground that total, subtotal and tax are proposed on."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from decimal import Decimal

from ocr_core.contracts.frozen import value
from postprocess_svc.fields.candidate import Span, span
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.families.amount_columns import read_columns
from postprocess_svc.fields.families.amount_labels import MONEY, governed, strip_governors
from postprocess_svc.fields.neighbourhood import Governor, Relation, governors
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values.amounts import UNKNOWN_CURRENCY, WITHOUT_MINOR_UNIT, PrintedAmount
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES

_MAX_ROUNDING = Decimal("0.05")
"""Cash is rounded to five or ten hundredths where one- and two-hundredths coins are gone."""
# Categories of a row's own label that a column's header may add to; any other label has said all there is to say.
_VAGUE = frozenset({None, "other", "amount", "tax_base"})
_LABELS = MONEY | NUMBERS_AND_DATES

# Between a label and its amount these say nothing: currencies, rates, counts.
_NO_QUALIFIER = re.compile(r"(?i)eur(?:o|os)?|usd|myr|chf|gbp|inr|rm|%|\(.*?\)|\d+\s*(?:点|個|items?|pcs|x)|in|円|金")
_LEAST_QUALIFIER = 4


@value
class Item:
    """An amount with what its surroundings say of it."""

    facts: RowFacts
    amount: PrintedAmount
    extent: Extent
    governor: Governor | None
    """The label that decides: in the row, or else above or before."""
    above: Governor | None
    """A label above, beside the one that decides."""
    category: str | None
    above_category: str | None
    """What ``above`` would make of it."""

    @property
    def value(self) -> Decimal:
        """The amount."""
        return self.amount.value


def collect(context: DocumentContext) -> list[Item]:
    """All amounts of a document with their labels."""
    items: list[Item] = []
    strips = strip_governors(context)
    columns = context.shared(read_columns)
    for facts in context.facts:
        values = [(amount.start, amount.end) for amount in facts.amounts]
        for amount in facts.amounts:
            if amount.measure:
                continue
            place = (facts.row.number, amount.start)
            if (crossing := columns.crossings.get(place)) is not None:
                items.append(_at_crossing(facts, amount, *crossing))
                continue
            strip = strips.get(place) if strips else None
            found = (
                [strip]
                if strip is not None
                else governors(context, facts, start=amount.start, end=amount.end, roles=_LABELS, values=values)
            )
            head = columns.heads.get(place) if not found else None
            items.append(_item(context, facts, amount, found if head is None else [head]))
    return items


def _at_crossing(facts: RowFacts, amount: PrintedAmount, governor: Governor, category: str) -> Item:
    """Of a row of sums: its column says of what."""
    return Item(
        facts=facts,
        amount=amount,
        extent=facts.row.extent(amount.start, amount.end),
        governor=governor,
        above=None,
        category=category,
        above_category=None,
    )


def _item(context: DocumentContext, facts: RowFacts, amount: PrintedAmount, found: list[Governor]) -> Item:
    extent = facts.row.extent(amount.start, amount.end)
    decisive = next((g for g in found if g.relation is not Relation.BELOW), None)
    above = next((g for g in found if g.relation is Relation.BELOW), None)
    governor, category, above_category = decisive, None, None
    if above is not None:
        above, above_category = governed(context, above, extent, amount.start)
    if decisive is not None:
        governor, category = governed(context, decisive, extent, amount.start)
    else:
        governor, category, above, above_category = above, above_category, None, None
    return Item(
        facts=facts,
        amount=amount,
        extent=extent,
        governor=governor,
        above=above,
        category=category,
        above_category=above_category,
    )


def shape(context: DocumentContext, item: Item) -> dict[str, float]:
    """Features of an amount's looks and labels that all three fields share."""
    amount, governor = item.amount, item.governor
    features: dict[str, float] = {}
    if governor is None:
        features["unlabelled"] = 1.0
    else:
        place = "below" if governor.relation is Relation.BELOW else "row"
        features[f"{place}:{item.category}"] = 1.0 if governor.relation is not Relation.NEXT else 0.8
        features["skipped"] = float(min(3, governor.skipped))
        if governor.relation is Relation.ROW:
            features["far"] = min(3.0, max(0.0, governor.distance - 12.0) / 10.0)
    if item.above is not None and item.category in _VAGUE:
        name = f"below:{item.above_category}"
        # A column's header says less than the row's own label, and the less the more stands between.
        features[name] = features.get(name, 0.0) + 0.4 / (1 + item.above.skipped)
    has_decimals = context.currency not in WITHOUT_MINOR_UNIT
    features["currency"] = float(amount.currency is not None)
    features["decimals"] = float(has_decimals and amount.decimals == 2)
    features["grouped"] = float(amount.grouped)
    bare = amount.currency is None and not amount.grouped and amount.decimals != 2
    features["bare"] = float(bare and (has_decimals or abs(item.value) < 10))
    features["zero"] = float(item.value == 0)
    sums, parts = context.shared(_columns)
    features["column_sum"] = float(id(item) in sums)
    features["column_part"] = float(id(item) in parts)
    if governor is not None and governor.relation is Relation.ROW:
        between = item.facts.row.text[governor.phrase.end : item.amount.start]
        words = len(between) >= _LEAST_QUALIFIER and sum(map(str.isalpha, _NO_QUALIFIER.sub("", between)))
        features["qualified"] = float(words >= _LEAST_QUALIFIER)
    return features


def table_shape(context: DocumentContext, item: Item) -> dict[str, float]:
    """``shape`` of what a table of several sums may hold (net, tax, gross), each in its column."""
    features = shape(context, item)
    columns, place = context.shared(read_columns), (item.facts.row.number, item.amount.start)
    if place in columns.sums:
        features["column_sum"], features["column_part"] = 1.0, 0.0
    elif place in columns.parts:
        features["column_part"] = 1.0
    return features


def after_rounding(items: list[Item]) -> list[Item]:
    """Amounts that differ from a total before them by what cash is rounded by: what is paid is the rounded one."""
    found: list[Item] = []
    if all(item.category != "rounding" for item in items):
        return found
    totals: list[Decimal] = []  # ascending
    seen_rounding = False
    for item in items:
        whole = item.category in {"total", "total_due"}
        seen_rounding = seen_rounding or item.category == "rounding"
        if seen_rounding and (whole or item.category == "rounding") and item.value > _MAX_ROUNDING:
            first = bisect_left(totals, item.value - _MAX_ROUNDING)
            if any(total != item.value for total in totals[first : bisect_right(totals, item.value + _MAX_ROUNDING)]):
                found.append(item)
        if whole and totals[(at := bisect_left(totals, item.value)) : at + 1] != [item.value]:
            totals.insert(at, item.value)
    return found


def _mark_columns(items: list[Item]) -> tuple[set[int], set[int]]:
    """Amounts under one header where the last is the sum of the others: (sums, parts), by identity."""
    columns: dict[tuple[int, int], list[Item]] = {}
    for item in items:
        governor = item.governor if item.above is None else item.above
        if governor is not None and governor.relation is Relation.BELOW:
            columns.setdefault((governor.row, governor.phrase.start), []).append(item)
    sums: set[int] = set()
    parts: set[int] = set()
    for column in columns.values():
        above, last = Decimal(0), 0
        for end, item in enumerate(column):
            if end > 1 and item.value and item.value == above:
                sums.add(id(item))
                last = end
            above += item.value
        parts.update(id(item) for item in column[:last])
    return sums, parts


def _columns(context: DocumentContext) -> tuple[set[int], set[int]]:
    return _mark_columns(context.shared(collect))


def item_span(item: Item) -> Span:
    """Where the amount is printed."""
    return span(item.facts, item.amount.start, item.amount.end)


def item_currency(context: DocumentContext, item: Item) -> str:
    """The amount's currency: the one beside it, or the document's."""
    printed = item.amount.currency
    if printed is None or context.currency == UNKNOWN_CURRENCY:
        return printed or context.currency
    # ¥ is also the yuan's sign, $ many dollars': the document as a whole knows which.
    return context.currency if printed in {"JPY", "USD", "SEK"} else printed
