"""Accounts named by an IBAN, and those of countries without, where a label says what the number is."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.accounts.latin_names import BANK_WORD, holder_without_label, own_column, parts, without_stop
from postprocess_svc.fields.accounts.romanised import branch_near, find_typed, type_near
from postprocess_svc.fields.candidate import BankDetails, Candidate, span
from postprocess_svc.fields.cells import find_cells
from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.labels import Label
from postprocess_svc.fields.values.identifiers import find_ibans
from postprocess_svc.fields.vocabulary import Role, wordings

_LATIN_BANK = re.compile(
    r"(?<![A-Za-z])(?:Bank|Banque|Kreditinstitut|Geldinstitut|Établissement(?: bancaire)?|Domiciliation(?: bancaire)?|"
    r"Banca(?: d'appoggio)?|Banco)(?: ?name)?\s*[:\t]\s*([^\t:;|]{3,60})",
    re.IGNORECASE,
)
_KIND_BEFORE = re.compile(r"^(?:\w*[Ii]nst\w{2,4}t|Établissement|Domiciliation)\s+")
"""Geldinstitut, Kreditinstitut, however they were read."""


_CODE = re.compile(r"\s*\([^()]*\)\s*$")
"""Mizuho Bank (0001)."""
_LEAD = re.compile(r"^(?:Beneficiary|Our|The beneficiary'?s?) (?=Bank)")
_NO_BANK = re.compile(
    r"^(?:bank|banque|banca|banco)$|bank (?:transfer|details|account|name|charges)"
    r"|(?:Transfer|Details|Charges|Account)$",
    re.IGNORECASE,
)
_LEAST_BANK = 3
_OF_ALL = re.compile(
    r"^(?:for (?:both|all|either)(?: accounts?)?|für (?:beide|alle)(?: Konten)?|pour les deux(?: comptes)?)\s*:?\s*",
    re.IGNORECASE,
)
_LEAST_SENTENCE, _TAIL = 6, 60
"""Letters before a number that make it the middle of a line; characters of the line above that may name its bank."""
_NOT_A_NAME = re.compile(r"(?:bank|address|account|reference)\b", re.IGNORECASE)
"""Beneficiary bank: …"""
_HEAD = re.compile(r"([A-Za-z]{8,16})\s*[.:;]\s*(?=[A-ZÄÖÜÉ])")
_STOP_FOR_SPACE = re.compile(r"(?<=[a-z]{2})\.(?=[A-Z][a-z]{2})")
_OUR_BANK = re.compile(r"(?:unsere|our|notre|votre|onze|ihre|your)\b", re.IGNORECASE)


_SAY_IBAN = frozenset({Role.IBAN, Role.BANK})
"""Bankverbindung DE02 …"""


def iban_accounts(context: DocumentContext) -> Iterator[Candidate]:
    """Every IBAN, with the bank and the holder printed near it."""
    for facts in context.facts:
        text = facts.row.text
        if not facts.has_long_number:
            continue
        label = next((label for label in facts.labels if label.roles & _SAY_IBAN), None)
        labelled_from = label.end if label is not None else (0 if _labelled_above(context, facts) else None)
        for iban in find_ibans(text, labelled_from=labelled_from):
            details = BankDetails(
                bank=_bank_near(context, facts, iban.start),
                branch=None,
                type=AccountType.IBAN,
                number=iban.value,
                holder=_holder_near(context, facts, iban.start),
            )
            features = {"iban_valid": float(iban.valid), "iban_labelled": float(not iban.valid)}
            yield Candidate(value=details, evidence=(span(facts, iban.start, iban.end),), features=features)


def _labelled_above(context: DocumentContext, facts: RowFacts) -> bool:
    above = next(context.rows_above(facts), None)
    return above is not None and any(Role.IBAN in label.roles for label in above.labels)


def _surroundings(context: DocumentContext, facts: RowFacts) -> list[RowFacts]:
    """The IBAN's row, then the rows around it, nearest first."""
    rows = context.facts
    own = facts.row.number
    around = [own, own - 1, own + 1, own - 2, own + 2, own - 3, own + 3]
    return [rows[number] for number in around if 0 <= number < len(rows) and rows[number].row.page == facts.row.page]


def _bank_near(context: DocumentContext, facts: RowFacts, at: int) -> str | None:
    """The bank's name as printed near the number: in its own cell or column, else in the rows around; a BIC is none."""
    if (named := _bank_before(context, facts, at) or _bank_by_place(context, facts, at)) is not None:
        return named
    for cell in own_column(context, facts, at):
        if (named := _bank_within(cell.text)) is not None:
            return named
    around = _surroundings(context, facts)
    for other in around:
        match = _LATIN_BANK.search(other.row.text)
        if match is None or _is_other_column(other, match):
            continue
        name = without_stop(parts(_CODE.sub("", match[1]))[0].strip(" -")) if match[1].strip() else ""
        if len(name) > _LEAST_BANK and not any(map(str.isdigit, name)):
            return name
    return next((named for other in around if (named := _bank_within(other.row.text)) is not None), None)


def _bank_before(context: DocumentContext, facts: RowFacts, at: int) -> str | None:
    """The last bank named before the number in its row, or at the end of the row above where a sentence goes on."""
    own = facts.row.text[:at]
    if (named := _bank_within(own, last=True)) is not None or sum(map(str.isalpha, own)) > _LEAST_SENTENCE:
        return named
    above = next(context.rows_above(facts), None)
    tail = "" if above is None or "\t" in above.row.text else above.row.text[-_TAIL:]
    return None if find_ibans(tail) else _bank_within(tail, last=True) if tail.endswith(_named_at_end(tail)) else None


def _named_at_end(text: str) -> str:
    """The last bank's name of a text, or what no text ends in."""
    return _bank_within(text, last=True) or "\n"


def _bank_by_place(context: DocumentContext, facts: RowFacts, at: int) -> str | None:
    """A bank whose name says nothing of it: it begins the row of a list whose other rows begin with banks."""
    rows = context.shared(find_cells)
    number = facts.row.number
    first = rows[number][0]
    is_name = first.end <= at and not any(map(str.isdigit, first.text)) and ":" not in first.text and first.has_letters
    if not is_name or any(first.start <= label.start < first.end for label in facts.labels):
        return None
    for other in (rows[n][0] for n in (number - 1, number + 1) if 0 <= n < len(rows) and rows[n]):
        is_list = (
            other.facts.row.page == facts.row.page and abs(other.extent.left - first.extent.left) < first.extent.height
        )
        heads = any(Role.BANK in label.roles and label.start == other.start for label in other.facts.labels)
        if is_list and len(rows[other.facts.row.number]) > 1 and (heads or _bank_within(other.text) == other.text):
            return first.text
    return None


def _bank_within(text: str, *, last: bool = False) -> str | None:
    """A bank by the word or brand that its name has, anywhere in a text: the first, or the last."""
    found = list(BANK_WORD.finditer(text))
    for match in reversed(found) if last else found:
        name = _KIND_BEFORE.sub("", _LEAD.sub("", match[0])).strip(" -")
        is_label = ":" in text[match.end() : match.end() + 2] or _OUR_BANK.match(name) is not None
        if not is_label and len(name) >= _LEAST_BANK and _NO_BANK.search(name) is None:
            return without_stop(name)
    return None


def _is_other_column(facts: RowFacts, match: re.Match[str]) -> bool:
    """What follows a tab is a label itself: another column's."""
    at = match.start(1)
    return "\t" in match[0][: at - match.start()] and any(
        label.start == at
        and not label.roles & {Role.BANK, Role.BIC}
        and facts.row.text[label.end : label.end + 1] in {"", ":", "\t"}
        for label in facts.labels
    )


def _holder_near(context: DocumentContext, facts: RowFacts, at: int) -> str | None:
    for other in _surroundings(context, facts):
        for label in other.labels:
            if Role.HOLDER not in label.roles:
                continue
            holder = _name_after(other, label.end)
            if holder is not None:
                return holder
    for other in _surroundings(context, facts):
        head = _HEAD.match(other.row.text)
        if head is not None and _is_nearly_holder(head[1].lower()):
            return _name_after(other, head.end())
    return holder_without_label(context, facts, at)


def _name_after(facts: RowFacts, at: int) -> str | None:
    """What a holder's label is followed by, with the space that was read as a full stop."""
    rest = _OF_ALL.sub("", facts.row.text[at:].lstrip(" :.\t"))
    if _NOT_A_NAME.match(rest) is not None:
        return None
    name = next(iter(parts(re.split(r"[\t;|]|\s{2,}", rest)[0])), "")
    holder = _STOP_FOR_SPACE.sub(" ", name.strip())
    return without_stop(holder) if sum(map(str.isalpha, holder)) >= 3 else None


def _is_nearly_holder(word: str) -> bool:
    """A holder's label with one letter misread (Kontointaber)."""
    same_length = (wording for wording in wordings()[Role.HOLDER] if len(wording) == len(word))
    return any(sum(map(operator.ne, wording, word)) == 1 for wording in same_length)


_MAYBE_ACCOUNT = re.compile(r"ac+(?:oun)?t?no|a/c|account|acct")


def _names_account(context: DocumentContext, facts: RowFacts, label: Label) -> bool:
    """Whether a label names a bank account; a bare "account no" does beside a bank's name or code, not elsewhere."""
    if Role.ACCOUNT_NUMBER in label.roles:
        return True
    if Role.OTHER_NUMBER not in label.roles or _MAYBE_ACCOUNT.match(label.wording) is None:
        return False
    around = _surroundings(context, facts)
    return any(other.roles & {Role.BANK, Role.BIC} for near in around for other in near.labels)


_ACCOUNT = re.compile(r"(?P<number>[A-Z]{0,2}\d(?:[ -]?\d){5,19})(?!\d)")
_SORT_CODE = re.compile(
    r"(?<!\d)(?P<sort>\d{2}-\d{2}-\d{2})[\s,;/|·]*(?:(?:account|acct|acc|a/c)(?: ?(?:no|number))?\.?:?\s*)?"
    r"(?P<number>\d{8})(?!\d)",
    re.IGNORECASE,
)
"""British: the bank's branch by six digits, then the account by eight."""


_SAID_ACCOUNT = re.compile(
    r"(?<![A-Za-z])(?:account|acct|acc|a/c|konto|compte)(?:[ -]?(?:no|number|nr|nummer|n°)\.?)?\s*:?\s+(?=\d)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{6,12}\.?")


def labelled_accounts(context: DocumentContext) -> Iterator[Candidate]:
    """Accounts of countries without IBAN: a label or a word says what the number is, or it stands beside its bank.

    Among them Japanese ones on pages in English, which have a branch and a type.
    """
    is_japanese = context.language is Language.JAPANESE
    for facts in context.facts:
        if not facts.has_long_number:
            continue
        typed = find_typed(facts.row.text)
        match = None if typed is None else typed.match
        if match is None and not is_japanese:
            match = _SORT_CODE.search(facts.row.text) or _labelled_number(context, facts) or _number_beside_bank(facts)
        if match is None or find_ibans(match[0]):
            continue
        at = match.start("number")
        near = [other.row.text for other in _surroundings(context, facts)]
        kind = type_near(near) if typed is None else typed.type
        bank = _bank_near(context, facts, at)
        if is_japanese and bank is None:
            continue
        details = BankDetails(
            bank=bank,
            branch=branch_near(near, is_typed=kind is not None),
            type=kind,
            number=re.sub(r"[ -]", "", match["number"]) if typed is None else typed.number,
            holder=_holder_near(context, facts, at),
        )
        features = {
            "labelled_number": 1.0,
            "bank": float(details.bank is not None),
            "branch": float(details.branch is not None),
            "type": float(details.type is not None),
            "sort_code": float("sort" in match.groupdict() and match["sort"] is not None),
            "account_word": 1.0,
        }
        yield Candidate(value=details, evidence=(span(facts, at, match.end("number")),), features=features)


def _labelled_number(context: DocumentContext, facts: RowFacts) -> re.Match[str] | None:
    label = next((label for label in facts.labels if _names_account(context, facts, label)), None)
    match = None if label is None else _ACCOUNT.search(facts.row.text, label.end)
    return match if match is not None and label is not None and match.start() - label.end <= 4 else None


def _number_beside_bank(facts: RowFacts) -> re.Match[str] | None:
    """Borough Bank · Acme Inc. · 20485305, or: please pay …, Borough Bank, account 20485305."""
    text = facts.row.text
    has_bank = BANK_WORD.search(text) is not None
    said = _SAID_ACCOUNT.search(text)
    if said is not None and (has_bank or any(Role.BIC in label.roles for label in facts.labels)):
        return _ACCOUNT.match(text, said.end())
    numbers = [part.strip() for part in parts(text) if _DIGITS.fullmatch(part.strip())] if has_bank else []
    if len(numbers) != 1:
        return None
    return re.compile(rf"(?P<number>{re.escape(numbers[0].rstrip('.'))})").search(text)
