"""The JSON answer, as types: what api.md says, name for name."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

Format = Literal["json", "text", "markdown", "hocr", "alto", "pdf"]
TextLayer = Literal["ignore", "prefer"]


class Document(TypedDict):
    """What was sent."""

    file_name: str | None
    media_type: str
    page_count: int
    sha256: str


class Line(TypedDict):
    """One line; the quad in pixels of its page, clockwise from the text's own top-left."""

    text: str
    confidence: float
    quad: list[list[float]]


class TableCell(TypedDict):
    """One cell; where it goes on, in further rows or columns, no cell stands."""

    text: str
    quad: list[list[float]]
    row_span: int
    column_span: int


class Table(TypedDict):
    """A table: rows from the top down, each with the cells that begin in it, from left to right."""

    quad: list[list[float]]
    rows: list[list[TableCell]]


class Problem(TypedDict):
    """Why a page has no lines."""

    code: str
    detail: str


class Page(TypedDict):
    """A page; one that could not be read has ``error`` and neither size nor lines nor tables."""

    number: int
    width_px: NotRequired[int]
    height_px: NotRequired[int]
    dpi: NotRequired[int]
    rotation_deg: NotRequired[int]
    lines: NotRequired[list[Line]]
    tables: NotRequired[list[Table]]
    error: NotRequired[Problem]


class Partner(TypedDict):
    """The business partner, of the server's table, that a name was taken for."""

    name: str
    code: str | None
    registration_number: str | None
    matched_by: Literal["name", "registration_number"]
    confidence: float


@final
class Field(TypedDict):
    """A field with its evidence; ``currency`` only on amounts, ``partner`` on a name that the server's table knows."""

    value: str | int
    text: str
    confidence: float
    page: int
    quad: list[list[float]]
    currency: NotRequired[str]
    partner: NotRequired[Partner]


@final
class BankAccount(TypedDict):
    """An account to pay into."""

    bank: str | None
    branch: str | None
    type: str | None
    number: str
    holder: str | None
    text: NotRequired[str]
    confidence: float
    page: int
    quad: list[list[float]]


@final
class LineItem(TypedDict):
    """Something that was delivered or done; what the document does not print is null."""

    description: str | None
    quantity: int | str | None
    unit: str | None
    unit_price: int | str | None
    amount: int | str | None
    tax_rate_percent: int | str | None
    text: str
    confidence: float
    page: int
    quad: list[list[float]]


Fields = dict[str, Field | list[BankAccount] | list[LineItem] | None]


class SchemaField(TypedDict):
    """A field of a schema: its type, and which of the server's fields it is."""

    type: str
    source: str
    required: bool


class Schema(TypedDict):
    """What a document may be asked for by ``schema``, beside ``auto`` and ``none``."""

    name: str
    title: str
    description: str
    document_type: str | None
    fields: dict[str, SchemaField]


class Warning(TypedDict):  # noqa: A001 - the API's own word
    """What was done differently from asked."""

    code: str
    detail: str
    page: int | None


class OcrResult(TypedDict):
    """The answer to one document."""

    id: str
    request_id: str
    document: Document
    document_type: str | None
    pages: list[Page]
    text: str
    fields: Fields | None
    schemas: NotRequired[dict[str, Fields] | None]
    models: dict[str, str]
    warnings: NotRequired[list[Warning]]
    timing_ms: dict[str, float]
    from_memory: NotRequired[bool]
    """True for an answer that the server remembered; absent on a fresh one."""
    stored_until: NotRequired[str]
    """Sent where the server keeps the document."""
