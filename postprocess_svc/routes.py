"""``POST /v1/structure``: a Reading in, a written-down result out. Internal; ``adapters/postprocess.py`` calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ocr_core.contracts import placed_text_codec
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    InternalError,
    InvalidRequest,
    NotReady,
    Overloaded,
)
from ocr_core.contracts.ports import RenderedResult, SchemaList, StructureOptions
from ocr_core.contracts.remembered import IDENTITY_HEADER
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO, SchemaName, parse_schema_names
from ocr_core.contracts.warning_codes import WARNINGS_HEADER, join_codes
from ocr_core.service import context_of, problem_responses
from ocr_core.service.middleware import CLIENT_CLOSED_REQUEST
from ocr_core.service.race import finish_in_time
from ocr_core.telemetry import Metrics
from ocr_core.tracing import with_context
from postprocess_svc.schemas import Catalogue, shipped_schemas

_DEFAULT_REMAINING_S = 5.0
_MAX_REMAINING_S = 3_600.0
_CONTENT_TYPES = (
    "application/json",
    "text/plain",
    "text/markdown",
    "text/html",
    "application/xml",
    placed_text_codec.CONTENT_TYPE,
)

StructureBytes = Callable[[bytes, StructureOptions, str, Deadline], RenderedResult]
"""An encoded Reading, the options, the request's id and its deadline in; the text pipeline's answer out. Runs in a
thread, and gives it back soon after the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRoad:
    """What a Reading passes on the text side."""

    structure: StructureBytes
    workers: Executor
    places: asyncio.Semaphore
    max_body_bytes: int
    metrics: Metrics
    identity: Callable[[], str]
    """``TextIdentity.sha256``."""
    schemas: Catalogue = field(default_factory=shipped_schemas)

    async def answer(self, request: Request, options: StructureOptions, deadline: Deadline) -> RenderedResult:
        """Take the Reading in and structure it in a thread.

        Raises:
            Overloaded: every place is taken.
            OcrError: whatever else stands in the way.
            ClientDisconnect: nobody is left to answer.
        """
        if self.places.locked():
            self.metrics.refusals.inc()
            raise Overloaded("the text service has as many readings as it takes at once")
        await self.places.acquire()
        try:
            body = await _read_body(request, self.max_body_bytes, deadline)
            request_id = context_of(request).request_id
            work = self.workers.submit(with_context(self.structure, body, options, request_id, deadline))
        except BaseException:
            self.places.release()
            raise
        # A thread cannot be interrupted: the place is free when the thread is, not when its request is given up. The
        # pipeline looks at the deadline between its steps, so that this is soon.
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self.places.release))
        return await finish_in_time(_wait(work), request=request, deadline=deadline)


def make_router(road: TextRoad) -> APIRouter:
    """The internal routes of the text side."""
    router = APIRouter(tags=["internal"])

    @router.post(
        "/v1/structure",
        summary="Structure one Reading",
        response_class=Response,
        responses={
            200: {"content": {content_type: {} for content_type in _CONTENT_TYPES}},
            **problem_responses(
                InvalidRequest, DocumentTooLarge, Overloaded, InternalError, NotReady, DeadlineExceeded
            ),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/vnd.msgpack": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def structure_one_reading(
        request: Request,
        schema: Annotated[str, Query()] = AUTO,
        output_format: Annotated[OutputFormat, Query(alias="format")] = OutputFormat.JSON,
        min_confidence: Annotated[float, Query(ge=0, le=1)] = 0.5,
        remaining_s: Annotated[
            float, Header(alias="X-Ocr-Remaining-S", gt=0, le=_MAX_REMAINING_S)
        ] = _DEFAULT_REMAINING_S,
    ) -> Response:
        context = context_of(request)
        deadline = Deadline(at_s=context.received_s + remaining_s)
        options = StructureOptions(
            schemas=_parse_schemas(schema, road.schemas), min_confidence=min_confidence, output_format=output_format
        )
        made_with = road.identity()
        try:
            result = await road.answer(request, options, deadline)
        except ClientDisconnect:
            context.error_code = "client_disconnected"
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        headers = {"Content-Type": result.content_type}
        if result.warning_codes:
            headers[WARNINGS_HEADER] = join_codes(result.warning_codes)
        if road.identity() == made_with:  # else a new table of partners came in the middle, or midnight
            headers[IDENTITY_HEADER] = made_with
        return Response(result.body, headers=headers)

    @router.get("/v1/schemas", summary="The schemas that there are")
    async def list_schemas() -> SchemaList:
        return SchemaList(schemas=tuple(schema.summary() for schema in road.schemas))

    @router.get("/v1/identity", summary="What results are made with", status_code=204, response_class=Response)
    async def tell_identity() -> Response:
        return Response(status_code=204, headers={IDENTITY_HEADER: road.identity()})

    return router


async def _wait(work: Future[RenderedResult]) -> RenderedResult:
    return await asyncio.wrap_future(work)


async def _read_body(request: Request, max_body_bytes: int, deadline: Deadline) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(deadline.remaining_s()):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_body_bytes:
                    raise DocumentTooLarge(f"the reading is over the limit of {max_body_bytes} bytes")
    except TimeoutError:
        raise DeadlineExceeded("the deadline passed before the reading had arrived") from None
    return bytes(body)


def _parse_schemas(untrusted_text: str, schemas: Catalogue) -> tuple[SchemaName, ...]:
    try:
        names = parse_schema_names(untrusted_text)
    except InvalidRequest as error:
        raise InvalidRequest(f"parameter 'schema': {error.detail}") from None
    schemas.check(names)
    return names
