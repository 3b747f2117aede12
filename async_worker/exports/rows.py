"""A stored document as rows of the export, plain values by column (docs/data-dictionary.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ocr_core.contracts.stored_documents import Correction, Json, StoredDocument, page_key

Row = dict[str, Any]

_EVIDENCE = frozenset({"text", "confidence", "page", "quad", "partner"})


def document_row(document: StoredDocument, result: Mapping[str, Any]) -> Row:
    """The one row of ``documents``."""
    pages = result["pages"]
    confidences = [line["confidence"] for page in pages for line in page.get("lines", ())]
    unread = sum("error" in page for page in pages)
    return {
        "document_id": document.id,
        "stored_at": document.created_at,
        "road": document.road.value,
        "job_id": document.job_id,
        "reference": document.reference,
        "file_name": document.file_name,
        "media_type": document.media_type,
        "sha256": document.sha256,
        "page_count": document.page_count,
        "pages_read": len(pages) - unread,
        "pages_unread": unread,
        "document_type": document.document_type,
        "schemas": list(document.schemas),
        "text": result["text"],
        "line_count": len(confidences),
        "mean_line_confidence": sum(confidences) / len(confidences) if confidences else None,
        "detection_model": result["models"].get("text_detection"),
        "recognition_model": result["models"].get("text_recognition"),
        "total_ms": result["timing_ms"].get("total"),
        "correction_count": document.corrections,
    }


def field_rows(document: StoredDocument, result: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of ``fields``: each value that was read or not, of a list each member of each entry."""
    for schema, fields in _answers(result):
        for name, answer in fields.items():
            for path, entry, member, value, source in _values(name, answer):
                yield {
                    "document_id": document.id,
                    "schema": schema,
                    "path": path,
                    "field": name,
                    "entry": entry,
                    "member": member,
                    "value": as_text(value),
                    "currency": source.get("currency"),
                    "text": source.get("text"),
                    "confidence": source.get("confidence"),
                    "page": source.get("page"),
                    "quad": flat(source.get("quad")),
                }


def correction_rows(
    document: StoredDocument,
    result: Mapping[str, Any],
    corrections: Sequence[Correction],
    *,
    uri: Callable[[str], str],
) -> Iterator[Row]:
    """Rows of ``corrections``, in the order in which they were made.

    Args:
        document: Whose.
        result: As stored.
        corrections: All of the document.
        uri: Makes an address of an object's key.
    """
    latest = _latest(corrections)
    for correction in corrections:
        name = correction.path.partition(".")[0]
        source = _source(result, correction)
        by_person = correction.page is not None
        page = correction.page if by_person else source.get("page")
        yield {
            "correction_id": correction.id,
            "document_id": document.id,
            "schema": correction.schema,
            "path": correction.path,
            "field": name,
            "type": correction.kind,
            "read": as_text(_bare(correction.read)),
            "corrected": as_text(_bare(correction.value)),
            "currency": correction.value.get("currency") if isinstance(correction.value, Mapping) else None,
            "is_latest": correction.id in latest,
            "page": page,
            "quad": flat(correction.quad if by_person else source.get("quad")),
            "evidence": None if page is None else "person" if by_person else "reading",
            "page_image": None if page is None else uri(page_key(document.tenant, document.id, page)),
            "text": source.get("text"),
            "confidence": source.get("confidence"),
            "key_id": correction.by.key_id,
            "corrected_by": correction.by.corrected_by,
            "corrected_at": correction.created_at,
        }


def as_text(value: Json) -> str | None:
    """A value as one text: as it is, or as JSON where it is a list or an object."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def flat(quad: Sequence[Sequence[float]] | None) -> list[float] | None:
    """The eight numbers of a quad: x and y of each corner."""
    return None if quad is None else [float(number) for corner in quad for number in corner]


def _answers(result: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    if result["fields"] is not None:
        yield None, result["fields"]
    yield from (result["schemas"] or {}).items()


def _values(name: str, answer: Any) -> Iterator[tuple[str, int | None, str | None, Json, Mapping[str, Any]]]:
    """Path, entry, member, value, and what carries the evidence."""
    if not isinstance(answer, list):
        yield name, None, None, None if answer is None else answer["value"], answer or {}
        return
    for at, entry in enumerate(answer):
        for member, value in entry.items():
            if member not in _EVIDENCE:
                yield f"{name}.{at}.{member}", at, member, value, entry


def _bare(value: Json) -> Json:
    """A single field's value without its currency."""
    return value["value"] if isinstance(value, Mapping) and "value" in value else value


def _latest(corrections: Sequence[Correction]) -> set[int]:
    """Those that count: the last of each path, and of a list's members those after the list was replaced as a whole."""
    by_path: dict[tuple[str | None, str], int] = {}
    for correction in corrections:
        key = (correction.schema, correction.path)
        if "." not in correction.path:
            below = f"{correction.path}."
            by_path = {
                other: made
                for other, made in by_path.items()
                if other[0] != correction.schema or not other[1].startswith(below)
            }
        by_path[key] = correction.id
    return set(by_path.values())


def _source(result: Mapping[str, Any], correction: Correction) -> Mapping[str, Any]:
    """What was read in the correction's place: where it stands, and how sure it was."""
    fields = result["fields"] if correction.schema is None else (result["schemas"] or {}).get(correction.schema)
    name, *deeper = correction.path.split(".")
    answer = (fields or {}).get(name)
    if isinstance(answer, list):
        # Of a list that was replaced as a whole no entry is the one that was read.
        is_entry = deeper and correction.read is not None and int(deeper[0]) < len(answer)
        return answer[int(deeper[0])] if is_entry else {}
    return answer or {}
