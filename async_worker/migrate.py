"""``python -m async_worker.migrate``: bring the job database's tables to this version, and end.

For deployments where the services themselves may not change tables (``OCR_BULK_MIGRATE=false``): this process alone is
given a user who may. The database is ``OCR_BULK_DATABASE_URL``, never an argument: other processes can read those.
Running it again, or several at once, changes nothing; it exits with 1 where the database does not answer.
"""

from __future__ import annotations

import logging
import sys

from async_worker.preparing import make_database_folder
from ocr_core.adapters.job_store import upgrade
from ocr_core.contracts.errors import NotReady
from ocr_core.service.serve import run_main
from ocr_core.settings import BulkSettings, LogSettings, load
from ocr_core.telemetry import configure_logging

_log = logging.getLogger(__name__)

_EXIT_NOT_READY = 1


def main() -> None:
    """Read the settings, migrate."""
    configure_logging("bulk-migrate", load(LogSettings))
    url = load(BulkSettings).database_url.get_secret_value()
    make_database_folder(url)
    try:
        upgrade(url)
    except NotReady as error:
        _log.error(
            "The tables were not brought to this version", extra={"action": "migrate.failed", "detail": error.detail}
        )
        sys.exit(_EXIT_NOT_READY)
    _log.info("The tables are of this version", extra={"action": "migrate.done"})


if __name__ == "__main__":
    run_main(main)
