"""Rows to values, and back."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from sqlalchemy.engine import Row

from ocr_core.contracts.stored_documents import (
    Correction,
    Corrector,
    Json,
    NewCorrection,
    NewStoredDocument,
    Road,
    StoredDocument,
)

AnyRow = Row[*tuple[Any, ...]]

_SEPARATOR = ","

CONTENT = tuple(field.name for field in fields(NewStoredDocument) if field.name not in {"id", "tenant"})
"""The columns that tell something of a document: a deleted one's are null."""


def content_of(new: NewStoredDocument) -> dict[str, object]:
    """What columns tell of a document."""
    content = {name: getattr(new, name) for name in CONTENT}
    return {**content, "road": new.road.value, "schemas": _SEPARATOR.join(new.schemas)}


def document_of(row: AnyRow) -> StoredDocument:
    """A row of ``stored_documents`` that is not deleted."""
    content = {name: getattr(row, name) for name in CONTENT}
    return StoredDocument(
        **{**content, "road": Road(row.road), "schemas": tuple(row.schemas.split(_SEPARATOR))},
        id=row.id,
        tenant=row.tenant,
        created_at=row.created_at,
        corrections=row.corrections,
    )


def correction_values(new: NewCorrection, by: Corrector) -> dict[str, object]:
    """A correction as columns of ``document_corrections``."""
    return {
        "schema_name": new.schema,
        "path": new.path,
        "kind": new.kind,
        "read_value": _text(new.read),
        "value": _text(new.value),
        "page": new.page,
        "quad": None if new.quad is None else _text(new.quad),
        "key_id": by.key_id,
        "corrected_by": by.corrected_by,
        "request_id": by.request_id,
    }


def correction_of(row: AnyRow) -> Correction:
    """A row of ``document_corrections``."""
    return Correction(
        id=row.id,
        document_id=row.document_id,
        schema=row.schema_name,
        path=row.path,
        kind=row.kind,
        read=json.loads(row.read_value),
        value=json.loads(row.value),
        page=row.page,
        quad=None if row.quad is None else tuple((x, y) for x, y in json.loads(row.quad)),
        by=Corrector(key_id=row.key_id, corrected_by=row.corrected_by, request_id=row.request_id),
        created_at=row.created_at,
    )


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
