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

import httpx

from ocr_client.connection import Connection
from ocr_client.errors import AnswerTimedOut, ApiError, OcrClientError, ServerBusy, ServerUnreachable, UnexpectedAnswer
from ocr_client.job_types import Job, ResultLine
from ocr_client.line_stream import complete_lines, server_events
from ocr_client.retry import Retries, RetryPolicy

# A server's restart is waited out: five minutes of failures one after another, none of them news in between.
RECONNECT = RetryPolicy(max_retries=35, first_wait_s=0.25, max_wait_s=10.0)
# The server speaks every 15 s on events; results may be silent for as long as a document takes.
EVENTS_SILENCE_S = 45.0
RESULTS_SILENCE_S = 60.0
POLL_S = 2.0

_NO_EVENTS = frozenset({404, 405, 406, 429, 501})
"""Answers to a wish for events after which one asks for the job itself: a proxy that has none, or no place left."""

GetJob = Callable[[Retries], Job]
"""Asks for the job, counting what fails among the failures of whoever follows it."""


def follow_changes(connection: Connection, job_path: str, get_job: GetJob) -> Iterator[Job]:
    """The job at once and at each change, until it has ended."""
    retries = connection.new_retries(RECONNECT, repeatable=True)
    while True:
        try:
            for job in _job_events(connection, f"{job_path}/events"):
                retries.succeeded()
                yield job
                if job.ended:
                    return
            # A server that stops ends its streams in good order.
            raise ServerUnreachable("the events ended before the job did")
        except OcrClientError as error:
            if not (isinstance(error, ApiError) and error.status in _NO_EVENTS):
                retries.wait_after(error)
                continue
        job = get_job(retries)  # where there is no such job, it says so
        retries.succeeded()
        yield job
        if job.ended:
            return
        connection.pause(POLL_S)


def follow_results(
    connection: Connection, job_path: str, get_job: GetJob, *, cursor: int, follow: bool
) -> Iterator[ResultLine]:
    """The lines behind the cursor, each once and in order, over as many connections as it takes.

    Args:
        connection: To the server.
        job_path: Of the job's resource.
        get_job: Asks for the job.
        cursor: The sequence of the last line that is known already; 0 for none.
        follow: Go on until the job has ended and all its lines are out; else what is there now.
    """
    retries = connection.new_retries(RECONNECT, repeatable=True)
    streaming = follow
    while True:
        silent: OcrClientError | None = None
        try:
            for line in _lines(connection, f"{job_path}/results", cursor=cursor, follow=streaming):
                if line.sequence <= cursor:
                    continue  # a server may repeat itself, we do not
                if line.sequence != cursor + 1:
                    raise ServerUnreachable(f"line {cursor + 1} is missing before line {line.sequence}")
                cursor = line.sequence
                retries.succeeded()
                yield line
            if not follow:
                return
        except AnswerTimedOut as error:
            silent = error
        except OcrClientError as error:
            # Streams are few, the lines that there are now are for everybody.
            streaming = follow and not isinstance(error, ServerBusy)
            retries.wait_after(error)
            continue
        streaming = follow
        # Either the stream ended in good order, or nothing came for long: is the job's end the reason?
        job = get_job(retries)
        if job.last_sequence > cursor or not follow:
            retries.wait_after(silent or ServerUnreachable(f"line {cursor + 1} is there and did not come"))
        elif job.ended:
            return
        else:
            retries.succeeded()
            if silent is None:
                connection.pause(POLL_S)  # the server stops, or has a limit of its own


def _job_events(connection: Connection, path: str) -> Iterator[Job]:
    request = connection.request("GET", path, headers={"Accept": "text/event-stream"})
    with connection.stream(request, read_timeout_s=EVENTS_SILENCE_S) as response:
        _check_media_type(response, "text/event-stream")
        for event in server_events(response.iter_bytes()):
            if event.name == "status":
                yield Job.decode(event.data)


def _lines(connection: Connection, path: str, *, cursor: int, follow: bool) -> Iterator[ResultLine]:
    params = {"cursor": str(cursor), "follow": "true" if follow else "false"}
    request = connection.request("GET", path, params=params)
    with connection.stream(request, read_timeout_s=RESULTS_SILENCE_S) as response:
        for raw in complete_lines(response.iter_bytes()):
            if raw.strip():
                yield ResultLine.decode(raw)


def _check_media_type(response: httpx.Response, wanted: str) -> None:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != wanted:
        raise UnexpectedAnswer(f"the server answered {media_type or 'no media type'} instead of {wanted}")
