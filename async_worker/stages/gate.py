"""Nothing new is taken while something that the work needs does not answer."""

from __future__ import annotations

import asyncio
import logging
import time

from async_worker.loops import Backoff, wait_or_stop
from ocr_core.contracts.errors import NotReady
from ocr_core.service import Readiness

_log = logging.getLogger(__name__)

TRUST_S = 5.0
"""How long a good answer counts: asking costs some milliseconds, a document that fails for nothing an attempt."""

UNANSWERED_AT_MOST = 2
"""So many writes in a row may stay unanswered before good answers to questions are no longer believed."""
HOLDS = Backoff(first_s=1.0, max_s=30.0)
"""How long nothing is taken then, whatever the questions are answered."""

_WAITS = Backoff(first_s=0.25, max_s=3.0)


class Gate:
    """Open while everything answers: what is asked here, and what is written elsewhere.

    A database whose disk is full answers questions and takes no write; so writes that stay unanswered close the gate
    for a while, longer each time, until one is answered again.
    """

    def __init__(self, readiness: Readiness, *, name: str, holds: Backoff = HOLDS) -> None:
        self._readiness = readiness
        self._name = name
        self._holds = holds
        self._good_until_s = 0.0
        self._unanswered = 0
        self._held_until_s = 0.0

    def suspect(self) -> None:
        """Something did not answer: ask before the next message is taken."""
        self._good_until_s = 0.0

    def unanswered(self) -> None:
        """A write stayed unanswered."""
        self.suspect()
        self._unanswered += 1
        if self._unanswered > UNANSWERED_AT_MOST:
            self._held_until_s = time.monotonic() + self._holds.wait_s(self._unanswered - UNANSWERED_AT_MOST)

    def answered(self) -> None:
        """A write was answered. A claim does not count as one: what closes the work may fail all the same."""
        self._unanswered = 0
        self._held_until_s = 0.0

    async def answers(self) -> bool:
        """Ask now."""
        return await self._ask() is None

    async def is_open(self) -> bool:
        """Ask, unless that was done a moment ago."""
        return self._is_trusted or await self.answers()

    async def until_open(self, stop: asyncio.Event) -> None:
        """Return when everything answers, or when ``stop`` is set."""
        failures = 0
        while not stop.is_set():
            silent = None if self._is_trusted else await self._ask()
            if silent is None:
                if failures:
                    _log.info("Everything answers again", extra={"action": f"{self._name}.gate_open"})
                return
            failures += 1
            if failures == 1:
                _log.warning(
                    "Nothing new is taken until everything answers",
                    extra={"action": f"{self._name}.gate_closed", "detail": silent},
                )
            await wait_or_stop(stop, _WAITS.wait_s(failures))

    @property
    def _is_trusted(self) -> bool:
        return time.monotonic() < self._good_until_s and not self._is_held

    @property
    def _is_held(self) -> bool:
        return time.monotonic() < self._held_until_s

    async def _ask(self) -> str | None:
        """Who does not answer; null where all do."""
        if self._is_held:
            return "the job store takes no writes"
        try:
            await self._readiness.check()
        except NotReady as error:
            self.suspect()
            return error.detail
        self._good_until_s = time.monotonic() + TRUST_S
        return None
