"""A ``Reading`` as bytes, and back.

MessagePack. What a page holds many times (quads, class ids, probabilities, words) travels as columns of little-endian
numbers, one blob each, so that a page of 50 lines costs a few array operations instead of thousands of small objects,
and so that every number of a column is checked in one comparison. Probabilities travel as float16: half a thousandth
is all that is lost.

The decoder believes nothing: sizes, ranges, counts and texts are checked, and the number of containers is capped while
they are being built, since a few bytes of nested arrays would otherwise become gigabytes of lists.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.page import Notice, PageError, TextLayerWord
from ocr_core.contracts.reading import LineReading, PageReading, Reading, Ruling, StageTiming, Stamp
from ocr_core.contracts.untrusted_map import (
    MAX_TEXT_CHARACTERS,
    UntrustedMap,
    checked_number,
    checked_text,
    on_page,
    pack_map,
    unpack_map,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA_VERSION = 1

MAX_READING_BYTES = 256 << 20
MAX_PAGES = 3_000
MAX_LINES_PER_PAGE = 10_000
MAX_TIMESTEPS_PER_LINE = 8_192
MAX_TIMESTEPS_PER_PAGE = 1_000_000
MAX_WORDS_PER_PAGE = 20_000
MAX_RULINGS_PER_PAGE = 1_000
MAX_STAMPS_PER_PAGE = 50
MAX_WORD_CHARACTERS = 1_000
MAX_NOTICES = 3_000
MAX_MODELS = 32
MAX_PAGE_SIDE_PX = 1_000_000
MAX_DPI = 1_000_000
MAX_TIMESTEP_PX = 100_000.0
MAX_SKEW_DEG = 45.0
MAX_STAGE_MS = 1e9
_MAX_CONTAINERS = 4 * (MAX_PAGES + MAX_NOTICES)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_Number = TypeVar("_Number", bound=np.generic)

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def encode_reading(reading: Reading) -> bytes:
    """Write a reading down. Words of the text layer that lie off the page or are absurdly long are left out."""
    document, timing = reading.document, reading.timing
    wire = {
        "schema_version": SCHEMA_VERSION,
        "file_name": None if document.file_name is None else _clean(document.file_name),
        "media_type": document.media_type.value,
        "page_count": document.page_count,
        "sha256": document.sha256,
        "pages": [_encode_page(page) for page in reading.pages],
        "models": {_clean(name): _clean(version) for name, version in reading.model_versions.items()},
        "charset_sha256": reading.charset_sha256,
        "warnings": [[_clean(n.code), _clean(n.detail), n.page] for n in reading.warnings[:MAX_NOTICES]],
        "timing_ms": [timing.open_ms, timing.detect_ms, timing.recognise_ms, timing.elapsed_ms],
    }
    return pack_map(wire)


def decode_reading(untrusted: bytes) -> Reading:
    """Read back what ``encode_reading`` wrote.

    Raises:
        InvalidRequest: the bytes are anything else; the detail names what was wrong.
    """
    wire = _unpack(untrusted)
    version = wire.integer("schema_version", 0, 1 << 31)
    if version != SCHEMA_VERSION:
        raise InvalidRequest(f"reading: schema_version {version} is not spoken here, {SCHEMA_VERSION} is")
    page_count = wire.integer("page_count", 0, 1 << 31)
    untrusted_pages = wire.items("pages", MAX_PAGES)
    pages = tuple(_decode_page(UntrustedMap(page, f"reading.pages[{at}]")) for at, page in enumerate(untrusted_pages))
    numbers = [page.number for page in pages]
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise InvalidRequest("reading: page numbers do not ascend")
    if numbers and numbers[-1] > page_count:
        raise InvalidRequest("reading: a page number is beyond page_count")
    return Reading(
        document=DocumentInfo(
            file_name=wire.optional_text("file_name"),
            media_type=_media_type(wire.text("media_type")),
            page_count=page_count,
            sha256=_digest(wire.text("sha256"), "sha256"),
        ),
        pages=pages,
        model_versions=_models(wire.value("models")),
        charset_sha256=_digest(wire.text("charset_sha256"), "charset_sha256"),
        warnings=tuple(_notice(item) for item in wire.items("warnings", MAX_NOTICES)),
        timing=_timing(wire.items("timing_ms", 4)),
    )


def _encode_page(page: PageReading | PageError) -> dict[str, object]:
    if isinstance(page, PageError):
        return {"number": page.number, "code": _clean(page.code), "detail": _clean(page.detail)}
    lines = page.lines
    words = _sound_words(page)
    probabilities = _column([line.probabilities for line in lines], np.float32)
    return {
        "number": page.number,
        "width_px": page.width_px,
        "height_px": page.height_px,
        "dpi": page.dpi,
        "rotation_deg": page.rotation_deg,
        "skew_deg": float(page.skew_deg),
        "quads": np.array([line.quad for line in lines], "<f4").tobytes(),
        "timesteps": np.array([len(line.class_ids) for line in lines], "<u4").tobytes(),
        "class_ids": _column([line.class_ids for line in lines], np.uint16).astype("<u2").tobytes(),
        # A softmax may exceed 1 by a rounding error, which the decoder would have to refuse.
        "probabilities": np.clip(probabilities, 0.0, 1.0).astype("<f2").tobytes(),
        "timestep_px": np.array([line.timestep_px for line in lines], "<f4").tobytes(),
        "detection": np.clip([line.detection_confidence for line in lines], 0.0, 1.0).astype("<f4").tobytes(),
        "word_quads": np.array([word.quad for word in words], "<f4").tobytes(),
        "word_lengths": np.array([len(word.text) for word in words], "<u2").tobytes(),
        "word_text": "".join(word.text for word in words),
        "rulings": np.array([(*r.start, *r.end) for r in page.rulings[:MAX_RULINGS_PER_PAGE]], "<f4").tobytes(),
        "stamps": np.array([stamp.quad for stamp in page.stamps[:MAX_STAMPS_PER_PAGE]], "<f4").tobytes(),
        # 0 is none, 1 the first.
        "line_stamps": np.array([0 if line.stamp is None else line.stamp + 1 for line in lines], np.uint8).tobytes(),
    }


def _decode_page(page: UntrustedMap) -> PageReading | PageError:
    number = page.integer("number", 1, 1 << 31)
    if page.has("code"):
        return PageError(number=number, code=page.text("code"), detail=page.text("detail"))
    width_px = page.integer("width_px", 1, MAX_PAGE_SIDE_PX)
    height_px = page.integer("height_px", 1, MAX_PAGE_SIDE_PX)
    rotation_deg = page.integer("rotation_deg", 0, 270)
    if rotation_deg % 90:
        raise InvalidRequest(f"{page.where}.rotation_deg is not a quarter turn")
    stamps = _decode_stamps(page, width_px, height_px)
    return PageReading(
        number=number,
        width_px=width_px,
        height_px=height_px,
        dpi=page.integer("dpi", 0, MAX_DPI),
        rotation_deg=rotation_deg,
        skew_deg=page.number("skew_deg", -MAX_SKEW_DEG, MAX_SKEW_DEG),
        lines=_decode_lines(page, len(stamps), width_px, height_px),
        text_layer=_decode_words(page, width_px, height_px),
        rulings=_decode_rulings(page, width_px, height_px),
        stamps=stamps,
    )


def _decode_lines(page: UntrustedMap, stamp_count: int, width_px: int, height_px: int) -> tuple[LineReading, ...]:
    counts = page.column("timesteps", "<u4", 0, MAX_TIMESTEPS_PER_LINE, at_most=MAX_LINES_PER_PAGE)
    total = int(counts.sum(dtype=np.int64))
    if total > MAX_TIMESTEPS_PER_PAGE:
        raise InvalidRequest(f"{page.where} has over {MAX_TIMESTEPS_PER_PAGE} timesteps")
    quads = page.quads("quads", len(counts), width_px, height_px)
    class_ids = page.column("class_ids", "<u2", 0, 0xFFFF, exactly=total).astype(np.uint16)
    probabilities = page.column("probabilities", "<f2", 0.0, 1.0, exactly=total).astype(np.float32)
    timestep_px = page.column("timestep_px", "<f4", 1e-3, MAX_TIMESTEP_PX, exactly=len(counts)).tolist()
    detection = page.column("detection", "<f4", 0.0, 1.0, exactly=len(counts)).tolist()
    stamps = _decode_line_stamps(page, len(counts), stamp_count)
    ends = np.cumsum(counts, dtype=np.int64).tolist()
    starts = [0, *ends[:-1]]
    return tuple(
        [
            LineReading(
                quad=quad,
                class_ids=class_ids[start:end],
                probabilities=probabilities[start:end],
                timestep_px=step,
                detection_confidence=confidence,
                stamp=stamp,
            )
            for quad, start, end, step, confidence, stamp in zip(
                quads, starts, ends, timestep_px, detection, stamps, strict=False
            )
        ]
    )


def _decode_words(page: UntrustedMap, width_px: int, height_px: int) -> tuple[TextLayerWord, ...]:
    lengths = page.column("word_lengths", "<u2", 1, MAX_WORD_CHARACTERS, at_most=MAX_WORDS_PER_PAGE)
    quads = page.quads("word_quads", len(lengths), width_px, height_px)
    text = page.text("word_text", at_most=MAX_WORDS_PER_PAGE * MAX_WORD_CHARACTERS)
    if int(lengths.sum(dtype=np.int64)) != len(text):
        raise InvalidRequest(f"{page.where}.word_text is not as long as its words")
    if not quads:
        return ()
    words: list[TextLayerWord] = []
    start = 0
    for length, quad in zip(lengths.tolist(), quads, strict=True):
        words.append(TextLayerWord(text=text[start : start + length], quad=quad))
        start += length
    return tuple(words)


def _decode_rulings(page: UntrustedMap, width_px: int, height_px: int) -> tuple[Ruling, ...]:
    # Readings from before there were rulings lie in object storage, and a worker of that time skips what it does not
    # know: the version stays.
    if not page.has("rulings"):
        return ()
    segments = page.segments("rulings", MAX_RULINGS_PER_PAGE, width_px, height_px)
    return tuple([Ruling(start=start, end=end) for start, end in segments])


def _decode_line_stamps(page: UntrustedMap, line_count: int, stamp_count: int) -> list[int | None]:
    # Readings from before there were stamps have no such column.
    if not page.has("line_stamps"):
        return [None] * line_count
    numbers = page.column("line_stamps", "u1", 0, stamp_count, exactly=line_count)
    return [number - 1 if number else None for number in numbers.tolist()]


def _decode_stamps(page: UntrustedMap, width_px: int, height_px: int) -> tuple[Stamp, ...]:
    if not page.has("stamps"):
        return ()
    return tuple([Stamp(quad=quad) for quad in page.quads_up_to("stamps", MAX_STAMPS_PER_PAGE, width_px, height_px)])


def _unpack(untrusted: bytes) -> UntrustedMap:
    if len(untrusted) > MAX_READING_BYTES:
        raise InvalidRequest(f"reading: over {MAX_READING_BYTES} bytes")
    return unpack_map(untrusted, "reading", max_array=max(MAX_PAGES, MAX_NOTICES), max_containers=_MAX_CONTAINERS)


def _sound_words(page: PageReading) -> list[TextLayerWord]:
    words = [
        word
        for word in page.text_layer
        if 0 < len(word.text) <= MAX_WORD_CHARACTERS and _SURROGATE.search(word.text) is None
    ]
    if not words:
        return []
    within = on_page(np.array([word.quad for word in words], np.float64), page.width_px, page.height_px)
    return [word for word, sound in zip(words, within.tolist(), strict=True) if sound][:MAX_WORDS_PER_PAGE]


def _column(arrays: Sequence[NDArray[_Number]], dtype: type[_Number]) -> NDArray[_Number]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype)


def _clean(text: str) -> str:
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text[:MAX_TEXT_CHARACTERS])


def _timing(values: list[object]) -> StageTiming:
    if len(values) != 4:
        raise InvalidRequest("reading: timing_ms is not four numbers")
    opened, detected, recognised, elapsed = (
        checked_number(value, "reading.timing_ms", 0.0, MAX_STAGE_MS) for value in values
    )
    return StageTiming(open_ms=opened, detect_ms=detected, recognise_ms=recognised, elapsed_ms=elapsed)


def _digest(text: str, where: str) -> str:
    if _SHA256.fullmatch(text) is None:
        raise InvalidRequest(f"reading: {where} is not a SHA-256 in hexadecimal")
    return text


def _media_type(text: str) -> MediaType:
    try:
        return MediaType(text)
    except ValueError as error:
        raise InvalidRequest("reading: media_type is none that is read here") from error


def _models(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_MODELS:
        raise InvalidRequest(f"reading: models is not a map of at most {MAX_MODELS} entries")
    return {
        checked_text(name, "reading.models"): checked_text(version, "reading.models") for name, version in value.items()
    }


def _notice(value: object) -> Notice:
    if not isinstance(value, list) or len(value) != 3:
        raise InvalidRequest("reading: a warning is not [code, detail, page]")
    code, detail, page = value
    if page is not None and (not isinstance(page, int) or isinstance(page, bool) or not 1 <= page <= 1 << 31):
        raise InvalidRequest("reading: a warning's page is not a page number")
    return Notice(
        code=checked_text(code, "reading.warnings"), detail=checked_text(detail, "reading.warnings"), page=page
    )
