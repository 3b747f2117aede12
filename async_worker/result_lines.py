"""A result line: one document's outcome as the results of a job give it, and as the intake's documents get it.

::

    {"sequence", "document_id", "reference", "file_name", "status",
     "result" | "error": {"code", "title", "status", "detail"}}

One line of JSON, UTF-8, without a line break inside. The stored result is put in as it lies there, so that a page's
thousand lines are not taken apart only to be written down again; of what names further formats the last member alone
is read, because its addresses are exchanged for ones that the caller can open.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from ocr_core.contracts.errors import ERRORS_BY_CODE, DocumentTooLarge, InternalError, NotFound
from ocr_core.contracts.jobs import ATTEMPTS_EXHAUSTED, ResultRow
from ocr_core.contracts.objects import ObjectStore
from ocr_core.contracts.result import OutputFormat
from preprocess_svc.file_names import pdf_file_name

MAX_RESULT_BYTES = 256 << 20
"""Of one stored result: some 50 kB a page, times the most pages that a document of a job may have, with room."""

_LINKS = b'"links"'
_MOST_LINKS_BYTES = 1 << 16
"""Of a stored result's last member, which the links are: an address a format, of some kilobytes at most."""
_MAX_BYTES_ON_THE_LOOP = 1 << 16
"""A longer result is put into its line in a thread; a thread takes 0.05 to 0.1 ms to be reached."""
MEDIA_TYPES = {
    OutputFormat.TEXT.value: "text/plain; charset=utf-8",
    OutputFormat.MARKDOWN.value: "text/markdown; charset=utf-8",
    OutputFormat.HOCR.value: "text/html; charset=utf-8",
    OutputFormat.ALTO.value: "application/xml",
    OutputFormat.PDF.value: "application/pdf",
    OutputFormat.JSON.value: "application/json",
}
"""Of further formats, by name, as a link serves them."""
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

        A result that is no longer there is told as the error ``not_found``, one over the limit as the error
        ``document_too_large``, so that the lines behind it are readable.

        Raises:
            NotReady: object storage does not answer.
        """
        line = await self.short_line(row, max_bytes=self._max_bytes)
        if line is not None:
            return line
        detail = f"the stored result holds more than the limit of {self._max_bytes} bytes (max_result_bytes)"
        return _with_error(_head(row), DocumentTooLarge.code, detail)

    async def short_line(self, row: ResultRow, *, max_bytes: int) -> bytes | None:
        """As ``line``; None where the stored result holds more than ``max_bytes``.

        Raises:
            NotReady: object storage does not answer.
        """
        head = _head(row)
        if row.result_key is None:
            return _with_error(head, row.error_code, row.error_detail)
        try:
            stored = await self._objects.get(row.result_key, max_bytes=max_bytes)
        except NotFound:
            return _with_error(head, NotFound.code, "the stored result is no longer there")
        except DocumentTooLarge:
            return None
        links_at, links = (len(stored), {}) if self._link_ttl_s is None else _find_links(stored)
        tail = stored[links_at:]
        if links and self._link_ttl_s is not None:
            opened = {name: await self._link(name, uri, row, self._link_ttl_s) for name, uri in links.items()}
            tail = _dump({"links": opened})[1:]
        if len(stored) <= _MAX_BYTES_ON_THE_LOOP:
            return _with_result(head, stored, links_at, tail)
        return await asyncio.to_thread(_with_result, head, stored, links_at, tail)

    async def size_bytes(self, row: ResultRow) -> int:
        """Of the result that is to be read for the row's line; 0 where none is.

        Raises:
            NotReady: object storage does not answer.
        """
        if row.result_key is None:
            return 0
        try:
            size_bytes = (await self._objects.head(row.result_key)).size_bytes
        except NotFound:
            return 0
        return size_bytes if size_bytes <= self._max_bytes else 0

    async def _link(self, output_format: str, uri: str, row: ResultRow, ttl_s: int) -> str:
        if not uri.startswith(self._base):
            raise InternalError("a stored result points outside our own bucket")
        media_type = MEDIA_TYPES.get(output_format, "application/octet-stream")
        # The others are shown, or read by programs.
        file_name = pdf_file_name(row.file_name) if output_format == OutputFormat.PDF.value else None
        return await self._objects.presign_get(
            uri.removeprefix(self._base), expires_s=ttl_s, content_type=media_type, file_name=file_name
        )


def _head(row: ResultRow) -> bytes:
    """The line up to its result or error, left open."""
    return _dump(
        {
            "sequence": row.sequence,
            "document_id": row.document_id,
            "reference": row.reference,
            "file_name": row.file_name,
            "status": row.status.value,
        }
    )[:-1]


def _find_links(stored: bytes) -> tuple[int, dict[str, str]]:
    """Where a stored result's last member begins, if that is its links, and what they are; else its end, and none.

    The links are always last (``StructureStage``), so nothing before them is read, however long it is: reading JSON
    keeps the interpreter to itself, in a thread as well.
    """
    begin = stored.rfind(_LINKS, max(0, len(stored) - _MOST_LINKS_BYTES))
    # Anything else than the start of a member is the end of a text that reads so.
    if begin < 0 or stored[max(0, begin - 64) : begin].rstrip()[-1:] not in (b",", b"{"):
        return len(stored), {}
    try:
        links = json.loads(b"{" + stored[begin:])["links"]
    except (ValueError, RecursionError):
        return len(stored), {}  # it is a value, or a member of something deeper
    if not isinstance(links, dict) or not all(isinstance(uri, str) for uri in links.values()):
        return len(stored), {}
    return begin, links


def _with_result(head: bytes, stored: bytes, end: int, tail: bytes) -> bytes:
    """The line with a stored result up to ``end``, and what comes instead of the rest of it."""
    line = b"".join((head, b',"result":', memoryview(stored)[:end], tail, b"}"))
    # Between JSON's tokens a break means nothing, and inside its strings there is none: they escape it.
    return line.replace(b"\r", b" ").replace(b"\n", b" ")


def _with_error(head: bytes, code: str | None, detail: str | None) -> bytes:
    return head + b',"error":' + _dump(_error(code, detail)) + b"}"


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
