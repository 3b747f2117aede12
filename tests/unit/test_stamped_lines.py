"""Lines of stamps on the text side: in the lines and the text, in no field, no table, no kind of document."""

from __future__ import annotations

from dataclasses import replace

from ocr_core.contracts.page import TextLayerWord
from ocr_core.contracts.reading import LineReading, Stamp
from ocr_core.contracts.result import DocumentType, FieldValue, OcrResult, OutputFormat
from postprocess_svc import formats
from postprocess_svc.classify import classify
from postprocess_svc.fields.indexing import index_page
from postprocess_svc.lines import PageLines, TextLine
from postprocess_svc.reading_order import followed_by_stamps, in_reading_order
from postprocess_svc.tables import find_tables
from postprocess_svc.text_layer import prefer_text_layer
from tests.support.fields_layout import Placed, line, page, read
from tests.support.table_layout import grid
from tests.unit.test_text_pipeline import INVOICE, first_page, line_reading, page_reading, reading_of, structured

RECEIPT_SIGNS: list[Placed] = [(700, 60, "領収書", 60), (700, 200, "領収いたしました")]
ISSUER: list[Placed] = [
    (700, 60, "請求書", 60),
    (120, 260, "見本商店株式会社 御中", 40),
    (1000, 300, "株式会社サンプルテック", 36),
    (1000, 350, "東京都渋谷区渋谷1-2-3"),
    (1000, 400, "登録番号：T7000012050002"),
]
SEAL: list[Placed] = [(1350, 290, "株式会社印鑑堂"), (1350, 340, "2031年12月24日")]


def with_stamp(printed: list[Placed], stamped: list[Placed]) -> PageLines:
    clean = page(printed)
    return replace(clean, lines=(*clean.lines, *(replace(line(*item), stamp=0) for item in stamped)))


class TestFields:
    def test_no_field_is_found_in_a_stamp(self) -> None:
        found = read(with_stamp(ISSUER, SEAL), document_type=DocumentType.INVOICE)
        assert found.fields == read(page(ISSUER), document_type=DocumentType.INVOICE).fields
        issuer = found.fields["issuer_name"]
        assert isinstance(issuer, FieldValue)
        assert issuer.value == "株式会社サンプルテック"

    def test_the_same_lines_printed_are_candidates(self) -> None:
        found = read(page([*ISSUER, *SEAL]), document_type=DocumentType.INVOICE)
        assert found.fields != read(page(ISSUER), document_type=DocumentType.INVOICE).fields

    def test_it_joins_no_row(self) -> None:
        clean, pressed = index_page(page(ISSUER)), index_page(with_stamp(ISSUER, SEAL))
        assert [row.text for row in pressed.rows] == [row.text for row in clean.rows]

    def test_a_receipt_s_stamp_makes_no_receipt(self) -> None:
        assert classify([with_stamp(ISSUER, RECEIPT_SIGNS)]) is DocumentType.INVOICE


class TestTables:
    ROWS = (("品名", "数量", "金額"), ("会議用テーブル", "4", "114,000"), ("配線カバー", "20", "9,600"))

    def test_a_stamp_over_a_table_is_in_no_cell(self) -> None:
        lines, rulings = grid(self.ROWS, xs=[150.0, 800.0, 1100.0, 1500.0])
        stamp = replace(line(900, 450, "見本"), stamp=0)
        clean = PageLines(number=1, width_px=1654, height_px=2339, lines=in_reading_order(lines, skew_deg=0.0))
        pressed = replace(clean, lines=followed_by_stamps(clean.lines, [stamp]))
        (table,) = find_tables(pressed, rulings)
        assert (table,) == find_tables(clean, rulings)
        assert len(pressed.lines) - 1 not in table.line_indices

    def test_stamps_alone_make_no_table(self) -> None:
        lines, _ = grid(self.ROWS, xs=[150.0, 800.0, 1100.0, 1500.0])
        stamped = tuple(replace(each, stamp=0) for each in lines)
        assert find_tables(PageLines(number=1, width_px=1654, height_px=2339, lines=stamped)) == ()


class TestOrder:
    def test_stamps_come_last_a_block_each_a_row_a_line(self) -> None:
        printed = in_reading_order([line(100, 100, "一"), line(100, 400, "二")], skew_deg=0.0)
        stamped = [replace(line(100, top, text), stamp=stamp) for top, text, stamp in ((90, "三", 0), (120, "四", 0))]
        ordered = followed_by_stamps(printed, [*stamped, replace(line(700, 90, "五"), stamp=1)])
        assert [each.text for each in ordered] == ["一", "二", "三", "四", "五"]
        assert [each.row for each in ordered] == [0, 1, 2, 3, 4]
        first = printed[-1].block + 1
        assert [each.block for each in ordered[2:]] == [first, first, first + 1]

    def test_a_page_with_nothing_but_a_stamp(self) -> None:
        (only,) = followed_by_stamps((), [replace(line(0, 0, "印"), stamp=0)])
        assert (only.row, only.block) == (0, 0)


class TestPipeline:
    """Over the whole text side: a stamp that reads like a total lies over the invoice's own."""

    def result(self, *stamped: LineReading) -> OcrResult:
        quad = ((1180.0, 780.0), (1400.0, 780.0), (1400.0, 900.0), (1180.0, 900.0))
        printed = [line_reading(*each) for each in INVOICE]
        clean = page_reading([*printed, *stamped])
        return structured(reading_of(replace(clean, stamps=(Stamp(quad=quad),) if stamped else ())))

    def test_its_lines_are_in_the_result_and_its_values_are_not(self) -> None:
        clean = self.result()
        pressed = self.result(replace(line_reading("合計 385,001", 1180, 790, 20), stamp=0))
        assert [each.text for each in first_page(pressed).lines] == [
            *(each.text for each in first_page(clean).lines),
            "合計 385,001",
        ]
        assert pressed.text == clean.text + "\n\n合計 385,001"
        assert pressed.fields == clean.fields
        assert first_page(pressed).tables == first_page(clean).tables
        for output_format in (OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.HOCR, OutputFormat.ALTO):
            assert "385,001" in formats.render(pressed, output_format).body.decode()

    def test_a_stamp_that_was_hardly_read_is_left_out(self) -> None:
        badly = replace(line_reading("合計 385,001", 1180, 790, 20, probability=0.3), stamp=0)
        assert self.result(badly).text == self.result().text


def test_a_pdf_s_own_text_is_not_put_in_the_place_of_a_stamp_over_it() -> None:
    printed: TextLine = line(100, 100, "見本商店", confidence=0.6)
    word = TextLayerWord(text="見本商会", quad=printed.quad)
    preferred = prefer_text_layer([replace(printed, stamp=0)], [word], page=1)
    assert [each.text for each in preferred.lines] == ["見本商店"]
    assert preferred.notice is None
    assert prefer_text_layer([printed], [word], page=1).lines[0].text == "見本商会"
