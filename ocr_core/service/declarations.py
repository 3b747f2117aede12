"""What every route says of who may call it, beside its own code.

::

    @router.get("/v1/jobs/{job_id}")
    @needs(Scope.BULK)
    async def get_job(request: Request) -> Response: ...

A route that says nothing is open to nobody: an application that checks keys refuses to start with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute, Mount, Route

from ocr_core.contracts.access import Scope

_ATTRIBUTE = "ocr_access"
_DOCUMENT_PATHS = frozenset({"/openapi.json"})
"""The framework's own route, which cannot be declared: what it tells is in the repository."""

Endpoint = TypeVar("Endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Who may call a route."""

    scopes: frozenset[Scope] = frozenset()
    """One of these is enough."""
    is_open: bool = False
    """Anybody: it tells nothing of anybody."""
    for_scrapers: bool = False
    """Beside ``scopes``, whoever reads the metrics, as the settings say."""


OPEN = Declaration(is_open=True)
METRICS = Declaration(scopes=frozenset({Scope.ADMIN}), for_scrapers=True)


class UndeclaredRoute(Exception):
    """A route does not say who may call it; the message names it."""


def needs(*scopes: Scope) -> Callable[[Endpoint], Endpoint]:
    """The route is for keys that have one of these scopes."""
    if not scopes:
        raise ValueError("a route that needs no scope is declared by open_to_all")
    return _declare(Declaration(scopes=frozenset(scopes)))


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """The route, or a mounted application such as static files, is for anybody."""
    return _declare(OPEN)(endpoint)


def all_open(router: APIRouter) -> APIRouter:
    """Every route of a router that knows nothing of keys is for anybody."""
    for route in router.routes:
        if isinstance(route, Route):
            open_to_all(route.endpoint)
    return router


def for_scrapers(endpoint: Endpoint) -> Endpoint:
    """The route gives metrics."""
    return _declare(METRICS)(endpoint)


def declaration_of(route: object) -> Declaration | None:
    """What a route says; null where it says nothing."""
    if isinstance(route, Mount):
        return getattr(route.app, _ATTRIBUTE, None)
    if isinstance(route, Route):
        return OPEN if route.path in _DOCUMENT_PATHS else getattr(route.endpoint, _ATTRIBUTE, None)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRoute:
    """One route of an application, as it is reached."""

    path: str
    methods: frozenset[str]
    declaration: Declaration | None
    is_guarded: bool
    """Whether keys are checked before it: by FastAPI's dependencies, which plain routes and mounts have not."""


def declared_routes(routes: Sequence[BaseRoute]) -> tuple[DeclaredRoute, ...]:
    """All routes of an application, those of included routers too."""
    return tuple(
        DeclaredRoute(
            path=str(found.path),
            methods=frozenset(found.methods or ()),
            declaration=declaration_of(found.original_route),
            is_guarded=isinstance(found.original_route, APIRoute),
        )
        for found in iter_route_contexts(routes)
    )


def check_declared(routes: Sequence[BaseRoute]) -> None:
    """Make sure that every route says who may call it, and that nobody else can.

    Raises:
        UndeclaredRoute: naming those of which that is not so.
    """
    silent = [
        route.path
        for route in declared_routes(routes)
        if route.declaration is None or not (route.declaration.is_open or route.is_guarded)
    ]
    if silent:
        raise UndeclaredRoute(f"nothing says who may call these routes, or nothing asks: {', '.join(sorted(silent))}")


def _declare(declaration: Declaration) -> Callable[[Endpoint], Endpoint]:
    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, declaration)
        return endpoint

    return declare
