"""When to ask a busy server again."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ocr_client.errors import AnswerTimedOut, ApiError, OcrClientError, ServerUnreachable, UnexpectedAnswer

RETRIED_STATUSES = frozenset({429, 503})
"""Answers that say that nothing was done."""
REPEATED_STATUSES = RETRIED_STATUSES | {500, 502, 504}
"""Those, and the ones after which something may have been done, for requests that may be sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and for how long at most.

    The server's ``Retry-After`` goes before our own back-off, which doubles from ``first_wait_s``. Both are spread at
    random, the former by up to a quarter more, the latter over its upper half, so that clients refused together do not
    come back together.
    """

    max_retries: int = 6
    first_wait_s: float = 0.25
    max_wait_s: float = 20.0
    """Of one wait, whoever proposed it."""
    patience_s: float | None = None
    """Where set, it bounds failures one after another instead of ``max_retries``: as long as that since the first."""

    def __post_init__(self) -> None:
        if self.max_retries < 0 or self.first_wait_s <= 0 or self.max_wait_s < self.first_wait_s:
            raise ValueError("a retry policy needs max_retries >= 0 and 0 < first_wait_s <= max_wait_s")
        if self.patience_s is not None and self.patience_s < 0:
            raise ValueError("a retry policy needs patience_s >= 0")

    def wait_s(self, attempt: int, retry_after_s: float | None) -> float:
        """Seconds to wait after failed attempt number ``attempt`` (0 is the first)."""
        if retry_after_s is not None:
            return min(retry_after_s * random.uniform(1.0, 1.25), self.max_wait_s)  # noqa: S311
        # The exponent is bounded so that a patient policy cannot overflow.
        return min(self.first_wait_s * 2.0 ** min(attempt, 30), self.max_wait_s) * random.uniform(0.5, 1.0)  # noqa: S311


class Retries:
    """Counts what failed one after another, and says how long to wait in between."""

    def __init__(self, policy: RetryPolicy, *, repeatable: bool) -> None:
        """Start at nought.

        Args:
            policy: How often, and how long.
            repeatable: To send the request twice does no harm, so one that found no answer is sent again too.
        """
        self._policy = policy
        self._repeatable = repeatable
        self._count = 0
        self._first_failure_s = 0.0
        self._reached = False

    def succeeded(self) -> None:
        """What comes next is a first attempt again."""
        self._count = 0
        self._reached = True

    def wait_s(self, error: OcrClientError) -> float:
        """Seconds until another attempt, which is counted.

        Raises:
            OcrClientError: ``error`` itself, where no attempt would mend it, or the attempts are used up.
        """
        if self._count == 0:
            self._first_failure_s = time.monotonic()
        if self._is_over() or not self._may_pass(error):
            raise error
        retry_after_s = error.retry_after_s if isinstance(error, ApiError | UnexpectedAnswer) else None
        duration_s = self._policy.wait_s(self._count, retry_after_s)
        self._count += 1
        return duration_s

    def _is_over(self) -> bool:
        patience_s = self._policy.patience_s
        if patience_s is None:
            return self._count >= self._policy.max_retries
        return time.monotonic() - self._first_failure_s >= patience_s

    def _may_pass(self, error: OcrClientError) -> bool:
        """Whether the same request may go well later."""
        match error:
            case ServerUnreachable(connected=False) if self._count == 0 and not self._reached:
                return False  # a server that never was there is not waited for
            case ServerUnreachable() | AnswerTimedOut():
                return self._repeatable
            case ApiError(status=status) | UnexpectedAnswer(status=status):
                return status in (REPEATED_STATUSES if self._repeatable else RETRIED_STATUSES)
            case _:
                return False


def parse_retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110 §10.2.3: seconds or a date); null if absent or unreadable."""
    untrusted_text = headers.get("retry-after", "").strip()
    if untrusted_text.isascii() and untrusted_text.isdigit():
        return float(untrusted_text[:9])
    try:
        at = parsedate_to_datetime(untrusted_text)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
