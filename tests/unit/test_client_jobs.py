"""The bulk API's client over real connections to a scripted server: what it sends, and what it repeats."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from ocr_client import (
    ApiError,
    JobDocument,
    JobsClient,
    JobStatus,
    RequestRefused,
    RetryPolicy,
    ServerBusy,
    ServerUnreachable,
    UnexpectedAnswer,
)
from ocr_client.multipart import FileChanged, file_chunks
from ocr_client.submission import FORM_MAX_BYTES, FORM_MAX_FILES

from tests.support.scripted_jobs import JOB_ID, form_parts, job, job_state
from tests.support.scripted_server import Scripted, Seen, problem, scripted_server

QUICK = RetryPolicy(max_retries=3, first_wait_s=0.001, max_wait_s=0.01)
ACCEPTED = job("queued", http_status=202)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two small documents."""
    paths = [tmp_path / "請求書.pdf", tmp_path / 'quo"te.png']
    for path in paths:
        path.write_bytes(path.name.encode() * 100)
    return paths


class Storage:
    """Answers for an API that gives upload targets on the same server, as object storage would take them."""

    def __init__(self, *refusals: Scripted) -> None:
        self.objects: dict[str, bytes] = {}
        self.url = ""
        self._refusals = list(refusals)
        self._targets = 0

    def __call__(self, seen: Seen) -> Scripted:
        if seen.path == "/v1/uploads":
            targets = [self._target(file["file_name"]) for file in json.loads(seen.body)["files"]]
            return Scripted(body=json.dumps({"uploads": targets}).encode())
        if seen.method == "PUT":
            if self._refusals:
                return self._refusals.pop()
            self.objects[seen.path] = seen.body
            return Scripted()
        return ACCEPTED

    def _target(self, file_name: str) -> dict[str, object]:
        self._targets += 1
        return {
            "source": f"s3://bucket/uploads/{self._targets}",
            "file_name": file_name,
            "url": f"{self.url}/storage/{self._targets}?X-Amz-Signature=a%2Fb",
            "method": "PUT",
            "headers": {"X-Wanted": "so"},
            "expires_at": "2026-11-21T11:00:00Z",
        }


def test_few_files_go_in_one_form(files: list[Path]) -> None:
    with scripted_server(ACCEPTED) as server, JobsClient(server.url, headers={"X-Key": "k"}) as jobs:
        made = jobs.submit(
            files, schema="invoice", formats=["text", "markdown"], webhook_url="https://a.test/h", priority="low"
        )
    assert (made.id, made.status, made.documents.total, made.ended) == (JOB_ID, JobStatus.QUEUED, 2, False)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.headers["X-Key"]) == ("POST", "/v1/jobs", "k")
    assert len(seen.headers["Idempotency-Key"]) == 32
    assert form_parts(seen.headers["Content-Type"], seen.body) == [
        ("schema", None, b"invoice"),
        ("formats", None, b"text,markdown"),
        ("webhook_url", None, b"https://a.test/h"),
        ("priority", None, b"low"),
        ("file", "請求書.pdf", files[0].read_bytes()),
        ("file", "quo%22te.png", files[1].read_bytes()),
    ]


def test_objects_go_by_their_addresses() -> None:
    named = JobDocument(source="s3://inbox/2", reference="invoice 7")
    with scripted_server(ACCEPTED) as server, JobsClient(server.url) as jobs:
        jobs.submit(["s3://inbox/a/b c.pdf", named], schema="auto", idempotency_key="mine")
    (seen,) = server.seen
    assert seen.headers["Idempotency-Key"] == "mine"
    assert json.loads(seen.body) == {
        "documents": [
            {"source": "s3://inbox/a/b c.pdf", "reference": "s3://inbox/a/b c.pdf", "file_name": "b c.pdf"},
            {"source": "s3://inbox/2", "reference": "invoice 7", "file_name": "2"},
        ],
        "schema": "auto",
    }


def test_files_beside_objects_are_uploaded(files: list[Path]) -> None:
    storage = Storage()
    uploaded: list[int] = []
    with (
        scripted_server(storage) as server,
        JobsClient(server.url, retry=QUICK, headers={"Authorization": "secret"}) as jobs,
    ):
        storage.url = server.url
        jobs.submit([files[0], "s3://inbox/b.pdf", files[1]], on_uploaded=uploaded.append)
    assert sorted(storage.objects) == ["/storage/1", "/storage/2"]
    assert storage.objects["/storage/2"] == files[1].read_bytes()
    assert uploaded == [1, 2]
    put = next(seen for seen in server.seen if seen.method == "PUT")
    assert (put.query, put.headers["X-Wanted"]) == ({"X-Amz-Signature": ["a/b"]}, "so")
    assert "Authorization" not in put.headers
    assert "Transfer-Encoding" not in put.headers
    sources = [document["source"] for document in json.loads(server.seen[-1].body)["documents"]]
    assert sources == ["s3://bucket/uploads/1", "s3://inbox/b.pdf", "s3://bucket/uploads/2"]


@pytest.mark.parametrize("kind", ["many", "large", "referenced", "empty"])
def test_what_a_form_is_not_for_is_uploaded(kind: str, tmp_path: Path) -> None:
    count = FORM_MAX_FILES + 1 if kind == "many" else 1
    paths = [tmp_path / f"{number}.pdf" for number in range(count)]
    for path in paths:
        path.write_bytes(b"" if kind == "empty" else b"content")
    if kind == "large":
        with paths[0].open("r+b") as file:
            file.truncate(FORM_MAX_BYTES + 1)
    reference = "mine" if kind == "referenced" else None
    storage = Storage()
    with scripted_server(storage) as server, JobsClient(server.url) as jobs:
        storage.url = server.url
        jobs.submit([JobDocument(source=path, reference=reference) for path in paths])
    assert len(storage.objects) == count
    documents = json.loads(server.seen[-1].body)["documents"]
    assert [document["reference"] for document in documents] == [reference or path.name for path in paths]


def test_an_upload_that_fails_is_repeated(files: list[Path]) -> None:
    slow_down = Scripted(status=503, body=b"<Error><Code>SlowDown</Code></Error>")
    storage = Storage(slow_down, slow_down)
    with scripted_server(storage) as server, JobsClient(server.url, retry=QUICK) as jobs:
        storage.url = server.url
        jobs.submit([*files, "s3://a/b"])
    assert sorted(storage.objects.values()) == sorted(path.read_bytes() for path in files)


def test_an_upload_that_is_refused_makes_no_job(files: list[Path]) -> None:
    storage = Storage(Scripted(status=403, body=b"<Error><Code>AccessDenied</Code></Error>"))
    with scripted_server(storage) as server, JobsClient(server.url, retry=QUICK) as jobs:
        storage.url = server.url
        with pytest.raises(UnexpectedAnswer, match="403"):
            jobs.submit([*files, "s3://a/b"])
    assert not any(seen.path == "/v1/jobs" for seen in server.seen)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"no", b'{"uploads": []}', b'{"uploads": [{"source": "s", "url": "u"}]}']
)
def test_upload_targets_that_are_none(body: bytes, files: list[Path]) -> None:
    with (
        scripted_server(Scripted(body=body)) as server,
        JobsClient(server.url) as jobs,
        pytest.raises(UnexpectedAnswer),
    ):
        jobs.submit([files[0], "s3://a/b"])


@pytest.mark.parametrize(
    "lost", [Scripted(body=b"{", breaks=True), Scripted(status=502, body=b"<html>"), problem(503, "not_ready")]
)
def test_a_lost_answer_makes_no_second_job(lost: Scripted, files: list[Path]) -> None:
    with scripted_server(lost, lost, ACCEPTED) as server, JobsClient(server.url, retry=QUICK) as jobs:
        assert jobs.submit(files).id == JOB_ID
    assert len(server.seen) == 3
    assert len({seen.headers["Idempotency-Key"] for seen in server.seen}) == 1
    assert len({seen.body for seen in server.seen}) == 1


def test_each_call_has_a_key_of_its_own() -> None:
    with scripted_server(ACCEPTED) as server, JobsClient(server.url) as jobs:
        jobs.submit(["s3://a/b"])
        jobs.submit(["s3://a/b"])
    assert len({seen.headers["Idempotency-Key"] for seen in server.seen}) == 2


def test_a_refusal_is_raised_at_once(files: list[Path]) -> None:
    with (
        scripted_server(problem(422, "idempotency_mismatch")) as server,
        JobsClient(server.url, retry=QUICK) as jobs,
        pytest.raises(ApiError) as caught,
    ):
        jobs.submit(files)
    assert caught.value.code == "idempotency_mismatch"
    assert len(server.seen) == 1


def test_nothing_to_submit(tmp_path: Path) -> None:
    with JobsClient() as jobs:
        with pytest.raises(ValueError, match="at least one"):
            jobs.submit([])
        with pytest.raises(FileNotFoundError):
            jobs.submit([tmp_path / "missing.pdf"])


@pytest.mark.parametrize("size_bytes", [3, 5])
def test_a_file_that_changes_while_it_is_sent(size_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"four")
    with pytest.raises(FileChanged, match="changed"):
        list(file_chunks(path, size_bytes))


def test_status_cancel_and_redrive() -> None:
    delivery = {
        "id": "msg_1",
        "run": 1,
        "status": "pending",
        "attempts": 2,
        "next_at": "2026-11-21T10:00:00+00:00",
        "last_status_code": 500,
        "last_error": "answered 500",
    }
    detailed = Scripted(body=json.dumps({**job_state(done=1, failed=1), "webhooks": [delivery]}).encode())
    with scripted_server(detailed, job("cancelled"), job("queued")) as server, JobsClient(server.url) as jobs:
        state = jobs.status(JOB_ID)
        assert jobs.cancel(JOB_ID).ended
        assert not jobs.redrive(JOB_ID).ended
    assert (state.webhooks[0].attempts, state.webhooks[0].last_status_code) == (2, 500)
    assert (state.documents.done, state.documents.failed, state.documents.ended) == (1, 1, 2)
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("GET", f"/v1/jobs/{JOB_ID}"),
        ("DELETE", f"/v1/jobs/{JOB_ID}"),
        ("POST", f"/v1/jobs/{JOB_ID}/redrive"),
    ]


def test_an_id_is_no_path() -> None:
    with (
        scripted_server(problem(404, "not_found")) as server,
        JobsClient(server.url) as jobs,
        pytest.raises(RequestRefused),
    ):
        jobs.status("../healthz?a=b")
    assert server.seen[0].path == "/v1/jobs/..%2Fhealthz%3Fa%3Db"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "unheard of"},
        {"documents": None},
        {"documents": {"total": True}},
        {"id": 7},
        {"created_at": "yesterday"},
        {"webhooks": ["none"]},
    ],
)
def test_answers_that_are_no_job(change: dict[str, object]) -> None:
    body = json.dumps({**job_state(), **change}).encode()
    with (
        scripted_server(Scripted(body=body)) as server,
        JobsClient(server.url) as jobs,
        pytest.raises(UnexpectedAnswer),
    ):
        jobs.status(JOB_ID)


def test_a_server_that_never_was_there_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    patient = RetryPolicy(max_retries=1000, first_wait_s=60, max_wait_s=60)
    with JobsClient(f"http://127.0.0.1:{port}", retry=patient) as jobs:
        for call in (jobs.status, jobs.wait, lambda job_id: list(jobs.results(job_id))):
            with pytest.raises(ServerUnreachable):
                call(JOB_ID)


def test_a_busy_server_in_the_end() -> None:
    with (
        scripted_server(problem(429, "overloaded", Retry_After="0")) as server,
        JobsClient(server.url, retry=QUICK) as jobs,
        pytest.raises(ServerBusy),
    ):
        jobs.submit(["s3://a/b"])
    assert len(server.seen) == 1 + QUICK.max_retries
