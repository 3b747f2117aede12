"""Deletes of one queue, gathered into batches: ten in one call cost what two cost alone.

A delete may wait, because nothing depends on it: what is not deleted is delivered again, and finds its document ended.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.queues import MAX_BATCH_MESSAGES

if TYPE_CHECKING:
    from ocr_core.adapters.queue_connection import SqsConnection

_logger = logging.getLogger(__name__)


class DeleteBuffer:
    """Receipts that wait to be deleted together; used from one event loop."""

    def __init__(self, queue_name: str, *, connection: SqsConnection, delay_s: float) -> None:
        self._queue_name = queue_name
        self._connection = connection
        self._delay_s = delay_s
        self._receipts: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    def add(self, receipt: str) -> None:
        """Delete it soon: with the tenth, or after the delay."""
        self._receipts.append(receipt)
        if len(self._receipts) >= MAX_BATCH_MESSAGES:
            self._start()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self._start)

    async def flush(self) -> None:
        """Delete what waits now, and return when all is done."""
        if self._receipts:
            self._start()
        while self._running:
            await asyncio.gather(*self._running)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        receipts, self._receipts = self._receipts, []
        task = asyncio.create_task(self._delete(receipts))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _delete(self, receipts: list[str]) -> None:
        try:
            # Receipts that are stale fail one by one inside the answer, which is what they may do.
            await self._connection.call(
                self._queue_name,
                lambda client, url: client.delete_message_batch(
                    QueueUrl=url,
                    Entries=[{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)],
                ),
            )
        except OcrError as error:
            _logger.warning(
                "messages were not deleted and will come again",
                extra={
                    "action": "queue.delete_failed",
                    "queue": self._queue_name,
                    "code": error.code,
                    "count": len(receipts),
                },
            )
