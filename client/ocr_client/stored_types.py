"""What the API tells of stored documents, as it is sent; names and meanings are the API's own."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from ocr_client.types import Fields, OcrResult

Value = str | int | None | list[dict[str, object]]
"""As the API answers a field: numbers are integers or decimal strings."""


class StoredDocument(TypedDict):
    """A stored document, without its result."""

    id: str
    stored_at: str
    stored_until: str
    road: Literal["sync", "bulk"]
    job_id: str | None
    reference: str | None
    file_name: str | None
    media_type: str
    page_count: int
    sha256: str
    document_type: str | None
    size_bytes: int
    corrections: int


class NewCorrection(TypedDict):
    """What a value should have been."""

    path: str
    """``total_amount``, ``line_items``, ``bank_accounts.0.number``."""
    value: Value
    currency: NotRequired[str]
    schema: NotRequired[str]
    """Of a document that was read by several."""
    page: NotRequired[int]
    quad: NotRequired[list[list[float]]]


class Correction(TypedDict):
    """A correction that was made."""

    id: int
    schema: str | None
    path: str
    type: str
    read: object
    value: object
    page: int | None
    quad: list[list[float]] | None
    key_id: str | None
    corrected_by: str | None
    created_at: str


class CorrectedAnswers(TypedDict):
    """A result's fields with all corrections taken in."""

    fields: Fields | None
    schemas: dict[str, Fields] | None


class StoredResult(OcrResult):
    """The answer to one document as it was stored, and what became of it."""

    stored_at: str
    road: Literal["sync", "bulk"]
    job_id: str | None
    reference: str | None
    page_images: list[int]
    corrections: list[Correction]
    corrected: CorrectedAnswers | None
