"""Total, subtotal and tax on pages as the world prints them: tables of rates, what lies beside, what no money is."""

from __future__ import annotations

import pytest

from postprocess_svc.fields.values.amounts import find_amounts
from tests.support.drawn_pages import amounts

HEAD = """
                               # 請 求 書 #
  株式会社アルファ商事 御中                         2026年10月31日

                                                 株式会社サンプルテック
                                                 東京都渋谷区渋谷1-2-3
"""


def test_the_last_row_of_a_table_of_rates_gives_net_tax_and_gross_by_its_columns() -> None:
    page = """
  品名                 数量       単価         金額
  米 *                   10      1,000       10,000
  机                      1    100,000      100,000

  税率別        税抜金額         消費税           計
  8%対象          10,000           800        10,800
  10%対象        100,000        10,000       110,000
  合計           110,000        10,800       120,800
"""
    assert amounts(HEAD + page) == (120800, 110000, 10800)


def test_columns_whose_headers_are_unknown_are_read_by_their_sums() -> None:
    page = """
  ASHDOWN LLP                               # VAT Invoice #
  Date: 14 October 2026
                                       Net £         VAT £        Total £
  Our professional charges          2,450.00        490.00       2,940.00
  Searches                            318.40         63.68         382.08
  Land Registry fee                   295.00          0.00         295.00
                                  ──────────  ────────────  ─────────────
                                    3,063.40        553.68       3,617.08
  Less received on account                                      (500.00)
  BALANCE NOW DUE                                              £3,117.08
"""
    assert amounts(page) == ("3117.08", "3063.40", "553.68")


def test_a_table_of_several_contracts_is_summed_in_its_last_row() -> None:
    page = """
  お引落金額      # 249,370円 #      お引落日  2026年11月27日
  契約番号      物件名               リース料      消費税      合計
  0412-88213    超音波診断装置        118,000      11,800    129,800
  0412-90077    電子カルテ             86,500       8,650     95,150
  0415-10360    モニタ                 22,200       2,220     24,420
  合計（10%対象）                     226,700      22,670    249,370
"""
    assert amounts(HEAD + page) == (249370, 226700, 22670)


def test_what_is_withheld_and_advanced_lies_between_net_and_tax_and_the_amount_to_pay() -> None:
    page = """
  コンサルティング料          1式       1,000,000     1,000,000
                                       報酬計          1,000,000
                                       消費税            100,000
                                       源泉所得税       ▲102,100
                                       立替交通費         25,000
                                       差引ご請求額    1,022,900
"""
    assert amounts(HEAD + page) == (1022900, 1000000, 100000)


def test_a_sum_without_a_known_label_is_the_net_where_its_tax_and_what_follows_make_the_amount() -> None:
    page = """
    点検 基本料                              28,000
    検査・代行手数料                          11,000
    【諸費用】              【お支払い額】
    自賠責保険料   17,650   部品代＋技術料      39,000
    重量税         24,600   消費税（10％）       3,900
    計             42,250   諸費用計            42,250
                            合計ご請求額      # 85,150円 #
"""
    assert amounts(HEAD + page) == (85150, 39000, 3900)


def test_sections_have_sums_of_their_own_and_the_net_is_their_sum() -> None:
    page = """
  A工事                                200,000
            小計                       200,000
  B工事                                250,000
            小計                       250,000
            合計                       450,000
            消費税                      45,000
            総合計                     495,000
"""
    assert amounts(HEAD + page) == (495000, 450000, 45000)


def test_taxes_of_a_stay_are_no_consumption_tax() -> None:
    page = """
  宿泊料       10      10,000      100,000
                    課税対象計（10%）  100,000
                    消費税              10,000
                    入湯税               1,500
                    宿泊税                 800
                    前受金              △ 2,300
                    差引ご請求額       110,000
"""
    assert amounts(HEAD + page) == (110000, 100000, 10000)


def test_a_printed_sum_of_taxes_is_the_tax_and_its_parts_are_not() -> None:
    page = """
  前月未収残高     当月入金額     当月供給高     うち消費税     今回請求残高
       86,420         86,420       179,853         15,903         179,853

  （税率別内訳）   10%対象 153,285円 内税 13,935円     8%対象 26,568円 内税 1,968円
"""
    assert amounts(HEAD + page) == (179853, None, 15903)


def test_taxes_at_two_rates_without_a_printed_sum_are_added() -> None:
    page = """
  10%対象      110,000円     消費税 10,000円
   8%対象      108,000円     消費税  8,000円
  対象外        13,800円
  ご請求額     231,800円
"""
    assert amounts(HEAD + page) == (231800, None, 18000)


@pytest.mark.parametrize(
    ("label", "tax"),
    [("消費税等（10％対象 3,300円）　300円", 300), ("うち消費税等（10％対象 3,300円） 300円", 300)],
)
def test_what_a_bracket_names_is_the_base_and_the_tax_follows_it(label: str, tax: int) -> None:
    assert amounts(f"{HEAD}\n  文書料  3,300\n  今回ご請求額   # 3,300 円 #\n   {label}\n")[2] == tax


def test_the_base_that_a_rate_is_of_is_no_tax() -> None:
    page = """
  Installatiebedrijf Meulen B.V.              # FACTUUR #
  Factuurdatum: 29-10-2026
                          Totaal excl. BTW      € 2.910,00
                21% BTW over € 2.586,00         €   543,06
                 9% BTW over € 324,00           €    29,16
                                BTW totaal      €   572,22
                          Totaal incl. BTW      € 3.482,22
                          Reeds aanbetaald      € 1.000,00
                            Nog te betalen      € 2.482,22
"""
    assert amounts(page) == ("2482.22", "2910.00", "572.22")


def test_several_payments_on_account_leave_the_rest() -> None:
    page = """
  Ingenieurbüro Heidenreich                # Schlussrechnung 31 #
  Karlsruhe, 28. Oktober 2026
   Honorar netto                                     48.000,00 EUR
   Umsatzsteuer 19 %                                  9.120,00 EUR
   Honorar brutto                                    57.120,00 EUR
   1. Abschlag vom 12.06.2024                       -17.850,00 EUR
   2. Abschlag vom 19.05.2025                       -23.800,00 EUR
   Restforderung                                     15.470,00 EUR
"""
    assert amounts(page) == ("15470.00", "48000.00", "9120.00")


def test_withheld_income_tax_is_no_consumption_tax() -> None:
    page = """
  Naomi Fujisawa                              # INVOICE #
  Date: 2026/10/26
    Fee total                                    220,000
    Consumption tax (10%)                         22,000
    Withholding income tax (10.21% of 220,000)   -22,462
    NET AMOUNT PAYABLE                       JPY 219,538
"""
    assert amounts(page) == (219538, 220000, 22000)


def test_a_row_ends_with_the_sum_of_net_and_tax_in_it() -> None:
    page = "\n   税抜計 87,500      消費税    10%      8,750      # 96,250 #\n"
    assert amounts(HEAD + page) == (96250, 87500, 8750)


def test_a_net_that_a_bracket_tells_of_a_part_is_not_the_subtotal() -> None:
    page = """
  保険 一部負担金      3,450円
  自費（税込）         5,500円
  ご請求額             8,950円
  自費内訳：ジェル（税抜 5,000円　消費税 500円）
"""
    assert amounts(HEAD + page) == (8950, None, 500)


def test_a_box_beside_a_table_has_its_value_below_its_label() -> None:
    page = """
  │ 前回御請求額      │     納品日   品　名        数量      単価      金額
  │          241,890  │
  └───────────────────┘     04-02    錠剤A 500T       2      3,840      7,680
  │ 今回御請求額      │     04-09    錠剤B 189包      3      2,770      8,310
  │        151,109    │
  └───────────────────┘     04-30    月間値引                          -2,400
"""
    assert amounts(HEAD + page)[0] == 151109


def test_a_tax_of_nought_leaves_the_sum_before_it_as_net() -> None:
    page = """
  SEIBAN LTD.                 # 請求書 / COMMERCIAL INVOICE #
  日付 Date: September 4, 2026
      FCA KOBE 合計                   US$8,628.00
      消費税（輸出免税 0％）               US$0.00
      ご請求額 TOTAL              # US$8,628.00 #
"""
    assert amounts(page) == ("8628.00", "8628.00", "0.00")


def test_the_one_rate_that_a_total_names_does_not_make_it_a_base() -> None:
    page = "\n   もち米      2      4,100      8,200\n   合計（税込・8%対象）      8,200　(うち消費税 607)\n"
    assert amounts(HEAD + page)[0] == 8200


@pytest.mark.parametrize(
    "text", ["04-02", "0007718", "TVA non applicable, art. 293 B du CGI", "4 振込口座", "お支払金額(1+2)"]
)
def test_days_account_numbers_articles_and_paragraphs_are_no_amounts(text: str) -> None:
    assert find_amounts(text) == []


def test_what_is_left_of_a_years_bill_is_the_amount_to_pay() -> None:
    page = """
      Stadtwerke Osterfelde GmbH
      Rechnungsdatum  19.01.2026

      Nettobetrag              1.076,79 EUR
      Umsatzsteuer 19 %          204,59 EUR
      Bruttobetrag             1.281,38 EUR
      geleistete Abschläge    -1.197,00 EUR
      Ihre Nachzahlung            84,38 EUR
    """
    assert amounts(page)[0] == "84.38"
