"""A result line: one document's outcome as the results of a job give it, and as the intake's documents get it.

::

    {"sequence", "document_id", "reference", "file_name", "status",
     "result" | "error": {"code", "title", "status", "detail"}}

One line of JSON, UTF-8, without a line break inside. The stored result is put in as it lies there, so that a page's
thousand lines are not taken apart only to be written down again; what names further formats is taken apart, because
its addresses are exchanged for ones that the caller can open.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from ocr_core.contracts.errors import ERRORS_BY_CODE, InternalError, NotFound
from ocr_core.contracts.jobs import ATTEMPTS_EXHAUSTED, ResultRow
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.result import OutputFormat

MAX_RESULT_BYTES = 256 << 20
"""Of one stored result: some 50 kB a page, times the most pages that a document of a job may have, with room."""

_LINKS = b'"links"'
_MEDIA_TYPES = {
    OutputFormat.TEXT.value: "text/plain; charset=utf-8",
    OutputFormat.MARKDOWN.value: "text/markdown; charset=utf-8",
    OutputFormat.JSON.value: "application/json",
}
_ATTEMPTS_EXHAUSTED_TITLE = "Every attempt at the document ended without an answer"


class ResultLines:
    """Makes lines of rows; what a row points to is read from object storage."""

    def __init__(
        self, objects: ObjectStore, *, link_ttl_s: int | None = None, max_bytes: int = MAX_RESULT_BYTES
    ) -> None:
        """Store where results lie.

        Args:
            objects: Our own objects.
            link_ttl_s: Exchange the ``s3://`` links to further formats for URLs that are good for so long; None:
                leave them, for whoever has the bucket.
            max_bytes: Of one stored result.
        """
        self._objects = objects
        self._link_ttl_s = link_ttl_s
        self._max_bytes = max_bytes
        # A key must name something, so the base is what stands before one.
        self._base = objects.uri("k").removesuffix("k")

    async def line(self, row: ResultRow) -> bytes:
        """The line, without the break that ends it.

        A result that is no longer there is told as the error ``not_found``, so that the lines behind it are readable.

        Raises:
            NotReady: object storage does not answer.
            DocumentTooLarge: the stored result is over the limit.
        """
        head = _dump(
            {
                "sequence": row.sequence,
                "document_id": row.document_id,
                "reference": row.reference,
                "file_name": row.file_name,
                "status": row.status.value,
            }
        )[:-1]
        if row.result_key is None:
            return head + b',"error":' + _dump(_error(row.error_code, row.error_detail)) + b"}"
        try:
            stored = await self._objects.get(row.result_key, max_bytes=self._max_bytes)
        except NotFound:
            gone = _error(NotFound.code, "the stored result is no longer there")
            return head + b',"error":' + _dump(gone) + b"}"
        return head + b',"result":' + await self._opened(stored) + b"}"

    async def _opened(self, stored: bytes) -> bytes:
        """The stored result on one line, its links exchanged where that is asked for."""
        # Between JSON's tokens a break means nothing, and inside its strings there is none: they escape it.
        flat = stored.replace(b"\r", b" ").replace(b"\n", b" ")
        if self._link_ttl_s is None or _LINKS not in flat:
            return flat
        result = json.loads(flat)
        links = result.get("links")
        if not isinstance(links, dict):
            return flat  # a text that reads "links" and nothing more
        result["links"] = {name: await self._link(name, uri, self._link_ttl_s) for name, uri in links.items()}
        return _dump(result)

    async def _link(self, output_format: str, uri: str, ttl_s: int) -> str:
        if not uri.startswith(self._base):
            raise InternalError("a stored result points outside our own bucket")
        media_type = _MEDIA_TYPES.get(output_format, "application/octet-stream")
        return await self._objects.presign_get(uri.removeprefix(self._base), expires_s=ttl_s, content_type=media_type)


def _error(code: str | None, detail: str | None) -> dict[str, object]:
    """An error in the words of the sync API's problem details."""
    if code == ATTEMPTS_EXHAUSTED:
        title, status = _ATTEMPTS_EXHAUSTED_TITLE, int(HTTPStatus.INTERNAL_SERVER_ERROR)
    else:
        kind = ERRORS_BY_CODE.get(code or "", InternalError)
        title, status = kind.title, kind.http_status
    return {"code": code or InternalError.code, "title": title, "status": status, "detail": detail or ""}


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
