"""``/v1/documents/…``: what a tenant has stored, what was put right in it, and its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic_core import from_json, to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from async_worker.api import document_openapi as openapi
from async_worker.api.admin_values import parse_body
from async_worker.api.bounded_reads import BoundedReads
from async_worker.api.document_values import (
    Corrections,
    CorrectionsRequest,
    CorrectionState,
    DeletionState,
    Documents,
    DocumentState,
    read_cursor,
    write_cursor,
)
from async_worker.api.queries import check_query
from async_worker.api.submissions import read_small
from async_worker.blocking import Blocking
from async_worker.corrections import CorrectionDesk, corrected_answers
from async_worker.removal import DocumentRemoval
from async_worker.result_lines import MAX_RESULT_BYTES
from ocr_core.contracts.access import Scope
from ocr_core.contracts.audit import Actor
from ocr_core.contracts.errors import InvalidRequest, NotFound, NotReady
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.stored_documents import (
    MAX_LISTED,
    Correction,
    Corrector,
    DocumentStore,
    NewCorrection,
    StoredDocument,
    document_prefix,
    expiry,
    is_document_id,
    page_key,
    page_number_of,
)
from ocr_core.service import caller_of, context_of, needs
from ocr_core.service.middleware import CLIENT_CLOSED_REQUEST
from postprocess_svc.schemas import Catalogue
from preprocess_svc.shown_pages import ShownMediaType

MAX_BODY_BYTES = 4 << 20
"""A list of a thousand line items is a megabyte or so."""
MAX_PAGE_BYTES = 128 << 20
LISTED = 100
RESULTS_BYTES = 512 << 20
"""Of results and page images that are read at the same time, and of what is made of them."""
_COPIES = 3
_REMOVAL_PATIENCE_S = 10.0

_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PRIVATE = {"Cache-Control": "private, no-store"}
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsApi:
    """What the routes call."""

    store: DocumentStore
    objects: ObjectStore
    blocking: Blocking
    removal: DocumentRemoval
    schemas: Catalogue
    timeout_s: float
    """For a body to arrive."""
    reads: BoundedReads
    """Of results and page images."""

    async def document(self, request: Request) -> StoredDocument:
        """The document that the path names, if it is the caller's.

        Raises:
            NotFound: it is not, or there is none.
        """
        return await self.blocking.run(self.store.get, caller_of(request).tenant, _id_of(request))

    def result_of(self, document: StoredDocument) -> AbstractAsyncContextManager[bytes]:
        """The stored result, for as long as the context lasts.

        Raises:
            NotFound: the document was deleted at this moment.
            NotReady: as for ``BoundedReads``.
        """
        return self.reads.read(document.result_key, max_bytes=MAX_RESULT_BYTES, copies=_COPIES)


def make_documents_router(api: DocumentsApi) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/v1/documents", tags=["stored documents"])
    _add_reading(router, api)
    _add_pages(router, api)
    _add_corrections(router, api)
    _add_deletion(router, api)
    return router


def _add_reading(router: APIRouter, api: DocumentsApi) -> None:
    @router.get("", response_model=Documents, **openapi.LIST_DOCUMENTS)
    @needs(Scope.SYNC, Scope.BULK)
    async def list_documents(request: Request) -> Response:
        check_query(request, "cursor", "limit", "sha256")
        caller = caller_of(request)
        limit = _limit_of(request)
        cursor = request.query_params.get("cursor")
        found = await api.blocking.run(
            api.store.list,
            caller.tenant,
            before=read_cursor(cursor) if cursor else None,
            sha256=_sha256_of(request),
            limit=limit,
        )
        days = caller.policy.retention_days
        states = [DocumentState.of(document, retention_days=days) for document in found]
        return _json(Documents(documents=states, next_cursor=write_cursor(found[-1]) if len(found) == limit else None))

    @router.get("/{document_id}", response_class=Response, **openapi.GET_DOCUMENT)
    @needs(Scope.SYNC, Scope.BULK)
    async def get_document(request: Request) -> Response:
        check_query(request)
        document = await api.document(request)
        prefix = f"{document_prefix(document.tenant, document.id)}pages/"
        numbers = [page_number_of(item.key) async for item in api.objects.scan(prefix)]
        made = await api.blocking.run(api.store.corrections, [document.id])
        more = {
            "stored_at": document.created_at,
            "stored_until": expiry(document, caller_of(request).policy.retention_days),
            "road": document.road.value,
            "job_id": document.job_id,
            "reference": document.reference,
            "page_images": sorted(number for number in numbers if number is not None),
        }
        async with api.result_of(document) as stored:
            body = await asyncio.to_thread(_with_more, stored, more, made)
        return Response(body, media_type="application/json", headers=_PRIVATE)


def _add_pages(router: APIRouter, api: DocumentsApi) -> None:
    @router.get("/{document_id}/pages/{number}", response_class=Response, **openapi.GET_PAGE)
    @needs(Scope.SYNC, Scope.BULK)
    async def get_page(request: Request) -> Response:
        check_query(request)
        document = await api.document(request)
        untrusted_number = str(request.path_params["number"])
        if not _NUMBER.fullmatch(untrusted_number):
            raise NotFound("there is no such page")
        key = page_key(document.tenant, document.id, int(untrusted_number))
        try:
            async with api.reads.read(key, max_bytes=MAX_PAGE_BYTES) as image:
                media_type = ShownMediaType.PNG if image.startswith(_PNG) else ShownMediaType.JPEG
                headers = {**_PRIVATE, "X-Content-Type-Options": "nosniff"}
                return Response(image, media_type=media_type.value, headers=headers)
        except NotFound:
            raise NotFound("there is no image of that page") from None


def _add_corrections(router: APIRouter, api: DocumentsApi) -> None:
    @router.post(
        "/{document_id}/corrections", status_code=201, response_model=Corrections, **openapi.CREATE_CORRECTIONS
    )
    @needs(Scope.SYNC, Scope.BULK)
    async def create_corrections(request: Request) -> Response:
        check_query(request)
        document = await api.document(request)
        try:
            untrusted_body = await read_small(request, max_bytes=MAX_BODY_BYTES, timeout_s=api.timeout_s)
        except ClientDisconnect:
            context_of(request).error_code = "client_disconnected"
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        asked = parse_body(CorrectionsRequest, untrusted_body)
        made = await api.blocking.run(api.store.corrections, [document.id])
        async with api.result_of(document) as stored:
            new = await asyncio.to_thread(_checked, stored, document, made, asked, api.schemas)
        by = Corrector(
            key_id=caller_of(request).key_id,
            corrected_by=asked.corrected_by,
            request_id=context_of(request).request_id,
        )
        written = await api.blocking.run(api.store.add_corrections, document.tenant, document.id, new, by=by)
        return _json(Corrections(corrections=[CorrectionState.of(each) for each in written]), status_code=201)


def _add_deletion(router: APIRouter, api: DocumentsApi) -> None:
    @router.delete("/{document_id}", status_code=204, response_class=Response, **openapi.DELETE_DOCUMENT)
    @needs(Scope.SYNC, Scope.BULK)
    async def delete_document(request: Request) -> Response:
        check_query(request)
        caller, document_id = caller_of(request), _id_of(request)
        actor = Actor(key_id=caller.key_id, through="api", request_id=context_of(request).request_id)
        deleted = await api.blocking.run(api.store.begin_deletion, caller.tenant, document_id, by=actor)
        if not deleted.is_gone:
            try:
                async with asyncio.timeout(_REMOVAL_PATIENCE_S):
                    await api.removal.remove(deleted)
            except (NotReady, TimeoutError):  # the dispatcher goes on with it
                return _json(DeletionState(id=document_id), status_code=202)
        return Response(status_code=204)


def _with_more(stored: bytes, more: dict[str, Any], made: Sequence[Correction]) -> bytes:
    """The stored result with further members, taken apart only where something in it was put right."""
    corrected = None
    if made:
        answers = corrected_answers(from_json(stored), made)
        corrected = {"fields": answers.fields, "schemas": answers.schemas}
    told = [CorrectionState.of(each).model_dump(mode="json", by_alias=True) for each in made]
    tail = to_json({**more, "corrections": told, "corrected": corrected})
    return b"".join((stored.rstrip()[:-1], b",", tail[1:]))


def _checked(
    stored: bytes,
    document: StoredDocument,
    made: Sequence[Correction],
    asked: CorrectionsRequest,
    catalogue: Catalogue,
) -> list[NewCorrection]:
    desk = CorrectionDesk(from_json(stored), schemas=document.schemas, made=made, catalogue=catalogue)
    return [desk.check(each.asked(), f"corrections[{at}]") for at, each in enumerate(asked.corrections)]


def _id_of(request: Request) -> str:
    untrusted_id = str(request.path_params["document_id"])
    if not is_document_id(untrusted_id):
        raise NotFound("there is no such document")
    return untrusted_id


def _limit_of(request: Request) -> int:
    untrusted_limit = request.query_params.get("limit", str(LISTED))
    if not _NUMBER.fullmatch(untrusted_limit) or int(untrusted_limit) > MAX_LISTED:
        raise InvalidRequest(f"parameter 'limit': 1 to {MAX_LISTED}")
    return int(untrusted_limit)


def _sha256_of(request: Request) -> str | None:
    untrusted_digest = request.query_params.get("sha256")
    if untrusted_digest is not None and not _SHA256.fullmatch(untrusted_digest):
        raise InvalidRequest("parameter 'sha256': 64 hexadecimal digits, in lower case")
    return untrusted_digest


def _json(answer: BaseModel, *, status_code: int = 200) -> Response:
    body = to_json(answer, by_alias=True)
    return Response(body, status_code=status_code, media_type="application/json", headers=_PRIVATE)
