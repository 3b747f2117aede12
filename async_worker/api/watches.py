"""Following a job: one poll of the database for each job, however many streams look on."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from async_worker.blocking import Blocking
from async_worker.loops import Backoff
from ocr_core.contracts.errors import NotFound, OcrError
from ocr_core.contracts.job_store import JobRecords
from ocr_core.contracts.jobs import Job, JobStatus

_POLL_S = 0.5
"""So a stream tells of at most two changes a second, however many there were."""

_ORDER = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE, JobStatus.CANCELLED)

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A job that somebody looks at."""

    job: Job
    changed: asyncio.Event
    """Set, and replaced by a new one, at each change."""
    watchers: int = 0
    gone: bool = False
    task: asyncio.Task[None] | None = None

    def take(self, job: Job) -> None:
        """Take over a state, unless it is older than what is known: several readers' answers may cross."""
        if _progress(job) > _progress(self.job):
            self.job = job
            self.wake()

    def wake(self) -> None:
        """Tell everybody who waits."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Watch:
    """One stream's view of a job."""

    def __init__(self, watches: Watches, watched: _Watched, seen: Job) -> None:
        self._watches = watches
        self._watched = watched
        self._seen = seen

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for: the process stops, or the job is no longer there."""
        return self._watches.stopped or self._watched.gone

    async def change(self, *, within_s: float) -> Job | None:
        """The job as it stands, as soon as it has changed since last time; null where it does not, or ``over``."""
        changed = self._watched.changed
        if not self._news and not self.over:
            try:
                async with asyncio.timeout(within_s):
                    await changed.wait()
            except TimeoutError:
                return None
        if not self._news:
            return None
        self._seen = self._watched.job
        return self._seen

    @property
    def _news(self) -> bool:
        return _progress(self._watched.job) > _progress(self._seen)


class Watches:
    """All jobs that are looked at. Used from one event loop only."""

    def __init__(self, *, store: JobRecords, blocking: Blocking, poll_s: float = _POLL_S) -> None:
        self._store = store
        self._blocking = blocking
        self._poll_s = poll_s
        self._backoff = Backoff(first_s=poll_s, max_s=5.0)
        self._watched: dict[tuple[str, str], _Watched] = {}
        self.stopped = False

    @property
    def jobs(self) -> int:
        """How many are looked at now."""
        return len(self._watched)

    @asynccontextmanager
    async def watch(self, seen: Job) -> AsyncIterator[Watch]:
        """Look at a job from the state on that the caller has just read."""
        key = (seen.tenant, seen.id)
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched(job=seen, changed=asyncio.Event())
            # Of nobody's context: it serves all who come, and not only the first one's request and span.
            watched.task = asyncio.create_task(self._poll(watched), context=contextvars.Context())
        watched.take(seen)
        watched.watchers += 1
        try:
            yield Watch(self, watched, seen)
        finally:
            watched.watchers -= 1
            if watched.watchers == 0:
                del self._watched[key]
                if watched.task is not None:
                    watched.task.cancel()

    async def stop_with(self, stopping: asyncio.Event) -> None:
        """Wait for ``stopping``, then end every watch."""
        await stopping.wait()
        self.stopped = True
        for watched in self._watched.values():
            watched.wake()

    async def _poll(self, watched: _Watched) -> None:
        """Keep the job up to date. A database that is down is asked again until it answers."""
        failures = 0
        while not self.stopped:
            await asyncio.sleep(self._backoff.wait_s(failures) if failures else self._poll_s)
            try:
                job = await self._blocking.run(self._store.get_job, watched.job.tenant, watched.job.id)
            except NotFound:
                watched.gone = True
                watched.wake()
                return
            except OcrError as error:
                failures += 1
                if failures == 1:
                    _logger.warning(
                        "A job that is watched cannot be read; its streams wait",
                        extra={"action": "watch.down", "code": error.code},
                    )
                continue
            failures = 0
            watched.take(job)


def _progress(job: Job) -> tuple[int, int, int]:
    """Grows with every change of a job: its run, the documents of it that have ended, how far it is itself."""
    return job.run, job.counts.total - job.counts.queued, _ORDER.index(job.status)
