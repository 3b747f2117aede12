"""The routes of the bulk API."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from async_worker.api import openapi
from async_worker.api.answers import JobDetails, JobState, UploadTargets
from async_worker.api.events import EVENT_STREAM, event_id, has_ended, job_events
from async_worker.api.idempotency import REPLAYED_HEADER, key_of
from async_worker.api.places import Places
from async_worker.api.queries import check_query, cursor_of, job_id_of, switch_of
from async_worker.api.results import NDJSON, Results
from async_worker.api.streams import LiveResponse
from async_worker.api.submissions import Submissions, read_small
from async_worker.api.upload_targets import MAX_JSON_BYTES, UploadDesk
from async_worker.api.watches import Watches
from async_worker.blocking import Blocking
from ocr_core.contracts.access import Scope
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.jobs import Job
from ocr_core.service import caller_of, context_of, needs
from ocr_core.service.middleware import CLIENT_CLOSED_REQUEST
from ocr_core.settings import BulkSettings

_NOT_BUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Proxies are to pass on each line as it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkApi:
    """What the routes call."""

    store: JobRecords
    blocking: Blocking
    submissions: Submissions
    uploads: UploadDesk
    watches: Watches
    results: Results
    event_places: Places
    result_places: Places
    bulk: BulkSettings

    async def job(self, request: Request) -> Job:
        """The job that the path names, if it is the caller's.

        Raises:
            NotFound: it is not, or there is none.
        """
        return await self.blocking.run(self.store.get_job, caller_of(request).tenant, job_id_of(request))


def make_router(api: BulkApi) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["jobs"])
    _add_submission(router, api)
    _add_state(router, api)
    _add_streams(router, api)
    return router


def _add_submission(router: APIRouter, api: BulkApi) -> None:
    @router.post("/v1/jobs", status_code=202, response_model=JobState, **openapi.CREATE_JOB)
    @needs(Scope.BULK)
    async def create_job(request: Request) -> Response:
        check_query(request)
        try:
            created = await api.submissions.take(request, caller=caller_of(request), key=key_of(request))
        except ClientDisconnect:
            context_of(request).error_code = "client_disconnected"
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        headers = {"Location": f"/v1/jobs/{created.job.id}"}
        if not created.created:
            headers[REPLAYED_HEADER] = "true"
        return _json(JobState.of(created.job), status_code=202, headers=headers)

    @router.post("/v1/uploads", response_model=UploadTargets, **openapi.CREATE_UPLOADS)
    @needs(Scope.BULK)
    async def create_uploads(request: Request) -> Response:
        check_query(request)
        try:
            body = await read_small(request, max_bytes=MAX_JSON_BYTES, timeout_s=api.bulk.body_timeout_s)
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return _json(await api.uploads.targets(body, tenant=caller_of(request).tenant))


def _add_state(router: APIRouter, api: BulkApi) -> None:
    @router.get("/v1/jobs/{job_id}", response_model=JobDetails, **openapi.GET_JOB)
    @needs(Scope.BULK)
    async def get_job(request: Request) -> Response:
        check_query(request)
        job = await api.job(request)
        deliveries = await api.blocking.run(api.store.deliveries, job.tenant, job.id)
        return _json(JobDetails.with_webhooks(job, deliveries))

    @router.delete("/v1/jobs/{job_id}", response_model=JobState, **openapi.CANCEL_JOB)
    @needs(Scope.BULK)
    async def cancel_job(request: Request) -> Response:
        check_query(request)
        job = await api.blocking.run(api.store.cancel, caller_of(request).tenant, job_id_of(request))
        return _json(JobState.of(job))

    @router.post("/v1/jobs/{job_id}/redrive", status_code=202, response_model=JobState, **openapi.REDRIVE_JOB)
    @needs(Scope.BULK)
    async def redrive_job(request: Request) -> Response:
        check_query(request)
        caller = caller_of(request)
        job = await api.blocking.run(
            api.store.redrive,
            caller.tenant,
            job_id_of(request),
            max_open_documents=caller.policy.open_documents,
        )
        return _json(JobState.of(job), status_code=202, headers={"Location": f"/v1/jobs/{job.id}"})


def _add_streams(router: APIRouter, api: BulkApi) -> None:
    @router.get("/v1/jobs/{job_id}/events", response_class=Response, **openapi.GET_EVENTS)
    @needs(Scope.BULK)
    async def get_events(request: Request) -> Response:
        check_query(request)
        job = await api.job(request)
        if has_ended(job) and request.headers.get("last-event-id") == event_id(job):
            # A browser comes back after every end; this answer, and no other, makes it stay away.
            return Response(status_code=204)
        place = api.event_places.take()
        return LiveResponse(
            job_events(job, api.watches),
            media_type=EVENT_STREAM,
            context=context_of(request),
            stall_s=api.bulk.stream_stall_s,
            on_end=place.release,
            headers=_NOT_BUFFERED,
        )

    @router.get("/v1/jobs/{job_id}/results", response_class=Response, **openapi.GET_RESULTS)
    @needs(Scope.BULK)
    async def get_results(request: Request) -> Response:
        check_query(request, "cursor", "follow")
        follow = switch_of(request, "follow")
        job = await api.job(request)
        cursor = cursor_of(request, last_sequence=job.last_sequence)
        place = api.result_places.take()
        lines = api.results.follow(job, cursor=cursor) if follow else api.results.now(job, cursor=cursor)
        return LiveResponse(
            lines,
            media_type=NDJSON,
            context=context_of(request),
            stall_s=api.bulk.stream_stall_s,
            on_end=place.release,
            headers=_NOT_BUFFERED,
        )


def _json(answer: BaseModel, *, status_code: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(answer), status_code=status_code, media_type="application/json", headers=headers)
