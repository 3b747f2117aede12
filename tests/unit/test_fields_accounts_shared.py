"""Accounts that share what is printed once: the holder in the last one's line or below, marks before banks, keys."""

from __future__ import annotations

import pytest

from postprocess_svc.fields.values.folding import fold
from tests.unit.test_fields_accounts_drawn import _ENGLISH_HEAD as ENGLISH_HEAD
from tests.unit.test_fields_accounts_drawn import read

FIRM = "カ)アオバコウギヨウ"


def _accounts(page: str) -> list[tuple[str | None, str | None, str, str]]:
    return [(a.bank, a.branch, a.number, fold(a.holder or "")) for a in read(page)]


TWO = [("千葉銀行", "柏支店", "1234567", FIRM), ("京葉銀行", "本店営業部", "7654321", FIRM)]


@pytest.mark.parametrize(
    "page",
    [
        " お振込先 千葉銀行 柏支店 普通 1234567\n          京葉銀行 本店営業部 当座 7654321　カ）アオバコウギヨウ\n",
        " 《お取引銀行》千葉銀行・柏支店　(普) 1234567\n 　　　　　京葉銀行・本店営業部 (当)7654321　口座名 {FIRM}\n",
        " ① 千葉銀行 柏支店 普通 1234567\n ② 京葉銀行 本店営業部 当座 7654321\n いずれも カ）アオバコウギヨウ\n",
        " 振込先: 千葉銀行 柏支店 普通 1234567\n        京葉銀行 本店営業部 当座 7654321\n      （いずれも {FIRM}）\n",
        " 千葉銀行から：柏支店　普通　1234567\n 京葉銀行から：本店営業部　当座　7654321\n 口座名（共通）　{FIRM}\n",
    ],
)
def test_the_last_accounts_holder_is_every_ones(page: str) -> None:
    assert _accounts(page.replace("{FIRM}", "カ）アオバコウギヨウ")) == TWO


def test_each_account_keeps_its_own_holder() -> None:
    page = " 千葉銀行 柏支店 普通 1234567 ヤマモト ミノル\n 京葉銀行 本店営業部 当座 7654321 カ）アオバコウギヨウ\n"
    assert [holder.replace(" ", "") for *_, holder in _accounts(page)] == ["ヤマモトミノル", FIRM]


@pytest.mark.parametrize(
    ("line", "bank", "branch"),
    [
        ("三菱UFJ銀行　振込第三支店　普通預金 1234567 カ）アオバコウギヨウ", "三菱UFJ銀行", "振込第三支店"),
        (
            "三井住友信託銀行 本店法人営業部（099）普通 1234567 カ）アオバコウギヨウ",
            "三井住友信託銀行",
            "本店法人営業部",
        ),
        (
            "三陸信用漁業協同組合連合会 長浦支店 普通貯金 №1234567 カ）アオバコウギヨウ",
            "三陸信用漁業協同組合連合会",
            "長浦支店",
        ),
        ("千葉銀行 柏支店 普通 1234567 カ）アオバコウギヨウ へ", "千葉銀行", "柏支店"),
    ],
)
def test_names_of_banks_and_branches_that_hold_words_for_other_things(line: str, bank: str, branch: str) -> None:
    assert _accounts(f" 振込先\n {line}\n") == [(bank, branch, "1234567", FIRM)]


def test_a_holder_that_ends_as_banks_do_is_no_bank() -> None:
    page = " 岩手銀行 山田支店 普通預金 0883017\n 口座名　長浦漁業協同組合 代表理事組合長 佐々木 勝\n"
    ((bank, _, number, holder),) = _accounts(page)
    assert (bank, number, holder.replace(" ", "")) == ("岩手銀行", "0883017", "長浦漁業協同組合代表理事組合長佐々木勝")


def test_a_co_operatives_postcode_is_no_account() -> None:
    assert _accounts(" みちのく中央農業協同組合\n 平泉支店\n 029-4102 西磐井郡平泉町平泉字志羅山 12\n") == []


@pytest.mark.parametrize(
    "lines",
    [" カ）アオバ\n 　　コウギヨウ\n", " 名義 カ）アオバ\n 　　　　　　コウギヨウ\n"],
)
def test_a_holder_in_kana_goes_on_in_a_line_that_is_set_in(lines: str) -> None:
    ((*_, holder),) = _accounts(f" 千葉銀行\n 柏支店\n 普通 1234567\n{lines}\n ※ 手数料はご負担ください\n")
    assert holder == FIRM


@pytest.mark.parametrize(
    ("page", "banks"),
    [
        (
            (
                "  Bank               IBAN                           BIC\n"
                "  AIB                IE29 AIBK 9311 5212 3456 78    AIBKIE2D\n"
                "  Bank of Ireland    IE64 IRCE 9205 0112 3456 78    BOFIIE2D\n"
            ),
            ["AIB", "Bank of Ireland"],
        ),
        (
            (
                "  Banca Prealpi      IBAN IT60 X054 2811 1010 0000 0123 456\n"
                "  Poste Italiane     IBAN IT40 S054 2811 1010 0000 0123 456\n"
            ),
            ["Banca Prealpi", "Poste Italiane"],
        ),
        (
            (
                "  Zahlbar auf unser Konto bei der Luzerner Kantonalbank\n"
                "  (IBAN CH93 0076 2011 6238 5295 7) oder bei der PostFinance\n"
                "  (IBAN CH56 0483 5012 3456 7800 9), lautend auf Imboden AG.\n"
            ),
            ["Luzerner Kantonalbank", "PostFinance"],
        ),
        (
            (
                "  Lloyds Bank      sort code 30-94-21    account 27714408\n"
                "  Virgin Money     sort code 82-11-07    account 09118342\n"
            ),
            ["Lloyds Bank", "Virgin Money"],
        ),
    ],
)
def test_each_account_abroad_has_the_bank_of_its_own_row(page: str, banks: list[str]) -> None:
    assert [account.bank for account in read(page, ENGLISH_HEAD)] == banks


def test_a_firms_account_by_its_purpose_is_its_holder() -> None:
    page = "  Lloyds Bank plc, sort code 30-99-21, a/c 30441872\n  Thistlewood & Marsh LLP Office Account\n"
    assert [account.holder for account in read(page, ENGLISH_HEAD)] == ["Thistlewood & Marsh LLP Office Account"]
