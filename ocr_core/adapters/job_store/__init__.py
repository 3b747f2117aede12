"""The job store: the bulk road's truth, in SQLite or PostgreSQL."""

from ocr_core.adapters.database import SystemClock, upgrade
from ocr_core.adapters.job_store.store import SqlJobStore

__all__ = ["SqlJobStore", "SystemClock", "upgrade"]
