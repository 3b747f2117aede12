"""Total, subtotal and tax: amounts by their labels, their looks and how they add up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldName, Span, span
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.labels import Phrase
from postprocess_svc.fields.neighbourhood import Governor, Relation, governors
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values.amounts import (
    UNKNOWN_CURRENCY,
    WITHOUT_MINOR_UNIT,
    PrintedAmount,
    money_value,
)
from postprocess_svc.fields.vocabulary import Role

_MONEY = frozenset(
    {
        Role.TOTAL_DUE, Role.TOTAL, Role.SUBTOTAL, Role.EXCLUSIVE, Role.INCLUSIVE, Role.TAX, Role.TAX_BASE, Role.WITHHOLDING,
        Role.PREVIOUS, Role.PAID, Role.TENDERED, Role.CHANGE, Role.POINTS, Role.DISCOUNT, Role.COUNT, Role.UNIT_PRICE,
        Role.AMOUNT, Role.ROUNDING,
    }
)  # fmt: skip
_ELSEWHERE = frozenset(
    {
        Role.INVOICE_NUMBER, Role.NUMBER, Role.OTHER_NUMBER, Role.REGISTRATION, Role.TAX_NUMBER, Role.PHONE, Role.FAX,
        Role.ACCOUNT_NUMBER, Role.IBAN, Role.BIC, Role.BRANCH, Role.POST_SYMBOL, Role.POST_NUMBER, Role.ISSUE_DATE,
        Role.DUE_DATE, Role.OTHER_DATE,
    }
)  # fmt: skip
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
_MAX_ROUNDING = Decimal("0.05")
"""Cash is rounded to five or ten hundredths where one- and two-hundredths coins are gone."""
_LARGEST_TAX_SHARE = Decimal("0.4")
_USUAL_RATES = tuple(Decimal(rate) for rate in (10, 8, 19, 20, 7, 6, 21, 5, 9, 22, 25, 5.5, 18, 23, 12, 15))


def amount_category(phrase: Phrase) -> str:
    """What a phrase says an amount is, as the name of a feature."""
    roles = phrase.roles
    decisive = next((role for role in _PRECEDENCE if role in roles), None)
    if decisive is not None and not (decisive is Role.ROUNDING and roles & {Role.TOTAL, Role.TOTAL_DUE}):
        return str(decisive)
    whole = roles & {Role.TOTAL, Role.TOTAL_DUE}
    if Role.EXCLUSIVE in roles and (whole or Role.AMOUNT in roles or Role.SUBTOTAL in roles or roles == {Role.EXCLUSIVE}):
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
            found = governors(
                context, facts, start=amount.start, end=amount.end, roles=_MONEY | _ELSEWHERE, values=values
            )
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
                    category=None if governor is None else amount_category(governor.phrase),
                )
            )
    return items


class AmountFamily:
    """Proposes every amount of the document for the total, and those that fit for subtotal and tax."""

    name = "amounts"
    fields: tuple[FieldName, ...] = (FieldName.TOTAL_AMOUNT, FieldName.SUBTOTAL, FieldName.TAX_AMOUNT)

    def propose(self, field: FieldName, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:
        """Candidates for one of the three."""
        items = context.shared(collect)
        if field is FieldName.TOTAL_AMOUNT:
            return _totals(context, items)
        choice = chosen.get(FieldName.TOTAL_AMOUNT)
        total = None if choice is None else Decimal(str(choice.candidate.value))
        if field is FieldName.SUBTOTAL:
            return _subtotals(context, items, total)
        return _taxes(context, items, total, chosen)


def _totals(context: DocumentContext, items: list[Item]) -> list[Candidate]:
    values = Counter(item.value for item in items)
    by_category = _by_category(items)
    sums = _sums(by_category)
    cash = {a - b for a in by_category["tendered"] for b in by_category["change"] if a > b}
    payments = by_category["tendered"] | by_category["paid"]
    eligible = [item.value for item in items if _may_be_total(context, item)]
    largest = max(eligible, default=Decimal(0))
    labelled = [item.value for item in items if item.category in {"total", "total_due"}]
    corrected = _after_rounding(items)
    candidates = []
    for item in items:
        features = _shape(context, item)
        value = item.value
        features["large_type"] = min(1.0, max(0.0, item.extent.height / item.facts.page.text_height - 1.0))
        features["adds_up"] = float(value in sums)
        features["cash_less_change"] = float(value in cash and item.category not in {"tendered", "change", "paid"})
        features["paid_by"] = float(value in payments and item.category not in {"tendered", "paid"})
        features["repeated"] = float(min(2, values[value] - 1)) if value else 0.0
        features["largest"] = float(value == largest and _may_be_total(context, item))
        features["below_items"] = float(item.facts.page.depth(item.extent) > 0.5)
        features["exceeded"] = float(item.category == "total" and any(other > value for other in labelled))
        is_rounded = any(item is other for other in corrected)
        features["corrects"] = float(is_rounded and item.category != "rounding")
        features["rounded_total"] = float(is_rounded and item.category == "rounding")
        features["negative"] = float(value < 0)
        features["closed"] = float(item.amount.closed)
        candidates.append(_candidate(context, item, features))
    return candidates


def _may_be_total(context: DocumentContext, item: Item) -> bool:
    if item.category in {"previous", "tendered", "points", "count", "other", "unit_price", "paid", "change"}:
        return False
    return bool(item.amount.currency or item.amount.decimals == 2 or item.amount.grouped or (context.currency == "JPY" and item.value >= 10))


def _by_category(items: list[Item]) -> dict[str, set[Decimal]]:
    found: dict[str, set[Decimal]] = {
        name: set() for name in ("subtotal", "tax", "tax_base", "withholding", "tendered", "change", "paid", "rounding")
    }
    for item in items:
        if item.category in found and item.value:
            found[item.category].add(item.value)
    return found


def _sums(by_category: dict[str, set[Decimal]]) -> set[Decimal]:
    """Amounts to pay that subtotals, taxes and withholding make."""
    bases = sorted(by_category["subtotal"] | by_category["tax_base"])[:12]
    taxes = sorted(by_category["tax"])[:12]
    withheld = [abs(value) for value in by_category["withholding"]][:4]
    sums = {base + tax for base in bases for tax in taxes}
    sums |= {base + first + second for base in bases for first in taxes for second in taxes if first < second}
    sums |= {value - held for value in list(sums) for held in withheld}
    return sums


def _after_rounding(items: list[Item]) -> list[Item]:
    """Amounts that differ from a total before them by what cash is rounded by: what is paid is the rounded one."""
    found: list[Item] = []
    totals: list[Decimal] = []
    seen_rounding = False
    for item in items:
        whole = item.category in {"total", "total_due"}
        seen_rounding = seen_rounding or item.category == "rounding"
        if (whole or item.category == "rounding") and seen_rounding:
            if any(0 < abs(item.value - total) <= _MAX_ROUNDING < item.value for total in totals):
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


def _subtotals(context: DocumentContext, items: list[Item], total: Decimal | None) -> list[Candidate]:
    taxes = {item.value for item in items if item.category == "tax"} | {Decimal(0)}
    pairs = {first + second for first in taxes for second in taxes if first < second}
    last = max((index for index, item in enumerate(items) if item.category == "subtotal"), default=-1)
    candidates = []
    for index, item in enumerate(items):
        if item.category not in {"subtotal", "tax_base"} and not (item.above and amount_category(item.above.phrase) == "subtotal"):
            continue
        features = _shape(context, item)
        rest = None if total is None else total - item.value
        features["makes_total"] = float(rest is not None and rest != 0 and (rest in taxes or rest in pairs))
        features["over_total"] = float(rest is not None and abs(item.value) > abs(total or 0))
        features["last"] = float(index == last)
        candidates.append(_candidate(context, item, features, known=_SUBTOTAL_FEATURES))
    return candidates


def _taxes(context: DocumentContext, items: list[Item], total: Decimal | None, chosen: Chosen) -> list[Candidate]:
    subtotal = chosen.get(FieldName.SUBTOTAL)
    net = None if subtotal is None else Decimal(str(subtotal.candidate.value))
    due = None if total is None or net is None else total - net
    bases = {item.value for item in items if item.category in {"tax_base", "subtotal"}}
    if total is not None:
        bases.add(total)
    taxes = [
        item
        for item in items
        if item.category == "tax" or (item.above and amount_category(item.above.phrase) == "tax" and item.category in {None, "other"})
    ]
    parts = _rate_parts(context, taxes)
    explained = bool(due) and any(item.value == due for item in taxes)
    candidates = []
    for item in taxes:
        features = _shape(context, item)
        # Where nothing is left between net and total, tax is nought, unless prices include it (Japan's receipts).
        nought = due == 0 and context.currency not in WITHOUT_MINOR_UNIT
        features["makes_total"] = float(due is not None and item.value == due and (due != 0 or nought))
        features["large_share"] = float(total is not None and abs(item.value) > abs(total) * _LARGEST_TAX_SHARE)
        features["usual_rate"] = float(_has_usual_rate(item.value, bases))
        features["over_total"] = float(total is not None and abs(item.value) >= abs(total) > 0)
        features["part_of_sum"] = float(item in parts and not explained)
        candidates.append(_candidate(context, item, features, known=_TAX_FEATURES))
    if parts:
        candidates.append(_sum_of(context, parts, due))
    return candidates


def _rate_parts(context: DocumentContext, taxes: list[Item]) -> list[Item]:
    """One tax amount a rate, where the document prints several rates and no total of them."""
    by_rate: dict[float, Item] = {}
    for item in taxes:
        rate = _rate(context, item)
        if item.amount.currency is None and item.amount.decimals == 0 and context.currency not in WITHOUT_MINOR_UNIT:
            continue
        if rate is None or item.value == 0 or (item.governor is not None and item.governor.relation is Relation.BELOW):
            continue
        by_rate.setdefault(rate, item)
    parts = list(by_rate.values())
    whole = sum((item.value for item in parts), Decimal(0))
    stated = any(item.value == whole for item in taxes if item not in parts)
    return parts if len(parts) > 1 and not stated else []


def _rate(context: DocumentContext, item: Item) -> float | None:
    """The tax rate of an amount: in its label, before it in the row, or in the row above that gives its base."""
    if item.governor is not None and item.governor.phrase.rate_percent is not None:
        return item.governor.phrase.rate_percent
    own = [p.rate_percent for p in item.facts.phrases if p.rate_percent is not None and p.end <= item.amount.start]
    if own:
        return own[-1]
    above = next(context.rows_above(item.facts), None)
    bases = [] if above is None else [p.rate_percent for p in above.phrases if Role.TAX_BASE in p.roles]
    return bases[-1] if bases else None


def _sum_of(context: DocumentContext, parts: list[Item], due: Decimal | None) -> Candidate:
    whole = sum((item.value for item in parts), Decimal(0))
    features = _shape(context, parts[0])
    features["sum_of_rates"] = 1.0
    features["makes_total"] = float(due is not None and whole == due)
    features["usual_rate"] = 1.0
    currency = _currency(context, parts[0])
    return Candidate(
        value=money_value(whole, currency=currency, decimals=max(item.amount.decimals for item in parts)),
        currency=currency,
        evidence=tuple(_span(item) for item in parts),
        features={name: value for name, value in features.items() if name in _TAX_FEATURES},
    )


def _has_usual_rate(tax: Decimal, bases: set[Decimal]) -> bool:
    """The tax is a usual share of a base, or the usual share contained in it."""
    unit = Decimal(1) if tax == tax.to_integral_value() else Decimal("0.01")
    for base in bases:
        for rate in _USUAL_RATES:
            added = (base * rate / 100).quantize(unit, rounding=ROUND_HALF_UP)
            contained = (base * rate / (100 + rate)).quantize(unit, rounding=ROUND_HALF_UP)
            if tax and (abs(tax - added) <= unit or abs(tax - contained) <= unit) and abs(tax) > 5 * unit:
                return True
    return False


_SUBTOTAL_FEATURES = frozenset(
    {
        "row:subtotal", "row:tax_base", "row:total", "row:total_due", "row:tax", "row:other", "below:subtotal", "below:tax_base",
        "below:total", "below:total_due", "below:tax", "below:other", "skipped", "far", "currency", "decimals", "bare", "zero",
        "makes_total", "over_total", "last", "qualified", "column_sum", "column_part",
    }
)  # fmt: skip
_TAX_FEATURES = frozenset(
    {
        "row:tax", "row:tax_base", "row:total", "row:total_due", "row:subtotal", "row:other", "below:tax", "below:tax_base",
        "below:total", "below:total_due", "below:subtotal", "below:other", "skipped", "far", "currency", "decimals", "bare", "zero",
        "makes_total", "usual_rate", "large_share", "over_total", "sum_of_rates", "part_of_sum", "qualified", "column_sum",
        "column_part",
    }
)  # fmt: skip


def _shape(context: DocumentContext, item: Item) -> dict[str, float]:
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
    if item.above is not None:
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


def _columns(context: DocumentContext) -> tuple[set[int], set[int]]:
    return _mark_columns(context.shared(collect))


def _span(item: Item) -> Span:
    return span(item.facts, item.amount.start, item.amount.end)


def _currency(context: DocumentContext, item: Item) -> str:
    printed = item.amount.currency
    if printed is None or context.currency == UNKNOWN_CURRENCY:
        return printed or context.currency
    # ¥ is also the yuan's sign, $ many dollars': the document as a whole knows which.
    return context.currency if printed in {"JPY", "USD", "SEK"} else printed


def _candidate(
    context: DocumentContext, item: Item, features: dict[str, float], *, known: frozenset[str] | None = None
) -> Candidate:
    currency = _currency(context, item)
    return Candidate(
        value=money_value(item.value, currency=currency, decimals=item.amount.decimals),
        currency=currency,
        evidence=(_span(item),),
        features=features if known is None else {name: value for name, value in features.items() if name in known},
    )
