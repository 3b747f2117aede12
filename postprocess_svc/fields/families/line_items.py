"""Line items: of the tables that list some, or of a receipt's rows; arithmetic decides between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import ClassVar

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import (
    Candidate,
    Chosen,
    FieldFamily,
    FieldKind,
    FieldName,
    ItemDetails,
    LinesCandidate,
)
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.line_items.item import PrintedItem, sum_of
from postprocess_svc.fields.line_items.mending import mend
from postprocess_svc.fields.line_items.numbers import plain
from postprocess_svc.fields.line_items.rates import rates_of
from postprocess_svc.fields.line_items.receipts import items_of_rows
from postprocess_svc.fields.line_items.tabular import TableItems, items_of_tables
from postprocess_svc.fields.values.amounts import money_value
from postprocess_svc.fields.vocabulary import Role
from postprocess_svc.fields.weights import BIAS

_ROUNDING = Decimal("0.05")
"""By how much a sum of amounts may differ from the sum that is printed: rounding of single lines, cash."""

_OF_SUMS = frozenset({Role.TOTAL, Role.TOTAL_DUE, Role.SUBTOTAL, Role.TAX, Role.TAX_BASE})
_MAX_DISCOUNTS = 3
_MAX_LEFT_OUT = 3
"""Rows at either end of a receipt's items that may be none."""
_NAMELESS = 4.0
"""Points off a way to read the items, where they have no names."""

_WEIGHTS = {
    BIAS: -1.0,
    "header": 2.5,  # the table's header names its columns
    "sums": 3.0,  # the items' amounts make the subtotal or the total
    "other_sum": -1.0,  # they make another sum than those that are printed
    "multiplies": 1.5,  # quantity times unit price is the amount
    "contradicts": -1.5,
    "priced": 0.8,  # it has an amount
    "receipt": 0.5,  # of a receipt's rows
}


class LineItemFamily(FieldFamily):
    """Proposes each row that lists something."""

    name: ClassVar[str] = "line_items"
    kind: ClassVar[FieldKind] = FieldKind.LINE_ITEMS
    fields: ClassVar[tuple[str, ...]] = ("line_items",)
    after: ClassVar[tuple[str, ...]] = (FieldName.TOTAL_AMOUNT, FieldName.SUBTOTAL, FieldName.TAX_AMOUNT)
    weights: ClassVar[Mapping[str, Mapping[str, float]]] = MappingProxyType({"line_items": _WEIGHTS})

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:
        """The items, in the order in which they are printed."""
        del field
        sums = _printed_sums(chosen) | _sums_before_discounts(context, chosen)
        found = _best(context, sums)
        mend(found.items, sums)
        items = _without_discount_of_all(found.items, context.document_type)
        rates_of(context).settle(items)
        return [_candidate(item, found.features, context.currency) for item in items]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One way to read a document's items, and what speaks for it as a whole."""

    items: Sequence[PrintedItem]
    features: Mapping[str, float]

    @property
    def points(self) -> float:
        """By the weights that single items are believed by; quantity times price counts by the share that fits."""
        checks = [check for item in self.items if (check := item.multiplies()) is not None]
        fits = 2.0 * sum(checks) / len(checks) - 1.0 if checks else 0.0
        nameless = sum(not item.description for item in self.items) / max(1, len(self.items))
        return sum(_WEIGHTS[name] * value for name, value in self.features.items()) + fits - _NAMELESS * nameless


def _printed_sums(chosen: Chosen) -> set[Decimal]:
    """What the items may add up to: with tax or without."""
    value = {
        field: Decimal(str(choice.candidate.value))
        for field in LineItemFamily.after
        if (choice := chosen.get(field)) is not None
    }
    total, subtotal, tax = (value.get(field) for field in LineItemFamily.after)
    sums = {amount for amount in (total, subtotal) if amount is not None}
    if tax is not None:
        sums |= {total - tax} if total is not None else set()
        sums |= {subtotal + tax} if subtotal is not None else set()
    return sums


def _sums_before_discounts(context: DocumentContext, chosen: Chosen) -> set[Decimal]:
    """What the items add up to where what goes off the whole stands elsewhere: among the sums, below the table."""
    discounts = [
        abs(facts.amounts[-1].value)
        for facts in context.facts
        if facts.amounts and any(Role.DISCOUNT in phrase.roles for phrase in facts.phrases)
    ]
    if not 0 < len(discounts) <= _MAX_DISCOUNTS:
        return set()
    return {amount + sum(discounts) for amount in _printed_sums(chosen)}


def _without_discount_of_all(items: Sequence[PrintedItem], document_type: DocumentType | None) -> Sequence[PrintedItem]:
    """The items without what goes off the whole at their end: a part of the sums, not of what was delivered.

    On a receipt a discount stands below its item, so that it is of all only where no other item has one. What a table
    lists among its items is one of them.
    """
    kept = items
    while kept and kept[-1].quantity is None and kept[-1].amount and kept[-1].amount < 0 and not kept[-1].is_listed:
        kept = kept[:-1]
    if document_type is DocumentType.RECEIPT and any(item.amount is not None and item.amount < 0 for item in kept):
        return items
    return kept


def _best(context: DocumentContext, sums: set[Decimal]) -> _Reading:
    """The items of the tables, all of them or those of one that adds up, or else those of a receipt's rows."""
    tables = items_of_tables(context.tables)
    sure = [table for table in tables if table.is_sure]
    # A list of what is in a crate, beside the items that are charged.
    sure = [table for table in sure if table.has_prices] or sure
    printed = {amount.value for facts in context.facts for amount in facts.amounts} if sure else set()
    readings = [_of_tables(sure, sums, printed)]
    readings += [_reading(table.items, sums, header=True) for table in sure if len(sure) > 1]
    if context.document_type is DocumentType.INVOICE:  # a receipt's rows say more than two columns of them
        unsure = [_of_tables([table], sums, header=False) for table in tables if not table.is_sure]
        readings += [reading for reading in unsure if _hangs_together(reading, context)]
    best = max(readings, key=lambda reading: reading.points if reading.items else 0.0)
    if not best.items or best.points < _WEIGHTS["sums"] or any(not item.description for item in best.items):
        of_tables = [item for table in sure for item in table.items]
        for below_total in (False, True) if context.document_type is DocumentType.INVOICE else (False,):
            items = _that_add_up(items_of_rows(context, below_total=below_total), sums)
            rows = _reading(items, sums, receipt=True)
            is_better = not best.items or (rows.points > best.points and len(items) > 1)
            if items and is_better and _hangs_together(rows, context):
                if context.document_type is DocumentType.INVOICE:
                    _list_among_others(items)
                best = replace(rows, items=_told_better(items, of_tables))
                break
    return best


def _list_among_others(items: Sequence[PrintedItem]) -> None:
    """Let a discount be one of an invoice's items where its name begins where theirs do, above any sum."""
    lefts = [item.lines[0].quad[0][0] for item in items]
    for item, left in zip(items, lefts, strict=True):
        line = item.lines[0]
        near = abs(line.quad[3][1] - line.quad[0][1])
        item.is_listed = 2 * sum(abs(left - other) < near for other in lefts) > len(lefts)


def _of_tables(
    tables: Sequence[TableItems], sums: set[Decimal], printed: Collection[Decimal] = (), *, header: bool = True
) -> _Reading:
    """The items of tables; what they add up to may be printed anywhere, where they are several."""
    parts = [_without_sums(table.items, sums | table.sums) for table in tables]
    items = _without_sums([item for part in parts for item in part], sums)
    each_adds_up = all(_adds_up(part, table.sums) for part, table in zip(parts, tables, strict=True))
    own = sums | {sum_of(items)} if each_adds_up else sums
    return _reading(items, own.union(printed) if len(items) > 1 else own, header=header)


def _without_sums(items: Sequence[PrintedItem], sums: set[Decimal]) -> Sequence[PrintedItem]:
    """The items without those that sum up others, or settle: what is left adds up, and they are amounts alone."""
    if len(items) < 2 or _adds_up(items, sums):
        return items
    kept: list[PrintedItem] = []
    since = 0
    for item in items:
        if _is_bare(item) and any(len(above) > 1 and sum_of(above) == item.amount for above in (kept, kept[since:])):
            since = len(kept)
        else:
            kept.append(item)
    if len(kept) < len(items) and _adds_up(kept, sums):
        return kept
    bare_from = len(items)
    while bare_from > 1 and _is_bare(items[bare_from - 1]):
        bare_from -= 1
    for end in range(max(2, bare_from), len(items)):
        if _adds_up(items[:end], sums):
            return items[:end]
    return items


def _is_bare(item: PrintedItem) -> bool:
    return item.quantity is None and item.unit_price is None


def _told_better(items: Sequence[PrintedItem], of_tables: Sequence[PrintedItem]) -> Sequence[PrintedItem]:
    """The items of rows, each as a table with a header has it where that has the same amount on the same lines."""
    by_line = {id(line): item for item in of_tables if item.amount is not None for line in item.lines}
    found = []
    for item in items:
        same = [by_line[id(line)] for line in item.lines if id(line) in by_line]
        is_same = bool(same) and all(each is same[0] for each in same) and same[0].amount == item.amount
        found.append(same[0] if is_same and same[0].description else item)
    return found


def _that_add_up(items: Sequence[PrintedItem], sums: set[Decimal]) -> Sequence[PrintedItem]:
    """The items without the first or last of them where the others add up: numbers of the head, payments."""
    if not sums or len(items) < 2 or _adds_up(items, sums):
        return items
    for left_out in range(1, min(_MAX_LEFT_OUT, len(items) - 1) + 1):
        for kept in (items[left_out:], items[:-left_out]):
            if _adds_up(kept, sums):
                return kept
    return items


def _reading(
    items: Sequence[PrintedItem], sums: set[Decimal], *, header: bool = False, receipt: bool = False
) -> _Reading:
    adds_up = _adds_up(items, sums) or _adds_up_with_discounts_added(items, sums)
    return _Reading(
        items=items,
        features={
            "header": float(header),
            "receipt": float(receipt),
            "sums": float(adds_up),
            # Delivery notes have no amounts, and their numbers add up to nothing.
            "other_sum": float(bool(sums) and not adds_up and any(item.amount is not None for item in items)),
        },
    )


def _hangs_together(reading: _Reading, context: DocumentContext) -> bool:
    """Whether items that no header speaks for are items: several that add up, one that multiplies, or a receipt's."""
    if context.document_type is DocumentType.INVOICE:
        several = len(reading.items) > 1 or any(item.multiplies() for item in reading.items)
        is_only = bool(reading.features["receipt"]) and _stands_before_tax(reading.items, context)
        return reading.features["sums"] > 0 and (several or is_only)
    return context.document_type is DocumentType.RECEIPT


def _stands_before_tax(items: Sequence[PrintedItem], context: DocumentContext) -> bool:
    """Whether the row below an only item is that of its tax."""
    lines = {id(line) for item in items for line in item.lines}
    for facts, below in pairwise(context.facts):
        if any(id(piece.line) in lines for piece in facts.row.pieces):
            is_tax = any(Role.TAX in phrase.roles for phrase in below.phrases) and bool(below.amounts)
            return is_tax and not any(phrase.roles & _OF_SUMS for phrase in facts.phrases)
    return False


def _adds_up(items: Sequence[PrintedItem], sums: set[Decimal]) -> bool:
    whole = sum_of(items)
    return whole != 0 and any(abs(whole - printed) <= _ROUNDING for printed in sums)


def _adds_up_with_discounts_added(items: Sequence[PrintedItem], sums: set[Decimal]) -> bool:
    """Whether those that were taken for discounts by name add up as they are printed; then they are none."""
    assumed = [item for item in items if item.sign_is_assumed and item.amount is not None]
    added = sum_of(items) - 2 * sum_of(assumed)
    if not assumed or not any(abs(added - printed) <= _ROUNDING for printed in sums):
        return False
    for item in assumed:
        item.amount = None if item.amount is None else abs(item.amount)
    return True


def _candidate(item: PrintedItem, features: Mapping[str, float], currency: str) -> LinesCandidate:
    multiplies = item.multiplies()
    own = {
        "multiplies": float(multiplies is True),
        "contradicts": float(multiplies is False),
        "priced": float(item.amount is not None),
    }
    return LinesCandidate(
        value=ItemDetails(
            description=item.description or None,
            quantity=plain(item.quantity),
            unit=item.unit or None,
            unit_price=_price(item.unit_price, currency, item.decimals),
            amount=None if item.amount is None else money_value(item.amount, currency=currency, decimals=2),
            tax_rate_percent=plain(item.tax_rate_percent),
        ),
        evidence=(),
        features={**features, **own},
        lines=tuple(item.lines),
        on_page=item.page,
    )


def _price(value: Decimal | None, currency: str, decimals: int) -> int | str | None:
    """A unit price as money; unlike an amount it may have a part of the smallest coin (¥12.5, $0.0825)."""
    if value is None:
        return None
    exponent = value.normalize().as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    if currency == "JPY" and places:
        return f"{value.normalize():f}"
    return money_value(value, currency=currency, decimals=max(places, min(decimals, 2)))


FAMILY = LineItemFamily()
