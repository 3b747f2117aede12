"""Queues as the bulk road uses them: hints that may be lost, repeated or late, never the truth (that is the job store).

::

    send ──► queue ──► receive ─► Delivery ─┬─ extend … extend ─► delete        done
                          ▲                 ├─ release(delay) ──► again, sooner
                          │                 └─ dead_letter ─────► dead-letter queue, with the reason
                          └── the visibility timeout lapsed: again, to anybody

SQS's quotas stand here as constants, so that every adapter and every producer keeps to the same ones:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from ocr_core.contracts.errors import InternalError
from ocr_core.contracts.trace_context import TRACEPARENT, TraceContext

MAX_MESSAGE_BYTES = 262_144
"""256 KiB: UTF-8 body and attributes of one message, and of one batch together. AWS raised its own quota to 1 MiB in
August 2025; other servers and existing queues (``MaximumMessageSize``) still keep to this, and so do we."""
MAX_BATCH_MESSAGES = 10
"""Messages of one batch, and of one receive."""
MAX_VISIBILITY_TIMEOUT_S = 43_200
"""12 hours, counted from the receive: extensions do not reach beyond."""
MAX_RECEIVE_WAIT_S = 20
"""The longest long poll."""
MAX_RETENTION_S = 1_209_600
"""14 days: the longest that a queue keeps a message."""
MAX_GROUP_ID_CHARACTERS = 128
"""Of a ``MessageGroupId``: letters, digits and ASCII punctuation."""
MAX_REASON_CHARACTERS = 500
REASON_ATTRIBUTE = "reason"
"""The message attribute that says why a message is among the dead letters."""

# What SQS lets into a body: https://www.w3.org/TR/REC-xml/#charsets
_FORBIDDEN_CHARACTERS = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GROUP_ID = re.compile(rf"[!-~]{{1,{MAX_GROUP_ID_CHARACTERS}}}")


class QueueName(StrEnum):
    """The queues of the bulk road. Each has a dead-letter queue of its own."""

    READ = "read"
    STRUCTURE = "structure"
    INTAKE = "intake"


class MessageTooLarge(InternalError):
    """A message over ``MAX_MESSAGE_BYTES``. Messages carry ids and references, so it is a fault of ours."""

    retryable = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """What is sent.

    Raises:
        MessageTooLarge: the body is over the limit.
        InternalError: the body is empty or holds characters that SQS refuses, or the group is no ``MessageGroupId``.
    """

    body: str
    group_id: str
    """The tenant. SQS serves the groups of a queue fairly (``MessageGroupId`` on a standard queue)."""
    reason: str | None = None
    """For what is sent to a dead-letter queue: why; up to 500 characters, no document text."""
    trace: TraceContext | None = None
    """The span that it is sent by: a message attribute, since what takes it in goes on from there."""

    max_bytes: ClassVar[int] = MAX_MESSAGE_BYTES

    def __post_init__(self) -> None:
        if not self.body or _FORBIDDEN_CHARACTERS.search(self.body):
            raise InternalError("a message holds something, and no control characters")
        if self.size_bytes > self.max_bytes:
            raise MessageTooLarge(f"a message of {self.size_bytes} bytes is over the limit of {self.max_bytes}")
        if self.reason is not None and (
            not 1 <= len(self.reason) <= MAX_REASON_CHARACTERS or _FORBIDDEN_CHARACTERS.search(self.reason)
        ):
            raise InternalError(f"a reason is 1 to {MAX_REASON_CHARACTERS} characters, none of them control characters")
        if not _GROUP_ID.fullmatch(self.group_id):
            raise InternalError("a message's group is 1 to 128 letters, digits or punctuation marks")

    @property
    def size_bytes(self) -> int:
        """What the queue counts: the body, and each attribute with its name and type."""
        reason_bytes = len(f"{REASON_ATTRIBUTE}String{self.reason}".encode()) if self.reason is not None else 0
        trace_bytes = len(f"{TRACEPARENT}String{self.trace.encode()}") if self.trace is not None else 0
        return len(self.body.encode()) + reason_bytes + trace_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFailure:
    """One message of a batch that the queue did not take; its neighbours are in."""

    index: int
    """Its place in what was to be sent."""
    code: str
    retryable: bool
    """Whether the fault is the queue's: the same message may be taken later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message that is ours until its visibility timeout lapses."""

    untrusted_body: str
    message_id: str
    receipt: str
    """Names this delivery, not the message: the next delivery has another."""
    group_id: str
    """As sent; empty where a stranger sent without one. Never a tenant's proof."""
    receive_count: int
    """As the queue counts, 1 at first; a message that was sent again starts at 1 again. Attempts are counted in the
    job store."""
    sent_at_s: float | None
    """Seconds since the epoch by the queue's clock; null where it does not say."""
    reason: str | None = None
    """Why it is among the dead letters; null elsewhere, and where the queue itself moved it."""
    trace: TraceContext | None = None
    """The span that it was sent by, as its sender says."""


class Queue(Protocol):
    """One queue. Every method raises ``NotReady`` where the queue does not answer; trying again later is safe."""

    async def send(self, message: OutgoingMessage) -> None:
        """Send one message. After ``NotReady`` it may be in or not."""
        ...

    async def send_batch(self, messages: Sequence[OutgoingMessage]) -> tuple[SendFailure, ...]:
        """Send any number, in as many calls as the limits ask for; what was not taken is told, never raised."""
        ...

    async def receive(self, *, max_messages: int, wait_s: int, visibility_timeout_s: int) -> tuple[Delivery, ...]:
        """Take up to ``max_messages`` (1 to 10), waiting up to ``wait_s`` (0 to 20) for the first.

        A receive that is cancelled gives back, at once, whatever still comes in.
        """
        ...

    async def extend(self, receipt: str, visibility_timeout_s: int) -> bool:
        """Keep a delivery for so long from now; false where it is no longer ours."""
        ...

    async def release(self, receipt: str, *, delay_s: int = 0) -> bool:
        """Give a delivery back, to be received again after ``delay_s``; false where it is no longer ours."""
        ...

    async def delete(self, receipt: str) -> None:
        """The work is done. A repeated delete, and one of a message that is gone, is no error.

        It may take effect a moment later, so that several go in one call; should it fail, the message comes again.
        """
        ...

    async def dead_letter(self, message: Delivery, reason: str) -> None:
        """Put the message into the dead-letter queue with its reason (no document text), then delete it here."""
        ...


class QueueSet(Protocol):
    """All queues of the bulk road behind one connection."""

    def queue(self, name: QueueName) -> Queue:
        """One of them."""
        ...

    def dead_letters(self, name: QueueName) -> Queue:
        """The dead-letter queue of one of them."""
        ...

    async def ensure_queues(self) -> None:
        """Make what is missing, where the settings allow it.

        Raises:
            NotReady: a queue is missing and may not be made, or the server does not answer.
        """
        ...
