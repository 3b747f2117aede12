"""The asyncio twins of the clients: the same methods, over real connections to a scripted server."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from ocr_client import (
    AsyncJobsClient,
    AsyncOcrClient,
    AsyncStoredDocumentsClient,
    DocumentRefused,
    Job,
    JobDocument,
    JobsClient,
    JobStatus,
    OcrClient,
    OcrClientError,
    RetryPolicy,
    ServerBusy,
    ServerUnreachable,
    StoredDocumentsClient,
    UnexpectedAnswer,
    async_connection,
    following,
)
from ocr_client.document_calls import schemas_call
from ocr_client.errors import AnswerTimedOut

from tests.support.scripted_jobs import JOB_ID, events, job, job_state, lines
from tests.support.scripted_server import Scripted, Seen, problem, result, scripted_server
from tests.unit.test_client import closed_port
from tests.unit.test_client_jobs import Storage

QUICK = RetryPolicy(max_retries=2, first_wait_s=0.001, max_wait_s=0.01)
DONE = {"done": 3, "total": 3}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RECONNECT", RetryPolicy(max_retries=3, first_wait_s=0.001, max_wait_s=0.01))
    monkeypatch.setattr(following, "POLL_S", 0.001)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "請求書.pdf", tmp_path / "b.png"]
    for path in paths:
        path.write_bytes(path.name.encode() * 100_000)
    return paths


@pytest.mark.parametrize(
    ("sync", "twin"),
    [
        (OcrClient, AsyncOcrClient),
        (JobsClient, AsyncJobsClient),
        (StoredDocumentsClient, AsyncStoredDocumentsClient),
    ],
)
def test_a_twin_has_every_method_with_the_same_parameters(sync: type, twin: type) -> None:
    def methods(client: type) -> dict[str, list[tuple[str, object, object]]]:
        return {
            name: [(one.name, one.kind, one.default) for one in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_") and name not in {"close", "aclose"}
        }

    assert methods(sync) == methods(twin)
    assert hasattr(twin, "aclose")


class TestReading:
    async def test_sends_the_file_and_what_was_asked(self, files: list[Path]) -> None:
        sent: list[tuple[int, int]] = []
        with scripted_server(result()) as server:
            async with AsyncOcrClient(server.url, api_key="ok_a_b") as client:
                answer = await client.read(
                    files[0], schema="invoice", timeout_s=2.5, on_sent=lambda *counts: sent.append(counts)
                )
        assert answer["document_type"] == "invoice"
        (seen,) = server.seen
        assert seen.query == {"schema": ["invoice"], "format": ["json"], "timeout_s": ["2.5"]}
        assert seen.headers["Authorization"] == "Bearer ok_a_b"
        assert files[0].read_bytes() in seen.body
        assert "請求書.pdf".encode() in seen.body
        counts = [count for count, _ in sent]
        assert counts == sorted(counts)
        assert len(counts) > 3
        assert sent[-1] == (len(seen.body), len(seen.body))

    async def test_other_formats_come_as_bytes(self) -> None:
        with scripted_server(Scripted(body=b"# a\n")) as server:
            async with AsyncOcrClient(server.url) as client:
                assert await client.read(b"bytes", format="markdown") == b"# a\n"

    @pytest.mark.parametrize("status", [429, 503])
    async def test_a_busy_server_is_asked_again_when_it_says(self, status: int) -> None:
        busy = problem(status, "overloaded", Retry_After="1")
        with scripted_server(busy, result()) as server:
            async with AsyncOcrClient(server.url) as client:
                started_s = time.monotonic()
                assert (await client.read(b"bytes"))["id"] == "doc_1"
        assert time.monotonic() - started_s >= 1.0
        assert [b"bytes" in seen.body for seen in server.seen] == [True, True]

    async def test_retries_end(self) -> None:
        with scripted_server(problem(429, "overloaded", Retry_After="3600")) as server:
            async with AsyncOcrClient(server.url, retry=QUICK) as client:
                with pytest.raises(ServerBusy) as caught:
                    await client.read(b"bytes")
        assert len(server.seen) == 1 + QUICK.max_retries
        assert caught.value.retry_after_s == 3600

    async def test_a_refusal_is_raised_at_once(self) -> None:
        with scripted_server(problem(422, "password_required")) as server:
            async with AsyncOcrClient(server.url, retry=QUICK) as client:
                with pytest.raises(DocumentRefused, match="password_required"):
                    await client.read(b"bytes")
        assert len(server.seen) == 1

    async def test_nobody_listens(self) -> None:
        async with AsyncOcrClient(f"http://127.0.0.1:{closed_port()}") as client:
            assert not await client.is_ready()
            with pytest.raises(ServerUnreachable):
                await client.read(b"bytes")

    async def test_calls_at_once_wait_for_a_connection_as_long_as_it_takes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(async_connection, "LIMITS", httpx.Limits(max_connections=1))
        schemas = Scripted(body=b'{"schemas": []}', headers={"Content-Type": "application/json"})

        def slowly(_: Seen) -> Scripted:
            time.sleep(2.0)
            return schemas

        slow, quick = replace(schemas_call(), timeout_s=20.0), replace(schemas_call(), timeout_s=1.0)
        with scripted_server(slowly, schemas) as server:
            async with AsyncOcrClient(server.url, retry=RetryPolicy(max_retries=0)) as client:
                answers = await asyncio.gather(*(client._connection.call(call) for call in (slow, *[quick] * 50)))
        assert (len(answers), len(server.seen)) == (51, 51)

    async def test_closing_ends_the_wait_before_a_retry(self) -> None:
        patient = RetryPolicy(max_retries=9, first_wait_s=3600, max_wait_s=3600)
        with scripted_server(problem(503, "not_ready")) as server:
            client = AsyncOcrClient(server.url, retry=patient)
            reading = asyncio.create_task(client.read(b"bytes"))
            async with asyncio.timeout(20):
                while not server.seen:  # noqa: ASYNC110 - the server is a thread, and tells nobody
                    await asyncio.sleep(0.01)
                await client.aclose()
                with pytest.raises(OcrClientError):
                    await reading
                with pytest.raises(OcrClientError, match="closed"):
                    await client.schemas()

    async def test_many_at_once_share_a_client(self) -> None:
        with scripted_server(result()) as server:
            async with AsyncOcrClient(server.url) as client:
                answers = await asyncio.gather(*(client.read(b"%d" % number) for number in range(20)))
        assert len(answers) == len(server.seen) == 20

    async def test_a_reader_that_is_cancelled_leaves_the_client_whole(self) -> None:
        with scripted_server(Scripted(holds=True), result()) as server:
            async with AsyncOcrClient(server.url) as client:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await client.read(b"first")
                assert (await client.read(b"second"))["id"] == "doc_1"

    async def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        async with AsyncOcrClient() as client:
            with pytest.raises(FileNotFoundError):
                await client.read(tmp_path / "missing.pdf")


class TestJobs:
    async def test_a_lost_answer_makes_no_second_job(self, files: list[Path]) -> None:
        lost, uploaded = Scripted(body=b"{", breaks=True), list[int]()
        with scripted_server(lost, lost, job("queued", http_status=202)) as server:
            async with AsyncJobsClient(server.url, retry=QUICK) as jobs:
                assert (await jobs.submit(files, on_uploaded=uploaded.append)).id == JOB_ID
        assert len(server.seen) == 3
        assert len({seen.headers["Idempotency-Key"] for seen in server.seen}) == 1
        assert len({seen.body for seen in server.seen}) == 1
        assert uploaded == [2]

    async def test_files_beside_objects_are_uploaded(self, files: list[Path]) -> None:
        storage, uploaded = Storage(Scripted(status=503, body=b"<Error/>")), list[int]()
        with scripted_server(storage) as server:
            storage.url = server.url
            async with AsyncJobsClient(server.url, retry=QUICK, headers={"Authorization": "secret"}) as jobs:
                documents = [JobDocument(source=path, reference=path.name) for path in files]
                await jobs.submit([documents[0], "s3://inbox/b.pdf", documents[1]], on_uploaded=uploaded.append)
        assert sorted(storage.objects.values()) == sorted(path.read_bytes() for path in files)
        assert uploaded == [1, 2]
        puts = [seen for seen in server.seen if seen.method == "PUT"]
        assert all("Authorization" not in put.headers and put.query for put in puts)

    async def test_an_upload_that_is_refused_makes_no_job(self, files: list[Path]) -> None:
        storage = Storage(Scripted(status=403, body=b"<Error/>"))
        with scripted_server(storage) as server:
            storage.url = server.url
            async with AsyncJobsClient(server.url, retry=QUICK) as jobs:
                with pytest.raises(UnexpectedAnswer, match="403"):
                    await jobs.submit([*files, "s3://a/b"])
        assert not any(seen.path == "/v1/jobs" for seen in server.seen)

    @pytest.mark.parametrize(
        "first", [lines(1, 2, breaks=True), lines(1, 2, 3, cut_bytes=5), problem(503, "not_ready"), lines(1, 1, 2)]
    )
    async def test_results_come_once_and_in_order_over_whatever_breaks(self, first: Scripted) -> None:
        with scripted_server(answers(first, lines(1, 2, 3))) as server:
            async with AsyncJobsClient(server.url) as jobs:
                got = [line.sequence async for line in jobs.results(JOB_ID)]
        assert got == [1, 2, 3]

    async def test_silence_is_not_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "RESULTS_SILENCE_S", 0.6)  # long for lines that are there, on a busy machine too
        with scripted_server(answers(lines(1, 2, holds=True), lines(3))) as server:
            async with AsyncJobsClient(server.url) as jobs:
                assert [line.sequence async for line in jobs.results(JOB_ID)] == [1, 2, 3]

    async def test_a_job_is_waited_for_and_its_changes_are_told(self) -> None:
        stream = events(job_state("queued"), job_state("running", done=1), job_state("done", done=2))
        told: list[Job] = []
        with scripted_server(stream) as server:
            async with AsyncJobsClient(server.url) as jobs:
                ended = await jobs.wait(JOB_ID, on_change=told.append)
        assert ended is told[-1]
        assert [one.status for one in told] == [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE]

    async def test_status_cancel_and_redrive(self) -> None:
        with scripted_server(job("running")) as server:
            async with AsyncJobsClient(server.url) as jobs:
                for ask in (jobs.status, jobs.cancel, jobs.redrive):
                    assert (await ask(JOB_ID)).status is JobStatus.RUNNING
        path = f"/v1/jobs/{JOB_ID}"
        assert [(seen.method, seen.path) for seen in server.seen] == [
            ("GET", path), ("DELETE", path), ("POST", f"{path}/redrive"),
        ]  # fmt: skip

    async def test_whoever_leaves_the_results_leaves_no_stream(self) -> None:
        with scripted_server(answers(lines(1, 2, holds=True))) as server:
            async with AsyncJobsClient(server.url) as jobs:
                async for line in jobs.results(JOB_ID):
                    assert line.sequence == 1
                    break
                assert (await jobs.status(JOB_ID)).documents.done == 3


async def test_an_answer_that_does_not_come_is_told() -> None:
    with scripted_server(Scripted(holds=True)) as server:
        async with AsyncOcrClient(server.url) as client:
            with pytest.raises(AnswerTimedOut):
                await client._connection.call(replace(schemas_call(), timeout_s=0.1))


def answers(*results: Scripted) -> Callable[[Seen], Scripted]:
    """The answers in turn for the results, the last of them again and again; the job itself has ended."""
    left = list(results)

    def answer(seen: Seen) -> Scripted:
        if not seen.path.endswith("/results"):
            return job("done", **DONE)
        return left.pop(0) if len(left) > 1 else left[0]

    return answer
