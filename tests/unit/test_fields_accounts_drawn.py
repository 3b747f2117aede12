"""Accounts as the world draws them: shared holders, unnamed ones, names without the words for what they are."""

from __future__ import annotations

import pytest

from evaluation.mockups.drawing import parse_drawing
from evaluation.mockups.reading import charset_of, reading_of
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.result import BankAccount
from postprocess_svc.ctc import Charsets
from postprocess_svc.fields.values.folding import fold
from postprocess_svc.pipeline import TextPipeline

Account = tuple[str | None, str | None, str | None, str, str | None]

_HEAD = """
                # 請求書 #
 株式会社サンライズ 御中                  2026年10月31日
                                          株式会社青葉工業
                                          アトリエ欅 代表 山本 実
 ご請求金額 ¥110,000

"""
_ENGLISH_HEAD = """
                # INVOICE #
 To: Sunrise Ltd.                         Date: 31 October 2026
 Amount due: 1,200.00
 Please pay the total of this invoice to the account below.

"""
FIRM = "カ)アオバコウギヨウ"


def read(page: str, head: str = _HEAD) -> list[BankAccount]:
    text = head + page
    charset = charset_of([text])
    pipeline = TextPipeline(charsets=Charsets([charset]))
    result = pipeline.structure(
        reading_of("drawn", [parse_drawing(text)], charset), options=StructureOptions(), request_id="test"
    )
    found = result.fields["bank_accounts"] if result.fields is not None else None
    return [account for account in found if isinstance(account, BankAccount)] if isinstance(found, tuple) else []


def drawn(page: str, head: str = _HEAD) -> list[Account]:
    return [
        (
            a.bank,
            a.branch,
            None if a.type is None else a.type.value,
            a.number,
            None if a.holder is None else fold(a.holder),
        )
        for a in read(page, head)
    ]


def holders(page: str) -> list[str | None]:
    return [account[4] for account in drawn(page)]


@pytest.mark.parametrize(
    ("printed", "bank"),
    [
        ("お振込の場合は　三島信用金庫　熱海支店　普通 1234567", "三島信用金庫"),
        ("①三井住友銀行　横浜支店　普通　1234567", "三井住友銀行"),
        ("または 城北信用金庫 川口支店 普通 1234567", "城北信用金庫"),
        ("納入場所　あいち豊田農業協同組合 松平支店　普通 1234567", "あいち豊田農業協同組合"),
        ("取引銀行 名古屋銀行 豊橋支店 普通 1234567", "名古屋銀行"),
        ("ＪＡバンク さがみ農業協同組合 綾瀬支店 普通 1234567", "さがみ農業協同組合"),
        ("三菱UFJ 銀行  渋谷 支店  普通  1234567", "三菱UFJ銀行"),
        ("商工中金 沼津支店 (普) 1234567", "商工中金"),
        ("JAしまね 出雲支店 普通1234567", "JAしまね"),
        ("振込先／三菱UFJ／渋谷支店／普通／1234567", "三菱UFJ"),
    ],
)
def test_a_bank_s_name_is_without_the_words_that_run_into_it(printed: str, bank: str) -> None:
    assert [(account[0], account[3]) for account in drawn(f" {printed}\n")] == [(bank, "1234567")]


@pytest.mark.parametrize(
    ("printed", "branch"),
    [
        ("北日本銀行 卸町 普 1234567", "卸町"),
        ("信州うえだ農業協同組合　本所　普通　1234567", "本所"),
        ("振込先／三菱UFJ／渋谷／普通／1234567", "渋谷"),
    ],
)
def test_a_branch_may_stand_without_the_word_for_it(printed: str, branch: str) -> None:
    assert [account[1] for account in drawn(f" {printed}\n")] == [branch]


@pytest.mark.parametrize(
    ("printed", "kind"),
    [
        ("ﾌﾂｳ 1234567", "ordinary"),
        ("ﾄｳｻﾞ 1234567", "checking"),
        ("普）1234567", "ordinary"),
        ("外貨普通預金 USD 1234567", "ordinary"),
        ("普通 ・ 当座　（当座に○） 1234567", "checking"),
        ("普通・当座 1234567", None),
    ],
)
def test_the_type_is_the_one_that_is_marked(printed: str, kind: str | None) -> None:
    assert [account[2:4] for account in drawn(f" みずほ銀行 芝支店 {printed}\n")] == [(kind, "1234567")]


def test_a_short_number_is_believed_right_behind_its_type_alone() -> None:
    assert [account[3] for account in drawn(" 北國銀行香林坊支店　当座 12076\n")] == ["12076"]
    assert drawn(" みずほ銀行 芝支店 普通 ****812\n") == []
    assert drawn(" みずほ銀行 芝支店　12076\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "名義はいずれも {}",
        "口座名義（二行共通） {}",
        "名義は(1)(2)とも {}",
        "口座名義（各行とも）{}",
        "口座名義 {}（2行共通）",
        "口座名義　{}",
        "{}",
    ],
)
def test_a_holder_below_all_accounts_is_every_one_s(line: str) -> None:
    page = f" みずほ銀行 芝支店 普通 1234567\n 横浜銀行 鶴見支店 当座 7654321\n {line.format('カ）アオバコウギヨウ')}\n"
    assert holders(page) == [FIRM, FIRM]


def test_a_holder_below_accounts_side_by_side_is_every_one_s() -> None:
    page = """
 みずほ銀行              横浜銀行
 芝支店                  鶴見支店
 普通 1234567            当座 7654321

 口座名義（両行とも）　カ）アオバコウギヨウ
"""
    assert [(account[1], account[4]) for account in drawn(page)] == [("芝支店", FIRM), ("鶴見支店", FIRM)]


def test_a_holder_below_a_table_is_every_account_s() -> None:
    page = """
 ┌────────────┬──────────┬────────┬──────────┐
 │ 金融機関   │ 支店     │ 種別   │ 口座番号 │
 ├────────────┼──────────┼────────┼──────────┤
 │ みずほ銀行 │ 芝支店   │ 普通   │ 1234567  │
 ├────────────┼──────────┼────────┼──────────┤
 │ 横浜銀行   │ 鶴見支店 │ 当座   │ 7654321  │
 └────────────┴──────────┴────────┴──────────┘

 口座名義（各行とも）カ）アオバコウギヨウ
"""
    assert holders(page) == [FIRM, FIRM]


@pytest.mark.parametrize("same", ["同上", "同名義", "口座名義 同上", "〃"])
def test_a_holder_as_before_is_the_account_s_before_it(same: str) -> None:
    page = f" みずほ銀行 芝支店 普通 1234567　山本 実\n 横浜銀行 鶴見支店 当座 7654321　{same}\n"
    assert holders(page) == ["山本実", "山本実"]


@pytest.mark.parametrize(
    ("printed", "holder"),
    [
        ("口座名義 山本 実（ヤマモト ミノル）", "山本実"),
        ("名義：株式会社青葉工業 （カ）アオバコウギヨウ）", "株式会社青葉工業"),
        ("口座名義 カ）アオバコウギヨウ（株式会社青葉工業）", FIRM),
        ("口座名義　株式会社青葉工業 カ)アオバコウギヨウ", FIRM),
        ("口座名義 カ）アオバコウギヨウ", FIRM),
        ("名義 カ）アオバ 収納口", "カ)アオバ収納口"),
        ("（お客様専用口座） カ)アオバコウギヨウ", FIRM),
        ("カ)アオバコウギヨウ TEL 03-1234-5678", FIRM),
    ],
)
def test_a_holder_is_its_name_alone(printed: str, holder: str) -> None:
    assert holders(f" みずほ銀行 芝支店 普通 1234567 {printed}\n") == [holder]


def test_a_firm_s_kana_in_the_next_line_are_what_a_payer_fills_in() -> None:
    page = " みずほ銀行 芝支店\n 普通 1234567\n 株式会社　青葉工業\n カ）アオバコウギヨウ\n"
    assert holders(page) == [FIRM]


def test_a_reading_with_its_own_key_is_no_holder_beside_one() -> None:
    page = " みずほ銀行 芝支店\n 普通 1234567\n フリガナ　ヤマモト ミノル\n 口座名義　山本 実\n"
    assert holders(page) == ["山本実"]
    assert holders(page.rsplit("\n", 2)[0] + "\n") == ["ヤマモトミノル"]


def test_the_rest_of_the_number_s_line_is_the_holder_and_less_certain() -> None:
    (guessed,) = read(" みずほ銀行 芝支店 普通 1234567　こむぎ屋 安井理恵\n")
    (named,) = read(" みずほ銀行 芝支店 普通 1234567　口座名義 こむぎ屋 安井理恵\n")
    assert guessed.holder == named.holder
    assert guessed.confidence < named.confidence


def test_a_line_below_that_begins_as_the_issuer_s_does_is_the_holder() -> None:
    account = " みずほ銀行 芝支店 普通 1234567\n"
    assert holders(f"{account} アトリエ欅 山本 実\n") == ["アトリエ欅山本実"]
    assert holders(f"{account} またのご利用をお待ちしております\n") == [None]
    assert holders(f"{account} ※振込手数料はご負担ください\n") == [None]


@pytest.mark.parametrize(
    "line",
    [
        "※ 旧口座（横浜銀行 鶴見支店 7654321）は3月末で閉鎖しました。",
        "★ 昨年まで使用しておりました横浜銀行鶴見支店（普通 7654321）は解約済みです。",
        "※旧）横浜銀行 鶴見支店 普通 7654321",
    ],
)
def test_a_closed_account_is_none_to_pay_into(line: str) -> None:
    page = f" みずほ銀行 芝支店 普通 1234567　カ）アオバコウギヨウ\n\n {line}\n"
    assert [account[3:] for account in drawn(page)] == [("1234567", FIRM)]


def test_the_post_s_symbol_and_number_may_stand_in_two_lines() -> None:
    page = " 振込先\n ゆうちょ銀行\n 記号　14340\n 番号　31902281\n ハシモト ツヨシ\n"
    assert drawn(page) == [("ゆうちょ銀行", None, "ordinary", "14340-31902281", "ハシモトツヨシ")]


def test_a_slip_s_holder_stands_in_a_column_of_its_own() -> None:
    page = " 払込取扱票                      口座番号 02240-7-118403\n 加入者名 株式会社青葉工業       金額 110,000\n"
    assert holders(page) == ["株式会社青葉工業"]


@pytest.mark.parametrize(
    ("page", "account"),
    [
        (
            (
                " Bank       Mizuho Bank (0001)\n Branch     Shibuya Branch (210)\n Account    Ordinary 2817463\n"
                " Name       Studio Harukaze Inc\n"
            ),
            ("Mizuho Bank", "Shibuya Branch", "ordinary", "2817463", "Studio Harukaze Inc"),
        ),
        (
            (
                " Sumitomo Mitsui Banking Corporation, Semba Branch (SWIFT: SMBCJPJT)\n"
                " Current account No. 7214638 in the name of NANIWA SEIKO CO.,LTD.\n All charges are the buyer's.\n"
            ),
            ("Sumitomo Mitsui Banking Corporation", "Semba Branch", "checking", "7214638", "NANIWA SEIKO CO.,LTD."),
        ),
        (
            " Japan Post Bank, Symbol 10150, Number 62847311\n Account holder for both: FUJISAWA NAOMI\n",
            ("Japan Post Bank", None, "ordinary", "10150-62847311", "FUJISAWA NAOMI"),
        ),
        (
            " Client account: NatWest, 60-08-31, 27461905. Please telephone first.\n",
            ("NatWest", None, None, "27461905", None),
        ),
        (
            " 2. Bank transfer: DBS Bank Ltd, A/C 072-904418-3, SWIFT DBSSSGSG\n",
            ("DBS Bank Ltd", None, None, "0729044183", None),
        ),
        (
            " KBC BE26 7340 2847 1529 (KREDBEBB)\n",
            ("KBC", None, "iban", "BE26734028471529", None),
        ),
    ],
)
def test_accounts_on_pages_in_english(page: str, account: Account) -> None:
    assert drawn(page, _ENGLISH_HEAD) == [account]


def test_accounts_in_english_side_by_side_without_rules_between_their_lines() -> None:
    page = """
 ┌──────────┬──────────────────────┬──────────────────────┐
 │ BANK     │ MUFG Bank, Ltd.      │ The Bank of Yokohama │
 │ BRANCH   │ Yokohama Branch      │ Head Office          │
 │ TYPE     │ CURRENT              │ ORDINARY             │
 │ A/C NO.  │ 0147285              │ 1839264              │
 │ NAME     │ BAYLINE JAPAN K.K.   │ BAYLINE JAPAN K.K.   │
 └──────────┴──────────────────────┴──────────────────────┘
"""
    assert drawn(page, _ENGLISH_HEAD) == [
        ("MUFG Bank, Ltd.", "Yokohama Branch", "checking", "0147285", "BAYLINE JAPAN K.K."),
        ("The Bank of Yokohama", "Head Office", "ordinary", "1839264", "BAYLINE JAPAN K.K."),
    ]


def test_an_iban_s_own_national_number_is_no_second_account() -> None:
    page = " Barclays Bank UK PLC\n Sort 20-14-73 A/C 40281956\n IBAN GB53 BARC 2014 7340 2819 56\n"
    assert [account[3] for account in drawn(page, _ENGLISH_HEAD)] == ["GB53BARC20147340281956"]


def test_banks_side_by_side_in_a_foot_keep_to_their_ibans() -> None:
    page = """
 Commerzbank Hamburg             Hamburger Sparkasse
 DE83 2004 0000 0628 4155 00     DE58 2005 0550 1268 0934 71
"""
    assert [(account[0], account[3][:4]) for account in drawn(page, _ENGLISH_HEAD)] == [
        ("Commerzbank Hamburg", "DE83"),
        ("Hamburger Sparkasse", "DE58"),
    ]
