"""The text side's road: a reading that is late gives its thread and its place back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import DeadlineExceeded
from ocr_core.contracts.ports import RenderedResult, StructureOptions
from ocr_core.service import Readiness, create_app
from ocr_core.telemetry import Metrics
from postprocess_svc.routes import StructureBytes, TextRoad, make_router


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


def make_app(
    structure: StructureBytes,
    workers: ThreadPoolExecutor,
    places: asyncio.Semaphore,
    identity: Callable[[], str] = lambda: "1",
) -> FastAPI:
    metrics = Metrics()
    road = TextRoad(
        structure=structure,
        workers=workers,
        places=places,
        max_body_bytes=1_000,
        metrics=metrics,
        identity=identity,
    )
    return create_app(
        title="t",
        version="1",
        description="d",
        metrics=metrics,
        readiness=Readiness(),
        routers=[make_router(road)],
        lifespan=no_lifespan,
    )


async def test_work_that_its_deadline_overtook_ends_and_frees_its_place() -> None:
    ended = threading.Event()

    def structure(body: bytes, _options: StructureOptions, _request_id: str, deadline: Deadline) -> RenderedResult:
        if body == b"quick":
            return RenderedResult(content_type="text/plain", body=b"ok")
        try:
            while True:  # as long as it is let
                deadline.check("structure")
                time.sleep(0.01)
        except DeadlineExceeded:
            ended.set()
            raise

    with ThreadPoolExecutor(1) as workers:
        app = make_app(structure, workers, asyncio.Semaphore(1))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            late = await client.post("/v1/structure", content=b"slow", headers={"X-Ocr-Remaining-S": "0.1"})
            assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
            assert await asyncio.to_thread(ended.wait, 30)
            while (answer := await client.post("/v1/structure", content=b"quick")).status_code == 429:  # noqa: ASYNC110  # it is asked over HTTP
                await asyncio.sleep(0.01)  # until the loop has heard of the thread's end
            assert answer.text == "ok"


@pytest.mark.parametrize("codes", [(), ("image_truncated", "unreadable_page")])
async def test_the_codes_of_the_warnings_stand_in_a_header(codes: tuple[str, ...]) -> None:
    def structure(_body: bytes, _options: StructureOptions, _id: str, _deadline: Deadline) -> RenderedResult:
        return RenderedResult(content_type="text/plain", body=b"ok", warning_codes=codes)

    with ThreadPoolExecutor(1) as workers:
        app = make_app(structure, workers, asyncio.Semaphore(1))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            answer = await client.post("/v1/structure", content=b"x")
    assert answer.headers.get("Yomitori-Warnings") == (", ".join(codes) or None)


@pytest.mark.parametrize("remaining", ["0", "-1", "nan", "soon"])
async def test_a_remainder_that_is_none_is_refused(remaining: str) -> None:
    def structure(_body: bytes, _options: StructureOptions, _id: str, _deadline: Deadline) -> RenderedResult:
        raise AssertionError("must not be reached")

    with ThreadPoolExecutor(1) as workers:
        app = make_app(structure, workers, asyncio.Semaphore(1))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            answer = await client.post("/v1/structure", content=b"x", headers={"X-Ocr-Remaining-S": remaining})
    assert answer.status_code == 400


async def test_an_answer_names_what_it_was_made_with_unless_that_changed_meanwhile() -> None:
    identities = iter(["1", "1", "1", "1", "2", "2"])

    def structure(_body: bytes, _options: StructureOptions, _id: str, _deadline: Deadline) -> RenderedResult:
        return RenderedResult(content_type="text/plain", body=b"ok")

    with ThreadPoolExecutor(1) as workers:
        app = make_app(structure, workers, asyncio.Semaphore(1), lambda: next(identities))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            asked = await client.get("/v1/identity")
            answers = [await client.post("/v1/structure", content=b"x") for _ in range(2)]
            asked_again = await client.get("/v1/identity")
    assert (asked.status_code, asked.content, asked.headers["Yomitori-Made-With"]) == (204, b"", "1")
    assert [answer.headers.get("Yomitori-Made-With") for answer in answers] == ["1", None]
    assert asked_again.headers["Yomitori-Made-With"] == "2"
