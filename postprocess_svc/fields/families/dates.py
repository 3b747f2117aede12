"""Date of the document and date by which to pay."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, span
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.neighbourhood import Governor, Relation, governors
from postprocess_svc.fields.values.dates import PrintedDate
from postprocess_svc.fields.vocabulary import Role

_DATE_ROLES = (Role.DUE_DATE, Role.ISSUE_DATE, Role.OTHER_DATE, Role.DATE)
_OF_INTEREST = frozenset(_DATE_ROLES)
# A label of these speaks for a date only where nothing stands between them (Rechnung Nr. 7 vom 3.4.).
_TIME = re.compile(r"^[\s(月火水木金土日曜)]{0,6}\W{0,3}\d{1,2}[:時h]\d{2}", re.IGNORECASE)
_RANGE_BEFORE = re.compile(r"(?:~|から|より|\bto\b|\bbis\b|\bau\b| - |-)\s*$", re.IGNORECASE)
_RANGE_AFTER = re.compile(
    r"^\s*(?:\(.\))?\s*(?:~|から|より|分|度|締|現在|\bto\b| - ?\d|-\s*\d|bis\b|au\b|\bthrough\b)", re.IGNORECASE
)
_BY_THEN = re.compile(r"^\s*(?:\(.\))?\s*(?:まで|迄|限|期限)")
_BY_BEFORE = re.compile(r"(?:until|before|by|bis zum|bis|avant le|le|spätestens|am|on)\s*:?\s*$", re.IGNORECASE)
_PAYMENT_WORDS = re.compile(
    r"支払|振込|振替|引落|入金|zahl|überweis|fällig|begleich|abgebucht"
    r"|payment|please pay|payable|échéance|règlement|régler|betal",
    re.IGNORECASE,
)
_TITLE_GOES_ON = re.compile(r"(?:vom|du|dated|dtd|date|of|del|van)\s*:?\s*$", re.IGNORECASE)
_FIRST_YEAR, _LAST_YEAR = 1980, 2060


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    facts: RowFacts
    date: PrintedDate
    value: dt.date | None
    governors: list[Governor]


class DateFamily(FieldFamily):
    """Proposes every date of the document for both fields."""

    name = "dates"
    kind = FieldKind.DATE
    fields = (FieldName.DOCUMENT_DATE, FieldName.DUE_DATE)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:
        """Candidates for one of the two."""
        issued = chosen.get(FieldName.DOCUMENT_DATE)
        issue_date = None if issued is None else dt.date.fromisoformat(str(issued.candidate.value))
        items = _collect(context, issue_date)
        if field == FieldName.DOCUMENT_DATE:
            return _document_dates(context, items)
        return _due_dates(items, issue_date)


FAMILY = DateFamily()


def _collect(context: DocumentContext, issue_date: dt.date | None) -> list[_Item]:
    items = []
    for facts in context.facts:
        values = [(date.start, date.end) for date in facts.dates]
        for date in facts.dates:
            found = governors(context, facts, start=date.start, end=date.end, roles=_OF_INTEREST, values=values)
            value = date.resolve(context.day_order, default_year=issue_date.year if issue_date else None)
            if value is not None and date.year is None and issue_date is not None and value < issue_date:
                # 1月31日 on an invoice of December is next year's.
                value = date.resolve(context.day_order, default_year=issue_date.year + 1)
            items.append(_Item(facts=facts, date=date, value=value, governors=found))
    return items


def _document_dates(context: DocumentContext, items: list[_Item]) -> list[Candidate]:
    dated = [item for item in items if item.value is not None and item.date.year is not None]
    counts = Counter(item.value for item in dated)
    free = [item for item in dated if not _is_taken(item)]
    candidates = []
    for item in dated:
        if item.value is None:
            continue
        features = _features(item)
        features["alone"] = float(len(counts) == 1)
        features["first"] = float(bool(free) and item is free[0])
        features["repeated"] = float(counts[item.value] > 1)
        extent = item.facts.row.extent(item.date.start, item.date.end)
        features["near_top"] = float(item.facts.page.depth(extent) < 0.3)
        features["with_time"] = float(bool(_TIME.match(item.facts.row.text[item.date.end :])))
        features["by_then"] = float(_is_by_then(item))
        features["titled"] = float(_is_titled(context, item))
        candidates.append(_candidate(item, item.value, features))
    return candidates


def _due_dates(items: list[_Item], issue_date: dt.date | None) -> list[Candidate]:
    candidates = []
    for item in items:
        labelled = any(Role.DUE_DATE in governor.phrase.roles for governor in item.governors)
        by_then = _is_by_then(item)
        if item.value is None or not (labelled or by_then or _PAYMENT_WORDS.search(item.facts.row.text)):
            continue
        features = _features(item)
        features["by_then"] = float(by_then)
        features["payment_words"] = float(not labelled and bool(_PAYMENT_WORDS.search(item.facts.row.text)))
        features["before_issue"] = float(issue_date is not None and item.value < issue_date)
        candidates.append(_candidate(item, item.value, features))
    return candidates


def _features(item: _Item) -> dict[str, float]:
    features: dict[str, float] = {}
    for governor in item.governors:
        role = next(role for role in _DATE_ROLES if role in governor.phrase.roles)
        if governor.relation is Relation.ROW:
            between = item.facts.row.text[governor.phrase.end : item.date.start]
            # The label's own value may stand between; with words between, the label belongs to something else.
            strength = 1.0 if sum(map(str.isalnum, between)) <= 8 or governor.skipped else 0.4
            features[f"row:{role}"] = strength
            features["skipped"] = float(min(3, governor.skipped))
        elif "row" not in {name.split(":")[0] for name in features}:
            features[f"below:{role}"] = 1.0 if governor.skipped == 0 else 0.4
        else:
            features[f"below:{role}"] = 0.2
    text = item.facts.row.text
    features["range"] = float(
        bool(_RANGE_AFTER.match(text[item.date.end :]))
        or bool(_RANGE_BEFORE.search(text[: item.date.start]) and len(item.facts.dates) > 1)
    )
    features["guessed_year"] = float(item.date.guessed_year)
    features["no_year"] = float(item.date.year is None)
    features["compact"] = float(item.date.compact)
    features["implausible_year"] = float(item.value is not None and not _FIRST_YEAR <= item.value.year <= _LAST_YEAR)
    return features


def _is_taken(item: _Item) -> bool:
    """A label gives the date to something else than the document itself."""
    first = item.governors[0] if item.governors else None
    return item.date.compact or (first is not None and bool(first.phrase.roles & {Role.DUE_DATE, Role.OTHER_DATE}))


def _is_by_then(item: _Item) -> bool:
    text = item.facts.row.text
    if _BY_THEN.match(text[item.date.end :]):
        return True
    before = text[: item.date.start]
    return bool(_BY_BEFORE.search(before) and _PAYMENT_WORDS.search(text))


def _is_titled(context: DocumentContext, item: _Item) -> bool:
    """The document's title goes on to name the date: Rechnung Nr. 7 vom 3.4.2018."""
    facts, before = item.facts, item.facts.row.text[: item.date.start]
    if not before.strip():
        above = next(context.rows_above(facts), None)
        if above is None:
            return False
        facts, before = above, above.row.text
    if _TITLE_GOES_ON.search(before) is None:
        return False
    roles = [label.roles for label in facts.labels if label.start < len(before)]
    return any(Role.INVOICE_NUMBER in found for found in roles) and not any(
        Role.OTHER_NUMBER in found for found in roles
    )


def _candidate(item: _Item, value: dt.date, features: dict[str, float]) -> Candidate:
    return Candidate(
        value=value.isoformat(), evidence=(span(item.facts, item.date.start, item.date.end),), features=features
    )
