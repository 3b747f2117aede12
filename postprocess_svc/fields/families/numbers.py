"""The document's own number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, span
from postprocess_svc.fields.cells import find_cells
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.misread_labels import label_span_before, nearly_role
from postprocess_svc.fields.neighbourhood import Governor, Relation, governors
from postprocess_svc.fields.values.addresses import is_address
from postprocess_svc.fields.values.folding import has_digits, is_cjk
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
    r"(?<![A-Za-z0-9_])#?[A-Za-z0-9]+(?:[-/_.:#][A-Za-z0-9]+)*"
    r"(?:(?<=\d) (?=\d{2,}(?!\S*[,.:]\d)))?[A-Za-z0-9]*"
)
_PHONE_LIKE = re.compile(r"0\d{1,4}-\d{1,4}-\d{3,4}|\d{3}-\d{4}")
_SPEAKING = frozenset({Role.INVOICE_NUMBER, Role.NUMBER})
_NUMBERS = NUMBERS_AND_DATES | {Role.NUMBER}
_ROWS_IN_REACH = 7
_ACCOUNTS = frozenset({Role.POST_SYMBOL, Role.POST_NUMBER})
_SURE = ("row:invoice_number", "below:invoice_number", "row:title")
_ITEM_COLUMNS = frozenset({Role.COLUMN, Role.COUNT, Role.UNIT_PRICE, Role.AMOUNT})
_EXPLICIT = re.compile(r"番号|ナンバー|no\.?|nr\.?|number|nummer|n°|nº|#|num|コード|id", re.IGNORECASE)
_MAX_BETWEEN = 12
_BANK_WORDS = re.compile(r"銀行|支店|信用金庫|信金|農協|ゆうちょ|記号|口座|普通|当座")
_REGISTRATION = re.compile(r"(?<![A-Za-z0-9])T ?\d(?:[ -]?\d){6,}")
_LONG_NUMBER = re.compile(r"(?=[A-Za-z-]*\d)[A-Za-z0-9]+(?:[-/][A-Za-z0-9]+)*")
_LEAST_LENGTH_UNLABELLED = 4
_ROWS_TO_HEADER = 2
_MISREAD = 0.7
"""How much of a label a misread one is."""


class DocumentNumberFamily(FieldFamily):
    """Proposes the tokens that labels of numbers speak for."""

    name = "document_number"
    kind = FieldKind.TEXT
    fields = (FieldName.DOCUMENT_NUMBER,)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Tokens with digits after or under a label."""
        found = list(_labelled(context))
        if not any(candidate.features.get(name) for candidate in found for name in _SURE):
            found += _by_misread_labels(context)
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
        parted = _parted(facts)
        tokens = [match for match in _TOKEN.finditer(parted) if not match[0].isalpha() and has_digits(match[0], 1)]
        values = [match.span() for match in tokens]
        for match in tokens:
            candidate = _judge(context, facts, match, values, parted)
            if candidate is not None:
                yield candidate


def _by_misread_labels(context: DocumentContext) -> Iterator[Candidate]:
    """Numbers under or after what is nearly a label (講求書ナンバー), where a document has none that was read."""
    for facts in context.facts:
        text = facts.row.text
        for match in _LONG_NUMBER.finditer(text):
            start, end = match.span()
            if end - start < _LEAST_LENGTH_UNLABELLED or _is_whole_date(facts, start, end):
                continue
            left = text.rfind("\t", 0, start) + 1
            if any(label.roles & _NUMBERS and left <= label.start < end for label in facts.labels):
                continue
            relation, role = "row", nearly_role(context, facts.row, *label_span_before(text, start))
            if role is None:
                relation, role = "below", _nearly_role_above(context, facts, start, end)
            if role is Role.INVOICE_NUMBER:
                features = {f"{relation}:invoice_number": _MISREAD, **_shape(facts, start, end, _parted(facts))}
                yield Candidate(value=match[0], evidence=(span(facts, start, end),), features=features)


def _nearly_role_above(context: DocumentContext, facts: RowFacts, start: int, end: int) -> Role | None:
    cells, extent = context.shared(find_cells), facts.row.extent(start, end)
    for other in islice(context.rows_above(facts), _ROWS_TO_HEADER):
        for cell in cells[other.row.number]:
            if cell.extent.overlap_x(extent) > 0:
                return nearly_role(context, cell.facts.row, cell.start, cell.end)
    return None


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
    context: DocumentContext, facts: RowFacts, match: re.Match[str], values: list[tuple[int, int]], parted: str
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
    if _is_whole_date(facts, start, end) or (
        "T" in text and any(other.start() <= start < other.end() for other in _REGISTRATION.finditer(text))
    ):
        return None
    found = governors(context, facts, start=start, end=end, roles=_ROLES, values=values)
    # A label whose own value stands between says nothing: in the next column another label may stand above.
    found = [governor for governor in found if governor.relation is not Relation.ROW or not governor.skipped]
    features = _label_features(context, facts, start, found)
    if not any(name.endswith((":invoice_number", ":number", ":title")) for name in features):
        return None
    features.update(_shape(facts, start, end, parted))
    value = text[start:end].strip(" .:-/")
    return Candidate(value=value, evidence=(span(facts, start, end),), features=features)


def _label_features(context: DocumentContext, facts: RowFacts, start: int, found: list[Governor]) -> dict[str, float]:
    """What the labels say whose number it is, the surest first."""
    features: dict[str, float] = {}
    for governor in found:
        name = _named_by(context, facts, governor)
        if governor.relation is Relation.ROW:
            between = facts.row.text[governor.phrase.end : start]
            if sum(map(str.isalpha, between)) > _MAX_BETWEEN:
                continue
            features[f"row:{name}"] = 1.0
            features["far"] = min(3.0, max(0.0, governor.distance - 12.0) / 10.0)
            continue
        if governor is found[0]:
            features["in_table"] = float(_is_table_header(context.facts[governor.row]))
        features[f"below:{name}"] = (1.0 if governor.skipped == 0 else 0.3) * (0.2 if governor is not found[0] else 1.0)
    return features


def _named_by(context: DocumentContext, facts: RowFacts, governor: Governor) -> str:
    """Whose number a label says that it is, as the end of a feature's name."""
    phrase = governor.phrase
    role: Role | None = next((r for r in (Role.INVOICE_NUMBER, Role.NUMBER) if r in phrase.roles), None)
    if role is Role.NUMBER:
        role = None if _BANK_WORDS.search(facts.row.text) is not None else _of_longer_word(context, governor)
    if role is Role.NUMBER and governor.relation is Relation.ROW and _is_titled(facts, phrase.start):
        # Rechnung (380) Nr. 471102: the title before it says whose number it is.
        role = Role.INVOICE_NUMBER
    wording = context.facts[governor.row].row.text[phrase.start : phrase.end + 4]
    if role is Role.INVOICE_NUMBER and not _EXPLICIT.search(wording):
        return "title"
    return "other_number" if role is None else str(role)


def _of_longer_word(context: DocumentContext, governor: Governor) -> Role | None:
    """Whose number a bare 番号 is that ends a longer word: 顆客番号 is 顧客番号 misread, and not the document's."""
    facts, start = context.facts[governor.row], governor.phrase.start
    if start == 0 or not is_cjk(facts.row.text[start - 1]):
        return Role.NUMBER
    whole = re.split(r"[\t :]", facts.row.text[: governor.phrase.end])[-1]
    near = nearly_role(context, facts.row, governor.phrase.end - len(whole), governor.phrase.end)
    return Role.NUMBER if near is None else near if near is Role.INVOICE_NUMBER else None


def _is_whole_date(facts: RowFacts, start: int, end: int) -> bool:
    """A date with its year and marks between: 28.02.2022 is no number, 20220228 may be one."""
    return any(
        date.start <= start and end <= date.end and not date.compact and not date.guessed_year and date.year is not None
        for date in facts.dates
    )


def _shape(facts: RowFacts, start: int, end: int, parted: str) -> dict[str, float]:
    """What speaks for and against a number besides its label; ``parted`` is the row with tabs where its pieces meet."""
    text = facts.row.text
    value = text[start:end].strip(" .:-/")
    features: dict[str, float] = {}
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
    cell_start, cell_end = _cell(parted, start, end)
    cell = text[cell_start:cell_end].strip()
    labelled = any(cell_start <= label.start < start for label in facts.labels)
    features["whole_cell"] = float(cell == text[start:end])
    features["in_address"] = float(not labelled and cell != text[start:end] and is_address(cell))
    features["many_words"] = float(end < len(text) and is_cjk(text[end : end + 1] or " "))
    return features


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
