"""The issuer's phone number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, span
from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.values.phones import PrintedPhone, find_phones
from postprocess_svc.fields.vocabulary import Role

_NEAR_ROWS = 8


class PhoneFamily(FieldFamily):
    """Proposes phone numbers, labelled or recognisable by their shape."""

    name = "phone"
    kind = FieldKind.PHONE
    fields = (FieldName.PHONE,)
    after = (FieldName.ISSUER_NAME, FieldName.RECIPIENT_NAME)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Phone numbers with their distance to the issuer's name."""
        found: list[Candidate] = []
        for facts in context.facts:
            found.extend(_in_row(context, facts, chosen, first=not found))
        return found


FAMILY = PhoneFamily()


def _in_row(context: DocumentContext, facts: RowFacts, chosen: Chosen, *, first: bool) -> Iterator[Candidate]:
    speaking = [label for label in facts.labels if label.roles & {Role.PHONE, Role.FAX}]
    labelled_from = min((label.end for label in speaking), default=None)
    text = facts.row.text
    western = context.language not in {Language.JAPANESE, Language.CHINESE}
    for phone in find_phones(text, labelled_from=labelled_from, western=western):
        label = next((label for label in reversed(speaking) if label.end <= phone.start), None)
        if label is None and not _has_phone_shape(context, facts, phone):
            continue
        is_fax = label is not None and Role.FAX in label.roles and Role.PHONE not in label.roles
        # TEL/FAX: one label for both, or two numbers after "TEL 03-… FAX 03-…".
        features = {
            "labelled": float(label is not None),
            "unlabelled": float(label is None),
            "fax": float(is_fax),
            "international": float(phone.value.startswith("+")),
            "first": float(first),
            "odd_length": float(_has_odd_length(context, phone)),
            **_places(facts, phone, chosen),
        }
        yield Candidate(value=phone.value, evidence=(span(facts, phone.start, phone.end),), features=features)


def _has_phone_shape(context: DocumentContext, facts: RowFacts, phone: PrintedPhone) -> bool:
    if any(label.end <= phone.start for label in facts.labels if label.roles & _NOT_PHONES):
        return False
    if not phone.separated:
        return False
    before = facts.row.text[max(0, phone.start - 2) : phone.start]
    if before.strip() and before[-1].isalnum():
        return False
    if context.language is Language.JAPANESE:
        digits = sum(character.isdigit() for character in phone.value)
        return phone.value.startswith(("0", "(0", "+81")) and digits in {10, 11, 12}
    if any(date.start < phone.end and phone.start < date.end for date in facts.dates):
        return False
    digits = sum(character.isdigit() for character in phone.value)
    return phone.value.startswith("+") or (phone.value.startswith(("0", "(0")) and digits >= _NATIONAL_DIGITS)


_NATIONAL_DIGITS = 9
_NOT_PHONES = frozenset(
    {
        Role.INVOICE_NUMBER,
        Role.NUMBER,
        Role.OTHER_NUMBER,
        Role.REGISTRATION,
        Role.ACCOUNT_NUMBER,
        Role.IBAN,
        Role.TAX_NUMBER,
    }
)


def _has_odd_length(context: DocumentContext, phone: PrintedPhone) -> bool:
    """Japanese numbers have ten digits, eleven for mobile and some service numbers."""
    digits = sum(character.isdigit() for character in phone.value)
    if context.language is Language.JAPANESE and not phone.value.startswith("+"):
        return digits not in {10, 11}
    return digits < 8


def _places(facts: RowFacts, phone: PrintedPhone, chosen: Chosen) -> dict[str, float]:
    """How near the number stands to the parties' names."""
    extent = facts.row.extent(phone.start, phone.end)
    near: dict[str, float] = {}
    for feature, field in (("near_issuer", FieldName.ISSUER_NAME), ("recipients", FieldName.RECIPIENT_NAME)):
        choice = chosen.get(field)
        if choice is None:
            continue
        evidence = choice.candidate.evidence[0]
        below = facts.row.number - evidence.row.number
        aligned = evidence.row.extent(evidence.start, evidence.end).overlap_x(extent) > -2 * extent.height
        near[feature] = float(evidence.row.page == facts.row.page and 0 <= below <= _NEAR_ROWS and aligned)
    if near.get("near_issuer"):
        near["recipients"] = 0.0
    return near
