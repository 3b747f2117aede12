"""Roles of labels, and the wordings that ``wordings.txt`` lists for them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from enum import StrEnum, auto
from functools import cache
from importlib import resources

_FILE = "wordings.txt"


class Role(StrEnum):
    """What a label says of the value beside it."""

    TOTAL_DUE = auto()
    TOTAL = auto()
    SUBTOTAL = auto()
    EXCLUSIVE = auto()
    INCLUSIVE = auto()
    TAX = auto()
    TAX_BASE = auto()
    WITHHOLDING = auto()
    LEVY = auto()
    OUTLAY = auto()
    PREVIOUS = auto()
    PAID = auto()
    TENDERED = auto()
    CHANGE = auto()
    POINTS = auto()
    DISCOUNT = auto()
    COUNT = auto()
    UNIT_PRICE = auto()
    AMOUNT = auto()
    ROUNDING = auto()
    ISSUE_DATE = auto()
    DATE = auto()
    DUE_DATE = auto()
    OTHER_DATE = auto()
    INVOICE_NUMBER = auto()
    SLIP_NUMBER = auto()
    """The document's, where none is called an invoice's or receipt's: 伝票番号. Its wordings are an invoice's too."""
    REFERENCE_NUMBER = auto()
    """May be the document's, where it prints no other: 受付番号. Its wordings are other numbers too."""
    NUMBER = auto()
    OTHER_NUMBER = auto()
    REGISTRATION = auto()
    TAX_NUMBER = auto()
    PHONE = auto()
    FAX = auto()
    BANK = auto()
    BRANCH = auto()
    ACCOUNT_TYPE = auto()
    ACCOUNT_NUMBER = auto()
    HOLDER = auto()
    HOLDER_READING = auto()
    POST_SYMBOL = auto()
    POST_NUMBER = auto()
    IBAN = auto()
    BIC = auto()
    RECIPIENT = auto()
    ISSUER = auto()
    TITLE_INVOICE = auto()
    TITLE_RECEIPT = auto()
    TITLE_OTHER = auto()
    COLUMN = auto()


NUMBERS_AND_DATES = frozenset(
    {
        Role.INVOICE_NUMBER,
        Role.SLIP_NUMBER,
        Role.REFERENCE_NUMBER,
        Role.NUMBER,
        Role.OTHER_NUMBER,
        Role.REGISTRATION,
        Role.TAX_NUMBER,
        Role.PHONE,
        Role.FAX,
        Role.ACCOUNT_NUMBER,
        Role.IBAN,
        Role.BIC,
        Role.BRANCH,
        Role.POST_SYMBOL,
        Role.POST_NUMBER,
        Role.ISSUE_DATE,
        Role.DUE_DATE,
        Role.OTHER_DATE,
    }
)
"""What these labels speak for is digits too, and no amount. A bare "date" is not among them: tables of amounts have a
column of that name, under whose header amounts may come to stand."""


_PARTS = re.compile(r"\{([^{}]*)\}")


def expanded(pattern: str) -> Iterator[str]:
    """Every wording of a pattern: ``{今回,当月,}請求{額,金額}`` are six, for one of the parts may be missing."""
    pieces = _PARTS.split(pattern)
    choices = [piece.split(",") if at % 2 else [piece] for at, piece in enumerate(pieces)]
    for parts in itertools.product(*choices):
        if wording := " ".join("".join(parts).split()):
            yield wording


@cache
def wordings() -> dict[Role, tuple[str, ...]]:
    """Every role's wordings, each once.

    Raises:
        ValueError: the file names a role that does not exist, or lists nothing for one.
    """
    listed: dict[Role, list[str]] = {}
    role: Role | None = None
    for line in resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            role = Role(line.strip("[] "))
            listed[role] = []
        elif role is not None:
            listed[role].extend(w for part in line.split("|") if part.strip() for w in expanded(part.strip()))
    missing = [other for other in Role if not listed.get(other)]
    if missing:
        raise ValueError(f"{_FILE} lists no wordings for: {', '.join(missing)}")
    return {role: tuple(dict.fromkeys(found)) for role, found in listed.items()}
