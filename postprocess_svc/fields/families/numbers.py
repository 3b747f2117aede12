"""The document's own number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, span
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.neighbourhood import Relation, governors
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.folding import is_cjk
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

_ROLES = NUMBERS_AND_DATES | frozenset(
    {
        Role.DATE,
        Role.TOTAL,
        Role.TOTAL_DUE,
        Role.SUBTOTAL,
        Role.TAX,
        Role.AMOUNT,
        Role.COUNT,
        Role.TENDERED,
        Role.CHANGE,
        Role.PREVIOUS,
        Role.PAID,
    }
)
# A number holds a digit; it may be written in groups by hyphens, slashes, points or, between digits, single spaces.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_])#?[A-Za-z0-9][A-Za-z0-9]*(?:[-/_.:#][A-Za-z0-9]+)*"
    r"(?:(?<=\d) (?=\d{2,}(?!\S*[,.:]\d)))?(?:[A-Za-z0-9]+)*"
)
_PHONE_LIKE = re.compile(r"0\d{1,4}-\d{1,4}-\d{3,4}|\d{3}-\d{4}")
_SPEAKING = frozenset({Role.INVOICE_NUMBER, Role.NUMBER})
_ROWS_IN_REACH = 7
_ACCOUNTS = frozenset({Role.POST_SYMBOL, Role.POST_NUMBER})
_ITEM_COLUMNS = frozenset({Role.COLUMN, Role.COUNT, Role.UNIT_PRICE, Role.AMOUNT})
_EXPLICIT = re.compile(r"番号|no\.?|nr\.?|number|nummer|n°|nº|#|num|コード|id", re.IGNORECASE)
_MAX_BETWEEN = 12


class DocumentNumberFamily(FieldFamily):
    """Proposes the tokens that labels of numbers speak for."""

    name = "document_number"
    kind = FieldKind.TEXT
    fields = (FieldName.DOCUMENT_NUMBER,)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Tokens with digits after or under a label."""
        found = list(_labelled(context))
        counts = Counter(candidate.value for candidate in found)
        return [
            Candidate(
                value=candidate.value,
                evidence=candidate.evidence,
                features={**candidate.features, "repeated": float(counts[candidate.value] > 1)},
            )
            for candidate in found
        ]


FAMILY = DocumentNumberFamily()


def _labelled(context: DocumentContext) -> Iterator[Candidate]:
    speaking = [facts.row.number for facts in context.facts if any(label.roles & _SPEAKING for label in facts.labels)]
    in_reach = {number + step for number in speaking for step in range(_ROWS_IN_REACH)}
    for facts in context.facts:
        if facts.row.number not in in_reach or any(label.roles & _ACCOUNTS for label in facts.labels):
            continue
        tokens = [match for match in _TOKEN.finditer(_parted(facts)) if any(c.isdigit() for c in match[0])]
        values = [match.span() for match in tokens]
        for match in tokens:
            candidate = _judge(context, facts, match, values)
            if candidate is not None:
                yield candidate


def _parted(facts: RowFacts) -> str:
    """The row's text with tabs where pieces meet and before dates, which a number's groups do not cross."""
    characters = list(facts.row.text)
    for index, origin in enumerate(facts.row.origins):
        if origin < 0 and characters[index] == " ":
            characters[index] = "\t"
    for date in facts.dates:
        if not date.compact and date.start and characters[date.start - 1] == " ":
            characters[date.start - 1] = "\t"
    return "".join(characters)


def _judge(
    context: DocumentContext, facts: RowFacts, match: re.Match[str], values: list[tuple[int, int]]
) -> Candidate | None:
    text = facts.row.text
    start, end = match.span()
    if any(label.start < end and start < label.end and label.end - label.start > 1 for label in facts.labels):
        # The token is a label itself, or begins with one that the recogniser joined to it (No123).
        joined = next((label for label in facts.labels if label.start <= start < label.end < end), None)
        if joined is None:
            return None
        start = joined.end
        while start < end and not text[start].isalnum():
            start += 1
        if not any(character.isdigit() for character in text[start:end]):
            return None
    found = governors(context, facts, start=start, end=end, roles=_ROLES, values=values)
    # A label whose own value stands between says nothing: in the next column another label may stand above.
    found = [governor for governor in found if governor.relation is not Relation.ROW or not governor.skipped]
    features: dict[str, float] = {}
    for governor in found:
        role = next((r for r in (Role.INVOICE_NUMBER, Role.NUMBER) if r in governor.phrase.roles), None)
        if role is Role.NUMBER and governor.relation is Relation.ROW and _is_titled(facts, governor.phrase.start):
            # Rechnung (380) Nr. 471102: the title before it says whose number it is.
            role = Role.INVOICE_NUMBER
        name = "other_number" if role is None else str(role)
        label_row = context.facts[governor.row].row.text
        if governor.relation is not Relation.ROW and governor is found[0]:
            features["in_table"] = float(_is_table_header(context.facts[governor.row]))
        wording = label_row[governor.phrase.start : governor.phrase.end + 4]
        if role is Role.INVOICE_NUMBER and not _EXPLICIT.search(wording):
            name = "title"
        if governor.relation is Relation.ROW:
            between = text[governor.phrase.end : start]
            if sum(map(str.isalpha, between)) > _MAX_BETWEEN:
                continue
            features[f"row:{name}"] = 1.0
            features["far"] = min(3.0, max(0.0, governor.distance - 12.0) / 10.0)
        else:
            features[f"below:{name}"] = (1.0 if governor.skipped == 0 else 0.3) * (
                0.2 if governor is not found[0] else 1.0
            )
    if not any(name.endswith((":invoice_number", ":number", ":title")) for name in features):
        return None
    value = text[start:end].strip(" .:-/")
    features["near_top"] = float(facts.page.depth(facts.row.extent(start, end)) < 0.4)
    features["long"] = float(len(value) >= 5)
    features["short"] = float(len(value) <= 2)
    features["like_date"] = float(
        any(date.start < end and start < date.end for date in facts.dates if not date.compact)
    )
    features["like_amount"] = float(
        any(
            a.start < end and start < a.end and (a.currency or a.decimals or a.grouped or a.measure)
            for a in facts.amounts
        )
    )
    features["like_phone"] = float(bool(_PHONE_LIKE.fullmatch(value)))
    cell_start, cell_end = _cell(text, start, end)
    cell = text[cell_start:cell_end].strip()
    labelled = any(cell_start <= label.start < start for label in facts.labels)
    features["whole_cell"] = float(cell == text[start:end])
    features["in_address"] = float(not labelled and cell != text[start:end] and names.is_address(cell))
    features["many_words"] = float(end < len(text) and is_cjk(text[end : end + 1] or " "))
    return Candidate(value=value, evidence=(span(facts, start, end),), features=features)


def _cell(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch between the tabs around a span."""
    right = text.find("\t", end)
    return text.rfind("\t", 0, start) + 1, right if right >= 0 else len(text)


def _is_table_header(facts: RowFacts) -> bool:
    """The label heads a column of line items."""
    return sum(1 for label in facts.labels if label.roles & _ITEM_COLUMNS) >= 2


def _is_titled(facts: RowFacts, before: int) -> bool:
    """The nearest label before a "No." that says more than that is the document's title."""
    for phrase in reversed(facts.phrases):
        if phrase.start < before and not phrase.roles & {Role.NUMBER}:
            return bool(phrase.roles & {Role.INVOICE_NUMBER, Role.TITLE_INVOICE, Role.TITLE_RECEIPT})
    return False
