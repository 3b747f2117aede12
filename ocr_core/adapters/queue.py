"""Queues over SQS's protocol: ``SqsQueues`` holds the connection, ``SqsQueue`` is one queue of it.

A local server forgets its queues when it crashes. Where ``OCR_QUEUE_CREATE`` is on, the call that finds its queue gone
makes it anew and goes on; the messages come again from the job store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ocr_core.adapters.queue_connection import DEAD_LETTERS, ReceiptIsStale, SqsConnection
from ocr_core.adapters.queue_deletes import DeleteBuffer
from ocr_core.adapters.queue_messages import (
    RECEIVED_ATTRIBUTES,
    batches,
    dead_letter,
    delivery_of,
    send_batch,
    send_one,
)
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.queues import (
    MAX_BATCH_MESSAGES,
    MAX_RECEIVE_WAIT_S,
    MAX_VISIBILITY_TIMEOUT_S,
    Delivery,
    OutgoingMessage,
    QueueName,
    SendFailure,
)
from ocr_core.settings import QueueSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """How many messages a queue holds, about."""

    visible: int
    in_flight: int
    delayed: int


class SqsQueues:
    """All queues of the bulk road; implements ``contracts.queues.QueueSet``."""

    def __init__(self, settings: QueueSettings, *, visibility_timeout_s: int = 30) -> None:
        """Store what to connect to.

        Args:
            settings: Endpoint, keys, names.
            visibility_timeout_s: The default of queues that are made here; a receive states its own.
        """
        _check("visibility timeout", visibility_timeout_s, 0, MAX_VISIBILITY_TIMEOUT_S)
        self._prefix = settings.name_prefix
        self._delete_delay_s = settings.delete_delay_s
        self._connection = SqsConnection(settings, visibility_timeout_s=visibility_timeout_s)
        self._givebacks: set[asyncio.Task[None]] = set()
        self._queues: dict[str, SqsQueue] = {}

    async def start(self) -> None:
        """Make the clients; nothing is asked of the server yet."""
        await self._connection.start()

    async def close(self) -> None:
        """Wait for receives that were cancelled, give back what they bring, delete what waits to be deleted.

        It takes as long as the longest ``wait_s`` of such a receive.
        """
        while self._givebacks:
            await asyncio.gather(*self._givebacks)
        for queue in self._queues.values():
            await queue.flush()
        await self._connection.close()

    def queue(self, name: QueueName) -> SqsQueue:
        """One of the queues."""
        return self._queue(f"{self._prefix}{name.value}")

    def dead_letters(self, name: QueueName) -> SqsQueue:
        """The dead-letter queue of one of them; its own dead letters come back to it."""
        return self._queue(f"{self._prefix}{name.value}{DEAD_LETTERS}")

    async def ensure_queues(self) -> None:
        """Make what is missing, where the settings allow it.

        Raises:
            NotReady: a queue is missing and may not be made, or the server does not answer.
        """
        for name in QueueName:
            await self._connection.find(f"{self._prefix}{name.value}")
            await self._connection.find(f"{self._prefix}{name.value}{DEAD_LETTERS}")

    def _queue(self, name: str) -> SqsQueue:
        if name not in self._queues:
            deletes = None
            if self._delete_delay_s > 0:
                deletes = DeleteBuffer(name, connection=self._connection, delay_s=self._delete_delay_s)
            self._queues[name] = SqsQueue(name, connection=self._connection, givebacks=self._givebacks, deletes=deletes)
        return self._queues[name]


class SqsQueue:
    """One queue; implements ``contracts.queues.Queue``."""

    def __init__(
        self,
        name: str,
        *,
        connection: SqsConnection,
        givebacks: set[asyncio.Task[None]],
        deletes: DeleteBuffer | None,
    ) -> None:
        self.name = name
        self._deletes = deletes
        self._dead_letters = name if name.endswith(DEAD_LETTERS) else f"{name}{DEAD_LETTERS}"
        self._connection = connection
        self._givebacks = givebacks

    async def send(self, message: OutgoingMessage) -> None:
        """Send one message. After ``NotReady`` it may be in or not."""
        await self._connection.call(self.name, lambda client, url: send_one(client, url, message))

    async def send_batch(self, messages: Sequence[OutgoingMessage]) -> tuple[SendFailure, ...]:
        """Send any number, in as many calls as the limits ask for; what was not taken is told, never raised."""
        outcomes = await asyncio.gather(*(self._send_batch(messages, batch) for batch in batches(messages)))
        return tuple(failure for outcome in outcomes for failure in outcome)

    async def receive(self, *, max_messages: int, wait_s: int, visibility_timeout_s: int) -> tuple[Delivery, ...]:
        """Take up to ``max_messages`` (1 to 10), waiting up to ``wait_s`` (0 to 20) for the first.

        A receive that is cancelled gives back, at once, whatever still comes in.

        Raises:
            NotReady: the server does not answer.
        """
        _check("number of messages", max_messages, 1, MAX_BATCH_MESSAGES)
        _check("wait", wait_s, 0, MAX_RECEIVE_WAIT_S)
        _check("visibility timeout", visibility_timeout_s, 0, MAX_VISIBILITY_TIMEOUT_S)
        receiving = self._connection.poll(
            self.name,
            lambda client, url: tuple(
                delivery_of(message)
                for message in client.receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=max_messages,
                    WaitTimeSeconds=wait_s,
                    VisibilityTimeout=visibility_timeout_s,
                    MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"],
                    MessageAttributeNames=RECEIVED_ATTRIBUTES,
                ).get("Messages", [])
            ),
        )
        try:
            return await asyncio.shield(receiving)
        except asyncio.CancelledError:
            # For the server a message is delivered even though nobody waits for it any more: left alone, it would be
            # invisible for a whole timeout.
            task = asyncio.create_task(self._give_back(receiving))
            self._givebacks.add(task)
            task.add_done_callback(self._givebacks.discard)
            raise

    async def extend(self, receipt: str, visibility_timeout_s: int) -> bool:
        """Keep a delivery for so long from now; false where it is no longer ours.

        Raises:
            NotReady: the server does not answer.
        """
        _check("visibility timeout", visibility_timeout_s, 0, MAX_VISIBILITY_TIMEOUT_S)
        try:
            await self._connection.call(
                self.name,
                lambda client, url: client.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=visibility_timeout_s
                ),
            )
        except ReceiptIsStale:
            return False
        return True

    async def release(self, receipt: str, *, delay_s: int = 0) -> bool:
        """Give a delivery back, to be received again after ``delay_s``; false where it is no longer ours.

        Raises:
            NotReady: the server does not answer.
        """
        return await self.extend(receipt, delay_s)

    async def delete(self, receipt: str) -> None:
        """The work is done. A repeated delete, and one of a message that is gone, is no error.

        With ``OCR_QUEUE_DELETE_DELAY_S`` it returns at once and happens a little later, together with others; should
        that fail, the message comes again.

        Raises:
            NotReady: the server does not answer.
        """
        if self._deletes is not None:
            self._deletes.add(receipt)
            return
        try:
            await self._connection.call(
                self.name, lambda client, url: client.delete_message(QueueUrl=url, ReceiptHandle=receipt)
            )
        except ReceiptIsStale:
            return

    async def flush(self) -> None:
        """Return when the deletes that wait have happened."""
        if self._deletes is not None:
            await self._deletes.flush()

    async def dead_letter(self, message: Delivery, reason: str) -> None:
        """Put the message into the dead-letter queue with its reason (no document text), then delete it here.

        A crash between the two leaves it in both: the next worker finds its document ended.

        Raises:
            NotReady: the server does not answer.
        """
        await self._connection.call(self._dead_letters, lambda client, url: dead_letter(client, url, message, reason))
        await self.delete(message.receipt)

    async def depth(self) -> QueueDepth:
        """How many messages there are, about; for metrics.

        Raises:
            NotReady: the server does not answer.
        """
        answer = await self._connection.call(
            self.name,
            lambda client, url: client.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            ),
        )
        counts = answer["Attributes"]
        return QueueDepth(
            visible=int(counts["ApproximateNumberOfMessages"]),
            in_flight=int(counts["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(counts["ApproximateNumberOfMessagesDelayed"]),
        )

    async def _send_batch(self, messages: Sequence[OutgoingMessage], batch: range) -> tuple[SendFailure, ...]:
        try:
            return await self._connection.call(self.name, lambda client, url: send_batch(client, url, messages, batch))
        except OcrError as error:
            return tuple(SendFailure(index=index, code=error.code, retryable=error.retryable) for index in batch)

    async def _give_back(self, receiving: asyncio.Future[tuple[Delivery, ...]]) -> None:
        with suppress(OcrError):
            for delivery in await receiving:
                await self.release(delivery.receipt)


def _check(what: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ValueError(f"a {what} of {value} is not within {lowest} to {highest}")
