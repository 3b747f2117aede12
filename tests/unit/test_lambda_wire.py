"""What passes between opener and function: read back as it was written, and nothing else is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.adapters.lambda_exchange import unpack
from ocr_core.contracts.document import OpenLimits, PageSelection
from ocr_core.contracts.lambda_wire import (
    MAX_ANSWER_BYTES,
    MAX_PAGES_PER_CALL,
    Answer,
    Call,
    Ending,
    decode_answer,
    decode_call,
    encode_answer,
    encode_call,
)
from ocr_core.contracts.opening_wire import MESSAGE_BYTES, ForgedMessage, OpenRequest
from ocr_core.contracts.pool_wire import PoolMessage, PoolMessageKind

REQUEST = OpenRequest(
    selection=PageSelection(ranges=((1, 3), (7, 7))), limits=OpenLimits(max_pages=7), text_layer=True, timeout_s=1.5
)
CALL = Call(request=REQUEST, document_url="https://store/d?x=1", page_urls=("https://store/1", "https://store/2"))


def event(**changes: object) -> dict[str, Any]:
    return {**json.loads(encode_call(CALL)), **changes}


def test_a_call_is_read_back_as_it_was_written() -> None:
    assert decode_call(event()) == CALL


@pytest.mark.parametrize(
    "made",
    [
        lambda: None,
        list,
        dict,
        lambda: event(schema_version=2),
        lambda: event(request=[]),
        lambda: event(request={"ranges": []}),
        lambda: event(document_url=None),
        lambda: event(page_urls=[]),
        lambda: event(page_urls=["https://store/1", 2]),
        lambda: event(page_urls=["https://store/1"] * (MAX_PAGES_PER_CALL + 1)),
    ],
)
def test_what_is_no_call_is_refused(made: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"URLs|opening"):
        decode_call(made())


ANSWERS = st.builds(
    Answer,
    messages=st.lists(st.binary(min_size=MESSAGE_BYTES, max_size=MESSAGE_BYTES), max_size=6).map(tuple),
    ending=st.sampled_from(Ending),
    exit=st.none()
    | st.builds(
        PoolMessage,
        kind=st.just(PoolMessageKind.EXITED),
        wait_status=st.integers(0, 2**16),
        cpu_ms=st.integers(0, 2**32 - 1),
    ),
)


@given(ANSWERS)
def test_an_answer_is_read_back_as_it_was_written(answer: Answer) -> None:
    assert decode_answer(json.dumps(encode_answer(answer)).encode(), max_pages=4) == answer


def test_the_longest_answer_fits() -> None:
    exited = PoolMessage(kind=PoolMessageKind.EXITED, job_id=2**32 - 1)
    answer = Answer(
        messages=(bytes([255]) * MESSAGE_BYTES,) * (MAX_PAGES_PER_CALL + 2), ending=Ending.COMPLETE, exit=exited
    )
    # With the whitespace of a runtime that is generous.
    written = json.dumps(encode_answer(answer), indent=2).encode()
    assert len(written) <= MAX_ANSWER_BYTES
    assert decode_answer(written, max_pages=MAX_PAGES_PER_CALL) == answer


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.binary()
    | JSON.map(lambda document: json.dumps(document).encode())
    | st.fixed_dictionaries(
        {"schema_version": JSON | st.just(1), "messages": JSON | st.just([]), "ending": JSON | st.just("more")},
        optional={"exit": JSON},
    ).map(lambda document: json.dumps(document).encode())
)
def test_whatever_comes_is_an_answer_or_refused(untrusted: bytes) -> None:
    try:
        answer = decode_answer(untrusted, max_pages=2)
    except ForgedMessage:
        return
    assert len(answer.messages) <= 4


@given(st.binary(max_size=64), st.integers(0, 64))
def test_whatever_is_stored_as_a_page_is_of_the_size_announced_or_refused(untrusted: bytes, byte_count: int) -> None:
    try:
        content = unpack(untrusted, byte_count)
    except ForgedMessage:
        return
    assert len(content) == byte_count
