"""A line item as printed, before it is an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from postprocess_svc.lines import TextLine


@dataclass(slots=True, kw_only=True)
class PrintedItem:
    """What one row, or several rows, say of one item; what is not printed is None."""

    description: str
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None
    tax_rate_percent: Decimal | None = None
    is_reduced: bool = False
    """A discount of its own is taken off quantity times unit price."""
    sign_is_assumed: bool = False
    """Printed without a sign, and taken as going off because of its name."""
    decimals: int = 2
    """Digits printed behind the point of its prices."""
    amount_decimals: int | None = None
    """Of its amount alone: 120.4 litres at 98.5 are 11,859 yen."""
    is_listed: bool = False
    """Its name stands where the items' names stand, not beside its amount as those of sums do."""
    page: int
    lines: list[TextLine]

    @property
    def product(self) -> Decimal | None:
        """Quantity times unit price, where both are printed."""
        return None if self.quantity is None or self.unit_price is None else self.quantity * self.unit_price

    def supply_quantity(self) -> None:
        """Set the quantity to 1 where none was read and the price is the amount: a lone 1 is often not detected.

        Any other number would have been: where price and amount leave one, it is not printed.
        """
        if self.quantity is None and self.unit_price and self.unit_price == self.amount and not self.is_reduced:
            self.quantity = Decimal(1)

    def multiplies(self) -> bool | None:
        """Whether quantity times unit price is the amount, but for rounding; None where that cannot be told."""
        product = self.product
        if product is None or self.amount is None or (product == 0 and self.amount == 0):
            return None
        if self.is_reduced and abs(product) > abs(self.amount):
            return None
        # Half a unit of the last place printed, or what rounding each piece by that makes of all.
        place = Decimal(1).scaleb(-(self.decimals if self.amount_decimals is None else self.amount_decimals))
        return abs(product - self.amount) <= place


def sum_of(items: Iterable[PrintedItem]) -> Decimal:
    """The sum of the amounts that are printed."""
    return sum((item.amount for item in items if item.amount is not None), Decimal(0))
