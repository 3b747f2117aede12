"""The access store: tenants, their keys, and the audit log, beside the job store's tables."""

from ocr_core.adapters.access_store.store import SqlAccessStore

__all__ = ["SqlAccessStore"]
