"""``GET /`` and what it refers to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ocr_core.contracts.errors import NotFound
from web_page.site import ASSETS_PATH, Site

_HTML = "text/html; charset=utf-8"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EACH_TIME = "no-cache"

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",  # page images, made of what the API answered
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # No sink that makes markup or code of text works, whatever a later change of the page tries.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}

BulkUrl = Callable[[str | None], str]
"""Where a browser that asked for the page by this ``Host`` finds the bulk API; empty for the page's own origin."""


def make_router(site: Site, *, version: str, bulk_url: BulkUrl) -> APIRouter:
    """The page's routes. They are no part of the API, so ``/openapi.json`` does not list them."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        url = bulk_url(request.headers.get("host"))
        content = site.page(bulk_url=url, version=version)
        headers = {**_HEADERS, "Cache-Control": _ASK_EACH_TIME, "Content-Security-Policy": _policy(url)}
        # Another `Host` may be told another address of the bulk API.
        return _answer(request, content, _HTML, {**headers, "Vary": "Host"})

    @router.api_route(f"{ASSETS_PATH}/{{digest}}/{{name}}", methods=["GET", "HEAD"])
    async def asset(request: Request, digest: str, name: str) -> Response:
        file = site.files.get(name)
        if file is None:
            raise NotFound("the page has no such file")
        # While servers are replaced, the page of an older one may ask a newer one: it is given what there is, not kept.
        caching = _FOR_EVER if digest == site.digest else _ASK_EACH_TIME
        return _answer(request, file.content, file.media_type, {**_HEADERS, "Cache-Control": caching})

    return router


def _policy(bulk_url: str) -> str:
    policy = dict(_POLICY)
    if bulk_url:
        parts = urlsplit(bulk_url)
        policy["connect-src"] += f" {parts.scheme}://{parts.netloc}"
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())


def _answer(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag}
    if etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
