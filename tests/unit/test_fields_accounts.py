"""Bank accounts as documents print them: in a line, under keys, beside keys, over two lines, of other countries."""

from __future__ import annotations

import pytest

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.accounts.blocks import block_accounts
from postprocess_svc.fields.accounts.tables import table_accounts
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.families.banks import BankFamily
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import Placed, page
from tests.support.steps import steps
from tests.support.table_layout import grid, page_of

Account = tuple[str | None, str | None, str | None, str, str | None]


def details(candidate: object) -> Account:
    value = candidate.value  # type: ignore[attr-defined]
    return value.bank, value.branch, None if value.type is None else value.type.value, value.number, value.holder


def in_blocks(*placed: Placed) -> list[Account]:
    context = build_context([page(placed)], document_type=DocumentType.INVOICE)
    return [details(candidate) for candidate in block_accounts(context)]


def in_tables(shown: PageLines) -> list[Account]:
    context = build_context([shown], document_type=DocumentType.INVOICE)
    return [details(candidate) for candidate in table_accounts(context)]


SHIBUYA: Account = ("みほん銀行", "渋谷支店", "ordinary", "1234567", "カ)サンプル")


@pytest.mark.parametrize(
    "lines",
    [
        ["取引銀行 みほん銀行 渋谷支店 普通 1234567 カ)サンプル"],
        ["お支払い口座: みほん銀行渋谷支店(普)1234567カ)サンプル"],
        ["【振込先】", "みほん銀行 渋谷支店", "普 1234567", "カ)サンプル"],
        ["振込先銀行名 みほん銀行", "取扱店 渋谷支店", "科目 普通預金", "普通口座番号 1234567", "受取人名 カ)サンプル"],
        ["みほん銀行", "支店 渋谷支店", "口座No 普通 1234567", "ロ座名義:カ)サンプル"],
        ["みほん銀行", "取报店 渋谷支店", "種別 (普)", "口座番号 1|2|3|4|5|6|7", "口座名羲(カナ) カ)サンプル"],
    ],
)
def test_one_account_however_it_is_written(lines: list[str]) -> None:
    assert in_blocks(*((100, 1000 + 44 * number, text) for number, text in enumerate(lines))) == [SHIBUYA]


def test_sums_beside_an_account_are_no_part_of_it() -> None:
    found = in_blocks(
        (100, 1000, "みほん銀行 渋谷支店"),
        (1000, 1000, "消費税合計"),
        (1300, 1000, "7,853,700"),
        (100, 1044, "普通 1234567"),
        (1000, 1044, "御合計"),
        (1300, 1044, "8637070"),
    )
    assert found == [("みほん銀行", "渋谷支店", "ordinary", "1234567", None)]


def test_what_follows_an_account_is_not_its_holder() -> None:
    found = in_blocks(
        (100, 1000, "みほん銀行 渋谷支店 普通 1234567"),
        (100, 1044, "振込手数料は御社負担にてお願いします。"),
        (100, 1088, "備考"),
    )
    assert found == [("みほん銀行", "渋谷支店", "ordinary", "1234567", None)]


def test_a_transfer_account_needs_no_bank() -> None:
    assert in_blocks((100, 1000, "郵便振替 00570-6-768113"), (100, 1044, "カ)サンプルノウエン")) == [
        (None, None, "checking", "00570-6-768113", "カ)サンプルノウエン")
    ]


def test_the_post_bank_with_a_large_kana() -> None:
    assert in_blocks((100, 1000, "ゆうちよ銀行 記号 16300 番号 77662591 カ)サンプル")) == [
        ("ゆうちよ銀行", None, "ordinary", "16300-77662591", "カ)サンプル")
    ]


def test_a_phone_number_is_no_transfer_account() -> None:
    assert in_blocks((100, 1000, "TEL 03-1234-5678"), (100, 1044, "090-1234-5678"), (100, 1088, "2026-10-31")) == []


def test_accounts_under_a_row_of_keys() -> None:
    lines, rulings = grid(
        [
            ["銀行名", "支店名", "種別", "口座番号", "口座名義（カナ）"],
            ["みほん\n銀行", "渋谷支店", "普通", "1234567", "カ)サンプル"],
            ["さくら信用金庫(1234)", "本店営業部", "当座", "7654321", "カ)サンプル"],
        ],
        xs=[100, 450, 700, 800, 1000, 1400],
    )
    assert in_tables(page_of(lines, rulings)) == [
        SHIBUYA,
        ("さくら信用金庫", "本店営業部", "checking", "7654321", "カ)サンプル"),
    ]


def test_one_column_for_bank_and_branch() -> None:
    lines, rulings = grid(
        [["銀行名・支店名", "種別", "番号", "名義"], ["みほん銀行 渋谷支店", "普通", "1234567", "カ)サンプル"]],
        xs=[100, 600, 750, 1000, 1400],
    )
    assert in_tables(page_of(lines, rulings)) == [SHIBUYA]


def test_an_account_to_the_right_of_the_sums() -> None:
    found = in_blocks(
        (100, 956, "小計"),
        (400, 956, "210,240"),
        (1000, 956, "みほん銀行 渋谷支店"),
        (100, 1000, "消費税"),
        (400, 1000, "21,024"),
        (1000, 1000, "普通 1234567"),
        (100, 1044, "合計"),
        (400, 1044, "231,264"),
        (1000, 1044, "カ)サンプル"),
    )
    assert found == [SHIBUYA]


def test_accounts_beside_a_column_of_keys() -> None:
    lines, rulings = grid(
        [
            ["振込先銀行", "みほん銀行"],
            ["支店", "渋谷支店"],
            ["科目", "普通"],
            ["口座番号", "1234567"],
            ["名義人", "カ)サンプル"],
        ],
        xs=[100, 400, 900],
    )
    assert in_tables(page_of(lines, rulings)) == [SHIBUYA]


def test_a_table_of_items_holds_no_account() -> None:
    lines, rulings = grid(
        [["品名", "数量", "単価", "金額"], ["銀行振込手数料", "1", "440", "1234567"]], xs=[100, 500, 700, 900, 1200]
    )
    assert in_tables(page_of(lines, rulings)) == []


def western(*lines: str) -> list[Account]:
    placed = [(100, 1000 + 44 * number, text) for number, text in enumerate(lines)]
    context = build_context([page(placed)], document_type=DocumentType.INVOICE)
    return [details(candidate) for candidate in BankFamily().propose("bank_accounts", context, {})]


def test_a_british_account_beside_its_bank() -> None:
    found = western(
        "Bank details", "Name of bank: Mercantile Bank", "A/C number: 17508979", "Sort code: 20-17-79",
        "In favour of: Pemberton Ltd.",
    )  # fmt: skip
    assert found == [("Mercantile Bank", None, None, "17508979", "Pemberton Ltd.")]


def test_a_customer_s_account_number_is_no_bank_account() -> None:
    assert western("Customer: Pemberton Ltd.", "Account no: 17508979", "Invoice no: 12") == []


def test_a_code_is_not_the_name_of_a_bank_and_our_bank_has_none() -> None:
    found = western("Unsere Bankverbindung", "IBAN: DE89 3704 0044 0532 0130 00", "BIC: COBADEFFXXX")
    assert found == [(None, None, "iban", "DE89370400440532013000", None)]


def test_four_times_as_many_account_numbers_take_about_four_times_the_work() -> None:
    def work(count: int) -> int:
        rows = [(60.0, 50.0 * at, f"Account number {12345678 + at}") for at in range(count)]
        context = build_context([page(rows, height=50 * count)], document_type=DocumentType.INVOICE)
        return steps(lambda: BankFamily().propose("bank_accounts", context, {}))

    assert work(1200) < 5 * work(300)
