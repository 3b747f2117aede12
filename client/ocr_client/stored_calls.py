"""What is asked of stored documents, as calls and flows that both clients of them share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import quote

from ocr_client.calls import Call, Request
from ocr_client.endpoint import Endpoint
from ocr_client.errors import UnexpectedAnswer
from ocr_client.flows import Emit, Flow, called
from ocr_client.job_calls import ANSWER_TIMEOUT_S
from ocr_client.stored_types import Correction, NewCorrection, StoredDocument, StoredResult

LISTED_AT_ONCE = 100


def documents_flow(endpoint: Endpoint, *, sha256: str | None) -> Flow[StoredDocument, None]:
    """Stored documents, newest first, a page of the list after the other."""
    cursor: str | None = None
    while True:
        wanted = {"limit": str(LISTED_AT_ONCE), "sha256": sha256, "cursor": cursor}
        params = {name: value for name, value in wanted.items() if value is not None}
        request = Request(method="GET", path="/v1/documents", params=params)
        call = _call(request, _object_with("documents"))
        page = yield from called(call, endpoint.new_retries(repeatable=True))
        for document in cast("Sequence[StoredDocument]", page["documents"]):
            yield Emit(value=document)
        cursor = page.get("next_cursor")
        if cursor is None:
            return


def result_call(document_id: str) -> Call[StoredResult]:
    """A document's result, and what was put right in it."""
    decode = _object_with("pages")
    return _call(Request(method="GET", path=_path(document_id)), lambda body: cast("StoredResult", decode(body)))


def page_image_call(document_id: str, number: int) -> Call[bytes]:
    """The image of a page, 1-based."""
    return _call(Request(method="GET", path=f"{_path(document_id)}/pages/{number}"), bytes)


def correct_call(
    document_id: str, corrections: Sequence[NewCorrection], *, corrected_by: str | None
) -> Call[Sequence[Correction]]:
    """Say what values should have been. Sent twice it would be noted twice, so a lost answer is not asked for again."""
    told: dict[str, object] = {"corrections": list(corrections)}
    if corrected_by is not None:
        told["corrected_by"] = corrected_by
    request = Request(
        method="POST",
        path=f"{_path(document_id)}/corrections",
        headers={"Content-Type": "application/json"},
        body=json.dumps(told).encode(),
    )
    decode = _object_with("corrections")
    return _call(request, lambda body: cast("Sequence[Correction]", decode(body)["corrections"]), repeatable=False)


def delete_call(document_id: str) -> Call[bool]:
    """Delete a document; whether it is gone from object storage as well already."""
    return _call(Request(method="DELETE", path=_path(document_id)), lambda body: body == b"")


def _call(request: Request, decode: Callable[[bytes], Any], *, repeatable: bool = True) -> Call[Any]:
    return Call(request=request, decode=decode, timeout_s=ANSWER_TIMEOUT_S, repeatable=repeatable)


def _object_with(name: str) -> Callable[[bytes], dict[str, Any]]:
    """Reads a JSON object that has a list of that name."""

    def decode(body: bytes) -> dict[str, Any]:
        try:
            untrusted = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UnexpectedAnswer("the server answered with a success and without JSON") from error
        if not isinstance(untrusted, dict) or not isinstance(untrusted.get(name), list):
            raise UnexpectedAnswer(f"the server answered with a success and without '{name}'")
        return untrusted

    return decode


def _path(document_id: str) -> str:
    return f"/v1/documents/{quote(document_id, safe='')}"
