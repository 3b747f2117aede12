"""The reader of forms: whatever the chunks, the same parts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.service.multipart import MultipartReader, PartStart

TYPE = "multipart/form-data; boundary=b0"
Part = tuple[str, str | None, bytes]

names = st.text(st.characters(codec="utf-8", exclude_characters='\r\n"\\', exclude_categories=("Cc", "Cs")), max_size=8)
parts_of_forms = st.lists(st.tuples(names, st.none() | names, st.binary(max_size=200)), max_size=6)


def form(parts: Sequence[Part]) -> bytes:
    body = b""
    for name, file_name, content in parts:
        of_file = "" if file_name is None else f'; filename="{file_name}"'
        body += f'--b0\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'.encode() + content + b"\r\n"
    return body + b"--b0--\r\n"


def read(chunks: Sequence[bytes]) -> list[Part]:
    """The parts, each content put together."""
    reader, parts, content = MultipartReader(TYPE), [], bytearray()
    for chunk in chunks:
        for event in reader.feed(chunk):
            if isinstance(event, PartStart):
                start, content = event, bytearray()
            elif isinstance(event, bytes):
                content += event
            else:
                parts.append((start.name or "", start.untrusted_file_name, bytes(content)))
    reader.finish()
    return parts


@given(parts=parts_of_forms, sizes=st.lists(st.integers(0, 40), max_size=60))
def test_a_form_is_read_however_it_is_cut(parts: list[Part], sizes: list[int]) -> None:
    body, chunks = form(parts), []
    for size in sizes:
        chunks.append(body[:size])
        body = body[size:]
    assert read([*chunks, body]) == parts


@given(st.binary(max_size=300))
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read([body])


@given(parts=parts_of_forms.filter(bool), missing=st.integers(5, 30))
def test_half_a_form_is_refused(parts: list[Part], missing: int) -> None:
    with pytest.raises(InvalidRequest):
        read([form(parts)[:-missing]])


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "x; boundary=" + "b" * 400]
)
def test_types_that_name_no_boundary(content_type: str) -> None:
    with pytest.raises(InvalidRequest):
        MultipartReader(content_type)


def test_a_part_may_not_have_endless_headers() -> None:
    with pytest.raises(InvalidRequest):
        read([b"--b0\r\nX: " + b"a" * 100_000])
