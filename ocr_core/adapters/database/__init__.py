"""The house's one database, SQLite or PostgreSQL: transactions, migrations, and what its stores share.

``job_store`` keeps the bulk road's work there, ``access_store`` who may do what.
"""

from ocr_core.adapters.database.clock import SystemClock
from ocr_core.adapters.database.connection import Database, insert_all
from ocr_core.adapters.database.migrate import upgrade
from ocr_core.adapters.database.version import check_tables

__all__ = ["Database", "SystemClock", "check_tables", "insert_all", "upgrade"]
