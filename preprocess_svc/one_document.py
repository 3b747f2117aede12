"""One request with a document, from its checked parameters to its response, by whichever route it came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ocr_core.adapters.object_parts import disposition
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, Overloaded
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.warning_codes import WARNINGS_HEADER, join_codes
from ocr_core.service import RequestContext, caller_of, context_of
from ocr_core.service.middleware import CLIENT_CLOSED_REQUEST
from ocr_core.service.race import finish_in_time
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.sources import S3Location
from preprocess_svc.sync_road import Asked, SyncRoad
from preprocess_svc.uploads import Upload, read_submission

DOCUMENT_ID_HEADER = "Yomitori-Document-Id"


async def answer_one_document(request: Request, wanted: OcrParameters, *, road: SyncRoad) -> Response:
    """Quota, admission, deadline, the body, and who ends the work early.

    Raises:
        OcrError: whatever stands in the way.
    """
    context, caller = context_of(request), caller_of(request)
    deadline = Deadline(at_s=context.received_s + wanted.timeout_s)
    road.text_side.require()
    await road.structurer.check_schemas(wanted.schemas, deadline=deadline)
    asked = Asked(caller=caller, parameters=wanted, deadline=deadline, context=context)
    try:
        # Before the house's own admission: what one tenant may not have takes no place from another.
        with road.quotas.hold(caller):
            try:
                permit = road.admission.enter(deadline)
            except Overloaded as refusal:
                result = await _answer_at_the_door(request, asked, refusal, road=road)
            else:
                submission = await _receive(request, road=road, deadline=deadline, on_failure=permit.release)
                work = road.answer(submission, asked, permit=permit)
                result = await finish_in_time(work, request=request, deadline=deadline, on_end=permit.release)
    except ClientDisconnect:
        context.error_code = "client_disconnected"
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return _response(result, context)


async def _answer_at_the_door(request: Request, asked: Asked, refusal: Overloaded, *, road: SyncRoad) -> RenderedResult:
    """Whom the house has no room for is answered all the same where his answer is remembered: that takes none.

    Raises:
        Overloaded: it is not, or too many are being looked at as it is.
    """
    with road.door.look() as may_look:
        if not may_look:
            raise refusal
        submission = await _receive(request, road=road, deadline=asked.deadline)
        answer = await finish_in_time(
            road.answer_from_memory(submission, asked), request=request, deadline=asked.deadline
        )
    if answer is None:
        raise refusal
    return answer


async def _receive(
    request: Request, *, road: SyncRoad, deadline: Deadline, on_failure: Callable[[], None] = lambda: None
) -> Upload | S3Location:
    """Read the body, within the deadline: a slow sender must not keep its place for longer."""
    try:
        async with asyncio.timeout(deadline.remaining_s()):
            return await read_submission(request, max_body_bytes=road.limits.max_body_bytes)
    except TimeoutError:
        on_failure()
        raise DeadlineExceeded("the request's deadline passed before its body had arrived") from None
    except BaseException:
        on_failure()
        raise


def _response(result: RenderedResult, context: RequestContext) -> Response:
    response = Response(result.body, headers={"Content-Type": result.content_type})
    if result.warning_codes:
        response.headers[WARNINGS_HEADER] = join_codes(result.warning_codes)
    if result.stored_id is not None:
        response.headers[DOCUMENT_ID_HEADER] = result.stored_id
    if result.file_name is not None:
        response.headers["Content-Disposition"] = disposition(result.file_name)
    if result.age_s is not None:
        response.headers["Age"] = str(result.age_s)
    response.headers["Server-Timing"] = context.server_timing()
    return response
