"""What a caller gets: the ``OcrResult`` of api.md, value for value.

Coordinates are those of ``contracts/geometry.py``; confidences run from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ocr_core.contracts.document import DocumentInfo
from ocr_core.contracts.frozen import value
from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.page import Notice


class DocumentType(StrEnum):
    """What a document was taken for."""

    INVOICE = "invoice"
    RECEIPT = "receipt"
    OTHER = "other"


class OutputFormat(StrEnum):
    """How the result is written down."""

    JSON = "json"
    TEXT = "text"
    MARKDOWN = "markdown"
    HOCR = "hocr"
    ALTO = "alto"
    PDF = "pdf"


class AccountType(StrEnum):
    """Kinds of bank account: 普通, 当座, 貯蓄 and everything that is named by an IBAN."""

    ORDINARY = "ordinary"
    CHECKING = "checking"
    SAVINGS = "savings"
    IBAN = "iban"


@value
class Line:
    """One line of text."""

    text: str
    confidence: float
    quad: Quad
    row: int = 0
    """Which visual row of the page it stands in, in reading order; the cells of a table row share it. For formats."""
    block: int = 0
    """Which block of rows (a column, a paragraph, an address) it belongs to, in reading order. For formats."""
    positions: tuple[float, ...] = ()
    """Each character's centre as a fraction of the quad's reading edge; empty where it is not known. For formats."""
    character_confidences: tuple[float, ...] = ()
    """Each character's probability; empty where it is not known. For formats."""


@value
class TableCell:
    """One cell. Where it goes on, in further rows or columns, no cell stands."""

    text: str
    """Its lines, joined; empty where nothing is printed in it."""
    quad: Quad
    """Around its area, not only its text."""
    row_span: int
    column_span: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of at least two rows and two columns."""

    quad: Quad
    rows: tuple[tuple[TableCell, ...], ...]
    """From the top down, each from left to right."""
    line_indices: tuple[int, ...] = ()
    """Which of the page's lines its cells hold, ascending. For formats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """One page's lines in reading order, and its tables, in pixels of the upright page."""

    number: int
    width_px: int
    height_px: int
    dpi: int
    rotation_deg: int
    lines: tuple[Line, ...]
    tables: tuple[Table, ...] = ()
    """From the top down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProblem:
    """Why a page has no lines."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadPage:
    """A page that could not be read, in its place."""

    number: int
    error: PageProblem


class PartnerEvidence(StrEnum):
    """What told which business partner is meant."""

    NAME = "name"
    REGISTRATION_NUMBER = "registration_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerOfName:
    """The business partner, of the operator's table, that a name was taken for."""

    name: str
    """As the table has it; it is the field's ``value``."""
    code: str | None
    """The table's own code of the partner."""
    registration_number: str | None
    matched_by: PartnerEvidence
    confidence: float
    """Of the match alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValue:
    """A field with its evidence: the value normalised, the text as printed, where, and how sure."""

    value: str | int
    text: str
    confidence: float
    page: int
    quad: Quad
    partner: PartnerOfName | None = None
    """Whose name the table of business partners says it is; sent where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyValue:
    """An amount: an integer in JPY, a decimal string in any other currency."""

    value: str | int
    currency: str
    text: str
    confidence: float
    page: int
    quad: Quad


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """An account to pay into. What the document does not print is null."""

    bank: str | None
    branch: str | None
    type: AccountType | None
    number: str
    holder: str | None
    text: str
    confidence: float
    page: int
    quad: Quad


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """Something that was delivered or done. What the document does not print is null."""

    description: str | None
    """Without a mark that only says which tax rate applies."""
    quantity: int | str | None
    """An integer where it is whole, else a decimal string: never a float, which could not say 0.1."""
    unit: str | None
    """As printed."""
    unit_price: int | str | None
    """As amounts are; in JPY a decimal string where it has a part of a yen (12.5)."""
    amount: int | str | None
    """An integer in JPY, a decimal string in any other currency; a discount's is negative."""
    tax_rate_percent: int | str | None
    """As quantities are."""
    text: str
    confidence: float
    page: int
    quad: Quad


FieldAnswer = FieldValue | MoneyValue | tuple[BankAccount, ...] | tuple[LineItem, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds of wall time; stages of different pages overlap, so they may add up to more than the total."""

    open: float
    detect: float
    recognise: float
    structure: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrResult:
    """The answer to one document."""

    id: str
    request_id: str
    document: DocumentInfo
    document_type: DocumentType | None
    pages: tuple[PageResult | UnreadPage, ...]
    text: str
    fields: dict[str, FieldAnswer] | None
    """By the names of api.md; null where no fields were asked for (``schema=none``) or several schemas were."""
    schemas: dict[str, dict[str, FieldAnswer]] | None
    models: dict[str, str]
    warnings: tuple[Notice, ...] = field(default=())
    timing_ms: Timing = Timing(open=0, detect=0, recognise=0, structure=0, total=0)
