"""What a made-up document says, whatever it looks like: parties, items, sums that add up, accounts."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal

ROUNDINGS = (ROUND_DOWN, ROUND_HALF_UP, ROUND_UP)
"""What companies do with a fraction of the tax: cut it off, round it, round it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A company or person; an empty string is not known, and not printed."""

    name: str
    holder: str
    """The name as a bank account's holder: full-width katakana for a Japanese one."""
    postal_code: str
    address: tuple[str, ...]
    phone: str
    fax: str
    registration_number: str
    person: str
    department: str
    is_person: bool
    logo: str
    """What a letterhead might print beside the name."""
    mail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """A row of the item table; amounts in the document's currency."""

    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount: Decimal
    tax_rate_percent: Decimal
    is_reduced: bool
    date: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSum:
    """One tax rate's share: ``gross`` is ``net`` and ``tax``."""

    rate_percent: Decimal
    net: Decimal
    tax: Decimal

    @property
    def gross(self) -> Decimal:
        """Net and tax."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What was owed before: carried over = previous - received."""

    previous: Decimal
    received: Decimal

    @property
    def carried_over(self) -> Decimal:
        """What is still owed."""
        return self.previous - self.received


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """A document's sums: subtotal + tax - withholding + carried over = total."""

    includes_tax: bool
    """Item prices include the tax."""
    discount: Decimal
    """Taken off the items, as a positive number."""
    rates: tuple[RateSum, ...]
    withholding: Decimal
    balance: Balance | None

    @property
    def items(self) -> Decimal:
        """The items' sum as printed: with the tax where prices include it; before the discount."""
        return (self.gross if self.includes_tax else self.subtotal) + self.discount

    @property
    def subtotal(self) -> Decimal:
        """What is taxed, without the tax."""
        return sum((rate.net for rate in self.rates), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """The tax of all rates."""
        return sum((rate.tax for rate in self.rates), Decimal(0))

    @property
    def gross(self) -> Decimal:
        """Subtotal and tax."""
        return self.subtotal + self.tax

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.gross - self.withholding + (self.balance.carried_over if self.balance else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A bank account. ``kind`` is ``bank``, ``postal`` (記号番号), ``transfer`` (振替口座), ``iban`` or ``local``."""

    kind: str
    bank: str
    bank_code: str
    branch: str
    branch_code: str
    account_type: str
    """``ordinary``, ``checking``, ``savings``, ``iban`` or empty."""
    number: str
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All of a document's facts."""

    language: str
    currency: str
    issuer: Party
    recipient: Party
    number: str
    date: datetime.date
    due: datetime.date
    subject: str
    items: tuple[LineItem, ...]
    sums: Sums
    accounts: tuple[Account, ...]
    tendered: Decimal
    """Cash that a receipt's customer gave."""


def rate_sums(
    items: Sequence[LineItem], *, discount: Decimal, includes_tax: bool, rounding: str, step: Decimal
) -> tuple[RateSum, ...]:
    """Net and tax a rate, rounded once a rate as the law has it.

    Args:
        items: The rows; their amounts include the tax where ``includes_tax`` is set.
        discount: Taken off the highest rate's items.
        includes_tax: Which way to reckon.
        rounding: One of ``ROUNDINGS``.
        step: The currency's smallest amount: 1 yen, 0.01 euro.
    """
    amounts: dict[Decimal, Decimal] = {}
    for item in items:
        amounts[item.tax_rate_percent] = amounts.get(item.tax_rate_percent, Decimal(0)) + item.amount
    amounts[max(amounts)] -= discount
    sums = []
    for rate, amount in sorted(amounts.items(), reverse=True):
        share = rate / (100 + rate) if includes_tax else rate / 100
        tax = (amount * share).quantize(step, rounding=rounding)
        sums.append(RateSum(rate_percent=rate, net=amount - tax if includes_tax else amount, tax=tax))
    return tuple(sums)
