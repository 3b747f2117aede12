"""What ``/openapi.json`` tells of the bulk API beyond what FastAPI finds out by itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic.json_schema import models_json_schema

from async_worker.api.answers import ResultLine, ResultProblem
from async_worker.api.events import EVENT_STREAM
from async_worker.api.form_jobs import FILE_PART
from async_worker.api.idempotency import HEADER, REPLAYED_HEADER
from async_worker.api.job_options import JobOptions
from async_worker.api.json_jobs import JobDocument
from async_worker.api.results import NDJSON
from async_worker.api.upload_targets import UploadRequest
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    Forbidden,
    IdempotencyMismatch,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
    OcrError,
    Overloaded,
    QuotaExceeded,
    UnsupportedMediaType,
)
from ocr_core.contracts.jobs import MAX_KEY_CHARACTERS
from ocr_core.service import problem_responses
from ocr_core.service.openapi import JsonSchema
from ocr_core.service.result_schema import REF, result_schemas

RouteFacts = dict[str, Any]  # FastAPI's own keyword arguments of a route

_JOB_ID = "job_0f8fad5bd9cb469fa16570867728950e"
_ALWAYS: tuple[type[OcrError], ...] = (InvalidRequest, NotFound, MethodNotAllowed, InternalError, NotReady)


class JobRequest(JobOptions):
    """A job as JSON."""

    documents: list[JobDocument] = Field(min_length=1)


class FormRequest(JobOptions):
    """A job as a form."""


def components() -> dict[str, JsonSchema]:
    """The schemas that the routes' documentation refers to."""
    _, requests = models_json_schema(
        [(JobRequest, "validation"), (FormRequest, "validation"), (UploadRequest, "validation")], ref_template=REF
    )
    _, lines = models_json_schema([(ResultLine, "serialization"), (ResultProblem, "serialization")], ref_template=REF)
    results = result_schemas(
        timings={
            "fetch": "Fetching the source.",
            "wait": "Waiting for a place.",
            "keep": "Keeping the document, on the sync road.",
        },
        sent_sometimes={"fetch", "wait", "keep"},
        may_be_stored=True,
    )
    schemas: dict[str, JsonSchema] = {**results, **requests["$defs"], **lines["$defs"]}
    schemas["OcrResult"]["properties"]["links"] = {
        "type": "object",
        "description": "A URL for each further format, good for an hour unless the operator says otherwise.",
        "additionalProperties": {"type": "string", "format": "uri"},
    }
    schemas["ResultLine"]["properties"] |= {
        "result": {"$ref": _ref("OcrResult"), "description": "Where the status is `done`."},
        "error": {"$ref": _ref("ResultProblem"), "description": "Where it is `failed`."},
    }
    form = schemas["FormRequest"]
    form["properties"] = {
        FILE_PART: {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary", "minLength": 1},
            "description": "One part of this name for each document; its file name is the document's reference.",
        },
        **form["properties"],
        "formats": {"type": "string", "description": "Further formats, separated by commas."},
        "webhook_url": _given(form["properties"]["webhook_url"]),
    }
    form["required"] = [FILE_PART]
    return schemas


def _given(schema: JsonSchema) -> JsonSchema:
    """The same without null, which no form can say."""
    of_value, _ = schema["anyOf"]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return {**of_value, **rest}


def _ref(name: str) -> str:
    return REF.format(model=name)


def _errors(*errors: type[OcrError]) -> dict[int | str, JsonSchema]:
    return problem_responses(*dict.fromkeys((*_ALWAYS, *errors)))


def _query(name: str, description: str, schema: JsonSchema) -> JsonSchema:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_OF_JOB: JsonSchema = {
    "parameters": [
        {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}, "example": _JOB_ID},
    ]
}
_LOCATION = {"Location": {"description": "The job's own address.", "schema": {"type": "string"}}}

CREATE_JOB: RouteFacts = {
    "summary": "Send documents, to be read in their turn",
    "responses": {
        202: {
            "description": "The job is stored, and nothing that happens from here on loses it.",
            "headers": {
                **_LOCATION,
                REPLAYED_HEADER: {
                    "description": "`true` where the idempotency key had made this job before.",
                    "schema": {"type": "string"},
                },
            },
        },
        **_errors(
            Forbidden,
            DocumentTooLarge,
            UnsupportedMediaType,
            IdempotencyMismatch,
            Overloaded,
            QuotaExceeded,
            DeadlineExceeded,
        ),
    },
    "openapi_extra": {
        "parameters": [
            {
                "name": HEADER,
                "in": "header",
                "required": False,
                "description": (
                    "The same key and body give the same job for 24 hours; another body with it is refused. "
                    "Forms are compared by their parts, in order, not by their boundary."
                ),
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]+$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _ref("JobRequest")},
                    "example": {
                        "documents": [{"source": "s3://inbox/2026/invoice-1.pdf", "reference": "invoice 1"}],
                        "schema": "invoice",
                        "formats": ["markdown"],
                        "priority": "low",
                    },
                },
                "multipart/form-data": {"schema": {"$ref": _ref("FormRequest")}},
            },
        },
    },
}

CREATE_UPLOADS: RouteFacts = {
    "summary": "Addresses to put documents to that are not in object storage yet",
    "responses": {
        200: {"description": "Put each document to its URL, then name its `source` in a job."},
        **_errors(DocumentTooLarge, DeadlineExceeded),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _ref("UploadRequest")},
                    "example": {"files": [{"file_name": "a.pdf", "size_bytes": 48211}]},
                }
            },
        }
    },
}

GET_JOB: RouteFacts = {"summary": "How a job stands", "responses": _errors(), "openapi_extra": _OF_JOB}

CANCEL_JOB: RouteFacts = {
    "summary": "Cancel a job",
    "description": "What is done stays readable. A job that has ended stays as it is.",
    "responses": _errors(),
    "openapi_extra": _OF_JOB,
}

REDRIVE_JOB: RouteFacts = {
    "summary": "Read a job's failed documents again",
    "description": (
        "The job runs again, a second webhook follows at its end, and new result lines follow the old ones. "
        "Without failed documents nothing changes. A cancelled job cannot be redriven."
    ),
    "responses": {202: {"headers": _LOCATION}, **_errors(QuotaExceeded)},
    "openapi_extra": _OF_JOB,
}

GET_EVENTS: RouteFacts = {
    "summary": "How a job stands, as server-sent events",
    "description": "An event `status` with the job at once, at each change (twice a second at most), and at its end.",
    "responses": {
        200: {
            "content": {
                EVENT_STREAM: {
                    # Of each event: OpenAPI 3.1 has no word of its own for streams.
                    "schema": {
                        "type": "object",
                        "required": ["data"],
                        "properties": {
                            "id": {"type": "string", "description": "For `Last-Event-ID`."},
                            "event": {"const": "status"},
                            "data": {
                                "type": "string",
                                "contentMediaType": "application/json",
                                "contentSchema": {"$ref": _ref("JobState")},
                            },
                        },
                    },
                    "example": f'id: 1.3.done\nevent: status\ndata: {{"id":"{_JOB_ID}","status":"done",…}}\n\n',
                }
            }
        },
        204: {"description": "`Last-Event-ID` names the final state: there is nothing to come back for."},
        **_errors(Overloaded),
    },
    "openapi_extra": _OF_JOB,
}

GET_RESULTS: RouteFacts = {
    "summary": "A job's results, one document a line",
    "description": (
        "Newline-delimited JSON in the order in which documents ended. An answer that could not be sent whole is cut "
        "in the middle of its chunked encoding; go on from the last line's `sequence`. Empty lines are signs of life."
    ),
    "responses": {
        200: {"content": {NDJSON: {"schema": {"$ref": _ref("ResultLine")}}}},
        **_errors(Overloaded),
    },
    "openapi_extra": {
        "parameters": [
            *_OF_JOB["parameters"],
            _query(
                "cursor",
                "The `sequence` of the last line that you have; 0 for none.",
                {"type": "integer", "minimum": 0, "default": 0},
            ),
            _query(
                "follow",
                "`true`: the answer goes on until the job has ended and all its lines are out.",
                {"type": "boolean", "default": False},
            ),
        ]
    },
}
