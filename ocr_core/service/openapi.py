"""What ``/openapi.json`` says beyond what FastAPI finds out by itself."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ocr_core.contracts.access import Scope
from ocr_core.contracts.errors import Forbidden, NotReady, OcrError, Unauthenticated
from ocr_core.service.access import Access
from ocr_core.service.declarations import declared_routes
from ocr_core.service.problems import PROBLEM_MEDIA_TYPE, PROBLEM_TYPE_PREFIX

JsonSchema = dict[str, Any]  # OpenAPI documents are open-ended JSON, as FastAPI itself types them

_PROBLEM_SCHEMA: JsonSchema = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong with this request, for a person."},
        "code": {"type": "string", "description": "What kind of error it is, for a program."},
        "request_id": {"type": "string"},
    },
}


def problem_responses(*errors: type[OcrError]) -> dict[int | str, JsonSchema]:
    """The ``responses`` of a route that can answer with ``errors``."""
    by_status: dict[int, list[type[OcrError]]] = defaultdict(list)
    for error in errors:
        by_status[error.http_status].append(error)
    return {status: _response(by_status[status]) for status in sorted(by_status)}


_SECURITY_SCHEMES: JsonSchema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, `ok_…`; needed where keys are on."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}
_SECURITY: list[JsonSchema] = [{"bearer": []}, {"key": []}]


def install(app: FastAPI, *, components: dict[str, JsonSchema] | None = None, access: Access | None = None) -> None:
    """Make ``app`` document problems, ``components`` that its routes refer to, and which routes need a key.

    What is told of keys is true where it is served: with keys off no route asks for one.
    """

    def openapi() -> JsonSchema:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update({"Problem": _PROBLEM_SCHEMA, **(components or {})})
            if access is not None:
                if access.wants_keys:
                    document["components"]["securitySchemes"] = _SECURITY_SCHEMES
                _tell_of_keys(app, document, wanted=access.wants_keys)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _tell_of_keys(app: FastAPI, document: JsonSchema, *, wanted: bool) -> None:
    """Of every route whether it needs a key, and how it refuses one."""
    refusals = problem_responses(Unauthenticated, Forbidden, NotReady)
    for route in declared_routes(app.routes):
        declared = route.declaration
        if declared is None:
            continue
        for method in route.methods:
            operation = document["paths"].get(route.path, {}).get(method.lower())
            if operation is None:
                continue
            operation["security"] = _SECURITY if wanted and not declared.is_open else []
            if not declared.is_open:
                scopes = " or ".join(f"`{scope}`" for scope in Scope if scope in declared.scopes)
                told = operation.get("description", "")
                operation["description"] = f"{told}\n\nNeeds a key with the scope {scopes}, where keys are on.".strip()
                for status, response in refusals.items():
                    operation["responses"].setdefault(str(status), response)


def _response(errors: list[type[OcrError]]) -> JsonSchema:
    status = errors[0].http_status
    response: JsonSchema = {
        "description": "; ".join(f"`{error.code}`: {error.title}" for error in errors),
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    error.code: {
                        "value": {
                            "type": PROBLEM_TYPE_PREFIX + error.code,
                            "title": error.title,
                            "status": status,
                            "detail": "…",
                            "code": error.code,
                            "request_id": "req_…",
                        }
                    }
                    for error in errors
                },
            }
        },
    }
    if status in {429, 503}:
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}
        }
    return response
