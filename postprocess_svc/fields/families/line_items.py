"""Line items: of the tables that list some, or of a receipt's rows; arithmetic decides between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
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
from postprocess_svc.fields.line_items.numbers import plain
from postprocess_svc.fields.line_items.rates import rates_of
from postprocess_svc.fields.line_items.receipts import items_of_rows
from postprocess_svc.fields.line_items.tabular import items_of_tables
from postprocess_svc.fields.values.amounts import money_value
from postprocess_svc.fields.weights import BIAS

_ROUNDING = Decimal("0.05")
"""By how much a sum of amounts may differ from the sum that is printed: rounding of single lines, cash."""

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
        found = _best(context, _printed_sums(chosen))
        items = found.items
        if context.document_type is DocumentType.INVOICE:
            # What goes off the whole is a part of the sums, not of what was delivered.
            while items and items[-1].quantity is None and items[-1].amount and items[-1].amount < 0:
                items = items[:-1]
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
        return sum(_WEIGHTS[name] * value for name, value in self.features.items()) + fits


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


def _best(context: DocumentContext, sums: set[Decimal]) -> _Reading:
    """The items of the tables, all of them or those of one that adds up, or else those of a receipt's rows."""
    tables = items_of_tables(context.tables)
    sure = [table for table in tables if table.is_sure]
    # A list of what is in a crate, beside the items that are charged.
    sure = [table for table in sure if table.has_prices] or sure
    readings = [_reading([item for table in sure for item in table.items], sums, header=True)]
    readings += [_reading(table.items, sums, header=True) for table in sure if len(sure) > 1]
    if context.document_type is DocumentType.INVOICE:  # a receipt's rows say more than two columns of them
        unsure = [_reading(table.items, sums) for table in tables if not table.is_sure]
        readings += [reading for reading in unsure if _hangs_together(reading, context)]
    best = max(readings, key=lambda reading: reading.points if reading.items else 0.0)
    if not best.items or best.points < _WEIGHTS["sums"]:
        rows = _reading(items_of_rows(context), sums, receipt=True)
        if rows.items and _hangs_together(rows, context) and (not best.items or rows.points > best.points):
            best = rows
    return best


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
            "other_sum": float(bool(sums) and not adds_up),
        },
    )


def _hangs_together(reading: _Reading, context: DocumentContext) -> bool:
    """Whether items that no header speaks for are items: several that add up, or a receipt's."""
    if context.document_type is DocumentType.INVOICE:
        return len(reading.items) > 1 and reading.features["sums"] > 0
    return context.document_type is DocumentType.RECEIPT


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
