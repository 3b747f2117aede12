"""The document store: rows of what tenants keep, and the corrections of it."""

from ocr_core.adapters.document_store.store import SqlDocumentStore

__all__ = ["SqlDocumentStore"]
