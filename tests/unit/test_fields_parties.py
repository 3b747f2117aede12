"""Who issued a document and to whom, their phones and register numbers: forms of print that other tests do not have."""

from __future__ import annotations

import pytest

from ocr_core.contracts.result import DocumentType, FieldValue
from postprocess_svc.fields import FieldsOutcome
from postprocess_svc.fields.candidate import Candidate
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.families.issuers import FAMILY as ISSUER
from postprocess_svc.fields.families.recipients import FAMILY as RECIPIENT
from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.addresses import is_address
from postprocess_svc.fields.values.phones import find_phones
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import page, read, receipt


def text(outcome: FieldsOutcome, name: str) -> str | None:
    answer = outcome.fields[name]
    if answer is None:
        return None
    assert isinstance(answer, FieldValue)
    return str(answer.value) if answer.confidence >= 0.5 else None


def issuers(lines: PageLines, document_type: DocumentType) -> dict[object, Candidate]:
    context = build_context([lines], document_type=document_type)
    return {candidate.value: candidate for candidate in ISSUER.propose("issuer_name", context, {})}


def recipients(lines: PageLines) -> dict[object, Candidate]:
    context = build_context([lines], document_type=DocumentType.INVOICE)
    return {candidate.value: candidate for candidate in RECIPIENT.propose("recipient_name", context, {})}


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("TEL 090-8732.9264", "090-8732-9264"),  # a hyphen read as a full stop
        ("電話 0120·336-311", "0120-336-311"),
        ("TEL 03ー1234ー5678", "03-1234-5678"),
        ("連絡先電話 022 609-6641", "022-609-6641"),
        ("でんわ:0120- 986-814", "0120-986-814"),
        ("TEL 〇3-1234-5678", "03-1234-5678"),
        ("TEL 03-l234-5678", "03-1234-5678"),
        ("TEL 045(123)4567", "045-123-4567"),
        ("TEL 03 1234 5678", "03-1234-5678"),
    ],
)
def test_misread_separators_and_digits_of_a_phone_are_put_right(printed: str, expected: str) -> None:
    assert [phone.value for phone in find_phones(printed, labelled_from=2)] == [expected]


@pytest.mark.parametrize("printed", ["1.234.567", "2024.10.31", "12,345,678円", "3-1-2"])
def test_amounts_dates_and_block_numbers_are_no_phones(printed: str) -> None:
    assert find_phones(printed) == []


def test_a_phone_that_is_broken_at_the_end_of_a_line_is_read_whole() -> None:
    outcome = read(
        receipt([("みなと食堂", "", 50), "神奈川県横浜市中区本町1-2-3", "TEL 0120-", "986-814", ("合計", "¥900")])
    )
    assert text(outcome, "phone") == "0120-986-814"


def test_one_letter_before_a_number_says_phone_and_the_fax_beside_it_is_not_taken() -> None:
    outcome = read(
        receipt(
            [("みなと食堂", "", 50), "神奈川県横浜市中区本町1-2-3", "T 045-123-4567 FAX 045-123-4568", ("合計", "¥900")]
        )
    )
    assert text(outcome, "phone") == "045-123-4567"


@pytest.mark.parametrize(
    "printed",
    ["東京都港区芝浦3-4-5", "T344-1794", "サンハイツ201号 3階", "Lindenweg 4", "12 High Street", "80333 München"],
)
def test_addresses(printed: str) -> None:
    assert is_address(printed)


@pytest.mark.parametrize(
    "printed", ["株式会社サンプル", "大阪市立大学", "Muster Holding", "Parkside Books", "村上和夫"]
)
def test_names_are_no_addresses(printed: str) -> None:
    assert not is_address(printed)


@pytest.mark.parametrize("printed", ["東口店", "大通店", "大阪支店", "名古屋営業所", "八王子店", "羽衣門店"])
def test_a_branch_is_not_a_firm(printed: str) -> None:
    assert names.is_branch(printed)


@pytest.mark.parametrize(
    "printed", ["上田塗料店", "木村酒店", "山田工務店", "中央書店", "株式会社山本商店", "カフェ 駅前店"]
)
def test_a_shop_that_is_named_after_its_trade_is_no_branch(printed: str) -> None:
    assert not names.is_branch(printed)


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("株式会社ヤマダショウジ", "カ)ヤマダシヨウジ"),
        ("フロンティア株式会社", "フロンテイア(カ"),
        ("(有)サンプル", "ユ)サンプル"),
        ("株式会社山田商事", "(株)山田商事"),
    ],
)
def test_a_firm_is_known_again_in_the_name_of_its_account(name: str, holder: str) -> None:
    assert names.core(name) == names.core(holder)


def test_other_firms_are_not_taken_for_one_another() -> None:
    assert names.core("株式会社ヤマダショウジ") != names.core("カ)ヤマダシヨウテン")
    assert not names.are_readings_of_one("abctrading", "abdtradinx")
    assert not names.are_readings_of_one("山田商店", "山本商店")
    assert names.are_readings_of_one("浜松コスモ産業", "浜松コXモ産業")


@pytest.mark.parametrize(
    ("printed", "firm"),
    [
        ("株式会社サンプル 経理部", "株式会社サンプル"),
        ("株式会社サンプル経理部", "株式会社サンプル"),
        ("株式会社サンプル 代表取締役 山田太郎", "株式会社サンプル"),
        ("株式会社全部", "株式会社全部"),
        ("山田 一郎", "山田 一郎"),
    ],
)
def test_department_and_officer_are_no_part_of_a_firms_name(printed: str, firm: str) -> None:
    assert names.without_department(printed) == firm


def test_guests_at_a_table_are_no_recipient() -> None:
    assert recipients(receipt(["カフェネクスト", "卓 8 1名様", "お子様2名様", "お客様"])) == {}


def test_an_old_form_of_the_honorific_is_one() -> None:
    assert "山下大輔" in recipients(page([(100, 100, "山下大輔樣"), (100, 200, "領収書", 60)]))


def test_a_department_alone_is_not_the_recipient() -> None:
    lines = page([(100, 100, "株式会社デルタ"), (100, 145, "経理部御中"), (900, 400, "購買部ご担当者様")])
    assert set(recipients(lines)) == {"株式会社デルタ"}


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("株式会社", "青空企画", "株式会社青空企画"),
        ("石井ロジスティクス株式", "会社", "石井ロジスティクス株式会社"),
        ("青空企画", "合同会社", "青空企画合同会社"),
    ],
)
def test_a_japanese_name_over_two_lines_is_one(first: str, second: str, whole: str) -> None:
    lines = page(
        [(900, 200, first), (900, 235, second), (900, 270, "東京都港区芝1-2-3"), (900, 305, "TEL 03-1234-5678")]
    )
    assert whole in issuers(lines, DocumentType.INVOICE)


def test_a_western_name_over_two_lines_is_one_and_two_names_are_two() -> None:
    one = page(
        [
            (100, 200, "Bill to"),
            (100, 235, "Summit Office"),
            (100, 270, "Solutions Limited"),
            (100, 305, "Leeds LS1 4DY"),
        ]
    )
    assert "Summit Office Solutions Limited" in recipients(one)
    two = page(
        [(100, 200, "Bill to"), (100, 235, "Max Mustermann"), (100, 270, "Bergmann GmbH"), (100, 305, "Leeds LS1 4DY")]
    )
    assert "Max Mustermann" in recipients(two)


def test_a_label_over_an_address_without_a_name_names_nobody() -> None:
    lines = page(
        [
            (100, 300, "Bill to"), (100, 335, "171 Congress Avenue"), (100, 370, "Bristol BS1 5TR"),
            (100, 430, "Website maintenance"), (700, 430, "20"), (1000, 430, "11,474.00"),
        ]
    )  # fmt: skip
    found = recipients(lines)
    assert all(candidate.features["implausible"] for candidate in found.values())


def test_a_label_without_a_colon_names_whoever_has_an_address_below() -> None:
    lines = page([(100, 300, "Client Highfield Media"), (100, 335, "47 Queen Street"), (100, 370, "Cardiff CF10 1EP")])
    assert set(recipients(lines)) == {"Highfield Media"}


def test_a_sole_proprietor_over_an_address_is_proposed_wherever_the_block_stands() -> None:
    lines = page(
        [
            (100, 100, "山下恵子 様"), (600, 200, "御請求書", 60), (100, 500, "御請求金額"), (400, 500, "¥606,914-"),
            (100, 700, "仮設足場工事"), (900, 700, "606,914円"), (900, 1800, "山崎 由美"),
            (900, 1835, "〒561-1456 広島県広島市中央区9-26-13"), (900, 1870, "登録番号:T2689026507816"),
        ]
    )  # fmt: skip
    found = issuers(lines, DocumentType.INVOICE)
    assert found["山崎 由美"].features["block_head"] == 1.0
    assert "仮設足場工事" not in found


def test_a_trade_over_a_logo_is_told_from_the_logo() -> None:
    found = issuers(
        receipt([("製麺所", "", 24), ("花見川製麺", "", 46), "電話03-8131-7681", ("合計", "¥120")]),
        DocumentType.RECEIPT,
    )
    assert found["製麺所"].features["larger_below"] == 1.0
    assert not found["花見川製麺"].features["larger_below"]


def test_a_name_that_begins_like_a_kind_of_number_is_a_name() -> None:
    outcome = read(receipt([("テーブルテラス", "", 60), "荻窪店", "東京都杉並区成田東1-20-10", ("合計", "¥5,370")]))
    assert text(outcome, "issuer_name") == "テーブルテラス"


def test_characters_of_a_seal_beside_a_name_are_no_part_of_it() -> None:
    lines = page([(100, 200, "株式会社青空企画 株"), (100, 240, "東京都港区芝1-2-3"), (100, 400, "請求書", 60)])
    assert set(issuers(lines, DocumentType.INVOICE)) == {"株式会社青空企画"}


def test_a_logos_word_stands_for_the_whole_name_beside_it() -> None:
    lines = page(
        [
            (100, 60, "azure", 70),
            (100, 160, "Azure Interior"),
            (100, 200, "4557 De Silva Street"),
            (100, 240, "Fremont CA 94538"),
        ]
    )
    found = issuers(lines, DocumentType.INVOICE)
    assert "Azure Interior" in found
    assert "azure" not in found


def test_a_registration_number_whose_t_was_lost_at_the_line_break_is_found() -> None:
    outcome = read(receipt([("みなと食堂", "", 50), "適格請求書発行事業者登録番号", "1010401089234", ("合計", "¥900")]))
    assert text(outcome, "registration_number") == "T1010401089234"


def test_a_vat_id_that_was_read_with_a_nought_is_german() -> None:
    outcome = read(
        receipt([("Bäckerei Brandner", "", 50), "Hauptstraße 3", "USt-IdNr 0E710833395", ("Summe", "12,30 €")])
    )
    assert text(outcome, "registration_number") == "DE710833395"


@pytest.mark.parametrize(
    ("logo", "kind", "branch"),
    [
        ("麦香しろね", "ベーカリー", "ベーカリー福町店"),  # the logo has the shape of a person's name
        ("衣舎ひより", "SHOP", "アウトレット南町店"),
        ("hair room ao", "ヘアケア", "ヘアケア緑町店"),
        ("山野あおい", "すし処", "すし処西池袋店"),
    ],
)
def test_what_a_shop_is_and_its_branch_stand_under_the_name(logo: str, kind: str, branch: str) -> None:
    printed = [(logo, "", 58), (kind, "", 26), branch, "東京都杉並区成田東1-20-10", "TEL 03-0000-0000"]
    outcome = read(receipt([*printed, ("食パン", "¥400"), ("合計", "¥400")]))
    assert text(outcome, "issuer_name") == logo
