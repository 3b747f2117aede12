"""Bodies as they stream in: whatever the chunks, the same document; never more than the limit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from ocr_core.contracts.errors import DocumentTooLarge, InvalidRequest
from preprocess_svc.sources import S3Location
from preprocess_svc.uploads import Upload, clean_file_name, read_submission

LIMIT = 1_000


def request(
    chunks: Sequence[bytes], content_type: str, *, disconnects: bool = False, length: int | None = None
) -> Request:
    """A request whose body comes in ``chunks``."""
    headers = [(b"content-type", content_type.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    last: Message = {"type": "http.disconnect"} if disconnects else {"type": "http.request", "more_body": False}
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    events = iter([*messages, last])

    async def receive() -> Message:
        return next(events)

    return Request({"type": "http", "method": "POST", "headers": headers, "query_string": b"", "path": "/"}, receive)


def multipart(content: bytes, file_name: str = "a.pdf") -> tuple[bytes, str]:
    """A form as httpx writes it."""
    built = httpx.Request("POST", "http://x", files={"file": (file_name, content, "application/pdf")})
    return built.read(), built.headers["content-type"]


def cut(body: bytes, sizes: Sequence[int]) -> list[bytes]:
    chunks, position = [], 0
    for size in sizes:
        chunks.append(body[position : position + size])
        position += size
    return [*chunks, body[position:]]


@given(content=st.binary(max_size=LIMIT), sizes=st.lists(st.integers(0, 60), max_size=40))
async def test_a_form_is_read_however_it_is_cut(content: bytes, sizes: list[int]) -> None:
    body, content_type = multipart(content, "請求書.pdf")
    upload = await read_submission(request(cut(body, sizes), content_type), max_body_bytes=LIMIT)
    assert upload == Upload(untrusted_bytes=content, file_name="請求書.pdf")


@given(content=st.binary(min_size=LIMIT + 1, max_size=LIMIT + 200), sizes=st.lists(st.integers(0, 300), max_size=10))
async def test_a_form_beyond_the_limit_is_refused(content: bytes, sizes: list[int]) -> None:
    body, content_type = multipart(content)
    with pytest.raises(DocumentTooLarge, match="max_body_bytes"):
        await read_submission(request(cut(body, sizes), content_type), max_body_bytes=LIMIT)


@given(body=st.binary(max_size=300), sizes=st.lists(st.integers(0, 30), max_size=10))
async def test_a_broken_form_is_an_error_of_the_tree(body: bytes, sizes: list[int]) -> None:
    untrusted = request(cut(b"--x" + body, sizes), "multipart/form-data; boundary=x")
    with suppress(InvalidRequest, DocumentTooLarge):
        await read_submission(untrusted, max_body_bytes=LIMIT)


@given(content=st.binary(max_size=LIMIT), sizes=st.lists(st.integers(0, 300), max_size=10))
async def test_a_raw_body(content: bytes, sizes: list[int]) -> None:
    upload = await read_submission(request(cut(content, sizes), "application/pdf"), max_body_bytes=LIMIT)
    assert upload == Upload(untrusted_bytes=content, file_name=None)


async def test_the_limit_is_noticed_at_the_first_byte_too_many() -> None:
    never_read = request([b"x" * LIMIT, b"x"], "image/png", disconnects=True)
    with pytest.raises(DocumentTooLarge):
        await read_submission(never_read, max_body_bytes=LIMIT)


async def test_an_announced_length_is_believed_where_it_is_too_large() -> None:
    with pytest.raises(DocumentTooLarge):
        await read_submission(request([], "image/png", length=LIMIT + 1), max_body_bytes=LIMIT)


@pytest.mark.parametrize("content_type", ["image/png", "application/json", "multipart/form-data; boundary=x"])
async def test_a_client_that_leaves(content_type: str) -> None:
    with pytest.raises(ClientDisconnect):
        await read_submission(request([b"--x"], content_type, disconnects=True), max_body_bytes=LIMIT)


async def test_a_source() -> None:
    body = b'{"source": "s3://bucket/a/b.pdf"}'
    location = await read_submission(request([body], "application/json; charset=utf-8"), max_body_bytes=LIMIT)
    assert location == S3Location(bucket="bucket", key="a/b.pdf")


@pytest.mark.parametrize(
    ("untrusted", "cleaned"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\a.pdf", "a.pdf"),
        ("a\r\nb\x00.pdf", "ab.pdf"),
        ("folder/", None),
        ("", None),
        ("x" * 400, "x" * 255),
    ],
)
def test_file_names_lose_folders_and_what_cannot_be_printed(untrusted: str, cleaned: str | None) -> None:
    assert clean_file_name(untrusted) == cleaned
