"""``GET /v1/jobs/{id}/events``: a job's state as server-sent events, until it has ended.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pydantic_core import to_json

from async_worker.api.answers import JobState
from async_worker.api.watches import Watches
from ocr_core.contracts.jobs import Job, JobStatus

EVENT_STREAM = "text/event-stream"
HEARTBEAT_S = 15.0
"""Between two signs of life: proxies close what is silent for a minute, and a caller that is gone shows in writing."""
_HEARTBEAT = b":\n\n"
_FINAL = frozenset({JobStatus.DONE, JobStatus.CANCELLED})


def event_id(job: Job) -> str:
    """Names a state; a browser that comes back sends the last one in ``Last-Event-ID``."""
    return f"{job.run}.{job.last_sequence}.{job.status.value}"


def has_ended(job: Job) -> bool:
    """Whether nothing more happens to it, unless it is redriven."""
    return job.status in _FINAL


async def job_events(job: Job, watches: Watches, *, heartbeat_s: float = HEARTBEAT_S) -> AsyncGenerator[bytes, None]:
    """The state as it stands, then each change, coalesced, up to the final one."""
    async with watches.watch(job) as watch:
        yield _event(job)
        while not has_ended(job):
            change = await watch.change(within_s=heartbeat_s)
            if change is not None:
                job = change
                yield _event(job)
            elif watch.over:
                return
            else:
                yield _HEARTBEAT


def _event(job: Job) -> bytes:
    return b"id: %s\nevent: status\ndata: %s\n\n" % (event_id(job).encode(), to_json(JobState.of(job)))
