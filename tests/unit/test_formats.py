"""The formats of one result; hOCR and ALTO have tests of their own beside this, ``test_formats_*``."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_worker.result_lines import MEDIA_TYPES
from async_worker.stages.structure_stage import FILE_EXTENSIONS
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.geometry import Box, Quad
from ocr_core.contracts.page import Notice
from ocr_core.contracts.result import (
    AccountType,
    BankAccount,
    DocumentType,
    FieldValue,
    Line,
    LineItem,
    MoneyValue,
    OcrResult,
    OutputFormat,
    PageProblem,
    PageResult,
    Table,
    TableCell,
    Timing,
    UnreadPage,
)
from postprocess_svc import formats
from preprocess_svc.searchable_pdf import document as searchable_pdf

QUAD: Quad = ((657.04, 167.0), (1040.06, 167.0), (1040.06, 240.0), (657.04, 240.0))


def line(text: str, left: float, top: float, *, width: float = 100, row: int = 0, block: int = 0) -> Line:
    quad = Box(left=left, top=top, right=left + width, bottom=top + 20).to_quad()
    return Line(text=text, confidence=0.5, quad=quad, row=row, block=block)


def cell(text: str, row: int, column: int, *, row_span: int = 1, column_span: int = 1) -> TableCell:
    box = Box(left=90 + 300.0 * column, top=295 + 30.0 * row, right=390 + 300.0 * column, bottom=325 + 30.0 * row)
    return TableCell(text=text, quad=box.to_quad(), row_span=row_span, column_span=column_span)


TABLE = Table(
    quad=Box(left=90, top=295, right=690, bottom=385).to_quad(),
    rows=(
        (cell("品名", 0, 0), cell("金額", 0, 1)),
        (cell("設計*作業*", 1, 0), cell("100,000", 1, 1)),
        (cell("開発 |", 2, 0), cell("250,000", 2, 1)),
    ),
    line_indices=(1, 2, 3, 4, 5, 6),
)

LINES = (
    Line(text="請求書", confidence=0.998765, quad=QUAD, row=0, block=0),
    line("品名", 100, 300, row=1, block=1),
    line("金額", 400, 300, row=1, block=1),
    line("設計*作業*", 100, 330, row=2, block=1),
    line("100,000", 420, 330, width=80, row=2, block=1),
    line("開発 |", 100, 360, row=3, block=1),
    line("250,000", 420, 360, width=80, row=3, block=1),
    line("以上 <b>", 100, 450, row=4, block=2),
    line("1. 備考", 100, 480, row=5, block=2),
)

RESULT = OcrResult(
    id="doc_1",
    request_id="req_1",
    document=DocumentInfo(file_name="a_b.pdf", media_type=MediaType.PDF, page_count=2, sha256="0" * 64),
    document_type=DocumentType.INVOICE,
    pages=(
        PageResult(number=1, width_px=1654, height_px=2339, dpi=200, rotation_deg=90, lines=LINES, tables=(TABLE,)),
        UnreadPage(number=2, error=PageProblem(code="unreadable_page", detail="broken stream")),
    ),
    text="請求書\n品名 金額",
    fields={
        "issuer_name": FieldValue(value="株式会社見本", text="㈱見本", confidence=0.98, page=1, quad=QUAD),
        "total_amount": MoneyValue(value=385000, currency="JPY", text="¥385,000-", confidence=0.99, page=1, quad=QUAD),
        "due_date": None,
        "bank_accounts": (
            BankAccount(
                bank="みずほ銀行",
                branch="渋谷支店",
                type=AccountType.ORDINARY,
                number="1234567",
                holder=None,
                text="みずほ銀行 渋谷支店 普通 1234567",
                confidence=0.97,
                page=1,
                quad=QUAD,
            ),
        ),
        "line_items": (
            LineItem(
                description="設計作業",
                quantity="1.5",
                unit="人月",
                unit_price=100000,
                amount=150000,
                tax_rate_percent=10,
                text="設計作業 1.5 人月 100,000 150,000 10%",
                confidence=0.96,
                page=1,
                quad=QUAD,
            ),
        ),
    },
    schemas=None,
    models={"text_detection": "1", "text_recognition": "1"},
    warnings=(Notice(code="rendered_smaller", detail="25 megapixels", page=1),),
    timing_ms=Timing(open=31.23, detect=40.0, recognise=95.0, structure=6.0, total=181.449),
)


@pytest.mark.parametrize("wanted", list(OutputFormat))
def test_every_format_names_each_warning_and_each_failure_once(wanted: OutputFormat) -> None:
    result = replace(RESULT, warnings=(*RESULT.warnings, Notice(code="rendered_smaller", detail="again", page=3)))
    assert formats.render(result, wanted).warning_codes == ("rendered_smaller", "unreadable_page")
    assert formats.render(replace(RESULT, warnings=(), pages=()), wanted).warning_codes == ()


def as_json(result: OcrResult) -> dict[str, object]:
    rendered = formats.render(result, OutputFormat.JSON)
    assert rendered.content_type == "application/json"
    decoded: dict[str, object] = json.loads(rendered.body)
    return decoded


def as_cell(cell: TableCell) -> dict[str, object]:
    quad = [list(point) for point in cell.quad]
    return {"text": cell.text, "quad": quad, "row_span": cell.row_span, "column_span": cell.column_span}


def test_json_is_what_the_interface_says() -> None:
    quad = [[657.0, 167.0], [1040.1, 167.0], [1040.1, 240.0], [657.0, 240.0]]
    document = as_json(RESULT)
    pages = document.pop("pages")
    assert isinstance(pages, list)
    assert {key: value for key, value in pages[0].items() if key not in {"lines", "tables"}} == {
        "number": 1,
        "width_px": 1654,
        "height_px": 2339,
        "dpi": 200,
        "rotation_deg": 90,
    }
    assert pages[0]["lines"][0] == {"text": "請求書", "confidence": 0.9988, "quad": quad}
    assert pages[0]["tables"] == [
        {
            "quad": [[90.0, 295.0], [690.0, 295.0], [690.0, 385.0], [90.0, 385.0]],
            "rows": [[dict(as_cell(cell)) for cell in row] for row in TABLE.rows],
        }
    ]
    assert pages[1] == {"number": 2, "error": {"code": "unreadable_page", "detail": "broken stream"}}
    evidence = {"page": 1, "quad": quad}
    assert document == {
        "id": "doc_1",
        "request_id": "req_1",
        "document": {"file_name": "a_b.pdf", "media_type": "application/pdf", "page_count": 2, "sha256": "0" * 64},
        "document_type": "invoice",
        "text": "請求書\n品名 金額",
        "fields": {
            "issuer_name": {"value": "株式会社見本", "text": "㈱見本", "confidence": 0.98, **evidence},
            "total_amount": {"value": 385000, "currency": "JPY", "text": "¥385,000-", "confidence": 0.99, **evidence},
            "due_date": None,
            "bank_accounts": [
                {
                    "bank": "みずほ銀行",
                    "branch": "渋谷支店",
                    "type": "ordinary",
                    "number": "1234567",
                    "holder": None,
                    "text": "みずほ銀行 渋谷支店 普通 1234567",
                    "confidence": 0.97,
                    **evidence,
                }
            ],
            "line_items": [
                {
                    "description": "設計作業",
                    "quantity": "1.5",
                    "unit": "人月",
                    "unit_price": 100000,
                    "amount": 150000,
                    "tax_rate_percent": 10,
                    "text": "設計作業 1.5 人月 100,000 150,000 10%",
                    "confidence": 0.96,
                    **evidence,
                }
            ],
        },
        "schemas": None,
        "models": {"text_detection": "1", "text_recognition": "1"},
        "warnings": [{"code": "rendered_smaller", "detail": "25 megapixels", "page": 1}],
        "timing_ms": {"open": 31.2, "detect": 40.0, "recognise": 95.0, "structure": 6.0, "total": 181.4},
    }


def test_json_of_several_schemas_and_of_none() -> None:
    several = as_json(replace(RESULT, fields=None, schemas={"invoice": {"phone": None}, "receipt": {}}))
    assert several["fields"] is None
    assert several["schemas"] == {"invoice": {"phone": None}, "receipt": {}}
    nothing = as_json(replace(RESULT, fields=None, document_type=None))
    assert (nothing["fields"], nothing["document_type"]) == (None, None)


def test_text() -> None:
    rendered = formats.render(RESULT, OutputFormat.TEXT)
    assert rendered.content_type == "text/plain; charset=utf-8"
    assert rendered.body.decode() == "請求書\n品名 金額\n"
    assert formats.render(replace(RESULT, text=""), OutputFormat.TEXT).body == b""


def test_markdown() -> None:
    rendered = formats.render(RESULT, OutputFormat.MARKDOWN)
    assert rendered.content_type == "text/markdown; charset=utf-8"
    assert (
        rendered.body.decode()
        == """# a\\_b.pdf

Document type: invoice

## Fields

| Field | Value | As printed | Confidence | Page |
| --- | --- | --- | --- | --- |
| issuer\\_name | 株式会社見本 | ㈱見本 | 0.98 | 1 |
| total\\_amount | 385000 JPY | ¥385,000- | 0.99 | 1 |
| bank\\_accounts | みずほ銀行 / 渋谷支店 / ordinary / 1234567 | みずほ銀行 渋谷支店 普通 1234567 | 0.97 | 1 |
| line\\_items | 設計作業 / 1.5 / 人月 / 100000 / 150000 / 10% | 設計作業 1.5 人月 100,000 150,000 10% | 0.96 | 1 |

## Line items

| Description | Quantity | Unit | Unit price | Amount | Tax rate |
| --- | --- | --- | --- | --- | --- |
| 設計作業 | 1.5 | 人月 | 100000 | 150000 | 10% |

## Page 1

請求書

| 品名 | 金額 |
| --- | --- |
| 設計\\*作業\\* | 100,000 |
| 開発 \\| | 250,000 |

以上 \\<b\\>\\
1\\. 備考

## Page 2

Could not be read: broken stream

## Warnings

- page 1: 25 megapixels
"""
    )


def markdown_of(*lines: Line, tables: tuple[Table, ...] = ()) -> str:
    page = PageResult(number=1, width_px=1654, height_px=2339, dpi=200, rotation_deg=0, lines=lines, tables=tables)
    result = replace(RESULT, pages=(page,), fields=None, document_type=None, warnings=())
    return formats.render(result, OutputFormat.MARKDOWN).body.decode().partition("## Page 1\n\n")[2]


def test_a_table_stands_where_its_first_line_does_and_spans_leave_empty_cells() -> None:
    table = Table(
        quad=QUAD,
        rows=(
            (cell("区分", 0, 0, row_span=2), cell("数量", 0, 1, column_span=2), cell("金額", 0, 3)),
            (cell("個", 1, 1), cell("箱", 1, 2), cell("", 1, 3)),
            (cell("食品", 2, 0), cell("3", 2, 1), cell("1", 2, 2), cell("300", 2, 3)),
        ),
        line_indices=(1, 3),
    )
    found = markdown_of(
        line("前", 100, 100, row=0),
        line("区分", 100, 300, row=1),
        line("横", 900, 310, row=2),
        line("300", 500, 320, row=3),
        line("後", 100, 500, row=4),
        tables=(table,),
    )
    assert found.split("\n\n") == [
        "前",
        "| 区分 | 数量 |  | 金額 |\n| --- | --- | --- | --- |\n|  | 個 | 箱 |  |\n| 食品 | 3 | 1 | 300 |",
        "横",
        "後\n",
    ]


def item(description: str, top: float, **printed: str | int | None) -> LineItem:
    parts = {"quantity": None, "unit": None, "unit_price": None, "amount": None, "tax_rate_percent": None} | printed
    quad = Box(left=100, top=top, right=500, bottom=top + 20).to_quad()
    return LineItem(description=description, **parts, text=description, confidence=0.9, page=1, quad=quad)  # type: ignore[arg-type]


def items_section(*items: LineItem) -> str:
    result = replace(RESULT, fields={"line_items": items}, warnings=())
    rendered = formats.render(result, OutputFormat.MARKDOWN).body.decode()
    return rendered.partition("## Line items\n\n")[2].partition("\n\n## Page 1")[0]


def test_line_items_that_stand_in_no_table_of_their_page_have_a_table_of_their_own() -> None:
    assert items_section(
        item("パン | 2個", 700, quantity=2, unit="個", amount=360, tax_rate_percent=8), item("袋", 730, amount=5)
    ).splitlines() == [
        "| Description | Quantity | Unit | Amount | Tax rate |",
        "| --- | --- | --- | --- | --- |",
        "| パン \\| 2個 | 2 | 個 | 360 | 8% |",
        "| 袋 |  |  | 5 |  |",
    ]


def test_line_items_that_a_table_of_their_page_shows_are_not_written_twice() -> None:
    assert items_section(item("設計*作業*", 330, amount=100000), item("開発 |", 360, amount=250000)) == ""


def test_each_schema_has_its_own_line_items() -> None:
    result = replace(
        RESULT, fields=None, schemas={"invoice": {"line_items": (item("袋", 700, amount=5),)}, "receipt": {}}
    )
    body = formats.render(result, OutputFormat.MARKDOWN).body.decode()
    assert "## Line items: invoice\n\n| Description | Amount |\n| --- | --- |\n| 袋 | 5 |\n\n## Fields: receipt" in body


def test_rows_outside_of_tables_are_paragraphs() -> None:
    found = markdown_of(
        line("日付", 100, 300, row=0),
        line("番号", 250, 300, row=0),
        line("どちらの列にも跨がる", 120, 330, width=220, row=1),
        line("末尾", 500, 330, row=1),
    )
    assert "|" not in found
    assert found.splitlines() == ["日付  番号", "", "どちらの列にも跨がる  末尾"]


@pytest.mark.parametrize("output_format", OutputFormat)
def test_every_format_is_registered_and_writes_an_empty_document(output_format: OutputFormat) -> None:
    assert isinstance(formats.render(replace(RESULT, pages=(), fields=None), output_format).body, bytes)


@pytest.mark.parametrize("output_format", OutputFormat)
def test_a_job_stores_and_serves_every_format_as_what_it_is(output_format: OutputFormat) -> None:
    # A PDF is written where the page images are; what the text side writes for it is nobody's to see.
    is_pdf = output_format is OutputFormat.PDF
    written = searchable_pdf.CONTENT_TYPE if is_pdf else formats.render(RESULT, output_format).content_type
    assert MEDIA_TYPES[output_format.value] == written
    assert len(set(FILE_EXTENSIONS.values())) == len(FILE_EXTENSIONS) == len(OutputFormat)


@given(st.floats(min_value=-4_000, max_value=12_000, width=32))
def test_coordinates_are_rounded_to_the_nearest_tenth_of_a_pixel(pixels: float) -> None:
    at = Line(text="x", confidence=1.0, quad=((pixels, 0.0), (pixels, 0.0), (pixels, 0.0), (pixels, 0.0)))
    page = PageResult(number=1, width_px=1, height_px=1, dpi=0, rotation_deg=0, lines=(at,))
    written = json.loads(formats.render(replace(RESULT, pages=(page,)), OutputFormat.JSON).body)
    assert written["pages"][0]["lines"][0]["quad"][0] == [round(pixels, 1), 0.0]
