"""Names, line items, reliability and thresholds of the accuracy command, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.accuracy.judged import JudgedDocument, judge
from evaluation.accuracy.line_items import match_line_items, sure_rows
from evaluation.accuracy.names import is_same_name
from evaluation.accuracy.reliability import Judgement, reliability
from evaluation.api_reader import Answer, DocumentRead
from evaluation.datasets import LabelledDocument
from evaluation.field_metrics import Matches, Value
from evaluation.ordering import PlacedText
from evaluation.shared_line_items import shared_line_items

QUAD = ((0.0, 0.0), (100.0, 0.0), (100.0, 20.0), (0.0, 20.0))


def answer(value: Value, confidence: float, *, text: str = "") -> Answer:
    return Answer(value=value, text=text or str(value), confidence=confidence, page=1, quad=QUAD)


def judged(
    fields: dict[str, Value],
    answers: dict[str, tuple[Answer, ...]],
    *,
    lines: tuple[str, ...] = ("x",),
    is_complete: bool = True,
) -> JudgedDocument:
    document = LabelledDocument(
        set_name="made up",
        path=Path("a.png"),
        lang="ja",
        lines=None,
        full_text=None,
        must_contain=(),
        fields=fields,
        is_upper_case=False,
        is_complete=is_complete,
    )
    read = DocumentRead(lines=tuple(PlacedText(text=line, quad=QUAD) for line in lines), answers=answers)
    return judge(document, read)


class TestTolerantNames:
    @pytest.mark.parametrize(
        ("truth", "read"),
        [
            ("株式会社サンプル", "㈱サンプル"),
            ("株式会社 サンプル", "(株)サンプル"),
            ("サンプル有限会社", "サンプル（有）"),
            ("Muster GmbH", "MUSTER G.m.b.H."),
            ("Sample Co., Ltd.", "Sample Co Ltd"),
            ("Sample Company Limited", "SAMPLE CO. LTD."),
            ("SYARIKAT SAMPLE SDN BHD", "Syarikat Sample Sdn. Bhd."),
            ("Exemple S.A.R.L.", "Exemple SARL"),
        ],
    )
    def test_capitals_and_the_writing_of_the_legal_form_are_set_aside(self, truth: str, read: str) -> None:
        assert is_same_name(truth, read)

    @pytest.mark.parametrize(
        ("truth", "read"),
        [
            ("株式会社サンプル", "サンプル"),
            ("株式会社サンプル", "サンプル株式会社"),
            ("株式会社サンプル", "有限会社サンプル"),
            ("Muster GmbH", "Muster AG"),
            ("Cobalt Ltd", "balt Ltd"),
            ("D.I.Y. Ltd", "DIY Ltd"),
            ("株式会社サンブル", "株式会社サンプル"),
        ],
    )
    def test_anything_else_is_another_name(self, truth: str, read: str) -> None:
        assert not is_same_name(truth, read)

    def test_the_strict_figure_stays(self) -> None:
        document = judged({"issuer_name": "株式会社サンプル"}, {"issuer_name": (answer("㈱サンプル", 0.9),)})
        assert document.score_at(0.5).counts["issuer_name"] == Matches(right=0, given=1, wanted=1)
        assert document.tolerant_score_at(0.5).counts["issuer_name"] == Matches(right=1, given=1, wanted=1)


class TestLineItems:
    TRUTH = (
        {"description": "机", "quantity": 2, "unit_price": 100, "amount": 200},
        {"description": "椅子", "quantity": 1, "unit_price": 50, "amount": 50},
        {"description": "配線カバー 2m", "quantity": 3, "unit_price": 5, "amount": 15},
    )

    def test_the_same_rows_are_all_right(self) -> None:
        matches = match_line_items(self.TRUTH, [dict(row) | {"page": 1} for row in self.TRUTH])
        assert matches.rows == Matches(right=3, given=3, wanted=3)
        assert matches.documents_right == 1

    def test_a_missing_row_does_not_shift_the_others(self) -> None:
        matches = match_line_items(self.TRUTH, [self.TRUTH[0], self.TRUTH[2]])
        assert matches.rows == Matches(right=2, given=2, wanted=3)
        assert matches.parts["amount"] == Matches(right=2, given=2, wanted=3)
        assert matches.documents_right == 0

    def test_a_wrong_part_costs_its_row_and_itself_alone(self) -> None:
        read = [self.TRUTH[0], {**self.TRUTH[1], "quantity": 7}, self.TRUTH[2]]
        matches = match_line_items(self.TRUTH, read)
        assert matches.rows == Matches(right=2, given=3, wanted=3)
        assert matches.parts["quantity"] == Matches(right=2, given=3, wanted=3)
        assert matches.parts["unit_price"] == Matches(right=3, given=3, wanted=3)

    def test_a_row_too_many_counts_against_precision(self) -> None:
        surplus = {"description": "小計", "quantity": None, "unit_price": None, "amount": 265}
        matches = match_line_items(self.TRUTH, [*self.TRUTH, surplus])
        assert matches.rows == Matches(right=3, given=4, wanted=3)
        assert matches.parts["amount"].precision == pytest.approx(3 / 4)
        assert matches.parts["quantity"].precision == 1.0

    def test_null_is_wanted_and_what_is_not_named_is_not_judged(self) -> None:
        truth = [{"description": "茶", "quantity": None}]
        wrong = match_line_items(truth, [{"description": "茶", "quantity": 1, "amount": 100}])
        assert wrong.rows.right == 0
        assert wrong.parts["quantity"] == Matches(right=0, given=1, wanted=0)
        assert wrong.parts["amount"] == Matches(right=0, given=0, wanted=0)
        assert match_line_items(truth, [{"description": "茶", "quantity": None, "amount": 100}]).documents_right == 1

    def test_a_row_too_many_is_judged_by_the_parts_that_the_labels_name(self) -> None:
        truth = [{"description": "茶", "amount": 100}]
        matches = match_line_items(truth, [*truth, {"description": "小計", "quantity": 1, "amount": 100}])
        assert matches.parts["amount"] == Matches(right=1, given=2, wanted=1)
        assert matches.parts["quantity"] == Matches(right=0, given=0, wanted=0)

    def test_numbers_are_compared_as_numbers(self) -> None:
        truth = [{"description": "Tea", "quantity": 2, "unit_price": "1.50", "amount": "3.00"}]
        read = [{"description": "Tea", "quantity": "2.0", "unit_price": "1.5", "amount": "3"}]
        assert match_line_items(truth, read).documents_right == 1

    def test_rows_that_a_caller_is_not_given_are_not_judged(self) -> None:
        surplus = {"description": "車番", "amount": 1180, "confidence": 0.3}
        rows = [dict(row) | {"confidence": 0.5} for row in self.TRUTH]
        assert sure_rows([*rows, surplus], 0.5) == tuple(rows)
        assert sure_rows(self.TRUTH, 0.5) == self.TRUTH
        made = judged({}, {})
        labelled = replace(made.document, line_items=self.TRUTH)
        counts = judge(labelled, replace(made.read, line_items=(*rows, surplus))).line_items
        assert counts is not None
        assert counts.documents_right == 1

    def test_counts_add_up_over_documents(self) -> None:
        total = match_line_items(self.TRUTH, self.TRUTH) + match_line_items(self.TRUTH, [])
        assert total.rows == Matches(right=3, given=3, wanted=6)
        assert (total.documents, total.documents_right) == (2, 1)


class TestReliability:
    def test_ten_bins_and_the_expected_calibration_error(self) -> None:
        answers = [
            Judgement(confidence=0.92, right=True),
            Judgement(confidence=0.98, right=False),
            Judgement(confidence=1.0, right=True),
            Judgement(confidence=0.3, right=False),
        ]
        found = reliability(answers)
        last = found.bins[-1]
        assert (last.low, last.high, last.answers, last.right) == (0.9, 1.0, 3, 2)
        assert last.mean_confidence == pytest.approx(2.9 / 3)
        assert last.share_right == pytest.approx(2 / 3)
        assert [each.answers for each in found.bins] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 3]
        # 3/4 x |2.9/3 - 2/3| + 1/4 x |0.3 - 0|
        assert found.expected_calibration_error == pytest.approx((0.9 + 0.3) / 4)

    def test_no_answers(self) -> None:
        assert reliability([]).expected_calibration_error is None

    def test_accounts_stand_for_themselves(self) -> None:
        document = judged(
            {"bank_accounts": [{"number": "1"}, {"number": "2"}]},
            {"bank_accounts": (answer({"number": "1"}, 0.9), answer({"number": "3"}, 0.6))},
        )
        assert document.fields["bank_accounts"].judgements() == [
            Judgement(confidence=0.9, right=True),
            Judgement(confidence=0.6, right=False),
        ]

    def test_an_account_that_incomplete_labels_do_not_know_is_not_held_against_us(self) -> None:
        answers = {"bank_accounts": (answer({"number": "7"}, 0.9), answer({"number": "1"}, 0.8))}
        document = judged({"bank_accounts": [{"number": "1"}]}, answers, is_complete=False)
        assert document.fields["bank_accounts"].judgements() == [Judgement(confidence=0.8, right=True)]
        other = judged({"bank_accounts": [{"number": "2"}]}, answers, is_complete=False)
        assert other.fields["bank_accounts"].judgements() == [Judgement(confidence=0.9, right=False)]


class TestThresholds:
    def test_an_answer_counts_from_its_confidence_down(self) -> None:
        field = judged({"phone": "03-1"}, {"phone": (answer("03-1", 0.6),)}).fields["phone"]
        assert field.matches_at(0.6) == Matches(right=1, given=1, wanted=1)
        assert field.matches_at(0.61) == Matches(right=0, given=0, wanted=1)
        assert not field.is_right_at(0.7)

    def test_null_is_right_where_nothing_is_printed_and_the_answer_is_not_sure_enough(self) -> None:
        field = judged({"due_date": None}, {"due_date": (answer("2026-10-31", 0.4),)}).fields["due_date"]
        assert field.is_right_at(0.5)
        assert not field.is_right_at(0.4)

    def test_an_account_too_many_is_wrong_where_the_labels_list_all(self) -> None:
        answers = {"bank_accounts": (answer({"number": "1"}, 0.9), answer({"number": "2"}, 0.6))}
        complete = judged({"bank_accounts": [{"number": "1"}]}, answers)
        assert complete.fields["bank_accounts"].matches_at(0.5) == Matches(right=0, given=1, wanted=1)
        assert complete.fields["bank_accounts"].is_right_at(0.7)
        assert judged({"bank_accounts": [{"number": "1"}]}, answers, is_complete=False).wrong_at(0.5) == []

    def test_the_five_are_judged_where_all_five_are_labelled(self) -> None:
        fields: dict[str, Value] = {
            "issuer_name": "A",
            "document_date": "2026-10-31",
            "total_amount": {"value": 5, "currency": "JPY"},
            "due_date": None,
            "bank_accounts": None,
        }
        answers = {
            "issuer_name": (answer("A", 0.9),),
            "document_date": (answer("2026-10-31", 0.9),),
            "total_amount": (answer({"value": 5, "currency": "JPY"}, 0.9),),
        }
        assert judged(fields, answers).has_five_right_at(0.5) is True
        surplus = {**answers, "due_date": (answer("2026-11-30", 0.9),)}
        assert judged(fields, surplus).has_five_right_at(0.5) is False
        del fields["due_date"]
        assert judged(fields, answers).has_five_right_at(0.5) is None


class TestSharedLineItems:
    def test_parts_are_under_the_apis_names(self) -> None:
        row = {"raw_fields": {"items": [{"item_name": "A", "quantity": 2, "unit_price": 1.5, "total_price": 3}]}}
        assert shared_line_items("ocr-mini-bench", row) == (
            {"description": "A", "quantity": 2, "unit_price": 1.5, "amount": 3},
        )

    def test_of_receipts_only_what_is_sure_to_be_printed_is_labelled(self) -> None:
        item = {"name": "茶", "qty": 2, "unit_price": 100, "amount": 200}
        assert shared_line_items("jp-receipts-synth", {"raw_fields": {"items": [item]}}) == (
            {"description": "茶", "amount": 200},
        )

    @pytest.mark.parametrize(
        "item", [{"name": "茶"}, {"name": "値引", "amount": -100, "row_type": "discount"}], ids=["amount", "discount"]
    )
    def test_a_receipt_with_an_unsure_row_is_left_out(self, item: dict[str, object]) -> None:
        items = [{"name": "菓子", "amount": 100, "row_type": "item"}, item]
        assert shared_line_items("jp-receipts-synth", {"raw_fields": {"items": items}}) is None

    def test_other_sets_have_none(self) -> None:
        assert shared_line_items("sroie", {"raw_fields": {"total": "1.00"}}) is None
