"""The shared parts of a service: what becomes of errors, of late work and of work that nobody waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded, NotReady, Overloaded, Unauthenticated
from ocr_core.service import Readiness, create_app
from ocr_core.service.race import finish_in_time
from ocr_core.telemetry import JsonFormatter, Metrics

DOCUMENT_TEXT = "口座番号 7654321"


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


def make_app(readiness: Readiness | None = None) -> FastAPI:
    router = APIRouter()

    @router.get("/fault")
    async def fault() -> None:
        raise KeyError(DOCUMENT_TEXT)

    @router.get("/full")
    async def full() -> None:
        raise Overloaded("come back", retry_after_s=2.2)

    @router.get("/stranger")
    async def stranger() -> None:
        raise Unauthenticated("no key came")

    @router.get("/number")
    async def number(wanted: int) -> int:
        return wanted

    @router.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    return create_app(
        title="t",
        version="1",
        description="d",
        metrics=Metrics(),
        readiness=readiness or Readiness(),
        routers=[router],
        lifespan=no_lifespan,
    )


async def get(app: FastAPI, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path)


class TestProblems:
    async def test_what_nobody_foresaw_tells_the_caller_only_where_to_look(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            answer = await get(make_app(), "/fault")
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal_error"
        assert answer.json()["request_id"] in answer.json()["detail"]
        written = "\n".join(JsonFormatter(service="t").format(record) for record in caplog.records)
        assert "KeyError" in written
        assert DOCUMENT_TEXT not in answer.text + written

    async def test_retry_after_is_in_whole_seconds_rounded_up(self) -> None:
        answer = await get(make_app(), "/full")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")

    async def test_a_missing_key_says_how_to_bring_one(self) -> None:
        answer = await get(make_app(), "/stranger")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")

    async def test_a_body_without_a_length_that_was_not_read_to_its_end_ends_the_connection(self) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"x"

        async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app()), base_url="http://test") as client:
            given_up = await client.post("/full", content=body())
            read_whole = await client.post("/length", content=body())
            announced = await client.post("/full", content=b"x")
        assert (given_up.status_code, given_up.headers["Connection"]) == (405, "close")
        assert (read_whole.text, announced.status_code) == ("1", 405)
        assert all("Connection" not in answer.headers for answer in (read_whole, announced))

    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            ("/number?wanted=x", 400, "invalid_request"),
            ("/nowhere", 404, "not_found"),
            ("/healthz/", 404, "not_found"),
        ],
    )
    async def test_the_frameworks_own_refusals_are_problems_too(self, path: str, status: int, code: str) -> None:
        answer = await get(make_app(), path)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


class TestReadiness:
    async def test_it_names_each_dependency_that_is_missing(self) -> None:
        async def fine() -> None:
            pass

        async def down() -> None:
            raise NotReady("it is being restarted")

        async def broken() -> None:
            raise OSError(DOCUMENT_TEXT)

        answer = await get(make_app(Readiness({"a": fine, "b": down, "c": broken})), "/readyz")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "b: it is being restarted; c does not answer"

    async def test_all_well(self) -> None:
        assert (await get(make_app(), "/readyz")).json() == {"status": "ready", "checked": []}


def silent_request(*, leaves: asyncio.Event | None = None) -> Request:
    """A request whose body was read, and whose client stays, or leaves when told."""

    async def receive() -> Message:
        await (leaves or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


class TestFinishInTime:
    async def test_work_that_is_in_time(self) -> None:
        async def work() -> int:
            return 7

        assert await finish_in_time(work(), request=silent_request(), deadline=Deadline.after(5)) == 7

    async def test_an_error_of_the_work_is_the_callers(self) -> None:
        async def work() -> None:
            raise NotReady("x")

        with pytest.raises(NotReady):
            await finish_in_time(work(), request=silent_request(), deadline=Deadline.after(5))

    async def test_late_work_is_cancelled_but_not_waited_for(self) -> None:
        cleaned_up = asyncio.Event()
        may_clean_up = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await may_clean_up.wait()
                cleaned_up.set()

        ended = asyncio.Event()
        with pytest.raises(DeadlineExceeded):
            await finish_in_time(work(), request=silent_request(), deadline=Deadline.after(0.01), on_end=ended.set)
        assert not cleaned_up.is_set()
        assert not ended.is_set()  # its permit is still out
        may_clean_up.set()
        await asyncio.wait_for(ended.wait(), 5)
        assert cleaned_up.is_set()

    async def test_a_client_that_leaves_ends_the_work(self) -> None:
        leaves, ended = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            leaves.set()
            await asyncio.sleep(60)

        with pytest.raises(ClientDisconnect):
            await finish_in_time(
                work(), request=silent_request(leaves=leaves), deadline=Deadline.after(30), on_end=ended.set
            )
        await asyncio.wait_for(ended.wait(), 5)

    async def test_a_deadline_that_had_passed_before(self) -> None:
        ended = asyncio.Event()

        async def work() -> None:
            await asyncio.sleep(60)

        with pytest.raises(DeadlineExceeded):
            await finish_in_time(work(), request=silent_request(), deadline=Deadline.after(-1), on_end=ended.set)
        await asyncio.wait_for(ended.wait(), 5)
