"""``/v1/admin/…``: tenants, their keys, and the audit log, for keys with the scope ``admin``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from async_worker.api.admin_values import (
    Audit,
    AuditLine,
    KeyRequest,
    Keys,
    KeyState,
    NewKeyState,
    PolicyFields,
    TenantRequest,
    Tenants,
    TenantState,
    key_values,
    parse_body,
)
from async_worker.api.queries import check_query
from async_worker.api.submissions import read_small
from async_worker.blocking import Blocking
from ocr_core.contracts.access import NewKey, Scope, TenantPolicy, digest_of, is_key_id, make_key
from ocr_core.contracts.access_store import Administration
from ocr_core.contracts.audit import MAX_AUDIT_PAGE, Actor
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
    OcrError,
)
from ocr_core.contracts.jobs import TENANT_PATTERN
from ocr_core.service import caller_of, context_of, needs, problem_responses
from ocr_core.service.middleware import CLIENT_CLOSED_REQUEST
from ocr_core.service.openapi import JsonSchema
from ocr_core.service.result_schema import REF

MAX_BODY_BYTES = 1 << 18
TENANTS_A_PAGE = 500
Body = TypeVar("Body", bound=BaseModel)

_NUMBER = re.compile(r"[0-9]{1,18}")
_MAX_NUMBER = 10**18 - 1
_NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminApi:
    """What the routes call."""

    administration: Administration
    blocking: Blocking
    timeout_s: float
    """For a body to arrive."""


def make_admin_router(api: AdminApi) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/v1/admin", tags=["administration"])
    _add_tenants(router, api)
    _add_keys(router, api)
    _add_audit(router, api)
    return router


def _add_tenants(router: APIRouter, api: AdminApi) -> None:
    @router.get("/tenants", response_model=Tenants, **_facts("All tenants", query=_AFTER))
    @needs(Scope.ADMIN)
    async def list_tenants(request: Request) -> Response:
        check_query(request, "after")
        after = _name_of(request, "after") or ""
        found = await api.blocking.run(api.administration.list_tenants, after=after, limit=TENANTS_A_PAGE)
        following = found[-1].name if len(found) == TENANTS_A_PAGE else None
        return _json(Tenants(tenants=[TenantState.of(tenant) for tenant in found], next_after=following))

    @router.post(
        "/tenants", status_code=201, response_model=TenantState, **_facts("Make a tenant", body="TenantRequest")
    )
    @needs(Scope.ADMIN)
    async def create_tenant(request: Request) -> Response:
        body = await _body(api, request, TenantRequest)
        if body is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        policy = body.changed(TenantPolicy())
        tenant = await api.blocking.run(api.administration.create_tenant, body.name, policy, by=_actor(request))
        return _json(TenantState.of(tenant), status_code=201)

    @router.get("/tenants/{tenant}", response_model=TenantState, **_facts("A tenant", path=("tenant",)))
    @needs(Scope.ADMIN)
    async def get_tenant(request: Request) -> Response:
        check_query(request)
        return _json(TenantState.of(await api.blocking.run(api.administration.get_tenant, _tenant_of(request))))

    @router.patch(
        "/tenants/{tenant}",
        response_model=TenantState,
        **_facts("Change what a tenant may have; what is left out stays", path=("tenant",), body="PolicyFields"),
    )
    @needs(Scope.ADMIN)
    async def change_tenant(request: Request) -> Response:
        name = _tenant_of(request)
        body = await _body(api, request, PolicyFields)
        if body is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        before = await api.blocking.run(api.administration.get_tenant, name)
        policy = body.changed(before.policy)
        return _json(
            TenantState.of(await api.blocking.run(api.administration.change_tenant, name, policy, by=_actor(request)))
        )

    @router.delete(
        "/tenants/{tenant}",
        status_code=202,
        response_model=TenantState,
        **_facts("Delete a tenant with its jobs, documents, results and keys", path=("tenant",)),
    )
    @needs(Scope.ADMIN)
    async def delete_tenant(request: Request) -> Response:
        check_query(request)
        tenant = await api.blocking.run(api.administration.begin_deletion, _tenant_of(request), by=_actor(request))
        return _json(TenantState.of(tenant), status_code=202)


def _add_keys(router: APIRouter, api: AdminApi) -> None:
    @router.get("/tenants/{tenant}/keys", response_model=Keys, **_facts("A tenant's keys", path=("tenant",)))
    @needs(Scope.ADMIN)
    async def list_keys(request: Request) -> Response:
        check_query(request)
        found = await api.blocking.run(api.administration.list_keys, _tenant_of(request))
        return _json(Keys(keys=[KeyState.of(key) for key in found]))

    @router.post(
        "/tenants/{tenant}/keys",
        status_code=201,
        response_model=NewKeyState,
        **_facts("Make a key; it is shown this once", path=("tenant",), body="KeyRequest"),
    )
    @needs(Scope.ADMIN)
    async def create_key(request: Request) -> Response:
        tenant = _tenant_of(request)
        body = await _body(api, request, KeyRequest)
        if body is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        key, key_id = make_key()
        new_key = NewKey(
            id=key_id,
            tenant=tenant,
            name=body.name,
            scopes=frozenset(body.scopes),
            digest=digest_of(key),
            expires_at=body.expires_at,
        )
        made = await api.blocking.run(api.administration.create_key, new_key, by=_actor(request))
        answer = NewKeyState.model_validate({**key_values(made), "key": key})
        return _json(answer, status_code=201, headers=_NOT_KEPT)

    @router.delete(
        "/tenants/{tenant}/keys/{key_id}", response_model=KeyState, **_facts("Revoke a key", path=("tenant", "key_id"))
    )
    @needs(Scope.ADMIN)
    async def revoke_key(request: Request) -> Response:
        check_query(request)
        tenant, untrusted_id = _tenant_of(request), str(request.path_params["key_id"])
        if not is_key_id(untrusted_id):
            raise NotFound("there is no such key")
        revoked = await api.blocking.run(api.administration.revoke_key, untrusted_id, tenant=tenant, by=_actor(request))
        return _json(KeyState.of(revoked))


def _add_audit(router: APIRouter, api: AdminApi) -> None:
    @router.get("/audit", response_model=Audit, **_facts("The audit log, newest first", query=_OF_AUDIT))
    @needs(Scope.ADMIN)
    async def list_audit(request: Request) -> Response:
        check_query(request, "tenant", "before", "limit")
        limit = _number_of(request, "limit") or 100
        before = _number_of(request, "before")
        tenant = _name_of(request, "tenant")
        found = await api.blocking.run(api.administration.audit, tenant=tenant, before=before, limit=limit)
        following = found[-1].id if len(found) == limit else None
        return _json(Audit(events=[AuditLine.of(event) for event in found], next_before=following))


async def _body(api: AdminApi, request: Request, kind: type[Body]) -> Body | None:
    """The request's body, checked; null where the caller has gone.

    Raises:
        InvalidRequest, DocumentTooLarge, DeadlineExceeded: it is off, too long or too slow.
    """
    check_query(request)
    try:
        untrusted_body = await read_small(request, max_bytes=MAX_BODY_BYTES, timeout_s=api.timeout_s)
    except ClientDisconnect:
        context_of(request).error_code = "client_disconnected"
        return None
    return parse_body(kind, untrusted_body)


def _actor(request: Request) -> Actor:
    return Actor(key_id=caller_of(request).key_id, through="api", request_id=context_of(request).request_id)


def _tenant_of(request: Request) -> str:
    untrusted_name = str(request.path_params["tenant"])
    if not re.fullmatch(TENANT_PATTERN, untrusted_name):
        raise NotFound("there is no such tenant")
    return untrusted_name


def _name_of(request: Request, name: str) -> str | None:
    untrusted_name = request.query_params.get(name)
    if untrusted_name is not None and not re.fullmatch(TENANT_PATTERN, untrusted_name):
        raise InvalidRequest(f"parameter '{name}': a tenant's name")
    return untrusted_name


def _number_of(request: Request, name: str) -> int | None:
    untrusted_number = request.query_params.get(name)
    if untrusted_number is None:
        return None
    if not _NUMBER.fullmatch(untrusted_number) or int(untrusted_number) < 1:
        raise InvalidRequest(f"parameter '{name}': a number from 1 on")
    return int(untrusted_number)


def _json(answer: BaseModel, *, status_code: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(answer), status_code=status_code, media_type="application/json", headers=headers)


def _facts(
    summary: str, *, path: tuple[str, ...] = (), query: list[JsonSchema] | None = None, body: str | None = None
) -> dict[str, Any]:
    """A route's documentation, as FastAPI's keyword arguments."""
    errors: list[type[OcrError]] = [InvalidRequest, NotFound, MethodNotAllowed, InternalError, NotReady]
    extra: dict[str, Any] = {
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in path),
            *(query or []),
        ]
    }
    if body is not None:
        errors += [DocumentTooLarge, DeadlineExceeded]
        content = {"application/json": {"schema": {"$ref": REF.format(model=body)}}}
        extra["requestBody"] = {"required": True, "content": content}
    return {"summary": summary, "responses": problem_responses(*errors), "openapi_extra": extra}


def _query(name: str, description: str, schema: JsonSchema) -> JsonSchema:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_TENANT_NAME: JsonSchema = {"type": "string", "pattern": f"^{TENANT_PATTERN}$"}
_AFTER = [_query("after", "Tenants whose names come after this one.", _TENANT_NAME)]
_OF_AUDIT = [
    _query("tenant", "To whom it happened.", _TENANT_NAME),
    _query("before", "Lines before this one's `id`.", {"type": "integer", "minimum": 1, "maximum": _MAX_NUMBER}),
    _query("limit", "Lines at most.", {"type": "integer", "minimum": 1, "maximum": MAX_AUDIT_PAGE, "default": 100}),
]
