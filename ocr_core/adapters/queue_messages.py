"""Messages as SQS's requests and answers have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ocr_core.contracts.queues import (
    MAX_BATCH_MESSAGES,
    MAX_MESSAGE_BYTES,
    MAX_REASON_CHARACTERS,
    REASON_ATTRIBUTE,
    Delivery,
    OutgoingMessage,
    SendFailure,
)
from ocr_core.contracts.trace_context import TRACEPARENT, TraceContext

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        MessageAttributeValueTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

RECEIVED_ATTRIBUTES = (REASON_ATTRIBUTE, TRACEPARENT)

_TRACE_BYTES = len(f"{TRACEPARENT}String{'0' * 55}")
# The attributes count as well: their names, their types' names, and at most four bytes a character of the reason.
_MAX_DEAD_BODY_BYTES = (
    MAX_MESSAGE_BYTES - _TRACE_BYTES - len(REASON_ATTRIBUTE) - len("String") - 4 * MAX_REASON_CHARACTERS
)
_NOBODY = "unknown"


def send_one(client: SQSClient, url: str, message: OutgoingMessage) -> None:
    """Send one message."""
    client.send_message(
        QueueUrl=url,
        MessageBody=message.body,
        MessageGroupId=message.group_id,
        MessageAttributes=_attributes(message.reason, message.trace),
    )


def batches(messages: Sequence[OutgoingMessage]) -> Iterator[range]:
    """The messages as runs that one call may carry: at most ten, and together no more bytes than one alone."""
    first, size_bytes = 0, 0
    for index, message in enumerate(messages):
        if index - first == MAX_BATCH_MESSAGES or (
            index > first and size_bytes + message.size_bytes > MAX_MESSAGE_BYTES
        ):
            yield range(first, index)
            first, size_bytes = index, 0
        size_bytes += message.size_bytes
    if first < len(messages):
        yield range(first, len(messages))


def send_batch(
    client: SQSClient, url: str, messages: Sequence[OutgoingMessage], batch: range
) -> tuple[SendFailure, ...]:
    """Send one run in one call; those that the server did not take."""
    answer = client.send_message_batch(
        QueueUrl=url,
        Entries=[_entry(index, messages[index]) for index in batch],
    )
    return tuple(
        SendFailure(index=int(entry["Id"]), code=entry["Code"], retryable=not entry["SenderFault"])
        for entry in answer.get("Failed", [])
    )


def dead_letter(client: SQSClient, url: str, message: Delivery, reason: str) -> None:
    """Send a message on as it came, its reason beside it, so that SQS's own redrive would put it back unchanged."""
    # AWS takes messages four times as large as ours; of such a stranger's, the beginning is kept.
    body = message.untrusted_body.encode()[:_MAX_DEAD_BODY_BYTES].decode(errors="ignore")
    client.send_message(
        QueueUrl=url,
        MessageBody=body,
        MessageGroupId=message.group_id or _NOBODY,
        MessageAttributes=_attributes(reason[:MAX_REASON_CHARACTERS] or "unknown", message.trace),
    )


def delivery_of(message: MessageTypeDef) -> Delivery:
    """One received message."""
    system = message.get("Attributes", {})
    sent_ms = system.get("SentTimestamp")
    attributes = message.get("MessageAttributes", {})
    return Delivery(
        untrusted_body=message["Body"],
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        group_id=system.get("MessageGroupId", ""),
        receive_count=int(system.get("ApproximateReceiveCount", "1")),
        sent_at_s=None if sent_ms is None else int(sent_ms) / 1_000,
        reason=attributes[REASON_ATTRIBUTE].get("StringValue") if REASON_ATTRIBUTE in attributes else None,
        trace=TraceContext.decode(attributes[TRACEPARENT].get("StringValue")) if TRACEPARENT in attributes else None,
    )


def _entry(index: int, message: OutgoingMessage) -> SendMessageBatchRequestEntryTypeDef:
    """A message of a batch, by its place in what is sent."""
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(index),
        "MessageBody": message.body,
        "MessageGroupId": message.group_id,
    }
    if attributes := _attributes(message.reason, message.trace):
        entry["MessageAttributes"] = attributes
    return entry


def _attributes(reason: str | None, trace: TraceContext | None) -> dict[str, MessageAttributeValueTypeDef]:
    """Why a message is among the dead letters, and what it is part of, as its attributes."""
    told = {REASON_ATTRIBUTE: reason, TRACEPARENT: None if trace is None else trace.encode()}
    return {name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value is not None}
