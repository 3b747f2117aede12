"""What a stage is asked, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from async_worker.loops import Backoff
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import NotReady, OcrError
from ocr_core.contracts.jobs import Lease

Answer = TypeVar("Answer")

INSIST_S = 30.0
"""How long finished work waits for a store that does not answer, before it is thrown away."""

_INSISTING = Backoff(first_s=0.2, max_s=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Work that is done and written to object storage; what is left is to tell the job store."""

    outcome: str
    """One word for logs and metrics."""
    commit: Callable[[], bool]
    """Blocks; false where the lease was no longer ours, and then nothing was written."""
    written_keys: tuple[str, ...] = ()
    """Objects of this attempt: nobody needs them if the commit is refused."""
    spent_keys: tuple[str, ...] = ()
    """Objects that nobody needs once it is accepted."""
    afterwards: Callable[[], Awaitable[object]] | None = None
    """To be done once it is accepted; what that raises no longer changes how the work ended."""


class NotBegun(Exception):
    """Something the work needs did not answer before the work itself began; it is not the document's fault."""

    def __init__(self, error: OcrError) -> None:
        super().__init__(error.detail)
        self.error = error


class StageWork(Protocol):
    """The work of a stage, on what a lease names."""

    async def work(self, lease: Lease, deadline: Deadline) -> Closing:
        """Do it; it may be cancelled at any moment.

        Raises:
            NotBegun: see there.
            OcrError: the attempt failed; ``retryable`` says whether another one makes sense.
        """
        ...


async def insist(call: Callable[[], Awaitable[Answer]], deadline: Deadline) -> Answer:
    """Repeat ``call`` while a store does not answer, for ``INSIST_S`` or until the deadline.

    For work that is done: doing it again would cost more than waiting.

    Raises:
        NotReady: it never answered.
    """
    give_up = min((Deadline.after(INSIST_S), deadline), key=lambda either: either.at_s)
    failures = 0
    while True:
        try:
            return await call()
        except NotReady:
            failures += 1
            wait_s = _INSISTING.wait_s(failures)
            if give_up.remaining_s() <= wait_s:
                raise
            await asyncio.sleep(wait_s)
