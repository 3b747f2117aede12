"""Nobody is read while the text side answers nobody: his pages would be read for a 503 or a 504.

::

    a call of it waited FAIR_S or more, or found nobody, and no other was answered meanwhile
      │
      └─► look at its readiness ──► it answers ──► nothing: that document was slow, or its caller in a hurry
            ▲         │
            │         └──► it does not ──► the door is shut: 503 at once
            └─────────────── AGAIN_S ◄─────────┘

The pace (``admission.py``) cannot see this: it counts reading, and all is well there. It is the look that shuts the
door, never a call by itself: one slow document shuts nobody out. Looks go on by themselves, so the door opens again
although nobody is let in.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from ocr_core.contracts.errors import DeadlineExceeded, NotReady, OcrError

FAIR_S = 1.0
"""Who waits for less has found out nothing. A page's structure takes some milliseconds; a look may take this too."""
AGAIN_S = 1.0
"""Between two looks at a text side that does not answer."""

_logger = logging.getLogger(__name__)


class TextSideWatch:
    """Of one process. Used from one event loop only."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[None]],
        *,
        again_s: float = AGAIN_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store whom it asks.

        Args:
            ask: The text side's readiness; returns soon, or raises an ``OcrError``.
            again_s: See ``AGAIN_S``.
            now_s: A clock.
        """
        self._ask = ask
        self._again_s = again_s
        self._now_s = now_s
        self._is_shut = False
        self._answered_s = -math.inf
        """When it last did."""
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Nothing: it looks where there is a reason to."""

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    def require(self) -> None:
        """Return if the text side may be expected to answer.

        Raises:
            NotReady: it answers nobody.
        """
        if self._is_shut:
            raise NotReady(
                "the text service does not answer; documents are taken again when it does", retry_after_s=self._again_s
            )

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call of the text side runs in the block; how it ends tells whether somebody is there."""
        begun_s = self._now_s()
        try:
            yield
        except NotReady:
            self._unanswered(begun_s)
            raise
        except (DeadlineExceeded, asyncio.CancelledError):  # the latter by the request's deadline, most often
            if self._now_s() - begun_s >= FAIR_S:
                self._unanswered(begun_s)
            raise
        except OcrError:
            self._answered()
            raise
        self._answered()

    async def look(self) -> None:
        """Ask the text side whether it is ready; a readiness check.

        Raises:
            OcrError: it is not, or does not say so.
        """
        await self._ask()
        self._answered()

    def _answered(self) -> None:
        self._answered_s = self._now_s()
        if self._is_shut:
            self._is_shut = False
            _logger.info("The text side answers again", extra={"action": "text_side.answers"})

    def _unanswered(self, begun_s: float) -> None:
        if self._answered_s < begun_s and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_until_it_answers())

    async def _look_until_it_answers(self) -> None:
        while True:
            begun_s = self._now_s()
            try:
                await self.look()
            except OcrError as error:
                if self._answered_s >= begun_s:  # somebody was answered meanwhile
                    return
                if not self._is_shut:
                    self._is_shut = True
                    _logger.warning(
                        "The text side does not answer: documents are refused until it does",
                        extra={"action": "text_side.silent", "detail": error.detail},
                    )
            else:
                return
            await asyncio.sleep(self._again_s)
            if not self._is_shut:  # likewise
                return
