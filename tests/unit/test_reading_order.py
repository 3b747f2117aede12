"""Reading order on layouts that leave no doubt."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.geometry import Point, Quad
from postprocess_svc.layout import Placed, rows_of
from postprocess_svc.lines import TextLine
from postprocess_svc.reading_order import in_reading_order
from tests.support.steps import steps

HEIGHT = 20.0
SKEWS_DEG = (0.0, -5.0, 5.0, 1.3)


def line(text: str, left: float, top: float, *, width: float | None = None, height: float = HEIGHT) -> TextLine:
    right = left + (len(text) * height if width is None else width)
    quad: Quad = ((left, top), (right, top), (right, top + height), (left, top + height))
    return TextLine(text=text, confidence=0.99, quad=quad)


def column(text: str, left: float, top: float) -> TextLine:
    """A column of vertical text, its quad as the recogniser reads it: from the top down."""
    right, bottom = left + HEIGHT, top + HEIGHT * len(text)
    quad: Quad = ((right, top), (right, bottom), (left, bottom), (left, top))
    return TextLine(text=text, confidence=0.99, quad=quad, vertical=True)


def turned(line_: TextLine, skew_deg: float) -> TextLine:
    sine, cosine = math.sin(math.radians(skew_deg)), math.cos(math.radians(skew_deg))

    def turn(point: Point) -> Point:
        x, y = point[0] - 800, point[1] - 1100
        return (800 + x * cosine - y * sine, 1100 + x * sine + y * cosine)

    p0, p1, p2, p3 = line_.quad
    return TextLine(
        text=line_.text,
        confidence=line_.confidence,
        quad=(turn(p0), turn(p1), turn(p2), turn(p3)),
        vertical=line_.vertical,
    )


def order(lines: list[TextLine], skew_deg: float = 0.0) -> list[TextLine]:
    shuffled = [turned(line_, skew_deg) for line_ in lines]
    random.Random(7).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    return list(in_reading_order(shuffled, skew_deg=skew_deg))


def texts(lines: list[TextLine]) -> list[str]:
    return [line_.text for line_ in lines]


def rows(lines: list[TextLine]) -> list[list[str]]:
    found: dict[int, list[str]] = {}
    for line_ in lines:
        found.setdefault(line_.row, []).append(line_.text)
    return list(found.values())


@pytest.mark.parametrize("skew_deg", SKEWS_DEG)
def test_two_columns_of_an_article_on_one_grid(skew_deg: float) -> None:
    title = [line("記事の題名", 500, 50, height=50)]
    left = [line(f"左の段の本文、その第{n:02}行目である。", 100, 150 + 30 * n, width=600) for n in range(20)]
    right = [line(f"右の段の本文、その第{n:02}行目である。", 740, 150 + 30 * n, width=600) for n in range(20)]
    assert texts(order(title + left + right, skew_deg)) == texts(title + left + right)


@pytest.mark.parametrize("skew_deg", SKEWS_DEG)
def test_columns_whose_lines_are_not_level(skew_deg: float) -> None:
    left = [line(f"左{n}", 100, 100 + 32 * n, width=500) for n in range(9)]
    right = [line(f"右{n}", 700, 112 + 27 * n, width=300) for n in range(10)]
    assert texts(order(left + right, skew_deg)) == texts(left + right)


def test_a_paragraph_gap_that_crosses_both_columns_does_not_join_them() -> None:
    def paragraphs(side: str, left: float) -> list[TextLine]:
        return [
            line(f"{side}の段、第{paragraph}段落の第{n}行である。", left, 100 + 200 * paragraph + 28 * n, width=500)
            for paragraph in range(3)
            for n in range(6)
        ]

    left, right = paragraphs("左", 100), paragraphs("右", 640)
    assert texts(order(left + right)) == texts(left + right)


@pytest.mark.parametrize("skew_deg", SKEWS_DEG)
def test_an_invoice_s_header_and_table(skew_deg: float) -> None:
    title = [line("請求書", 700, 60, height=60)]
    recipient = [
        line("株式会社見本商事 御中", 100, 200, height=30),
        line("〒100-0001", 100, 243),
        line("東京都千代田区千代田1-1", 100, 275),
    ]
    issuer = [
        line("株式会社サンプルテック", 1000, 190),
        line("〒150-0002", 1000, 219),
        line("東京都渋谷区渋谷2-2", 1000, 248),
        line("TEL 03-1234-5678", 1000, 277, width=200),
        line("登録番号 T1234567890123", 1000, 306, width=300),
    ]
    table = [
        cell
        for n, (name, quantity, amount) in enumerate(
            [
                ("品名", "数量", "金額"),
                ("設計作業", "1", "100,000"),
                ("開発作業一式", "2", "250,000"),
                ("保守", "1", "35,000"),
            ]
        )
        for cell in (
            line(name, 100, 480 + 40 * n),
            line(quantity, 800, 480 + 40 * n, width=12 * len(quantity)),
            line(amount, 1300 - 10 * len(amount), 480 + 40 * n, width=10 * len(amount)),
        )
    ]
    sums = [
        cell
        for n, (label, amount) in enumerate([("小計", "385,000"), ("消費税", "38,500"), ("合計", "423,500")])
        for cell in (line(label, 1000, 720 + 40 * n), line(amount, 1220, 720 + 40 * n, width=80))
    ]
    notes = [line("お振込手数料は御社にてご負担ください。", 100, 950)]
    expected = title + recipient + issuer + table + sums + notes
    found = order(expected, skew_deg)
    assert texts(found) == texts(expected)
    assert ["開発作業一式", "2", "250,000"] in rows(found)
    assert ["合計", "423,500"] in rows(found)
    block = {line_.text: line_.block for line_ in found}
    assert block["〒100-0001"] != block["〒150-0002"]
    assert block["設計作業"] == block["保守"]


def test_a_recipient_beside_an_issuer_set_in_the_same_size_a_little_lower() -> None:
    def block(lines: list[tuple[str, float]], left: float) -> list[TextLine]:
        return [line(text, left, middle - 21.5, width=420, height=43) for text, middle in lines]

    # The middles of a real page's lines, its detector's boxes nearly touching.
    recipient = [
        ("みほん物産株式会社御中", 309.0),
        ("〒999-0012", 380.0),
        ("東京都見本区緑町", 424.0),
        ("購買部 架空様", 467.0),
    ]
    issuer = [("請求書番号:INV-0731", 301.0), ("請求日：2026年10月31日", 344.0), ("株式会社さくら製作所", 415.0)]
    issuer += [("登録番号:T9999001000123", 460.0), ("〒999-0034", 506.0), ("TEL:06-0000-1234", 549.0)]
    expected = block(recipient, 140) + block(issuer, 930)
    assert texts(order(expected)) == texts(expected)


def test_labels_and_textual_values_far_apart_are_rows() -> None:
    pairs = [("支払方法", "現金"), ("担当", "見本 花子"), ("係", "レジ三番"), ("扱店", "中央店舗")]
    expected = [
        cell
        for n, (label, value) in enumerate(pairs)
        for cell in (line(label, 60, 100 + 45 * n, height=40), line(value, 700, 102 + 45 * n, height=40))
    ]
    assert texts(order(expected)) == texts(expected)


@pytest.mark.parametrize("skew_deg", SKEWS_DEG)
def test_a_receipt_is_read_row_by_row(skew_deg: float) -> None:
    items = [("おにぎり梅", "130"), ("茶", "100"), ("カットサラダ", "300"), ("小計", "530"), ("合計", "¥530")]
    lines = [line("つばさコンビニ", 150, 40, height=30), line("領収証", 220, 90)]
    for n, (name, amount) in enumerate(items):
        lines += [
            line(name, 60, 140 + 26 * n),
            line(amount, 440 - 10 * len(amount), 141 + 26 * n, width=10 * len(amount)),
        ]
    lines.append(line("ありがとうございました", 120, 300))
    assert texts(order(lines, skew_deg)) == texts(lines)
    assert rows(order(lines, skew_deg))[2:4] == [["おにぎり梅", "130"], ["茶", "100"]]


def test_labels_and_values_that_happen_to_fill_their_columns_are_rows() -> None:
    pairs = [
        (
            line(f"参照番号その{n}の名称", 100, 100 + 26 * n, width=200),
            line(f"値{n}はこのとおりです", 380, 100 + 26 * n, width=220),
        )
        for n in range(6)
    ]
    expected = [cell for pair in pairs for cell in pair]
    assert texts(order(expected)) == texts(expected)


def test_a_label_centred_on_its_lines_comes_first() -> None:
    expected = [
        line("支払方法", 100, 129),
        line("銀行振込", 300, 100),
        line("みずほ銀行", 300, 129),
        line("渋谷支店", 300, 158),
    ]
    expected[0] = line("支払方法", 100, 130)
    assert texts(order(expected)) == texts(expected)


def test_a_cell_that_is_wrapped_stays_with_its_row() -> None:
    first = [
        line("1", 100, 108, width=10),
        line("土工事における掘削", 150, 92),
        line("および残土の処分", 150, 118),
        line("150", 600, 108, width=30),
        line("600", 800, 108, width=30),
    ]
    second = [
        line("2", 100, 160, width=10),
        line("打設", 150, 160),
        line("125", 600, 160, width=30),
        line("250", 800, 160, width=30),
    ]
    found = order(first + second)
    assert texts(found) == texts(first + second)
    assert rows(found) == [texts(first), texts(second)]


def test_what_stands_higher_is_read_first_though_it_stands_right() -> None:
    expected = [line("2026年10月31日", 1000, 100), line("株式会社見本 御中", 100, 220), line("請求書", 600, 340)]
    assert texts(order(expected)) == texts(expected)


@pytest.mark.parametrize("skew_deg", SKEWS_DEG)
def test_vertical_columns_are_read_from_right_to_left(skew_deg: float) -> None:
    expected = [column(f"縦書きの第{n}行である", 900 - 34 * n, 100) for n in range(8)]
    assert texts(order(expected, skew_deg)) == texts(expected)


def test_tiers_of_vertical_text_are_read_from_the_top() -> None:
    upper = [column(f"上段の縦書き第{n}行であり長く続く", 900 - 34 * n, 100) for n in range(6)]
    lower = [column(f"下段の縦書き第{n}行であり長く続く", 900 - 34 * n, 520) for n in range(6)]
    assert texts(order(upper + lower)) == texts(upper + lower)


def test_a_block_ends_where_the_rows_stand_apart() -> None:
    lines = [line("一", 100, 100), line("二", 100, 126), line("三", 100, 200)]
    assert [line_.block for line_ in order(lines)] == [0, 0, 1]


def test_nothing_and_one_line() -> None:
    assert in_reading_order([], skew_deg=0.0) == ()
    assert texts(order([line("一", 10, 10)])) == ["一"]


coordinates = st.floats(-500, 3000, width=32)
corners = st.tuples(coordinates, coordinates)
any_line = st.builds(
    TextLine,
    text=st.sampled_from(["一", "二三", "四五六"]),
    confidence=st.just(1.0),
    quad=st.tuples(corners, corners, corners, corners),
    vertical=st.booleans(),
)


@given(st.lists(any_line, max_size=30), st.floats(-45, 45))
def test_every_line_comes_out_once_in_ascending_rows_and_blocks(lines: list[TextLine], skew_deg: float) -> None:
    found = in_reading_order(lines, skew_deg=skew_deg)
    assert sorted(line_.quad for line_ in found) == sorted(line_.quad for line_ in lines)
    for ascending in ([line_.row for line_ in found], [line_.block for line_ in found]):
        assert ascending == sorted(ascending)


def test_thousands_of_specks_are_ordered_at_all() -> None:
    specks = [line("、", 40.0 * n, 10.0 * (n % 100), height=12) for n in range(3_000)]
    assert len(in_reading_order(specks, skew_deg=0.0)) == len(specks)


def test_a_row_of_twice_as_many_boxes_takes_hardly_more_than_twice_the_work() -> None:
    row = [line("数", 40.0 * n, 100.0) for n in range(800)]
    half = steps(lambda: in_reading_order(row[:400], skew_deg=0.0))
    assert steps(lambda: in_reading_order(row, skew_deg=0.0)) < 2.4 * half


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=25))
def test_a_row_takes_a_level_box_that_stands_on_top_of_none_of_its_boxes(spans: list[tuple[int, int]]) -> None:
    boxes = [
        Placed.at(at, left, left + width, 0.0, HEIGHT, vertical=False, is_value=False)
        for at, (left, width) in enumerate(spans)
    ]
    expected: list[list[Placed]] = []
    for box in boxes:
        if expected and not any(on_top(box, other) for other in expected[-1]):
            expected[-1].append(box)
        else:
            expected.append([box])
    assert rows_of(boxes) == [sorted(row, key=lambda box: box.left) for row in expected]


def on_top(box: Placed, other: Placed) -> bool:
    shared = min(box.right, other.right) - max(box.left, other.left)
    return shared > 0 and shared > 0.5 * min(box.width, other.width)
