"""Tax rates of items, as Japan's receipts and invoices print them: a mark beside those of the reduced rate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.line_items.item import PrintedItem, sum_of
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.fields.vocabulary import Role

REDUCED, STANDARD = Decimal(8), Decimal(10)
"""Per cent of consumption tax since October 2019."""

_LEGEND = re.compile(r"[「\[(']?([※*★☆◎◆●#]|軽)[」\])']? ?(?:印|マーク)?[はが]?[^\n]{0,8}(?:軽減|8 ?%)")
_REDUCED = re.compile(r"軽減|8 ?%")
_STANDARD = re.compile(r"10 ?%")
_MARK_AT_END = re.compile(r"[\s(\[]*(?P<mark>[※*★☆◎◆●#]|軽減?)[\s)\]]*$")
_MARK_AT_START = re.compile(r"^[\s(\[]*(?P<mark>[※*★☆◎◆●#]|軽減?(?=[\s)\]]))[\s)\]]*")
_USUAL_MARKS = frozenset("※軽*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How a document marks its items: nothing where it prints no reduced rate."""

    marks: frozenset[str]
    has_standard: bool
    """It prints the standard rate too, which then is that of items without a mark."""
    reduced_sums: frozenset[Decimal]
    """What it says the items of the reduced rate add up to."""

    def settle(self, items: Sequence[PrintedItem]) -> None:
        """Take marks out of the items' descriptions, and set the rates that they stand for."""
        if not self.marks:
            return
        marked = [item for item in items if self._take_mark(item)]
        others = [item for item in items if item not in marked]
        if self.reduced_sums and sum_of(marked) not in self.reduced_sums:
            # One mark may not have been read; which one, the sum says.
            missing = {whole - sum_of(marked) for whole in self.reduced_sums}
            lost = [item for item in others if item.amount in missing]
            if len(lost) != 1:
                _set(marked, REDUCED)
                return
            marked.append(lost[0])
            others.remove(lost[0])
        _set(marked, REDUCED)
        if self.has_standard:
            _set(others, STANDARD)

    def _take_mark(self, item: PrintedItem) -> bool:
        for pattern in (_MARK_AT_END, _MARK_AT_START):
            match = pattern.search(item.description)
            if match is not None and match["mark"][0] in self.marks and len(match[0]) < len(item.description):
                item.description = f"{item.description[: match.start()]}{item.description[match.end() :]}".strip()
                return True
        # Beside the amount, or in a column of its own.
        return any(
            match["mark"][0] in self.marks
            for line in item.lines
            if (match := _MARK_AT_END.search(fold(line.text))) is not None
        )


def _set(items: Sequence[PrintedItem], rate: Decimal) -> None:
    for item in items:
        if item.tax_rate_percent is None:
            item.tax_rate_percent = rate


def rates_of(context: DocumentContext) -> Rates:
    """The marks of a document; a Japanese one that speaks of the reduced rate has the usual ones."""
    text = context.text if context.currency == "JPY" else ""
    if _REDUCED.search(text) is None:
        return Rates(marks=frozenset(), has_standard=False, reduced_sums=frozenset())
    legend = {match[1] for match in _LEGEND.finditer(text)}
    return Rates(
        marks=frozenset(legend) or _USUAL_MARKS,
        has_standard=_STANDARD.search(text) is not None,
        reduced_sums=frozenset(
            amount.value
            for facts in context.facts
            if any(Role.TAX_BASE in phrase.roles and phrase.rate_percent == REDUCED for phrase in facts.phrases)
            for amount in facts.amounts
        ),
    )
