"""The client against the bulk API itself, over a real job store and a real object store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ocr_client import ApiError, Job, JobDocument, JobsClient, JobStatus, RequestRefused, ResultLine, following

from ocr_core.contracts.access import Scope
from ocr_core.settings import AccessSettings, BulkSettings
from tests.support.access import add_key, add_tenant
from tests.support.bulk_api import TENANT, WEBHOOKS, ApiHouse, ServedApi
from tests.support.waiting import wait_until


@pytest.fixture
def api(api_house: ApiHouse) -> ServedApi:
    return api_house.serve(webhooks=WEBHOOKS)


@pytest.fixture
def jobs(api: ServedApi) -> Iterator[JobsClient]:
    with JobsClient(api.url) as client:
        yield client


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "請求 1.pdf", tmp_path / 'quo"te.png', tmp_path / "empty.pdf"]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    paths[2].write_bytes(b"")
    return paths


class Collector:
    """Gathers what an iteration gives, on a thread of its own."""

    def __init__(self, lines: Iterator[ResultLine]) -> None:
        self.lines: list[ResultLine] = []
        self._thread = threading.Thread(target=self._gather, args=(lines,))
        self._thread.start()

    def _gather(self, lines: Iterator[ResultLine]) -> None:
        for line in lines:
            self.lines.append(line)

    def finish(self) -> list[int]:
        """The sequences, once there are no more."""
        wait_until(lambda: not self._thread.is_alive(), "the end of the results")
        return [line.sequence for line in self.lines]


def test_files_in_a_form(api_house: ApiHouse, jobs: JobsClient, files: list[Path]) -> None:
    job = jobs.submit(
        files[:2], schema="invoice", formats=["markdown"], priority="low", webhook_url="https://a.example/"
    )
    stored = api_house.store.get_job(TENANT, job.id)
    assert (stored.schemas, stored.priority.value) == (("invoice",), "low")
    assert [api_house.bucket.get(key) for key in api_house.uploads] == [path.read_bytes() for path in files[:2]]
    api_house.finish()
    assert [line.reference for line in jobs.results(job.id)] == ["請求 1.pdf", "quo%22te.png"]


def test_files_as_uploads(api_house: ApiHouse, jobs: JobsClient, files: list[Path]) -> None:
    named = [JobDocument(source=path, reference=f"my {path.name}") for path in files]
    uploaded: list[int] = []
    job = jobs.submit([*named, "s3://inbox/d.pdf"], on_uploaded=uploaded.append)
    assert uploaded == [1, 2, 3]
    assert job.documents.total == 4
    contents = sorted(api_house.bucket.get(key) for key in api_house.uploads)
    assert contents == sorted(path.read_bytes() for path in files)
    api_house.finish()
    assert [(line.reference, line.file_name) for line in jobs.results(job.id)] == [
        ("my 請求 1.pdf", "請求 1.pdf"),
        ('my quo"te.png', 'quo"te.png'),
        ("my empty.pdf", "empty.pdf"),
        ("s3://inbox/d.pdf", "d.pdf"),
    ]


def test_a_key_makes_one_job_of_the_same_files(jobs: JobsClient, files: list[Path]) -> None:
    first = jobs.submit(files[:2], idempotency_key="k")
    again = jobs.submit(files[:2], idempotency_key="k")
    assert first.id == again.id
    with pytest.raises(ApiError) as caught:
        jobs.submit(files[:1], idempotency_key="k")
    assert (caught.value.status, caught.value.code) == (422, "idempotency_mismatch")


def test_refusals_are_told_in_the_servers_words(jobs: JobsClient, files: list[Path]) -> None:
    with pytest.raises(RequestRefused, match=r"forbidden \(403\): documents\[1\]"):
        jobs.submit(["s3://inbox/a.pdf", "s3://elsewhere/b.pdf"])
    with pytest.raises(RequestRefused, match=r"invalid_request \(400\): schema"):
        jobs.submit(files[:1], schema="poem")
    with pytest.raises(RequestRefused, match=r"not_found \(404\)"):
        list(jobs.results("job_0123456789abcdef0123456789abcdef"))
    job = jobs.submit(files[:1])
    with pytest.raises(RequestRefused, match=r"invalid_request \(400\): parameter 'cursor'"):
        list(jobs.results(job.id, cursor=7))


def test_lines_come_as_documents_end(api_house: ApiHouse, jobs: JobsClient) -> None:
    job = jobs.submit([f"s3://inbox/{number}.pdf" for number in range(5)])
    collector = Collector(jobs.results(job.id))
    api_house.finish(2)
    wait_until(lambda: len(collector.lines) == 2, "the first lines")
    assert [line.sequence for line in jobs.results(job.id, follow=False)] == [1, 2]
    api_house.fail()
    api_house.finish()
    assert collector.finish() == [1, 2, 3, 4, 5]
    failed = collector.lines[2]
    assert str(failed.error) == "unreadable_document (422): it is broken"


def test_changes_end_with_the_job(api_house: ApiHouse, jobs: JobsClient) -> None:
    job = jobs.submit([f"s3://inbox/{number}.pdf" for number in range(3)], webhook_url="https://a.example/")
    states: list[Job] = []
    for state in jobs.changes(job.id):
        states.append(state)
        api_house.finish(1)
    assert (states[-1].status, states[-1].documents.done) == (JobStatus.DONE, 3)
    assert [state.documents.ended for state in states] == sorted(state.documents.ended for state in states)
    (webhook,) = jobs.status(job.id).webhooks
    assert (webhook.run, webhook.status, webhook.attempts) == (1, "pending", 0)


def test_cancel_and_redrive(api_house: ApiHouse, jobs: JobsClient) -> None:
    job = jobs.submit(["s3://inbox/0.pdf", "s3://inbox/1.pdf"])
    api_house.finish(1)
    cancelled = jobs.cancel(job.id)
    assert (cancelled.status, cancelled.documents.done, cancelled.documents.cancelled) == (JobStatus.CANCELLED, 1, 1)
    assert [line.sequence for line in jobs.results(job.id)] == [1]
    with pytest.raises(RequestRefused, match="cancelled"):
        jobs.redrive(job.id)

    job = jobs.submit(["s3://inbox/0.pdf", "s3://inbox/1.pdf"])
    api_house.fail()
    api_house.finish()
    assert jobs.wait(job.id).documents.failed == 1
    assert jobs.redrive(job.id).run == 2
    api_house.finish()
    lines = list(jobs.results(job.id))
    assert [(line.sequence, line.error is None) for line in lines] == [(1, False), (2, True), (3, True)]
    assert lines[0].document_id == lines[2].document_id


def test_an_api_that_stops_costs_no_line(api_house: ApiHouse) -> None:
    """Its streams end in the middle; whoever follows goes on at the next one."""
    first = api_house.serve()
    with JobsClient(first.url) as jobs:
        job = jobs.submit([f"s3://inbox/{number}.pdf" for number in range(4)])
        collector = Collector(jobs.results(job.id))
        watched: list[Job] = []
        watcher = threading.Thread(target=lambda: watched.extend(jobs.changes(job.id)))
        watcher.start()
        api_house.finish(2)
        wait_until(lambda: len(collector.lines) == 2, "the first lines")
        first.tell_to_stop()
        wait_until(lambda: first.stopped, "the end of the API")
        api_house.finish()
        second = api_house.serve(port=first.port)
        assert collector.finish() == [1, 2, 3, 4]
        wait_until(lambda: not watcher.is_alive(), "the end of the changes")
    assert watched[-1].documents.done == 4
    assert second.port == first.port


def test_where_no_stream_is_free_the_lines_come_all_the_same(
    api_house: ApiHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_S", 0.05)
    api = api_house.serve(BulkSettings(max_result_streams=1, max_event_streams=1))
    with JobsClient(api.url) as jobs:
        job = jobs.submit([f"s3://inbox/{number}.pdf" for number in range(3)])
        with (
            api.client.stream("GET", f"/v1/jobs/{job.id}/events") as events,
            api.client.stream("GET", f"/v1/jobs/{job.id}/results", params={"follow": "true"}) as results,
        ):
            assert (events.status_code, results.status_code) == (200, 200)
            changes = jobs.changes(job.id)
            assert next(changes).status is JobStatus.QUEUED
            collector = Collector(jobs.results(job.id))
            api_house.finish()
            *_, last = changes
            assert last.documents.done == 3
        assert collector.finish() == [1, 2, 3]


def test_a_key_goes_to_the_api_and_not_to_object_storage(
    api_house: ApiHouse, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tenant(api_house.accounts, "acme")
    key = add_key(api_house.accounts, "acme", Scope.BULK)
    api = api_house.serve(access=AccessSettings().model_copy(update={"keys": True}))
    with JobsClient(api.url) as stranger, pytest.raises(RequestRefused) as refused:
        stranger.submit(files[:1])
    assert refused.value.code == "unauthenticated"
    monkeypatch.setenv("OCR_API_KEY", key)
    sent: list[tuple[str, bool]] = []
    send = httpx.Client.send

    def look(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        sent.append((request.url.path, "Authorization" in request.headers))
        return send(client, request, **options)

    monkeypatch.setattr(httpx.Client, "send", look)
    with JobsClient(api.url) as jobs:
        documents = [JobDocument(source=path, reference=f"not {path.name}") for path in files[:2]]  # so no form will do
        assert jobs.submit(documents).documents.total == 2
    assert {with_key for path, with_key in sent if path.startswith("/v1/")} == {True}
    assert {with_key for path, with_key in sent if not path.startswith("/v1/")} == {False}
