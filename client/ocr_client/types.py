"""The JSON answer, as types: what api.md says, name for name."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

Format = Literal["json", "text", "markdown", "hocr", "alto"]
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


class Problem(TypedDict):
    """Why a page has no lines."""

    code: str
    detail: str


class Page(TypedDict):
    """A page; one that could not be read has ``error`` and neither size nor lines."""

    number: int
    width_px: NotRequired[int]
    height_px: NotRequired[int]
    dpi: NotRequired[int]
    rotation_deg: NotRequired[int]
    lines: NotRequired[list[Line]]
    error: NotRequired[Problem]


@final
class Field(TypedDict):
    """A field with its evidence; ``currency`` only on amounts."""

    value: str | int
    text: str
    confidence: float
    page: int
    quad: list[list[float]]
    currency: NotRequired[str]


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


Fields = dict[str, Field | list[BankAccount] | None]


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
