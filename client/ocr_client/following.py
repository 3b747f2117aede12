"""Watching a job and reading its results over connections that may break, and servers that may restart.

::

    changes   events ──► job … job ──► ended
                 │ broken: ask again, after a wait that grows
                 └ no events to be had: ask for the job every few seconds

    results   lines from the cursor on ──► the cursor moves with each ──► ended, and every line is out
                 └ broken, or silent for long: ask again from the cursor
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

from ocr_client.calls import Request
from ocr_client.endpoint import Endpoint
from ocr_client.errors import AnswerTimedOut, ApiError, OcrClientError, ServerBusy, ServerUnreachable, UnexpectedAnswer
from ocr_client.flows import Emit, Flow, Open, Read, Value, Wait, waited
from ocr_client.job_types import Job, ResultLine
from ocr_client.line_stream import EventReader, LineSplitter
from ocr_client.retry import Retries, RetryPolicy

# A server's restart is waited out: five minutes of failures one after another, none of them news in between.
RECONNECT = RetryPolicy(patience_s=300.0, first_wait_s=0.25, max_wait_s=10.0)
# The server speaks every 15 s on events; results may be silent for as long as a document takes.
EVENTS_SILENCE_S = 45.0
RESULTS_SILENCE_S = 60.0
POLL_S = 2.0

_EVENTS = "text/event-stream"
_NO_EVENTS = frozenset({404, 405, 406, 429, 501})
"""Answers to a wish for events after which one asks for the job itself: a proxy that has none, or no place left."""

GetJob: TypeAlias = Callable[[Retries], Flow[Value, Job]]
"""Asks for the job, counting what fails among the failures of whoever follows it."""


def follow_changes(endpoint: Endpoint, job_path: str, get_job: GetJob[Job]) -> Flow[Job, None]:
    """The job at once and at each change, until it has ended."""
    retries = endpoint.new_retries(RECONNECT, repeatable=True)
    while True:
        try:
            ended = yield from _job_events(f"{job_path}/events", retries)
            if ended:
                return
            # A server that stops ends its streams in good order.
            raise ServerUnreachable("the events ended before the job did")
        except OcrClientError as error:
            if not (isinstance(error, ApiError) and error.status in _NO_EVENTS):
                yield from waited(retries, error)
                continue
        job = yield from get_job(retries)  # where there is no such job, it says so
        retries.succeeded()
        yield Emit(value=job)
        if job.ended:
            return
        yield Wait(duration_s=POLL_S)


def follow_results(
    endpoint: Endpoint, job_path: str, get_job: GetJob[ResultLine], *, cursor: int, follow: bool
) -> Flow[ResultLine, None]:
    """The lines behind the cursor, each once and in order, over as many connections as it takes.

    Args:
        endpoint: The server.
        job_path: Of the job's resource.
        get_job: Asks for the job.
        cursor: The sequence of the last line that is known already; 0 for none.
        follow: Go on until the job has ended and all its lines are out; else what is there now.
    """
    retries = endpoint.new_retries(RECONNECT, repeatable=True)
    streaming = follow
    while True:
        silent: OcrClientError | None = None
        try:
            splitter = LineSplitter()
            yield _open_results(job_path, cursor=cursor, follow=streaming)
            while (chunk := (yield Read())) is not None:
                for line in _decoded(splitter.feed(cast("bytes", chunk))):
                    if line.sequence <= cursor:
                        continue  # a server may repeat itself, we do not
                    if line.sequence != cursor + 1:
                        raise ServerUnreachable(f"line {cursor + 1} is missing before line {line.sequence}")
                    cursor = line.sequence
                    retries.succeeded()
                    yield Emit(value=line)
            if not follow:
                return
        except AnswerTimedOut as error:
            silent = error
        except OcrClientError as error:
            # Streams are few, the lines that there are now are for everybody.
            streaming = follow and not isinstance(error, ServerBusy)
            yield from waited(retries, error)
            continue
        streaming = follow
        # Either the stream ended in good order, or nothing came for long: is the job's end the reason?
        job = yield from get_job(retries)
        if job.last_sequence > cursor or not follow:
            yield from waited(retries, silent or ServerUnreachable(f"line {cursor + 1} is there and did not come"))
        elif job.ended:
            return
        else:
            retries.succeeded()
            if silent is None:
                yield Wait(duration_s=POLL_S)  # the server stops, or has a limit of its own


def _job_events(path: str, retries: Retries) -> Flow[Job, bool]:
    """The job at each event; whether it has ended."""
    request = Request(method="GET", path=path, headers={"Accept": _EVENTS})
    media_type = cast("str", (yield Open(request=request, silence_s=EVENTS_SILENCE_S)))
    if media_type != _EVENTS:
        raise UnexpectedAnswer(f"the server answered {media_type or 'no media type'} instead of {_EVENTS}")
    reader = EventReader()
    while (chunk := (yield Read())) is not None:
        for event in reader.feed(cast("bytes", chunk)):
            if event.name == "status":
                job = Job.decode(event.data)
                retries.succeeded()
                yield Emit(value=job)
                if job.ended:
                    return True
    return False


def _open_results(job_path: str, *, cursor: int, follow: bool) -> Open:
    params = {"cursor": str(cursor), "follow": "true" if follow else "false"}
    request = Request(method="GET", path=f"{job_path}/results", params=params)
    return Open(request=request, silence_s=RESULTS_SILENCE_S)


def _decoded(lines: Iterator[bytes]) -> Iterator[ResultLine]:
    return (ResultLine.decode(raw) for raw in lines if raw.strip())
