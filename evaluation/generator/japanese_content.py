"""Draws what a Japanese document says."""

from __future__ import annotations

import calendar
import datetime
import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from evaluation.generator.content import ROUNDINGS, Balance, Content, LineItem, Party, Sums, rate_sums
from evaluation.generator.identifiers import filled
from evaluation.generator.japanese_parties import JapaneseParties
from evaluation.generator.layouts import Layout
from evaluation.generator.splits import Split
from evaluation.generator.vocabulary import vocabulary

STANDARD_RATE = Decimal(10)
REDUCED_RATE = Decimal(8)
WITHHOLDING_RATE = Decimal("0.1021")
"""Income tax withheld from fees up to a million yen, with the reconstruction tax."""
NOT_FOR_ANYONE = {"utility", "metered", "fees"}
"""Trades whose goods only a layout of their own sells."""
NUMBER_PATTERNS = (
    "INV-{y}-####",
    "{y}{m}##-##",
    "########",
    "?#####",
    "{s}-####",
    "K{s}{m}-###",
    "S#######",
    "{y}{m}{d}-###",
)
RECEIPT_NUMBER_PATTERNS = ("####", "R-#####", "######", "##-####", "{y}-####")


def draw_content(draw: random.Random, split: Split, layout: Layout, *, most_items: int) -> Content:
    """A document's facts, as its layout needs them.

    Args:
        draw: Where chance comes from.
        split: Which names and goods.
        layout: What kind of document, and how many items it has room for.
        most_items: At most so many items, if the layout has room for more.
    """
    parties = JapaneseParties(draw, split)
    is_receipt = layout.is_receipt
    issuer = _issuer(parties, layout)
    recipient = parties.person() if draw.random() < (0.3 if is_receipt else 0.06) else parties.company()
    date = datetime.date(draw.randint(2023, 2027), draw.randint(1, 12), draw.randint(1, 28))
    includes_tax = layout.has("shop") or (is_receipt and draw.random() < 0.6) or draw.random() < 0.12
    items = _items(draw, split, layout, date, most_items=most_items)
    discount = Decimal(0)
    if not layout.has("balance") and draw.random() < 0.12:
        discount = (max(item.amount for item in items) * Decimal("0.1")).quantize(Decimal(10), rounding=ROUND_DOWN)
    rates = rate_sums(
        items, discount=discount, includes_tax=includes_tax, rounding=draw.choice(ROUNDINGS), step=Decimal(1)
    )
    sums = Sums(
        includes_tax=includes_tax,
        discount=discount,
        rates=rates,
        withholding=Decimal(0),
        balance=_balance(draw) if layout.has("balance") else None,
    )
    if layout.has("withholding"):
        withheld = (sums.subtotal * WITHHOLDING_RATE).quantize(Decimal(1), rounding=ROUND_DOWN)
        sums = replace(sums, withholding=withheld)
    holder = issuer.name if draw.random() < 0.25 else issuer.holder
    count = draw.choice((2, 3)) if layout.has("many_accounts") else draw.choices((1, 2), weights=(85, 15))[0]
    return Content(
        language="ja",
        currency="JPY",
        issuer=issuer,
        recipient=recipient,
        number=document_number(draw, date, RECEIPT_NUMBER_PATTERNS if is_receipt else NUMBER_PATTERNS),
        date=date,
        due=due_date(draw, date),
        subject=_subject(draw, items),
        items=items,
        sums=sums,
        accounts=parties.accounts(holder, count, with_post_branch=layout.has("post_branch")),
        tendered=_tendered(draw, sums.total),
    )


def _issuer(parties: JapaneseParties, layout: Layout) -> Party:
    if layout.has("shop"):
        return parties.shop(layout.trade)
    return parties.proprietor(layout.trade) if layout.has("proprietor") else parties.company()


def document_number(draw: random.Random, date: datetime.date, patterns: Sequence[str]) -> str:
    """A number of one of the patterns, in which year, month and day stand for the document's."""
    pattern = draw.choice(patterns).format(y=f"{date:%Y}", s=f"{date:%y}", m=f"{date:%m}", d=f"{date:%d}")
    return filled(draw, pattern)


def due_date(draw: random.Random, date: datetime.date) -> datetime.date:
    """The end of this or a later month, some day of the next one, or so many days later."""
    kind = draw.random()
    if kind < 0.15:
        return date + datetime.timedelta(days=draw.choice((7, 10, 14, 30, 45, 60)))
    months = draw.choice((1, 1, 1, 2)) if kind < 0.9 or date.day > 25 else 0
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    day = last_day if months == 0 or draw.random() < 0.7 else draw.choice((5, 10, 15, 20, 25))
    return datetime.date(year, month + 1, day)


def _items(
    draw: random.Random, split: Split, layout: Layout, date: datetime.date, *, most_items: int
) -> tuple[LineItem, ...]:
    goods = vocabulary("items_ja").lists[f"receipt_{split}" if layout.has("shop") else split.value]
    trade = goods[layout.trade or draw.choice(sorted(set(goods) - NOT_FOR_ANYONE))]
    lowest, highest = layout.items
    highest = max(1, min(highest, most_items))
    count = draw.randint(min(lowest, highest), highest)
    chosen = draw.sample(trade, count) if count <= len(trade) else draw.choices(trade, k=count)
    return tuple(_item(draw, entry, date, is_small=layout.has("shop")) for entry in chosen)


def _item(draw: random.Random, entry: str, date: datetime.date, *, is_small: bool) -> LineItem:
    description, unit, prices = entry.rsplit("=", 2)
    is_reduced = prices.endswith("*")
    lowest, highest = (int(price) for price in prices.rstrip("*").split("-"))
    step = 1 if highest < 200 else 10 if highest < 5000 else 100
    unit_price = Decimal(draw.randint(lowest, highest) // step * step or lowest)
    if is_small:
        quantity = draw.choices((1, 2, 3), weights=(7, 2, 1))[0]
    elif unit in {"式", "月", "基"} or highest > 100_000:
        quantity = draw.choices((1, 2), weights=(9, 1))[0]
    elif highest < 100:
        quantity = draw.choice((100, 200, 500, 1000, 2000, 3000))
    else:
        quantity = draw.choice((1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 30, 50))
    return LineItem(
        description=description,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price=unit_price,
        amount=unit_price * quantity,
        tax_rate_percent=REDUCED_RATE if is_reduced else STANDARD_RATE,
        is_reduced=is_reduced,
        date=date - datetime.timedelta(days=draw.randint(0, 27)),
    )


def _balance(draw: random.Random) -> Balance:
    previous = Decimal(draw.randint(20, 900) * 1000 + draw.choice((0, 0, 250, 480, 36)))
    received = previous if draw.random() < 0.55 else Decimal(int(previous) // 2000 * 1000)
    return Balance(previous=previous, received=received)


def _subject(draw: random.Random, items: tuple[LineItem, ...]) -> str:
    first = max(items, key=lambda item: item.amount).description.split(" ")[0]
    return draw.choice((f"{first}ほか", f"{first}一式", f"{first}について", f"{draw.randint(1, 12)}月分 {first}"))


def _tendered(draw: random.Random, total: Decimal) -> Decimal:
    note = draw.choice((1000, 1000, 5000, 10000, 500))
    return Decimal(-(-int(total) // note) * note)
