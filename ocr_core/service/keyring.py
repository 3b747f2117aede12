"""Keys as the database has them, remembered for a few seconds.

So a key costs the database one look-up in ``cache_s`` and process; one that was revoked is dead after that; and while
the database does not answer, keys that were good when it last did go on being good, for ``outage_s``.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ocr_core.contracts.access import KnownKey
from ocr_core.contracts.errors import NotReady, OcrError

MAX_UNKNOWN = 10_000
"""Ids remembered that are nobody's. Apart from the known ones: a stranger who tries many must not push those out."""
MAX_ASKED = 200
"""Look-ups that wait at the same time; more, while the database does not answer, are not even begun."""
PATIENCE_S = 0.5
"""How long a request whose key is known waits for the database to say so again."""
LONGEST_S = 2.0
"""And one whose key is not."""
RETRY_S = 1.0
"""After the database did not answer, known keys do not wait for it again for so long."""

_log = logging.getLogger(__name__)

Ask = Callable[[str], Awaitable[KnownKey | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    known: KnownKey
    checked_s: float


class Keyring:
    """Used from one event loop only."""

    def __init__(
        self, ask: Ask, *, cache_s: float, outage_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Store how to look up.

        Args:
            ask: The database; raises ``NotReady`` where it does not answer.
            cache_s: How long an answer holds.
            outage_s: How much longer, while there is no other.
            monotonic_s: The time.
        """
        self._ask = ask
        self._cache_s = cache_s
        self._outage_s = outage_s
        self._monotonic_s = monotonic_s
        self._known: dict[str, _Known] = {}
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._asking: dict[str, asyncio.Task[KnownKey | None]] = {}
        self._failed_s = float("-inf")
        self._is_down = False

    async def find(self, key_id: str) -> KnownKey | None:
        """The key of that id; null where there is none.

        Raises:
            NotReady: the database does not answer, and has not said lately that the key is good.
        """
        now_s = self._monotonic_s()
        entry = self._known.get(key_id)
        if entry is not None and now_s - entry.checked_s < self._cache_s:
            return entry.known
        if now_s - self._unknown.get(key_id, float("-inf")) < self._cache_s:
            return None
        if entry is None or now_s - entry.checked_s >= self._cache_s + self._outage_s:
            return await self._wait_for(key_id, LONGEST_S)
        if now_s - self._failed_s < RETRY_S:
            return entry.known
        try:
            return await self._wait_for(key_id, PATIENCE_S)
        except NotReady:
            return entry.known

    async def _wait_for(self, key_id: str, longest_s: float) -> KnownKey | None:
        """What the database says; several who ask for the same key ask once."""
        task = self._asking.get(key_id)
        if task is None:
            if len(self._asking) >= MAX_ASKED:
                raise _down()
            # Of nobody's context: it serves all who come, and not only the first one's request and span.
            task = self._asking[key_id] = asyncio.create_task(self._look_up(key_id), context=contextvars.Context())
            task.add_done_callback(_heard)  # whoever asked may have left
        try:
            async with asyncio.timeout(longest_s):
                return await asyncio.shield(task)  # others wait for it as well
        except TimeoutError:
            self._note_failure("timeout")
            raise _down() from None

    async def _look_up(self, key_id: str) -> KnownKey | None:
        asked_s = self._monotonic_s()
        try:
            found = await self._ask(key_id)
        except OcrError as error:
            self._note_failure(error.code)
            raise _down() from error
        finally:
            del self._asking[key_id]
        self._note_answer()
        if found is None:
            self._known.pop(key_id, None)
            self._unknown[key_id] = asked_s
            self._unknown.move_to_end(key_id)
            while len(self._unknown) > MAX_UNKNOWN:
                self._unknown.popitem(last=False)
        else:
            self._unknown.pop(key_id, None)
            self._known[key_id] = _Known(known=found, checked_s=asked_s)
        return found

    def _note_failure(self, code: str) -> None:
        self._failed_s = self._monotonic_s()
        if not self._is_down:
            self._is_down = True
            _log.warning(
                "Keys cannot be looked up; those that were good lately are still taken",
                extra={"action": "access.down", "code": code},
            )

    def _note_answer(self) -> None:
        self._failed_s = float("-inf")
        if self._is_down:
            self._is_down = False
            _log.info("Keys can be looked up again", extra={"action": "access.up"})


def _heard(task: asyncio.Task[KnownKey | None]) -> None:
    if not task.cancelled():
        task.exception()


def _down() -> NotReady:
    return NotReady("the database of API keys does not answer")
