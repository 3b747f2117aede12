"""What labels say an amount is: the category of a phrase, of one among several headers, of a strip of headers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.labels import Label, Phrase
from postprocess_svc.fields.neighbourhood import Governor, Relation
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values.folding import is_cjk
from postprocess_svc.fields.vocabulary import Role

MONEY = frozenset(
    {
        Role.TOTAL_DUE,
        Role.TOTAL,
        Role.SUBTOTAL,
        Role.EXCLUSIVE,
        Role.INCLUSIVE,
        Role.TAX,
        Role.TAX_BASE,
        Role.WITHHOLDING,
        Role.LEVY,
        Role.OUTLAY,
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
_MODIFIERS = frozenset({Role.EXCLUSIVE, Role.INCLUSIVE, Role.TAX_BASE})
_SUMS = frozenset({"subtotal", "total", "total_due"})
# The role that decides where a phrase has several: 合計点数 counts, 前回 + 請求額 is previous, 消費税 + 対象 is a base.
_PRECEDENCE = (
    Role.POINTS,
    Role.COUNT,
    Role.PREVIOUS,
    Role.CHANGE,
    Role.WITHHOLDING,
    Role.LEVY,
    Role.TAX_BASE,
    Role.ROUNDING,
    Role.DISCOUNT,
)
# The first of these where none of those is there.
_RANKED = (
    Role.TOTAL_DUE,
    Role.TOTAL,
    Role.OUTLAY,
    Role.PAID,
    Role.TENDERED,
    Role.INCLUSIVE,
    Role.UNIT_PRICE,
    Role.AMOUNT,
)
# Alone they are what is to be paid; as the end of a longer word (延長料金, 路線便運賃) they name an item.
_CHARGES = frozenset({"料金", "運賃", "代金"})
_RATE = re.compile(r"(\d{1,2}(?:[.,]\d{1,2})?) ?%")
# Right before a tax's base: 10% on $440.00, 21% over € 2.586,00, 19 % aus 119,00.
_SHARE_OF = re.compile(
    r"%?\W{0,2}\b(?:on|of|over|op|aus|auf|von|sur|su|sobre)\s*(?:[€$£]|[A-Z]{3})?\s*$", re.IGNORECASE
)
_MAX_STRIP_GAP = 2.5
_STRIP_MARGIN = 4.0


def amount_category(phrase: Phrase, facts: RowFacts) -> str:
    """What a phrase of a row says an amount is, as the name of a feature."""
    roles = phrase.roles
    if Role.TAX in roles and Role.TAX_BASE in roles and _names_tax(phrase, facts):
        roles = roles - {Role.TAX_BASE}
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
    for role in _RANKED:
        if role in roles:
            return str(Role.AMOUNT) if role is Role.TOTAL and _names_item(phrase, facts) else str(role)
    return "other"


def _is_base(governor: Governor, facts: RowFacts, end: int) -> bool:
    """What a tax is of, between its label and itself: 21% BTW over € 2.586,00, 消費税等(10%対象 3,300円)."""
    text = facts.row.text
    if _SHARE_OF.search(text[governor.phrase.start : end]) is not None:
        return any(amount.start >= end for amount in facts.amounts)
    opened = text.find("(", governor.phrase.start, end)
    return (
        opened >= 0
        and ")" not in text[opened:end]
        and Role.TAX_BASE in governor.phrase.roles
        and "\t" not in text[governor.phrase.end : end]
    )


def _is_whole_at_one_rate(context: DocumentContext, phrase: Phrase, facts: RowFacts) -> bool:
    """合計(税込・8%対象), where the document has no other rate."""
    inside = labels_within(facts, phrase)
    base = next((label for label in inside if Role.TAX_BASE in label.roles), None)
    return (
        base is not None
        and bool(inside[0].roles & {Role.TOTAL, Role.TOTAL_DUE})
        and Role.TAX not in phrase.roles
        and "(" in facts.row.text[inside[0].end : base.start]
        and len(context.shared(_rates_of_bases)) <= 1
    )


def _rates_of_bases(context: DocumentContext) -> set[float]:
    phrases = (phrase for facts in context.facts for phrase in facts.phrases)
    return {p.rate_percent for p in phrases if p.rate_percent is not None and Role.TAX_BASE in p.roles}


def _names_tax(phrase: Phrase, facts: RowFacts) -> bool:
    """消費税額(10%対象) and 10%対象消費税 are taxes; 消費税対象額 and 外税8%対象 are what is taxed."""
    inside = labels_within(facts, phrase)
    tax = next((label for label in inside if Role.TAX in label.roles), None)
    base = next((label for label in inside if Role.TAX_BASE in label.roles), None)
    if tax is None or base is None or tax is base:
        return False
    if base.start < tax.start:
        return True
    return "(" in facts.row.text[tax.end : base.start] or (
        tax.wording.endswith(("額", "等", "計")) and not base.wording.endswith(("額", "計"))
    )


def _names_item(phrase: Phrase, facts: RowFacts) -> bool:
    text = facts.row.text
    return (
        phrase.start > 0
        and is_cjk(text[phrase.start - 1])
        and any(label.start == phrase.start and label.wording in _CHARGES for label in facts.labels)
    )


def labels_within(facts: RowFacts, phrase: Phrase) -> list[Label]:
    """The labels that a phrase was joined of."""
    return [label for label in facts.labels if phrase.start <= label.start and label.end <= phrase.end]


def governed(context: DocumentContext, governor: Governor, extent: Extent, start: int) -> tuple[Governor, str]:
    """A governor, narrowed to the header that stands over the amount, and the category that it gives.

    The head of a column of items (税抜価格, 請求額, Net amount) speaks of items, not of their sum.
    """
    facts = context.facts[governor.row]
    if governor.relation is Relation.BELOW and len(governor.phrase.roles) > 1:
        governor = replace(governor, phrase=_over(facts, governor.phrase, extent))
    category = amount_category(governor.phrase, facts)
    if category == "tax_base" and _is_whole_at_one_rate(context, governor.phrase, facts):
        category = str(Role.TOTAL)
    if category in {"tax", "withholding"} and governor.relation is Relation.ROW and _is_base(governor, facts, start):
        return governor, str(Role.TAX_BASE)
    if governor.relation is not Relation.ROW and category in _SUMS and heads_items(facts):
        category = str(Role.AMOUNT)
    return governor, category


def heads_items(facts: RowFacts) -> bool:
    """The row is the header of a table of items."""
    return sum(1 for label in facts.labels if label.roles & _HEADS) >= _MIN_HEADS


def _over(facts: RowFacts, phrase: Phrase, extent: Extent) -> Phrase:
    """Of headers that one phrase holds (小計 消費税額 合計), the one over the amount."""
    headers = list(headers_of(facts, labels_within(facts, phrase)))
    if len(headers) < 2:
        return phrase
    return max(headers, key=lambda header: facts.row.extent(header.start, header.end).overlap_x(extent))


def headers_of(facts: RowFacts, labels: Sequence[Label]) -> Iterator[Phrase]:
    """Labels joined to headers: white space parts two nouns, and no modifier from its noun (合計 (税込))."""
    text = facts.row.text
    group: list[Label] = []
    for index, label in enumerate(labels):
        group.append(label)
        following = labels[index + 1] if index + 1 < len(labels) else None
        if following is not None and not _parts(text[label.end : following.start], label, following):
            continue
        end = text.find("\t", label.end) if following is None else following.start
        rate = _RATE.search(text, group[0].start, end if end >= 0 else len(text))
        yield Phrase(
            start=group[0].start,
            end=label.end,
            roles=frozenset().union(*(part.roles for part in group)),
            rate_percent=None if rate is None else float(rate[1].replace(",", ".")),
        )
        group = []


def _parts(between: str, label: Label, following: Label) -> bool:
    if "\t" in between:
        return True
    if " " not in between or "(" in between or _modifies(following):
        return False
    return ")" in between or not _modifies(label)


def _modifies(label: Label) -> bool:
    """税込, 10%対象; but not 課税対象額, which has an amount of its own."""
    return label.roles <= _MODIFIERS and not label.wording.endswith(("額", "計"))


def strip_governors(context: DocumentContext) -> dict[tuple[int, int], Governor]:
    """Amounts under a strip of as many headers, by (row, start of the amount): 前回御請求額 御入金額 … 今回御請求額.

    Headers and amounts are paired in their order: where both are set close, neither edges nor centres meet.
    """
    found: dict[tuple[int, int], Governor] = {}
    for facts, below in zip(context.facts, context.facts[1:], strict=False):
        if len(facts.labels) < 2 or len(below.amounts) < 2 or facts.amounts or facts.row.page != below.row.page:
            continue
        if below.row.top - facts.row.bottom > _MAX_STRIP_GAP * below.row.height or heads_items(facts):
            continue
        headers = list(headers_of(facts, [label for label in facts.labels if label.roles & MONEY]))
        if len(headers) < 2:
            continue
        first = facts.row.extent(headers[0].start, headers[0].end)
        last = facts.row.extent(headers[-1].start, headers[-1].end)
        margin = _STRIP_MARGIN * below.row.height
        amounts = [
            amount
            for amount in below.amounts
            if not amount.measure
            and (extent := below.row.extent(amount.start, amount.end)).right > first.left - margin
            and extent.left < last.right + margin
        ]
        if len(amounts) != len(headers):
            continue
        for header, amount in zip(headers, amounts, strict=True):
            found[(below.row.number, amount.start)] = Governor(
                phrase=header, relation=Relation.BELOW, distance=0.0, row=facts.row.number, skipped=0
            )
    return found
