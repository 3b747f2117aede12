"""What the routes of stored documents take and answer, as JSON and as ``/openapi.json`` tells it."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, field_validator
from pydantic.json_schema import models_json_schema

from async_worker.corrections import Asked
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import check_storable
from ocr_core.contracts.stored_documents import (
    MAX_PATH_CHARACTERS,
    Correction,
    DocumentCursor,
    Road,
    StoredDocument,
)
from ocr_core.service.openapi import JsonSchema
from ocr_core.service.result_schema import REF, STORED_UNTIL

MAX_CORRECTIONS = 500
"""Of one request."""
MAX_NAME_CHARACTERS = 200

_CURSOR = re.compile(r"(?P<us>-?[0-9]{1,17})\.(?P<id>doc_[0-9a-f]{32})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLE_ID = "doc_0f8fad5bd9cb469fa16570867728950e"

_Pixel = Annotated[float, Field(ge=-1_000_000, le=1_000_000, allow_inf_nan=False)]
_Point = tuple[_Pixel, _Pixel]

_SINGLE: list[JsonSchema] = [{"type": "string"}, {"type": "integer"}, {"type": "null"}]
_MEMBERS: JsonSchema = {"type": "object", "additionalProperties": {"anyOf": _SINGLE}}
_LIST: JsonSchema = {"type": "array", "items": _MEMBERS}
_SentValue = Annotated[JsonValue, WithJsonSchema({"anyOf": [*_SINGLE, _LIST]})]
"""Of a field, a whole list, or a member; what may be in it the field's type says."""
_ToldValue = Annotated[JsonValue, WithJsonSchema({"anyOf": [*_SINGLE, _MEMBERS, _LIST]})]
"""A field by its members: its value, and an amount's currency."""


class CorrectionRequest(BaseModel):
    """One value that a person puts right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(
        min_length=1,
        max_length=MAX_PATH_CHARACTERS,
        description="A field, a whole list, or a member of an entry of a list, counted from 0.",
        examples=["total_amount", "line_items", "bank_accounts.0.number"],
    )
    value: _SentValue = Field(
        description="As the API itself would answer it; null where the document does not print it. "
        "Numbers are integers or decimal strings.",
        examples=[385000],
    )
    currency: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Of an amount; where it is left out, the one that was read."
    )
    schema_name: str | None = Field(
        default=None,
        alias="schema",
        max_length=64,
        description="Whose answer it is about, of a document that was read by several schemas.",
    )
    page: int | None = Field(default=None, ge=1, description="Where the value stands.")
    quad: tuple[_Point, _Point, _Point, _Point] | None = Field(
        default=None, description="There, in pixels of the upright page, clockwise from the text's own top-left."
    )

    def asked(self) -> Asked:
        """The same for the desk."""
        return Asked(
            path=self.path,
            value=self.value,
            currency=self.currency,
            schema=self.schema_name,
            page=self.page,
            quad=self.quad,
        )


class CorrectionsRequest(BaseModel):
    """What a person puts right in a document; all of it is taken, or nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    corrections: list[CorrectionRequest] = Field(min_length=1, max_length=MAX_CORRECTIONS)
    corrected_by: str | None = Field(
        default=None, min_length=1, max_length=MAX_NAME_CHARACTERS, description="The person, in your own words."
    )

    @field_validator("corrected_by")
    @classmethod
    def _storable(cls, name: str | None) -> str | None:
        try:
            check_storable(name or "", "the name")
        except InvalidRequest:
            raise ValueError("it is not a text") from None
        return name


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class CorrectionState(_Answer):
    """A correction as it was made."""

    id: int
    schema_name: str | None = Field(serialization_alias="schema")
    path: str
    type: str = Field(description="A field's type, as its schema has it, or a member's.")
    read: _ToldValue = Field(description="What the document was read as, without evidence.")
    value: _ToldValue
    page: int | None
    quad: list[tuple[float, float]] | None
    key_id: str | None = Field(description="The API key that sent it.")
    corrected_by: str | None
    created_at: datetime

    @classmethod
    def of(cls, correction: Correction) -> Self:
        """The correction as the document's owner sees it."""
        return cls.model_validate(
            {
                "id": correction.id,
                "schema_name": correction.schema,
                "path": correction.path,
                "type": correction.kind,
                "read": correction.read,
                "value": correction.value,
                "page": correction.page,
                "quad": None if correction.quad is None else list(correction.quad),
                "key_id": correction.by.key_id,
                "corrected_by": correction.by.corrected_by,
                "created_at": correction.created_at,
            }
        )


class Corrections(_Answer):
    """Corrections, oldest first."""

    corrections: list[CorrectionState]


class DocumentState(_Answer):
    """A stored document, without its result."""

    id: str = Field(examples=[_EXAMPLE_ID])
    stored_at: datetime
    stored_until: datetime = Field(description="As the tenant's retention is now.")
    road: Road
    job_id: str | None
    reference: str | None
    file_name: str | None
    media_type: str
    page_count: int
    sha256: str
    document_type: str | None
    size_bytes: int = Field(description="Of result and page images.")
    corrections: int = Field(description="How many have been made.")

    @classmethod
    def of(cls, document: StoredDocument, *, retention_days: float) -> Self:
        """The document as its owner sees it."""
        return cls(
            id=document.id,
            stored_at=document.created_at,
            stored_until=document.created_at + timedelta(days=retention_days),
            road=document.road,
            job_id=document.job_id,
            reference=document.reference,
            file_name=document.file_name,
            media_type=document.media_type,
            page_count=document.page_count,
            sha256=document.sha256,
            document_type=document.document_type,
            size_bytes=document.size_bytes,
            corrections=document.corrections,
        )


class Documents(_Answer):
    """Stored documents, newest first."""

    documents: list[DocumentState]
    next_cursor: str | None = Field(description="Ask again with `cursor` set to it; null at the end.")


class DeletionState(_Answer):
    """A document that nobody can read any more, and whose objects are still being deleted."""

    id: str = Field(examples=[_EXAMPLE_ID])
    status: str = Field(default="deleting", json_schema_extra={"enum": ["deleting"]})


def write_cursor(document: StoredDocument) -> str:
    """What leads to the documents behind this one."""
    microseconds = (document.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{microseconds}.{document.id}".encode()).decode().rstrip("=")


def read_cursor(untrusted_cursor: str) -> DocumentCursor:
    """Back again.

    Raises:
        InvalidRequest: it is none of ours.
    """
    refusal = InvalidRequest("parameter 'cursor': the next_cursor of an earlier answer")
    padded = untrusted_cursor + "=" * (-len(untrusted_cursor) % 4)
    try:
        match = _CURSOR.fullmatch(base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        raise refusal from None
    if match is None:
        raise refusal
    try:
        return DocumentCursor(created_at=_EPOCH + timedelta(microseconds=int(match["us"])), id=match["id"])
    except OverflowError:
        raise refusal from None


def document_components(result: JsonSchema) -> dict[str, JsonSchema]:
    """The schemas that the routes' documentation refers to.

    Args:
        result: Of ``OcrResult``.
    """
    _, requests = models_json_schema([(CorrectionsRequest, "validation")], ref_template=REF)
    _, answers = models_json_schema(
        [(CorrectionState, "serialization"), (DeletionState, "serialization")], ref_template=REF
    )
    return {**requests["$defs"], **answers["$defs"], "StoredResult": _stored_result(result)}


def _stored_result(result: JsonSchema) -> JsonSchema:
    more: dict[str, Any] = {
        "stored_at": {"type": "string", "format": "date-time"},
        "stored_until": {**STORED_UNTIL, "description": "As the tenant's retention is now."},
        "road": {"type": "string", "enum": list(Road)},
        "job_id": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "reference": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "page_images": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "The numbers of the pages whose image is there.",
        },
        "corrections": {
            "type": "array",
            "items": {"$ref": REF.format(model="CorrectionState")},
            "description": "All that was put right, oldest first.",
        },
        "corrected": {
            "anyOf": [
                {
                    "type": "object",
                    "required": ["fields", "schemas"],
                    "properties": {
                        name: {"anyOf": [{"type": "object"}, {"type": "null"}]} for name in ("fields", "schemas")
                    },
                },
                {"type": "null"},
            ],
            "description": "`fields` and `schemas` of the result with all corrections taken in; each field or entry "
            "that has one says so by `corrected: true`. Null where there is none.",
        },
    }
    properties = {
        name: schema for name, schema in result["properties"].items() if name not in {"links", "stored_until"}
    }
    return {
        **result,
        "title": "StoredResult",
        "description": "The answer to one document, as it was stored, and what became of it.",
        "properties": {**properties, **more},
        "required": [*result["required"], *more],
    }
