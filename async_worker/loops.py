"""A step that is repeated until the role is told to stop; a dependency that is down slows it and never ends it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ocr_core.contracts.errors import OcrError

_log = logging.getLogger(__name__)

Step = Callable[[], Awaitable[float]]
"""One piece of work; answers in how many seconds it wants to be called again, 0 for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Growing waits with jitter, so that many processes do not come back at one moment."""

    first_s: float = 0.5
    max_s: float = 15.0

    def wait_s(self, failures: int) -> float:
        """Before the next try, after so many failures in a row: half of it is certain, half is chance."""
        longest_s = min(self.first_s * 2.0 ** min(failures - 1, 30), self.max_s)
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


async def wait_or_stop(stop: asyncio.Event, wait_s: float) -> None:
    """Return after the wait, or at once when ``stop`` is set."""
    if wait_s <= 0:
        await asyncio.sleep(0)  # others of the loop have their turn, however much work there is
        return
    try:
        async with asyncio.timeout(wait_s):
            await stop.wait()
    except TimeoutError:
        return


async def repeat(step: Step, *, name: str, stop: asyncio.Event, backoff: Backoff | None = None) -> None:
    """Run ``step`` again and again until ``stop`` is set; one that runs then is waited for.

    An ``OcrError`` means that something it needs is down: it is tried again after a growing wait, and the log tells
    of the outage once, and once of its end. Any other exception is a fault of ours and is raised.

    Args:
        step: What to repeat.
        name: For the log.
        stop: Ends it.
        backoff: How long to wait while it fails; the default where none is given.
    """
    waits = backoff or Backoff()
    failures = 0
    while not stop.is_set():
        try:
            wait_s = await step()
        except OcrError as error:
            failures += 1
            wait_s = waits.wait_s(failures)
            if failures == 1:
                _log.warning(
                    "A step failed and is tried again until it succeeds",
                    extra={"action": f"{name}.down", "code": error.code, "detail": error.detail},
                )
        else:
            if failures:
                _log.info("The step works again", extra={"action": f"{name}.up", "failures": failures})
            failures = 0
        await wait_or_stop(stop, wait_s)
