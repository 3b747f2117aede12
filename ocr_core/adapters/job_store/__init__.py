"""The job store: the bulk road's truth, in SQLite or PostgreSQL."""

from ocr_core.adapters.job_store.migrate import upgrade
from ocr_core.adapters.job_store.store import SqlJobStore, SystemClock

__all__ = ["SqlJobStore", "SystemClock", "upgrade"]
