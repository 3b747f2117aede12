"""The issuer's registration number: T and 13 digits, or a VAT id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from postprocess_svc.fields.candidate import Candidate, Choice, Chosen, FieldFamily, FieldKind, FieldName, span
from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.values.folding import read_digits
from postprocess_svc.fields.values.identifiers import (
    REGISTRATION_DIGITS,
    Identifier,
    corporate_number_is_valid,
    find_national_id,
    find_registration_numbers,
    find_vat_ids,
)
from postprocess_svc.fields.vocabulary import Role

_BARE_DIGITS = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,13}(?!\d)")
"""Thirteen, or fourteen where the T was read as one of them."""
_T_AS_DIGIT = frozenset("17")
_DIGITS_ALONE = re.compile(r"[\d .-]{13,}")
_AFTER_NOISE = re.compile(r"(?<=[^\x00-\x7f])[A-Z|:;.](?=T ?\d{4})")
_D_AS_NOUGHT = re.compile(r"(?<![A-Z0-9])[0O]E(?= ?\d{3} ?\d{3} ?\d{3}(?!\d))")
_REACH = 14
"""Characters between a label and the number that it calls a VAT id."""
_RECIPIENT_ROWS = 7
_LEAST_READ = 0.95
_CERTAINTY_AS_PRINTED, _CERTAINTY_MISREAD = 0.6, 0.3
"""Of a number whose check digit fails. With every character read well it is printed so (made up, or somebody's slip):
all such labelled numbers of ``jp-receipts-synth``. With a doubtful one it is a misread number: all of those that the
generator's documents have, whose least certain characters were at 0.60 and 0.89. Neither is one to book unseen."""
_CUSTOMERS = re.compile(
    r"customer|client|buyer|your|kunde|käufer|ihre|acheteur|votre|klant|uw |destinatari|cessionari|comprador|nabyw",
    re.IGNORECASE,
)


class RegistrationFamily(FieldFamily):
    """Proposes everything shaped like a registration number, and what a label calls one."""

    name = "registration_number"
    kind = FieldKind.REGISTRATION_NUMBER
    fields = (FieldName.REGISTRATION_NUMBER,)
    after = (FieldName.RECIPIENT_NAME,)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """T numbers in Japanese documents, VAT ids in others."""
        found = [item for facts in context.facts for item in _in_row(context, facts)]
        counts = Counter(candidate.value for candidate in found)
        recipient = chosen.get(FieldName.RECIPIENT_NAME)
        return [
            Candidate(
                value=candidate.value,
                evidence=candidate.evidence,
                certainty=_certainty(candidate),
                features={
                    **candidate.features,
                    "repeated": float(counts[candidate.value] > 1),
                    "first": float(position == 0),
                    "recipients": max(candidate.features["recipients"], _with_recipient(candidate, recipient)),
                },
            )
            for position, candidate in enumerate(found)
        ]


FAMILY = RegistrationFamily()


def _certainty(candidate: Candidate) -> float:
    if not candidate.features.get("check_failed"):
        return 1.0
    printed, text = candidate.evidence[0], candidate.evidence[0].row.text
    characters = [index for index in range(printed.start, printed.end) if text[index].isalnum()]
    least = min(printed.row.confidence(index, index + 1) for index in characters)
    return _CERTAINTY_AS_PRINTED if least >= _LEAST_READ else _CERTAINTY_MISREAD


def _with_recipient(candidate: Candidate, recipient: Choice | None) -> float:
    """Printed in the recipient's address block."""
    if recipient is None:
        return 0.0
    name, number = recipient.candidate.evidence[0], candidate.evidence[0]
    below = number.row.number - name.row.number
    left = name.row.extent(name.start, name.end)
    own = (
        number.row.extent(0, number.end) if "\t" not in number.row.text else number.row.extent(number.start, number.end)
    )
    aligned = left.overlap_x(own) > 0
    return float(number.row.page == name.row.page and 0 < below <= _RECIPIENT_ROWS and aligned)


def _in_row(context: DocumentContext, facts: RowFacts) -> Iterator[Candidate]:
    text = facts.row.text
    if not facts.has_long_number:
        return
    japanese = find_registration_numbers(text if text.isascii() else _AFTER_NOISE.sub(" ", text))
    for number in japanese:
        features = {"t_number": 1.0, "check_failed": float(not number.valid)}
        yield _candidate(context, facts, number, features)
    label = next((label for label in facts.labels if Role.REGISTRATION in label.roles), None)
    label_end = label.end if label is not None else (0 if _labelled_above(context, facts) else None)
    if context.language is Language.JAPANESE:
        if not japanese and (label is not None or (label_end == 0 and _DIGITS_ALONE.fullmatch(text) is not None)):
            yield from _without_t(context, facts, 0 if label is None else label.end)
        return
    identifiers = find_vat_ids(_D_AS_NOUGHT.sub("DE", text) if label_end is not None else text)
    for identifier in identifiers:
        yield _candidate(context, facts, identifier, {"vat_shape": 1.0})
    for identifier in _of_a_country(facts, below=label is None and label_end is not None):
        if not any(other.start < identifier.end and identifier.start < other.end for other in identifiers):
            features = {"vat_shape": 1.0, "unknown_shape": float(not identifier.valid)}
            yield _candidate(context, facts, identifier, features)


def _of_a_country(facts: RowFacts, *, below: bool) -> Iterator[Identifier]:
    """Numbers that labels call VAT ids, in a form of their country alone: after each label, before the next."""
    text = facts.row.text
    starts = [label.end for label in facts.labels if Role.REGISTRATION in label.roles]
    for start in [0] if below else starts:
        identifier = find_national_id(text, start, reach=_REACH)
        following = next((label.start for label in facts.labels if label.start >= start), len(text))
        if identifier is not None and identifier.start < following:
            yield identifier


def _without_t(context: DocumentContext, facts: RowFacts, label_end: int) -> Iterator[Candidate]:
    """The T before the digits was lost or read as another character: the label says what they are."""
    match = _BARE_DIGITS.search(read_digits(facts.row.text), label_end)
    if match is None:
        return
    digits = re.sub(r"\D", "", match[0])
    if len(digits) > REGISTRATION_DIGITS:
        if digits[0] not in _T_AS_DIGIT or not corporate_number_is_valid(digits[1:]):
            return
        digits = digits[1:]
    identifier = Identifier(
        start=match.start(), end=match.end(), value=f"T{digits}", valid=corporate_number_is_valid(digits)
    )
    features = {"t_number": 1.0, "missing_t": 1.0, "check_failed": float(not identifier.valid)}
    yield _candidate(context, facts, identifier, features)


def _labelled_above(context: DocumentContext, facts: RowFacts) -> bool:
    above = next(context.rows_above(facts), None)
    return above is not None and any(Role.REGISTRATION in label.roles for label in above.labels)


def _candidate(
    context: DocumentContext, facts: RowFacts, identifier: Identifier, features: dict[str, float]
) -> Candidate:
    text = facts.row.text
    labelled = any(Role.REGISTRATION in label.roles and label.end <= identifier.start for label in facts.labels)
    if not labelled:
        features["labelled"] = features["below"] = float(_labelled_above(context, facts))
    else:
        features["labelled"] = 1.0
    features["recipients"] = float(bool(_CUSTOMERS.search(text[: identifier.start])))
    return Candidate(
        value=identifier.value, evidence=(span(facts, identifier.start, identifier.end),), features=features
    )
