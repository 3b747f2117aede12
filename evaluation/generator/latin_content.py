"""Draws what an English, German or French document says."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal

from evaluation.generator.content import Account, Balance, Content, LineItem, Party, Sums, rate_sums
from evaluation.generator.identifiers import british_vat_id, digits, french_vat_id, german_vat_id, iban
from evaluation.generator.japanese_content import document_number, due_date
from evaluation.generator.layouts import Layout
from evaluation.generator.splits import Split
from evaluation.generator.vocabulary import vocabulary

CENT = Decimal("0.01")
NUMBER_PATTERNS = ("INV-#####", "{y}-####", "{y}{m}###", "RE{s}####", "F-{y}-###", "######")
UNITS = {"en": ("pcs", "hrs", "ea"), "de": ("Stk.", "Std.", "Stück"), "fr": ("u", "h", "pièce")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """What money, tax and telephone numbers look like somewhere."""

    code: str
    currency: str
    tax_rates: tuple[int, ...]
    phone: str


COUNTRIES = {
    "en": (
        Country(code="GB", currency="GBP", tax_rates=(20,), phone="+44 {a} {b}"),
        Country(code="GB", currency="EUR", tax_rates=(23,), phone="0{a} {b}"),
        Country(code="US", currency="USD", tax_rates=(8, 7, 6), phone="({a}) {b3}-{c}"),
    ),
    "de": (Country(code="DE", currency="EUR", tax_rates=(19, 19, 7), phone="0{a}/{b}"),),
    "fr": (Country(code="FR", currency="EUR", tax_rates=(20, 10), phone="0{d} {e}"),),
}


def draw_content(draw: random.Random, split: Split, layout: Layout, *, most_items: int) -> Content:
    """A document's facts, as its layout needs them; see ``japanese_content.draw_content``."""
    language = layout.language
    country = draw.choice(COUNTRIES[language])
    issuer = _party(draw, split, language, country, is_shop=layout.has("shop"))
    recipient = _party(draw, split, language, country, is_shop=False)
    # No day that could be a month as well: which one comes first, the page does not say.
    date = datetime.date(draw.randint(2019, 2027), draw.randint(1, 12), draw.randint(13, 28))
    rate = Decimal(draw.choice(country.tax_rates))
    items = _items(draw, split, layout, date, rate, most_items=most_items)
    includes_tax = layout.has("shop")
    sums = Sums(
        includes_tax=includes_tax,
        discount=Decimal(0),
        rates=rate_sums(items, discount=Decimal(0), includes_tax=includes_tax, rounding=ROUND_HALF_UP, step=CENT),
        withholding=Decimal(0),
        balance=_balance(draw) if layout.has("balance") else None,
    )
    note = Decimal(draw.choice((5, 10, 20, 50)))
    return Content(
        language=language,
        currency=country.currency,
        issuer=issuer,
        recipient=recipient,
        number=document_number(draw, date, NUMBER_PATTERNS),
        date=date,
        due=_due(draw, date),
        subject=items[0].description.split(",")[0],
        items=items,
        sums=sums,
        accounts=(_account(draw, split, language, country, issuer.name),),
        tendered=(sums.total / note).to_integral_value(ROUND_CEILING) * note,
    )


def _due(draw: random.Random, date: datetime.date) -> datetime.date:
    due = due_date(draw, date)
    return due if due.day > 12 else due.replace(day=15)


def _party(draw: random.Random, split: Split, language: str, country: Country, *, is_shop: bool) -> Party:
    names = vocabulary("names_latin")
    surname, surname_2 = (draw.choice(names.choices(f"surnames_{language}", split)) for _ in range(2))
    word = draw.choice(names.choices("words", split))
    pattern = draw.choice(names.choices(f"{'shops' if is_shop else 'companies'}_{language}", split))
    name = pattern.format(surname=surname, surname2=surname_2, word=word)
    street = draw.choice(names.choices(f"streets_{language}", split)).format(n=draw.randint(2, 180))
    cities = [
        city
        for city in names.choices(f"cities_{language}", split)
        if language != "en" or ("," in city) == (country.code == "US")
    ]
    vat = {"GB": british_vat_id, "DE": german_vat_id, "FR": french_vat_id}
    number = vat[country.code](draw) if country.code in vat else ""
    phone = country.phone.format(
        a=digits(draw, 3),
        b=digits(draw, 7),
        b3=digits(draw, 3),
        c=digits(draw, 4),
        d=draw.randint(1, 5),
        e=" ".join(digits(draw, 2) for _ in range(4)),
    )
    return Party(
        name=name,
        holder=name,
        postal_code="",
        address=(street, draw.choice(cities)),
        phone=phone,
        fax=phone[:-2] + digits(draw, 2),
        registration_number=number,
        person=draw.choice(names.choices(f"surnames_{language}", split)),
        department="",
        is_person=False,
        logo=word.upper(),
        mail="info@example.com",
    )


def _items(
    draw: random.Random, split: Split, layout: Layout, date: datetime.date, rate: Decimal, *, most_items: int
) -> tuple[LineItem, ...]:
    kind = "menu" if layout.has("shop") else "goods"
    goods = vocabulary("names_latin").choices(f"{kind}_{layout.language}", split)
    highest = max(1, min(layout.items[1], most_items))
    count = draw.randint(min(layout.items[0], highest), highest)
    chosen = draw.sample(goods, count) if count <= len(goods) else draw.choices(goods, k=count)
    return tuple(_item(draw, entry, date, rate, layout) for entry in chosen)


def _item(draw: random.Random, entry: str, date: datetime.date, rate: Decimal, layout: Layout) -> LineItem:
    description, prices = entry.rsplit("=", 1)
    low, high = (int(price) for price in prices.split("-"))
    unit_price = Decimal(draw.randint(low * 100, high * 100)) / 100
    if draw.random() < 0.5:
        unit_price = unit_price.quantize(Decimal("0.1"), rounding=ROUND_DOWN).quantize(CENT)
    quantity = Decimal(draw.choices((1, 2, 3), weights=(6, 3, 1))[0] if layout.has("shop") else draw.randint(1, 24))
    return LineItem(
        description=description,
        quantity=quantity,
        unit=draw.choice(UNITS[layout.language]),
        unit_price=unit_price,
        amount=unit_price * quantity,
        tax_rate_percent=rate,
        is_reduced=False,
        date=date - datetime.timedelta(days=draw.randint(0, 20)),
    )


def _balance(draw: random.Random) -> Balance:
    previous = Decimal(draw.randint(20_00, 900_00)) / 100
    return Balance(previous=previous, received=previous if draw.random() < 0.5 else Decimal(0))


def _account(draw: random.Random, split: Split, language: str, country: Country, holder: str) -> Account:
    bank = draw.choice(vocabulary("names_latin").choices(f"banks_{language}", split))
    code = "".join(sign for sign in bank.upper() if sign.isascii() and sign.isalpha())[:4]
    if country.code == "US" or (country.code == "GB" and country.currency == "GBP" and draw.random() < 0.4):
        sort_code = "-".join(digits(draw, 2) for _ in range(3)) if country.code == "GB" else ""
        return Account(
            kind="local", bank=bank, bank_code="", branch="", branch_code=sort_code, account_type="",
            number=digits(draw, 8 if sort_code else 10), holder=holder,
        )  # fmt: skip
    body = {"DE": digits(draw, 18), "FR": digits(draw, 23), "GB": f"{code}{digits(draw, 14)}"}[country.code]
    return Account(
        kind="iban", bank=bank if draw.random() < 0.7 else "", bank_code="", branch="",
        branch_code=f"{code}{country.code}{draw.choice(('2X', 'FF', '33'))}" if draw.random() < 0.8 else "",
        account_type="iban", number=iban(country.code, body), holder=holder,
    )  # fmt: skip
