"""The document's date and the day by which to pay on pages as the world prints them."""

from __future__ import annotations

import pytest

from tests.support.drawn_pages import dates

HEAD = """
                               # 請 求 書 #
  株式会社アルファ商事 御中                         2026年10月31日

                                                 株式会社サンプルテック
                                                 東京都渋谷区渋谷1-2-3

  ご請求額   10,000円
"""
UNDATED = """
  {0}
                               # 請 求 書 #
  株式会社アルファ商事 御中
                                                 株式会社サンプルテック
  ご請求額   10,000円
"""


@pytest.mark.parametrize(
    "line",
    [
        "支払期限      請求日より30日以内（2026年11月30日）",
        "支払期限      請求書発行日の翌月末日（2026年11月30日）",
        "お支払条件  月末締め 翌月末 現金振込（2026年11月30日）",
        "支払条件　月末締め 翌月末 現金振込（2026年11月30日）",
        "〔期　日〕2026.11.30（月）",
        "下記口座より2026年11月30日に振替させていただきます。",
    ],
)
def test_the_day_to_pay_by_is_found_however_terms_tell_it(line: str) -> None:
    assert dates(f"{HEAD}\n  {line}\n") == ("2026-10-31", "2026-11-30")


def test_a_sentence_asks_for_payment_into_the_account_below_it() -> None:
    page = "\n  2026年11月20日までに、\n    りそな銀行 下北沢支店\n    普通預金 1630952\n  へお願い申し上げます。\n"
    assert dates(HEAD + page) == ("2026-10-31", "2026-11-20")


def test_a_day_in_kanji_without_its_year_is_of_the_year_to_come() -> None:
    assert dates(f"{HEAD}\n  お支払いは一月三十一日までにお願いします。\n") == ("2026-10-31", "2027-01-31")


def test_the_day_of_what_a_document_is_about_is_neither_date() -> None:
    page = "\n  件名　売買による所有権移転（決済日 2026年11月21日）\n"
    assert dates(HEAD + page) == ("2026-10-31", None)


def test_what_took_place_is_not_the_documents_date() -> None:
    page = """
                               # 請求書 #
  学校法人常盤木学園 様
  ご請求額   10,000円
  件名：保護者会講演会（令和7年10月11日開催）

                                         令和7年10月14日
                                         氏名　桐原 礼子
"""
    assert dates(page) == ("2025-10-14", None)


@pytest.mark.parametrize("printed", ["2026年10月31日 締切分", "2026年10月31日 現在", "検針日 26年10月31日"])
def test_the_day_up_to_which_a_statement_counts_dates_it_where_no_other_does(printed: str) -> None:
    assert dates(UNDATED.format(printed))[0] == "2026-10-31"


def test_the_day_of_issue_goes_before_the_closing_day() -> None:
    page = UNDATED.format("ｼﾒﾋﾞ      26.10.25") + "\n  ﾊｯｺｳ      26.10.27\n"
    assert dates(page)[0] == "2026-10-27"


def test_a_label_within_a_sentence_labels_nothing_below_it() -> None:
    page = (
        UNDATED.format("納期限  令和8年10月31日")
        + "\n  上記の金額を納期限までに納入してください。\n  令和 8年10月 9日\n"
    )
    assert dates(page) == ("2026-10-09", "2026-10-31")


def test_the_first_instalment_is_due_and_the_second_is_no_date_of_the_document() -> None:
    page = """
  # 納入通知書 #
  杉浦 金一 様
  期別     納入額     納期限                摘要
  第1期    36,627     令和8年7月31日        今回納入分
  第2期    36,627     令和8年12月25日       11月に通知します
  令和8年7月1日
                              矢並川土地改良区
"""
    assert dates(page) == ("2026-07-01", "2026-07-31")


def test_year_month_and_day_stand_in_boxes_under_their_names() -> None:
    page = """
      # 納 品 書 ( 請 求 書 ) #
      ┌─────────┬─────────┬─────────┐
      │    年   │    月   │    日   │
      ├─────────┼─────────┼─────────┤
      │   R 8   │     7   │    15   │
      └─────────┴─────────┴─────────┘
      株式会社大羽鉄工所 御中           中部工機商事株式会社
      合計  90,882
"""
    assert dates(page)[0] == "2026-07-15"


@pytest.mark.parametrize("printed", ["発行日 08-10-22", "作成 08/10/22", "発行 R8.10.22"])
def test_short_years_are_of_the_era_up_to_sixteen(printed: str) -> None:
    assert dates(UNDATED.format(printed))[0] == "2026-10-22"


def test_the_day_for_a_discount_is_not_the_day_to_pay_by() -> None:
    page = """
  Maler GmbH
  Köln, 14.10.2026
  Leistungszeitraum: 21.09. bis 02.10.2026
  # Rechnung Nr. 12 #
  Gesamtbetrag   2.625,97 €
  Zahlbar bis 24.10.2026 mit 2 % Skonto (52,52 €)
  oder bis zum 13.11.2026 ohne Abzug.
"""
    assert dates(page) == ("2026-10-14", "2026-11-13")


@pytest.mark.parametrize(
    "line",
    [
        "Pagamento: bonifico bancario entro il 30/11/2026",
        "Rogamos transfieran el importe antes del 30 de noviembre de 2026",
        "Scadenza: 30 NOV 2026",
    ],
)
def test_the_day_to_pay_by_in_romance_languages(line: str) -> None:
    page = f"  Studio Bellandi\n  # FATTURA N. 58 del 26 ottobre 2026 #\n  Totale   4.060,16 €\n  {line}\n"
    assert dates(page)[1] == "2026-11-30"


def test_the_date_of_an_order_is_the_orders() -> None:
    page = """
  NANIWA SEIKO CO., LTD.
  # COMMERCIAL INVOICE #
  Invoice No. NS-EX26-0718
  Date: October 7, 2026
  Your order: 4500071823 dated Aug. 19, 2026
  TOTAL   JPY 840,080
"""
    assert dates(page)[0] == "2026-10-07"


@pytest.mark.parametrize(
    "line",
    [
        "お支払い  11月30日までに下記へ",
        "お支払い　　11月30日（月）までにお願いいたします",
        "今月のご請求額  10,000円（うち消費税額 909円）　　11月30日までにお願いします",
        "2026年11月30日（月）にゆうちょ銀行の口座から振替いたします。",
        "上記金額は 令和8年11月30日に貴口座（普通 ****882）から振替させていただきます。",
        "支払日 11/30",
        "お支払期限    11/30（月）",
    ],
)
def test_the_day_to_pay_by_is_told_beside_its_key_and_in_sentences_about_debits(line: str) -> None:
    assert dates(f"{HEAD}\n  {line}\n") == ("2026-10-31", "2026-11-30")


@pytest.mark.parametrize(
    "line",
    [
        "納品書  11月30日までにご返送ください",
        "数量  11/30",
        "2026年11月30日に貴口座から振替いたしました。",
        "2026年11月30日に送付済みの見積書をご覧ください。",
    ],
)
def test_a_day_for_something_else_is_none_to_pay_by(line: str) -> None:
    assert dates(f"{HEAD}\n  {line}\n") == ("2026-10-31", None)


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        (["決済日    2026/11/05", "ステータス    支払い済み"], None),
        (["決済日    2026/11/05", "ステータス    未決済"], "2026-11-05"),
        (["支払期限    2026/11/05", "ステータス    支払い済み"], "2026-11-05"),
    ],
)
def test_the_day_when_a_paid_document_was_paid_is_none_to_pay_by(lines: list[str], due: str | None) -> None:
    assert dates(HEAD + "".join(f"\n  {line}" for line in lines) + "\n") == ("2026-10-31", due)


def test_a_day_without_its_year_is_of_the_only_year_that_an_undated_document_prints() -> None:
    page = UNDATED.format("2026年10月分") + "\n  支払日 12/25\n"
    assert dates(page) == (None, "2026-12-25")


@pytest.mark.parametrize(
    "line",
    [
        "Wir buchen den Betrag am 06.02.2026 von Ihrem Konto DE** **** **47 11 ab.",
        "Der Betrag wird am 06.02.2026 per Lastschrift eingezogen.",
    ],
)
def test_a_german_direct_debit_is_told_with_its_day(line: str) -> None:
    page = f"""
      Stadtwerke Osterfelde GmbH
      Postfach 11 04, 23843 Osterfelde

      Herrn Holger Thiessen                               Rechnungsdatum   19.01.2026
      Am Mühlenteich 4                                    Rechnungsnummer  VR-26-1180447

      Nettobetrag                                             100,00 EUR
      Umsatzsteuer 19 %                                        19,00 EUR
      Rechnungsbetrag                                         119,00 EUR

      {line}
    """
    assert dates(page) == ("2026-01-19", "2026-02-06")
