"""What kind of failure a wrong field is, and where values are found in lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.accuracy.failures import Failure, FailureKind, diagnose, failures_of
from evaluation.accuracy.judged import judge
from evaluation.accuracy.printed import find_printed
from evaluation.api_reader import Answer
from evaluation.field_metrics import Value
from evaluation.ordering import PlacedText
from tests.unit.test_accuracy_scores import QUAD, answer, judged


def placed(*texts: str) -> list[PlacedText]:
    return [PlacedText(text=text, quad=QUAD) for text in texts]


def failure(name: str, truth: Value, answers: tuple[Answer, ...], *lines: str) -> Failure:
    document = judged({name: truth}, {name: answers}, lines=lines)
    return diagnose(document, document.fields[name], threshold=0.5)


class TestWhereValuesArePrinted:
    @pytest.mark.parametrize(
        ("name", "value", "line"),
        [
            ("issuer_name", "株式会社サンプル", "発行元：株式会社 サンプル"),
            ("issuer_name", "Sample Ltd", "SAMPLE LTD"),
            ("total_amount", {"value": 436040, "currency": "JPY"}, "ご請求金額 ￥４３６，０４０-"),
            ("total_amount", "1234.50", "Summe 1.234,50 EUR"),
            ("total_amount", "1234.50", "Total 1 234,50 €"),
            ("total_amount", 1234, "1'234.00"),
            ("total_amount", 800, "数量 3 800"),
            ("tax_amount", "-12.00", "MwSt -12,00"),
            ("document_date", "2026-10-31", "請求日 2026年10月31日"),
            ("document_date", "2026-10-31", "令和8年10月31日"),
            ("document_date", "2019-06-01", "令和元年6月1日"),
            ("document_date", "2026-10-31", "R8.10.31"),
            ("document_date", "2026-10-23", "令和八年十月二十三日"),
            ("document_date", "2026-10-31", "31.10.26"),
            ("document_date", "2026-03-05", "05/03/2026"),
            ("document_date", "2026-03-05", "03/05/2026"),
            ("document_date", "2026-10-31", "Date: 31 October 2026"),
            ("document_date", "2026-07-14", "14 juillet 2026"),
            ("document_date", "2026-10-31", "20261031"),
            ("due_date", "2026-11-30", "お支払期限：11月30日"),
            ("registration_number", "T9999001000123", "登録番号 T9999-0010-00123"),
            ("phone", "06-0000-1234", "TEL (06) 0000 1234"),
            ("type", "ordinary", "普通預金 1234567"),
        ],
    )
    def test_a_value_is_found_however_it_is_written(self, name: str, value: Value, line: str) -> None:
        found = find_printed(name, value, placed("something else", line))
        assert found is not None
        assert found.is_exact
        assert found.text == line

    @pytest.mark.parametrize(
        ("name", "value", "line", "distance"),
        [
            ("issuer_name", "株式会社サンプル", "株式会社サンブル 様", 1),
            ("total_amount", 436040, "¥438,040", 1),
            ("document_date", "2026-10-31", "2026年10月37日", 1),
            ("document_date", "2026-10-31", "2026年11月30日", None),
            ("document_date", "2026-10-31", "2026年10月30日", 1),
            ("registration_number", "T9999001000123", "T99990O1000123", 1),
            ("total_amount", 50, "60", None),
            ("issuer_name", "株式会社サンプル", "全く別の文", None),
        ],
    )
    def test_a_value_misread_is_near(self, name: str, value: Value, line: str, distance: int | None) -> None:
        found = find_printed(name, value, placed(line))
        assert (None if found is None else found.distance) == distance

    def test_an_amount_is_not_found_inside_of_a_longer_one(self) -> None:
        assert find_printed("total_amount", 800, placed("12,800")) is None

    def test_a_name_is_found_over_the_end_of_a_line(self) -> None:
        found = find_printed("issuer_name", "株式会社サンプル", placed("請求書", "株式会社", "サンプル", "東京都"))
        assert found is not None
        assert [place.text for place in found.places] == ["株式会社", "サンプル"]

    def test_what_the_labels_say_is_printed_is_found_too(self) -> None:
        lines = placed("翌月末日までに")
        assert find_printed("due_date", "2026-11-30", lines) is None
        found = find_printed("due_date", "2026-11-30", lines, printed_as="翌月末日")
        assert found is not None
        assert found.is_exact


class TestKinds:
    def test_should_be_null(self) -> None:
        assert failure("due_date", None, (answer("2026-10-31", 0.9),), "x").kind is FailureKind.SHOULD_BE_NULL

    def test_not_read(self) -> None:
        document = judged({"phone": "03-1234"}, {}, lines=())
        assert failures_of(document, threshold=0.5)[0].kind is FailureKind.NOT_READ

    def test_not_in_the_text(self) -> None:
        assert failure("issuer_name", "株式会社サンプル", (), "領収書", "合計").kind is FailureKind.NOT_IN_TEXT

    def test_misread(self) -> None:
        found = failure("issuer_name", "株式会社サンプル", (), "領収書", "株式会社サンブル")
        assert found.kind is FailureKind.MISREAD
        assert found.read_as == "株式会社サンブル"

    def test_misread_and_answered(self) -> None:
        answers = (answer("株式会社サンブル", 0.9),)
        assert failure("issuer_name", "株式会社サンプル", answers, "株式会社サンブル").kind is FailureKind.MISREAD

    def test_not_found(self) -> None:
        assert failure("total_amount", 1200, (), "合計 1,200").kind is FailureKind.NOT_FOUND

    def test_unsure(self) -> None:
        found = failure("total_amount", 1200, (answer({"value": 1200, "currency": "JPY"}, 0.45),), "合計 1,200")
        assert found.kind is FailureKind.UNSURE
        assert found.answer is not None
        assert found.answer.confidence == 0.45

    def test_wrong_candidate(self) -> None:
        answers = (answer({"value": 1320, "currency": "JPY"}, 0.9, text="1,320"),)
        assert failure("total_amount", 1200, answers, "小計 1,200", "1,320").kind is FailureKind.WRONG_CANDIDATE

    def test_cut_short(self) -> None:
        answers = (answer("株式会社サンプル", 0.9),)
        found = failure("issuer_name", "株式会社サンプル 東京支店", answers, "株式会社サンプル 東京支店")
        assert found.kind is FailureKind.WRONG_EXTENT

    def test_a_part_that_our_lines_lack_was_misread_not_cut(self) -> None:
        answers = (answer("株式会社サンプ", 0.9),)
        assert failure("issuer_name", "株式会社サンプル", answers, "株式会社サンプ").kind is FailureKind.MISREAD

    def test_too_long(self) -> None:
        answers = (answer("INV-2026-1 1/2", 0.9),)
        assert failure("document_number", "INV-2026-1", answers, "INV-2026-1 1/2").kind is FailureKind.WRONG_EXTENT

    def test_wrong_format(self) -> None:
        answers = (answer("2026-05-03", 0.9, text="03/05/2026"),)
        assert failure("document_date", "2026-03-05", answers, "03/05/2026").kind is FailureKind.WRONG_FORMAT

    def test_written_otherwise(self) -> None:
        answers = (answer("Muster gmbh", 0.9),)
        assert failure("issuer_name", "Muster GmbH", answers, "Muster gmbh").kind is FailureKind.WRITTEN_OTHERWISE

    def test_wrong_currency_is_a_wrong_format(self) -> None:
        answers = (answer({"value": "12.00", "currency": "USD"}, 0.9, text="12.00"),)
        truth = {"value": "12.00", "currency": "EUR"}
        assert failure("total_amount", truth, answers, "Total 12.00").kind is FailureKind.WRONG_FORMAT

    def test_right_fields_are_no_failures(self) -> None:
        assert failures_of(judged({"phone": "03-1"}, {"phone": (answer("03-1", 0.9),)}), threshold=0.5) == []


ACCOUNT = {"bank": "みほん銀行", "branch": "さくら支店", "type": "ordinary", "number": "1234567", "holder": None}
ACCOUNT_LINES = ("みほん銀行 さくら支店", "普通 1234567")


def account(*lines: str, **parts: str | None) -> tuple[Answer, ...]:
    return (answer({**ACCOUNT, **parts}, 0.9, text=" ".join(lines or ACCOUNT_LINES)),)


def account_failure(answers: tuple[Answer, ...], *lines: str) -> Failure:
    return failure("bank_accounts", [ACCOUNT], answers, *(lines or ACCOUNT_LINES))


class TestAccounts:
    def test_no_account(self) -> None:
        found = account_failure(())
        assert (found.kind, found.part) == (FailureKind.NOT_FOUND, "number")

    def test_the_wrong_part_is_named(self) -> None:
        found = account_failure(account(branch=None))
        assert (found.kind, found.part) == (FailureKind.NOT_FOUND, "branch")

    def test_a_part_that_is_not_printed(self) -> None:
        found = account_failure(account(holder="サンプル"))
        assert (found.kind, found.part) == (FailureKind.SHOULD_BE_NULL, "holder")

    def test_a_misread_number(self) -> None:
        lines = (ACCOUNT_LINES[0], "普通 1234561")
        found = account_failure(account(*lines, number="1234561"), *lines)
        assert (found.kind, found.part) == (FailureKind.MISREAD, "number")

    def test_a_type_taken_for_another(self) -> None:
        found = account_failure(account(type="checking"))
        assert (found.kind, found.part) == (FailureKind.WRONG_FORMAT, "type")

    def test_an_account_too_many(self) -> None:
        found = account_failure((*account(), answer({"number": "7654321"}, 0.8)))
        assert found.kind is FailureKind.SHOULD_BE_NULL
        assert found.answer is not None
        assert found.answer.value == {"number": "7654321"}


class TestPlaces:
    def test_the_labels_evidence_goes_before_their_lines(self) -> None:
        document = judged({"phone": "03-1234"}, {}, lines=("x",))
        lines = tuple(placed("TEL 03-1234"))
        labelled = judge(replace(document.document, lines=lines), document.read)
        assert failures_of(labelled, threshold=0.5)[0].truth_places == lines
        evidence = (PlacedText(text="03-1234", quad=QUAD, page=2),)
        with_evidence = judge(replace(labelled.document, evidence={"phone": evidence}), document.read)
        assert failures_of(with_evidence, threshold=0.5)[0].truth_places == evidence

    def test_an_accounts_evidence_is_that_of_its_wrong_part(self) -> None:
        document = judged({"bank_accounts": [ACCOUNT]}, {"bank_accounts": account(branch="別支店")})
        parts = {f"bank_accounts.0.{part}": tuple(placed(part)) for part in ("bank", "branch", "number")}
        labelled = judge(replace(document.document, evidence=parts), document.read)
        assert [place.text for place in failures_of(labelled, threshold=0.5)[0].truth_places] == ["branch"]

    def test_and_all_of_it_where_that_part_is_not_printed(self) -> None:
        document = judged({"bank_accounts": [ACCOUNT]}, {"bank_accounts": account(holder="サンプル")})
        parts = {f"bank_accounts.0.{part}": tuple(placed(part)) for part in ("bank", "number")}
        labelled = judge(replace(document.document, evidence=parts), document.read)
        assert [place.text for place in failures_of(labelled, threshold=0.5)[0].truth_places] == ["bank", "number"]


class TestLineItems:
    TRUTH = ({"description": "机", "amount": 100}, {"description": "椅子", "amount": 50})

    def failures(self, *read: dict[str, object]) -> list[Failure]:
        made = judged({}, {})
        evidence = {f"line_items.{index}.amount": tuple(placed(str(index))) for index in range(2)}
        labels = replace(made.document, line_items=self.TRUTH, evidence=evidence)
        return failures_of(judge(labels, replace(made.read, line_items=read)), threshold=0.5)

    def test_rows_that_differ_are_shown_with_their_places(self) -> None:
        read = ({"description": "机", "amount": 100}, {"description": "椅子", "amount": 60, "quad": QUAD, "page": 1})
        (found,) = self.failures(*read)
        assert found.kind is FailureKind.ROWS_DIFFER
        (pair,) = found.rows
        assert pair.wrong_parts == ("amount",)
        assert [place.text for place in found.truth_places] == ["1"]
        assert [place.text for place in found.answer_places] == ["椅子"]

    def test_nothing_read(self) -> None:
        (found,) = self.failures()
        assert found.kind is FailureKind.NOT_FOUND
        assert len(found.rows) == 2

    def test_right_rows_are_no_failure(self) -> None:
        assert self.failures(*self.TRUTH) == []
