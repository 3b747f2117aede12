"""The issuer's phone number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind, FieldName, Span, span
from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.families.phone_owners import begin_of_entry, owner_features
from postprocess_svc.fields.labels import Label
from postprocess_svc.fields.page_index import Extent
from postprocess_svc.fields.values.addresses import is_address
from postprocess_svc.fields.values.folding import has_digits, is_cjk
from postprocess_svc.fields.values.phones import PrintedPhone, find_phones, is_north_american
from postprocess_svc.fields.vocabulary import Role

_NEAR_ROWS = 8
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
_NOT_THE_FIRMS = ("fax", "direct", "other_line")
_PHONE_OR_FAX = frozenset({Role.PHONE, Role.FAX})
_LETTER = re.compile(r"(?<![^\s:,(|/])T[.:]? ?(?=[0(+]\d)")
"""T 03-1234-5678; with more digits behind it, and no nought first, it is a registration number."""
_FAX_LETTER = re.compile(r"(?<![^\s:,(|/)])F[.:]? ?(?=[0(+]\d)")
"""T 03-1234-5678 F 03-1234-5679."""
_BOTH = frozenset({"tel/fax", "tel・fax", "tel & fax", "telfax"})
_ALSO_FAX = re.compile(r"^[\s/|・,]+$")
"""TEL/FAX 03-1234-5678 / 03-1234-5679: the second number is the second label's."""
_MAX_BLOCK_GAP = 3.0
"""Line heights of white above which an address block has ended."""
_CUT_OFF = re.compile(r"(?<!\d)(\(?0\d{1,4}\)?-(?:\d{1,4}-?)?)$")
_GOES_ON = re.compile(r"(?:\d{1,4}-)?\d{3,4}(?![\d-])")


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
            own = [each for each in found if not any(each.features[name] for name in _NOT_THE_FIRMS)]
            found.extend(_in_row(context, facts, chosen, first=not own))
        return found


FAMILY = PhoneFamily()


def _in_row(context: DocumentContext, facts: RowFacts, chosen: Chosen, *, first: bool) -> Iterator[Candidate]:
    text = facts.row.text
    if not facts.has_long_number and (text[-1:] != "-" or not has_digits(text, 2)):
        return  # neither a number nor the first line of one
    speaking = [label for label in facts.labels if label.roles & _PHONE_OR_FAX]
    if (letter := _LETTER.search(text)) is not None:
        said = Label(start=letter.start(), end=letter.end(), roles=frozenset({Role.PHONE}), wording="t")
        speaking.append(said)
    if speaking and (letter := _FAX_LETTER.search(text)) is not None:
        fax = Label(start=letter.start(), end=letter.end(), roles=frozenset({Role.FAX}), wording="f")
        speaking.append(fax)
    speaking.sort(key=lambda label: label.start)
    labelled_from = min((label.end for label in speaking), default=None)
    western = context.language not in {Language.JAPANESE, Language.CHINESE}
    if speaking and text[-1] == "-":
        yield from _cut_off(context, facts, speaking, chosen, first=first)
    named = _named_together(text, speaking)
    previous = end_before = 0
    for phone in find_phones(text, labelled_from=labelled_from, western=western):
        is_second = end_before > 0 and _ALSO_FAX.match(text[end_before : phone.start]) is not None
        previous, end_before, is_first = end_before, phone.end, first and not end_before
        label = next((label for label in reversed(speaking) if label.end <= phone.start), None)
        if label is not None and label in named and not is_second:
            label = named[0]
        if label is None and not _has_phone_shape(context, facts, phone):
            continue
        if any(date.start <= phone.start and phone.end <= date.end and not date.compact for date in facts.dates):
            continue
        features = {
            **_features(context, phone, label, first=is_first),
            **owner_features(facts, phone, previous),
            **_places(context, facts, phone.start, phone.end, chosen),
        }
        if named and is_second:
            features["fax"] = 1.0
        alone = label is None and not text[: phone.start].rpartition("\t")[2].strip(" (")
        if alone and _is_fax_above(context, facts):
            features["fax"] = 1.0
        features["alone"] = float(alone and features.get("near_issuer", 0.0) > 0.0)
        yield Candidate(value=phone.value, evidence=(span(facts, phone.start, phone.end),), features=features)


def _is_fax_above(context: DocumentContext, facts: RowFacts) -> bool:
    """The row above ends with a fax's label, whose number stands in this one."""
    above = context.facts[facts.row.number - 1] if facts.row.number else None
    if above is None or above.row.page != facts.row.page or not above.labels:
        return False
    last = above.labels[-1]
    return Role.FAX in last.roles and not above.row.text[last.end :].strip(" :.")


def _named_together(text: str, speaking: Sequence[Label]) -> Sequence[Label]:
    """TEL/FAX before both numbers, the telephone's first: two labels with a mark between, or one wording for both."""
    for label in speaking:
        if label.roles >= _PHONE_OR_FAX or label.wording in _BOTH:
            return (label,)
    for one, other in pairwise(speaking):
        is_pair = Role.PHONE in one.roles and Role.FAX in other.roles
        if is_pair and _ALSO_FAX.match(text[one.end : other.start] or " "):
            return one, other
    return ()


def _features(context: DocumentContext, phone: PrintedPhone, label: Label | None, *, first: bool) -> dict[str, float]:
    # TEL/FAX: one label for both, or two numbers after "TEL 03-… FAX 03-…".
    is_fax = label is not None and Role.FAX in label.roles and Role.PHONE not in label.roles
    return {
        "labelled": float(label is not None),
        "unlabelled": float(label is None),
        "fax": float(is_fax),
        "international": float(phone.value.startswith("+")),
        "first": float(first),
        "odd_length": float(_has_odd_length(context, phone)),
    }


def _cut_off(
    context: DocumentContext, facts: RowFacts, speaking: list[Label], chosen: Chosen, *, first: bool
) -> Iterator[Candidate]:
    """A number that goes on in the next row: TEL 0120- over 986-814."""
    head = _CUT_OFF.search(facts.row.text)
    number = facts.row.number + 1
    if head is None or number >= len(context.facts) or context.facts[number].row.page != facts.row.page:
        return
    following = context.facts[number]
    rest = _GOES_ON.match(following.row.text)
    label = next((label for label in reversed(speaking) if label.end <= head.start()), None)
    if rest is None or label is None:
        return
    found = find_phones(head[1] + rest[0])
    if len(found) != 1 or found[0].end != len(head[1] + rest[0]):
        return
    phone = replace(found[0], start=head.start(), end=head.end())
    features = {
        **_features(context, phone, label, first=first),
        **owner_features(facts, phone, 0),
        **_places(context, facts, head.start(), head.end(), chosen),
    }
    evidence = (span(facts, head.start(), head.end()), span(following, 0, rest.end()))
    yield Candidate(value=phone.value, evidence=evidence, features=features)


def _has_phone_shape(context: DocumentContext, facts: RowFacts, phone: PrintedPhone) -> bool:
    speaks_from = _speaks_from(facts.row.text, phone.start)
    if any(speaks_from <= label.start < phone.start for label in facts.labels if label.roles & _NOT_PHONES):
        return False
    if not phone.separated or any(date.start < phone.end and phone.start < date.end for date in facts.dates):
        return False
    before = facts.row.text[max(0, phone.start - 2) : phone.start]
    if before.strip() and before[-1].isalnum() and not is_cjk(before[-1]):
        return False
    if context.language is Language.JAPANESE:
        digits = sum(character.isdigit() for character in phone.value)
        return phone.value.startswith(("0", "(0", "+81")) and digits in {10, 11, 12}
    digits = sum(character.isdigit() for character in phone.value)
    if phone.value.startswith("+") or is_north_american(phone.value):
        return True
    return phone.value.startswith(("0", "(0")) and digits >= _NATIONAL_DIGITS


def _speaks_from(text: str, start: int) -> int:
    """Where labels begin that may speak for a number without a telephone's: its cell, or the one before."""
    cell = text.rfind("\t", 0, start) + 1
    if cell and not text[cell:start].strip(" ("):
        return text.rfind("\t", 0, cell - 1) + 1
    return cell


def _has_odd_length(context: DocumentContext, phone: PrintedPhone) -> bool:
    """Japanese numbers have ten digits, eleven for mobile and some service numbers."""
    digits = sum(character.isdigit() for character in phone.value)
    if context.language is Language.JAPANESE and not phone.value.startswith("+"):
        return digits not in {10, 11}
    return digits < 8


def _places(context: DocumentContext, facts: RowFacts, start: int, end: int, chosen: Chosen) -> dict[str, float]:
    """How near the number stands to the parties' names."""
    # The entry counts that a number ends: 本社 〒100-0001 … TEL 03-… begins under the name.
    extent = facts.row.extent(begin_of_entry(facts, start), end)
    near: dict[str, float] = {}
    for feature, field in (("near_issuer", FieldName.ISSUER_NAME), ("recipients", FieldName.RECIPIENT_NAME)):
        choice = chosen.get(field)
        if choice is None:
            continue
        evidence = choice.candidate.evidence[0]
        below = facts.row.number - evidence.row.number
        name = evidence.row.extent(evidence.start, evidence.end)
        aligned = name.overlap_x(extent) > -2 * extent.height
        if field is FieldName.ISSUER_NAME and not aligned:
            aligned = _is_under_address_beside(evidence, extent)
        near[feature] = float(evidence.row.page == facts.row.page and 0 <= below <= _NEAR_ROWS and aligned)
        if field is FieldName.RECIPIENT_NAME and near[feature] and not _is_in_block(context, evidence, facts, extent):
            near[feature] = 0.0
    if near.get("near_issuer"):
        near["recipients"] = 0.0
    return near


def _is_under_address_beside(name: Span, extent: Extent) -> bool:
    """The number stands under the address that is printed to the right of a name."""
    text = name.row.text
    begin = text.find("\t", name.end) + 1
    if not begin:
        return False
    end = text.find("\t", begin)
    end = len(text) if end < 0 else end
    return is_address(text[begin:end]) and name.row.extent(begin, end).overlap_x(extent) > 0


def _is_in_block(context: DocumentContext, name: Span, facts: RowFacts, extent: Extent) -> bool:
    """A number belongs to the block that a name heads: no white parts them, and no amounts stand between."""
    bottom = name.row.extent(name.start, name.end).bottom
    for other in context.facts[name.row.number + 1 : facts.row.number + 1]:
        if not other.row.covers_x_of(extent) and other is not facts:
            continue
        if other.row.top - bottom > _MAX_BLOCK_GAP * extent.height:
            return False
        if any(amount.grouped or amount.currency or amount.decimals for amount in other.amounts) and other is not facts:
            return False
        bottom = other.row.bottom
    return True
