"""The schema of ``OcrResult`` for ``/openapi.json``, as it is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import TypeAdapter

from ocr_core.contracts.result import OcrResult

REF = "#/components/schemas/{model}"

_FOR_FORMATS_ONLY = {
    "Line": ("row", "block", "positions", "character_confidences"),
    "Table": ("line_indices",),
}
"""What writes the other formats down needs them; JSON does not carry them."""

_SENT_WHERE_KNOWN = frozenset({"partner"})
"""Absent rather than null."""


_PAGES = ("PageResult", "UnreadPage")


STORED_UNTIL: Mapping[str, Any] = {
    "type": "string",
    "format": "date-time",
    "description": "Sent where the document was kept: until when, as the tenant's retention is now.",
}


def result_schemas(
    *,
    timings: Mapping[str, str],
    sent_sometimes: Collection[str],
    page_images: Mapping[str, Any] | None = None,
    may_be_stored: bool = False,
) -> dict[str, dict[str, Any]]:
    """``OcrResult`` and what it refers to, by name.

    Args:
        timings: What the service measures beyond the text side's answer, with its description.
        page_images: The schema of the image that a page carries where the caller asked for it.
        sent_sometimes: The properties that may be absent; all others are always sent.
        may_be_stored: Whether it tells of documents that are kept.
    """
    result = TypeAdapter(OcrResult).json_schema(mode="serialization", ref_template=REF)
    schemas = result.pop("$defs")
    schemas["Timing"]["properties"] |= {
        name: {"type": "number", "description": description} for name, description in timings.items()
    }
    for model, names in _FOR_FORMATS_ONLY.items():
        for name in names:
            del schemas[model]["properties"][name]
    for schema in (result, *schemas.values()):
        for name in _SENT_WHERE_KNOWN & schema.get("properties", {}).keys():
            schema["properties"][name] = schema["properties"][name]["anyOf"][0]
        _require_what_is_always_sent(schema, {*sent_sometimes, *_SENT_WHERE_KNOWN})
    if page_images is not None:
        schemas["PageImage"] = dict(page_images)
        for model in _PAGES:
            schemas[model]["properties"]["image"] = {"$ref": REF.format(model="PageImage")}
    if may_be_stored:
        result["properties"]["stored_until"] = dict(STORED_UNTIL)
    return {**schemas, "OcrResult": result}


def _require_what_is_always_sent(schema: dict[str, Any], sent_sometimes: Collection[str]) -> None:
    """A value that is unknown is sent as null, so that a default in our own values is none to the caller."""
    properties = schema.get("properties", {})
    for declared in properties.values():
        declared.pop("default", None)
    if properties:
        schema["required"] = [name for name in properties if name not in sent_sometimes]
