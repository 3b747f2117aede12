"""The three ways to send a document, read as they stream in and never beyond the limit."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from ocr_core.contracts.errors import DocumentTooLarge, InvalidRequest, UnsupportedMediaType
from ocr_core.service.multipart import FormEvent, MultipartReader, PartStart
from preprocess_svc.file_names import clean_file_name
from preprocess_svc.sources import S3Location

__all__ = ["FILE_PART", "Upload", "clean_file_name", "read_submission"]

FILE_PART = "file"
_MAX_JSON_BYTES = 16_384
_MULTIPART_FRAMING_BYTES = 65_536
"""What boundaries and part headers may add to a document in a multipart body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A document that came in the request itself."""

    untrusted_bytes: bytes
    file_name: str | None


class _SourceBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    source: str = Field(max_length=2_048)


async def read_submission(request: Request, *, max_body_bytes: int) -> Upload | S3Location:
    """Read the request's body: ``multipart/form-data``, JSON with a source, or the document itself.

    Raises:
        InvalidRequest: the body is not in the form that its ``Content-Type`` announces.
        DocumentTooLarge: over ``max_body_bytes``; noticed from ``Content-Length`` before a byte is read, or while
            reading, at the first byte too many.
        UnsupportedMediaType: the body is compressed.
        ClientDisconnect: the caller went away.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType("a compressed request body (Content-Encoding) is not taken")
    content_type = request.headers.get("content-type", "")
    match content_type.partition(";")[0].strip().lower():
        case "multipart/form-data":
            return await _read_multipart(request, content_type, max_body_bytes)
        case "application/json":
            return _parse_source(await _read_raw(request, _MAX_JSON_BYTES, limit_name="a JSON body"))
        case _:
            # What the bytes are is decided by the bytes; curl, for one, calls every --data-binary a form.
            content = await _read_raw(request, max_body_bytes, limit_name="max_body_bytes")
            return Upload(untrusted_bytes=content, file_name=None)


async def _read_raw(request: Request, max_bytes: int, *, limit_name: str) -> bytes:
    _check_announced_length(request, max_bytes, limit_name)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > max_bytes:
            raise _too_large(max_bytes, limit_name)
    return bytes(content)


async def _read_multipart(request: Request, content_type: str, max_body_bytes: int) -> Upload:
    reader = MultipartReader(content_type)
    max_total_bytes = max_body_bytes + _MULTIPART_FRAMING_BYTES
    _check_announced_length(request, max_total_bytes, "max_body_bytes")
    form = _Form(max_file_bytes=max_body_bytes)
    total_bytes = 0
    async for chunk in request.stream():
        total_bytes += len(chunk)
        if total_bytes > max_total_bytes:
            raise _too_large(max_body_bytes, "max_body_bytes")
        for event in reader.feed(chunk):
            form.take(event)
    reader.finish()
    return form.result()


class _Form:
    """Gathers the one file part out of a multipart stream."""

    def __init__(self, *, max_file_bytes: int) -> None:
        self._max_file_bytes = max_file_bytes
        self._file_name: str | None = None
        self._content: bytearray | None = None

    def take(self, event: FormEvent) -> None:
        """The next event of the form."""
        if isinstance(event, PartStart):
            self._start_part(event)
        elif isinstance(event, bytes) and self._content is not None:
            self._content += event
            if len(self._content) > self._max_file_bytes:
                raise _too_large(self._max_file_bytes, "max_body_bytes")

    def result(self) -> Upload:
        """The gathered document."""
        if self._content is None:
            raise InvalidRequest(f"the multipart body has no part named '{FILE_PART}'")
        return Upload(untrusted_bytes=bytes(self._content), file_name=self._file_name)

    def _start_part(self, part: PartStart) -> None:
        if part.name != FILE_PART:
            raise InvalidRequest(f"the multipart body has one part, named '{FILE_PART}'; parameters go into the query")
        if self._content is not None:
            raise InvalidRequest(f"the multipart body has more than one part named '{FILE_PART}'")
        self._content = bytearray()
        self._file_name = clean_file_name(part.untrusted_file_name)


def _parse_source(untrusted_body: bytes) -> S3Location:
    try:
        body = _SourceBody.model_validate_json(untrusted_body)
    except ValidationError:
        raise InvalidRequest('a JSON body is {"source": "s3://bucket/key"}') from None
    return S3Location.parse(body.source)


def _check_announced_length(request: Request, max_bytes: int, limit_name: str) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(max_bytes, limit_name)


def _too_large(max_bytes: int, limit_name: str) -> DocumentTooLarge:
    return DocumentTooLarge(f"the body is over the limit of {max_bytes} bytes ({limit_name})")
