"""Numbers of documents by their place: over, under or beside the date, under the title; and those that are others'."""

from __future__ import annotations

import pytest

from tests.support.drawn_pages import value_of

BODY = """
  株式会社ニシヤマ不動産販売 御中

                                                        キヤマ事務機販売株式会社
                                                        〒910-0005 福井市大手2-18-6
                                                        TEL 0776-54-2210
  ご請求金額  # 46,200円 #

  品名                 数量      単価      金額
  保守料金                1    42,000    42,000
                                消費税     4,200
                                合計      46,200
"""
TITLE = f"{' ' * 30}# 請 求 書 #\n"
RIGHT = " " * 56


def _number(head: str) -> str | None:
    return value_of("document_number", head + BODY)


@pytest.mark.parametrize("number", ["26A-01877", "R8-0057", "健-8-226", "会費26-0318", "第九二号", "000731"])
@pytest.mark.parametrize("date", ["2026年10月1日", "令和8年10月1日", "発行日 2026年10月1日"])
def test_a_number_over_the_documents_date_needs_no_label(number: str, date: str) -> None:
    assert _number(f"{RIGHT}{number}\n{RIGHT}{date}\n{TITLE}") == number


@pytest.mark.parametrize(
    "head",
    [
        f"{TITLE}{RIGHT}2026年10月1日\n{RIGHT}TK-2611-7\n",
        "  TK-2611-7       # 請 求 書 #                    2026年10月1日\n",
        f"  TK-2611-7{' ' * 45}2026年10月1日\n{TITLE}",
        f"  TK-2611-7\n{TITLE}{RIGHT}2026年10月1日\n",
    ],
)
def test_it_stands_under_the_date_beside_it_or_alone_in_the_first_line_too(head: str) -> None:
    assert _number(head) == "TK-2611-7"


@pytest.mark.parametrize(
    "head",
    [
        f"{RIGHT}910-0005\n{RIGHT}2026年10月1日\n{TITLE}",
        f"{RIGHT}0776-54-2211\n{RIGHT}2026年10月1日\n{TITLE}",
        f"  お得意様コード    K-3380        2026年10月1日\n{TITLE}",
        f"{TITLE}{RIGHT}2026年10月1日\n  車名    H30.9    次回満了  R9.9.20\n",
        f"{RIGHT}2026.10\n{RIGHT}2026年10月1日\n{TITLE}",
        f"{RIGHT}1/2\n{RIGHT}2026年10月1日\n{TITLE}",
    ],
)
def test_what_else_stands_beside_a_date_is_no_number_of_the_document(head: str) -> None:
    assert _number(head) is None


def test_a_number_that_a_label_speaks_for_wins_over_one_that_stands_well() -> None:
    assert _number(f"{RIGHT}26A-01877\n{RIGHT}2026年10月1日\n  請求書番号 4410-2\n{TITLE}") == "4410-2"


@pytest.mark.parametrize(
    ("head", "number"),
    [
        ("  INVOICE / 請求書 0031                   2026.12.01\n", "0031"),
        ("  請求書 2026                             2026.12.01\n", None),
        ("  伝票 00418-26       乗務員 No.4417\n", "00418-26"),
        ("  受注伝票 0001188304\n", None),
        ("  No. 得意先 01194\n", None),
        ("  2026/03/07 15:28  #1182\n", "1182"),
        ("  インボイス番号  HB-S-000184412\n", "HB-S-000184412"),
        ("  インボイス番号  T5011001155802\n", None),
        ("  インボイス番号  5011001155802\n", None),
    ],
)
def test_whose_number_it_is(head: str, number: str | None) -> None:
    assert _number(head) == number


LATIN = """
  suzume design                                              {title}
  graphic / logo / package                                   {number}

  to                                          from
  Ashdown Merriweather LLP                    suzume design
  88 Colmore Row, Birmingham B3 2QS           3-11-4 Hakozaki, Fukuoka

  Logo                                        1,200.00
  Total due                           USD     1,200.00
"""


@pytest.mark.parametrize(
    ("title", "number", "read"),
    [("INVOICE", "0042", "0042"), ("INVOICE", "KLS-118", "KLS-118"), ("INVOICE", "page 2", None), ("FOLIO", "", None)],
)
def test_all_of_a_line_right_under_the_title(title: str, number: str, read: str | None) -> None:
    assert value_of("document_number", LATIN.format(title=title, number=number)) == read


def test_a_hotels_folio_is_the_number_of_its_bill() -> None:
    assert _number("  HOTEL BOYOKAKU                         Folio D-0417\n") == "D-0417"
