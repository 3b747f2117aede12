"""Where a webhook may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import httpx

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.settings import WebhookSettings


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The host's IP addresses, as text, in the order in which to try them; none where it has none."""
        ...


def check_webhook_url(untrusted_url: str, settings: WebhookSettings) -> None:
    """Whether a job may name this address; asked when the job comes, without a look-up of the name.

    Raises:
        InvalidRequest: it may not; the detail says why.
    """
    try:
        url = httpx.URL(untrusted_url)
    except httpx.InvalidURL as error:
        raise InvalidRequest("webhook_url is not an address") from error
    if url.scheme != "https" and not (settings.allow_private and url.scheme == "http"):
        raise InvalidRequest("webhook_url is an https address")
    if settings.secret is None:
        raise InvalidRequest("webhook_url: this server has no secret to sign webhooks with (OCR_WEBHOOK_SECRET)")
