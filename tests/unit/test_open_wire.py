"""What crosses the sandbox's border: what was written is read back, and nothing else is ever believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.opening_wire import (
    FAILURES_OF_A_PAGE,
    MAX_REQUEST_BYTES,
    MESSAGE_BYTES,
    DocumentOpened,
    Failure,
    ForgedMessage,
    OpenEnded,
    OpenFailed,
    OpenRequest,
    OwnMemory,
    PageFailed,
    PageNotice,
    PageReady,
    decode_message,
    decode_request,
    encode_message,
    encode_request,
)
from ocr_core.contracts.page import TextLayerWord
from ocr_core.contracts.page_memory import PageLayout, allowed_code_points, decode_text_layer, encode_text_layer
from ocr_core.contracts.pool_wire import FontScript, PoolMessage, PoolMessageKind

NUMBERS = st.integers(1, 2**31 - 1)
PAGES = st.builds(
    lambda number, width, height, dpi, words, more, notices: PageReady(
        number=number,
        width_px=width,
        height_px=height,
        stride_bytes=width * 3,
        dpi=dpi,
        word_count=words,
        code_point_count=words + more if words else 0,
        memory=number % 7,
        notices=notices,
    ),
    NUMBERS,
    st.integers(1, 32_767),
    st.integers(1, 32_767),
    st.integers(0, 4800),
    st.integers(0, 20_000),
    st.integers(0, 80_000),
    st.sampled_from(list(PageNotice)),
)
MESSAGES = st.one_of(
    st.builds(DocumentOpened, media_type=st.sampled_from(MediaType), page_count=NUMBERS),
    PAGES,
    st.builds(PageFailed, number=NUMBERS, memory=NUMBERS, failure=st.sampled_from(sorted(FAILURES_OF_A_PAGE))),
    st.builds(OpenFailed, failure=st.sampled_from(Failure), value=st.integers(0, 2**32 - 1)),
    st.just(OpenEnded()),
    st.just(OwnMemory()),
)


@given(MESSAGES)
def test_a_message_is_read_as_it_was_written(message: object) -> None:
    body = encode_message(message)  # type: ignore[arg-type]
    assert len(body) == MESSAGE_BYTES
    assert decode_message(body) == message


@given(st.one_of(st.binary(max_size=80), st.binary(min_size=MESSAGE_BYTES, max_size=MESSAGE_BYTES)))
def test_arbitrary_bytes_are_forged(body: bytes) -> None:
    with pytest.raises(ForgedMessage):
        decode_message(body)


@given(MESSAGES, st.integers(0, MESSAGE_BYTES - 1), st.integers(1, 255))
def test_a_changed_byte_is_another_valid_message_or_forged(message: object, at: int, change: int) -> None:
    body = bytearray(encode_message(message))  # type: ignore[arg-type]
    body[at] ^= change
    try:
        read = decode_message(bytes(body))
    except ForgedMessage:
        return
    assert read != message
    assert encode_message(read) == body


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), max_size=50),
    st.booleans(),
    st.floats(0.1, 30),
)
def test_a_request_is_read_as_it_was_written(
    starts_and_lengths: list[tuple[int, int]], text_layer: bool, timeout_s: float
) -> None:
    ranges = tuple((start, start + length) for start, length in starts_and_lengths)
    limits = OpenLimits(max_pages=7, max_cpu_s=0.25)
    request = OpenRequest(
        selection=PageSelection(ranges=ranges), limits=limits, text_layer=text_layer, timeout_s=timeout_s
    )
    read = decode_request(encode_request(request))
    assert read.selection.ranges == request.selection.merged()
    assert (read.limits, read.text_layer, read.timeout_s) == (limits, text_layer, timeout_s)


def test_a_request_that_does_not_fit_is_not_written() -> None:
    selection = PageSelection(ranges=tuple((n * 2 + 1, n * 2 + 1) for n in range(MAX_REQUEST_BYTES)))
    with pytest.raises(ValueError, match="too many ranges"):
        encode_request(OpenRequest(selection=selection, limits=OpenLimits(), text_layer=False, timeout_s=1))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"ranges": 1}', b"\xff"])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own error is one
        decode_request(body)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30)), max_size=8), st.integers(1, 90))
def test_a_selection_is_counted_as_it_is_listed(starts_and_lengths: list[tuple[int, int]], page_count: int) -> None:
    selection = PageSelection(ranges=tuple((start, start + length) for start, length in starts_and_lengths))
    wanted = {number for first, last in selection.ranges for number in range(first, last + 1)}
    if wanted and max(wanted) > page_count:
        with pytest.raises(InvalidRequest):
            selection.count(page_count)
        with pytest.raises(InvalidRequest):
            selection.numbers(page_count)
        return
    numbers = selection.numbers(page_count)
    assert numbers == sorted(wanted or range(1, page_count + 1))
    assert selection.count(page_count) == len(numbers)


def test_a_selection_of_a_billion_pages_is_counted_without_being_listed() -> None:
    assert PageSelection().count(10**9) == 10**9
    assert PageSelection(ranges=((1, 10**9), (2, 10**9))).count(10**9) == 10**9


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Cn", "Zl", "Zp"]), min_size=1, max_size=20)
WORDS = st.lists(
    st.builds(
        lambda text, x, y: TextLayerWord(text=text, quad=((x, y), (x + 5, y), (x + 5, y + 3), (x, y + 3))),
        TEXT,
        st.integers(0, 95),
        st.integers(0, 47),
    ),
    max_size=30,
)


@given(WORDS)
def test_a_text_layer_is_read_as_it_was_written(words: list[TextLayerWord]) -> None:
    code_points = sum(len(word.text) for word in words)
    layout = PageLayout.of(width_px=100, height_px=50, word_count=len(words), code_point_count=code_points)
    body = encode_text_layer(words) if words else b""
    assert layout.total_bytes - layout.text_offset == len(body)
    assert _decode(body, len(words), code_points) == tuple(words)


@given(st.binary(max_size=400), st.integers(1, 5), st.integers(1, 40))
def test_arbitrary_bytes_are_words_inside_the_page_or_forged(body: bytes, words: int, code_points: int) -> None:
    body = body.ljust(words * 36 + code_points * 4, b"\0")[: words * 36 + code_points * 4]
    try:
        read = _decode(body, words, code_points)
    except ForgedMessage:
        return
    for word in read:
        assert 1 <= len(word.text) <= 256
        assert all(0 <= x <= 100 and 0 <= y <= 50 for x, y in word.quad)


@pytest.mark.parametrize(
    "number",
    [0x00, 0x1B, 0x7F, 0x9F, 0xD800, 0xDFFF, 0xFFFE, 0x10FFFF, 0x202E, 0x2066, 0xFEFF, 0x200B, 0x110000, 2**32 - 1],
)
def test_code_points_that_no_text_layer_holds(number: int) -> None:
    assert not allowed_code_points(np.array([number], dtype=np.uint32)).any()


def test_code_points_of_ordinary_text() -> None:
    ordinary = [ord(character) for character in "A é ¥ 請 ｶ 𠮷 ① か゚ \ufffd \ue000"]
    assert allowed_code_points(np.array(ordinary, dtype=np.uint32)).all()


def _decode(body: bytes, words: int, code_points: int) -> tuple[TextLayerWord, ...]:
    return decode_text_layer(
        memoryview(body), word_count=words, code_point_count=code_points, width_px=100, height_px=50
    )


@pytest.mark.parametrize("kind", list(PoolMessageKind))
def test_a_pool_message_is_read_as_it_was_written(kind: PoolMessageKind) -> None:
    message = PoolMessage(
        kind=kind,
        job_id=2**32 - 1,
        wait_status=139,
        cpu_ms=5,
        peak_memory_kib=2**31,
        landlock_version=7,
        missing_fonts=FontScript.JAPANESE | FontScript.KOREAN,
    )
    assert PoolMessage.decode(message.encode()) == message


@pytest.mark.parametrize("body", [b"", b"\x01", b"\xff" * 20])
def test_what_is_no_pool_message_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the enum's own error is one
        PoolMessage.decode(body)


def test_a_page_fails_for_a_pages_reasons_only() -> None:
    for failure in Failure:
        told = encode_message(PageFailed(number=3, memory=1, failure=failure))
        if failure in FAILURES_OF_A_PAGE:
            assert decode_message(told) == PageFailed(number=3, memory=1, failure=failure)
        else:
            with pytest.raises(ForgedMessage):
                decode_message(told)
