"""A document's blocks as rows of labels and values, for templates to lay out: parties, dates and numbers, items."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from evaluation.generator.content import LineItem
from evaluation.generator.printout import Printout, Row

BARE_META = ("meta_lines", "meta_inline", "meta_bare")
"""The parts that print a value without a label as well as one with."""
REDUCED_MARKS = ("※", "*", "＊", "軽", "☆")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the item table."""

    key: str
    label: str
    is_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """A row of the item table: a cell a column, in their order."""

    cells: tuple[Markup, ...]
    item: LineItem
    index: int


class Blocks:
    """The blocks of one document."""

    def __init__(self, printout: Printout) -> None:
        self._page = printout
        draw = printout.draw
        self.reduced_mark = str(draw.choice(REDUCED_MARKS))
        rates = printout.content.sums.rates
        self.is_mixed = len(rates) > 1
        self.columns = self._columns()

    # Parties

    def recipient(self) -> Markup:
        """The recipient with its honorific: 御中 for a company, 様 for a person."""
        page = self._page
        if not page.shows("recipient_name"):
            return Markup("")
        key = "honorific_person" if page.content.recipient.is_person else "honorific_company"
        gap = page.pick((" ", "\N{IDEOGRAPHIC SPACE}", ""))
        return Markup('<span class="who">{}{}<span class="honorific">{}</span></span>').format(
            page.recipient(), gap, page.w(key)
        )

    def recipient_person(self) -> str:
        """A department or person at the recipient, now and then."""
        party = self._page.content.recipient
        if party.is_person or self._page.draw.random() < 0.6:
            return ""
        return (
            f"{party.department} {party.person} 様"
            if self._page.draw.random() < 0.6
            else f"{party.department} ご担当者様"
        )

    def recipient_address(self) -> list[str]:
        """The recipient's postal code and address."""
        party = self._page.content.recipient
        return [*([f"〒{party.postal_code}"] if party.postal_code else []), *party.address]

    def issuer_lines(self, *, leave_out: Collection[str] = ()) -> list[Markup]:
        """What stands under the issuer's name: address, telephone, fax, registration number, person.

        Args:
            leave_out: ``address``, ``phone``, ``registration``, ``person``: what the layout prints elsewhere.
        """
        page, party, draw = self._page, self._page.party, self._page.draw
        lines: list[Markup] = []
        if "address" not in leave_out and not party.postal_code:
            lines += [Markup.escape(line) for line in party.address]
        elif "address" not in leave_out:
            address = [Markup.escape(line) for line in party.address]
            postal = Markup("〒{}").format(party.postal_code)
            lines += (
                [postal, *address]
                if draw.random() < 0.6
                else [Markup("{} {}").format(postal, Markup(" ").join(address))]
            )
        tail: list[Markup] = []
        if "phone" not in leave_out and page.shows("phone"):
            phone = page.labelled("phone", page.phone())
            fax = page.labelled("fax", party.fax)
            kind = draw.random()
            if kind < 0.35:
                tail.append(Markup("{}\N{IDEOGRAPHIC SPACE}{}").format(phone, fax))
            elif kind < 0.6:
                tail += [phone, fax]
            else:
                tail.append(phone)
        elif draw.random() < 0.2:
            tail.append(Markup("E-mail: {}").format(party.mail))
        if "registration" not in leave_out and party.registration_number and page.shows("registration_number"):
            tail.insert(draw.randint(0, len(tail)), page.labelled("registration", page.registration()))
        if "person" not in leave_out and draw.random() < 0.3:
            tail.append(page.labelled("person", party.person.split(" ")[0]))
        return lines + tail

    def issuer_name(self) -> Markup:
        """The issuer's name."""
        return self._page.issuer() if self._page.shows("issuer_name") else Markup("")

    # Dates and numbers

    def meta(self, *, leave_out: Collection[str] = (), distractors: int | None = None) -> list[Row]:
        """Number, date, due date and what stands beside them, in some order.

        Args:
            leave_out: Fields that the layout prints elsewhere.
            distractors: How many rows that are no fields; by default up to two.
        """
        page, draw = self._page, self._page.draw
        rows: list[Row] = []
        if "document_number" not in leave_out and page.shows("document_number"):
            rows.append(Row(label=page.w(self._key("number")), value=page.number(), kind="document_number"))
        if "document_date" not in leave_out and page.shows("document_date"):
            # A date may stand alone in a line, but not beside an empty cell.
            is_named = page.layout.parts.get("meta") not in BARE_META
            label = page.w(self._key("date"), is_named=is_named)
            rows.append(Row(label=label, value=page.date(), kind="document_date"))
        if "due_date" not in leave_out and page.shows("due_date") and not page.due_in_sentence:
            rows.append(Row(label=page.w("due"), value=page.due(), kind="due_date"))
        count = draw.choice((0, 0, 1, 1, 2)) if distractors is None else distractors
        patterns = page.words("distractor_meta")
        for pattern in draw.sample(patterns, min(count, len(patterns))):
            label, _, value = page.filled(pattern).partition("=")
            rows.append(Row(label=label, value=Markup.escape(value), kind="distractor"))
        if draw.random() < 0.5:
            draw.shuffle(rows)
        return rows

    def due_sentence(self) -> Markup:
        """The due date in a sentence, in the documents that say it so."""
        page = self._page
        if not (page.due_in_sentence and page.shows("due_date")):
            return Markup("")
        before, _, after = page.w("due_sentence").partition("{due}")
        return Markup('<p class="sentence">{}{}{}</p>').format(before, page.due(), after)

    # Items

    def rows(self) -> list[ItemRow]:
        """The item table's rows."""
        return [self._item_row(index, item) for index, item in enumerate(self._page.content.items)]

    def chunked(self, rows: list[ItemRow], first: int, following: int) -> list[list[ItemRow]]:
        """The rows by sheet of paper: so many on the first, so many on each other one."""
        return [rows[:first], *(rows[start : start + following] for start in range(first, len(rows), following))]

    def running_sum(self, rows: Sequence[ItemRow], until: int) -> str:
        """The items' sum so far, as a page that goes on prints it."""
        return self._page.money_text(sum((row.item.amount for row in rows[:until]), Decimal(0)), "bare")

    def reduced_note(self) -> str:
        """What the mark behind an item means; empty where no item has one."""
        has_reduced = any(item.is_reduced for item in self._page.content.items)
        return self._page.w("reduced_note").replace("{mark}", self.reduced_mark) if has_reduced else ""

    def notes(self, most: int = 3) -> list[str]:
        """Lines for the remarks: dates, amounts and telephone numbers that are no fields."""
        page = self._page
        patterns = page.words("distractor_note")
        return [
            page.filled(pattern)
            for pattern in page.draw.sample(patterns, min(page.draw.randint(1, most), len(patterns)))
        ]

    def _key(self, key: str) -> str:
        return f"{key}_receipt" if self._page.layout.is_receipt else key

    def _columns(self) -> tuple[Column, ...]:
        page, draw = self._page, self._page.draw
        keys = ["description", "quantity", "unit", "unit_price", "amount"]
        if page.layout.has("no_prices"):
            keys = ["description", "quantity", "unit"]
        kind = draw.random()
        if kind < 0.35:
            keys.remove("unit")
        elif kind < 0.55:
            keys[1:3] = ["quantity_unit"]
        if draw.random() < 0.2 and not page.layout.has("narrow"):
            keys.insert(0, "date")
        if draw.random() < (0.5 if self.is_mixed else 0.15) and not page.layout.has("narrow"):
            keys.insert(len(keys) - 1, "rate")
        labels = {"quantity_unit": "quantity"}
        return tuple(
            Column(
                key=key,
                label=page.w(f"column_{labels.get(key, key)}"),
                is_number=key not in {"description", "unit", "date"},
            )
            for key in keys
        )

    def _item_row(self, index: int, item: LineItem) -> ItemRow:
        return ItemRow(
            cells=tuple(self.cell(index, item, column.key) for column in self.columns), item=item, index=index
        )

    def cell(self, index: int, item: LineItem, key: str) -> Markup:
        """One value of an item as a link; ``quantity_unit`` is two."""
        page, path = self._page, f"line_items.{index}."
        quantity = f"{item.quantity.normalize():,f}"
        if key == "quantity_unit":
            return Markup("{}{}").format(page.mark(path + "quantity", quantity), page.mark(path + "unit", item.unit))
        if key == "description":
            mark = f" {self.reduced_mark}" if item.is_reduced else ""
            return Markup("{}{}").format(page.mark(path + "description", item.description), mark)
        if key in {"unit_price", "amount"}:
            value = item.unit_price if key == "unit_price" else item.amount
            return page.money(path + key, value, page.style.item_money)
        if key == "date":
            return Markup.escape(page.short_date(item.date))
        texts = {"quantity": quantity, "unit": item.unit, "rate": f"{item.tax_rate_percent.normalize():f}%"}
        return page.mark(path + ("tax_rate_percent" if key == "rate" else key), texts[key])
