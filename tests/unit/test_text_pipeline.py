"""The text pipeline from an encoded reading to a written-down result."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np
import pytest

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.errors import DeadlineExceeded, InvalidRequest, NotReady
from ocr_core.contracts.geometry import Box, Quad
from ocr_core.contracts.page import Notice, PageError, TextLayerWord
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import LineReading, PageReading, Reading, StageTiming
from ocr_core.contracts.reading_codec import encode_reading
from ocr_core.contracts.result import DocumentType, OcrResult, OutputFormat, PageResult, UnreadPage
from ocr_core.contracts.schema_names import NONE, SchemaName
from postprocess_svc import fields
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.pipeline import PAGE_BREAK, TextPipeline

INVOICE: tuple[tuple[str, float, float, float], ...] = (
    ("請求書", 700, 60, 50),
    ("株式会社見本商事 御中", 100, 200, 30),
    ("請求日 2026年10月31日", 1000, 190, 20),
    ("請求番号 INV-0042", 1000, 219, 20),
    ("株式会社サンプルテック", 1000, 248, 20),
    ("登録番号 T7000012050002", 1000, 277, 20),
    ("TEL 03-1234-5678", 1000, 306, 20),
    ("ご請求金額 ¥385,000-", 100, 400, 30),
    ("小計", 1000, 720, 20),
    ("350,000", 1220, 720, 20),
    ("消費税", 1000, 760, 20),
    ("35,000", 1220, 760, 20),
    ("合計", 1000, 800, 20),
    ("385,000", 1220, 800, 20),
    ("振込先 見本銀行 渋谷支店 普通 1234567", 100, 900, 20),
)

_CHARACTERS = sorted({character for text, *_ in INVOICE for character in text})
CHARSET = Charset.parse("\n".join(_CHARACTERS).encode())
CLASS_IDS = {character: class_id for class_id, character in enumerate(CHARSET.characters) if character}
PIPELINE = TextPipeline(charsets=Charsets([CHARSET]))


def line_reading(text: str, left: float, top: float, height: float, *, probability: float = 0.99) -> LineReading:
    """The line as the recogniser would answer: a blank, then each character for two timesteps and a blank."""
    ids = [0]
    for character in text:
        ids += [CLASS_IDS[character], CLASS_IDS[character], 0]
    width = len(text) * height
    return LineReading(
        quad=Box(left=left, top=top, right=left + width, bottom=top + height).to_quad(),
        class_ids=np.array(ids, np.uint16),
        probabilities=np.full(len(ids), probability, np.float32),
        timestep_px=width / len(ids),
        detection_confidence=0.9,
    )


def page_reading(
    lines: Sequence[LineReading], *, number: int = 1, text_layer: tuple[TextLayerWord, ...] = ()
) -> PageReading:
    return PageReading(
        number=number,
        width_px=1654,
        height_px=2339,
        dpi=200,
        rotation_deg=90,
        skew_deg=0.0,
        lines=tuple(lines),
        text_layer=text_layer,
    )


def reading_of(*pages: PageReading | PageError, charset_sha256: str = CHARSET.sha256) -> Reading:
    return Reading(
        document=DocumentInfo(file_name="a.pdf", media_type=MediaType.PDF, page_count=len(pages), sha256="0" * 64),
        pages=pages,
        model_versions={"text_recognition": "1"},
        charset_sha256=charset_sha256,
        warnings=(Notice(code="rendered_smaller", detail="25 megapixels", page=1),),
        timing=StageTiming(open_ms=1.0, detect_ms=2.0, recognise_ms=3.0, elapsed_ms=5.0),
    )


def invoice_page(**attributes: Any) -> PageReading:
    return page_reading([line_reading(*line) for line in INVOICE], **attributes)


def structured(reading: Reading, **options: Any) -> OcrResult:
    return PIPELINE.structure(reading, options=StructureOptions(**options), request_id="req_1")


def first_page(result: OcrResult) -> PageResult:
    assert isinstance(result.pages[0], PageResult)
    return result.pages[0]


def test_an_invoice_through_the_wire() -> None:
    rendered = PIPELINE.answer(encode_reading(reading_of(invoice_page())), StructureOptions(), "req_1")
    result = json.loads(rendered.body)
    assert result["request_id"] == "req_1"
    assert result["id"].startswith("doc_")
    assert result["document_type"] == "invoice"
    assert result["models"] == {"text_recognition": "1"}
    assert [warning["code"] for warning in result["warnings"]] == ["rendered_smaller"]
    (page,) = result["pages"]
    assert (page["rotation_deg"], page["dpi"]) == (90, 200)
    assert [line["text"] for line in page["lines"]] == [text for text, *_ in INVOICE]
    assert page["lines"][0]["quad"] == [[700, 60], [850, 60], [850, 110], [700, 110]]
    assert "合計 385,000" in result["text"].splitlines()
    assert result["fields"]["total_amount"]["value"] == 385000
    assert result["fields"]["document_date"]["value"] == "2026-10-31"
    assert result["timing_ms"]["total"] >= 5.0


def test_lines_that_are_empty_or_badly_read_are_dropped() -> None:
    lines = [
        line_reading("合計", 100, 100, 20),
        line_reading("", 100, 200, 20),
        line_reading("   ", 100, 300, 20),
        line_reading("請求", 100, 400, 20, probability=0.49),
        line_reading("小計", 100, 500, 20, probability=0.51),
    ]
    result = structured(reading_of(page_reading(lines)))
    assert [line.text for line in first_page(result).lines] == ["合計", "小計"]


def test_schema_none_wants_lines_only() -> None:
    result = structured(reading_of(invoice_page()), schemas=(NONE,))
    assert (result.document_type, result.fields, result.schemas) == (None, None, None)
    assert "請求書" in result.text


def test_several_schemas_are_answered_by_name() -> None:
    result = structured(reading_of(invoice_page()), schemas=(SchemaName("invoice"), SchemaName("receipt")))
    assert result.fields is None
    assert result.schemas is not None
    assert set(result.schemas) == {"invoice", "receipt"}
    assert result.document_type is DocumentType.INVOICE


def test_fields_below_the_wanted_confidence_are_null() -> None:
    everything = structured(reading_of(invoice_page()), min_confidence=0.0)
    nothing = structured(reading_of(invoice_page()), min_confidence=1.0)
    assert everything.fields is not None
    assert nothing.fields is not None
    assert everything.fields["total_amount"] is not None
    accounts = everything.fields["bank_accounts"]
    assert isinstance(accounts, tuple)
    assert [account.number for account in accounts] == ["1234567"]
    assert set(nothing.fields) == set(fields.FIELD_NAMES)
    assert all(answer is None for answer in nothing.fields.values())


def test_a_page_that_was_not_read_keeps_its_place() -> None:
    broken = PageError(number=2, code="unreadable_page", detail="broken stream")
    result = structured(reading_of(invoice_page(), broken, invoice_page(number=3)))
    assert [page.number for page in result.pages] == [1, 2, 3]
    assert isinstance(result.pages[1], UnreadPage)
    assert result.pages[1].error.code == "unreadable_page"
    first, second, third = result.text.split(PAGE_BREAK)
    assert (first, second) == (third, "")
    as_text = StructureOptions(output_format=OutputFormat.TEXT)
    body = PIPELINE.answer(encode_reading(reading_of(invoice_page(), broken)), as_text, "req_1").body.decode()
    assert body.split("\f") == [first + "\n", "\n"]


def test_a_document_without_a_line_has_no_fields() -> None:
    result = structured(reading_of(page_reading([])))
    assert result.text == ""
    assert result.fields is not None
    assert all(answer is None for answer in result.fields.values())


def test_a_text_layer_is_asked_where_there_is_one() -> None:
    on_total: Quad = Box(left=105, top=402, right=550, bottom=428).to_quad()
    on_title: Quad = Box(left=700, top=60, right=850, bottom=110).to_quad()
    layer = (TextLayerWord(text="ご請求金額 ￥385,000-", quad=on_total), TextLayerWord(text="納品伝票", quad=on_title))
    result = structured(reading_of(invoice_page(text_layer=layer)))
    texts = [line.text for line in first_page(result).lines]
    assert "ご請求金額 ￥385,000-" in texts
    assert "請求書" in texts
    assert [(notice.code, notice.page) for notice in result.warnings] == [
        ("rendered_smaller", 1),
        ("text_layer_distrusted", 1),
    ]


def test_a_line_that_was_hardly_read_is_kept_where_the_text_layer_spells_it() -> None:
    lines = [
        line_reading("請求書", 100, 100, 20, probability=0.45),
        line_reading("小計", 100, 200, 20, probability=0.45),
        line_reading("合計", 100, 300, 20, probability=0.45),
    ]
    layer = tuple(
        TextLayerWord(text=text, quad=Box(left=100, top=top, right=160, bottom=top + 20).to_quad())
        for text, top in (("請求書", 100), ("納品", 200))
    )
    result = structured(reading_of(page_reading(lines, text_layer=layer)))
    assert [(line.text, line.confidence) for line in first_page(result).lines] == [("請求書", pytest.approx(0.45))]
    assert [notice.code for notice in result.warnings] == ["rendered_smaller", "text_layer_distrusted"]


def test_a_skewed_page_is_read_as_a_level_one() -> None:
    def turn(line: LineReading, skew_deg: float) -> LineReading:
        sine, cosine = math.sin(math.radians(skew_deg)), math.cos(math.radians(skew_deg))
        p0, p1, p2, p3 = ((x * cosine - y * sine, x * sine + y * cosine) for x, y in line.quad)
        return LineReading(
            quad=(p0, p1, p2, p3),
            class_ids=line.class_ids,
            probabilities=line.probabilities,
            timestep_px=line.timestep_px,
            detection_confidence=line.detection_confidence,
        )

    level = invoice_page()
    skewed = PageReading(
        number=1,
        width_px=1654,
        height_px=2339,
        dpi=200,
        rotation_deg=0,
        skew_deg=4.0,
        lines=tuple(turn(line, 4.0) for line in reversed(level.lines)),
    )
    assert structured(reading_of(skewed)).text == structured(reading_of(level)).text


def test_an_unknown_charset_is_retryable() -> None:
    with pytest.raises(NotReady):
        structured(reading_of(invoice_page(), charset_sha256="f" * 64))


def test_a_class_beyond_the_charset_is_refused() -> None:
    line = line_reading("合計", 100, 100, 20)
    line.class_ids[1] = 60_000
    with pytest.raises(InvalidRequest):
        structured(reading_of(page_reading([line])))


@pytest.mark.parametrize("untrusted", [b"", b"\x80", b"PK\x03\x04", b"{}"])
def test_what_is_no_reading_is_refused(untrusted: bytes) -> None:
    with pytest.raises(InvalidRequest):
        PIPELINE.answer(untrusted, StructureOptions(), "req_1")


@pytest.mark.parametrize("output_format", OutputFormat)
def test_every_format_holds_the_text(output_format: OutputFormat) -> None:
    options = StructureOptions(output_format=output_format)
    body = PIPELINE.answer(encode_reading(reading_of(invoice_page())), options, "req_1").body
    # The text side's part of a PDF is no text file: its characters stand in it one by one, with their places.
    written = str(msgpack.unpackb(body)) if output_format is OutputFormat.PDF else body.decode()
    assert "株式会社サンプルテック" in written


def test_words_have_the_places_where_the_recogniser_saw_them() -> None:
    options = StructureOptions(output_format=OutputFormat.HOCR)
    reading = reading_of(page_reading([line_reading("TEL 03-1234-5678", 1000, 306, 20)]))
    body = PIPELINE.answer(encode_reading(reading), options, "req_1").body.decode()
    # 16 characters of three timesteps each after a blank one, on 320 px: 6.53 px a timestep, seen a quarter of it late.
    # A character reaches half way to its neighbour, and at most 12 px from its centre.
    boxes = re.findall(r'class="ocrx_word"[^>]* title="bbox ([0-9 ]+); x_wconf 99">([^<]+)<', body)
    assert boxes == [("1000 306 1061 326", "TEL"), ("1080 306 1318 326", "03-1234-5678")]


class PassesLater(Deadline):
    """Passes at the n-th look, so that a test needs no clock."""

    def __init__(self, looks: int) -> None:
        super().__init__(at_s=math.inf)
        object.__setattr__(self, "looks_left", looks)
        object.__setattr__(self, "looks", 0)

    looks: int
    looks_left: int

    def check(self, stage: str) -> None:
        object.__setattr__(self, "looks", self.looks + 1)
        if self.looks > self.looks_left:
            raise DeadlineExceeded(f"stage '{stage}'")


def test_the_deadline_is_looked_at_between_pages_and_between_steps() -> None:
    two, four = (encode_reading(reading_of(*[invoice_page(number=i + 1) for i in range(n)])) for n in (2, 4))
    options = StructureOptions(schemas=(SchemaName("invoice"), SchemaName("receipt")))
    looks = []
    for reading in (two, four):
        patient = PassesLater(1_000)
        PIPELINE.answer(reading, options, "req_1", patient)
        looks.append(patient.looks)
    assert looks[1] == looks[0] + 2  # once for each page
    assert looks[0] >= 2 + 5  # and before decoding, classifying, each schema and writing
    for allowed in range(looks[1]):
        late = PassesLater(allowed)
        with pytest.raises(DeadlineExceeded):
            PIPELINE.answer(four, options, "req_1", late)
        assert late.looks == allowed + 1  # nothing went on after it
