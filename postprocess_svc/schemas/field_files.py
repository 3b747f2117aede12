"""A schema's file, key by key: what may be said of a field of each type, and the rules that it makes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ocr_core.contracts.result import AccountType, BankAccount, DocumentType, FieldValue, MoneyValue
from postprocess_svc.fields.candidate import FieldKind
from postprocess_svc.fields.values.identifiers import corporate_number_is_valid
from postprocess_svc.schemas.schema import Rule, SingleValue

FIELD_NAME_PATTERN = r"[a-z][a-z0-9_]{0,47}"
MAX_FIELDS = 64
MAX_CHECKS = 32
MAX_PATTERN_CHARACTERS = 500
MAX_MATCHED_CHARACTERS = 200
"""A longer value matches no pattern: what is printed must not decide how long a match may take."""
GRACE = dt.timedelta(days=1)
"""Where the document was written it may be tomorrow already."""

_ONE_LINE = r"^[^\n]*$"


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic takes no other
    return Decimal(value)


def _list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _list_or_one(value: object) -> object:
    return (value,) if isinstance(value, str) else _list(value)


Number = Annotated[Decimal, BeforeValidator(_number)]
Words = Annotated[tuple[str, ...], BeforeValidator(_list), Field(min_length=1, max_length=1_000)]
_AccountType = Annotated[AccountType, Field(strict=False)]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class FieldFile(BaseModel):
    """What may be said of any field."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: str | None = Field(default=None, alias="from")
    required: bool = False
    min_confidence: Annotated[float, BeforeValidator(lambda v: float(v) if isinstance(v, Decimal) else v)] = Field(
        default=0.0, ge=0, le=1
    )

    def rules(self) -> Iterator[Rule]:
        """What must hold of its value."""
        yield from ()


class _WordsFile(FieldFile):
    pattern: str | None = Field(default=None, min_length=1, max_length=MAX_PATTERN_CHARACTERS)
    one_of: Words | None = None
    max_length: int | None = Field(default=None, ge=1)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return pattern

    def rules(self) -> Iterator[Rule]:
        if self.pattern is not None:
            expression = re.compile(self.pattern)
            yield Rule(key="pattern", holds=lambda value, _: _matches(expression, _words(value)))
        if self.one_of is not None:
            allowed = frozenset(self.one_of)
            yield Rule(key="one_of", holds=lambda value, _: _words(value) in allowed)
        if self.max_length is not None:
            most = self.max_length
            yield Rule(key="max_length", holds=lambda value, _: len(_words(value)) <= most)


class TextFile(_WordsFile):
    """A name or a number of a document."""

    type: Literal["text"]


class PhoneFile(_WordsFile):
    """A phone number."""

    type: Literal["phone"]


class RegistrationNumberFile(_WordsFile):
    """T and 13 digits, or a VAT id."""

    type: Literal["registration_number"]
    check_digit: bool = False

    def rules(self) -> Iterator[Rule]:
        """Also the check digit of Japan's numbers; others have none that is known here."""
        yield from super().rules()
        if self.check_digit:
            yield Rule(key="check_digit", holds=lambda value, _: _has_check_digit(_words(value)))


class MoneyFile(FieldFile):
    """An amount."""

    type: Literal["money"]
    min: Number | None = None
    max: Number | None = None
    currency: Annotated[tuple[CurrencyCode, ...], BeforeValidator(_list_or_one), Field(min_length=1)] | None = None

    def rules(self) -> Iterator[Rule]:
        """Amounts are compared as numbers, whatever their currency."""
        if self.currency is not None:
            allowed = frozenset(self.currency)
            yield Rule(
                key="currency", holds=lambda value, _: isinstance(value, MoneyValue) and value.currency in allowed
            )
        if self.min is not None:
            least = self.min
            yield Rule(key="min", holds=lambda value, _: amount(value) >= least)
        if self.max is not None:
            most = self.max
            yield Rule(key="max", holds=lambda value, _: amount(value) <= most)


class DateFile(FieldFile):
    """A date."""

    type: Literal["date"]
    not_before: dt.date | None = None
    not_after: dt.date | None = None
    not_in_future: bool = False
    max_age_days: int | None = Field(default=None, ge=1)

    def rules(self) -> Iterator[Rule]:
        """Today is UTC's, with a day's grace."""
        if self.not_before is not None:
            first = self.not_before
            yield Rule(key="not_before", holds=lambda value, _: date(value) >= first)
        if self.not_after is not None:
            last = self.not_after
            yield Rule(key="not_after", holds=lambda value, _: date(value) <= last)
        if self.not_in_future:
            yield Rule(key="not_in_future", holds=lambda value, today: date(value) <= today + GRACE)
        if self.max_age_days is not None:
            age = dt.timedelta(days=self.max_age_days) + GRACE
            yield Rule(key="max_age_days", holds=lambda value, today: date(value) >= today - age)


class AccountsFile(FieldFile):
    """Bank accounts; rules are about each of them."""

    type: Literal["accounts"]
    account_types: Annotated[tuple[_AccountType, ...], BeforeValidator(_list), Field(min_length=1)] | None = None

    def rules(self) -> Iterator[Rule]:
        """An account that breaks one is left out of the list."""
        if self.account_types is not None:
            allowed = frozenset(self.account_types)
            yield Rule(
                key="account_types", holds=lambda value, _: isinstance(value, BankAccount) and value.type in allowed
            )


class LineItemsFile(FieldFile):
    """Line items, without rules of their own."""

    type: Literal["line_items"]


AnyFieldFile = Annotated[
    TextFile | PhoneFile | RegistrationNumberFile | MoneyFile | DateFile | AccountsFile | LineItemsFile,
    Field(discriminator="type"),
]
FIELD_FILES: Mapping[str, type[FieldFile]] = MappingProxyType(
    {
        FieldKind.TEXT: TextFile,
        FieldKind.PHONE: PhoneFile,
        FieldKind.REGISTRATION_NUMBER: RegistrationNumberFile,
        FieldKind.MONEY: MoneyFile,
        FieldKind.DATE: DateFile,
        FieldKind.ACCOUNTS: AccountsFile,
        FieldKind.LINE_ITEMS: LineItemsFile,
    }
)
"""What may be said of a field, by its type."""


class SchemaFile(BaseModel):
    """A whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str = Field(min_length=1, max_length=100, pattern=_ONE_LINE)
    description: str = Field(default="", max_length=1_000)
    document_type: Annotated[DocumentType, Field(strict=False)] | None = None
    fields: dict[Annotated[str, Field(pattern=f"^{FIELD_NAME_PATTERN}$")], AnyFieldFile] = Field(
        min_length=1, max_length=MAX_FIELDS
    )
    checks: Annotated[tuple[str, ...], BeforeValidator(_list)] = Field(default=(), max_length=MAX_CHECKS)


def amount(value: SingleValue) -> Decimal:
    """The number of an amount."""
    if not isinstance(value, MoneyValue):
        raise TypeError("no amount")
    return Decimal(value.value)


def date(value: SingleValue) -> dt.date:
    """The date of a date."""
    return dt.date.fromisoformat(_words(value))


def _words(value: SingleValue) -> str:
    if not isinstance(value, FieldValue):
        raise TypeError("no text")
    return str(value.value)


def _matches(expression: re.Pattern[str], words: str) -> bool:
    return len(words) <= MAX_MATCHED_CHARACTERS and expression.fullmatch(words) is not None


def _has_check_digit(number: str) -> bool:
    return not number.startswith("T") or corporate_number_is_valid(number[1:])
