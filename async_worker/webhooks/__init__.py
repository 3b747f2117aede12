"""The news of a job's end: signed calls to callers' servers, and result lines for documents of the intake."""

from async_worker.webhooks.addresses import Resolver, check_webhook_url
from async_worker.webhooks.role import WebhookSender

__all__ = ["Resolver", "WebhookSender", "check_webhook_url"]
