"""What a receiver is told, and how it can tell that it was us: https://www.standardwebhooks.com."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from pydantic import SecretStr
from standardwebhooks import Webhook

from ocr_core.contracts.webhooks import WebhookDelivery

EVENT_TYPE = "job.done"
_USER_AGENT = "yomitori-webhooks/1"


def body_of(delivery: WebhookDelivery) -> str:
    """The message as JSON; the same at every attempt."""
    counts = delivery.counts
    data = {
        "id": delivery.job_id,
        "run": delivery.run,
        "status": "done",
        "documents": {
            "total": counts.total,
            "queued": counts.queued,
            "done": counts.done,
            "failed": counts.failed,
            "cancelled": counts.cancelled,
        },
    }
    moment = delivery.finished_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": EVENT_TYPE, "timestamp": moment, "data": data}, separators=(",", ":"))


def headers_of(delivery: WebhookDelivery, body: str, *, secret: SecretStr, now: datetime) -> dict[str, str]:
    """The message's headers: its id, which tells repeats; the moment of this attempt; the signature over all three."""
    signature = Webhook(secret.get_secret_value()).sign(msg_id=delivery.id, timestamp=now, data=body)
    return {
        "content-type": "application/json",
        "user-agent": _USER_AGENT,
        "webhook-id": delivery.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
