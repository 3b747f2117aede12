"""Every figure against values worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evaluation.field_metrics import Matches, Value, field_matches, is_all_right, is_same_value, parse_number
from evaluation.metrics import character_errors, contained_strings, detection_matches, quad_iou, word_matches
from evaluation.ordering import PlacedText, rows_text, text_along


def square(left: float, top: float, side: float) -> list[list[float]]:
    return [[left, top], [left + side, top], [left + side, top + side], [left, top + side]]


def placed(text: str, left: float, top: float, *, width: float = 50, height: float = 20, page: int = 1) -> PlacedText:
    quad = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    return PlacedText(text=text, quad=quad, page=page)


class TestCharacterErrors:
    def test_width_and_space_do_not_count(self) -> None:
        assert character_errors("請求書 No.１２", "請求書No. 12").edits == 0

    def test_counts_edits_against_characters_of_truth(self) -> None:
        # kitten -> sitting: two substitutions and one insertion.
        errors = character_errors("kitten", "sitting")
        assert (errors.edits, errors.truth_length, errors.rate) == (3, 6, 0.5)

    def test_adds_up_over_documents(self) -> None:
        total = character_errors("abcd", "abc") + character_errors("abcdef", "abcdef")
        assert total.rate == pytest.approx(0.1)

    def test_text_where_there_is_none_is_an_error(self) -> None:
        assert character_errors("", "x").rate == 1.0
        assert character_errors("", "").rate == 0.0


class TestWords:
    def test_order_is_free_and_repeats_count(self) -> None:
        matches = word_matches("to be or not to be", "be not to bee")
        # Right: be, not, to. Four were read, six are printed.
        assert matches == Matches(right=3, given=4, wanted=6)
        assert matches.precision == pytest.approx(3 / 4)
        assert matches.recall == pytest.approx(3 / 6)
        assert matches.f1 == pytest.approx(0.6)

    def test_nothing_wanted_and_nothing_read_is_right(self) -> None:
        assert word_matches("", " ").f1 == 1.0

    def test_strings_are_found_without_space(self) -> None:
        assert contained_strings(["合計 金額", "なし"], "合 計金額\n¥100") == Matches(right=1, given=2, wanted=2)


class TestDetection:
    def test_iou_of_shifted_squares(self) -> None:
        # Half of each is shared: 50 / (100 + 100 - 50).
        assert quad_iou(square(0, 0, 10), [[5, 0], [15, 0], [15, 10], [5, 10]]) == pytest.approx(1 / 3)

    def test_iou_of_a_diamond_in_its_square(self) -> None:
        assert quad_iou(square(0, 0, 10), [[5, 0], [10, 5], [5, 10], [0, 5]]) == pytest.approx(0.5)

    def test_apart(self) -> None:
        assert quad_iou(square(0, 0, 10), square(20, 20, 10)) == 0.0

    def test_a_quad_is_matched_once(self) -> None:
        matches = detection_matches([square(0, 0, 10), square(100, 0, 10)], [square(0, 0, 10), square(0, 1, 10)])
        assert matches == Matches(right=1, given=2, wanted=2)
        assert matches.f1 == pytest.approx(0.5)


class TestFields:
    @pytest.mark.parametrize(
        ("name", "truth", "read"),
        [
            ("issuer_name", "株式会社 サンプル", "株式会社サンプル"),
            ("registration_number", "Ｔ1234567890123", "T1234567890123"),
            ("total_amount", 385000, {"value": 385000, "currency": "JPY", "text": "¥385,000-"}),
            ("total_amount", "$1,234.50", {"value": "1234.5", "currency": "USD"}),
            ("tax_amount", {"value": "0.00", "currency": "EUR"}, {"value": "0", "currency": "EUR"}),
            ("bank_accounts", [{"number": "NL45 6123"}], [{"number": "11"}, {"number": "NL456123", "bank": None}]),
        ],
    )
    def test_same(self, name: str, truth: Value, read: Value) -> None:
        assert is_same_value(name, truth, read)

    @pytest.mark.parametrize(
        ("name", "truth", "read"),
        [
            ("document_date", "2026-10-31", "2026-10-30"),
            ("total_amount", {"value": 10, "currency": "JPY"}, {"value": 10, "currency": "USD"}),
            ("total_amount", 10, {"value": "10.01"}),
            ("total_amount", "none", {"value": "none"}),
            ("bank_accounts", [{"number": "1", "bank": "A"}], [{"number": "1", "bank": "B"}]),
            ("bank_accounts", [{"number": "1"}, {"number": "1"}], [{"number": "1"}]),
            ("bank_accounts", [{"number": "1"}], "1"),
        ],
    )
    def test_different(self, name: str, truth: Value, read: Value) -> None:
        assert not is_same_value(name, truth, read)

    def test_a_wrong_value_counts_on_both_sides(self) -> None:
        counts = field_matches(
            {"issuer_name": "A", "due_date": "2026-01-31", "phone": None, "subtotal": 5},
            {"issuer_name": "B", "due_date": "2026-01-31", "phone": "03", "recipient_name": "not labelled"},
        )
        assert counts == {
            "issuer_name": Matches(right=0, given=1, wanted=1),
            "due_date": Matches(right=1, given=1, wanted=1),
            "phone": Matches(right=0, given=1, wanted=0),
            "subtotal": Matches(right=0, given=0, wanted=1),
        }
        # Micro F1: one right, three given, three wanted.
        assert sum(counts.values(), Matches(right=0, given=0, wanted=0)).f1 == pytest.approx(1 / 3)
        assert not is_all_right(counts)

    def test_all_right(self) -> None:
        assert is_all_right(field_matches({"phone": None, "bank_accounts": []}, {"phone": None, "bank_accounts": []}))
        assert is_all_right(field_matches({"phone": "03-1"}, {"phone": "03-1", "subtotal": 1}))

    def test_numbers(self) -> None:
        assert parse_number("¥1，234-") is None
        assert parse_number("¥1,234") == Decimal(1234)
        assert parse_number("-529.87") == Decimal("-529.87")
        assert parse_number(2.5) == Decimal("2.5")


class TestOrdering:
    def test_rows_from_left_to_right(self) -> None:
        lines = [placed("b", 100, 3), placed("c", 0, 30), placed("a", 0, 0), placed("d", 0, 0, page=2)]
        assert rows_text(lines) == "a\nb\nc\nd"

    def test_read_lines_are_laid_along_the_truth(self) -> None:
        truth = [placed("tall", 0, 0, height=60), placed("one", 100, 0), placed("two", 100, 30)]
        assert rows_text(truth) == "one\ntall\ntwo"
        # The engine drew the tall box a little lower, which alone would put it behind "two".
        read = [
            placed("two", 101, 29),
            placed("tall", 0, 25, height=40),
            placed("stray", 500, 500),
            placed("one", 99, 1),
        ]
        assert text_along(truth, read) == "one\ntall\ntwo\nstray"

    def test_a_line_in_parts_stays_in_order(self) -> None:
        truth = [placed("one two", 0, 0, width=100), placed("three", 0, 30)]
        assert (
            text_along(truth, [placed("three", 0, 30), placed("two", 55, 2), placed("one", 0, 0)]) == "one\ntwo\nthree"
        )

    def test_no_truth(self) -> None:
        assert text_along([], [placed("a", 0, 0)]) == "a"
