"""To whom the document is addressed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import BankDetails, Candidate, Chosen, FieldFamily, FieldKind, FieldName, Span
from postprocess_svc.fields.cells import Cell, column_above, column_below, find_cells
from postprocess_svc.fields.context import DocumentContext, Language
from postprocess_svc.fields.families.addressees import (
    beside_department,
    first_line,
    honorific,
    is_persons_trade,
    line_above,
)
from postprocess_svc.fields.families.broken_names import rest_of_name
from postprocess_svc.fields.families.item_rows import first_item_row
from postprocess_svc.fields.families.name_parts import is_titled_person
from postprocess_svc.fields.families.name_spans import has_form, name_span, name_text, name_value
from postprocess_svc.fields.families.naming import (
    SALUTATION,
    SEPARATORS,
    is_header,
    is_implausible,
    is_sender_line,
    labelled_names,
)
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.addresses import has_town, is_address
from postprocess_svc.fields.vocabulary import NUMBERS_AND_DATES, Role

_SHIP_TO = re.compile(r"ship|merce|deliver|liefer|livraison|waren|納品|届|aflever")
_ATTENTION = ("attn", "attention", "fortheattention", "lattention", "alattention", "zhd", "zuhanden")
_DETACH = re.compile(
    r"detach|tear (?:off|here|along)|return (?:this|the|bottom|lower|upper) (?:\w+ )?(?:part|portion|stub|slip)"
    r"|coupon à détacher|découper|abtrennen|strappare|hier afscheuren"
)
_MAX_TOWN_LINE = 45
_NO_BLOCK = NUMBERS_AND_DATES | {Role.DATE, Role.ISSUER, Role.RECIPIENT}
_PHONES = frozenset({Role.PHONE, Role.FAX})
_PHONE_ALONE = re.compile(r"[+(]?\d[\d ()./-]{7,18}")
_BANK = re.compile(r"bank|banque|sparkasse|institut|caisse|crédit", re.IGNORECASE)
_UPPER = 0.45
_FOOT = 0.8
_BOTH_PARTIES = 2
_OTHERS = frozenset({Role.HOLDER, Role.HOLDER_READING, Role.BANK, Role.ISSUER})
"""Labels of names that are not the recipient's."""


class RecipientFamily(FieldFamily):
    """Proposes names with an honorific, under a label, and at the head of an address."""

    name = "recipient"
    kind = FieldKind.TEXT
    fields = (FieldName.RECIPIENT_NAME,)
    after = (FieldName.BANK_ACCOUNTS,)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Candidates for the recipient's name; who is paid into the account is none."""
        payee = _payee(chosen)
        candidates = list(_recipients(context))
        if not payee:
            return candidates
        if not any(_is_firm(candidate) and not _is_of(candidate, payee) for candidate in candidates):
            return candidates
        return [
            replace(candidate, features={**candidate.features, "payee": 1.0})
            if _is_of(candidate, payee) and not _is_labelled(candidate)
            else candidate
            for candidate in candidates
        ]


FAMILY = RecipientFamily()


def _payee(chosen: Chosen) -> str:
    """The account's holder, as names are compared; empty where none is printed."""
    choice = chosen.get(FieldName.BANK_ACCOUNTS)
    details = None if choice is None else choice.candidate.value
    return names.comparable(details.holder or "") if isinstance(details, BankDetails) else ""


def _is_of(candidate: Candidate, payee: str) -> bool:
    return names.comparable(str(candidate.value)) == payee


def _is_labelled(candidate: Candidate) -> bool:
    """Called the recipient at the head of the document; below, To: stands over the payee of a payment slip."""
    said = any(candidate.features.get(name) for name in ("labelled_row", "labelled_below"))
    return said and bool(candidate.features.get("upper_half"))


def _is_firm(candidate: Candidate) -> bool:
    """Somebody else to whom the document may be addressed."""
    name, features = str(candidate.value), candidate.features
    is_known = bool(features.get("address_block")) or has_form(name) or names.has_trade_word(name)
    return not features.get("implausible") and is_known


def _recipients(context: DocumentContext) -> Iterator[Candidate]:
    blocks = 0
    letters = context.language is not Language.JAPANESE and context.document_type is not DocumentType.RECEIPT
    if letters:
        yield from _other_firm(context)
    for row in context.shared(find_cells):
        for position, cell in enumerate(row):
            if not cell.has_letters:
                continue
            firm = beside_department(row, position)
            if firm is None:
                yield from _honoured(context, row, position)
            else:
                yield from _whole(context, firm, {"honorific_company": 1.0})
            for found, relation, wording in labelled_names(context, row, position, Role.RECIPIENT):
                features = {
                    f"labelled_{relation}": 1.0,
                    "ship_to": float(bool(_SHIP_TO.search(wording))),
                    "attention": float(wording.startswith(_ATTENTION)),
                }
                yield from _candidate(context, *found, features)
            if letters:
                for candidate in _addressed(context, cell, first=blocks == 0):
                    blocks += 1
                    yield candidate


def _honoured(context: DocumentContext, row: list[Cell], position: int) -> Iterator[Candidate]:
    """Names before 御中, 様 and 殿: in the cell, in the cell before it, or in the line above."""
    cell = row[position]
    match = honorific(cell.text)
    if match is None:
        return
    feature = "honorific_company" if match[1] == "御中" else "honorific_person"
    name = cell.text[: match.start()]
    above = line_above(context, cell)
    if not name.strip():
        if position and row[position - 1].extent.right > cell.extent.left - 12 * cell.extent.height:
            yield from _before_honorific(context, row[position - 1], {feature: 1.0})
        elif above is not None:
            yield from _before_honorific(context, above, {feature: 1.0})
        return
    if names.is_japanese_form_alone(name.strip()):
        yield from _before_honorific(context, cell, {feature: 1.0})
        return
    if not names.is_name_before_honorific(name):
        return
    company = None
    while above is not None and names.DEPARTMENT.search(above.text) and not names.has_japanese_form(above.text):
        above = line_above(context, above)
    if above is not None and not names.has_japanese_form(name):
        is_department = names.is_department(name.strip())
        is_persons = is_titled_person(name.strip()) or is_persons_trade(above, cell, match.start())
        if names.has_japanese_form(above.text) or is_department or is_persons:
            company = above if honorific(above.text) is None else None
            yield from _whole(context, first_line(context, above), {feature: 1.0})
        if is_department:
            return
    elif names.is_department(name.strip()) and not names.has_japanese_form(name):
        return
    piece = name_span(cell, end=cell.start + len(names.without_department(name)))
    if piece is not None:
        is_below = company is not None or is_titled_person(name_text(piece))
        features = {feature: 1.0, "person_below_company": float(is_below)}
        yield from _candidate(context, cell, piece, features)


def _before_honorific(context: DocumentContext, cell: Cell, features: dict[str, float]) -> Iterator[Candidate]:
    """The name in a cell, or over it where the cell has its legal form alone: ヤマダ, and 株式会社 御中 below."""
    text = names.HONORIFIC.sub("", cell.text)
    if not names.is_japanese_form_alone(text):
        yield from _whole(context, cell, features)
        return
    for above in column_above(context, cell, limit=1, max_gap=1.2):
        rest = rest_of_name(context, above, above.text)
        if rest is not None and rest.cell is cell:
            yield from _whole(context, above, features)


def _addressed(context: DocumentContext, cell: Cell, *, first: bool) -> Iterator[Candidate]:
    """The first line of an address block: the lines above a postcode and town."""
    if len(cell.text) > _MAX_TOWN_LINE or not has_town(cell.text) or is_sender_line(cell.text):
        return
    lines: list[Cell] = []
    under_sender = False
    for other in column_above(context, cell, limit=6, max_gap=1.0):
        if is_sender_line(other.text):
            under_sender = True
            break
        if ":" in other.text:
            if any(label.roles & _NO_BLOCK and other.start <= label.start < other.end for label in other.facts.labels):
                break
            continue  # Syndic : Cabinet Morel
        lines.append(other)
    salutation = next((line for line in lines if SALUTATION.match(line.text)), None)
    if salutation is not None:
        lines = lines[: lines.index(salutation)]
    if not lines or _is_issuers(context, lines[-1]):
        return
    below = column_below(context, cell, limit=4, max_gap=1.0)
    at_top = cell.facts.page.depth(lines[-1].extent) < _FOOT
    features = {
        "address_block": 1.0,
        "letter_window": float(under_sender),
        "salutation": float(salutation is not None),
        "left_half": float(cell.facts.page.side(lines[-1].extent) < 0.5),
        "first_block": float(first and not under_sender and salutation is None),
        "later_block": float(not first and not under_sender),
        "contact_in_block": float(any(_is_own_contact(other) for other in below)),
        "on_stub": float(_is_on_stub(context, lines[-1])),
    }
    for candidate in _whole(context, lines[-1], features):
        named = len(lines) > 1 and at_top and is_address(name_text(candidate.evidence[0])) and is_address(lines[0].text)
        # VvE Oudegracht 214-230 over Oudegracht 222: a house's owners are called after it.
        yield replace(candidate, features={**candidate.features, "implausible": 0.0}) if named else candidate


def _is_on_stub(context: DocumentContext, cell: Cell) -> bool:
    """Below the line to cut along, and named nowhere else: who sends the payment; the payee stands in the head too."""
    cut = context.shared(_cutting_row)
    if cut is None or cell.facts.row.number <= cut:
        return False
    return context.ends.count(cell.text) <= 1


def _cutting_row(context: DocumentContext) -> int | None:
    """Number of the row that says to detach what is below it and to send it with the payment."""
    if _DETACH.search(context.text.lower()) is None:
        return None
    rows = (facts.row for facts in context.facts)
    return next((row.number for row in rows if _DETACH.search(row.text.lower()) is not None), None)


def _other_firm(context: DocumentContext) -> Iterator[Candidate]:
    """The one firm in the upper half that does not name itself a second time, where there is an issuer beside it.

    A page may give the recipient as a name alone, without label or address; issuers come again in the account or foot.
    """
    rows = context.shared(find_cells)
    header = next((number for number, row in enumerate(rows) if row and is_header(row[0])), len(rows))
    firms = [
        (cell, piece)
        for row in rows
        for cell in row
        if cell.facts.row.number < header
        and cell.text[0].isupper()
        and cell.facts.row.page == context.pages[0].number
        and cell.facts.page.depth(cell.extent) < _UPPER
        and not is_sender_line(cell.text)
        and not any(label.roles & _OTHERS and label.start == cell.start for label in cell.facts.labels)
        and (piece := name_span(cell, start=cell.start)) is not None
        and (names.has_latin_form(name_text(piece)) or names.has_trade_word(name_text(piece)))
        and not any(map(str.isdigit, name_text(piece)))
        and _BANK.search(name_text(piece)) is None
        and not is_implausible(context, cell, piece)
    ]
    if len({name_value(piece) for _, piece in firms}) != _BOTH_PARTIES:
        return
    once = [(cell, piece) for cell, piece in firms if context.ends.count(name_text(piece)) == 1]
    if len(once) == 1:
        yield from _candidate(context, *once[0], {"other_firm": 1.0})


def _after_label(cell: Cell) -> int | None:
    """Where a name begins in a cell that begins with a recipient's label, as in "Client Highfield Media"."""
    label = next((label for label in cell.facts.labels if label.start == cell.start), None)
    if label is None or Role.RECIPIENT not in label.roles or label.end >= cell.end:
        return None
    rest = cell.facts.row.text[label.end : cell.end].lstrip(" :.")
    return cell.end - len(rest) if rest[:1].isupper() and " " in rest else None


def _is_issuers(context: DocumentContext, cell: Cell) -> bool:
    """The block is labelled the issuer's: From, Remit to, Lieferant."""
    above = column_above(context, cell, limit=1, max_gap=1.0)
    return any(
        Role.ISSUER in label.roles and other.start <= label.start <= other.start + 1
        for other in (cell, *above)
        for label in other.facts.labels
    )


def _is_own_contact(cell: Cell) -> bool:
    """A phone, mail or web address, which letterheads carry and addressees do not; a VAT id both have."""
    if SEPARATORS.match(cell.text):
        return False
    if names.is_web(cell.text) or _PHONE_ALONE.fullmatch(cell.text) is not None:
        return True
    return any(label.roles & _PHONES and cell.start <= label.start < cell.end for label in cell.facts.labels)


def _whole(context: DocumentContext, cell: Cell, features: dict[str, float]) -> Iterator[Candidate]:
    piece = name_span(cell, start=_after_label(cell))
    if piece is not None:
        yield from _candidate(context, cell, piece, features)


def _candidate(context: DocumentContext, cell: Cell, piece: Span, features: dict[str, float]) -> Iterator[Candidate]:
    name, value = name_text(piece), name_value(piece)
    evidence: tuple[Span, ...] = (piece,)
    rest = rest_of_name(context, cell, name)
    if rest is None and names.is_japanese_form_alone(name):
        return
    if rest is not None:
        value, evidence = f"{value}{rest.joint}{name_value(rest.piece)}", (piece, rest.piece)
    yield Candidate(
        value=value,
        evidence=evidence,
        features={
            **features,
            "company_form": float(rest is not None or has_form(name)),
            "foot": float(cell.facts.page.depth(cell.extent) > _FOOT),
            "in_items": float(cell.facts.row.number >= context.shared(first_item_row)),
            "upper_half": float(cell.facts.page.depth(cell.extent) < 0.5),
            "implausible": float(is_implausible(context, cell, piece)),
            "repeated": float(context.ends.count(name) > 1),
        },
    )
