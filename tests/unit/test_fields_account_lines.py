"""Accounts in narrow columns: names cut at a line's end, labels run into values, tables with two lines a cell."""

from __future__ import annotations

import pytest

from ocr_core.contracts.result import DocumentType
from postprocess_svc.fields.candidate import BankDetails
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.families.banks import BankFamily
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import Placed, line, page
from tests.support.table_layout import grid, page_of

Account = tuple[str | None, str | None, str | None, str, str | None]
SHIBUYA: Account = ("みほん銀行", "渋谷支店", "ordinary", "1234567", "カ)サンプル")


def accounts(shown: PageLines) -> list[Account]:
    context = build_context([shown], document_type=DocumentType.INVOICE)
    values = [candidate.value for candidate in BankFamily().propose("bank_accounts", context, {})]
    details = [value for value in values if isinstance(value, BankDetails)]
    return [(v.bank, v.branch, None if v.type is None else v.type.value, v.number, v.holder) for v in details]


def in_column(*lines: str, beside: tuple[Placed, ...] = ()) -> list[Account]:
    return accounts(page([*((100, 1000 + 36 * number, text) for number, text in enumerate(lines)), *beside]))


@pytest.mark.parametrize(
    ("lines", "bank", "branch", "holder"),
    [
        (
            ["取引銀行:みほん信用", "金庫渋谷支店 普通", "1234567 カ)サンプル"],
            "みほん信用金庫",
            "渋谷支店",
            "カ)サンプル",
        ),
        (["振込口座:みほん銀行 渋", "谷支店 普通 1234567", "カ)サンプル"], "みほん銀行", "渋谷支店", "カ)サンプル"),
        (["振込口座:みほん銀行(0123)渋谷支", "店(045)普1234567カ)サンプル"], "みほん銀行", "渋谷支店", "カ)サンプル"),
        (["みほん銀行 渋谷支店 普通 1234567カ)サン", "プルシステム"], "みほん銀行", "渋谷支店", "カ)サンプルシステム"),
        (["みほん銀行 渋谷支店 (普)1234567トウキヨウつば", "さ(ユ"], "みほん銀行", "渋谷支店", "トウキヨウつばさ(ユ"),
        (["みほん銀行渋谷支店 普通 1234567卜", "ラストシステム(カ"], "みほん銀行", "渋谷支店", "トラストシステム(カ"),
    ],
)
def test_names_that_a_line_s_end_cuts_apart(lines: list[str], bank: str, branch: str, holder: str) -> None:
    assert in_column(*lines) == [(bank, branch, "ordinary", "1234567", holder)]


def test_a_sentence_in_the_next_column_is_no_part_of_the_account() -> None:
    beside: tuple[Placed, ...] = ((700, 1000, "お見積りの有効期限は渋谷店で7654321です。"),)
    assert in_column("振込口座:みほん銀行 渋", "谷支店 普通 1234567", "カ)サンプル", beside=beside) == [SHIBUYA]


@pytest.mark.parametrize(
    "printed",
    [
        "お振込先銀行口座取引銀行名みほん銀行 取引支店名渋谷支店 預金科目普 預金口座番号1234567 お受取人名カ)サンプル",
        "ご送金先取引銀行名みほん銀行 店舗渋谷支店 普通 口座NO(七桁)1234567ご名義 カ)サンプル",
        "お支払い口座みほん銀行渋谷支店普1234567カ)サンプル",
        "みほん銀行 渋谷支店 (普) 口座番号1234567二名義カ)サンプル",
    ],
)
def test_labels_that_run_into_their_values(printed: str) -> None:
    assert in_column(printed) == [SHIBUYA]


def test_a_branch_in_nagoya_keeps_its_first_character() -> None:
    assert in_column("取引銀行名みほん銀行 店舗名古屋支店 普通 1234567")[0][1] == "名古屋支店"


def test_an_eighth_digit_with_kana_behind_it_is_no_digit() -> None:
    assert in_column("みほん銀行渋谷支店当座12345671ウノ(カ")[0][3] == "1234567"


def test_words_under_an_account_are_no_person() -> None:
    plain = ("みほん銀行", "渋谷支店", "ordinary", "1234567", None)
    assert in_column("みほん銀行 渋谷支店", "普通 1234567", "特記事項") == [plain]
    assert in_column("みほん銀行 渋谷支店", "普通 1234567", "納入日") == [plain]
    far: tuple[Placed, ...] = ((100, 1150, "田中一郎"),)
    assert in_column("みほん銀行 渋谷支店", "普通 1234567", beside=far) == [plain]


def test_a_faint_bracket_leaves_the_type_as_sure_as_it_is() -> None:
    lines = (
        line(100, 1000, "みほん銀行 渋谷支店"),
        line(100, 1036, "(普)", confidence=0.4),
        line(200, 1036, "1234567"),
    )
    shown = PageLines(number=1, width_px=1654, height_px=2339, lines=lines)
    context = build_context([shown], document_type=DocumentType.INVOICE)
    (candidate,) = BankFamily().propose("bank_accounts", context, {})
    assert candidate.reading_confidence() > 0.9


def test_the_post_bank_s_symbol_may_be_misread() -> None:
    assert in_column("取引銀行名ゆうちょ銀行 配号 13740 番号 76114841")[0][3] == "13740-76114841"


def test_cells_of_a_table_in_two_lines() -> None:
    lines, rulings = grid(
        [
            ["銀行名", "支店名", "種別", "口座番号", "口座名義"],
            ["みほん\n銀行", "渋谷\n支店", "普通", "1234567", "カ)サン\nプル"],
            ["", "", "", "振替口座\n00190-6-\n119515", "カ)サン\nプル"],
        ],
        xs=[100, 330, 560, 700, 960, 1300],
    )
    assert accounts(page_of(lines, rulings)) == [SHIBUYA, (None, None, "checking", "00190-6-119515", "カ)サンプル")]
