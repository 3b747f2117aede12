"""How an attempt went, and when the next one is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from async_worker.loops import Backoff
from ocr_core.settings import WebhookSettings

_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt's end."""

    delivered: bool
    status_code: int | None = None
    error: str | None = None
    """For the job's owner: plain words that tell nothing of our network."""
    asked_s: float | None = None
    """How long the receiver asked us to wait."""
    final: bool = False
    """Whether trying again would be in vain."""
    ours: bool = False
    """Whether it failed for a reason inside this house; then it is tried for as long as the job is kept."""


def retry_after_s(outcome: Outcome, attempts: int, settings: WebhookSettings) -> float | None:
    """When to try again after so many attempts; None: never."""
    if outcome.final or (attempts >= settings.max_attempts and not outcome.ours):
        return None
    wait_s = Backoff(first_s=settings.retry_first_s, max_s=settings.retry_max_s).wait_s(attempts)
    return max(wait_s, min(outcome.asked_s or 0.0, settings.retry_max_s))


def asked_wait_s(untrusted_retry_after: str | None, *, now: datetime) -> float | None:
    """A ``Retry-After`` header (RFC 9110, section 10.2.3) in seconds; None where it is missing or makes no sense."""
    if untrusted_retry_after is None:
        return None
    value = untrusted_retry_after.strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) <= _MAX_DIGITS else None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
