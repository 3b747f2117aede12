"""Bank accounts to pay into: Japanese ones with bank, branch, type, number and holder; ゆうちょ; IBAN."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from postprocess_svc.fields.accounts.blocks import block_accounts
from postprocess_svc.fields.accounts.latin import iban_accounts, labelled_accounts
from postprocess_svc.fields.accounts.tables import table_accounts
from postprocess_svc.fields.candidate import BankDetails, Candidate, Chosen, FieldFamily, FieldKind, FieldName
from postprocess_svc.fields.context import DocumentContext


class BankFamily(FieldFamily):
    """Proposes every account whose number is printed."""

    name = "bank_accounts"
    kind = FieldKind.ACCOUNTS
    fields = (FieldName.BANK_ACCOUNTS,)

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:  # noqa: ARG002
        """Accounts of tables and in reading order, then IBANs; each number once, as its fullest mention has it."""
        unique: dict[str, Candidate] = {}
        for candidate in (
            *table_accounts(context),
            *block_accounts(context),
            *iban_accounts(context),
            *labelled_accounts(context),
        ):
            if isinstance(candidate.value, BankDetails):
                known = unique.get(candidate.value.number)
                if known is None or _parts(candidate) > _parts(known):
                    unique[candidate.value.number] = candidate
        pieces = _pieces(unique)
        return [candidate for number, candidate in unique.items() if number not in pieces]


def _pieces(numbers: Iterable[str]) -> set[str]:
    """What ends longer numbers, as the last line of one that its column cut apart (00190-6- and 119515)."""
    return {number[at + 1 :] for number in numbers for at, sign in enumerate(number) if sign == "-"}


def _parts(candidate: Candidate) -> int:
    """How much of an account was found."""
    details = candidate.value
    if not isinstance(details, BankDetails):
        return 0
    return sum(part is not None for part in (details.bank, details.branch, details.type, details.holder))


FAMILY = BankFamily()
