"""``GET /v1/jobs/{id}/results``: a job's result lines, page by page out of the database, objects fetched ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from async_worker.api.events import HEARTBEAT_S, has_ended
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
_AHEAD_BYTES = 16 << 20
"""What the lines that are fetched ahead may come to, judged by the longest so far; at least one line at a time."""
_HEARTBEAT = b"\n"


class Results:
    """Streams of result lines."""

    def __init__(self, *, store: JobRecords, blocking: Blocking, lines: ResultLines, watches: Watches) -> None:
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
        """The rows' lines, in order, a few of them fetched ahead."""
        waiting = deque(rows)
        ahead: deque[asyncio.Task[bytes]] = deque()
        longest_bytes = 1
        try:
            while waiting or ahead:
                at_once = max(1, min(_LINES_AHEAD, _AHEAD_BYTES // longest_bytes))
                while waiting and len(ahead) < at_once:
                    ahead.append(asyncio.create_task(self._lines.line(waiting.popleft())))
                line = await ahead[0]
                ahead.popleft()
                longest_bytes = max(longest_bytes, len(line))
                yield line + b"\n"
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)


def _gone() -> NotFound:
    """Lines that the job has counted are not there; the log of them has no holes, so they were deleted."""
    return NotFound("the job's results are no longer there")
