"""The text side over HTTP: a ``Reading`` out, a written-down result back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from ocr_core import tracing
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, InternalError, NotReady, OcrError, Overloaded
from ocr_core.contracts.ports import RenderedResult, SchemaList, StructureOptions
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import encode_reading
from ocr_core.contracts.remembered import IDENTITY_HEADER
from ocr_core.contracts.schema_names import AUTO, NONE, SchemaName, check_known
from ocr_core.contracts.warning_codes import WARNINGS_HEADER, split_codes

STRUCTURE_PATH = "/v1/structure"
SCHEMAS_PATH = "/v1/schemas"
IDENTITY_PATH = "/v1/identity"
READING_MEDIA_TYPE = "application/vnd.msgpack"
REMAINING_HEADER = "X-Ocr-Remaining-S"
"""Seconds that are left of the request's deadline: the only form in which a deadline crosses between clocks."""

_CONNECT_TIMEOUT_S = 1.0
_KEEP_ALIVE_S = 30.0  # under the server's own (service.serve.KEEP_ALIVE_S), so that a kept connection is a live one
_MAX_CONNECTIONS = 64

_MAX_ITEMS_ON_THE_LOOP = 1_000
"""Lines and words of a reading that more than so many of are encoded in a thread: 1.3 us each and more, while a thread
takes 0.05 to 0.1 ms to be reached."""

_PASSED_ON = {error.code: error for error in (Overloaded, NotReady, DeadlineExceeded)}
"""What may be said to the caller in the text side's words. All else it finds wrong is wrong with what we sent it."""

_logger = logging.getLogger(__name__)
_SCHEMA_LIST = TypeAdapter(SchemaList)


class HttpStructurer:
    """Implements ``ports.Structurer`` with one pool of kept connections."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._client: httpx.AsyncClient | None = None
        self._known_schemas: frozenset[str] = frozenset({AUTO, NONE})

    async def start(self) -> None:
        """Make the pool; connections are made by the first calls."""
        self._client = httpx.AsyncClient(
            base_url=self._base_url,
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_S),
            trust_env=False,  # a proxy for the outside world has no place between two of our own services
        )

    async def close(self) -> None:
        """Close the pool."""
        if self._client is not None:
            await self._client.aclose()

    async def schemas(self, *, deadline: Deadline) -> SchemaList:
        """The schemas that the text side has loaded.

        Raises:
            NotReady: the service cannot be reached, or went away over this request.
            DeadlineExceeded: no answer in time.
            InternalError: it answered anything else.
        """
        deadline.check("structure")
        timeout = httpx.Timeout(deadline.remaining_s(), connect=min(_CONNECT_TIMEOUT_S, deadline.remaining_s()))
        response = await self._send(self._started().build_request("GET", SCHEMAS_PATH, timeout=timeout))
        if response.status_code != httpx.codes.OK:
            raise _rebuild_error(response)
        try:
            found = _SCHEMA_LIST.validate_json(response.content)
        except ValidationError:
            raise InternalError("the text service does not say which schemas it has") from None
        self._known_schemas = frozenset({AUTO, NONE, *(schema.name for schema in found.schemas)})
        return found

    async def check_schemas(self, names: tuple[SchemaName, ...], *, deadline: Deadline) -> None:
        """Return if there are schemas of these names; asks only for names that it has not met.

        Raises:
            InvalidRequest: naming those that there are not.
            NotReady, DeadlineExceeded, InternalError: as ``schemas``.
        """
        if not self._known_schemas.issuperset(names):
            found = await self.schemas(deadline=deadline)
            check_known(names, [schema.name for schema in found.schemas])

    async def identity(self, *, deadline: Deadline) -> str:
        """See ``ports.Structurer.identity``.

        Raises:
            NotReady, DeadlineExceeded, InternalError: as ``schemas``.
        """
        deadline.check("structure")
        timeout = httpx.Timeout(deadline.remaining_s(), connect=min(_CONNECT_TIMEOUT_S, deadline.remaining_s()))
        response = await self._send(self._started().build_request("GET", IDENTITY_PATH, timeout=timeout))
        identity = response.headers.get(IDENTITY_HEADER)
        if response.status_code != httpx.codes.NO_CONTENT or not identity:
            raise InternalError("the text service does not say what it makes results with")
        return str(identity)

    async def structure(
        self, reading: Reading, *, options: StructureOptions, request_id: str, deadline: Deadline
    ) -> RenderedResult:
        """Have ``reading`` decoded, ordered, searched for fields and written down.

        Raises:
            InvalidRequest: a schema has gone since it was asked about.
            NotReady: the service cannot be reached, or went away over this request.
            DeadlineExceeded: no answer in time.
            Overloaded, NotReady, DeadlineExceeded: as it answered.
            InternalError: it answered anything else; the caller has no part in that.
        """
        deadline.check("structure")
        content = await _encode(reading)
        remaining_s = deadline.remaining_s()
        query = {
            "schema": ",".join(options.schemas),
            "format": options.output_format.value,
            "min_confidence": repr(options.min_confidence),
        }
        headers = {
            "Content-Type": READING_MEDIA_TYPE,
            "X-Request-Id": request_id,
            REMAINING_HEADER: f"{remaining_s:.3f}",
        }
        request = self._started().build_request(
            "POST",
            STRUCTURE_PATH,
            params=query,
            headers=headers,
            content=content,
            timeout=httpx.Timeout(remaining_s, connect=min(_CONNECT_TIMEOUT_S, remaining_s)),
        )
        facts: tracing.Facts = {"ocr.reading_bytes": len(content)}
        with tracing.span(f"POST {STRUCTURE_PATH}", facts, kind=tracing.Kind.CLIENT) as span:
            request.headers.update(tracing.headers())
            response = await self._send(request)
            span.tell({"http.response.status_code": response.status_code})
        if response.status_code == httpx.codes.BAD_REQUEST:
            await self._check_anew(options.schemas, deadline)
        if response.status_code != httpx.codes.OK:
            raise _rebuild_error(response)
        return RenderedResult(
            content_type=response.headers["content-type"],
            body=response.content,
            warning_codes=split_codes(response.headers.get(WARNINGS_HEADER)),
            made_with_sha256=response.headers.get(IDENTITY_HEADER),
        )

    async def _check_anew(self, names: tuple[SchemaName, ...], deadline: Deadline) -> None:
        """Of all that the text side finds wrong only a schema that it no longer has is the caller's affair."""
        self._known_schemas = frozenset({AUTO, NONE})
        with suppress(NotReady, DeadlineExceeded, Overloaded, InternalError):
            await self.check_schemas(names, deadline=deadline)

    async def check(self) -> None:
        """Return when the service is ready; a readiness check.

        Raises:
            NotReady: it cannot be reached or says that it is not.
        """
        response = await self._send(self._started().build_request("GET", "/readyz", timeout=_CONNECT_TIMEOUT_S))
        if response.status_code != httpx.codes.OK:
            raise NotReady("it answers that it is not ready")

    def _started(self) -> httpx.AsyncClient:
        if self._client is None:
            raise RuntimeError("the structurer was not started")
        return self._client

    async def _send(self, request: httpx.Request) -> httpx.Response:
        client = self._started()
        try:
            try:
                return await client.send(request)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # A kept connection that the other side had just closed. Structuring changes nothing, so once more.
                return await client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise NotReady("the text service cannot be reached") from None
        except httpx.TimeoutException:
            raise DeadlineExceeded("the deadline passed before stage 'structure' ended") from None
        except httpx.TransportError:
            raise NotReady("the text service went away over this request") from None


async def _encode(reading: Reading) -> bytes:
    pages = (page for page in reading.pages if isinstance(page, PageReading))
    items = sum(len(page.lines) + len(page.text_layer) for page in pages)
    if items <= _MAX_ITEMS_ON_THE_LOOP:
        return encode_reading(reading)
    return await asyncio.to_thread(encode_reading, reading)


def _rebuild_error(response: httpx.Response) -> OcrError:
    try:
        problem = from_json(response.content)
    except ValueError:
        problem = None
    code: str | None = None
    match problem:
        case {"code": str(code), "detail": str(detail)} if code in _PASSED_ON:
            retry_after = response.headers.get("retry-after", "")
            return _PASSED_ON[code](detail, retry_after_s=float(retry_after) if retry_after.isdecimal() else None)
        case {"code": str(code)}:
            pass
    _logger.error(
        "The text service refused a reading",
        extra={"action": "structure.refused", "status": response.status_code, "code": code},
    )
    return InternalError("the text service could not work with what it was sent")
