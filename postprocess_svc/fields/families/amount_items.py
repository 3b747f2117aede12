"""Amounts with what their surroundings say of them: the ground that total, subtotal and tax are proposed on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from postprocess_svc.fields.candidate import Span, span
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.labels import Phrase
from postprocess_svc.fields.neighbourhood import Governor, Relation, governors
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values.amounts import UNKNOWN_CURRENCY, WITHOUT_MINOR_UNIT, PrintedAmount
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

_MAX_ROUNDING = Decimal("0.05")
"""Cash is rounded to five or ten hundredths where one- and two-hundredths coins are gone."""
# Categories of a row's own label that a column's header may add to; any other label has said all there is to say.
_VAGUE = frozenset({None, "other", "amount", "tax_base"})
_MONEY = frozenset(
    {
        Role.TOTAL_DUE,
        Role.TOTAL,
        Role.SUBTOTAL,
        Role.EXCLUSIVE,
        Role.INCLUSIVE,
        Role.TAX,
        Role.TAX_BASE,
        Role.WITHHOLDING,
        Role.PREVIOUS,
        Role.PAID,
        Role.TENDERED,
        Role.CHANGE,
        Role.POINTS,
        Role.DISCOUNT,
        Role.COUNT,
        Role.UNIT_PRICE,
        Role.AMOUNT,
        Role.ROUNDING,
    }
)
_HEADS = frozenset({Role.COLUMN, Role.COUNT, Role.UNIT_PRICE, Role.AMOUNT})
_MIN_HEADS = 2
_LABELS = _MONEY | NUMBERS_AND_DATES
# The role that decides where a phrase has several: 合計点数 counts, 前回 + 請求額 is previous, 消費税 + 対象 is a base.
_PRECEDENCE = (
    Role.POINTS,
    Role.COUNT,
    Role.PREVIOUS,
    Role.CHANGE,
    Role.WITHHOLDING,
    Role.TAX_BASE,
    Role.ROUNDING,
    Role.DISCOUNT,
)


def amount_category(phrase: Phrase) -> str:
    """What a phrase says an amount is, as the name of a feature."""
    roles = phrase.roles
    decisive = next((role for role in _PRECEDENCE if role in roles), None)
    if decisive is not None and not (decisive is Role.ROUNDING and roles & {Role.TOTAL, Role.TOTAL_DUE}):
        return str(decisive)
    whole = roles & {Role.TOTAL, Role.TOTAL_DUE}
    if Role.EXCLUSIVE in roles and (
        whole or Role.AMOUNT in roles or Role.SUBTOTAL in roles or roles == {Role.EXCLUSIVE}
    ):
        return str(Role.SUBTOTAL)
    if Role.SUBTOTAL in roles or {Role.TAX, Role.EXCLUSIVE} <= roles:
        return str(Role.SUBTOTAL)
    if Role.TAX in roles:
        return str(Role.TOTAL if whole and Role.INCLUSIVE in roles else Role.TAX)
    for role in (Role.TOTAL_DUE, Role.TOTAL, Role.PAID, Role.TENDERED, Role.INCLUSIVE, Role.UNIT_PRICE, Role.AMOUNT):
        if role in roles:
            return str(role)
    return "other"


# Between a label and its amount these say nothing: currencies, rates, counts.
_NO_QUALIFIER = re.compile(r"(?i)eur(?:o|os)?|usd|myr|chf|gbp|inr|rm|%|\(.*?\)|\d+\s*(?:点|個|items?|pcs|x)|in|円|金")


@dataclass(frozen=True, slots=True, kw_only=True)
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

    @property
    def value(self) -> Decimal:
        """The amount."""
        return self.amount.value


def collect(context: DocumentContext) -> list[Item]:
    """All amounts of a document with their labels."""
    items: list[Item] = []
    for facts in context.facts:
        values = [(amount.start, amount.end) for amount in facts.amounts]
        for amount in facts.amounts:
            if amount.measure:
                continue
            found = governors(context, facts, start=amount.start, end=amount.end, roles=_LABELS, values=values)
            decisive = next((g for g in found if g.relation is not Relation.BELOW), None)
            above = next((g for g in found if g.relation is Relation.BELOW), None)
            governor = decisive or above
            items.append(
                Item(
                    facts=facts,
                    amount=amount,
                    extent=facts.row.extent(amount.start, amount.end),
                    governor=governor,
                    above=above if decisive is not None else None,
                    category=None if governor is None else _category(context, governor),
                )
            )
    return items


def _category(context: DocumentContext, governor: Governor) -> str:
    """What a label says; the head of a column of items (税抜価格, Net amount) speaks of items, not of their sum."""
    category = amount_category(governor.phrase)
    if category != Role.SUBTOTAL or governor.relation is not Relation.BELOW:
        return category
    heads = [label for label in context.facts[governor.row].labels if label.roles & _HEADS]
    return str(Role.AMOUNT) if len(heads) >= _MIN_HEADS else category


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
        name = f"below:{amount_category(item.above.phrase)}"
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
        features["qualified"] = float(sum(map(str.isalpha, _NO_QUALIFIER.sub("", between))) >= 4)
    return features


def after_rounding(items: list[Item]) -> list[Item]:
    """Amounts that differ from a total before them by what cash is rounded by: what is paid is the rounded one."""
    found: list[Item] = []
    totals: list[Decimal] = []
    seen_rounding = False
    for item in items:
        whole = item.category in {"total", "total_due"}
        seen_rounding = seen_rounding or item.category == "rounding"
        corrected = any(0 < abs(item.value - total) <= _MAX_ROUNDING < item.value for total in totals)
        if corrected and seen_rounding and (whole or item.category == "rounding"):
            found.append(item)
        if whole:
            totals.append(item.value)
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
        for end in range(2, len(column)):
            if column[end].value and sum((item.value for item in column[:end]), Decimal(0)) == column[end].value:
                sums.add(id(column[end]))
                parts.update(id(item) for item in column[:end])
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
