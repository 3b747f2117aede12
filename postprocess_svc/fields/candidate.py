"""Candidates: what a field family proposes and the scorer ranks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from ocr_core.contracts.frozen import value
from ocr_core.contracts.geometry import Quad, bounds
from ocr_core.contracts.result import AccountType
from postprocess_svc.fields.context import DocumentContext, RowFacts
from postprocess_svc.fields.page_index import Row
from postprocess_svc.lines import TextLine


class FieldName(StrEnum):
    """The fields of api.md. A family may bring others: any name will do as long as it is the only one to use it."""

    ISSUER_NAME = "issuer_name"
    RECIPIENT_NAME = "recipient_name"
    DOCUMENT_NUMBER = "document_number"
    DOCUMENT_DATE = "document_date"
    DUE_DATE = "due_date"
    TOTAL_AMOUNT = "total_amount"
    SUBTOTAL = "subtotal"
    TAX_AMOUNT = "tax_amount"
    REGISTRATION_NUMBER = "registration_number"
    BANK_ACCOUNTS = "bank_accounts"
    PHONE = "phone"


class FieldKind(StrEnum):
    """What kind of value a field has, and so which answer it becomes and what a schema may ask of it."""

    TEXT = "text"
    MONEY = "money"
    DATE = "date"
    """ISO 8601."""
    REGISTRATION_NUMBER = "registration_number"
    PHONE = "phone"
    ACCOUNTS = "accounts"
    """A list of bank accounts."""
    LINE_ITEMS = "line_items"
    """A list of line items."""


@value
class Span:
    """Where a candidate is printed: a span of a row's text."""

    row: Row
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BankDetails:
    """A bank account's parts; what is not printed is None."""

    bank: str | None
    branch: str | None
    type: AccountType | None
    number: str
    holder: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDetails:
    """A line item's values, as ``result.LineItem`` has them."""

    description: str | None
    quantity: int | str | None
    unit: str | None
    unit_price: int | str | None
    amount: int | str | None
    tax_rate_percent: int | str | None


@value
class Candidate:
    """A proposed value with its evidence and the features that speak for or against it."""

    value: str | int | BankDetails | ItemDetails
    evidence: tuple[Span, ...]
    features: Mapping[str, float]
    """By the names of ``weights.py``."""
    currency: str | None = None
    """Of an amount; None for any other value."""
    certainty: float = 1.0
    """How likely the value is right where it is the field's, 0 to 1: below 1 where something other than its features
    and its reading speaks against it, such as a check digit that fails. It bounds the confidence and is not learned."""

    @property
    def page(self) -> int:
        """The page of the first evidence."""
        return self.evidence[0].row.page

    def quad(self) -> Quad:
        """Around the evidence on its first page."""
        quads = [span.row.quad(span.start, span.end) for span in self.evidence if span.row.page == self.page]
        return quads[0] if len(quads) == 1 else bounds(*quads).to_quad()

    def text(self) -> str:
        """As printed; parts that stand apart are joined by a space."""
        return " ".join(span.row.printed(span.start, span.end) for span in self.evidence)

    def reading_confidence(self) -> float:
        """How sure the recogniser was of the evidence, 0 to 1: its least certain part."""
        return min(span.row.confidence(span.start, span.end) for span in self.evidence)


@value
class LinesCandidate(Candidate):
    """A candidate with the lines that it was read from, in place of spans of rows: what a table holds."""

    lines: tuple[TextLine, ...]
    on_page: int

    @property
    def page(self) -> int:
        """The page that it is printed on."""
        return self.on_page

    def quad(self) -> Quad:
        """Around its lines."""
        return bounds(*(line.quad for line in self.lines)).to_quad()

    def text(self) -> str:
        """Its lines as printed."""
        return " ".join(line.text for line in self.lines)

    def reading_confidence(self) -> float:
        """Of its least certain line."""
        return min(line.confidence for line in self.lines)


@value
class Choice:
    """The scorer's pick for a field."""

    candidate: Candidate
    confidence: float


Chosen = Mapping[str, Choice]


class FieldFamily(ABC):
    """One family of fields. It proposes; it never decides.

    A module in ``families`` that says ``FAMILY = …`` has one, which is all that a new family takes (``registry.py``).
    """

    name: ClassVar[str]
    kind: ClassVar[FieldKind]
    """Of all its fields."""
    fields: ClassVar[tuple[str, ...]]
    """In the order in which they are asked for: one may look at what was chosen for those before it."""
    after: ClassVar[tuple[str, ...]] = ()
    """Fields of other families whose choices this one looks at: found first, and the only ones that it can see."""
    weights: ClassVar[Mapping[str, Mapping[str, float]]] = MappingProxyType({})
    """Log odds by field and feature, for fields that ``weights.py`` does not know."""

    @abstractmethod
    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> Sequence[Candidate]:
        """Candidates for one of its fields; ``chosen`` holds the picks for its own earlier fields and ``after``."""


def span(facts: RowFacts, start: int, end: int) -> Span:
    """A span of a row as evidence, white space at its ends left out."""
    text = facts.row.text
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(row=facts.row, start=start, end=end)
