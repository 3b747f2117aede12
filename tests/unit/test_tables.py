"""Tables: what is found, how it is divided into cells, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_core.contracts.geometry import bounds
from ocr_core.contracts.reading import Ruling
from postprocess_svc.lines import PageLines
from postprocess_svc.tables.beside import joined_beside
from postprocess_svc.tables.cells import Cell, Row
from tests.support.fields_layout import Placed, line, width_px
from tests.support.table_layout import grid, page_of, rules, spans, tables_of, texts

ITEMS = [
    ["品名", "数量", "単価", "金額"],
    ["会議用テーブル", "4", "28,500", "114,000"],
    ["スタッキングチェア", "12", "9,800", "117,600"],
    ["配線カバー 2m", "20", "480", "9,600"],
]
XS = [150.0, 800.0, 950.0, 1200.0, 1500.0]
BOX = (XS[0], 400.0, XS[-1], 400.0 + 44 * len(ITEMS))


class TestRuled:
    def test_every_text_is_in_its_cell(self) -> None:
        lines, rulings = grid(ITEMS, xs=XS)
        (table,) = tables_of(lines, rulings)
        assert texts(table) == ITEMS
        assert spans(table) == {}
        assert table.column_count == 4
        assert [round(value) for value in (*table.quad[0], *table.quad[2])] == [150, 400, 1500, 576]
        assert [round(value) for value in (*table.rows[1][1].quad[0], *table.rows[1][1].quad[2])] == [
            800,
            444,
            950,
            488,
        ]

    @pytest.mark.parametrize("skew_deg", [-2.5, -1.0, 1.0, 2.5])
    def test_a_skewed_page_makes_no_difference(self, skew_deg: float) -> None:
        lines, rulings = grid(ITEMS, xs=XS)
        (table,) = tables_of(lines, rulings, skew_deg=skew_deg)
        assert texts(table) == ITEMS

    def test_a_table_that_is_open_at_its_sides(self) -> None:
        lines, rulings = grid(ITEMS, xs=XS)
        (table,) = tables_of(lines, [r for r in rulings if r.start[0] != r.end[0] or r.start[0] not in {150.0, 1500.0}])
        assert texts(table) == ITEMS

    def test_rulings_in_pieces_and_double_ones(self) -> None:
        lines, rulings = grid(ITEMS, xs=XS)
        pieces = [
            part
            for ruling in rulings
            for x0, y0, x1, y1 in [(*ruling.start, *ruling.end)]
            for part in (
                Ruling(start=(x0, y0), end=((x0 + x1) / 2 - 5, (y0 + y1) / 2)),
                Ruling(start=((x0 + x1) / 2 + 5, (y0 + y1) / 2 + 2), end=(x1, y1)),
            )
        ]
        double = [Ruling(start=(150.0, 405.0), end=(1500.0, 405.0)), Ruling(start=(145.0, 400.0), end=(145.0, 576.0))]
        (table,) = tables_of(lines, [*pieces, *double])
        assert texts(table) == ITEMS

    def test_cells_over_several_rows_and_columns(self) -> None:
        lines = [
            line(170, 412, "区分", 28), line(420, 390, "数量", 28), line(620, 390, "金額", 28),
            line(400, 434, "個", 28), line(520, 434, "箱", 28), line(620, 434, "税抜", 28),
            line(170, 500, "食品", 28), line(400, 478, "3", 28), line(520, 478, "1", 28), line(640, 478, "300", 28),
            line(400, 522, "5", 28), line(520, 522, "2", 28), line(640, 522, "500", 28),
        ]  # fmt: skip
        rulings = [
            *rules(across=(380, 468, 556), down=(150, 370, 600, 800), box=(150, 380, 800, 556)),
            Ruling(start=(370.0, 424.0), end=(800.0, 424.0)),
            Ruling(start=(490.0, 424.0), end=(490.0, 556.0)),
            Ruling(start=(370.0, 512.0), end=(800.0, 512.0)),
        ]
        (table,) = tables_of(lines, rulings)
        assert texts(table) == [
            ["区分", "数量", "金額"],
            ["個", "箱", "税抜"],
            ["食品", "3", "1", "300"],
            ["5", "2", "500"],
        ]
        assert spans(table) == {"区分": (2, 1), "数量": (1, 2), "食品": (2, 1)}

    def test_the_lines_of_a_wrapped_cell_are_joined(self) -> None:
        rows = [["Item", "Qty", "Price", "Amount"], ["Site survey with\nwritten report", "1", "80.00", "80.00"]]
        lines, rulings = grid([*rows, ["現地調査および\n報告書", "2", "10.00", "20.00"]], xs=XS)
        (table,) = tables_of(lines, rulings)
        assert [row[0] for row in texts(table)] == ["Item", "Site survey with written report", "現地調査および報告書"]

    def test_rows_that_no_ruling_divides_are_divided_by_their_values(self) -> None:
        lines, _ = grid(ITEMS, xs=XS)
        outline = rules(across=(400, 444, 576), down=XS, box=(150, 400, 1500, 576))
        (table,) = tables_of(lines, outline)
        assert texts(table) == ITEMS

    def test_empty_rows_of_a_form_are_left_out(self) -> None:
        lines, rulings = grid([*ITEMS, ["", "", "", ""], ["", "", "", ""], ["合計", "", "", "241,200"]], xs=XS)
        (table,) = tables_of(lines, rulings)
        assert texts(table) == [*ITEMS, ["合計", "", "", "241,200"]]

    def test_two_tables_on_a_page(self) -> None:
        first, its_rulings = grid(ITEMS, xs=XS)
        sums = [["小計", "¥241,200"], ["消費税", "¥24,120"], ["合計", "¥265,320"]]
        second, other_rulings = grid(sums, xs=[950.0, 1200.0, 1500.0], top=620)
        tables = tables_of([*first, *second], [*its_rulings, *other_rulings])
        assert [texts(table) for table in tables] == [ITEMS, sums]

    def test_a_header_on_a_bar_without_rulings_belongs_to_its_table(self) -> None:
        lines, rulings = grid(ITEMS, xs=XS)
        without = [r for r in rulings if r.start[1] >= 440 or r.start[0] == r.end[0]]
        shortened = [Ruling(start=(r.start[0], max(444.0, r.start[1])), end=r.end) for r in without]
        (table,) = tables_of(lines, shortened)
        assert texts(table) == ITEMS

    def test_texts_of_a_row_without_inner_rulings_keep_to_the_columns_below(self) -> None:
        lines, _ = grid(ITEMS, xs=XS)
        rulings = rules(across=[400 + 44 * at for at in range(len(ITEMS) + 1)], down=XS[:1] + XS[-1:], box=BOX)
        inner = rules(down=XS[1:-1], box=(BOX[0], 444, BOX[2], BOX[3]))
        (table,) = tables_of(lines, [*rulings, *inner])
        assert texts(table) == ITEMS

    def test_a_frame_around_the_page_hides_no_table_in_it(self) -> None:
        lines, rulings = grid(ITEMS, xs=XS)
        frame = rules(across=(60, 2280), down=(60, 1590), box=(60, 60, 1590, 2280))
        (table,) = tables_of([*lines, line(100, 100, "請求書", 50), line(100, 2200, "備考")], [*rulings, *frame])
        assert texts(table) == ITEMS


def between_cells(*xs: float) -> list[Ruling]:
    return rules(across=(380, 480), down=xs, box=(100, 380, 1500, 480))


class TestSplit:
    def test_a_line_across_two_cells_is_cut_at_the_ruling(self) -> None:
        lines, rulings = grid([["品名", "数量"], ["会議用テーブル", "4"]], xs=[150.0, 380.0, 500.0])
        joined = line(162, 452, "会議用テーブル   4", 28)
        assert joined.quad[1][0] > 400
        (table,) = tables_of([*lines[:2], joined], rulings)
        assert texts(table) == [["品名", "数量"], ["会議用テーブル", "4"]]
        left, right = table.rows[1][0].lines[0], table.rows[1][1].lines[0]
        assert left.quad[1][0] == pytest.approx(380, abs=1)
        assert right.quad[0][0] == pytest.approx(380, abs=1)
        assert len(left.positions) == len(left.text)
        assert all(0 <= at <= 1 for at in (*left.positions, *right.positions))
        assert right.confidence == pytest.approx(0.98)

    def test_a_stroke_through_a_word_cuts_nothing(self) -> None:
        text = "株式会社みほん製作所"
        middle = 200 + width_px(text, 28) * 0.47
        page = page_of([line(200, 410, text, 28)], between_cells(middle))
        assert [each.text for each in page.lines] == [text]

    def test_the_edge_of_a_stamp_cuts_nothing(self) -> None:
        text = "登録番号 T1234567890123"
        edge = 200 + width_px("登録番号 ", 28) - 7
        stamp = rules(across=(360, 480), down=(edge, edge + 120), box=(edge, 360, edge + 120, 480))
        assert [each.text for each in page_of([line(200, 410, text, 28)], stamp).lines] == [text]
        assert [each.text for each in page_of([line(200, 410, text, 28)], between_cells(edge)).lines] == text.split()

    def test_boxes_for_single_digits_leave_the_number_whole(self) -> None:
        text = "1 2 3 4 5 6 7"
        step = width_px("1 ", 40)
        walls = between_cells(*(196 + step * at for at in range(8)))
        assert [each.text for each in page_of([line(200, 410, text, 40)], walls).lines] == [text]

    def test_a_text_without_places_is_cut_at_a_space_only(self) -> None:
        whole = line(200, 410, "Quantity Price", 28)
        without = type(whole)(text=whole.text, confidence=1.0, quad=whole.quad)
        wall = between_cells(200 + width_px("Quantity", 28) + 7)
        assert [each.text for each in page_of([without], wall).lines] == ["Quantity", "Price"]
        elsewhere = between_cells(200 + width_px("Quan", 28))
        assert [each.text for each in page_of([without], elsewhere).lines] == ["Quantity Price"]


def borderless(rows: list[list[str]], *, top: float = 500.0, pitch: float = 60.0) -> list[tuple[float, float, str]]:
    """Words at the left of their columns, numbers at the right."""
    lefts, rights = (150.0, 700.0, 1000.0, 1300.0), (0.0, 780.0, 1120.0, 1500.0)
    return [
        (lefts[column] if column == 0 else rights[column] - width_px(text, 30), top + pitch * number, text)
        for number, row in enumerate(rows)
        for column, text in enumerate(row)
        if text
    ]


class TestUnruled:
    def test_white_space_alone(self) -> None:
        (table,) = tables_of(borderless(ITEMS))
        assert texts(table) == ITEMS

    def test_horizontal_rules_part_rows_that_stand_far_apart(self) -> None:
        placed = borderless(ITEMS, pitch=150)
        under = [Ruling(start=(140.0, 585.0 + 150 * at), end=(1510.0, 585.0 + 150 * at)) for at in range(4)]
        assert tables_of(placed) == ()
        (table,) = tables_of(placed, under)
        assert texts(table) == ITEMS

    def test_numbers_far_from_their_descriptions_are_columns_of_their_table(self) -> None:
        left = [Row([Cell(100, 180 + 20 * at, [at])], 100.0 + 50 * at, 140.0 + 50 * at) for at in range(4)]
        right = [
            Row([Cell(900, 960, [10 + 2 * at], at > 0), Cell(1100, 1160, [11 + 2 * at], at > 0)], top, top + 40)
            for at, top in enumerate((102.0, 151.0, 199.0))
        ]
        sums = [Row([Cell(900, 960, [20]), Cell(1100, 1160, [21], is_value=True)], 330.0, 370.0)]
        joined = joined_beside([*left, *right, *sums], [1] * 4 + [2] * 4, near=12.0)
        assert [[cell.members for cell in row.cells] for row in joined] == [
            [[0], [10], [11]],
            [[1], [12], [13]],
            [[2], [14], [15]],
            [[3]],
            [[20], [21]],
        ]

    def test_letterheads_beside_each_other_are_left_alone(self) -> None:
        left = [Row([Cell(100, 400, [at])], 100.0 + 50 * at, 140.0 + 50 * at) for at in range(4)]
        right = [Row([Cell(900, 1200, [10 + at], at == 2)], 102.0 + 50 * at, 142.0 + 50 * at) for at in range(3)]
        assert len(joined_beside([*left, *right], [1] * 4 + [2] * 3, near=12.0)) == 7

    def test_a_header_and_its_only_row(self) -> None:
        (table,) = tables_of(borderless(ITEMS[:2]))
        assert texts(table) == ITEMS[:2]

    def test_a_header_below_other_rows_begins_a_table(self) -> None:
        before = [
            (150.0, 320.0, "前回残高"),
            (700.0, 320.0, "52,000"),
            (150.0, 380.0, "入金"),
            (700.0, 380.0, "52,000"),
        ]
        tables = tables_of([*before, *borderless(ITEMS, top=440.0)])
        assert texts(tables[-1]) == ITEMS

    def test_a_note_is_no_part_of_the_row_above(self) -> None:
        (table,) = tables_of([*borderless(ITEMS, pitch=95), (150.0, 822.0, "※は軽減税率対象", 24.0)])
        assert texts(table)[3][0] == ITEMS[3][0]

    def test_a_wrapped_description_belongs_to_its_row(self) -> None:
        placed = [*borderless(ITEMS, pitch=95), (150.0, 627.0, "天板ホワイト"), (150.0, 655.0, "幅1800 奥行600", 24.0)]
        (table,) = tables_of(placed)
        assert texts(table)[1] == ["会議用テーブル天板ホワイト幅1800 奥行600", "4", "28,500", "114,000"]
        assert len(table.rows) == 4

    def test_a_row_between_two_rules_is_one_row(self) -> None:
        placed = [*borderless(ITEMS, pitch=100), (150.0, 638.0, "天板ホワイト")]
        under = [Ruling(start=(140.0, 585.0 + 100 * at), end=(1510.0, 585.0 + 100 * at)) for at in range(4)]
        (table,) = tables_of(placed, under)
        assert texts(table)[1] == ["会議用テーブル天板ホワイト", "4", "28,500", "114,000"]

    def test_sums_below_keep_to_the_columns(self) -> None:
        (table,) = tables_of([*borderless(ITEMS), (1000.0, 740.0, "小計"), (1388.0, 740.0, "241,200")])
        assert texts(table)[-1] == ["", "", "小計", "241,200"]

    def test_a_heading_over_two_columns_spans_them(self) -> None:
        placed = [
            *borderless(ITEMS),
            (150.0, 440.0, "内訳"),
            (690.0, 440.0, "数量および単価と金額の一覧"),
            (1420.0, 440.0, "備考"),
        ]
        (table,) = tables_of(placed)
        assert texts(table)[0] == ["内訳", "数量および単価と金額の一覧", "備考"]
        assert spans(table) == {"数量および単価と金額の一覧": (1, 2)}


class TestNone:
    def test_a_frame_around_a_total(self) -> None:
        box = rules(across=(400, 480), down=(150, 800), box=(150, 400, 800, 480))
        assert tables_of([(180.0, 425.0, "ご請求金額"), (560.0, 425.0, "¥436,040")], box) == ()

    def test_a_letterhead_in_a_frame_that_a_stamp_crosses(self) -> None:
        placed: list[Placed] = [
            (170.0, 410.0, "札幌商事株式会社"),
            (170.0, 455.0, "北海道札幌市北区1-2-3"),
            (170.0, 500.0, "電話 011-123-4567"),
            (655.0, 415.0, "商"),
            (690.0, 445.0, "印", 24.0),
        ]
        frame = rules(across=(400, 560), down=(150, 700), box=(150, 400, 700, 560))
        stamp = rules(across=(380, 480), down=(640, 740), box=(640, 380, 740, 480))
        assert tables_of(placed, [*frame, *stamp]) == ()

    def test_strokes_of_letters_that_were_taken_for_rulings(self) -> None:
        placed: list[Placed] = [
            (170.0, 410.0 + 50 * at, text) for at, text in enumerate(["工事一式", "三十二", "二王子"])
        ]
        placed += [(500.0, 410.0 + 50 * at, text) for at, text in enumerate(["十一", "二三", "一二"])]
        walls = rules(down=(160, 400, 600), box=(0, 400, 0, 550))
        between = rules(across=(400, 450, 500, 550), box=(160, 0, 600, 0))
        assert len(tables_of(placed, [*walls, *between])) == 1
        through = rules(across=(425, 475, 525), box=(172, 0, 300, 0))
        assert tables_of(placed, [*walls, *through]) == ()

    def test_a_letter(self) -> None:
        text = "Thank you for your order of last week, which we have sent by post"
        assert tables_of([(150.0, 300.0 + 45 * number, text) for number in range(20)]) == ()

    def test_letterheads_side_by_side(self) -> None:
        left = ["みほん物産株式会社 御中", "〒100-0001", "東京都千代田区千代田1-1", "見本ビル3階"]
        right = ["株式会社さくら製作所", "〒530-0001", "大阪府大阪市北区梅田2-2", "TEL 06-0000-1234"]
        placed = [(150.0, 300.0 + 45 * at, text) for at, text in enumerate(left)]
        placed += [(950.0, 300.0 + 45 * at, text) for at, text in enumerate(right)]
        assert tables_of(placed) == ()

    def test_prose_in_two_columns(self) -> None:
        text = "word and word again until it ends"
        placed = [(x, 300.0 + 40 * row, text) for row in range(24) for x in (150.0, 850.0)]
        assert tables_of(placed) == ()

    def test_rows_that_share_no_columns(self) -> None:
        rows = [
            (100.0, 300.0, "日付"),
            (250.0, 300.0, "番号"),
            (120.0, 345.0, "どちらの列にも跨がる"),
            (500.0, 345.0, "末尾"),
        ]
        assert tables_of(rows) == ()

    def test_an_underlined_heading(self) -> None:
        under = [Ruling(start=(150.0, 350.0), end=(900.0, 350.0)), Ruling(start=(150.0, 650.0), end=(900.0, 650.0))]
        assert tables_of([(160.0, 310.0, "請求書"), (160.0, 400.0, "下記のとおり")], under) == ()


def words_of(page: PageLines) -> list[str]:
    return sorted("".join(sorted(each.text.replace(" ", ""))) for each in page.lines)


coordinates = st.integers(0, 60).map(lambda step: step * 25.0)
placed_lines = st.lists(
    st.builds(
        line,
        coordinates,
        coordinates,
        st.text("品名数量合計 abc0123456789,.", min_size=1, max_size=16).filter(lambda text: not text.isspace()),
        st.sampled_from([20.0, 28.0, 40.0]),
    ),
    max_size=40,
)
rulings = st.lists(
    st.one_of(
        st.builds(lambda x0, x1, y: Ruling(start=(min(x0, x1), y), end=(max(x0, x1), y)), *[coordinates] * 3),
        st.builds(lambda y0, y1, x: Ruling(start=(x, min(y0, y1)), end=(x, max(y0, y1))), *[coordinates] * 3),
        st.builds(lambda a, b, c, d: Ruling(start=(a, b), end=(c, d)), *[coordinates] * 4),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(lines=placed_lines, found=rulings, skew_deg=st.sampled_from([0.0, -1.5, 2.0]))
def test_no_text_is_lost_or_doubled(lines: list[object], found: list[Ruling], skew_deg: float) -> None:
    page = page_of(lines, found, skew_deg=skew_deg)  # type: ignore[arg-type]
    whole = sorted("".join(each.text for each in lines).replace(" ", ""))  # type: ignore[attr-defined]
    assert sorted("".join(each.text for each in page.lines).replace(" ", "")) == whole
    seen: set[int] = set()
    for table in page.tables:
        held = [each for row in table.rows for cell in row for each in cell.lines]
        assert sorted(map(id, held)) == sorted(id(page.lines[index]) for index in table.line_indices)
        assert not seen & table.line_indices
        seen |= table.line_indices
        text = "".join(cell.text for row in table.rows for cell in row)
        assert sorted(text.replace(" ", "")) == sorted("".join(each.text for each in held).replace(" ", ""))


@settings(max_examples=300, deadline=None)
@given(lines=placed_lines, found=rulings)
def test_the_cells_of_a_table_tile_it(lines: list[object], found: list[Ruling]) -> None:
    for table in page_of(lines, found).tables:  # type: ignore[arg-type]
        places = [
            (row, column)
            for cells in table.rows
            for cell in cells
            for row in range(cell.row, cell.row + cell.row_span)
            for column in range(cell.column, cell.column + cell.column_span)
        ]
        assert sorted(places) == [
            (row, column) for row in range(len(table.rows)) for column in range(table.column_count)
        ]
        assert len(table.rows) > 1
        assert table.column_count > 1
        around = bounds(table.quad)
        cells = [bounds(cell.quad) for row in table.rows for cell in row]
        assert sum(cell.width * cell.height for cell in cells) == pytest.approx(around.width * around.height)
