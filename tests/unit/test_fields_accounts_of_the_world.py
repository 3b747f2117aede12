"""Accounts as other people's documents print them: in sentences, in one line, side by side, with both of the post's."""

from __future__ import annotations

import pytest

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import BankDetails
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.families.banks import BankFamily
from postprocess_svc.fields.values.folding import fold
from tests.support.fields_layout import Placed, page

Account = tuple[str | None, str | None, str | None, str, str | None]
SHIBUYA: Account = ("みほん銀行", "渋谷支店", "ordinary", "1234567", "カ)サンプル")
PERSON: Account = ("みほん銀行", "渋谷支店", "ordinary", "1234567", "ミホンハナコ")


def accounts(*placed: Placed) -> list[Account]:
    context = build_context([page(placed)], document_type=DocumentType.INVOICE)
    values = [candidate.value for candidate in BankFamily().propose("bank_accounts", context, {})]
    details = [value for value in values if isinstance(value, BankDetails)]
    return [
        (v.bank, v.branch, None if v.type is None else v.type.value, v.number, fold(v.holder or "")) for v in details
    ]


def in_lines(*lines: str) -> list[Account]:
    return accounts(
        (100, 100, "請求書"), (100, 180, "みほん商事株式会社 御中"),
        *((100, 1000 + 36 * number, text) for number, text in enumerate(lines)),
    )  # fmt: skip


@pytest.mark.parametrize("mark", ["／", "/", " / ", "・", "、", "|", " ", "　"])
def test_an_account_in_one_line_with_one_mark_between_its_parts(mark: str) -> None:
    line = mark.join(("みほん銀行", "渋谷支店", "普通", "1234567", "カ）サンプル"))
    assert in_lines(line) == [SHIBUYA]
    assert in_lines(f"振込先：{line}") == [SHIBUYA]


@pytest.mark.parametrize(
    "lines",
    [
        [
            "なお、お支払いはみほん銀行渋谷支店の普通預金口座1234567(口座名義：ミホンハナコ)までお振込みくださいますよう",
            "お願い申し上げます。",
        ],
        ["ご入金はみほん銀行渋谷支店、普通1234567、ミホンハナコ宛にお願い致します。"],
        ["代金は、みほん銀行 渋谷支店 普通口座 1234567 名義人ミホンハナコ までお振り込み下さい。"],
        ["振込先は、みほん銀行（渋谷支店）普通口座番号1234567「ミホンハナコ」です。"],
        ["お振込みは みほん銀行渋谷支店 普通預金 No.1234567 ミホンハナコ へお願いいたします。"],
        ["下記口座（みほん銀行渋谷支店 普通1234567 ミホンハナコ）あてにお振込みください。"],
    ],
)
def test_an_account_in_a_sentence(lines: list[str]) -> None:
    assert in_lines(*lines) == [PERSON]


@pytest.mark.parametrize(
    "lines",
    [
        ["みほん銀行（0987）渋谷支店（123） 普通 1234567 カ）サンプル"],
        ["0987 みほん銀行 123 渋谷支店 普通預金 No.1234567", "カ）サンプル"],
        ["みほん銀行 渋谷支店（銀行コード0987 支店コード123） （普通）1234567", "カ）サンプル"],
        ["銀行コード：0987 みほん銀行", "支店コード：123 渋谷支店", "普通 1234567", "カ）サンプル"],
        ["みほん銀行[0987] 渋谷支店[123] 普通口座 1234567 カ）サンプル"],
    ],
)
def test_codes_before_or_behind_the_names(lines: list[str]) -> None:
    assert in_lines(*lines) == [SHIBUYA]


@pytest.mark.parametrize("aside", ["（カナ）", "（力ナ）", "（フリガナ）", "（力十）", "(カタカナ)", "（半角カナ）"])
def test_a_holders_key_may_say_that_it_is_in_kana(aside: str) -> None:
    assert in_lines("みほん銀行 渋谷支店", "普通 1234567", f"口座名義{aside} カ）サンプル") == [SHIBUYA]
    assert in_lines("みほん銀行 渋谷支店", "普通 1234567", f"口座名義{aside}カ）サンプル") == [SHIBUYA]
    placed: list[Placed] = [
        (100, 1000, "銀行名"), (500, 1000, "みほん銀行"), (100, 1040, "支店名"), (500, 1040, "渋谷支店"),
        (100, 1080, "預金種目"), (500, 1080, "普通"), (100, 1120, "口座番号"), (500, 1120, "1234567"),
        (100, 1160, f"口座名義{aside}"), (500, 1160, "カ）サンプル"),
    ]  # fmt: skip
    assert accounts(*placed) == [SHIBUYA]


def test_the_holder_may_stand_over_the_bank() -> None:
    assert in_lines("【お振込先】", "カ）サンプル", "みほん銀行 渋谷支店 普通 1234567") == [SHIBUYA]


def test_accounts_side_by_side_keep_to_their_columns() -> None:
    placed: list[Placed] = []
    banks = (("みほん銀行", "1234567"), ("見本信用金庫", "7654321"), ("サンプル銀行", "1112223"))
    for number, (bank, digits) in enumerate(banks):
        left = 100 + 460 * number
        placed += [
            (left, 1000, f"{bank} 渋谷支店"), (left, 1040, f"普通預金 {digits}"), (left, 1080, "名義 カ）サンプル"),
        ]  # fmt: skip
    assert accounts(*placed) == [(bank, "渋谷支店", "ordinary", digits, "カ)サンプル") for bank, digits in banks]


POST: Account = ("ゆうちょ銀行", "〇一八", "ordinary", "1234567", "ミホンハナコ")


@pytest.mark.parametrize(
    "lines",
    [
        ["ゆうちょ銀行 〇一八（店番018） 普通 1234567", "ミホンハナコ"],
        ["ゆうちょ銀行〇—八（店番018） 普通 1234567", "ミホンハナコ"],  # as it was read
        ["ゆうちょ銀行 店名 〇一八 店番 018 普通預金 口座番号 1234567 ミホンハナコ"],
        [
            "お振込先：ゆうちょ銀行",
            "ゆうちょ銀行からお振込みの場合 記号10180 番号12345671",
            "他金融機関からお振込みの場合 店名 〇一八（店番 018） 普通預金 口座番号 1234567",
            "口座名義 ミホンハナコ",
        ],
        [
            "ゆうちょ銀行",
            "【他行から】〇一八（ゼロイチハチ）支店 普通 1234567",
            "【ゆうちょから】記号 10180 番号 12345671",
            "口座名義 ミホンハナコ",
        ],
    ],
)  # fmt: skip
def test_the_posts_account_by_its_branch_and_number(lines: list[str]) -> None:
    assert in_lines(*lines) == [POST]


def test_the_posts_account_by_symbol_and_number_alone() -> None:
    found = in_lines("ゆうちょ銀行 記号10180 番号12345671", "ミホンハナコ")
    assert found == [("ゆうちょ銀行", None, "ordinary", "10180-12345671", "ミホンハナコ")]


def test_a_heading_over_a_key_is_no_bank() -> None:
    placed: list[Placed] = [
        (100, 1000, "お支払先口座のご案内"), (100, 1040, "お取引銀行"), (400, 1040, "みほん銀行"),
        (100, 1080, "支店名"), (400, 1080, "渋谷支店"), (100, 1120, "口座番号"), (400, 1120, "普通 1234567"),
        (100, 1160, "口座名義"), (400, 1160, "カ）サンプル"),
    ]  # fmt: skip
    assert accounts(*placed) == [SHIBUYA]


@pytest.mark.parametrize("before", ["みほん銀行/", "みほん銀行／", "みほん銀行(0123)", "みほん銀行"])
def test_a_branch_may_be_the_business_department(before: str) -> None:
    found = in_lines(f"{before}営業部 普通 1234567 カ）サンプル")
    assert found == [("みほん銀行", "営業部", "ordinary", "1234567", "カ)サンプル")]


def test_a_type_is_no_branch_where_the_branchs_name_was_cut() -> None:
    found = in_lines("みほん銀行 取引支店名", "普通 1234567", "カ）サンプル")
    assert found == [("みほん銀行", None, "ordinary", "1234567", "カ)サンプル")]


def test_what_stands_over_the_items_is_no_holder() -> None:
    found = in_lines("みほん銀行 渋谷支店 普通 1234567", "名称")
    assert found == [("みほん銀行", "渋谷支店", "ordinary", "1234567", "")]


def test_a_clubs_name_under_the_number_is_the_holder() -> None:
    found = in_lines("みほん銀行 渋谷支店", "普通 1234567", "千葉小学校PTA")
    assert found == [("みほん銀行", "渋谷支店", "ordinary", "1234567", "千葉小学校PTA")]


def test_a_line_of_the_issuer_over_the_bank_is_no_holder_without_a_heading() -> None:
    found = in_lines("サンプル設計株式会社", "みほん銀行 渋谷支店 普通 1234567")
    assert found == [("みほん銀行", "渋谷支店", "ordinary", "1234567", "")]


@pytest.mark.parametrize(
    ("lines", "account"),
    [
        (
            ["Please pay Sample Tools Inc., Pacific Coast Credit Union, account 8423088962."],
            ("Pacific Coast Credit Union", None, None, "8423088962", "Sample Tools Inc."),
        ),
        (
            ["Transfer to Borough Mutual Bank · Sample Plumbing Ltd · 20485305 · 94-89-85"],
            ("Borough Mutual Bank", None, None, "20485305", "Sample Plumbing Ltd"),
        ),
        (
            [
                "Wir bitten um Zahlung auf unser Konto DE02 1203 0000 0000 2020 51 bei der Volksbank Muster eG,",
                "lautend auf Muster & Söhne OHG.",
            ],
            ("Volksbank Muster eG", None, "iban", "DE02120300000000202051", "Muster & Söhne OHG"),
        ),
        (
            [
                "Wir bitten um Zahlung auf unser Konto DE02 1203 0000 0000 2020 51 bei der Handelsbank Süd AG, lautend",
                "auf Muster & Söhne OHG.",
            ],
            ("Handelsbank Süd AG", None, "iban", "DE02120300000000202051", "Muster & Söhne OHG"),
        ),
        (
            ["Our bank Town & Country Bank", "Account # 3886483373", "Name on account Sample Media Group"],
            ("Town & Country Bank", None, None, "3886483373", "Sample Media Group"),
        ),
        (
            ["Volksbank Muster eG", "Muster & Söhne OHG", "DE02 1203 0000 0000 2020 51", "BYLADEM1001"],
            ("Volksbank Muster eG", None, "iban", "DE02120300000000202051", "Muster & Söhne OHG"),
        ),
        (
            ["Virement à : Garage Aubert SARL - IBAN DE02 1203 0000 0000 2020 51 - BIC BYLADEM1001"],
            (None, None, "iban", "DE02120300000000202051", "Garage Aubert SARL"),
        ),
    ],
)
def test_payees_of_other_countries_without_a_label(lines: list[str], account: Account) -> None:
    placed: list[Placed] = [(100, 1000 + 36 * number, text) for number, text in enumerate(lines)]
    assert accounts((100, 100, "Invoice"), (100, 180, "Total amount due"), *placed) == [account]


def test_a_number_in_a_line_without_a_bank_is_no_account() -> None:
    assert accounts((100, 100, "Invoice"), (100, 1000, "Order · Sample Plumbing Ltd · 20485305")) == []
