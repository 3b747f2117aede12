"""Names in accounts: holders as banks write them, firms that the document names, banks that there are."""

from __future__ import annotations

import pytest

from postprocess_svc.fields.accounts import zengin
from postprocess_svc.fields.accounts.firms import Agreement, Firm, agreed
from postprocess_svc.fields.accounts.real_banks import is_real_bank, real_bank, real_branch


def sure(_: int) -> float:
    return 0.99


def faint(_: int) -> float:
    return 0.6


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("力)サンプル", "カ)サンプル"),
        ("加)サンプル", "カ)サンプル"),
        ("がク)サンプル", "ガク)サンプル"),
        ("サンプルサ-ビス(カ", "サンプルサービス(カ"),
        ("カ)タカキ'システム", "カ)タカギシステム"),
        ("カ)クラウド“ナイン", "カ)クラウドナイン"),
        ("カ)オーシヤンソリユーションズ", "カ)オーシヤンソリユーシヨンズ"),  # large kana elsewhere in it
        ("カ)サンプルショウジ", "カ)サンプルショウジ"),  # so may it be printed
        ("株式会社一ノ瀬工務店", "株式会社一ノ瀬工務店"),
        ("田中 一郎", "田中 一郎"),
    ],
)
def test_a_holder_is_mended_where_it_is_certain(read: str, meant: str) -> None:
    assert zengin.in_one_size(zengin.mended(read), faint, half_width=False) == meant


def test_a_doubtful_kana_in_narrow_print_is_large() -> None:
    assert zengin.in_one_size("カ)サンプルショウジ", faint, half_width=True) == "カ)サンプルシヨウジ"


@pytest.mark.parametrize("holder", ["カ)ニシヤマデザインファーム", "カ)ヤマダショウテン", "カ)オーシヤンリューズ"])
def test_small_kana_that_were_surely_read_stay(holder: str) -> None:
    assert zengin.in_one_size(holder, sure, half_width=True) == holder
    assert agreed(holder, [FIRST], sure, row=9).holder == holder


FIRST = Firm(core="マリンサービス", form="株式会社", leads=True, row=1)
LAST = Firm(core="大分エナジー", form="株式会社", leads=False, row=1)
SUNRISE = Firm(core="広島サンライズ", form="有限会社", leads=True, row=1)
HARADA = Firm(core="原田企画", form="有限会社", leads=False, row=1)
KATO = Firm(core="加藤商店", form="株式会社", leads=True, row=1)
KANJI = Firm(core="中野会計事務所", form="株式会社", leads=True, row=1)


@pytest.mark.parametrize(
    ("read", "firm", "meant"),
    [
        ("カマリンサービス", FIRST, "カ)マリンサービス"),
        ("カ)マリンサーピス", FIRST, "カ)マリンサービス"),
        ("オオイタエナジーバカ", LAST, "オオイタエナジー(カ"),
        ("皖中野会計事務所", KANJI, "(株)中野会計事務所"),
        ("1)ヒロシマサンライズ", SUNRISE, "ユ)ヒロシマサンライズ"),
        ("ハラダキカク(1", HARADA, "ハラダキカク(ユ"),
        ("カトウショウテン", KATO, "カトウショウテン"),
        ("ヤマダタロウ", KANJI, "ヤマダタロウ"),
        ("カ)ミナトシステム", FIRST, "カ)ミナトシステム"),
    ],
)
def test_the_letterhead_says_which_form_a_bare_mark_stands_for(read: str, firm: Firm, meant: str) -> None:
    assert agreed(read, [firm], faint, row=9).holder == meant


@pytest.mark.parametrize(
    ("read", "firm"),
    [
        ("カブシキガイシャ ミライ", Firm(core="未来", form="株式会社", leads=True, row=1)),
        ("カワムラ タロウ", Firm(core="山田", form="株式会社", leads=True, row=1)),
        ("ドイケンタ", Firm(core="北海", form="合同会社", leads=True, row=1)),
        ("ユミコ", Firm(core="山田", form="有限会社", leads=True, row=1)),
        ("田中実", Firm(core="田中", form="株式会社", leads=False, row=1)),
        ("小山田", Firm(core="山田", form="株式会社", leads=True, row=1)),
    ],
)
def test_a_person_s_name_is_no_firm_s(read: str, firm: Firm) -> None:
    assert agreed(read, [firm], faint, row=9).holder == read


def test_a_bracket_that_was_seen_or_left_its_room_makes_a_mark() -> None:
    assert agreed("カ ナカノカイケイ", [KANJI], sure, row=9).holder == "カ)ナカノカイケイ"
    assert agreed("カ|ナカノカイケイ", [KANJI], sure, row=9).holder == "カ)ナカノカイケイ"
    assert agreed("カナカノカイケイ", [KANJI], sure, row=9, has_gap=True).holder == "カ)ナカノカイケイ"


@pytest.mark.parametrize("read", ["カワムラ タロウ", "カガワタロウ"])
def test_room_behind_the_first_kana_of_a_person_s_name_is_no_bracket(read: str) -> None:
    assert agreed(read, [KANJI], sure, row=9, has_gap=True).holder == read


def test_the_letterhead_changes_no_character_that_was_surely_read() -> None:
    sunlight = Firm(core="サンライト", form="株式会社", leads=True, row=1)
    assert agreed("カ)サンライズ", [sunlight], sure, row=9).holder == "カ)サンライズ"
    assert agreed("カ)サンライズ", [sunlight], sure, row=9).agreement is Agreement.NONE
    minami = Firm(core="ミナミデンキ", form="株式会社", leads=True, row=1)
    assert agreed("カミナトデンキ", [minami], sure, row=9).holder == "カミナトデンキ"
    assert agreed("カ)サンライス", [sunlight], faint, row=9).holder == "カ)サンライト"
    assert agreed("皖中野会計事務所", [KANJI], sure, row=9).holder == "皖中野会計事務所"


def test_a_firm_in_the_holder_s_own_row_says_nothing() -> None:
    assert agreed("カマリンサービス", [FIRST], faint, row=1).holder == "カマリンサービス"


def test_all_of_a_name_read_twice_is_certain() -> None:
    assert agreed("カ)マリンサービス", [FIRST], faint, row=9).agreement is Agreement.WHOLE
    assert agreed("オオイタエナジー(カ", [LAST], faint, row=9).agreement is Agreement.PART


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("みすほ銀行", "みずほ銀行"),
        ("GMOあおぞうネット銀行", "GMOあおぞらネット銀行"),
    ],
)
def test_the_only_bank_that_a_faint_name_can_be(read: str, meant: str) -> None:
    assert real_bank(read, faint) == meant


@pytest.mark.parametrize("name", ["みほん銀行", "みずき信用金庫", "はくさん農業協同組合", "さくら信用金庫", "千曲銀行"])
def test_a_bank_that_is_in_no_list_stays_as_it_was_surely_read(name: str) -> None:
    assert not is_real_bank(name)
    assert real_bank(name, sure) == name


def test_a_branch_is_mended_among_its_bank_s_own() -> None:
    assert real_branch("岡崎信用金庫", "名古墨支店", faint) == "名古屋支店"
    assert real_branch("岡崎信用金庫", "名古墨支店", sure) == "名古墨支店"
    assert real_branch("みほん銀行", "名古墨支店", faint) == "名古墨支店"


@pytest.mark.parametrize("name", ["長野銀行", "十八銀行", "千集銀行"])
def test_a_name_of_two_characters_is_no_other_bank(name: str) -> None:
    assert real_bank(name, faint) == name


def test_only_what_looks_alike_is_mended_in_a_branch_s_name() -> None:
    assert real_branch("岡崎信用金庫", "富山支店", faint) == "富山支店"
    assert real_branch("岡崎信用金庫", "名古川支店", faint) == "名古川支店"
