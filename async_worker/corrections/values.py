"""What a corrected value may be, by the type of what it stands in; in the form that the API itself answers in.

Amounts and counts are integers where they are whole, else decimal strings: never a float, which could not say 0.1.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import check_storable
from ocr_core.contracts.result import AccountType
from ocr_core.contracts.stored_documents import Json
from postprocess_svc.fields.candidate import FieldKind

YEN = "JPY"
MAX_TEXT_CHARACTERS = 1_000
MAX_ENTRIES = 1_000

_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REGISTRATION_NUMBER = re.compile(r"T[0-9]{13}|[A-Z]{2,3}[0-9A-Z+*.]{2,15}")
_PHONE = re.compile(r"[0-9+][0-9+()./x# -]{2,39}")

Check = Callable[[Json, str, str], Json]
"""Takes a value, the document's currency, and where it stands; returns it as the API would write it."""


def text(value: Json, currency: str, where: str) -> Json:
    """Some words, on one line or more."""
    del currency
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= MAX_TEXT_CHARACTERS:
        raise InvalidRequest(f"{where}: a text of 1 to {MAX_TEXT_CHARACTERS} characters, or null")
    check_storable(value, where)
    return value.strip()


def date(value: Json, currency: str, where: str) -> Json:
    """``2026-10-31``."""
    del currency
    refusal = InvalidRequest(f"{where}: a date as 2026-10-31, or null")
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise refusal
    try:
        return dt.date.fromisoformat(value).isoformat()
    except ValueError:
        raise refusal from None


def registration_number(value: Json, currency: str, where: str) -> Json:
    """T and 13 digits, or a VAT id. Check digits are not asked for: a document may print a wrong one."""
    del currency
    if not isinstance(value, str) or not _REGISTRATION_NUMBER.fullmatch(value):
        raise InvalidRequest(f"{where}: T and 13 digits, or a VAT id, without spaces; or null")
    return value


def phone(value: Json, currency: str, where: str) -> Json:
    """Digits, and what stands between them."""
    del currency
    if not isinstance(value, str) or not _PHONE.fullmatch(value):
        raise InvalidRequest(f"{where}: a phone number, or null")
    return value


def number(value: Json, currency: str, where: str) -> Json:
    """A count or a rate."""
    del currency
    return _number(value, where, whole=False)


def amount(value: Json, currency: str, where: str) -> Json:
    """An amount of money: in yen an integer, else a decimal string."""
    if currency == YEN:
        return _number(value, where, whole=True)
    return str(_number(value, where, whole=False) if isinstance(value, int) else _checked(value, where))


def unit_price(value: Json, currency: str, where: str) -> Json:
    """As amounts are, but a price may have a part of a yen."""
    return _number(value, where, whole=False) if currency == YEN else amount(value, currency, where)


def account_type(value: Json, currency: str, where: str) -> Json:
    """One of those that there are."""
    del currency
    if not isinstance(value, str) or value not in set(AccountType):
        raise InvalidRequest(f"{where}: one of {', '.join(AccountType)}, or null")
    return value


def _number(value: Json, where: str, *, whole: bool) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return value
    plain = _checked(value, where)
    if "." not in plain:
        return int(plain)
    integer, _, part = plain.partition(".")
    if part.strip("0") == "":
        return int(integer)
    if whole:
        raise InvalidRequest(f"{where}: a whole number of yen, or null")
    return plain


def _checked(value: Json, where: str) -> str:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise InvalidRequest(f'{where}: an integer or a decimal string such as "12.50", or null')
    return value


MEMBERS: Mapping[FieldKind, Mapping[str, tuple[str, Check]]] = MappingProxyType(
    {
        FieldKind.ACCOUNTS: {
            "bank": ("text", text),
            "branch": ("text", text),
            "type": ("account_type", account_type),
            "number": ("text", text),
            "holder": ("text", text),
        },
        FieldKind.LINE_ITEMS: {
            "description": ("text", text),
            "quantity": ("number", number),
            "unit": ("text", text),
            "unit_price": ("money", unit_price),
            "amount": ("money", amount),
            "tax_rate_percent": ("number", number),
        },
    }
)
"""Of an entry of a list: what each may be, and what that is called."""
REQUIRED_MEMBERS = frozenset({"number"})
"""An account without one is none."""

SCALARS: Mapping[FieldKind, Check] = MappingProxyType(
    {
        FieldKind.TEXT: text,
        FieldKind.DATE: date,
        FieldKind.REGISTRATION_NUMBER: registration_number,
        FieldKind.PHONE: phone,
        FieldKind.MONEY: amount,
    }
)
"""Of a field that is no list."""


def entries(value: Json, kind: FieldKind, currency: str, where: str) -> Json:
    """A whole list, every entry with every member.

    Raises:
        InvalidRequest: it is none, or an entry of it is off.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ENTRIES:
        raise InvalidRequest(f"{where}: a list of 1 to {MAX_ENTRIES} entries, or null")
    return [_entry(entry, kind, currency, f"{where}[{at}]") for at, entry in enumerate(value)]


def member(value: Json, kind: FieldKind, name: str, currency: str, where: str) -> Json:
    """A member of an entry, which must be one of ``MEMBERS``.

    Raises:
        InvalidRequest: it may not be so.
    """
    if value is not None:
        return MEMBERS[kind][name][1](value, currency, where)
    if name in REQUIRED_MEMBERS:
        raise InvalidRequest(f"{where}: not null; to take the entry away, send the list without it")
    return None


def _entry(entry: Json, kind: FieldKind, currency: str, where: str) -> Json:
    members = MEMBERS[kind]
    if not isinstance(entry, dict):
        raise InvalidRequest(f"{where}: an object with {', '.join(members)}")
    if unknown := sorted(set(entry) - set(members)):
        raise InvalidRequest(f"{where}: there is no member {unknown[0][:40]!r}; there are {', '.join(members)}")
    return {name: member(entry.get(name), kind, name, currency, f"{where}.{name}") for name in members}
