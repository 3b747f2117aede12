"""Makes what checks keys, of the settings. Apart from ``access.py``, which knows nothing of databases."""

from __future__ import annotations

from ocr_core.contracts.access import HouseTenant
from ocr_core.service.access import LOOK_UP_THREADS, Access, NoKeys, WithKeys
from ocr_core.settings import AccessSettings
from ocr_core.telemetry import Metrics


def open_access(settings: AccessSettings, *, database_url: str, house: HouseTenant, metrics: Metrics) -> Access:
    """What checks keys, where they are on; its ``close`` lets go of the database.

    Args:
        settings: Whether they are.
        database_url: Of the job database, which holds them.
        house: To whom belongs what the settings say.
        metrics: Of the process.
    """
    if not settings.keys:
        return NoKeys(house)
    # SQLAlchemy is 20 MB and 0.3 s that a service without keys need not pay.
    from ocr_core.adapters.access_store import SqlAccessStore  # noqa: PLC0415
    from ocr_core.adapters.database import SystemClock  # noqa: PLC0415

    accounts = SqlAccessStore(database_url, pool_size=LOOK_UP_THREADS + 1)
    return WithKeys(accounts=accounts, settings=settings, house=house, clock=SystemClock(), metrics=metrics)
