"""One request with a document, from its checked parameters to its response, by whichever route it came."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ocr_core.adapters.object_parts import disposition
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded
from ocr_core.contracts.ports import RenderedResult
from ocr_core.contracts.warning_codes import WARNINGS_HEADER, join_codes
from ocr_core.service import RequestContext, caller_of, context_of
from ocr_core.service.middleware import CLIENT_CLOSED_REQUEST
from ocr_core.service.race import finish_in_time
from preprocess_svc.admission import Permit
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.sources import S3Location
from preprocess_svc.sync_road import SyncRoad
from preprocess_svc.uploads import Upload, read_submission


async def answer_one_document(request: Request, wanted: OcrParameters, *, road: SyncRoad) -> Response:
    """Quota, admission, deadline, the body, and who ends the work early.

    Raises:
        OcrError: whatever stands in the way.
    """
    context, caller = context_of(request), caller_of(request)
    deadline = Deadline(at_s=context.received_s + wanted.timeout_s)
    await road.structurer.check_schemas(wanted.schemas, deadline=deadline)
    try:
        # Before the house's own admission: what one tenant may not have takes no place from another.
        with road.quotas.hold(caller):
            permit = road.admission.enter(deadline)
            submission = await _receive(request, permit, road=road, deadline=deadline)
            result = await finish_in_time(
                road.answer(
                    submission,
                    caller=caller,
                    parameters=wanted,
                    permit=permit,
                    deadline=deadline,
                    context=context,
                ),
                request=request,
                deadline=deadline,
                on_end=permit.release,
            )
    except ClientDisconnect:
        context.error_code = "client_disconnected"
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return _response(result, context)


async def _receive(request: Request, permit: Permit, *, road: SyncRoad, deadline: Deadline) -> Upload | S3Location:
    """Read the body, within the deadline: a slow sender must not keep its permit for longer."""
    try:
        async with asyncio.timeout(deadline.remaining_s()):
            return await read_submission(request, max_body_bytes=road.limits.max_body_bytes)
    except TimeoutError:
        permit.release()
        raise DeadlineExceeded("the request's deadline passed before its body had arrived") from None
    except BaseException:
        permit.release()
        raise


def _response(result: RenderedResult, context: RequestContext) -> Response:
    response = Response(result.body, headers={"Content-Type": result.content_type})
    if result.warning_codes:
        response.headers[WARNINGS_HEADER] = join_codes(result.warning_codes)
    if result.file_name is not None:
        response.headers["Content-Disposition"] = disposition(result.file_name)
    response.headers["Server-Timing"] = context.server_timing()
    return response
