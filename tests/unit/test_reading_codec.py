"""A reading survives the wire, and nothing else gets through it."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_core.contracts import reading_codec
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.geometry import Quad
from ocr_core.contracts.page import Notice, PageError, TextLayerWord
from ocr_core.contracts.reading import LineReading, PageReading, Reading, Ruling, StageTiming, Stamp
from ocr_core.contracts.reading_codec import decode_reading, encode_reading

WIDTH_PX, HEIGHT_PX = 1654, 2339

coordinates = st.integers(-4000, 4 * WIDTH_PX).map(lambda quarter: quarter / 4)
points = st.tuples(coordinates, coordinates)
quads: st.SearchStrategy[Quad] = st.tuples(points, points, points, points)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def line_readings(draw: st.DrawFn, stamp_count: int) -> LineReading:
    steps = draw(st.integers(0, 12))
    return LineReading(
        quad=draw(quads),
        class_ids=np.array(draw(st.lists(st.integers(0, 0xFFFF), min_size=steps, max_size=steps)), np.uint16),
        probabilities=np.array(draw(st.lists(st.floats(0, 1, width=16), min_size=steps, max_size=steps)), np.float32),
        timestep_px=draw(st.floats(0.25, 64, width=32)),
        detection_confidence=draw(st.floats(0, 1, width=32)),
        stamp=draw(st.none() | st.integers(0, stamp_count - 1)) if stamp_count else None,
    )


@st.composite
def page_readings(draw: st.DrawFn, number: int) -> PageReading | PageError:
    if draw(st.booleans()):
        return PageError(number=number, code="unreadable_page", detail=draw(texts))
    words = st.builds(TextLayerWord, text=texts.filter(bool), quad=quads)
    stamps = draw(st.lists(st.builds(Stamp, quad=quads), max_size=3))
    return PageReading(
        number=number,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        dpi=draw(st.integers(0, 1200)),
        rotation_deg=draw(st.sampled_from([0, 90, 180, 270])),
        skew_deg=draw(st.floats(-5, 5)),
        lines=tuple(draw(st.lists(line_readings(len(stamps)), max_size=4))),
        text_layer=tuple(draw(st.lists(words, max_size=4))),
        rulings=tuple(draw(st.lists(st.builds(Ruling, start=points, end=points), max_size=4))),
        stamps=tuple(stamps),
    )


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    numbers = sorted(draw(st.sets(st.integers(1, 30), max_size=3)))
    notices = st.builds(Notice, code=texts, detail=texts, page=st.none() | st.integers(1, 30))
    stages = st.floats(0, 1e6)
    return Reading(
        document=DocumentInfo(
            file_name=draw(st.none() | texts),
            media_type=draw(st.sampled_from(MediaType)),
            page_count=30,
            sha256="0123456789abcdef" * 4,
        ),
        pages=tuple(draw(page_readings(number)) for number in numbers),
        model_versions=draw(st.dictionaries(texts, texts, max_size=2)),
        charset_sha256="a" * 64,
        warnings=tuple(draw(st.lists(notices, max_size=2))),
        timing=StageTiming(
            open_ms=draw(stages), detect_ms=draw(stages), recognise_ms=draw(stages), elapsed_ms=draw(stages)
        ),
    )


def flat(reading: Reading) -> object:
    """The reading with its arrays as lists, so that two of them compare."""

    def page_values(page: PageReading | PageError) -> object:
        if isinstance(page, PageError):
            return page
        lines = [
            (
                line.quad,
                line.class_ids.tolist(),
                line.probabilities.tolist(),
                line.class_ids.dtype,
                line.probabilities.dtype,
                line.timestep_px,
                line.detection_confidence,
                line.stamp,
            )
            for line in page.lines
        ]
        size = (page.width_px, page.height_px, page.dpi, page.rotation_deg, page.skew_deg)
        return (page.number, size, lines, page.text_layer, page.rulings, page.stamps)

    pages = [page_values(page) for page in reading.pages]
    rest = (reading.model_versions, reading.charset_sha256, reading.warnings, reading.timing)
    return (reading.document, pages, rest)


def sample() -> Reading:
    line = LineReading(
        quad=((10.0, 10.0), (210.0, 10.0), (210.0, 40.0), (10.0, 40.0)),
        class_ids=np.array([0, 5, 5, 0, 7], np.uint16),
        probabilities=np.array([0.99, 0.9, 0.8, 0.99, 0.7], np.float32),
        timestep_px=6.5,
        detection_confidence=0.9,
    )
    page = PageReading(
        number=1,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        dpi=200,
        rotation_deg=90,
        skew_deg=0.5,
        lines=(line, replace(line, stamp=0)),
        text_layer=(TextLayerWord(text="合計", quad=line.quad),),
        rulings=(Ruling(start=(10.0, 45.0), end=(1600.0, 47.0)), Ruling(start=(10.0, 5.0), end=(10.0, 45.0))),
        stamps=(Stamp(quad=((150.0, 0.0), (250.0, 0.0), (250.0, 90.0), (150.0, 90.0))),),
    )
    return Reading(
        document=DocumentInfo(file_name="請求書.pdf", media_type=MediaType.PDF, page_count=2, sha256="0" * 64),
        pages=(page, PageError(number=2, code="unreadable_page", detail="broken stream")),
        model_versions={"text_detection": "1"},
        charset_sha256="f" * 64,
        warnings=(Notice(code="rendered_smaller", detail="25 megapixels", page=1),),
        timing=StageTiming(open_ms=1.5, detect_ms=2.5, recognise_ms=3.5, elapsed_ms=6.5),
    )


@given(readings())
def test_round_trip(reading: Reading) -> None:
    assert flat(decode_reading(encode_reading(reading))) == flat(reading)


def test_probabilities_lose_half_a_thousandth_at_most() -> None:
    page = decode_reading(encode_reading(sample())).pages[0]
    assert isinstance(page, PageReading)
    np.testing.assert_allclose(page.lines[0].probabilities, [0.99, 0.9, 0.8, 0.99, 0.7], atol=5e-4)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_bytes_are_refused_or_decode(data: st.DataObject) -> None:
    encoded = bytearray(encode_reading(sample()))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(encoded) - 1))
        match data.draw(st.sampled_from(["set", "delete", "insert", "cut"])):
            case "set":
                encoded[at] = data.draw(st.integers(0, 255))
            case "delete":
                del encoded[at : at + data.draw(st.integers(1, 8))]
            case "insert":
                encoded[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case _:
                del encoded[at + 1 :]
        if not encoded:
            break
    decode_or_refuse(bytes(encoded))


def test_every_truncation_is_refused() -> None:
    encoded = encode_reading(sample())
    for end in range(len(encoded)):
        with pytest.raises(InvalidRequest):
            decode_reading(encoded[:end])


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(untrusted: bytes) -> None:
    decode_or_refuse(untrusted)


leaves = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | texts | st.binary(max_size=9)
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


@given(key=st.sampled_from(sorted(msgpack.unpackb(encode_reading(sample())))), value=values)
def test_any_value_in_any_place_is_refused_or_decodes(key: str, value: object) -> None:
    decode_or_refuse(msgpack.packb({**msgpack.unpackb(encode_reading(sample())), key: value}))


@given(key=st.sampled_from(sorted(msgpack.unpackb(encode_reading(sample()))["pages"][0])), value=values)
def test_any_value_in_any_place_of_a_page_is_refused_or_decodes(key: str, value: object) -> None:
    wire = msgpack.unpackb(encode_reading(sample()))
    wire["pages"][0][key] = value
    decode_or_refuse(msgpack.packb(wire))


def decode_or_refuse(untrusted: bytes) -> None:
    try:
        reading = decode_reading(untrusted)
    except InvalidRequest:
        return
    assert flat(decode_reading(encode_reading(reading))) == flat(reading)


def float_column(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("schema_version", 2, "schema_version"),
        ("page_count", True, "page_count"),
        ("page_count", 1, "page_count"),
        ("sha256", "0" * 63, "sha256"),
        ("sha256", "A" * 64, "sha256"),
        ("charset_sha256", None, "charset_sha256"),
        ("media_type", "text/html", "media_type"),
        ("file_name", "x" * 1001, "file_name"),
        ("models", {"text_detection": 1}, "models"),
        ("models", [], "models"),
        ("timing_ms", [0.0, float("nan"), 0.0, 0.0], "timing_ms"),
        ("timing_ms", [0.0, -1.0, 0.0, 0.0], "timing_ms"),
        ("warnings", [["code", "detail"]], "warning"),
        ("warnings", [["code", "detail", 0]], "warning"),
        ("pages", [1], "pages[0]"),
    ],
)
def test_what_is_wrong_is_named(key: str, value: object, named: str) -> None:
    wire = msgpack.unpackb(encode_reading(sample()))
    wire[key] = value
    with pytest.raises(InvalidRequest) as caught:
        decode_reading(msgpack.packb(wire))
    assert named in caught.value.detail


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("number", 0),
        ("number", 2),
        ("width_px", 0),
        ("height_px", reading_codec.MAX_PAGE_SIDE_PX + 1),
        ("rotation_deg", 45),
        ("skew_deg", float("inf")),
        ("dpi", -1),
        ("quads", float_column(*[0.0] * 15, float("nan"))),
        ("quads", float_column(*[0.0] * 15, float("inf"))),
        ("quads", float_column(*[0.0] * 15, 2.0 * HEIGHT_PX + 1)),
        ("quads", float_column(*[0.0] * 14, 2.0 * WIDTH_PX + 1, 0.0)),
        ("quads", float_column(*[0.0] * 8)),
        ("quads", b"\0"),
        ("timesteps", np.array([5, 6], "<u4").tobytes()),
        ("timesteps", np.array([5, reading_codec.MAX_TIMESTEPS_PER_LINE + 1], "<u4").tobytes()),
        ("timesteps", np.array([0xFFFFFFFF, 0xFFFFFFFF], "<u4").tobytes()),
        ("class_ids", b""),
        ("probabilities", np.full(10, 1.5, "<f2").tobytes()),
        ("probabilities", np.full(10, np.nan, "<f2").tobytes()),
        ("timestep_px", float_column(1.0, 0.0)),
        ("detection", float_column(1.0, -0.5)),
        ("word_lengths", np.array([3], "<u2").tobytes()),
        ("word_lengths", np.array([0], "<u2").tobytes()),
        ("word_text", "合計額"),
        ("word_quads", b""),
        ("rulings", float_column(0.0, 0.0, 1.0)),
        ("rulings", float_column(0.0, 0.0, 1.0, float("nan"))),
        ("rulings", float_column(0.0, float("inf"), 1.0, 1.0)),
        ("rulings", float_column(0.0, 0.0, 2.0 * WIDTH_PX + 1, 0.0)),
        ("rulings", float_column(0.0, 3e38, 1.0, 1.0)),
        ("rulings", float_column(*[1.0] * 4 * (reading_codec.MAX_RULINGS_PER_PAGE + 1))),
        ("rulings", [[0.0, 0.0, 1.0, 1.0]]),
        ("rulings", None),
        ("stamps", float_column(*[0.0] * 7)),
        ("stamps", float_column(*[0.0] * 7, float("nan"))),
        ("stamps", float_column(*[0.0] * 6, 2.0 * WIDTH_PX + 1, 0.0)),
        ("stamps", float_column(*[1.0] * 8 * (reading_codec.MAX_STAMPS_PER_PAGE + 1))),
        ("stamps", b""),
        ("stamps", None),
        ("line_stamps", bytes([0, 2])),
        ("line_stamps", bytes([1])),
        ("line_stamps", [0, 1]),
        ("line_stamps", None),
    ],
)
def test_a_page_with_a_bad_value_is_refused_by_name(key: str, value: object) -> None:
    wire = msgpack.unpackb(encode_reading(sample()))
    wire["pages"][0][key] = value
    with pytest.raises(InvalidRequest):
        decode_reading(msgpack.packb(wire))


def test_a_reading_from_before_there_were_rulings_has_none() -> None:
    wire = msgpack.unpackb(encode_reading(sample()))
    del wire["pages"][0]["rulings"]
    page = decode_reading(msgpack.packb(wire)).pages[0]
    assert isinstance(page, PageReading)
    assert page.rulings == ()
    assert len(page.lines) == 2


def test_a_reading_from_before_there_were_stamps_has_none() -> None:
    wire = msgpack.unpackb(encode_reading(sample()))
    del wire["pages"][0]["stamps"]
    del wire["pages"][0]["line_stamps"]
    page = decode_reading(msgpack.packb(wire)).pages[0]
    assert isinstance(page, PageReading)
    assert page.stamps == ()
    assert [line.stamp for line in page.lines] == [None, None]


def test_no_more_rulings_are_sent_than_are_taken() -> None:
    page = sample().pages[0]
    assert isinstance(page, PageReading)
    many = tuple(
        Ruling(start=(0.0, float(y)), end=(1000.0 - y / 10, float(y)))
        for y in range(reading_codec.MAX_RULINGS_PER_PAGE + 5)
    )
    sent = replace(sample(), pages=(replace(page, rulings=many),))
    decoded = decode_reading(encode_reading(sent)).pages[0]
    assert isinstance(decoded, PageReading)
    assert len(decoded.rulings) == reading_codec.MAX_RULINGS_PER_PAGE
    assert decoded.rulings[0] == many[0]


def test_nested_arrays_do_not_become_gigabytes() -> None:
    with pytest.raises(InvalidRequest):
        decode_reading(b"\x93" + b"\x90" * 500_000)
    with pytest.raises(InvalidRequest):
        decode_reading(b"\xdd\x00\xff\xff\xff" * 1_000)
    nested = msgpack.packb([[[] for _ in range(2_000)] for _ in range(2_000)])
    with pytest.raises(InvalidRequest):
        decode_reading(nested)


def test_text_layer_words_that_cannot_matter_are_left_out() -> None:
    on_page: Quad = ((0.0, 0.0), (50.0, 0.0), (50.0, 20.0), (0.0, 20.0))
    far: Quad = ((0.0, 1e300), (50.0, 1e300), (50.0, 1e300), (0.0, 1e300))
    words = (
        TextLayerWord(text="kept", quad=on_page),
        TextLayerWord(text="far away", quad=far),
        TextLayerWord(text="", quad=on_page),
        TextLayerWord(text="half a pair \ud800", quad=on_page),
        TextLayerWord(text="x" * (reading_codec.MAX_WORD_CHARACTERS + 1), quad=on_page),
    )
    page = PageReading(
        number=1, width_px=500, height_px=500, dpi=200, rotation_deg=0, skew_deg=0.0, lines=(), text_layer=words
    )
    document = DocumentInfo(file_name="half \ud800.pdf", media_type=MediaType.PDF, page_count=1, sha256="0" * 64)
    decoded = decode_reading(
        encode_reading(Reading(document=document, pages=(page,), model_versions={}, charset_sha256="0" * 64))
    )
    assert decoded.document.file_name == "half \N{REPLACEMENT CHARACTER}.pdf"
    assert isinstance(decoded.pages[0], PageReading)
    assert [word.text for word in decoded.pages[0].text_layer] == ["kept"]
