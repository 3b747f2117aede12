"""Bank accounts as documents print them: in a line, under keys, beside keys, over two lines, of other countries."""

from __future__ import annotations

import pytest

from ocr_core.contracts.result import BankAccount, DocumentType
from postprocess_svc.fields import extract
from postprocess_svc.fields.accounts.blocks import block_accounts
from postprocess_svc.fields.accounts.draft import WITHOUT_ITS_HOLDER
from postprocess_svc.fields.accounts.tables import table_accounts
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.families.banks import BankFamily
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import Placed, line, page
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


@pytest.mark.parametrize("holder", ["カ)サン21", "カ)ABCシヨウジ", "カ)山田商店", "ヤマダ商店(カ"])
def test_digits_letters_and_kanji_that_were_surely_read_belong_to_a_holder(holder: str) -> None:
    found = in_blocks((100, 1000, "みほん銀行 渋谷支店 普通 1234567"), (100, 1044, f"口座名義 {holder}"))
    assert found == [("みほん銀行", "渋谷支店", "ordinary", "1234567", holder)]


def test_an_account_with_a_doubtful_holder_stays_without_it() -> None:
    lines = (
        line(100, 1000, "みほん銀行 渋谷支店 普通 1234567"),
        line(100, 1044, "口座名義 カ)ア7クテイ7", confidence=0.6),
    )
    answer = extract([PageLines(number=1, width_px=1654, height_px=2339, lines=lines)], document_type=None)
    accounts = answer.fields["bank_accounts"]
    assert isinstance(accounts, tuple)
    (account,) = accounts
    assert isinstance(account, BankAccount)
    assert (account.number, account.holder) == ("1234567", None)
    assert 0.5 < account.confidence <= WITHOUT_ITS_HOLDER


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


def in_lines(*lines: str) -> list[Account]:
    context = build_context(
        [page([(100, 1000 + 44 * number, text) for number, text in enumerate(lines)])],
        document_type=DocumentType.INVOICE,
    )
    return [details(candidate) for candidate in BankFamily().propose("bank_accounts", context, {})]


def answered(*lines: str) -> list[str]:
    shown = page([(100, 1000 + 44 * number, text) for number, text in enumerate(lines)])
    accounts = extract([shown], document_type=DocumentType.INVOICE).fields["bank_accounts"] or ()
    assert isinstance(accounts, tuple)
    return [account.number for account in accounts if isinstance(account, BankAccount)]


def test_the_customer_s_account_that_is_debited_is_none_to_pay_into() -> None:
    assert answered("みずほ銀行 渋谷支店 普通 1234567", "お客様の口座より引き落としいたします。") == []
    assert answered("口座振替", "みずほ銀行 渋谷支店 普通 1234567") == []
    assert answered("お引落口座 みずほ銀行 渋谷支店 普通 1234567") == []


def test_an_account_for_those_whose_debit_failed_is_one_to_pay_into() -> None:
    lines = ("お引き落としができない場合は下記へお振込みください。", "みずほ銀行 渋谷支店 普通 1234567")
    assert answered(*lines) == ["1234567"]
    assert answered("お振込先: みずほ銀行 渋谷支店 普通 1234567", "口座振替をご希望の方はご連絡ください") == ["1234567"]


def test_a_number_that_a_label_gives_to_something_else_is_no_account_s() -> None:
    assert in_lines("みずほ銀行 渋谷支店", "普通預金", "お問合せ番号 8812345") == []
    assert in_lines("みずほ銀行 渋谷支店", "普通預金", "お問合せ番号 8812345", "口座番号 1234567")[0][3] == "1234567"


def test_two_banks_may_give_out_the_same_number() -> None:
    found = in_lines("みずほ銀行 渋谷支店 普通 1234567", "楽天銀行 本店営業部 普通 1234567")
    assert [account[0] for account in found] == ["みずほ銀行", "楽天銀行"]
    assert len(in_lines("みずほ銀行 渋谷支店 普通 1234567", "みすほ銀行 渋谷支店 普通 1234567")) == 1


@pytest.mark.parametrize("place", [0, 2])
def test_a_holder_that_is_printed_once_is_every_account_s(place: int) -> None:
    lines = ["みずほ銀行 渋谷支店 普通 1234567", "楽天銀行 本店営業部 普通 7654321"]
    lines.insert(place, "口座名義: カ)サンプル")
    assert [account[4] for account in in_lines(*lines)] == ["カ)サンプル", "カ)サンプル"]


@pytest.mark.parametrize(("printed", "bank"), [("三菱ＵＦＪ銀行", "三菱UFJ銀行"), ("ﾐｽﾞﾎ銀行", "ミズホ銀行")])
def test_a_bank_s_name_has_the_width_that_lists_have(printed: str, bank: str) -> None:
    assert in_lines(f"{printed} 渋谷支店 普通 1234567")[0][0] == bank


def test_four_times_as_many_account_numbers_take_about_four_times_the_work() -> None:
    def work(count: int) -> int:
        rows = [(60.0, 50.0 * at, f"Account number {12345678 + at}") for at in range(count)]
        context = build_context([page(rows, height=50 * count)], document_type=DocumentType.INVOICE)
        return steps(lambda: BankFamily().propose("bank_accounts", context, {}))

    assert work(1200) < 5 * work(300)
