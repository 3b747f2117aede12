"""Japanese accounts on pages in English: Mizuho Bank, Shibuya Branch (210), Ordinary account No. 1234567."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_core.contracts.result import AccountType

_TYPES = {
    "ordinary": AccountType.ORDINARY,
    "futsu": AccountType.ORDINARY,
    "current": AccountType.CHECKING,
    "checking": AccountType.CHECKING,
    "toza": AccountType.CHECKING,
    "touza": AccountType.CHECKING,
    "savings": AccountType.SAVINGS,
    "chochiku": AccountType.SAVINGS,
}
TYPE_WORD = re.compile(
    r"(?<![A-Za-z])(ordinary|futsu|current|checking|tou?za|savings|chochiku)(?![a-z])", re.IGNORECASE
)
_TYPED = re.compile(
    rf"{TYPE_WORD.pattern}(?:[\s()/]*(?:deposits?|accounts?|a/c|futsu|tou?za|no\.?|number|jpy|usd|#|:))*[\s:().]*"
    r"(?P<number>\d{7})(?![\d-])",
    re.IGNORECASE,
)
_TYPE_LABEL = re.compile(
    rf"(?<![A-Za-z])(?:type|a/c type|deposit)[^:\t]{{0,12}}[:\t]\s*{TYPE_WORD.pattern}", re.IGNORECASE
)
_POST = re.compile(
    r"(?<![a-z])(?:symbol|kigo)(?: no\.?)?[ :]*"
    r"(?P<number>(?P<symbol>1\d{4})[\s,/-]*(?:and )?(?:number|no\.?|bango)?[ :]*(?P<rest>\d{6,8}))(?!\d)",
    re.IGNORECASE,
)
_BRANCH = re.compile(
    r"(?:(?:[A-Z][\w'-]+ ){1,3}(?:Branch|BRANCH)"
    r"|(?:(?!Bank|Corporation|Ltd)[A-Z][\w'-]+ )?(?:Head|Main|HEAD|MAIN) (?:Office|Branch|OFFICE|BRANCH))"
    r"(?![A-Za-z])(?!\s*:)"
)
_BRANCH_LABEL = re.compile(
    r"(?<![a-z])branch(?: ?name)?(?: (?:&|and) ifsc? code)?\s*[:\t]\s*"
    r"(?!account|acct|a/c|swift|bic|type|ordinary|current|savings|code|no\b)(?P<name>[A-Z][^\t:,;|&(]{2,40})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedNumber:
    """A number that a word before it makes an account's."""

    match: re.Match[str]
    """Its group ``number`` is where it stands."""
    type: AccountType
    number: str


def find_typed(text: str) -> TypedNumber | None:
    """A number behind its account's type, or the post bank's symbol and number."""
    if (match := _TYPED.search(text)) is not None:
        return TypedNumber(match=match, type=_TYPES[match[1].lower()], number=match["number"])
    if (post := _POST.search(text)) is not None:
        return TypedNumber(match=post, type=AccountType.ORDINARY, number=f"{post['symbol']}-{post['rest']}")
    return None


def type_of(text: str) -> AccountType | None:
    """The type that a text names."""
    match = TYPE_WORD.search(text)
    return None if match is None else _TYPES[match[1].lower()]


def type_near(texts: Sequence[str]) -> AccountType | None:
    """The type that a row near the number gives with its label."""
    found = (match for text in texts if (match := _TYPE_LABEL.search(text)) is not None)
    return next((_TYPES[match[1].lower()] for match in found), None)


def branch_near(texts: Sequence[str], *, is_typed: bool) -> str | None:
    """The branch in the first of some rows' texts that names one.

    Args:
        texts: The number's own row first.
        is_typed: A type says that the account is Japanese: branches are named there, in other rows too.
    """
    for number, text in enumerate(texts):
        if (labelled := _BRANCH_LABEL.search(text)) is not None:
            return labelled["name"].strip()
        if (is_typed or number == 0) and (named := _BRANCH.search(text)) is not None:
            return named[0]
    return None
