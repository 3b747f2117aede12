"""Date of the document and date by which to pay."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, span
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.families.amount_labels import heads_items
from postprocess_svc.fields.families.date_words import (
    ALL_OF_CELL,
    CLOSING_AFTER,
    CLOSING_LABEL,
    EARLY,
    ISSUED_AFTER,
    RANGE_AFTER,
    RANGE_BEFORE,
    SUBJECT,
    TIME,
    TOWN_BEFORE,
    WHEN_PAID,
    cell_around,
    is_about_payment,
    is_by_then,
    is_in_sentence,
    is_in_terms,
    is_titled,
    says_paid,
)
from postprocess_svc.fields.families.odd_dates import boxed_dates, dates_by_slash, only_year_printed
from postprocess_svc.fields.misread_labels import label_span_before, nearly_role
from postprocess_svc.fields.neighbourhood import Governor, Relation, governors
from postprocess_svc.fields.values.dates import PrintedDate
from postprocess_svc.fields.vocabulary import Role

_DATE_ROLES = (Role.DUE_DATE, Role.ISSUE_DATE, Role.OTHER_DATE, Role.DATE)
_OF_INTEREST = frozenset(_DATE_ROLES)
_FIRST_YEAR, _LAST_YEAR = 1980, 2060
_CERTAINTY_OF_ORDER = 0.8
"""Of 03/04/2026 where nothing says whether the day or the month comes first: most such documents are American."""
_CERTAINTY_BEFORE_ISSUE = 0.4
"""Of a date by which to pay that is before the document's own: one of the two is another's, or misread."""
_MISREAD = 0.7
"""How much of a label a misread one is."""
_MIN_AMOUNTS_OF_ITEM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    facts: RowFacts
    date: PrintedDate
    governors: list[Governor]
    features: dict[str, float]
    """What holds for both fields."""
    by_then: bool
    """まで, until or their like belong to it."""


class DateFamily(FieldFamily):
    """Proposes every date of the document for both fields."""

    name = "dates"
    kind = FieldKind.DATE
    fields = (FieldName.DOCUMENT_DATE, FieldName.DUE_DATE)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:
        """Candidates for one of the two."""
        issued = chosen.get(FieldName.DOCUMENT_DATE)
        issue_date = None if issued is None else dt.date.fromisoformat(str(issued.candidate.value))
        only_year = only_year_printed(context) if issue_date is None else None
        items = [(item, _resolved(context, item.date, issue_date, only_year)) for item in context.shared(_collect)]
        dated = [(item, value) for item, value in items if value is not None]
        if field == FieldName.DOCUMENT_DATE:
            return _document_dates(context, [(item, value) for item, value in dated if item.date.year is not None])
        return _due_dates(context, dated, issue_date)


FAMILY = DateFamily()


def _collect(context: DocumentContext) -> list[_Item]:
    items = []
    boxed = context.shared(boxed_dates)
    for facts in context.facts:
        dates = [*facts.dates, *boxed.get(facts.row.number, ()), *dates_by_slash(context, facts)]
        values = [(date.start, date.end) for date in dates]
        for date in dates:
            found = governors(context, facts, start=date.start, end=date.end, roles=_OF_INTEREST, values=values)
            items.append(
                _Item(
                    facts=facts,
                    date=date,
                    governors=found,
                    features=_features(context, facts, date, found),
                    by_then=is_by_then(context, facts, date),
                )
            )
    _continue_columns(items)
    return items


_ROWS_IN_COLUMN = 2


def _continue_columns(items: list[_Item]) -> None:
    """Further dates under the header of a column of days to pay by, beyond the reach of its label: of instalments."""
    for before, item in pairwise(items):
        below = before.features.get("below:due_date", 0.0)
        near = 0 < item.facts.row.number - before.facts.row.number <= _ROWS_IN_COLUMN
        if below and near and not item.governors and item.facts.row.page == before.facts.row.page:
            upper, lower = (i.facts.row.extent(i.date.start, i.date.end) for i in (before, item))
            if upper.overlap_x(lower) > 0.5 * lower.width:
                item.features["below:due_date"] = min(0.4, below)


def _resolved(
    context: DocumentContext, date: PrintedDate, issue_date: dt.date | None, only_year: int | None
) -> dt.date | None:
    value = date.resolve(context.day_order, default_year=issue_date.year if issue_date else only_year)
    if value is not None and date.year is None and issue_date is not None and value < issue_date:
        # 1月31日 on an invoice of December is next year's.
        value = date.resolve(context.day_order, default_year=issue_date.year + 1)
    return value


def _document_dates(context: DocumentContext, dated: list[tuple[_Item, dt.date]]) -> list[Candidate]:
    counts = Counter(value for _, value in dated)
    rivals = {value for item, value in dated if not _is_anothers(item)}
    first = next((item for item, _ in dated if not _is_taken(item)), None)
    candidates = []
    for item, value in dated:
        text, extent = item.facts.row.text, item.facts.row.extent(item.date.start, item.date.end)
        features = dict(item.features)
        features["in_sentence"] = float(is_in_sentence(item.facts, item.date))
        features["alone"] = float(len(counts) == 1 or rivals == {value})
        cell, before = cell_around(item.facts, item.date)
        after = cell[len(before) + item.date.end - item.date.start :]
        features["whole_cell"] = float(not before.strip() and ALL_OF_CELL.match(after) is not None)
        features["issued"] = float(ISSUED_AFTER.match(after) is not None)
        features["after_town"] = float(TOWN_BEFORE.match(before) is not None)
        features["of_subject"] = float(SUBJECT.match(cell) is not None)
        features["first"] = float(item is first)
        features["repeated"] = float(counts[value] > 1)
        features["near_top"] = float(item.facts.page.depth(extent) < 0.3)
        features["with_time"] = float(bool(TIME.match(text[item.date.end :])))
        features["by_then"] = float(item.by_then)
        features["titled"] = float(is_titled(context, item.facts, item.date))
        candidates.append(_candidate(context, item, value, features))
    return candidates


def _due_dates(
    context: DocumentContext, dated: list[tuple[_Item, dt.date]], issue_date: dt.date | None
) -> list[Candidate]:
    candidates = []
    is_paid = context.shared(says_paid)
    for item, value in dated:
        labelled = any(item.features.get(name) for name in ("row:due_date", "below:due_date"))
        about_payment = is_about_payment(context, item.facts, item.date, by_then=item.by_then)
        terms = not labelled and item.date.year is not None and is_in_terms(item.facts, item.date)
        if not labelled and not about_payment and not terms:
            continue
        features = dict(item.features)
        features["by_then"] = float(item.by_then)
        features["payment_words"] = float(not labelled and (about_payment or terms))
        cell, _ = cell_around(item.facts, item.date)
        features["terms"] = float(terms)
        features["of_subject"] = float(SUBJECT.match(cell) is not None)
        features["with_discount"] = float(EARLY.search(cell) is not None)
        features["before_issue"] = float(issue_date is not None and value < issue_date)
        features["was_paid"] = float(is_paid and _is_when_paid(context, item))
        candidates.append(_candidate(context, item, value, features))
    return candidates


def _is_when_paid(context: DocumentContext, item: _Item) -> bool:
    """Its label names the day of a payment, as 決済日 does and 支払期限 does not."""
    first = item.governors[0] if item.governors else None
    if first is None:
        return False
    text = context.facts[first.row].row.text[first.phrase.start : first.phrase.end]
    return WHEN_PAID.search(text) is not None


def _features(
    context: DocumentContext, facts: RowFacts, date: PrintedDate, governors_found: list[Governor]
) -> dict[str, float]:
    text = facts.row.text
    features: dict[str, float] = {}
    features["in_items"] = float(_is_of_item(context, facts, governors_found))
    if not any(governor.relation is Relation.ROW for governor in governors_found):
        misread = nearly_role(context, facts.row, *label_span_before(text, date.start))
        if misread in _OF_INTEREST:
            features[f"row:{misread}"] = _MISREAD
            governors_found = []
    for governor in governors_found:
        role = _role(context, governor)
        if governor.relation is Relation.ROW:
            between = _GLOSSES.sub("", text[governor.phrase.end : date.start])
            # The label's own value may stand between; with words between, the label belongs to something else.
            strength = 1.0 if sum(map(str.isalnum, between)) <= 8 or governor.skipped else 0.4
            features[f"row:{role}"] = strength
            features["skipped"] = float(min(3, governor.skipped))
        elif heads_items(context.facts[governor.row]) and role != Role.DUE_DATE:
            continue
        elif "row" not in {name.split(":")[0] for name in features}:
            features[f"below:{role}"] = 1.0 if governor.skipped == 0 else 0.4
        else:
            features[f"below:{role}"] = 0.2
    features["range"] = float(
        bool(RANGE_AFTER.match(text[date.end :]))
        or bool(RANGE_BEFORE.search(text[: date.start]) and len(facts.dates) > 1)
    )
    features["closing"] = float(CLOSING_AFTER.match(text[date.end :]) is not None)
    features["guessed_year"] = float(date.guessed_year)
    features["no_year"] = float(date.year is None)
    features["compact"] = float(date.compact)
    return features


_CLOSING = "closing"
# 請求書発行日の翌月末日( says again what the date behind it is.
_GLOSSES = re.compile(r"[^\t]*(?:翌|末日|日後|以内)[^\t]*\($")
_TOLD_OF = frozenset({"dated", "du", "le", "vom"})


def _role(context: DocumentContext, governor: Governor) -> str:
    """What a label makes of its date: the name of a role, or ``closing`` of the day up to which a statement counts."""
    phrase, facts = governor.phrase, context.facts[governor.row]
    role = next(role for role in _DATE_ROLES if role in phrase.roles)
    text = facts.row.text
    if role is Role.OTHER_DATE and CLOSING_LABEL.search(text[phrase.start : phrase.end]) is not None:
        return _CLOSING
    if role is Role.ISSUE_DATE and text[phrase.start : phrase.end].lower() in _TOLD_OF:
        # Your order 4711 dated …: the date of what stands before it in the cell.
        cell = text.rfind("\t", 0, phrase.start)
        if any(Role.OTHER_NUMBER in label.roles for label in facts.labels if cell < label.start < phrase.start):
            return str(Role.OTHER_DATE)
    return str(role)


def _is_anothers(item: _Item) -> bool:
    """By its label, place or sentence it is no date of the document itself."""
    features = item.features
    return bool(
        features.get("in_items")
        or features.get("range")
        or item.by_then
        or any(features.get(f"{place}:due_date", 0.0) > _MISREAD / 2 for place in ("row", "below"))
        or is_in_sentence(item.facts, item.date)
    )


def _is_taken(item: _Item) -> bool:
    """A label gives the date to something else than the document itself."""
    first = item.governors[0] if item.governors else None
    return item.date.compact or (first is not None and bool(first.phrase.roles & {Role.DUE_DATE, Role.OTHER_DATE}))


def _is_of_item(context: DocumentContext, facts: RowFacts, governors_found: list[Governor]) -> bool:
    """The day that a line item is of: in its row, or in a column of the table of items."""
    amounts = sum(1 for amount in facts.amounts if amount.currency or amount.grouped or amount.decimals == 2)
    if amounts >= _MIN_AMOUNTS_OF_ITEM:
        return True
    first = governors_found[0] if governors_found else None
    return first is not None and first.relation is Relation.BELOW and heads_items(context.facts[first.row])


def _candidate(context: DocumentContext, item: _Item, value: dt.date, features: dict[str, float]) -> Candidate:
    features["implausible_year"] = float(not _FIRST_YEAR <= value.year <= _LAST_YEAR)
    return Candidate(
        value=value.isoformat(),
        evidence=(span(item.facts, item.date.start, item.date.end),),
        features=features,
        certainty=min(
            _CERTAINTY_OF_ORDER if item.date.swappable and not context.day_order_is_sure else 1.0,
            _CERTAINTY_BEFORE_ISSUE if features.get("before_issue") else 1.0,
        ),
    )
