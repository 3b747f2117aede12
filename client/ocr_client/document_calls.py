"""What the sync API is asked, as calls that ``OcrClient`` and ``AsyncOcrClient`` share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict, cast

from ocr_client.calls import Call, OnSent, Request
from ocr_client.documents import readable_name
from ocr_client.errors import UnexpectedAnswer
from ocr_client.multipart import Form, FormFile
from ocr_client.types import Format, OcrResult, Schema, TextLayer

DEFAULT_URL = "http://127.0.0.1:8000"
# The server keeps the deadline itself; beyond it only the upload and the way back may take time.
ANSWER_GRACE_S = 15.0
SERVER_DEFAULT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = SERVER_DEFAULT_TIMEOUT_S + ANSWER_GRACE_S
"""Of what needs no reading."""

Source = str | Path | bytes
"""A path, or the document's bytes."""


class ReadOptions(TypedDict, total=False):
    """What may be asked for beside the format, under the API's own names; what is left out or null is its default."""

    schema: str | None
    """``auto``, ``none``, or names of schemas with commas: ``invoice``, ``receipt``, or the server's own."""
    pages: str | None
    """1-based selection such as ``1-3,7``."""
    timeout_s: float | None
    """The deadline that the server keeps for the whole request, at most 30."""
    text_layer: TextLayer | None
    """``prefer`` uses a PDF's own text where it is sound."""
    min_confidence: float | None
    """Fields below it are null."""
    store: bool | None
    """False: nothing of the document is kept, also where the tenant has retention."""


def read_call(
    source: Source,
    *,
    format: Format,  # noqa: A002 - the API's own name
    file_name: str | None,
    on_sent: OnSent | None,
    options: ReadOptions,
) -> Call[OcrResult | bytes]:
    """Read one document: ``json`` gives the parsed result, any other format its bytes.

    Raises:
        OSError: There is no such file.
    """
    if isinstance(source, bytes):
        file = FormFile(content=source, file_name=file_name or "document", size_bytes=len(source))
    else:
        path = Path(source)
        name = file_name or readable_name(path.name)
        file = FormFile(content=path, file_name=name, size_bytes=path.stat().st_size)
    form = Form(fields={}, file_part="file", files=[file])
    wishes = {"format": format, **{name: _written(value) for name, value in options.items() if value is not None}}
    return Call(
        request=Request(
            method="POST", path="/v1/ocr", params=wishes, headers=form.headers, body=form.body, on_sent=on_sent
        ),
        decode=_decode_result if format == "json" else bytes,
        timeout_s=(options.get("timeout_s") or SERVER_DEFAULT_TIMEOUT_S) + ANSWER_GRACE_S,
        repeatable=False,
    )


def schemas_call() -> Call[list[Schema]]:
    """The schemas that the server has."""
    request = Request(method="GET", path="/v1/schemas")
    return Call(request=request, decode=_decode_schemas, timeout_s=ANSWER_TIMEOUT_S, repeatable=True)


def _written(value: object) -> str:
    """A parameter as the API writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decode_result(body: bytes) -> OcrResult:
    """Parse a 200's JSON.

    Raises:
        UnexpectedAnswer: it is not an OCR result.
    """
    untrusted = _json_object(body)
    if "pages" not in untrusted:
        raise UnexpectedAnswer("the server answered 200 without an OCR result")
    return cast("OcrResult", untrusted)


def _decode_schemas(body: bytes) -> list[Schema]:
    """Parse a 200's JSON.

    Raises:
        UnexpectedAnswer: it is no list of schemas.
    """
    untrusted = _json_object(body)
    if not isinstance(untrusted.get("schemas"), list):
        raise UnexpectedAnswer("the server answered 200 without a list of schemas")
    return cast("list[Schema]", untrusted["schemas"])


def _json_object(body: bytes) -> dict[str, object]:
    try:
        untrusted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer("the server answered 200 without JSON") from error
    if not isinstance(untrusted, dict):
        raise UnexpectedAnswer("the server answered 200 with something else than a JSON object")
    return untrusted
