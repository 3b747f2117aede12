"""What must be there before work can begin: the database's tables, the queues, the bucket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy.engine import make_url

from async_worker.loops import Backoff, wait_or_stop
from ocr_core.contracts.errors import OcrError

_log = logging.getLogger(__name__)

_WAITS = Backoff(first_s=0.25, max_s=5.0)

Step = Callable[[], Awaitable[object]]


def make_database_folder(url: str) -> None:
    """For an embedded database, make the folder that its file goes into; the file holds callers' data."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        Path(str(parsed.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


async def prepare(steps: dict[str, Step], stop: asyncio.Event) -> bool:
    """Do each step, and again until it succeeds: what they need may still be starting.

    Returns:
        False where ``stop`` was set before all had succeeded.
    """
    for name, step in steps.items():
        failures = 0
        while not stop.is_set():
            try:
                await step()
                break
            except OcrError as error:
                failures += 1
                if failures == 1:
                    _log.warning(
                        "A step before work is tried until it succeeds",
                        extra={"action": "bulk.preparing", "step": name, "code": error.code, "detail": error.detail},
                    )
            await wait_or_stop(stop, _WAITS.wait_s(failures))
    return not stop.is_set()
