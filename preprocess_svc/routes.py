"""The public routes of the pixel side, and what ``/openapi.json`` tells of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ocr_core.contracts.access import Scope
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    Forbidden,
    InternalError,
    InvalidRequest,
    NotReady,
    Overloaded,
    PasswordRequired,
    QuotaExceeded,
    Unauthenticated,
    UnreadableDocument,
    UnsupportedMediaType,
)
from ocr_core.contracts.ports import SchemaList
from ocr_core.contracts.warning_codes import WARNINGS_HEADER
from ocr_core.service import needs, problem_responses
from ocr_core.service.result_schema import REF, result_schemas
from preprocess_svc.one_document import DOCUMENT_ID_HEADER, answer_one_document
from preprocess_svc.parameters import OcrParameters, openapi_parameters
from preprocess_svc.shown_pages import IMAGE_SCHEMA
from preprocess_svc.sync_road import SyncRoad
from preprocess_svc.uploads import FILE_PART

_LIST_TIMEOUT_S = 5.0
_BINARY = {"schema": {"type": "string", "format": "binary"}}

_TIMINGS = {
    "fetch": "Fetching the source from object storage; absent without one.",
    "recall": "Looking whether the answer is remembered; absent where nothing is.",
    "wait": "Waiting for a place among the documents that are read at once.",
    "keep": "Keeping the document, as far as the answer waited for it; absent where the tenant has no retention.",
}
"""What this service knows beyond the text side's answer."""

_FROM_MEMORY = {
    "type": "boolean",
    "description": "The answer to an earlier request for the same bytes, asked in the same way: it was not read again. "
    "Absent otherwise.",
}

_ERRORS = (
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    DocumentTooLarge,
    UnsupportedMediaType,
    UnreadableDocument,
    PasswordRequired,
    Overloaded,
    QuotaExceeded,
    InternalError,
    NotReady,
    DeadlineExceeded,
)


def make_router(road: SyncRoad) -> APIRouter:
    """The public routes of the pixel side."""
    router = APIRouter(tags=["ocr"])
    parameters, _ = openapi_parameters(REF)

    @router.post(
        "/v1/ocr",
        summary="Read one document",
        response_class=Response,
        responses={200: _SUCCESS, **problem_responses(*_ERRORS)},
        openapi_extra={"parameters": parameters, "requestBody": _REQUEST_BODY},
    )
    @needs(Scope.SYNC)
    async def read_one_document(request: Request) -> Response:
        return await answer_one_document(request, OcrParameters.parse(request.query_params), road=road)

    @router.get(
        "/v1/schemas",
        summary="The schemas that there are",
        responses=problem_responses(InternalError, NotReady, DeadlineExceeded),
    )
    @needs(Scope.SYNC, Scope.BULK)
    async def list_schemas() -> SchemaList:
        return await road.structurer.schemas(deadline=Deadline.after(_LIST_TIMEOUT_S))

    return router


def components() -> dict[str, dict[str, Any]]:
    """The schemas that the routes' documentation refers to."""
    _, of_parameters = openapi_parameters(REF)
    schemas = result_schemas(
        timings=_TIMINGS, page_images=IMAGE_SCHEMA, sent_sometimes={"fetch", "keep", "recall"}, may_be_stored=True
    )
    schemas["OcrResult"]["properties"]["from_memory"] = _FROM_MEMORY
    return {**schemas, **of_parameters}


_SUCCESS: dict[str, Any] = {
    "description": "The document, read. `format` decides which of the contents it is.",
    "headers": {
        "X-Request-Id": {"description": "The caller's own id, or a new one.", "schema": {"type": "string"}},
        "Server-Timing": {"description": "Milliseconds by stage.", "schema": {"type": "string"}},
        WARNINGS_HEADER: {
            "description": "Codes of the warnings, and of pages that could not be read, each once; absent without any.",
            "schema": {"type": "string", "examples": ["page_rendered_smaller, unreadable_page"]},
        },
        "Age": {
            "description": "Seconds since the answer was made, where it is remembered; absent where it is fresh.",
            "schema": {"type": "integer"},
        },
        DOCUMENT_ID_HEADER: {
            "description": "The stored document's id, where it was kept: see `GET /v1/documents/{id}`.",
            "schema": {"type": "string"},
        },
        "Content-Disposition": {
            "description": "With `format=pdf`: the name to save it under.",
            "schema": {"type": "string", "examples": ["attachment; filename*=UTF-8''invoice.pdf"]},
        },
    },
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/OcrResult"}},
        "text/plain": {"schema": {"type": "string"}},
        "text/markdown": {"schema": {"type": "string"}},
        "text/html": {"schema": {"type": "string", "description": "hOCR 1.2."}},
        "application/xml": {"schema": {"type": "string", "description": "ALTO 4.4."}},
        "application/pdf": {
            "schema": {"type": "string", "format": "binary", "description": "The page images, searchable."}
        },
    },
}

_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "The document: as a form's file, as the body itself, or as an address in object storage.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FILE_PART],
                "properties": {FILE_PART: {"type": "string", "format": "binary"}},
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["source"],
                "additionalProperties": False,
                "properties": {"source": {"type": "string", "examples": ["s3://bucket/key"]}},
            }
        },
        **dict.fromkeys([*MediaType, "application/octet-stream"], _BINARY),
    },
}
