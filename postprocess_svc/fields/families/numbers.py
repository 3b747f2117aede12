"""The document's own number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, span
from postprocess_svc.fields.cells import find_cells
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.families.number_labels import SPEAKING, label_features
from postprocess_svc.fields.families.unlabelled_numbers import unlabelled_numbers
from postprocess_svc.fields.misread_labels import label_span_before, nearly_role
from postprocess_svc.fields.values.addresses import is_address
from postprocess_svc.fields.values.folding import is_cjk
from postprocess_svc.fields.values.numbers import PrintedNumber, find_numbers, is_code
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

_PHONE_LIKE = re.compile(r"0\d{1,4}-\d{1,4}-\d{3,4}|\d{3}-\d{4}")
_NUMBERS = NUMBERS_AND_DATES | {Role.NUMBER}
_ROWS_IN_REACH = 7
_ACCOUNTS = frozenset({Role.POST_SYMBOL, Role.POST_NUMBER})
_SURE = ("row:invoice_number", "below:invoice_number", "row:slip_number", "row:title", "dispatched")
_SPEAKS = (":invoice_number", ":slip_number", ":reference_number", ":number", ":title", ":unknown_number")
_REGISTRATION = re.compile(r"(?<![A-Za-z0-9])T ?\d(?:[ -]?\d){6,}")
_ERA_LIKE = re.compile(r"[RHS]\d{1,2}-\d{1,2}-\d{1,2}")
_ZERO_PADDED = re.compile(r"0\d{2,}")
_CORPORATE = re.compile(r"T?\d{13}")
_LEAST_LENGTH_UNLABELLED = 4
_ROWS_TO_HEADER = 2
_TOP = 0.4
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
            found += _by_place(context)
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
    speaking = [facts.row.number for facts in context.facts if any(label.roles & SPEAKING for label in facts.labels)]
    in_reach = {number + step for number in speaking for step in range(_ROWS_IN_REACH)}
    for facts in context.facts:
        is_spoken_for = facts.row.number in in_reach and not any(label.roles & _ACCOUNTS for label in facts.labels)
        if not is_spoken_for and "号" not in facts.row.text:
            continue
        parted = _parted(facts)
        numbers = find_numbers(parted, after=[label.end for label in facts.labels])
        values = [(number.start, number.end) for number in numbers]
        for number in numbers:
            if is_spoken_for or number.dispatched:
                candidate = _judge(context, facts, number, values, parted)
                if candidate is not None:
                    yield candidate


def _by_misread_labels(context: DocumentContext) -> Iterator[Candidate]:
    """Numbers under or after what is nearly a label (講求書ナンバー), where a document has none that was read."""
    for facts in context.facts:
        text, parted = facts.row.text, _parted(facts)
        for number in find_numbers(parted):
            start, end = number.start, number.end
            if end - start < _LEAST_LENGTH_UNLABELLED or _is_whole_date(facts, start, end):
                continue
            if _CORPORATE.fullmatch(number.value) is not None:
                continue
            left = text.rfind("\t", 0, start) + 1
            if any(label.roles & _NUMBERS and left <= label.start < end for label in facts.labels):
                continue
            relation, role = "row", nearly_role(context, facts.row, *label_span_before(text, start))
            if role is None:
                relation, role = "below", _nearly_role_above(context, facts, start, end)
            if role is Role.INVOICE_NUMBER:
                features = {f"{relation}:invoice_number": _MISREAD, **_shape(facts, start, end, parted)}
                yield Candidate(value=number.value, evidence=(span(facts, start, end),), features=features)


def _by_place(context: DocumentContext) -> Iterator[Candidate]:
    """Numbers at the document's head that no label speaks for."""
    for placed in unlabelled_numbers(context):
        cell, facts = placed.cell, placed.cell.facts
        number = PrintedNumber(start=cell.start, end=cell.end, value=cell.text)
        features = {
            **label_features(context, facts, number, [(number.start, number.end)]),
            **_shape(facts, number.start, number.end, _parted(facts)),
            "whole_cell": 1.0,
            "by_date" if placed.by_date else "first_line": 1.0,
        }
        yield Candidate(value=cell.text, evidence=(span(facts, cell.start, cell.end),), features=features)


def _nearly_role_above(context: DocumentContext, facts: RowFacts, start: int, end: int) -> Role | None:
    cells, extent = context.shared(find_cells), facts.row.extent(start, end)
    for other in islice(context.rows_above(facts), _ROWS_TO_HEADER):
        for cell in cells[other.row.number]:
            if cell.extent.overlap_x(extent) > 0:
                if any(label.roles & _NUMBERS and cell.start <= label.start < cell.end for label in other.labels):
                    return None  # read well: what it says was heard
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
    context: DocumentContext, facts: RowFacts, number: PrintedNumber, values: list[tuple[int, int]], parted: str
) -> Candidate | None:
    within = _without_label(facts, number)
    if within is None:
        return None
    start, end = within.start, within.end
    if "T" in facts.row.text and any(t.start() <= start < t.end() for t in _REGISTRATION.finditer(facts.row.text)):
        return None
    features = label_features(context, facts, within, values)
    features.update(_shape(facts, start, end, parted))
    if _is_whole_date(facts, start, end):
        if (
            not (features.get("row:invoice_number") or features.get("row:number"))
            or _ERA_LIKE.fullmatch(within.value) is None
        ):
            return None
        features["like_date"] = 0.0  # 番号 R7-10-06
    is_whole = bool(features["whole_cell"])
    if number.dispatched:
        features["dispatched"] = float(is_whole and bool(features["near_top"]))
    if features.get("row:title") and not _is_explicit_title(facts, start) and not _is_serial(within.value):
        del features["row:title"]
    if _is_registration(facts, within):
        return None
    if not features.get("dispatched") and not any(name.endswith(_SPEAKS) for name in features):
        return None
    value = within.value.strip(" .:-/")
    return Candidate(value=value, evidence=(span(facts, start, end),), features=features)


def _is_explicit_title(facts: RowFacts, start: int) -> bool:
    """A title in Latin letters, behind which a number follows as behind a label; 請求書 has other things beside it."""
    before = [label for label in facts.labels if label.end <= start]
    return bool(before) and before[-1].wording.isascii()


def _is_serial(number: str) -> bool:
    """It looks like somebody's number by itself: a code, or with noughts before it, as no count and no year has."""
    return is_code(number) or _ZERO_PADDED.fullmatch(number) is not None


def _is_registration(facts: RowFacts, number: PrintedNumber) -> bool:
    """インボイス番号 means the issuer's registration as often as the document's number: 13 digits are the former."""
    if _CORPORATE.fullmatch(number.value) is None:
        return False
    return any(Role.REGISTRATION in label.roles and label.end <= number.start for label in facts.labels)


_GLUED = frozenset({Role.NUMBER})
_LONG_LABEL = 5


def _without_label(facts: RowFacts, number: PrintedNumber) -> PrintedNumber | None:
    """The number without a label that the recogniser joined to it (No123); None where it is a label itself.

    The letters that a number begins with are a part of it (INV0094127), though they mean what a label says.
    """
    text, start, end = facts.row.text, number.start, number.end
    if text[start] == "#":
        start += 1
        number = replace(number, start=start, value=text[start:end])
    for label in facts.labels:
        if not (label.start < end and start < label.end and label.end - label.start > 1):
            continue
        if not label.start <= start < label.end < end:
            if number.dispatched or len(number.value) > label.end - label.start:
                continue
            return None
        is_part = label.start == start and not label.roles & _GLUED and label.end - label.start < _LONG_LABEL
        if is_part and text[label.end : label.end + 1].isdigit() and not label.wording.endswith(("no", "nr")):
            continue
        start = label.end
        while start < end and not text[start].isalnum():
            start += 1
        if not any(character.isdigit() for character in text[start:end]):
            return None
        return replace(number, start=start, value=text[start:end])
    return number


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
    features["near_top"] = float(facts.page.depth(facts.row.extent(start, end)) < _TOP)
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
