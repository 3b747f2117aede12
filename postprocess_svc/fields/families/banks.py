"""Bank accounts to pay into: Japanese ones with bank, branch, type, number and holder; ゆうちょ; IBAN."""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence

from postprocess_svc.fields.accounts.blocks import block_accounts
from postprocess_svc.fields.accounts.latin import iban_accounts, labelled_accounts
from postprocess_svc.fields.accounts.real_banks import is_real_bank
from postprocess_svc.fields.accounts.tables import table_accounts
from postprocess_svc.fields.candidate import BankDetails, Candidate, Chosen, FieldFamily, FieldKind, FieldName
from postprocess_svc.fields.context import DocumentContext


class BankFamily(FieldFamily):
    """Proposes every account whose number is printed."""

    name = "bank_accounts"
    kind = FieldKind.ACCOUNTS
    fields = (FieldName.BANK_ACCOUNTS,)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Accounts of tables and in reading order, then IBANs; each account once, as its fullest mention has it."""
        unique: list[tuple[BankDetails, Candidate]] = []
        for candidate in (
            *table_accounts(context),
            *block_accounts(context),
            *iban_accounts(context),
            *labelled_accounts(context),
        ):
            details = candidate.value
            if not isinstance(details, BankDetails):
                continue
            place = next((at for at, (known, _) in enumerate(unique) if _are_one(known, details)), None)
            if place is None:
                unique.append((details, candidate))
            elif _parts(details) > _parts(unique[place][0]):
                unique[place] = details, candidate
        numbers = {details.number for details, _ in unique}
        return [candidate for details, candidate in unique if not _is_piece(details.number, numbers)]


def _are_one(one: BankDetails, other: BankDetails) -> bool:
    """Two mentions of one account: its number, at one bank; two banks may give out the same."""
    if one.number != other.number:
        return False
    if one.bank is None or other.bank is None or one.bank in other.bank or other.bank in one.bank:
        return True
    if is_real_bank(one.bank) and is_real_bank(other.bank):
        return False
    # One of the two may be misread.
    return len(one.bank) == len(other.bank) and sum(map(operator.ne, one.bank, other.bank)) == 1


def _is_piece(number: str, others: Collection[str]) -> bool:
    """The last line of a longer number that its column cut apart (00190-6- and 119515)."""
    return any(other != number and other.endswith(f"-{number}") for other in others)


def _parts(details: BankDetails) -> int:
    """How much of an account was found."""
    return sum(part is not None for part in (details.bank, details.branch, details.type, details.holder))


FAMILY = BankFamily()
