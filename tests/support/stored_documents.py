"""Stored documents for tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from ocr_core.adapters.document_store import SqlDocumentStore
from ocr_core.contracts.stored_documents import (
    Corrector,
    NewCorrection,
    NewStoredDocument,
    Road,
    stored_result_key,
)
from tests.support.job_stores import SetClock

CLERK = Corrector(key_id="0123456789abcdef", corrected_by="佐藤", request_id="req_1")


def new_document_id() -> str:
    """As the text side makes them."""
    return f"doc_{secrets.token_hex(16)}"


def new_document(tenant: str = "acme", *, document_id: str | None = None, **changes: object) -> NewStoredDocument:
    """A document whose objects nobody has written."""
    document_id = document_id or new_document_id()
    values: dict[str, object] = {
        "road": Road.SYNC,
        "job_id": None,
        "reference": None,
        "sha256": "ab" * 32,
        "file_name": "請求書.pdf",
        "media_type": "application/pdf",
        "page_count": 2,
        "document_type": "invoice",
        "schemas": ("auto",),
        "result_key": stored_result_key(tenant, document_id),
        "size_bytes": 5_000_000_000,
    }
    return NewStoredDocument(id=document_id, tenant=tenant, **{**values, **changes})  # type: ignore[arg-type]


def correction(path: str = "total_amount", value: object = None, read: object = None, **more: object) -> NewCorrection:
    """A checked one."""
    values: dict[str, object] = {"schema": None, "kind": "money", "read": read, "value": value, **more}
    return NewCorrection(path=path, **values)  # type: ignore[arg-type]


@pytest.fixture
def document_store(job_database: str, job_clock: SetClock) -> Iterator[SqlDocumentStore]:
    """Over SQLite and PostgreSQL, under the job store's clock."""
    with SqlDocumentStore(job_database, clock=job_clock, pool_size=16) as opened:
        yield opened
