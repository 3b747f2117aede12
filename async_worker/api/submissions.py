"""How a job comes in: its body read, checked and stored, then one transaction that makes it.

What may happen in between, and what is left then:

- the request is refused, breaks off or is too slow: its uploads are deleted;
- the process dies: uploads that belong to no job, which a sweep finds; the idempotency key was not taken yet;
- the database does not answer the commit: the job is complete or absent, and nobody here knows which, so its uploads
  stay: should it be absent, a sweep finds them too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from async_worker.api.form_jobs import FormJob, FormLimits, check_request_bytes
from async_worker.api.form_uploads import Discards, FormUploads
from async_worker.api.idempotency import ROUTE
from async_worker.api.json_jobs import JsonJobs, ReceivedJob
from async_worker.api.places import Places
from async_worker.api.spool import IN_MEMORY_BYTES, Spool, SpoolBudget
from async_worker.blocking import Blocking
from async_worker.webhooks import check_webhook_url
from ocr_core.contracts.access import Caller
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    Forbidden,
    IdempotencyMismatch,
    InvalidRequest,
    QuotaExceeded,
    UnsupportedMediaType,
)
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.jobs import CreatedJob, IdempotencyKey, NewJob, new_job_id
from ocr_core.contracts.objects import ObjectStore
from ocr_core.settings import BulkSettings, WebhookSettings
from postprocess_svc.schemas import Catalogue

FORM = "multipart/form-data"
JSON = "application/json"
_LARGE_JSON_AT_ONCE = 2
"""Bodies over a megabyte that are parsed and stored at the same time: each takes some ten times its size in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a job passes on its way in."""

    store: JobRecords
    blocking: Blocking
    objects: ObjectStore
    json_jobs: JsonJobs
    bulk: BulkSettings
    webhooks: WebhookSettings
    schemas: Catalogue
    places: Places
    budget: SpoolBudget
    discards: Discards


class Submissions:
    """Takes jobs in. Used from one event loop only."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._large_json = asyncio.Semaphore(_LARGE_JSON_AT_ONCE)
        self._form_limits = FormLimits(
            max_file_bytes=desk.bulk.max_body_bytes,
            max_request_bytes=desk.bulk.max_request_bytes,
            max_documents=desk.bulk.max_documents,
        )

    async def take(self, request: Request, *, caller: Caller, key: str | None) -> CreatedJob:
        """Make a job of the request, or find the one that its key has made; it returns after the commit.

        Raises:
            Overloaded: too much is coming in at once.
            QuotaExceeded: the tenant has too much open.
            InvalidRequest, Forbidden, DocumentTooLarge, UnsupportedMediaType: what is asked for is off.
            IdempotencyMismatch: the key came before with another body.
            DeadlineExceeded: the body did not arrive in time.
            NotReady: the database or object storage does not answer.
            ClientDisconnect: the caller went away before the body was there.
        """
        with self._desk.places.hold():
            encoding = request.headers.get("content-encoding", "identity")
            if encoding.lower() != "identity":
                raise UnsupportedMediaType("a compressed request body (Content-Encoding) is not taken")
            content_type = request.headers.get("content-type", "")
            match content_type.partition(";")[0].strip().lower():
                case "application/json":
                    return await self._take_json(request, caller=caller, key=key)
                case "multipart/form-data":
                    return await self._take_form(request, content_type, caller=caller, key=key)
                case _:
                    raise InvalidRequest(f"a job comes as {JSON} or as {FORM}, and Content-Type says which")

    async def _take_json(self, request: Request, *, caller: Caller, key: str | None) -> CreatedJob:
        desk = self._desk
        max_bytes = desk.bulk.max_json_bytes
        async with AsyncExitStack() as stack:
            spool = Spool(desk.budget)
            stack.callback(spool.close)
            _check_announced(request, max_bytes)
            async with _in_time(desk.bulk.body_timeout_s):
                async for chunk in request.stream():
                    await spool.write(chunk)
                    if spool.size_bytes > max_bytes:
                        raise _json_too_large(max_bytes)
            if spool.size_bytes > IN_MEMORY_BYTES:
                await stack.enter_async_context(self._large_json)
            file = await spool.rewound()
            received = await desk.blocking.run(lambda: desk.json_jobs.parse(file.read(), caller=caller))
            self._check_options(received, caller)
            return await self._create(received, caller=caller, job_id=new_job_id(), key=key)

    async def _take_form(self, request: Request, content_type: str, *, caller: Caller, key: str | None) -> CreatedJob:
        desk = self._desk
        announced = request.headers.get("content-length", "")
        check_request_bytes(int(announced) if announced.isdigit() else 0, desk.bulk.max_request_bytes)
        job_id = new_job_id()
        form = FormJob(
            tenant=caller.tenant, job_id=job_id, objects=desk.objects, budget=desk.budget, limits=self._form_limits
        )
        try:
            async with _in_time(desk.bulk.body_timeout_s):
                received = await form.receive(request.stream(), content_type)
            self._check_options(received, caller)
        except BaseException:
            desk.discards.begin(form.uploads)
            raise
        return await self._create(received, caller=caller, job_id=job_id, key=key, uploads=form.uploads)

    async def _create(
        self,
        received: ReceivedJob,
        *,
        caller: Caller,
        job_id: str,
        key: str | None,
        uploads: FormUploads | None = None,
    ) -> CreatedJob:
        desk = self._desk
        new_job = NewJob(
            id=job_id,
            tenant=caller.tenant,
            documents=received.documents,
            schemas=received.options.schemas,
            formats=received.options.further_formats,
            webhook_url=received.options.webhook_url,
            priority=received.options.priority,
            idempotency=IdempotencyKey(route=ROUTE, key=key, body_digest=received.digest) if key else None,
            max_open_documents=caller.policy.open_documents,
        )
        try:
            created = await desk.blocking.run(desk.store.create_job, new_job)
        except (InvalidRequest, IdempotencyMismatch, QuotaExceeded, Forbidden):
            # Of all errors these alone say for certain that there is no such job.
            if uploads is not None:
                desk.discards.begin(uploads)
            raise
        if uploads is not None and not created.created:
            desk.discards.begin(uploads)
        return created

    def _check_options(self, received: ReceivedJob, caller: Caller) -> None:
        self._desk.schemas.check(received.options.schemas)
        if received.options.webhook_url is not None:
            can_sign = caller.policy.webhook_secret is not None
            check_webhook_url(received.options.webhook_url, self._desk.webhooks, can_sign=can_sign)


@asynccontextmanager
async def _in_time(timeout_s: float) -> AsyncIterator[None]:
    """A deadline for a body: a slow sender must not keep its place for longer."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise DeadlineExceeded(f"the request's body did not arrive within {timeout_s:g} s (body_timeout_s)") from None


async def read_small(request: Request, *, max_bytes: int, timeout_s: float) -> bytes:
    """A body that fits into memory.

    Raises:
        DocumentTooLarge: it is over ``max_bytes``.
        DeadlineExceeded: it did not arrive in time.
        ClientDisconnect: the caller went away.
    """
    content = bytearray()
    async with _in_time(timeout_s):
        async for chunk in request.stream():
            content += chunk
            if len(content) > max_bytes:
                raise _json_too_large(max_bytes)
    return bytes(content)


def _check_announced(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise _json_too_large(max_bytes)


def _json_too_large(max_bytes: int) -> DocumentTooLarge:
    return DocumentTooLarge(f"the JSON body is over its limit of {max_bytes} bytes")
