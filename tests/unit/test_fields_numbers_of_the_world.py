"""Numbers, telephones and VAT ids as other people's documents print them."""

from __future__ import annotations

import pytest

from postprocess_svc.fields.values.identifiers import find_national_id, find_vat_ids
from tests.support.drawn_pages import value_of

LATIN = """
  Ashdown Merriweather LLP
  88 Colmore Row, Birmingham B3 2QS
  {line}

  Bill to
  Okafor Dental Care Limited
  31 Harborne Park Road

  # INVOICE #
  Invoice number    1187
  Invoice date      27 October 2026

  Description                         Amount
  Labour                            1,000.00
  VAT                                 200.00
  TOTAL DUE                         1,200.00
"""


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("VAT Reg. No. 193 7264 36. Authorised by", "193726436"),
        ("P. IVA 03847170234", "03847170234"),
        ("CIF: B29174059", "B29174059"),
        ("ABN 12 345 678 901", "12345678901"),
        ("GST Reg. No.: M2-0093847-1", "M200938471"),
        ("GSTIN 29AAKCS4821M1ZS State Name", "29AAKCS4821M1ZS"),
        ("BTW 0472.831.547 - RPR Antwerpen", "0472831547"),
        ("Tax ID: 39-1840275", None),
        ("VAT 20 % of 1 234 567,00", None),
        ("TVA non applicable, art. 293 B du CGI", None),
    ],
)
def test_a_national_form_of_a_vat_id(printed: str, value: str | None) -> None:
    found = find_national_id(printed, 3, reach=20)
    assert (None if found is None else found.value) == value


@pytest.mark.parametrize(
    ("printed", "value"), [("CHE-112.849.066 MWST", "CHE112849066"), ("NO 123 456 785 MVA", "NO123456785")]
)
def test_the_word_behind_a_vat_id_is_no_part_of_it(printed: str, value: str) -> None:
    assert [identifier.value for identifier in find_vat_ids(printed)] == [value]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("VAT Reg. No. 193 7264 36", "193726436"),
        ("Federal Tax ID 39-1840275", None),
        ("Partita IVA 03847170234", "03847170234"),
    ],
)
def test_the_issuers_vat_id_without_its_country(line: str, value: str | None) -> None:
    assert value_of("registration_number", LATIN.format(line=line)) == value


def test_two_parties_side_by_side_each_with_an_id_of_its_country() -> None:
    page = """
      FROM                                         CLIENT                              INVOICE
      Vanya Codeworks Private Limited              Nordlicht Versandhandel GmbH        VC/EXP/2627/063
      Baner Road, Pune 411045                      Wendenstrasse 130
      GSTIN 27AAFCV7390Q1ZC                        USt-IdNr. DE811502633

      Senior developer            5,168.00
      Invoice value           EUR 5,168.00
    """
    assert value_of("registration_number", page) == "27AAFCV7390Q1ZC"


JAPANESE = """
  株式会社ニシヤマ不動産販売 御中                         # 請 求 書 #
                                                        発行日 2026年5月14日

  ご請求金額  # 46,200円 #

  品名                 数量      単価      金額
  保守料金                1    42,000    42,000
                                消費税     4,200
                                合計      46,200

                                                        キヤマ事務機販売株式会社
                                                        〒910-0005 福井市大手2-18-6
"""


@pytest.mark.parametrize(
    ("lines", "phone"),
    [
        (["保安 24時間 0776-54-0119", "店舗 0776-54-2210"], "0776-54-2210"),
        (["夜間・緊急 0120-774-119", "TEL 0776-54-2210"], "0776-54-2210"),
        (["TEL 0776-54-2211（営業部）／0776-54-2210（代表）"], "0776-54-2210"),
        (["担当 木下（携帯 090-5320-9917）", "電話 0776-54-2210"], "0776-54-2210"),
        (["得意先コード 0000320118", "TEL 0776-54-2210"], "0776-54-2210"),
        (["敦賀営業所　〒914-0055 敦賀市鉄輪町1-4-12  TEL 0770-25-7703",
          "本社　　　　〒910-0005 福井市大手2-18-6  TEL 0776-54-2210"], "0776-54-2210"),
    ],
)  # fmt: skip
def test_the_firms_own_telephone_among_others(lines: list[str], phone: str) -> None:
    page = JAPANESE + "".join(f"{' ' * 56}{line}\n" for line in lines)
    assert value_of("phone", page) == phone


def test_a_telephone_at_the_foot_is_not_the_recipients_whose_name_stands_above() -> None:
    page = """
      領収証                                                つばさ歯科医院

      野口 芽衣　様                                         領収日 令和7年9月18日

      項目                 点数          金額
      検査                  482         4,820
      処置                  494         4,940
                       領収金額        9,760円

      旭川市豊岡4条3丁目5-12　電話 0166-61-8241　院長 羽田 翼
    """
    assert value_of("phone", page) == "0166-61-8241"


@pytest.mark.parametrize(("line", "phone"), [("(970) 555-0142", "(970)555-0142"), ("970-555-0142", "970-555-0142")])
def test_a_north_american_telephone_without_a_label(line: str, phone: str) -> None:
    assert value_of("phone", LATIN.format(line=line)) == phone


@pytest.mark.parametrize(
    ("line", "phone"),
    [
        ("  契約番号 4411-20    サポート 0776-54-2210", "0776-54-2210"),
        ("  契約番号  0776-54-2210", None),
        ("  (0776)54-2210", "0776-54-2210"),
    ],
)
def test_a_label_of_another_column_says_nothing_of_a_telephone(line: str, phone: str | None) -> None:
    assert value_of("phone", f"{JAPANESE}{' ' * 46}{line}\n") == phone


def test_an_article_number_that_begins_with_noughts_is_no_telephone() -> None:
    page = """
          PINE HOLLOW HARDWARE
            118 MOHAWK TRAIL

     0093120077 BAR CHAIN OIL QT
                                   8.58
     TOTAL                         8.58
     CASH                         10.00
    """
    assert value_of("phone", page) is None


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("請求書番号　2026登-0588", "2026登-0588"),
        ("整理番号　技26-S0774", "技26-S0774"),
        ("請求書番号 あ-26-0779", "あ-26-0779"),
        ("№ 委-58", "委-58"),
        ("No.　2 6 - 0 8 8", "26-088"),
        ("榊経発第41号", "榊経発第41号"),
        ("第 01184 号", "第 01184 号"),
        ("発行番号 商議発第 88-117 号", "商議発第 88-117 号"),
        ("番　号  R7-10-06", "R7-10-06"),
        ("ｾｲｷｭｳNo. 2610-3342", "2610-3342"),
        ("受付№ 5412-7", "5412-7"),
        ("通知書番号 0800-114-02937", "0800-114-02937"),
    ],
)
def test_a_documents_number_as_japanese_offices_and_shops_print_it(line: str, number: str) -> None:
    assert value_of("document_number", f"{' ' * 60}{line}\n{JAPANESE}") == number


@pytest.mark.parametrize(
    "line",
    [
        "生徒番号　3-0271",
        "お客さま番号　02-11843-50771-9",
        "認定証番号　熊本県公安委員会 93000418",
        "証券番号　7A-3390117",
        "長野県知事許可(般-4)第20771号",
        "様式第7号",
        "現場　高宮 No.5",
    ],
)
def test_a_number_of_something_else(line: str) -> None:
    assert value_of("document_number", f"{' ' * 60}{line}\n{JAPANESE}") is None


def test_the_number_of_an_account_with_the_post_is_not_the_documents() -> None:
    foot = "  ゆうちょ銀行\n  記号　14340\n  番号　31902281\n  ハシモト ツヨシ\n"
    assert value_of("document_number", JAPANESE + foot) is None


def test_an_invoices_own_number_wins_over_that_of_the_form() -> None:
    head = f"{' ' * 60}帳票ID ARG-R-0110\n{' ' * 60}請求番号 ABS-B-2026-10-0044\n"
    assert value_of("document_number", head + JAPANESE) == "ABS-B-2026-10-0044"


def test_a_code_beside_the_title_is_the_number_and_a_month_is_not() -> None:
    for title, number in (("御請求書 M0624", "M0624"), ("請求書　QR-2026-05", "QR-2026-05"), ("請求書 2026-10", None)):
        page = JAPANESE.replace("# 請 求 書 #", title)
        assert value_of("document_number", page) == number


def test_a_column_of_slip_numbers_is_not_the_documents() -> None:
    page = JAPANESE.replace("品名                 数量", "伝票No.    品名      数量").replace(
        "保守料金 ", "004512     保守料金"
    )
    assert value_of("document_number", page) is None


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("# PARCELLA N. 58/2026 #", "58/2026"),
        ("# Note d'honoraires n° 2026-27 #", "2026-27"),
        ("# Schlussrechnung SR 2026/031 #", "SR 2026/031"),
        ("Nummer  VF26/01093", "VF26/01093"),
        ("Invoice Number  INV0094127", "INV0094127"),
        ("# TAX INVOICE #\n  NO.    SA/26/5518\n  REF    SSC-OKD-264/26", "SA/26/5518"),
        ("TRANS: 331907", "331907"),
        ("Folio No. 88412\n  Invoice No. HB-88412", "HB-88412"),
    ],
)
def test_a_documents_number_in_latin_letters(line: str, number: str) -> None:
    page = f"""
      Harrowgate Groundworks Ltd
      Unit 9 Tannery Lane, Horsham RH12 4QD

  {line}

      Description                         Amount
      Labour                            1,000.00
      TOTAL DUE                         1,200.00
    """
    assert value_of("document_number", page) == number
