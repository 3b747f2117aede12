"""What ``/openapi.json`` tells of the routes of stored documents beyond what FastAPI finds out by itself."""

from __future__ import annotations

from async_worker.api.openapi import RouteFacts
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
    OcrError,
)
from ocr_core.contracts.stored_documents import MAX_LISTED
from ocr_core.service import problem_responses
from ocr_core.service.openapi import JsonSchema
from ocr_core.service.result_schema import REF
from preprocess_svc.shown_pages import ShownMediaType

_DOCUMENT_ID: JsonSchema = {
    "name": "document_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "example": "doc_0f8fad5bd9cb469fa16570867728950e",
}
_OF_DOCUMENT: JsonSchema = {"parameters": [_DOCUMENT_ID]}
_ALWAYS: tuple[type[OcrError], ...] = (InvalidRequest, MethodNotAllowed, InternalError, NotReady)


def _errors(*errors: type[OcrError]) -> dict[int | str, JsonSchema]:
    return problem_responses(*dict.fromkeys((*_ALWAYS, *errors)))


def _query(name: str, description: str, schema: JsonSchema) -> JsonSchema:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


LIST_DOCUMENTS: RouteFacts = {
    "summary": "Stored documents, newest first",
    "responses": _errors(NotFound),
    "openapi_extra": {
        "parameters": [
            _query("cursor", "`next_cursor` of the answer before.", {"type": "string"}),
            _query(
                "limit", "Documents at most.", {"type": "integer", "minimum": 1, "maximum": MAX_LISTED, "default": 100}
            ),
            _query("sha256", "Those of exactly these bytes.", {"type": "string", "pattern": "^[0-9a-f]{64}$"}),
        ]
    },
}

GET_DOCUMENT: RouteFacts = {
    "summary": "A stored document: its result, and what was put right in it",
    "responses": {
        200: {"content": {"application/json": {"schema": {"$ref": REF.format(model="StoredResult")}}}},
        **_errors(NotFound),
    },
    "openapi_extra": _OF_DOCUMENT,
}

GET_PAGE: RouteFacts = {
    "summary": "The image of a page, upright, as the quads mean it",
    "responses": {
        200: {
            "content": {
                media_type.value: {"schema": {"type": "string", "format": "binary"}} for media_type in ShownMediaType
            }
        },
        **_errors(NotFound),
    },
    "openapi_extra": {
        "parameters": [
            _DOCUMENT_ID,
            {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}},
        ]
    },
}

CREATE_CORRECTIONS: RouteFacts = {
    "summary": "Put values of a stored document right",
    "description": (
        "What a person says that fields should have been: labelled data for the next model, kept for as long as the "
        "document. Corrections are added and never changed; of one path the latest counts. All of a request are "
        "taken, or none."
    ),
    "responses": _errors(NotFound, DocumentTooLarge, DeadlineExceeded),
    "openapi_extra": {
        **_OF_DOCUMENT,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": REF.format(model="CorrectionsRequest")},
                    "example": {
                        "corrections": [
                            {"path": "total_amount", "value": 385000},
                            {"path": "bank_accounts.0.number", "value": "1234567"},
                        ],
                        "corrected_by": "m.sato",
                    },
                }
            },
        },
    },
}

DELETE_DOCUMENT: RouteFacts = {
    "summary": "Delete a stored document",
    "description": (
        "Its result, page images and corrections, and what its job has of it. Nobody can read it from the moment of "
        "the answer on. Deleting it again is no mistake for a month; then it is not known any more."
    ),
    "responses": {
        202: {
            "description": "It cannot be read any more; its objects go as soon as object storage answers.",
            "content": {"application/json": {"schema": {"$ref": REF.format(model="DeletionState")}}},
        },
        204: {"description": "It is gone, from object storage and from the database."},
        **_errors(NotFound),
    },
    "openapi_extra": _OF_DOCUMENT,
}
