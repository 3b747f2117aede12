"""Rulings of a reading through the text pipeline: lines cut apart, tables and line items in the answer."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from ocr_core.contracts.geometry import Box
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import LineReading, PageReading, Ruling
from ocr_core.contracts.reading_codec import encode_reading
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.schema_names import NONE, SchemaName
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.pipeline import TextPipeline
from tests.support.table_layout import rules
from tests.unit.test_text_pipeline import reading_of

CHARSET = Charset.parse("\n".join(sorted(set("¥品名数量単価金額会議机椅子請求書合計0123456789,"))).encode())
CLASS_IDS = {character: class_id for class_id, character in enumerate(CHARSET.characters) if character}
PIPELINE = TextPipeline(charsets=Charsets([CHARSET]))
EM = 30.0
STEP_PX = EM / 4


def line_reading(*placed: tuple[str, float], top: float) -> LineReading:
    """One detected line of texts at some x: each character four timesteps wide, what lies between them blank."""
    left, right = placed[0][1], placed[-1][1] + len(placed[-1][0]) * EM
    ids = [0] * round((right - left) / STEP_PX)
    for text, x in placed:
        for at, character in enumerate(text):
            ids[round((x - left + (at + 0.5) * EM) / STEP_PX)] = CLASS_IDS[character]
    return LineReading(
        quad=Box(left=left, top=top, right=right, bottom=top + EM).to_quad(),
        class_ids=np.array(ids, np.uint16),
        probabilities=np.full(len(ids), 0.99, np.float32),
        timestep_px=STEP_PX,
        detection_confidence=0.9,
    )


def page() -> PageReading:
    """Two of the table's rows came as one line each, across all of their cells."""
    return PageReading(
        number=1,
        width_px=1654,
        height_px=2339,
        dpi=200,
        rotation_deg=0,
        skew_deg=0.0,
        lines=(
            line_reading(("請求書", 700), top=100),
            *(
                line_reading((text, x), top=410)
                for text, x in (("品名", 170), ("数量", 620), ("単価", 820), ("金額", 1120))
            ),
            line_reading(("会議机", 170), ("4", 740), ("2,500", 940), ("10,000", 1210), top=460),
            line_reading(("椅子", 170), ("2", 740), ("900", 1000), ("1,800", 1240), top=510),
            *(line_reading((text, x), top=800) for text, x in (("合計", 820), ("¥11,800", 1210))),
        ),
        rulings=tuple(rules(across=(400, 450, 500, 550), down=(150, 600, 800, 1100, 1400), box=(150, 400, 1400, 550))),
    )


def answered(read: PageReading, **options: object) -> dict[str, object]:
    encoded = encode_reading(reading_of(read, charset_sha256=CHARSET.sha256))
    answer: dict[str, object] = json.loads(PIPELINE.answer(encoded, StructureOptions(**options), "r").body)  # type: ignore[arg-type]
    return answer


ROWS = [["品名", "数量", "単価", "金額"], ["会議机", "4", "2,500", "10,000"], ["椅子", "2", "900", "1,800"]]


def tables_in(answer: dict[str, object]) -> list[list[list[str]]]:
    (found,) = answer["pages"]  # type: ignore[misc]
    return [[[cell["text"] for cell in row] for row in table["rows"]] for table in found["tables"]]


def test_lines_are_cut_at_rulings_and_make_tables_and_items() -> None:
    answer = answered(page())
    assert tables_in(answer) == [ROWS]
    assert answer["text"] == "請求書\n\n品名 数量 単価 金額\n会議机 4 2,500 10,000\n椅子 2 900 1,800\n\n合計 ¥11,800"
    items = answer["fields"]["line_items"]  # type: ignore[index]
    assert [(item["description"], item["quantity"], item["unit_price"], item["amount"]) for item in items] == [
        ("会議机", 4, 2500, 10000),
        ("椅子", 2, 900, 1800),
    ]


def test_tables_are_there_without_any_fields() -> None:
    answer = answered(page(), schemas=(SchemaName(NONE),))
    assert answer["fields"] is None
    assert tables_in(answer) == [ROWS]


def test_a_page_without_rulings_or_tables_has_an_empty_list() -> None:
    bare = replace(page(), lines=page().lines[:1], rulings=())
    assert tables_in(answered(bare)) == []


def test_a_ruling_that_is_a_point_or_lies_aslant_does_no_harm() -> None:
    odd = (Ruling(start=(500.0, 500.0), end=(500.0, 500.0)), Ruling(start=(0.0, 0.0), end=(1600.0, 2300.0)))
    assert tables_in(answered(replace(page(), rulings=(*page().rulings, *odd)))) == [ROWS]


def test_markdown_has_the_same_table() -> None:
    encoded = encode_reading(reading_of(page(), charset_sha256=CHARSET.sha256))
    body = PIPELINE.answer(encoded, StructureOptions(output_format=OutputFormat.MARKDOWN), "r").body.decode()
    assert "| 品名 | 数量 | 単価 | 金額 |\n| --- | --- | --- | --- |\n| 会議机 | 4 | 2,500 | 10,000 |" in body
