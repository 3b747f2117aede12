"""Bank accounts to pay into: Japanese ones with bank, branch, type, number and holder; ゆうちょ; IBAN."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.accounts.blocks import block_accounts
from postprocess_svc.fields.accounts.latin import iban_accounts, labelled_accounts
from postprocess_svc.fields.accounts.real_banks import is_real_bank
from postprocess_svc.fields.accounts.tables import table_accounts
from postprocess_svc.fields.candidate import BankDetails, Candidate, Chosen, FieldFamily, FieldKind, FieldName
from postprocess_svc.fields.context import DocumentContext

_LEAST_NATIONAL = 6


class BankFamily(FieldFamily):
    """Proposes every account whose number is printed."""

    name = "bank_accounts"
    kind = FieldKind.ACCOUNTS
    fields = (FieldName.BANK_ACCOUNTS,)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Accounts of tables and in reading order, then IBANs; each account once, as its fullest mention has it."""
        unique: defaultdict[str, list[tuple[BankDetails, Candidate]]] = defaultdict(list)
        for candidate in (
            *table_accounts(context),
            *block_accounts(context),
            *iban_accounts(context),
            *labelled_accounts(context),
        ):
            details = candidate.value
            if not isinstance(details, BankDetails):
                continue
            same_number = unique[details.number]
            place = next((at for at, (known, _) in enumerate(same_number) if _are_one(known, details)), None)
            if place is None:
                same_number.append((details, candidate))
            elif _parts(details) > _parts(same_number[place][0]):
                same_number[place] = details, candidate
        pieces = _pieces(unique)
        ibans = [number for number, found in unique.items() if found[0][0].type is AccountType.IBAN]
        return [
            each
            for number, found in unique.items()
            if number not in pieces and not _is_within(number, ibans)
            for _, each in found
        ]


def _are_one(one: BankDetails, other: BankDetails) -> bool:
    """Two mentions of an account with the same number: at one bank; two banks may give out the same."""
    if one.bank is None or other.bank is None or one.bank in other.bank or other.bank in one.bank:
        return True
    if is_real_bank(one.bank) and is_real_bank(other.bank):
        return False
    # One of the two may be misread.
    return len(one.bank) == len(other.bank) and sum(map(operator.ne, one.bank, other.bank)) == 1


def _is_within(number: str, ibans: Iterable[str]) -> bool:
    """The account that an IBAN of the document ends in."""
    return len(number) >= _LEAST_NATIONAL and any(iban != number and iban.endswith(number) for iban in ibans)


def _pieces(numbers: Iterable[str]) -> set[str]:
    """What ends longer numbers, as the last line of one that its column cut apart (00190-6- and 119515)."""
    return {number[at + 1 :] for number in numbers for at, sign in enumerate(number) if sign == "-"}


def _parts(details: BankDetails) -> int:
    """How much of an account was found."""
    return sum(part is not None for part in (details.bank, details.branch, details.type, details.holder))


FAMILY = BankFamily()
