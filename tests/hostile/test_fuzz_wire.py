"""What comes out of the sandbox, mutated: the host reads what an honest child could have written, or nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from ocr_core.contracts.document import MediaType
from ocr_core.contracts.opening_wire import (
    MAX_CODE_POINTS_PER_PAGE,
    MAX_DPI,
    MAX_PAGE_COUNT,
    MAX_SIDE_PX,
    MAX_WORDS_PER_PAGE,
    DocumentOpened,
    Failure,
    ForgedMessage,
    OpenEnded,
    OpenFailed,
    PageFailed,
    PageNotice,
    PageReady,
    SandboxMessage,
    decode_message,
    encode_message,
)
from ocr_core.contracts.page import TextLayerWord
from ocr_core.contracts.page_memory import (
    MAX_WORD_CODE_POINTS,
    allowed_code_points,
    decode_text_layer,
    encode_text_layer,
)
from tests.support.fuzz_bytes import ANY, IN_PLACE, splicing

SEED = 20_261_128
MESSAGES = 30_000
TEXT_LAYERS = 6_000
WIDTH_PX, HEIGHT_PX = 300, 200

PAGE = PageReady(
    number=1,
    width_px=1654,
    height_px=2339,
    stride_bytes=1654 * 3,
    dpi=200,
    word_count=90,
    code_point_count=400,
    memory=0,
    notices=PageNotice.NONE,
)
HONEST: tuple[SandboxMessage, ...] = (
    *(DocumentOpened(media_type=kind, page_count=count) for kind in MediaType for count in (1, 30)),
    PAGE,
    PageReady(
        number=30,
        width_px=40,
        height_px=30,
        stride_bytes=120,
        dpi=0,
        word_count=0,
        code_point_count=0,
        memory=0,
        notices=PageNotice.RENDERED_SMALLER | PageNotice.IMAGE_TRUNCATED,
    ),
    PageFailed(number=3, memory=1),
    *(OpenFailed(failure=failure, value=50_000_001) for failure in Failure),
    OpenEnded(),
)


def test_a_mutated_message_is_forged_or_within_every_limit() -> None:
    dice = random.Random(SEED)  # noqa: S311 - mutants, not secrets
    honest = [encode_message(message) for message in HONEST]
    changes = (*IN_PLACE, *IN_PLACE, *ANY, splicing(honest))
    believed = 0
    for _ in range(MESSAGES):
        body = dice.choice(honest)
        for _ in range(dice.choice((1, 1, 2, 3))):
            body = dice.choice(changes)(body, dice) or b"\0"
        try:
            message = decode_message(body)
        except ForgedMessage:
            continue
        believed += 1
        assert encode_message(message) == body
        assert_within_limits(message)
    # Most numbers may have more than one value: a fuzzer whose mutants are all refused would look at little.
    assert believed > MESSAGES // 50


def assert_within_limits(message: SandboxMessage) -> None:
    match message:
        case DocumentOpened():
            assert 1 <= message.page_count <= MAX_PAGE_COUNT
        case PageReady():
            assert 1 <= message.number <= MAX_PAGE_COUNT
            assert 1 <= message.width_px <= MAX_SIDE_PX
            assert 1 <= message.height_px <= MAX_SIDE_PX
            assert message.stride_bytes == message.width_px * 3
            assert 0 <= message.dpi <= MAX_DPI
            assert 0 <= message.word_count <= MAX_WORDS_PER_PAGE
            assert message.word_count <= message.code_point_count <= MAX_CODE_POINTS_PER_PAGE
            assert message.word_count or not message.code_point_count
        case PageFailed():
            assert 1 <= message.number <= MAX_PAGE_COUNT
        case OpenFailed():
            assert message.failure in Failure
        case OpenEnded():
            pass


def words_of(dice: random.Random) -> list[TextLayerWord]:
    words = []
    for _ in range(dice.randint(1, 12)):
        x, y = dice.uniform(0, WIDTH_PX - 20), dice.uniform(0, HEIGHT_PX - 10)
        text = "".join(dice.choice("請求書合計 1,980円ABCé𠮷") for _ in range(dice.randint(1, 9)))
        words.append(TextLayerWord(text=text, quad=((x, y), (x + 20, y), (x + 20, y + 10), (x, y + 10))))
    return words


def decoded(body: bytes, word_count: int, code_point_count: int) -> tuple[TextLayerWord, ...] | None:
    try:
        return decode_text_layer(
            memoryview(body),
            word_count=word_count,
            code_point_count=code_point_count,
            width_px=WIDTH_PX,
            height_px=HEIGHT_PX,
        )
    except ForgedMessage:
        return None


def test_a_mutated_text_layer_is_forged_or_words_on_the_page() -> None:
    dice = random.Random(SEED)  # noqa: S311 - mutants, not secrets
    believed = 0
    for _ in range(TEXT_LAYERS):
        words = words_of(dice)
        body = encode_text_layer(words)
        assert decoded(body, len(words), sum(len(word.text) for word in words)) is not None
        for _ in range(dice.choice((1, 1, 2, 3))):
            body = dice.choice((*IN_PLACE, *IN_PLACE, *ANY))(body, dice) or b"\0"
        counts = [len(words), sum(len(word.text) for word in words)]
        if dice.random() < 0.3:
            counts[dice.randrange(2)] += dice.choice((-1, 1, 100))
        read = decoded(body, max(1, counts[0]), counts[1])
        if read is not None:
            believed += 1
            assert encode_text_layer(read) == body
            assert_on_the_page(read)
    assert believed > TEXT_LAYERS // 50


def assert_on_the_page(words: tuple[TextLayerWord, ...]) -> None:
    for word in words:
        assert 1 <= len(word.text) <= MAX_WORD_CODE_POINTS
        assert allowed_code_points(np.array([ord(character) for character in word.text], dtype=np.uint32)).all()
        assert all(0 <= x <= WIDTH_PX and 0 <= y <= HEIGHT_PX for x, y in word.quad)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), -1e-30, 300.0001, 3e38])
def test_a_corner_that_is_not_on_the_page_is_forged(number: float) -> None:
    word = TextLayerWord(text="a", quad=((1, 1), (9, 1), (number, 9), (1, 9)))
    assert decoded(encode_text_layer([word]), 1, 1) is None
