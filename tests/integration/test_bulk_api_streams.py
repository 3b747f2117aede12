"""Events and results: as they happen, bounded, and never silently short."""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from async_worker.api.events import job_events
from async_worker.api.line_budget import LineBudget
from async_worker.api.results import Results
from async_worker.api.watches import Watches
from async_worker.blocking import Blocking
from async_worker.result_lines import ResultLines
from local_stack.aws import AwsServer
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import Job, ResultRow
from ocr_core.settings import BulkSettings
from tests.support.aws import object_settings, storage_settings
from tests.support.bulk_api import TENANT, ApiHouse, ServedApi
from tests.support.bulk_roles import until
from tests.support.job_stores import finish_everything, new_job
from tests.support.waiting import wait_until


@pytest.fixture
def api(api_house: ApiHouse) -> ServedApi:
    return api_house.serve()


class Spy:
    """The store, counting what is asked of it; what is named in ``down`` fails."""

    def __init__(self, store: SqlJobStore) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()
        self.down: set[str] = set()
        self.down_after: Counter[str] = Counter()
        """How often what is named here answers before it fails; zero, as long as it likes."""

    def __getattr__(self, name: str) -> Any:
        def call(*args: object, **kwargs: object) -> object:
            self.asked[name] += 1
            if name in self.down or 0 < self.down_after[name] < self.asked[name]:
                raise NotReady("the job database does not answer")
            return getattr(self._store, name)(*args, **kwargs)

        return call


class Listener:
    """Takes a stream's lines on a thread of its own."""

    def __init__(self, api: ServedApi, path: str) -> None:
        self.lines: queue.Queue[str] = queue.Queue()
        self.error: httpx.TransportError | None = None
        self._path = path
        self._api = api
        self._thread = threading.Thread(target=self._listen, name="listener")
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def line(self) -> str:
        """The next one that is not empty."""
        while not (line := self.lines.get(timeout=30)):
            pass
        return line

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.line()))

    def event(self) -> dict[str, Any]:
        """The job of the next event."""
        while not (line := self.line()).startswith("data: "):
            pass
        return dict(json.loads(line.removeprefix("data: ")))

    def wait_end(self) -> None:
        self._thread.join(30)
        assert self.ended

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", self._api.url + self._path, timeout=60, trust_env=False) as answer:
                assert answer.status_code == 200
                for line in answer.iter_lines():
                    self.lines.put(line)
        except httpx.TransportError as error:
            self.error = error


def results(api: ServedApi, job: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    answer = api.client.get(f"/v1/jobs/{job['id']}/results{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text == "" or answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


class TestResults:
    def test_what_there_is(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(4)
        assert results(api, job) == []
        api_house.finish(2)
        api_house.fail()
        lines = results(api, job)
        assert [line["sequence"] for line in lines] == [1, 2, 3]
        assert [line["reference"] for line in lines] == ["r0", "r1", "r2"]
        assert lines[0]["result"] == {"id": lines[0]["document_id"], "text": "text of r0"}
        assert (lines[2]["status"], "result" in lines[2]) == ("failed", False)
        assert lines[2]["error"]["code"] == "unreadable_document"
        assert lines[2]["error"]["detail"] == "it is broken"
        assert results(api, job, "?cursor=2") == lines[2:]
        assert results(api, job, "?cursor=3") == []
        assert results(api, job, "?cursor=&follow=false") == lines

    def test_cursors_that_are_none(self, api: ServedApi) -> None:
        job = api.submit(1)
        for cursor in ("1", "99", "-1", "x", "1.0", "９", "9" * 19, "9" * 400, "%00"):
            answer = api.client.get(f"/v1/jobs/{job['id']}/results?cursor={cursor}")
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
            assert "cursor" in answer.json()["detail"]

    def test_more_than_a_page(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(230)
        for _ in range(215):
            api_house.fail()
        assert [line["sequence"] for line in results(api, job)] == list(range(1, 216))
        assert [line["sequence"] for line in results(api, job, "?cursor=100")] == list(range(101, 216))

    def test_links_can_be_opened(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(1, formats=["markdown"])
        api_house.finish(links=True)
        (line,) = results(api, job)
        answer = httpx.get(line["result"]["links"]["markdown"], trust_env=False)
        assert (answer.status_code, answer.text) == (200, "# r0")
        assert answer.headers["content-type"].startswith("text/markdown")

    def test_places_are_bounded(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(max_result_streams=1))
        job = api.submit(1)
        path = f"/v1/jobs/{job['id']}/results"
        with api.client.stream("GET", f"{path}?follow=true") as first:
            assert first.status_code == 200
            answer = httpx.get(api.url + path, trust_env=False)
            assert (answer.status_code, answer.json()["code"]) == (429, "overloaded")
        wait_until(lambda: api.client.get(path).status_code == 200, "the place of the one that left")


class TestFollowing:
    def test_lines_come_as_documents_end(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(3)
        listener = Listener(api, f"/v1/jobs/{job['id']}/results?follow=true")
        for number in range(1, 4):
            api_house.finish(1)
            assert listener.json()["sequence"] == number
        listener.wait_end()
        assert listener.error is None

    def test_of_an_ended_job_ends_at_once(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(2)
        api_house.finish()
        assert len(results(api, job, "?follow=true")) == 2
        assert len(results(api, job, "?follow=true&cursor=2")) == 0

    def test_ends_with_a_cancelled_job(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(3)
        listener = Listener(api, f"/v1/jobs/{job['id']}/results?follow=true")
        api_house.finish(1)
        assert listener.json()["sequence"] == 1
        api.client.delete(f"/v1/jobs/{job['id']}")
        listener.wait_end()
        assert listener.error is None

    def test_outlives_a_database_that_is_down(self, api_house: ApiHouse) -> None:
        spy = Spy(api_house.store)
        api = api_house.serve(store=spy)
        job = api.submit(2)
        listener = Listener(api, f"/v1/jobs/{job['id']}/results?follow=true")
        api_house.finish(1)
        assert listener.json()["sequence"] == 1
        spy.down = {"get_job", "results_page"}
        api_house.finish()
        asked = spy.asked["get_job"]
        wait_until(lambda: spy.asked["get_job"] > asked + 1, "another try")
        spy.down = {"results_page"}
        wait_until(lambda: spy.asked["results_page"] > 2, "another page")
        spy.down = set()
        assert listener.json()["sequence"] == 2
        listener.wait_end()
        assert listener.error is None


class TestCutStreams:
    """Whoever gets less than all of it is told so by the protocol."""

    def test_the_database_goes_down(self, api_house: ApiHouse) -> None:
        spy = Spy(api_house.store)
        api = api_house.serve(store=spy)
        job = api.submit(120)
        for _ in range(120):
            api_house.fail()
        lines: list[str] = []
        spy.down_after["results_page"] = spy.asked["results_page"] + 1

        def read() -> None:
            with api.client.stream("GET", f"/v1/jobs/{job['id']}/results") as answer:
                lines.extend(answer.iter_lines())

        with pytest.raises(httpx.RemoteProtocolError):
            read()
        assert [json.loads(line)["sequence"] for line in lines] == list(range(1, 101))
        spy.down_after.clear()
        assert len(results(api, job, "?cursor=100")) == 20

    def test_the_object_store_fails(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(2)
        listener = Listener(api, f"/v1/jobs/{job['id']}/results?follow=true")
        api_house.finish(1)
        assert listener.json()["sequence"] == 1
        api_house.finish(1)
        listener.wait_end()
        api_house.bucket.drop()
        with pytest.raises(httpx.RemoteProtocolError):
            api.client.get(f"/v1/jobs/{job['id']}/results")

    def test_a_reader_that_stalls(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(max_result_streams=1, stream_stall_s=1.0))
        job = api.submit(12)
        api_house.finish(size=2_000_000)
        path = f"/v1/jobs/{job['id']}/results"
        with socket.create_connection(("127.0.0.1", api.port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            wait_until(lambda: api.client.get(path + "?cursor=12").status_code == 200, "its end")
            rest = connection.makefile("rb").read()
        assert not rest.endswith(b"0\r\n\r\n")

    def test_the_process_stops(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(2)
        followed = Listener(api, f"/v1/jobs/{job['id']}/results?follow=true")
        events = Listener(api, f"/v1/jobs/{job['id']}/events")
        assert events.event()["status"] == "queued"
        api_house.finish(1)
        assert followed.json()["sequence"] == 1
        api.tell_to_stop()
        wait_until(lambda: api.stopped, "its end", patience_s=15)
        for listener in (followed, events):
            listener.wait_end()
        assert isinstance(followed.error, httpx.RemoteProtocolError)
        assert events.error is None


class TestEvents:
    def test_tell_of_each_change(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(2)
        listener = Listener(api, f"/v1/jobs/{job['id']}/events")
        assert listener.line().startswith("id: 1.0.queued")
        assert listener.line() == "event: status"
        assert listener.event() == job
        api_house.finish(1)
        while (state := listener.event())["documents"]["done"] < 1:
            assert state["status"] == "running"
        api_house.finish()
        while (state := listener.event())["status"] != "done":
            pass
        listener.wait_end()
        assert listener.error is None
        assert state["documents"] == {"total": 2, "queued": 0, "done": 2, "failed": 0, "cancelled": 0}
        assert state["last_sequence"] == 2

    def test_of_an_ended_job(self, api_house: ApiHouse, api: ServedApi) -> None:
        job = api.submit(1)
        api_house.finish()
        answer = api.client.get(f"/v1/jobs/{job['id']}/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text.count("event: status\n") == 1
        assert answer.text.endswith("\n\n")
        (event_id,) = [line.removeprefix("id: ") for line in answer.text.splitlines() if line.startswith("id: ")]
        again = api.client.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": event_id})
        assert (again.status_code, again.content) == (204, b"")
        other = api.client.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": "1.0.queued"})
        assert other.status_code == 200

    def test_a_database_that_is_down_is_waited_for(self, api_house: ApiHouse) -> None:
        spy = Spy(api_house.store)
        api = api_house.serve(store=spy)
        job = api.submit(1)
        listener = Listener(api, f"/v1/jobs/{job['id']}/events")
        assert listener.event()["status"] == "queued"
        spy.down = {"get_job"}
        asked = spy.asked["get_job"]
        wait_until(lambda: spy.asked["get_job"] > asked + 1, "another try")
        api_house.finish()
        spy.down = set()
        assert listener.event()["status"] == "done"
        listener.wait_end()

    def test_many_streams_are_one_poll(self, api_house: ApiHouse) -> None:
        spy = Spy(api_house.store)
        api = api_house.serve(store=spy)
        job = api.submit(1)
        with listeners(api, f"/v1/jobs/{job['id']}/events", 20) as all_of_them:
            for listener in all_of_them:
                assert listener.event()["status"] == "queued"
            asked = spy.asked["get_job"]
            wait_until(lambda: spy.asked["get_job"] >= asked + 3, "three polls")
            api_house.finish()
            assert [listener.event()["status"] for listener in all_of_them] == ["done"] * 20
        asked = spy.asked["get_job"]
        # Each stream asked once at its start; had each polled, three rounds alone would have been sixty.
        assert asked < 20 + 40

    def test_places_are_bounded(self, api_house: ApiHouse) -> None:
        api = api_house.serve(BulkSettings(max_event_streams=1))
        job = api.submit(1)
        path = f"/v1/jobs/{job['id']}/events"
        with api.client.stream("GET", path) as first:
            assert first.status_code == 200
            answer = httpx.get(api.url + path, trust_env=False)
            assert (answer.status_code, answer.json()["code"]) == (429, "overloaded")
            assert "retry-after" in answer.headers
        wait_until(lambda: status_of(api, path) == 200, "the place of the one that left")


@contextmanager
def listeners(api: ServedApi, path: str, count: int) -> Iterator[list[Listener]]:
    made = [Listener(api, path) for _ in range(count)]
    yield made
    for listener in made:
        listener.wait_end()


def status_of(api: ServedApi, path: str) -> int:
    """Of a stream's head alone."""
    with api.client.stream("GET", path) as answer:
        return answer.status_code


class CountingLines(ResultLines):
    """Counts the lines that were made."""

    made = 0

    async def short_line(self, row: ResultRow, *, max_bytes: int) -> bytes | None:
        self.made += 1
        return await super().short_line(row, max_bytes=max_bytes)


class TestInside:
    """What no caller sees."""

    async def test_a_slow_reader_has_few_lines_fetched_ahead(
        self, job_store: SqlJobStore, aws_server: AwsServer
    ) -> None:
        job = ended_job(job_store, count=90)
        objects = S3ObjectStore(object_settings(), storage_settings(aws_server))
        await objects.start()
        await objects.ensure_bucket()
        with Blocking(threads=2) as blocking:
            lines = CountingLines(objects)
            watches = Watches(store=job_store, blocking=blocking)
            stream = Results(store=job_store, blocking=blocking, lines=lines, watches=watches).now(job, cursor=0)
            assert b'"sequence":1,' in await anext(stream)
            assert b'"sequence":2,' in await anext(stream)
            assert lines.made <= 6
            await stream.aclose()
        await objects.close()

    async def test_all_streams_share_the_memory_for_long_lines(
        self, job_store: SqlJobStore, aws_server: AwsServer
    ) -> None:
        job = ended_job(job_store, count=1)
        (row,) = job_store.results_page(TENANT, job.id, cursor=0, limit=1)
        assert row.result_key is not None
        objects = S3ObjectStore(object_settings(), storage_settings(aws_server))
        await objects.start()
        await objects.ensure_bucket()
        long_result = json.dumps({"text": "x" * (2 << 20)}).encode()
        await objects.put(row.result_key, long_result, content_type="application/json")
        with Blocking(threads=2) as blocking:
            budget = LineBudget(3 << 20)
            results = Results(
                store=job_store,
                blocking=blocking,
                lines=ResultLines(objects),
                watches=Watches(store=job_store, blocking=blocking),
                budget=budget,
            )
            first, second = results.now(job, cursor=0), results.now(job, cursor=0)
            assert long_result in await anext(first)
            other = asyncio.create_task(anext(second))
            await until(lambda: budget.waiting == 1, "the second stream's wait")
            assert not other.done()
            assert await anext(first) == b"\n"
            await first.aclose()
            assert long_result in await other
            await second.aclose()
            async with budget.hold(3 << 20):
                assert budget.waiting == 0, "all of it has come back"
        await objects.close()

    async def test_a_silent_job_gives_signs_of_life(self, job_store: SqlJobStore) -> None:
        job = job_store.create_job(new_job()).job
        with Blocking(threads=2) as blocking:
            watches = Watches(store=job_store, blocking=blocking)
            stream = job_events(job, watches, heartbeat_s=0.01)
            assert (await anext(stream)).startswith(b"id: ")
            assert [await anext(stream) for _ in range(3)] == [b":\n\n"] * 3
            assert watches.jobs == 1
            await stream.aclose()
            assert watches.jobs == 0

    async def test_an_older_answer_takes_nothing_back(self, job_store: SqlJobStore) -> None:
        job = job_store.create_job(new_job()).job
        with Blocking(threads=2) as blocking:
            watches = Watches(store=job_store, blocking=blocking, poll_s=0.01)
            async with watches.watch(job) as first:
                finish_everything(job_store)
                ended = await first.change(within_s=30)
                while ended is None or ended.finished_at is None:
                    ended = await first.change(within_s=30)
                async with watches.watch(job) as late:
                    assert await late.change(within_s=0) == ended
                assert await first.change(within_s=0.05) is None


def ended_job(store: SqlJobStore, *, count: int) -> Job:
    job = store.create_job(new_job(count, tenant=TENANT)).job
    finish_everything(store)
    return store.get_job(TENANT, job.id)
