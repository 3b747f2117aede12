"""Numbers in kanji, plain and formal."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocess_svc.fields.values.amounts import find_amounts
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.fields.values.kanji_numbers import read_kanji_number

_DIGITS = "〇一二三四五六七八九"
_FORMAL = "〇壱弐参四五六七八九"


def in_kanji(number: int, digits: str) -> str:
    """A number below 10^12 as it is written out."""
    written = ""
    for myriad, sign in ((10**8, "億"), (10**4, "万"), (1, "")):
        group = number // myriad % 10**4
        if not group:
            continue
        for unit, mark in ((1000, "千"), (100, "百"), (10, "拾" if digits is _FORMAL else "十"), (1, "")):
            digit = group // unit % 10
            if digit:
                written += ("" if digit == 1 and mark and digits is _DIGITS else digits[digit]) + mark
        written += sign
    return written


@given(st.integers(min_value=1, max_value=10**12 - 1), st.sampled_from([_DIGITS, _FORMAL]))
def test_what_is_written_out_is_read_back(number: int, digits: str) -> None:
    assert read_kanji_number(in_kanji(number, digits)) == number


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("二〇二六", 2026),
        ("12万3千", 123_000),
        ("壱百万", 1_000_000),
        ("二五〇〇万", 25_000_000),
        ("2万500", 20_500),
        ("3千500", 3_500),
        ("25千", 25_000),
        ("三五百", None),
        ("十二三", None),
        ("百二三", None),
        ("五万三二", None),
        ("3千5000", None),
        ("12345万", None),
        ("9" * 5_000 + "万", None),
        ("9" * 5_000, None),
        ("十十", None),
        ("百千", None),
        ("円", None),
        ("", None),
    ],
)
def test_numbers_and_what_is_none(printed: str, value: int | None) -> None:
    assert read_kanji_number(printed) == value


@pytest.mark.parametrize(
    ("printed", "value", "closed"),
    [
        ("金壱萬弐千九円也", 12_009, True),
        ("金 四拾弐萬九千四百八拾円", 429_480, False),
        ("五千円也", 5_000, True),
        ("金三千也", 3_000, True),
        ("合計 三千也", 3_000, True),
        ("領収金額:壱万弐千也", 12_000, True),
        ("金12万3千円也", 123_000, True),
        ("¥ 3 8 5 0 0 0", 385_000, False),
        ("金 ¥ 1 2 3 4 5 円也", 12_345, False),
    ],
)
def test_amounts_in_words_and_in_boxes(printed: str, value: int, closed: bool) -> None:
    (amount,) = find_amounts(fold(printed))
    assert (amount.value, amount.currency, amount.closed) == (Decimal(value), "JPY", closed)


@pytest.mark.parametrize("printed", ["鈴木一也 様", "金一也 様", "三千也", "担当 百千也", "五十也様"])
def test_a_name_that_ends_as_sums_do_is_no_amount(printed: str) -> None:
    assert find_amounts(fold(printed)) == []


@pytest.mark.parametrize(
    "printed",
    ["ハリオ V60 ドリッパー", "型番 Y12", "V60 円錐フィルター", "コード V100 白", "7,000P進呈", "ポイント残高 7,000P"],
)
def test_a_letter_of_a_name_is_no_yen_sign_and_points_are_no_yen(printed: str) -> None:
    assert [amount for amount in find_amounts(fold(printed)) if amount.currency is not None] == []


@pytest.mark.parametrize("printed", ["一万円以上お買い上げで", "単位:千円", "三千円札", "¥", "金一式"])
def test_words_that_are_no_amount(printed: str) -> None:
    assert find_amounts(fold(printed)) == []


@pytest.mark.parametrize(
    ("printed", "values"),
    [
        ("小計\t1,248,800P]", [1_248_800]),
        ("税額計 124,880F", [124_880]),
        ("お支払計 V3,304", [3_304]),
        ("消費税\tY210", [210]),
        ("第二ビル3F", []),
    ],
)
def test_yen_read_as_a_letter_in_a_japanese_row(printed: str, values: list[int]) -> None:
    assert [int(amount.value) for amount in find_amounts(printed)] == values


@pytest.mark.parametrize(("printed", "value"), [("3.699.15", "3699.15"), ("4 769.89 €", "4769.89")])
def test_a_decimal_comma_read_as_a_point(printed: str, value: str) -> None:
    (amount,) = find_amounts(printed)
    assert str(amount.value) == value
