"""SageMaker's container contract: ``GET /ping`` and ``POST /invocations``, so that the image serves as an endpoint.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html

SageMaker runs ``docker run <image> serve``, asks ``/ping`` every few seconds and hands ``InvokeEndpoint``'s body to
``/invocations``. IAM decides in front of the endpoint who may call it, and of his headers only ``Content-Type``,
``Accept`` and ``X-Amzn-SageMaker-Custom-Attributes`` arrive: no API key can. So whoever reaches this container is one
tenant, the one that ``OCR_SAGEMAKER_TENANT`` names, and nothing is served but the contract.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from ocr_core.contracts.access import Scope
from ocr_core.contracts.errors import InvalidRequest, NotReady
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.warning_codes import WARNINGS_HEADER
from ocr_core.service import Readiness, context_of, needs
from ocr_core.service.declarations import open_to_all
from preprocess_svc.one_document import answer_one_document
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.sync_road import SyncRoad

ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
MAX_ATTRIBUTES_CHARACTERS = 1_024
"""Visible ASCII, either way:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""

PING_PATIENCE_S = 1.5
"""SageMaker waits two seconds for the answer."""

FORMATS_BY_MEDIA_TYPE = {
    "application/json": OutputFormat.JSON,
    "text/plain": OutputFormat.TEXT,
    "text/markdown": OutputFormat.MARKDOWN,
    "text/html": OutputFormat.HOCR,
    "application/xml": OutputFormat.ALTO,
    "application/pdf": OutputFormat.PDF,
}
"""What ``Accept`` asks for where the attributes name no format."""

_ANYTHING = frozenset({"*/*", "application/*"})
_MAX_PARAMETERS = 32


def make_router(road: SyncRoad, readiness: Readiness) -> APIRouter:
    """The contract's two routes. IAM has let in whoever gets here, so the application must check no keys."""
    router = APIRouter(tags=["sagemaker"])

    @router.get("/ping", summary="Whether documents can be read now", response_class=Response)
    @open_to_all
    async def ping() -> Response:
        try:
            async with asyncio.timeout(PING_PATIENCE_S):
                await readiness.check()
        except (NotReady, TimeoutError):
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return Response()

    @router.post("/invocations", summary="Read one document", response_class=Response)
    @needs(Scope.SYNC)
    async def invoke(request: Request) -> Response:
        wanted = OcrParameters.parse(read_parameters(request))
        response = await answer_one_document(request, wanted, road=road)
        # SageMaker passes no other header of ours on.
        attributes = f"request_id={context_of(request).request_id}"
        if warnings := response.headers.get(WARNINGS_HEADER):
            attributes += f"&warnings={warnings.replace(' ', '')}"
        response.headers[ATTRIBUTES_HEADER] = attributes[:MAX_ATTRIBUTES_CHARACTERS]
        return response

    return router


def read_parameters(request: Request) -> QueryParams:
    """The parameters of ``/v1/ocr``, written as its query is, out of the one header that there is for them.

    Raises:
        InvalidRequest: the header is none, or ``Accept`` names nothing that is written here.
    """
    untrusted = request.headers.get(ATTRIBUTES_HEADER, "")
    try:
        pairs = parse_qsl(untrusted, keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        if untrusted:
            raise InvalidRequest(
                f"{ATTRIBUTES_HEADER}: the parameters of /v1/ocr as in a query, like schema=invoice&pages=1-2"
            ) from None
        pairs = []
    if "format" not in dict(pairs) and (wanted := _accepted_format(request.headers.get("accept", ""))) is not None:
        pairs.append(("format", wanted.value))
    return QueryParams(pairs)


def _accepted_format(untrusted_accept: str) -> OutputFormat | None:
    """The first that we write; null where any will do."""
    media_types = [part.partition(";")[0].strip().lower() for part in untrusted_accept.split(",") if part.strip()]
    for media_type in media_types:
        if media_type in _ANYTHING:
            return None
        if media_type in FORMATS_BY_MEDIA_TYPE:
            return FORMATS_BY_MEDIA_TYPE[media_type]
    if media_types:
        raise InvalidRequest(f"Accept: answers are written as {', '.join(FORMATS_BY_MEDIA_TYPE)}")
    return None
