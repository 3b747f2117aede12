"""From pixels to tables and line items, with the real models: the bundled samples, upright and turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from evaluation.datasets import SAMPLES_DIR
from evaluation.inprocess_models import InProcessModels, weights_folder
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import PageReading, Reading
from ocr_core.contracts.reading_codec import decode_reading, encode_reading
from ocr_core.contracts.result import LineItem, OcrResult, PageResult, Table
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.pipeline import TextPipeline
from tests.integration.test_page_orientation import page_pixels, read, skewed

Structure = Callable[[PageReading], OcrResult]

ITEMS = [
    ("会議用テーブル W1800", 4, "台", 28500, 114000),
    ("スタッキングチェア", 12, "脚", 9800, 117600),
    ("LEDスタンド照明", 6, "個", 6400, 38400),
    ("書類保管棚 3段", 2, "台", 17500, 35000),
    ("ホワイトボード 脚付き", 1, "台", 24800, 24800),
    ("配線カバー 2m", 20, "本", 480, 9600),
    ("搬入・組立作業費", 1, "式", 45000, 45000),
    ("廃材引取費", 1, "式", 12000, 12000),
]


@pytest.fixture(scope="module")
def models() -> Iterator[InProcessModels]:
    if weights_folder() is None:
        pytest.skip("no weights: the extra 'evaluation' (rapidocr) is not installed")
    with InProcessModels() as started:
        yield started


@pytest.fixture(scope="module")
def structure(models: InProcessModels) -> Structure:
    """A page's result, once over the wire."""
    charset = Charset.parse("".join(f"{character}\n" for character in models.charset).encode())
    pipeline = TextPipeline(charsets=Charsets([charset]))

    def structured(page: PageReading) -> OcrResult:
        reading = Reading(
            document=DocumentInfo(file_name="a.pdf", media_type=MediaType.PDF, page_count=1, sha256="0" * 64),
            pages=(page,),
            model_versions={},
            charset_sha256=charset.sha256,
        )
        return pipeline.structure(decode_reading(encode_reading(reading)), options=StructureOptions(), request_id="r")

    return structured


def tables_of(result: OcrResult) -> tuple[Table, ...]:
    page = result.pages[0]
    assert isinstance(page, PageResult)
    return page.tables


def items_of(result: OcrResult) -> list[LineItem]:
    assert result.fields is not None
    listed = result.fields["line_items"]
    return [item for item in listed if isinstance(item, LineItem)] if isinstance(listed, tuple) else []


def check_invoice(result: OcrResult) -> None:
    """The sample's table of items, but for a letter or two, and every number of its items."""
    items = items_of(result)
    assert [(item.quantity, item.unit, item.unit_price, item.amount) for item in items] == [each[1:] for each in ITEMS]
    same = sum(
        str(item.description).replace(" ", "") == each[0].replace(" ", "")
        for item, each in zip(items, ITEMS, strict=True)
    )
    assert same >= 6, [str(item.description) for item in items][-3:]
    first = tables_of(result)[0]
    assert [cell.text for cell in first.rows[0]] == ["品名", "数量", "単位", "単価", "金額"]
    assert [len(row) for row in first.rows] == [5] * 9


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
async def test_rulings_turn_upright_with_their_page(
    models: InProcessModels, structure: Structure, rotation_deg: int
) -> None:
    upright = page_pixels(SAMPLES_DIR / "invoice_ja.pdf")
    page = await read(np.ascontiguousarray(np.rot90(upright, k=rotation_deg // 90)), models)
    assert page.rotation_deg == rotation_deg
    assert len(page.rulings) > 20
    check_invoice(structure(page))


@pytest.mark.parametrize("degrees", [-1.5, 1.5])
async def test_a_skewed_page_has_the_same_table(models: InProcessModels, structure: Structure, degrees: float) -> None:
    page = await read(skewed(page_pixels(SAMPLES_DIR / "invoice_ja.pdf"), degrees), models)
    check_invoice(structure(page))


async def test_a_table_with_rules_between_rows_only(models: InProcessModels, structure: Structure) -> None:
    result = structure(await read(page_pixels(SAMPLES_DIR / "invoice_ja_mincho.pdf"), models))
    assert [(item.quantity, item.unit_price, item.amount, item.tax_rate_percent) for item in items_of(result)] == [
        (20, 4200, 84000, 8),
        (8, 6500, 52000, 8),
        (6, 4500, 27000, 8),
        (1, 10400, 10400, 10),
    ]


async def test_a_till_receipt(models: InProcessModels, structure: Structure) -> None:
    result = structure(await read(page_pixels(SAMPLES_DIR / "register_receipt_ja.pdf"), models))
    assert [(item.amount, item.tax_rate_percent) for item in items_of(result)] == [
        (150, 8),
        (138, 8),
        (320, 8),
        (580, 10),
        (5, 10),
    ]


async def test_a_receipt_for_one_sum_lists_nothing(models: InProcessModels, structure: Structure) -> None:
    result = structure(await read(page_pixels(SAMPLES_DIR / "receipt_ja.pdf"), models))
    assert items_of(result) == []
    assert tables_of(result) == ()
