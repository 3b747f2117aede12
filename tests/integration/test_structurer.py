"""The way to the text side, over real sockets: a caller learns of its passing troubles, never of our faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ocr_core.adapters.postprocess import HttpStructurer
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.errors import DeadlineExceeded, InternalError, InvalidRequest, NotReady, OcrError, Overloaded
from ocr_core.contracts.ports import RenderedResult, StructureOptions
from ocr_core.contracts.reading import Reading
from ocr_core.contracts.reading_codec import decode_reading
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import AUTO, NONE, SchemaName

Answer = Callable[[str, bytes, asyncio.StreamWriter], Awaitable[None]]
"""Takes a request's head and body, and writes whatever it wants to the wire."""

READING = Reading(
    document=DocumentInfo(file_name="a.png", media_type=MediaType.PNG, page_count=1, sha256="0" * 64),
    pages=(),
    model_versions={"text_detection": "1"},
    charset_sha256="1" * 64,
)


@asynccontextmanager
async def text_side(answer: Answer) -> AsyncIterator[HttpStructurer]:
    """A structurer beside a server that reads requests as HTTP/1.1 and answers as it is told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0
                )
                await answer(head, await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    structurer = HttpStructurer(f"http://127.0.0.1:{port}")
    await structurer.start()
    try:
        yield structurer
    finally:
        await structurer.close()
        server.close()


def respond(writer: asyncio.StreamWriter, status: int, content_type: str, body: bytes, extra: str = "") -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    writer.write(head.encode() + body)


async def structure(structurer: HttpStructurer, timeout_s: float = 20.0) -> RenderedResult:
    options = StructureOptions(
        schemas=(SchemaName("invoice"), SchemaName("receipt")), min_confidence=0.25, output_format=OutputFormat.MARKDOWN
    )
    return await structurer.structure(READING, options=options, request_id="req_7", deadline=Deadline.after(timeout_s))


async def test_the_reading_its_options_and_what_is_left_of_the_deadline_arrive() -> None:
    heads: list[str] = []

    async def answer(head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        assert decode_reading(body).document == READING.document
        respond(writer, 200, "text/markdown; charset=utf-8", b"# x")

    async with text_side(answer) as structurer:
        result = await structure(structurer)
    assert result == RenderedResult(content_type="text/markdown; charset=utf-8", body=b"# x")
    assert "/v1/structure?schema=invoice%2Creceipt&format=markdown&min_confidence=0.25 " in heads[0]
    headers = dict(line.lower().split(": ", 1) for line in heads[0].split("\r\n")[1:] if line)
    assert headers["x-request-id"] == "req_7"
    assert 19 < float(headers["x-ocr-remaining-s"]) <= 20


def schema_list(*names: str) -> bytes:
    """As the text side tells its schemas."""
    schemas = [{"name": name, "title": name, "description": "", "document_type": None, "fields": {}} for name in names]
    return json.dumps({"schemas": schemas}).encode()


async def test_schemas_are_asked_about_once_and_an_unknown_one_is_refused() -> None:
    asked: list[str] = []

    async def answer(head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(head.partition(" HTTP")[0])
        respond(writer, 200, "application/json", schema_list("expenses", "invoice"))

    async with text_side(answer) as structurer:
        for names in ((AUTO,), (NONE,)):
            await structurer.check_schemas(names, deadline=Deadline.after(20))
        assert asked == []
        for names in (("invoice",), ("expenses", "invoice")):
            await structurer.check_schemas(tuple(map(SchemaName, names)), deadline=Deadline.after(20))
        assert asked == ["GET /v1/schemas"]
        with pytest.raises(InvalidRequest, match="no 'expense'; there are auto, none, expenses, invoice"):
            await structurer.check_schemas((SchemaName("expense"),), deadline=Deadline.after(20))


async def test_a_schema_that_has_gone_since_is_the_callers_affair() -> None:
    known = [schema_list("invoice", "receipt"), schema_list("invoice")]

    async def answer(head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith("GET"):
            respond(writer, 200, "application/json", known.pop(0))
        else:
            respond(writer, 400, "application/problem+json", b'{"code": "invalid_request", "detail": "receipt"}')

    async with text_side(answer) as structurer:
        await structurer.check_schemas((SchemaName("receipt"),), deadline=Deadline.after(20))
        with pytest.raises(InvalidRequest, match="no 'receipt'; there are auto, none, invoice"):
            await structure(structurer)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"schemas": [{"name": 3}]}', b"<html>"])
async def test_a_list_of_schemas_that_is_none_is_no_fault_of_the_caller(body: bytes) -> None:
    async def answer(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        respond(writer, 200, "application/json", body)

    async with text_side(answer) as structurer:
        with pytest.raises(InternalError):
            await structurer.check_schemas((SchemaName("invoice"),), deadline=Deadline.after(20))


async def test_the_codes_of_the_warnings_come_back() -> None:
    async def answer(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        respond(writer, 200, "text/plain", b"x", "Yomitori-Warnings: image_truncated, unreadable_page\r\n")

    async with text_side(answer) as structurer:
        assert (await structure(structurer)).warning_codes == ("image_truncated", "unreadable_page")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, b'{"code": "overloaded", "detail": "full"}', Overloaded),
        (503, b'{"code": "not_ready", "detail": "charset"}', NotReady),
        (504, b'{"code": "deadline_exceeded", "detail": "late"}', DeadlineExceeded),
        # Wrong with what we sent, not with what the caller did: never a 4xx.
        (400, b'{"code": "invalid_request", "detail": "class id 7000"}', InternalError),
        (404, b'{"code": "not_found", "detail": "no such route"}', InternalError),
        (413, b'{"code": "document_too_large", "detail": "the reading"}', InternalError),
        (422, b'{"code": "unreadable_document", "detail": "?"}', InternalError),
        (500, b'{"code": "a_code_of_tomorrow", "detail": "?"}', InternalError),
        (502, b"<html>a proxy speaks</html>", InternalError),
        (500, b'["not", "a", "problem"]', InternalError),
    ],
)
async def test_only_what_passes_comes_back_as_itself(status: int, body: bytes, expected: type[OcrError]) -> None:
    async def answer(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        respond(writer, status, "application/problem+json", body, "Retry-After: 9\r\n")

    async with text_side(answer) as structurer:
        with pytest.raises(expected) as caught:
            await structure(structurer)
    assert type(caught.value) is expected
    assert "class id" not in caught.value.detail
    if isinstance(caught.value, Overloaded):
        assert caught.value.retry_after_s == 9


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_the_callers_problem() -> None:
    calls = 0

    async def answer(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            writer.close()  # hangs up on the second request of the connection without a word
        else:
            respond(writer, 200, "text/plain", b"ok")

    async with text_side(answer) as structurer:
        assert (await structure(structurer)).body == b"ok"
        assert (await structure(structurer)).body == b"ok"
    assert calls == 3


async def test_a_side_that_hangs_up_again_and_again() -> None:
    async def answer(_head: str, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with text_side(answer) as structurer:
        with pytest.raises(NotReady):
            await structure(structurer)


async def test_silence_until_the_deadline() -> None:
    async def answer(_head: str, _body: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with text_side(answer) as structurer:
        with pytest.raises(DeadlineExceeded):
            await structure(structurer, timeout_s=0.1)


async def test_nobody_listens() -> None:
    structurer = HttpStructurer("http://127.0.0.1:9")
    await structurer.start()
    with pytest.raises(NotReady):
        await structure(structurer)
    with pytest.raises(NotReady):
        await structurer.check()
    await structurer.close()
