"""Documents that killed their every attempt, on their way to the dead-letter queues.

There they are for people and their alarms. The documents have failed in the database; ``redrive`` begins them anew
there, and a message that is moved back to its queue finds them ended and does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prometheus_client import Counter

from async_worker.blocking import Blocking
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.job_store import DeadLetter, WorkQueue
from ocr_core.contracts.jobs import Stage
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.queues import MAX_REASON_CHARACTERS, OutgoingMessage, QueueName, QueueSet
from ocr_core.telemetry import Metrics

MAX_LETTERS_A_STEP = 100
LOOK_EVERY_S = 1.0


class DeadLetters:
    """An outbox: what has been sent is deleted there; what was sent and not deleted goes out again."""

    def __init__(self, *, store: WorkQueue, queues: QueueSet, blocking: Blocking, metrics: Metrics) -> None:
        self._store = store
        self._queues = queues
        self._blocking = blocking
        self._sent = Counter(
            "ocr_bulk_dead_letters", "Dead letters sent, by stage.", ("stage",), registry=metrics.registry
        )
        for stage in Stage:
            self._sent.labels(stage.value)  # from zero on, or the first one would be no increase

    async def step(self) -> float:
        """Send what is due; the seconds until the next look.

        Raises:
            NotReady: the database does not answer, or a queue took less than it was given.
        """
        due = await self._blocking.run(self._store.due_dead_letters, limit=MAX_LETTERS_A_STEP)
        if not due:
            return LOOK_EVERY_S
        structure = [letter for letter in due if letter.stage is Stage.STRUCTURE]
        read = [letter for letter in due if letter.stage is not Stage.STRUCTURE]
        taken_lists = await asyncio.gather(self._send(QueueName.STRUCTURE, structure), self._send(QueueName.READ, read))
        taken = [letter for batch in taken_lists for letter in batch]
        await self._blocking.run(self._store.mark_dead_letters_sent, [letter.id for letter in taken])
        for letter in taken:
            self._sent.labels(letter.stage.value).inc()
        if len(taken) < len(due):
            raise NotReady(f"the dead-letter queues took {len(taken)} of {len(due)} messages")
        return 0.0 if len(due) == MAX_LETTERS_A_STEP else LOOK_EVERY_S

    async def _send(self, name: QueueName, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Those that the queue took."""
        failed = {
            failure.index
            for failure in await self._queues.dead_letters(name).send_batch([_message(letter) for letter in letters])
        }
        return [letter for index, letter in enumerate(letters) if index not in failed]


def _message(letter: DeadLetter) -> OutgoingMessage:
    """The message that asked for the work, as it was; the reason says whose, and the id tells repeats."""
    message = StageMessage(kind=letter.stage, tenant=letter.tenant, document_id=letter.document_id, pages=letter.pages)
    reason = f"{letter.reason} ({letter.job_id}, run {letter.run}, {letter.id})"
    return OutgoingMessage(body=message.encode(), group_id=letter.tenant, reason=reason[:MAX_REASON_CHARACTERS])
