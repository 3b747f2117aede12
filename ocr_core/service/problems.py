"""One place where an error becomes HTTP: RFC 9457 problem details."""

from __future__ import annotations

import math
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from ocr_core.contracts.errors import InternalError, InvalidRequest, MethodNotAllowed, NotFound, OcrError
from ocr_core.service.context import RequestContext, context_of
from ocr_core.service.declarations import declared_routes

PROBLEM_MEDIA_TYPE = "application/problem+json"
PROBLEM_TYPE_PREFIX = "urn:yomitori:problem:"
_DEFAULT_RETRY_AFTER_S = 1.0
_STATUSES_TO_RETRY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def problem_response(error: OcrError, context: RequestContext) -> Response:
    """Write ``error`` down as problem details, with ``Retry-After`` where trying again makes sense."""
    context.error_code = error.code
    headers = {}
    if error.http_status in _STATUSES_TO_RETRY:
        wait_s = error.retry_after_s if error.retry_after_s is not None else _DEFAULT_RETRY_AFTER_S
        headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = {
        "type": PROBLEM_TYPE_PREFIX + error.code,
        "title": error.title,
        "status": error.http_status,
        "detail": error.detail,
        "code": error.code,
        "request_id": context.request_id,
    }
    return Response(to_json(body), status_code=error.http_status, media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def internal_error(context: RequestContext) -> OcrError:
    """What a caller is told of a fault of ours: where to find it in the logs, and nothing else."""
    return InternalError(f"the request failed inside the server; its log lines carry the id {context.request_id}")


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every foreseen error of ``app`` with problem details; the middleware answers the unforeseen."""
    app.add_exception_handler(OcrError, _answer_ocr_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)


async def _answer_ocr_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, OcrError):
        raise error
    return problem_response(error, context_of(request))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such route, no such method, a body that is not what it says."""
    if not isinstance(error, HTTPException):
        raise error
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            problem: OcrError = NotFound("there is no such resource; GET /openapi.json lists those that exist")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            problem = MethodNotAllowed(f"this resource does not take {request.method}")
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            problem = InvalidRequest(str(error.detail))
        case _:
            problem = internal_error(context_of(request))
    response = problem_response(problem, context_of(request))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return response


def _methods_of(request: Request) -> set[str]:
    """Of all routes of the path that was asked for; Starlette's own ``Allow`` names those of the first alone."""
    path = request.scope["path"]
    return {
        method
        for route in declared_routes(request.app.routes)
        if compile_path(route.path)[0].match(path)
        for method in route.methods
    }


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    details = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
    return problem_response(InvalidRequest("; ".join(details)), context_of(request))
