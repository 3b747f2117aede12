"""Checks an answer against a schema of ``/openapi.json`` strictly: what is not documented must not be sent.

As much of JSON Schema as pydantic writes for our values. A keyword that it does not know is an error, not a pass.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_ANNOTATIONS = {"type", "title", "description", "examples", "default"}
_KEYWORDS = {
    "string": {"enum", "format", "minLength", "maxLength", "pattern", "contentEncoding"},
    "integer": {"enum", "minimum"},
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"},
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def mismatches(value: Any, schema: dict[str, Any], document: dict[str, Any], where: str = "$") -> list[str]:
    """Where ``value`` and ``schema`` part; empty where they agree."""
    if reference := schema.get("$ref"):
        name = reference.removeprefix("#/components/schemas/")
        return mismatches(value, document["components"]["schemas"][name], document, where)
    if alternatives := schema.get("anyOf"):
        tried = [mismatches(value, alternative, document, where) for alternative in alternatives]
        return [] if [] in tried else [f"{where}: none of {len(tried)}: {tried}"]
    # To Python a bool is an int; to JSON it is none.
    if isinstance(value, bool) != (schema["type"] == "boolean") or not isinstance(value, _TYPES[schema["type"]]):
        return [f"{where}: {type(value).__name__} is not {schema['type']}"]
    known = _KEYWORDS.get(schema["type"], {"enum"}) | _ANNOTATIONS
    found = [f"{where}: keyword '{keyword}' is not checked here" for keyword in sorted(schema.keys() - known)]
    match value:
        case dict():
            found += _in_object(value, schema, document, where)
        case list():
            found += _in_array(value, schema, document, where)
        case _ if value not in schema.get("enum", [value]):
            found.append(f"{where}: {value!r} is not in the enum")
        case str():
            found += _in_string(value, schema, where)
        case int() if value < schema.get("minimum", value):
            found.append(f"{where}: {value} is below the minimum")
    return found


def _in_string(value: str, schema: dict[str, Any], where: str) -> list[str]:
    found = []
    if schema.get("contentEncoding") == "base64" and not re.fullmatch(
        r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/=]{4})?", value
    ):
        found.append(f"{where}: is not base64")
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        found.append(f"{where}: has {len(value)} characters")
    if not re.search(schema.get("pattern", ""), value):
        found.append(f"{where}: {value!r} does not match the pattern")
    match schema.get("format"):
        case "date-time":
            try:
                aware = datetime.fromisoformat(value).tzinfo is not None
            except ValueError:
                aware = False
            if not aware:
                found.append(f"{where}: {value!r} is no moment")
        case "uri" if "://" not in value:
            found.append(f"{where}: {value!r} is no address")
    return found


def _in_object(value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], where: str) -> list[str]:
    documented = schema.get("properties", {})
    others = schema.get("additionalProperties", False)
    found = [f"{where}: '{name}' is missing" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        if name not in documented and not isinstance(others, dict):
            found.append(f"{where}: '{name}' is not documented")
        else:
            found += mismatches(item, documented.get(name, others), document, f"{where}.{name}")
    return found


def _in_array(value: list[Any], schema: dict[str, Any], document: dict[str, Any], where: str) -> list[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return [f"{where}: {len(value)} items"]
    if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
        return [f"{where}: an item comes twice"]
    schemas = schema.get("prefixItems") or [schema["items"]] * len(value)
    return [
        each
        for index, (item, of_item) in enumerate(zip(value, schemas, strict=True))
        for each in mismatches(item, of_item, document, f"{where}[{index}]")
    ]
