"""What arrives in the intake queue, read: which documents it tells of.

::

    {"schema_version": 1, "source": "s3://…", "reference": "…"}                 a producer's message
    {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket", "object"}}]}   a bucket's notification
    {"Event": "s3:TestEvent", …}                                                what a bucket sends at its set-up
    {"detail-type": "Object Created", "detail": {"bucket", "object"}}            the same by EventBridge
    {"Type": "Notification", "Message": "…one of these, as text…"}               one of these by SNS

Forms: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from urllib.parse import unquote_plus

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.jobs import check_storable
from ocr_core.contracts.messages import IntakeMessage
from ocr_core.contracts.queues import MAX_MESSAGE_BYTES
from ocr_core.contracts.untrusted_map import UntrustedMap

MAX_RECORDS = 1_000
_MAX_KEY_CHARACTERS = 3 * 1_024
"""Of a key as it is written in a notification: every byte of 1,024 may be escaped."""
_WRITTEN = ("ObjectCreated:", "s3:ObjectCreated:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """One document that a message tells of."""

    untrusted_source: str
    """``s3://bucket/key``; whether it may be read is for others to say."""
    reference: str | None
    event_key: str
    """The same for every repeat of the same event, and for no other."""
    by_bucket: bool
    """The bucket tells of everything that is written to it; a producer means what it names."""


def decode(untrusted_body: str, message_id: str) -> tuple[Announced, ...]:
    """The documents that a message tells of; none where there is nothing to do.

    Args:
        untrusted_body: The message.
        message_id: The queue's; a producer's message is known by it, an event by what it says.

    Raises:
        InvalidRequest: it is none of the forms above; nothing of it is taken then.
    """
    fields = _read(untrusted_body)
    if fields.has("Type") and fields.has("Message"):
        untrusted_body = fields.text("Message", at_most=MAX_MESSAGE_BYTES)
        fields = _read(untrusted_body)
    if fields.has("schema_version"):
        asked = IntakeMessage.decode(untrusted_body)
        known_by = _digest("message", message_id)
        return (
            Announced(untrusted_source=asked.source, reference=asked.reference, event_key=known_by, by_bucket=False),
        )
    if fields.has("Records"):
        records = [UntrustedMap(record, "message.Records") for record in fields.items("Records", MAX_RECORDS)]
        written = [record for record in records if record.text("eventName").startswith(_WRITTEN)]
        return tuple(_announced(UntrustedMap(each.value("s3"), "message.s3"), message_id) for each in written)
    if fields.has("Event") and fields.value("Event") == "s3:TestEvent":
        return ()
    if fields.has("detail-type"):
        if fields.value("detail-type") != "Object Created":
            return ()
        return (_announced(UntrustedMap(fields.value("detail"), "message.detail"), message_id, escaped=False),)
    raise InvalidRequest("the message is neither a document's nor a bucket's")


def _announced(event: UntrustedMap, message_id: str, *, escaped: bool = True) -> Announced:
    """An object that was written. S3's own notifications escape its key as forms do, EventBridge's do not."""
    bucket = UntrustedMap(event.value("bucket"), f"{event.where}.bucket").text("name")
    written = UntrustedMap(event.value("object"), f"{event.where}.object")
    key = written.text("key", at_most=_MAX_KEY_CHARACTERS)
    if escaped:
        key = _unescaped(key)
    source = f"s3://{bucket}/{key}"
    check_storable(source, "message.object.key")
    marks = [str(written.value(name)) for name in _MARKS if written.has(name)]
    return Announced(
        untrusted_source=source,
        reference=None,
        event_key=_digest("object", source, *(marks or [message_id])),
        by_bucket=True,
    )


_MARKS = ("versionId", "version-id", "eTag", "etag", "sequencer")
"""What tells one writing of an object from the next, as far as the bucket says."""


def _unescaped(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidRequest("message.object.key is not UTF-8") from error


def _read(untrusted_body: str) -> UntrustedMap:
    try:
        # Deep nesting ends in RecursionError, a number of thousands of digits in ValueError.
        untrusted = json.loads(untrusted_body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the message is not JSON") from error
    return UntrustedMap(untrusted, "message")


def _digest(*parts: str) -> str:
    """Short enough for an idempotency key, whatever the parts are; none of them runs into the next."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
