"""A document as its template sees it: every value a link that says which field it is.

A template asks for values by name and decides where they stand. What it does not ask for is not printed, and so not
labelled. Each ``mark`` is numbered, since the PDF lists its links in the order of painting.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from evaluation.generator.content import Content, Party
from evaluation.generator.forms import date_ja, date_latin, money_ja, money_latin
from evaluation.generator.identifiers import filled
from evaluation.generator.layouts import Layout
from evaluation.generator.splits import Split
from evaluation.generator.style import Style
from evaluation.generator.vocabulary import vocabulary

LINK_SCHEME = "f:"

# How often a document prints a field, where its layout could.
FIELD_SHARES = {
    "document_number": 0.82,
    "due_date": 0.78,
    "registration_number": 0.82,
    "phone": 0.86,
    "bank_accounts": 0.92,
    "subtotal": 0.93,
    "document_date": 0.97,
    "recipient_name": 0.97,
}
NAMED_ROLL_SHARE = 0.93


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value that the template printed: its field's path, such as ``line_items.2.amount``, and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A label and its value, to be laid out by the template."""

    label: str
    value: Markup
    kind: str


class Printout:
    """What a template may ask of one document."""

    def __init__(
        self, *, index: int, split: Split, layout: Layout, content: Content, style: Style, draw: random.Random
    ) -> None:
        self.index = index
        self.split = split
        self.layout = layout
        self.content = content
        self.style = style
        self.draw = draw
        self.marks: list[Mark] = []
        self.sheet_count = 0
        self.unjudged: set[str] = set()
        """Fields whose answer a reader could argue about: those labels are left out."""
        self.wordings: dict[str, str] = {}
        self.amounts: dict[str, Decimal] = {}
        """The amounts of fields as printed: a receipt's subtotal holds the tax, an invoice's does not."""
        self._words = vocabulary(f"wordings_{layout.language}")
        self._shown = {name: draw.random() < share for name, share in FIELD_SHARES.items()}
        # A till may print its shop's name as a picture only, or not at all; whoever writes an invoice signs it.
        self._shown["issuer_name"] = not layout.is_roll or draw.random() < NAMED_ROLL_SHARE
        self.due_in_sentence = draw.random() < 0.22

    def w(self, key: str, *, rate: Decimal | None = None, is_named: bool = False) -> str:
        """This document's wording for a key.

        Args:
            key: Which list of the vocabulary.
            rate: The tax rate in percent, for wordings that name it.
            is_named: Not the empty wording.
        """
        if key not in self.wordings:
            choices = self._words.choices(key, self.split)
            # Prices with tax are not called net, nor is tax on top called included.
            wrong = "税抜" if self.content.sums.includes_tax else "内消費税"
            if key.startswith("column_") or key in {"net_of_rate", "tax_of_rate"}:
                choices = tuple(word for word in choices if wrong not in word)
            self.wordings[key] = self.draw.choice([word for word in choices if word or not is_named])
        wording = self.wordings[key]
        if "{rate}" in wording and rate is None:
            # Several rates: a wording that names one would be wrong.
            wording = self.draw.choice([word for word in self._words.choices(key, self.split) if "{rate}" not in word])
            self.wordings[key] = wording
        return wording.replace("{rate}", "" if rate is None else f"{rate.normalize():f}")

    def words(self, key: str) -> tuple[str, ...]:
        """All that this document's split may print for a key."""
        return self._words.choices(key, self.split)

    def names(self, key: str) -> tuple[str, ...]:
        """Japanese names of a kind that this document's split may print."""
        return vocabulary("names_ja").choices(key, self.split)

    def short_date(self, date: datetime.date) -> str:
        """A day as item tables print it: month and day, or the whole date in few signs."""
        if self.content.language == "ja":
            return f"{date.month}/{date.day}"
        return self.date_text(date, "iso" if self.content.language == "en" else "dmy_dot")

    def shows(self, field: str) -> bool:
        """Whether this document prints a field."""
        return self._shown.get(field, True) and not self.layout.has(f"no_{field}")

    def mark(self, path: str, text: str, *, markup: str | None = None) -> Markup:
        """A value as a link; ``markup`` is what is printed where that is more than the text."""
        self.marks.append(Mark(path=path, text=text))
        body = Markup(markup) if markup is not None else Markup.escape(text)  # noqa: S704
        return Markup('<a href="{}{}/{}">{}</a>').format(LINK_SCHEME, self.index, len(self.marks) - 1, body)

    def sheet(self) -> Markup:
        """Begin the next sheet of paper."""
        self.sheet_count += 1
        opening = Markup('<section class="sheet {} {}" style="{}">{}').format(
            self.layout.paper, self.style.table, self.style.css, self.mark(f"sheet.{self.sheet_count}", "")
        )
        return opening if self.sheet_count == 1 else Markup("</section>") + opening

    def money(self, path: str, value: Decimal, style: str | None = None) -> Markup:
        """An amount as a link."""
        self.amounts[path] = value
        return self.mark(path, self.money_text(value, style))

    def money_text(self, value: Decimal, style: str | None = None) -> str:
        """An amount as the document prints it."""
        if self.content.language == "ja":
            return money_ja(value, style or self.style.row_money)
        return money_latin(value, self.content.currency, style or self.style.row_money)

    def date_text(self, date: datetime.date, style: str | None = None) -> str:
        """A date as the document prints it."""
        if self.content.language == "ja":
            return date_ja(date, style or self.style.date)
        return date_latin(date, self.content.language, style or self.style.date)

    def total(self, style: str | None = None) -> Markup:
        """What is to be paid, as a link."""
        if not self.shows("total_amount"):
            return Markup("")
        return self.money("total_amount", self.content.sums.total, style or self.style.total_money)

    def date(self, style: str | None = None) -> Markup:
        """The document's date, as a link."""
        return self.mark("document_date", self.date_text(self.content.date, style))

    def due(self, style: str | None = None) -> Markup:
        """The due date, as a link."""
        return self.mark("due_date", self.date_text(self.content.due, style))

    def number(self) -> Markup:
        """The document's number, as a link."""
        return self.mark("document_number", self.content.number)

    def issuer(self) -> Markup:
        """The issuer's name, as a link."""
        return self.mark("issuer_name", self.content.issuer.name)

    def recipient(self) -> Markup:
        """The recipient's name without its honorific, as a link."""
        return self.mark("recipient_name", self.content.recipient.name)

    def registration(self) -> Markup:
        """The issuer's registration number or VAT id, as a link."""
        number = self.content.issuer.registration_number
        if self.content.language == "ja" and self.pick((0, 0, 0, 0, 1)):
            grouped = f"T{number[1]}-{number[2:6]}-{number[6:10]}-{number[10:]}"
            forms = (grouped, f"T {number[1:]}", grouped.replace("-", " "))
            return self.mark("registration_number", self.draw.choice(forms))
        return self.mark("registration_number", number)

    def phone(self) -> Markup:
        """The issuer's telephone number, as a link."""
        return self.mark("phone", self.content.issuer.phone)

    def labelled(self, key: str, value: Markup | str, *, rate: Decimal | None = None) -> Markup:
        """A label and its value in one line of text, with the document's separator."""
        label = self.w(key, rate=rate)
        separator = self.style.separator if label and not label.endswith((":", "：")) else " " if label else ""
        return Markup("{}{}{}").format(label, separator, value)

    def pick(self, choices: Sequence[object]) -> object:
        """One of several, by chance."""
        return self.draw.choice(choices)

    def filled(self, pattern: str) -> str:
        """A distractor's pattern with made-up digits, dates, amounts and telephone numbers."""
        draw = self.draw
        if "@" in pattern:
            day = self.content.date + datetime.timedelta(days=draw.randint(-40, 60))
            pattern = pattern.replace("@", self.date_text(day))
        if "$" in pattern:
            pattern = pattern.replace("$", self.money_text(Decimal(draw.randint(5, 900) * 100)))
        if "~" in pattern:
            pattern = pattern.replace("~", self.other_phone())
        return filled(draw, pattern)

    def other_phone(self) -> str:
        """A telephone number that is not the issuer's main one."""
        phone, digit = self.content.issuer.phone, self.draw.randrange(1, 10)
        return phone[:-1] + str((int(phone[-1]) + digit) % 10)

    @property
    def party(self) -> Party:
        """The issuer's facts, for what is no field: address, fax, logo."""
        return self.content.issuer
