"""``GET /v1/jobs/{id}/results``: a job's result lines, page by page out of the database, objects fetched ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from async_worker.api.events import HEARTBEAT_S, has_ended
from async_worker.api.line_budget import LineBudget
from async_worker.api.watches import Watch, Watches
from async_worker.blocking import Blocking
from async_worker.loops import Backoff
from async_worker.result_lines import ResultLines
from ocr_core.contracts.errors import NotFound, NotReady
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.jobs import Job, ResultRow

NDJSON = "application/x-ndjson"
_PAGE_ROWS = 100
_LINES_AHEAD = 4
_SHORT_RESULT_BYTES = 1 << 20
"""Some twenty pages; what is longer is fetched when its turn has come, and from the memory that all streams share."""
_LONG_LINES_BYTES = 1 << 30
"""Of all streams together: two of the longest lines, or some hundred of ten megabytes."""
_LINES_COPIES = 2
"""A result lies in memory twice while its line is made."""
_HEARTBEAT = b"\n"


class Results:
    """Streams of result lines."""

    def __init__(
        self,
        *,
        store: JobRecords,
        blocking: Blocking,
        lines: ResultLines,
        watches: Watches,
        budget: LineBudget | None = None,
    ) -> None:
        """Store what it works with.

        Args:
            store: Called through ``blocking`` only.
            blocking: Threads for the store.
            lines: Makes lines of rows.
            watches: Tell of a job's changes.
            budget: For long lines; the default where none is given.
        """
        self._budget = budget or LineBudget(_LONG_LINES_BYTES)
        self._store = store
        self._blocking = blocking
        self._lines = lines
        self._watches = watches

    async def now(self, job: Job, *, cursor: int) -> AsyncGenerator[bytes, None]:
        """The lines behind ``cursor`` that there are.

        Raises:
            NotReady: the database or object storage does not answer; what came before is whole.
            NotFound: the job is being deleted.
        """
        while rows := await self._page(job, cursor):
            async with aclosing(self._fetched(rows)) as lines:
                async for line in lines:
                    yield line
            cursor = rows[-1].sequence
            if len(rows) < _PAGE_ROWS:
                break
        if cursor < job.last_sequence:
            raise _gone()

    async def follow(self, job: Job, *, cursor: int, heartbeat_s: float = HEARTBEAT_S) -> AsyncGenerator[bytes, None]:
        """The lines behind ``cursor`` as documents end, until the job has ended and all lines are out.

        While there is nothing to tell, an empty line now and then shows that both sides live. A database that is down
        is waited for.

        Raises:
            NotReady: object storage does not answer; or the process stops, or the job is gone, before the last line.
            NotFound: the job is being deleted.
        """
        async with self._watches.watch(job) as watch:
            while not (has_ended(job) and cursor >= job.last_sequence):
                if watch.over:
                    raise NotReady("the stream ends before the job does; go on from the last line's sequence")
                if cursor < job.last_sequence:
                    rows = await self._page_patiently(job, cursor, watch)
                    if not rows:
                        raise _gone()
                    async with aclosing(self._fetched(rows)) as lines:
                        async for line in lines:
                            yield line
                    cursor = rows[-1].sequence
                elif (change := await watch.change(within_s=heartbeat_s)) is not None:
                    job = change
                elif not watch.over:
                    yield _HEARTBEAT

    async def _page(self, job: Job, cursor: int) -> Sequence[ResultRow]:
        return await self._blocking.run(self._store.results_page, job.tenant, job.id, cursor=cursor, limit=_PAGE_ROWS)

    async def _page_patiently(self, job: Job, cursor: int, watch: Watch) -> Sequence[ResultRow]:
        backoff = Backoff(first_s=0.5, max_s=5.0)
        failures = 0
        while True:
            try:
                return await self._page(job, cursor)
            except NotReady:
                if watch.over:
                    raise
                failures += 1
            await asyncio.sleep(backoff.wait_s(failures))

    async def _fetched(self, rows: Sequence[ResultRow]) -> AsyncGenerator[bytes, None]:
        """The rows' lines, in order, a few short ones of them fetched ahead; a long one may come in pieces."""
        waiting = deque(rows)
        ahead: deque[tuple[ResultRow, asyncio.Task[bytes | None]]] = deque()
        try:
            while waiting or ahead:
                while waiting and len(ahead) < _LINES_AHEAD:
                    row = waiting.popleft()
                    fetching = self._lines.short_line(row, max_bytes=_SHORT_RESULT_BYTES)
                    ahead.append((row, asyncio.create_task(fetching)))
                row, task = ahead[0]
                line = await task
                ahead.popleft()
                if line is not None:
                    yield line + b"\n"
                    continue
                async with self._budget.hold(_LINES_COPIES * await self._lines.size_bytes(row)):
                    yield await self._lines.line(row)
                    yield b"\n"
        finally:
            for _, task in ahead:
                task.cancel()
            await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)


def _gone() -> NotFound:
    """Lines that the job has counted are not there; the log of them has no holes, so they were deleted."""
    return NotFound("the job's results are no longer there")
