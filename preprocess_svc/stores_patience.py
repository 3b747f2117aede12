"""How long an answer waits for the stores that keep its document: not for long, where they are known to fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ocr_core.contracts.deadline import Deadline

AGAIN_S = 1.0
"""After a failure one document is given the whole time again so much later: an outage costs one answer a second its
patience, and what was one slow moment is over with it."""
SHARE_AFTER_FAILURE = 0.2
"""Of the whole time, for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Of one document."""

    seconds: float
    is_whole: bool
    """Whether it says something of the stores that they did not take it: not where a request's own deadline is near,
    nor where others have found them failing."""


class StoresPatience:
    """Of one process. Used from one event loop only."""

    def __init__(self, whole_s: float, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Store how long they may take, where all is well."""
        self.whole_s = whole_s
        self._monotonic_s = monotonic_s
        self._again_at_s: float | None = None
        """When the next document is given the whole time; null while all is well."""

    def grant(self, deadline: Deadline, *, reserve_s: float) -> Patience:
        """What the next document may take.

        Args:
            deadline: Of its request.
            reserve_s: Of that, left for the answer itself.
        """
        now_s = self._monotonic_s()
        has_failed = self._again_at_s is not None and now_s < self._again_at_s
        usual_s = self.whole_s * SHARE_AFTER_FAILURE if has_failed else self.whole_s
        seconds = max(0.0, min(usual_s, deadline.remaining_s() - reserve_s))
        is_whole = seconds >= self.whole_s
        if is_whole and self._again_at_s is not None:
            self._again_at_s = now_s + self.whole_s + AGAIN_S  # one alone tries, however many come meanwhile
        return Patience(seconds=seconds, is_whole=is_whole)

    def note_failure(self) -> None:
        """The stores failed, or did not take a document within the whole time."""
        self._again_at_s = self._monotonic_s() + AGAIN_S

    def note_success(self) -> None:
        """They took one."""
        self._again_at_s = None
