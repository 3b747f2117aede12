"""Total, subtotal and tax: amounts by their labels, their looks and how they add up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.amount_balance import closing_nets, shares, sums_behind
from postprocess_svc.fields.families.amount_items import (
    Item,
    after_rounding,
    collect,
    item_currency,
    item_span,
    shape,
    table_shape,
)
from postprocess_svc.fields.families.amount_rates import rate_parts, stated_sums
from postprocess_svc.fields.families.amount_sums import (
    WHOLE,
    amounts_of_change,
    contradicted,
    differences,
    few,
    has_usual_rate,
    is_net_of,
    is_priced,
    part_paid,
    payments,
    sums_before_total,
    sums_to_pay,
    values_by_category,
)
from postprocess_svc.fields.neighbourhood import Relation
from postprocess_svc.fields.values.amounts import WITHOUT_MINOR_UNIT, money_value

_LARGEST_TAX_SHARE = Decimal("0.4")
_PARTS = frozenset({"subtotal", "tax", "tax_base", "withholding", "discount", "unit_price", "total", "total_due"})
_MAYBE_NET = frozenset({"total", "amount", "other", None})
"""Labels under which what is paid before tax stands where no label says so: 商品代金計."""
_MAX_ASIDE = 6
_MAX_BASES = 40
_NO_TOTAL = frozenset({"previous", "tendered", "points", "count", "other", "unit_price", "paid", "change"})
# A sentence goes on after the amount: 運送料¥2,000を含みます, ¥500引き, Deposit of 500.00 already credited.
_GOES_ON = re.compile(
    r"\W{0,2}(?:引き|割引|オフ|OFF|以上|未満|[ぁ-ん]{2}|[ぁ-ん][一-鿿]|(?-i:[a-zß-ÿ]{2,} [a-zß-ÿ]{2,}))"
)


class AmountFamily(FieldFamily):
    """Proposes every amount of the document for the total, and those that fit for subtotal and tax."""

    name = "amounts"
    kind = FieldKind.MONEY
    fields = (FieldName.TOTAL_AMOUNT, FieldName.SUBTOTAL, FieldName.TAX_AMOUNT)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:
        """Candidates for one of the three."""
        items = context.shared(collect)
        if field == FieldName.TOTAL_AMOUNT:
            return _totals(context, items)
        choice = chosen.get(FieldName.TOTAL_AMOUNT)
        total = None if choice is None else Decimal(str(choice.candidate.value))
        if field == FieldName.SUBTOTAL:
            return _subtotals(context, items, total)
        return _taxes(context, items, total, chosen)


FAMILY = AmountFamily()


def _totals(context: DocumentContext, items: list[Item]) -> list[Candidate]:
    values = Counter(item.value for item in items)
    by_category = values_by_category(items)
    sums = sums_to_pay(items, by_category)
    cash = {a - b for a in few(by_category["tendered"]) for b in few(by_category["change"]) if a > b}
    given = by_category["tendered"] | by_category["paid"]
    eligible = [item.value for item in items if _may_be_total(context, item)]
    largest = max(eligible, default=None)
    labelled = [item.value for item in items if item.category in {"total", "total_due"}]
    owed = differences(labelled, payments(by_category))
    rest = differences(labelled, {item.value for item in items if item.category not in _PARTS})
    most = max(labelled, default=None)
    taxes = [tax for tax in few(by_category["tax"]) if tax > 0]
    withheld = {abs(value) for value in few(by_category["withholding"])}
    corrected = {id(item) for item in after_rounding(items)}
    change = amounts_of_change(items)
    taxes_known = bool(taxes or withheld)
    against, paid_in_part = contradicted(items, by_category, sums), part_paid(by_category)
    candidates = []
    for index, item in enumerate(items):
        features = shape(context, item)
        value = item.value
        features["large_type"] = min(1.0, max(0.0, item.extent.height / item.facts.page.text_height - 1.0))
        features["adds_up"] = float(value in sums)
        features["cash_less_change"] = float(value in cash and item.category not in {"tendered", "change", "paid"})
        features["paid_by"] = float(value in given and item.category not in {"tendered", "paid"})
        features["repeated"] = float(min(2, values[value] - 1)) if value else 0.0
        features["largest"] = float(value == largest and _may_be_total(context, item))
        features["below_items"] = float(item.facts.page.depth(item.extent) > 0.5)
        features["exceeded"] = float(item.category == "total" and most is not None and most > value)
        is_rounded = id(item) in corrected
        features["corrects"] = float(is_rounded and item.category != "rounding")
        features["rounded_total"] = float(is_rounded and item.category == "rounding")
        features["negative"] = float(value < 0)
        less_paid = (value in owed and item.category not in _NO_TOTAL) or (
            item.category == "total_due" and value in rest
        )
        if _ends_row_of_sums(item, items, index):
            features.pop("row:tax", None)
            features["row_sum"] = 1.0
        features["before_tax"] = float(
            taxes_known
            and value > 0
            and not less_paid
            and (any(value + tax in values for tax in taxes) or any(value - held in values for held in withheld))
        )
        features["is_change"] = float(id(item) in change)
        text, end = item.facts.row.text, item.amount.end
        features["in_sentence"] = float(end < len(text) and _GOES_ON.match(text, end) is not None)
        features["less_paid"] = float(less_paid)
        features["part_paid"] = float(value in paid_in_part)
        features["contradicted"] = float(value in against)
        features["closed"] = float(item.amount.closed)
        candidates.append(_candidate(context, item, features))
    return candidates


def _wholes(items: list[Item], total: Decimal | None) -> set[Decimal]:
    """What subtotal and tax may add up to.

    The amount to pay, totals from which something was paid already, and what these were before a discount or a withheld
    tax was taken off or a balance carried over was added.
    """
    wholes = {item.value for item in items if item.category in WHOLE and item.value}
    if total is not None:
        wholes.add(total)
    aside = [item for item in items if item.category in {"discount", "withholding", "previous"} and item.value]
    return wholes | {
        whole - item.value if item.category == "previous" else whole + abs(item.value)
        for whole in wholes
        for item in aside[:_MAX_ASIDE]
    }


def _ends_row_of_sums(item: Item, items: list[Item], index: int) -> bool:
    """Net and tax stand before it in its row, each with its label, and give it."""
    if item.category != "tax" or item.governor is None or not item.governor.skipped:
        return False
    before = [other for other in items[max(0, index - _MAX_ASIDE) : index] if other.facts is item.facts]
    taxes = [other.value for other in before if other.category == "tax"]
    return any(net.value + tax == item.value for net in before if net.category == "subtotal" for tax in taxes)


def _may_be_total(context: DocumentContext, item: Item) -> bool:
    if item.category in _NO_TOTAL:
        return False
    return bool(
        item.amount.currency
        or item.amount.decimals == 2
        or item.amount.grouped
        or (context.currency == "JPY" and item.category is not None and item.value >= 10)
    )


def _subtotals(context: DocumentContext, items: list[Item], total: Decimal | None) -> list[Candidate]:
    by_category = values_by_category(items)
    taxes = few(by_category["tax"])
    added = {*taxes, *(first + second for first, second in combinations(taxes, 2))} - {Decimal(0)}
    last = max((index for index, item in enumerate(items) if item.category == "subtotal"), default=-1)
    candidates = []
    behind = sums_behind(items, total)
    wholes = _wholes(items, total) - behind
    closing = closing_nets(context, items, total)
    untaxed = _untaxed(items, total)
    repeated = sums_before_total(items) if context.language is Language.JAPANESE else set()
    for index, item in enumerate(items):
        makes_total = any(item.value + tax in behind for tax in added) or id(item) in untaxed
        makes_other = not makes_total and any(item.value + tax in wholes for tax in added)
        # No tax is printed: a rate in use makes the total of it.
        makes_total = makes_total or (not taxes and total is not None and is_net_of(item.value, total))
        labelled = item.category in {"subtotal", "tax_base"} or item.above_category == "subtotal"
        again = id(item) in repeated
        maybe = (makes_total or makes_other) and (item.category in _MAYBE_NET or item.category == "total_due")
        closes = id(item) in closing
        if not labelled and not again and not maybe and not closes:
            continue
        features = table_shape(context, item)
        if item.category in WHOLE and (again or makes_total or closes):
            # Its label says "total", its place or the arithmetic says of what.
            features.pop(f"row:{item.category}", None)
        features["repeats_total"] = float(again)
        features["makes_total"] = float(makes_total)
        features["makes_other"] = float(makes_other)
        features["closes"] = float(closes)
        features["outdone"] = float(bool(closing) and not closes and not makes_total)
        features["over_total"] = float(total is not None and abs(item.value) > abs(total) and not makes_total)
        features["last"] = float(index == last)
        rate = None if item.governor is None else item.governor.phrase.rate_percent
        features["of_rate"] = float(labelled and rate is not None)
        features["in_bracket"] = float(_is_in_bracket(item))
        features["priced"] = float(not labelled and not again and is_priced(context, item))
        candidates.append(_candidate(context, item, features))
    return candidates


def _is_in_bracket(item: Item) -> bool:
    """Label and amount stand in a bracket that goes with other words."""
    governor, text = item.governor, item.facts.row.text
    if governor is None or governor.relation is not Relation.ROW or governor.phrase.bracket < 0:
        return False
    opened = governor.phrase.bracket
    words = text[text.rfind("\t", 0, opened) + 1 : opened]
    return ")" not in text[opened : item.amount.start] and sum(map(str.isalpha, words)) > 1


def _untaxed(items: list[Item], total: Decimal | None) -> set[int]:
    """A sum that is the amount to pay already, before a tax that is printed as nought; by identity."""
    found: set[int] = set()
    before: list[Item] = []
    for item in items:
        if item.category == "tax" and item.value == 0:
            return found | {id(other) for other in before}
        if item.value == total and item.category not in _NO_TOTAL:
            before.append(item)
    return set()


def _taxes(context: DocumentContext, items: list[Item], total: Decimal | None, chosen: Chosen) -> list[Candidate]:
    subtotal = chosen.get(FieldName.SUBTOTAL)
    net = None if subtotal is None else Decimal(str(subtotal.candidate.value))
    dues = set() if net is None else {whole - net for whole in sums_behind(items, total)}
    others = set() if net is None else {whole - net for whole in _wholes(items, total)} - dues
    due = total - net if total is not None and net is not None else None
    bases = [float(item.value) for item in items if item.category in {"tax_base", "subtotal"}][-_MAX_BASES:]
    bases.extend(float(value) for value in (total,) if value is not None)
    taxes = [
        item
        for item in items
        if item.category == "tax" or (item.above_category == "tax" and item.category in {None, "other"})
    ]
    parts = rate_parts(context, taxes)
    whole = sum((item.value for item in parts), Decimal(0))
    of_rate = {id(item) for item in parts}
    stated, summed = stated_sums(taxes)
    stated |= {id(item) for item in taxes if parts and item.value == whole and id(item) not in of_rate}
    explained = any(item.value in dues for item in taxes if item.value)
    # Where nothing is left between net and total, tax is nought, unless prices include it (Japan's receipts).
    nought = due == 0 and context.currency not in WITHOUT_MINOR_UNIT
    candidates = []
    for item in taxes:
        features = table_shape(context, item)
        features["makes_total"] = float(item.value in dues and (item.value != 0 or nought))
        features["makes_other"] = float(item.value in others and item.value != 0)
        features["share_of_net"] = float(net is not None and context.currency == "JPY" and item.value in shares(net))
        features["large_share"] = float(total is not None and abs(item.value) > abs(total) * _LARGEST_TAX_SHARE)
        features["usual_rate"] = float(has_usual_rate(item.value, bases))
        features["over_total"] = float(total is not None and abs(item.value) >= abs(total) > 0)
        features["part_of_sum"] = float(id(item) in of_rate and not explained)
        features["sum_of_rates"] = float(id(item) in stated)
        features["stated_sum"] = float(id(item) in stated)
        features["stated_part"] = float(id(item) in summed and id(item) not in stated)
        candidates.append(_candidate(context, item, features))
    if parts and not stated:
        candidates.append(_sum_of(context, parts, dues))
    return candidates


def _sum_of(context: DocumentContext, parts: list[Item], dues: set[Decimal]) -> Candidate:
    whole = sum((item.value for item in parts), Decimal(0))
    features = table_shape(context, parts[0])
    features["sum_of_rates"] = 1.0
    features["makes_total"] = float(whole in dues)
    features["usual_rate"] = 1.0
    currency = item_currency(context, parts[0])
    return Candidate(
        value=money_value(whole, currency=currency, decimals=max(item.amount.decimals for item in parts)),
        currency=currency,
        evidence=tuple(item_span(item) for item in parts),
        features=features,
    )


def _candidate(context: DocumentContext, item: Item, features: dict[str, float]) -> Candidate:
    currency = item_currency(context, item)
    return Candidate(
        value=money_value(item.value, currency=currency, decimals=item.amount.decimals),
        currency=currency,
        evidence=(item_span(item),),
        features=features,
    )
