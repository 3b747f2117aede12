"""Accounts named by an IBAN, and those of countries without, where a label says what the number is."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.accounts.latin_names import BANK_WORD, holder_without_label, parts, without_stop
from postprocess_svc.fields.candidate import BankDetails, Candidate, span
from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.labels import Label
from postprocess_svc.fields.values.identifiers import find_ibans
from postprocess_svc.fields.vocabulary import Role, wordings

_LATIN_BANK = re.compile(
    r"(?<![A-Za-z])(?:Bank|Banque|Kreditinstitut|Geldinstitut|Établissement(?: bancaire)?|Domiciliation(?: bancaire)?|"
    r"Banca|Banco)(?: ?name)?\s*[:\t]\s*([^\t:,;|]{3,40})",
    re.IGNORECASE,
)
_KIND_BEFORE = re.compile(r"^(?:\w*[Ii]nst\w{2,4}t|Établissement|Domiciliation)\s+")
"""Geldinstitut, Kreditinstitut, however they were read."""


_HEAD = re.compile(r"([A-Za-z]{8,16})\s*[.:;]\s*(?=[A-ZÄÖÜÉ])")
_STOP_FOR_SPACE = re.compile(r"(?<=[a-z]{2})\.(?=[A-Z][a-z]{2})")
_OUR_BANK = re.compile(r"(?:unsere|our|notre|votre|onze|ihre|your)\b", re.IGNORECASE)


def iban_accounts(context: DocumentContext) -> Iterator[Candidate]:
    """Every IBAN, with the bank and the holder printed near it."""
    for facts in context.facts:
        text = facts.row.text
        if not facts.has_long_number:
            continue
        label = next((label for label in facts.labels if Role.IBAN in label.roles), None)
        labelled_from = label.end if label is not None else (0 if _labelled_above(context, facts) else None)
        for iban in find_ibans(text, labelled_from=labelled_from):
            details = BankDetails(
                bank=_bank_near(context, facts),
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


def _bank_near(context: DocumentContext, facts: RowFacts) -> str | None:
    """The bank's name as printed near the IBAN; a BIC is none."""
    around = _surroundings(context, facts)
    for other in around:
        match = _LATIN_BANK.search(other.row.text)
        if match is not None and not any(map(str.isdigit, match[1])) and not _is_other_column(other, match):
            return match[1].strip(" -.")
    for other in around:
        match = BANK_WORD.search(other.row.text)
        if (
            match is not None
            and len(match[0]) > 6
            and not _OUR_BANK.match(match[0])
            and ":" not in other.row.text[match.end() : match.end() + 2]
        ):
            return _KIND_BEFORE.sub("", match[0].strip(" -."))
    return None


def _is_other_column(facts: RowFacts, match: re.Match[str]) -> bool:
    """What follows a tab is a label itself: another column's."""
    at = match.start(1)
    return "\t" in match[0][: at - match.start()] and any(
        label.start == at and not label.roles & {Role.BANK, Role.BIC} for label in facts.labels
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
    rest = facts.row.text[at:].lstrip(" :.\t")
    holder = _STOP_FOR_SPACE.sub(" ", re.split(r"[\t,;|]|\s{2,}", rest)[0].strip())
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


_ACCOUNT = re.compile(r"[A-Z]{0,2}\d(?:[ -]?\d){5,19}(?!\d)")


_SAID_ACCOUNT = re.compile(
    r"(?<![A-Za-z])(?:account|acct|a/c|konto|compte)(?:[ -]?(?:no|number|nr|nummer|n°)\.?)?\s*:?\s+(?=\d)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{6,12}\.?")


def labelled_accounts(context: DocumentContext) -> Iterator[Candidate]:
    """Accounts of countries without IBAN: a label or a word says what the number is, or it stands beside its bank."""
    if context.language is Language.JAPANESE:
        return
    for facts in context.facts:
        if not facts.has_long_number:
            continue
        match = _labelled_number(context, facts) or _number_beside_bank(facts)
        if match is None or find_ibans(match[0]):
            continue
        details = BankDetails(
            bank=_bank_near(context, facts),
            branch=None,
            type=None,
            number=re.sub(r"[ -]", "", match[0]),
            holder=_holder_near(context, facts, match.start()),
        )
        features = {"labelled_number": 1.0, "bank": float(details.bank is not None), "account_word": 1.0}
        yield Candidate(value=details, evidence=(span(facts, match.start(), match.end()),), features=features)


def _labelled_number(context: DocumentContext, facts: RowFacts) -> re.Match[str] | None:
    label = next((label for label in facts.labels if _names_account(context, facts, label)), None)
    match = None if label is None else _ACCOUNT.search(facts.row.text, label.end)
    return match if match is not None and label is not None and match.start() - label.end <= 4 else None


def _number_beside_bank(facts: RowFacts) -> re.Match[str] | None:
    """Borough Bank · Acme Inc. · 20485305, or: please pay …, Borough Bank, account 20485305."""
    text = facts.row.text
    if BANK_WORD.search(text) is None:
        return None
    said = _SAID_ACCOUNT.search(text)
    if said is not None:
        return _ACCOUNT.match(text, said.end())
    numbers = [part.strip() for part in parts(text) if _DIGITS.fullmatch(part.strip())]
    return re.compile(re.escape(numbers[0].rstrip("."))).search(text) if len(numbers) == 1 else None
