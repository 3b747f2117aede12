"""A function that was taken over, or is another one: what it answers is refused, and nothing is left in the bucket."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import httpx
import numpy as np
import pytest
import pytest_asyncio

from local_stack.aws import AwsServer
from ocr_core.adapters.lambda_opener import LambdaFileOpener
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection
from ocr_core.contracts.errors import (
    DeadlineExceeded,
    DocumentTooLarge,
    NotReady,
    OcrError,
    Overloaded,
    UnreadableDocument,
)
from ocr_core.contracts.opening_wire import (
    DocumentOpened,
    Failure,
    OpenEnded,
    OpenFailed,
    PageFailed,
    PageNotice,
    PageReady,
    SandboxMessage,
    encode_message,
)
from ocr_core.contracts.page import PageError, PageImage
from ocr_core.contracts.pool_wire import PoolMessage, PoolMessageKind
from tests.support.lambda_openers import exchange_bucket, opener_over
from tests.support.lambda_runtime import DeceivingFunction, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES_PER_CALL = 2
PAGE_BYTES = 40 * 30 * 3
HONEST = PageReady(
    number=1,
    width_px=40,
    height_px=30,
    stride_bytes=120,
    dpi=200,
    word_count=0,
    code_point_count=0,
    memory=0,
    notices=PageNotice.NONE,
)
EXIT = base64.b64encode(PoolMessage(kind=PoolMessageKind.EXITED, cpu_ms=5).encode()).decode()

Event = dict[str, Any]


def opened(page_count: int = 1, media_type: MediaType = MediaType.TIFF) -> DocumentOpened:
    return DocumentOpened(media_type=media_type, page_count=page_count)


def page(number: int = 1) -> PageReady:
    return replace(HONEST, number=number)


def said(*messages: SandboxMessage, ending: str = "complete", exited: object = EXIT) -> dict[str, Any]:
    texts = [base64.b64encode(encode_message(message)).decode() for message in messages]
    return {"schema_version": 1, "messages": texts, "ending": ending, "exit": exited}


def reply(document: object) -> Reply:
    return 200, document if isinstance(document, bytes) else json.dumps(document).encode(), {}


def put(event: Event, content: bytes, *, url: int = 0) -> None:
    httpx.put(event["page_urls"][url], content=content, trust_env=False).raise_for_status()


def put_pages(event: Event, count: int) -> None:
    for index in range(count):
        put(event, zlib.compress(bytes([index]) * PAGE_BYTES), url=index)


@dataclass(kw_only=True)
class Deceived:
    """An opener and what its function answers."""

    opener: LambdaFileOpener
    function: DeceivingFunction
    store: S3ObjectStore

    @property
    def events(self) -> list[Event]:
        return self.function.events

    def answering(self, answer: Callable[[Event], Reply]) -> Self:
        self.function.answer = answer
        self.function.events = []
        return self

    async def read(
        self, *, limits: OpenLimits | None = None, pages: str | None = None, timeout_s: float = 20.0
    ) -> list[PageImage | PageError]:
        try:
            async with self.opener.open(
                b"a document",
                selection=PageSelection.parse(pages),
                limits=limits or OpenLimits(),
                deadline=Deadline.after(timeout_s),
                text_layer=False,
            ) as document:
                return [page async for page in document.pages()]
        finally:
            assert len(self.events) < 20

    async def left(self) -> list[str]:
        """Objects in the bucket, once there was time to delete them."""
        for _ in range(100):
            if not (keys := [info.key async for info in self.store.scan("")]):
                break
            await asyncio.sleep(0.05)
        return keys


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deceived(aws_server: AwsServer) -> AsyncIterator[Deceived]:
    with DeceivingFunction() as function:
        async with (
            exchange_bucket(aws_server) as store,
            opener_over(aws_server, store, function.url, pages_per_call=PAGES_PER_CALL, max_documents=1) as opener,
        ):
            yield Deceived(opener=opener, function=function, store=store)


async def refused(
    deceived: Deceived, answer: Callable[[Event], Reply], *, error: type[OcrError] = UnreadableDocument, **how: Any
) -> OcrError:
    with pytest.raises(error) as caught:
        await deceived.answering(answer).read(**how)
    assert await deceived.left() == []
    return caught.value


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 15_000, id="nested deeply"),
        pytest.param(b"9" * 15_000, id="a long number"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b" " * 2_000_000 + json.dumps(said(opened())).encode(), id="too long"),
        pytest.param({**said(opened()), "schema_version": 2}, id="another version"),
        pytest.param({**said(opened()), "schema_version": "1"}, id="a version in text"),
        pytest.param({**said(opened()), "more": 1}, id="a field more"),
        pytest.param({"schema_version": 1, "messages": [], "ending": "complete"}, id="a field less"),
        pytest.param({**said(opened()), "messages": "none"}, id="messages that are no list"),
        pytest.param({**said(opened()), "messages": [1]}, id="a message that is no text"),
        pytest.param({**said(opened()), "messages": ["é"]}, id="a message that is not ASCII"),
        pytest.param({**said(opened()), "messages": ["AAAA"]}, id="a short message"),
        pytest.param({**said(opened()), "messages": ["A" * 56]}, id="zeros"),
        pytest.param(said(*[opened()] * (PAGES_PER_CALL + 3)), id="more messages than asked for"),
        pytest.param({**said(opened()), "ending": "well"}, id="an unknown ending"),
        pytest.param({**said(opened()), "ending": ["complete"]}, id="an ending that is a list"),
        pytest.param({**said(opened()), "exit": "AAAA"}, id="a short exit"),
        pytest.param({**said(opened()), "exit": 0}, id="an exit that is a number"),
        pytest.param(
            said(opened(), exited=base64.b64encode(PoolMessage(kind=PoolMessageKind.READY).encode()).decode()),
            id="an exit that is another message",
        ),
        pytest.param(said(), id="no message"),
        pytest.param(said(ending="more"), id="no message and more to come"),
        pytest.param(said(ending="forged"), id="a child that was not passed on"),
        pytest.param(said(opened(), ending="forged"), id="a child that was not passed on later"),
        pytest.param(said(opened(), ending="complete"), id="no page"),
        pytest.param(said(opened(), ending="more"), id="no page and more to come"),
        pytest.param(said(page()), id="a page first"),
        pytest.param(said(OpenEnded()), id="the end first"),
        pytest.param(said(opened(), OpenEnded()), id="the end instead of a page"),
        pytest.param(said(opened(), opened()), id="opened twice"),
        pytest.param(said(opened(), PageFailed(number=2, memory=0)), id="another page failed"),
        pytest.param(said(opened(), page(1)), id="a page whose object is not there"),
        pytest.param(said(opened(12), page(1), page(2), page(3), ending="more"), id="more pages than URLs"),
    ],
)
async def test_an_answer_that_is_none_is_a_broken_document(deceived: Deceived, payload: object) -> None:
    await refused(deceived, lambda _: reply(payload))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * PAGE_BYTES, id="not packed"),
        pytest.param(zlib.compress(bytes(PAGE_BYTES - 1)), id="a byte less"),
        pytest.param(zlib.compress(bytes(PAGE_BYTES + 1)), id="a byte more"),
        pytest.param(zlib.compress(bytes(1 << 28), 9)[: PAGE_BYTES + 4000], id="a bomb"),
        pytest.param(zlib.compress(bytes(PAGE_BYTES))[:-1], id="cut short"),
        pytest.param(zlib.compress(bytes(PAGE_BYTES)) + b"x", id="something behind"),
        pytest.param(zlib.compress(bytes(PAGE_BYTES))[:-4] + b"\0\0\0\0", id="a wrong checksum"),
        pytest.param(np.random.default_rng(1).bytes(PAGE_BYTES * 3), id="an object that is too large"),
    ],
)
async def test_an_object_that_is_no_page_is_a_broken_document(deceived: Deceived, content: bytes) -> None:
    def answer(event: Event) -> Reply:
        put(event, content)
        return reply(said(opened(), page()))

    await refused(deceived, answer)


async def test_pages_over_a_limit_are_not_even_fetched(deceived: Deceived) -> None:
    huge = replace(HONEST, width_px=20_000, stride_bytes=60_000, height_px=20_000)
    await refused(deceived, lambda _: reply(said(opened(), huge)))
    await refused(deceived, lambda _: reply(said(opened(31), page())), error=DocumentTooLarge)
    error = await refused(deceived, lambda _: reply(said(opened(2**31 - 1), page())), error=DocumentTooLarge)
    assert "max_pages" in error.detail
    await refused(deceived, lambda _: reply(said(opened(2), page())), pages="1-3")


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(said(opened(7), page(3), page(4), ending="more"), id="more pages than before"),
        pytest.param(said(opened(6, MediaType.PDF), page(3), page(4), ending="more"), id="another kind than before"),
        pytest.param(said(page(3), page(4), ending="more"), id="without the document"),
        pytest.param(said(opened(6), page(1), page(2), ending="more"), id="the same pages again"),
        pytest.param(said(opened(6), ending="more"), id="nothing, and more to come"),
        pytest.param(said(opened(6), ending="complete"), id="nothing, and complete"),
        pytest.param(said(ending="complete"), id="nothing at all"),
        pytest.param(said(opened(6), OpenFailed(failure=Failure.UNREADABLE, value=0)), id="unreadable after all"),
        pytest.param(b"null", id="null"),
    ],
)
async def test_a_later_answer_is_doubted_as_much_as_the_first(deceived: Deceived, later: object) -> None:
    def answer(event: Event) -> Reply:
        put_pages(event, 2)
        first = event["request"]["ranges"] == []
        return reply(said(opened(6), page(1), page(2), ending="more") if first else later)

    await refused(deceived, answer)


async def test_a_later_call_asks_for_its_own_pages_alone_and_for_the_processor_time_that_is_left(
    deceived: Deceived,
) -> None:
    exited = base64.b64encode(PoolMessage(kind=PoolMessageKind.EXITED, cpu_ms=1500).encode()).decode()

    def answer(event: Event) -> Reply:
        put_pages(event, 2)
        numbers = [number for first, last in event["request"]["ranges"] for number in range(first, last + 1)]
        pages = [page(number) for number in numbers[:2]]
        return reply(said(opened(9), *pages, ending="more", exited=exited))

    pages = await deceived.answering(answer).read(pages="2-5,9", limits=OpenLimits(max_cpu_s=4.0))
    assert [page.number for page in pages] == [2, 3, 4, 5, 9]
    requests = [event["request"] for event in deceived.events]
    assert [request["ranges"] for request in requests] == [[[2, 5], [9, 9]], [[4, 5]], [[9, 9]]]
    assert [request["limits"]["max_cpu_s"] for request in requests] == [4.0, 2.5, 1.0]
    urls = [event["document_url"] for event in deceived.events] + [
        url for event in deceived.events for url in event["page_urls"]
    ]
    assert len({url.partition("?")[0] for url in urls}) == 1 + 3 * PAGES_PER_CALL


ERRORS = [
    pytest.param(200, b'{"errorType":"x"}', {"X-Amz-Function-Error": "Unhandled"}, NotReady, id="it failed"),
    pytest.param(403, b"{}", {"x-amzn-ErrorType": "AccessDeniedException"}, NotReady, id="denied"),
    pytest.param(404, b"{}", {"x-amzn-ErrorType": "ResourceNotFoundException"}, NotReady, id="no such function"),
    pytest.param(500, b"{}", {"x-amzn-ErrorType": "ServiceException"}, NotReady, id="Lambda failed"),
    pytest.param(502, b"<html>", {}, NotReady, id="something between"),
    pytest.param(429, b"{}", {"x-amzn-ErrorType": "TooManyRequestsException"}, Overloaded, id="throttled"),
]


@pytest.mark.parametrize(("status", "body", "headers", "error"), ERRORS)
async def test_what_fails_outside_the_document_may_be_tried_again(
    deceived: Deceived, status: int, body: bytes, headers: dict[str, str], error: type[OcrError]
) -> None:
    caught = await refused(deceived, lambda _: (status, body, headers), error=error)
    assert caught.retryable
    assert caught.http_status in {429, 503}


async def test_what_is_throttled_is_tried_again(deceived: Deceived) -> None:
    tries: list[Event] = []

    def answer(event: Event) -> Reply:
        tries.append(event)
        if len(tries) < 3:
            return 429, b"{}", {"x-amzn-ErrorType": "TooManyRequestsException"}
        put_pages(event, 1)
        return reply(said(opened(), page()))

    assert len(await deceived.answering(answer).read()) == 1
    assert len({event["document_url"] for event in tries}) == 1


async def test_a_function_that_was_overdue_or_whose_pool_ended_is_told_apart(deceived: Deceived) -> None:
    await refused(deceived, lambda _: reply(said(ending="overdue")), error=DeadlineExceeded)
    await refused(deceived, lambda _: reply(said(ending="exited", exited=None)), error=NotReady)


async def test_a_function_that_does_not_answer_costs_the_deadline(deceived: Deceived) -> None:
    def answer(_: Event) -> Reply:
        time.sleep(1.5)
        return reply(said(opened()))

    await refused(deceived, answer, error=DeadlineExceeded, timeout_s=0.5)
