"""What the bulk API is asked, as calls and flows that ``JobsClient`` and ``AsyncJobsClient`` share."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ocr_client.calls import Call, OnSent, Request
from ocr_client.endpoint import Endpoint
from ocr_client.flows import Flow, called
from ocr_client.following import follow_changes, follow_results
from ocr_client.job_types import Job, ResultLine
from ocr_client.multipart import Form
from ocr_client.retry import Retries

DEFAULT_BULK_URL = "http://127.0.0.1:8001"
ANSWER_TIMEOUT_S = 30.0
# A form's files are stored before it is answered, and a job of a hundred thousand documents takes its time too.
SUBMIT_TIMEOUT_S = 300.0


def form_call(form: Form, headers: Mapping[str, str], on_sent: OnSent | None) -> Call[Job]:
    """Make a job of files, all in one request; the headers tell its idempotency key."""
    request = Request(
        method="POST", path="/v1/jobs", headers={**headers, **form.headers}, body=form.body, on_sent=on_sent
    )
    return _submit(request)


def json_call(content: bytes, headers: Mapping[str, str]) -> Call[Job]:
    """Make a job of what is in object storage."""
    all_headers = {**headers, "Content-Type": "application/json"}
    return _submit(Request(method="POST", path="/v1/jobs", headers=all_headers, body=content))


def job_call(job_id: str, *, method: str = "GET", action: str = "") -> Call[Job]:
    """The job, after what the method and the action do to it."""
    request = Request(method=method, path=f"{_path(job_id)}{action}")
    return Call(request=request, decode=Job.decode, timeout_s=ANSWER_TIMEOUT_S, repeatable=True)


def changes_flow(endpoint: Endpoint, job_id: str) -> Flow[Job, None]:
    """The job at once and at each change, until it has ended."""

    def get_job(retries: Retries) -> Flow[Job, Job]:
        return called(job_call(job_id), retries)

    return follow_changes(endpoint, _path(job_id), get_job)


def results_flow(endpoint: Endpoint, job_id: str, *, cursor: int, follow: bool) -> Flow[ResultLine, None]:
    """Result lines, each once and in order."""

    def get_job(retries: Retries) -> Flow[ResultLine, Job]:
        return called(job_call(job_id), retries)

    return follow_results(endpoint, _path(job_id), get_job, cursor=cursor, follow=follow)


def _submit(request: Request) -> Call[Job]:
    return Call(request=request, decode=Job.decode, timeout_s=SUBMIT_TIMEOUT_S, repeatable=True)


def _path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"
