"""Normalisers: what is printed, and the value behind it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocess_svc.fields.values import names
from postprocess_svc.fields.values.amounts import find_amounts, money_value, read_number
from postprocess_svc.fields.values.dates import DayOrder, find_dates
from postprocess_svc.fields.values.folding import fold, read_digits
from postprocess_svc.fields.values.identifiers import (
    corporate_number_is_valid,
    find_ibans,
    find_registration_numbers,
    find_vat_ids,
    iban_is_valid,
)
from postprocess_svc.fields.values.phones import find_phones


@pytest.mark.parametrize(
    ("printed", "iso"),
    [
        ("2026年10月31日", "2026-10-31"),
        ("２０２６年１０月３１日（土）", "2026-10-31"),
        ("2026 年 10 月 31 日", "2026-10-31"),
        ("2026/10/31 18:05", "2026-10-31"),
        ("2026.10.31", "2026-10-31"),
        ("2026-10-31", "2026-10-31"),
        ("2O26/1O/31", "2026-10-31"),
        ("令和8年10月31日", "2026-10-31"),
        ("令和元年5月1日", "2019-05-01"),
        ("平成22年06月29日", "2010-06-29"),
        ("昭和64年1月7日", "1989-01-07"),
        ("R8.10.31", "2026-10-31"),
        ("H30/4/1", "2018-04-01"),
        ("'26/10/31", "2026-10-31"),
        ("26年10月31日", "2026-10-31"),
        ("8年10月31日", "2026-10-31"),
        ("2026年2月末日", "2026-02-28"),
        ("31.10.2026", "2026-10-31"),
        ("31/10/2026", "2026-10-31"),
        ("31-10-26", "2026-10-31"),
        ("10/31/2026", "2026-10-31"),
        ("Oct 31, 2026", "2026-10-31"),
        ("October 31st, 2026", "2026-10-31"),
        ("31 octobre 2026", "2026-10-31"),
        ("31. Oktober 2026", "2026-10-31"),
        ("1er août 2026", "2026-08-01"),
        ("31 de outubro de 2026", "2026-10-31"),
        ("20JUN2018", "2018-06-20"),
        ("22/04/201818:54:21", "2018-04-22"),
        ("20261031", "2026-10-31"),
    ],
)
def test_dates(printed: str, iso: str) -> None:
    found = find_dates(fold(printed))
    assert [date.resolve(DayOrder.DAY_FIRST) for date in found] == [dt.date.fromisoformat(iso)]


@pytest.mark.parametrize("order", DayOrder)
def test_a_date_that_can_be_read_both_ways_is_left_to_the_document(order: DayOrder) -> None:
    (date,) = find_dates("03/04/2026")
    assert date.swappable
    expected = dt.date(2026, 4, 3) if order is DayOrder.DAY_FIRST else dt.date(2026, 3, 4)
    assert date.resolve(order) == expected


def test_three_short_groups_are_year_first_in_japan_only() -> None:
    assert [d.resolve(DayOrder.DAY_FIRST) for d in find_dates("26/10/31", short_year_first=True)] == [
        dt.date(2026, 10, 31)
    ]
    assert [d.resolve(DayOrder.DAY_FIRST) for d in find_dates("16-03-18")] == [dt.date(2018, 3, 16)]


@pytest.mark.parametrize(
    "printed", ["03-1234-5678", "1.234.567", "12:30:15", "T1234567890123", "2026/13/45", "1-2-3", "100/200/300"]
)
def test_what_is_no_date(printed: str) -> None:
    assert find_dates(printed) == []


def test_a_date_without_year_takes_the_given_one() -> None:
    (date,) = find_dates("11月30日")
    assert date.resolve(DayOrder.DAY_FIRST) is None
    assert date.resolve(DayOrder.DAY_FIRST, default_year=2026) == dt.date(2026, 11, 30)


@given(st.dates(min_value=dt.date(2000, 1, 1), max_value=dt.date(2049, 12, 31)))
def test_every_day_in_every_unambiguous_form(day: dt.date) -> None:
    era = (
        f"令和{day.year - 2018}年{day.month}月{day.day}日"
        if day.year > 2019
        else f"平成{day.year - 1988}年{day.month}月{day.day}日"
    )
    for printed in (
        f"{day:%Y-%m-%d}",
        f"{day:%Y/%m/%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day:%d %B %Y}",
        era,
    ):
        assert [date.resolve(DayOrder.DAY_FIRST) for date in find_dates(printed)] == [day]


@pytest.mark.parametrize(
    ("printed", "value", "currency"),
    [
        ("¥385,000-", "385000", "JPY"),
        ("￥３８５，０００－", "385000", "JPY"),
        ("385,000円", "385000", "JPY"),
        ("金385,000円也", "385000", "JPY"),
        ("¥ 385, 000", "385000", "JPY"),
        ("¥l,O00", "1000", "JPY"),
        ("1、234円", "1234", "JPY"),
        ("¥1.234", "1234", "JPY"),
        ("▲10,210", "-10210", None),
        ("△10,210円", "-10210", "JPY"),
        ("¥-50", "-50", "JPY"),
        ("-¥50", "-50", "JPY"),
        ("1.234,56 €", "1234.56", "EUR"),
        ("1 234,56", "1234.56", None),
        ("1'234.50 CHF", "1234.50", "CHF"),
        ("RM 12.30", "12.30", "MYR"),
        ("RM12.30 SR", "12.30", "MYR"),
        ("$1,234.56", "1234.56", "USD"),
        ("(12.30)", "-12.30", None),
        ("12,5", "12.5", None),
        ("25,- €", "25", "EUR"),
        ("0.045 USD", "0.045", "USD"),
        ("₹12,34,567.00", "1234567.00", "INR"),
        ("1,23,456", "123456", None),
    ],
)
def test_amounts(printed: str, value: str, currency: str | None) -> None:
    (amount,) = find_amounts(fold(printed))
    assert (amount.value, amount.currency) == (Decimal(value), currency)


@pytest.mark.parametrize(
    "printed", ["10%", "18:05", "03-1234-5678", "〒150-0002", "TB100A4", "2018.03.24", "7/4", "T7000012050002", "1丁目"]
)
def test_what_is_no_amount(printed: str) -> None:
    assert find_amounts(fold(printed)) == []


@pytest.mark.parametrize(
    "printed",
    [
        "12.345678",
        "12.3456",
        "1,2345",
        "¥1,23456",
        "1.2345 EUR",
        "USD 0.04567",
        "12345,6789",
        "1,234,5678",
        "1'234.5678",
        "1,980,2,000",
        "12.34567890123",
        "1,2,3,4",
    ],
)
def test_a_number_that_no_price_is_printed_as_is_not_read_in_parts(printed: str) -> None:
    assert find_amounts(fold(printed)) == []


@given(st.from_regex(r"[0-9]{1,4}([.,][0-9]{1,7}){0,3}", fullmatch=True))
def test_no_number_is_cut_in_the_midst(printed: str) -> None:
    assert [(amount.start, amount.end) for amount in find_amounts(printed)] in ([], [(0, len(printed))])


def test_pieces_and_kilograms_are_measures() -> None:
    assert [amount.measure for amount in find_amounts("3点 1.5kg 12.30")] == [True, True, False]


def test_a_quantity_and_a_price_stay_two_numbers() -> None:
    assert [amount.value for amount in find_amounts("2 100.00")] == [Decimal(2), Decimal("100.00")]


@given(st.integers(min_value=0, max_value=10**9))
def test_grouped_yen_are_read_back(value: int) -> None:
    (amount,) = find_amounts(f"¥{value:,}")
    assert money_value(amount.value, currency="JPY", decimals=0) == value


@given(st.decimals(min_value=0, max_value=10**7, places=2))
def test_both_ways_of_writing_decimals(value: Decimal) -> None:
    english = f"{value:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert read_number(english)[0] == read_number(german)[0] == value
    assert money_value(value, currency="EUR", decimals=2) == f"{value:.2f}"


def test_letters_become_digits_only_among_digits() -> None:
    assert read_digits("¥1,O00 OIL BOX l,234") == "¥1,000 OIL BOX l,234"
    assert read_digits("1、234 り、3 ¥lOO 2O26/1l/3l O") == "1,234 り、3 ¥100 2026/11/3l O"


@pytest.mark.parametrize("number", ["7000012050002", "8700110005901"])
def test_check_digit_of_real_corporate_numbers(number: str) -> None:
    """The National Tax Agency's own number, and the example of its rule."""
    assert corporate_number_is_valid(number)


@given(st.integers(min_value=0, max_value=10**12 - 1), st.integers(min_value=1, max_value=9))
def test_exactly_one_check_digit_holds(base: int, step: int) -> None:
    valid = [digit for digit in range(1, 10) if corporate_number_is_valid(f"{digit}{base:012d}")]
    assert len(valid) == 1
    assert not corporate_number_is_valid(f"{(valid[0] - 1 + step) % 9 + 1 if step < 9 else 0}{base:012d}")


@pytest.mark.parametrize(
    "printed", ["T7000012050002", "Ｔ７００００１２０５０００２", "T 7000-0120-50002", "T7OO0012050002"]
)
def test_registration_numbers(printed: str) -> None:
    (number,) = find_registration_numbers(fold(printed))
    assert (number.value, number.valid) == ("T7000012050002", True)


def test_a_failing_check_digit_is_told_not_hidden() -> None:
    (number,) = find_registration_numbers("登録番号 T1234567890123")
    assert not number.valid


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("USt-IdNr. DE123456789 HRB 123", "DE123456789"),
        ("TVA: FR 11 999999998 - SIRET", "FR11999999998"),
        ("BTW NL810433941B01", "NL810433941B01"),
        ("VAT Reg No GB 123 4567 89", "GB123456789"),
    ],
)
def test_vat_ids(printed: str, value: str) -> None:
    assert [identifier.value for identifier in find_vat_ids(printed)] == [value]


def test_ibans() -> None:
    printed = "IBAN: DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX"
    assert [(i.value, i.valid) for i in find_ibans(printed)] == [("DE89370400440532013000", True)]
    assert find_ibans("DE89 3704 0044 0532 0130 01") == []
    (wrong,) = find_ibans("DE89 3704 0044 0532 0130 01", labelled_from=0)
    assert (wrong.value, wrong.valid) == ("DE89370400440532013001", False)


@given(st.integers(min_value=0, max_value=21), st.integers(min_value=1, max_value=9))
def test_one_changed_digit_breaks_an_iban(place: int, step: int) -> None:
    iban = "DE89370400440532013000"
    assert iban_is_valid(iban)
    if iban[place].isdigit():
        changed = f"{iban[:place]}{(int(iban[place]) + step) % 10}{iban[place + 1 :]}"
        assert not iban_is_valid(changed)


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("03-1234-5678", "03-1234-5678"),
        ("０３（１２３４）５６７８", "03-1234-5678"),
        ("(03)1234-5678", "03-1234-5678"),
        ("090 1234 5678", "090-1234-5678"),
        ("0312345678", "0312345678"),
        ("+81-3-1234-5678", "+81-3-1234-5678"),
        ("+49 89 123456", "+49 89 123456"),
    ],
)
def test_phones(printed: str, value: str) -> None:
    assert [phone.value for phone in find_phones(fold(printed))] == [value]


@pytest.mark.parametrize("printed", ["150-0002", "2026-10-31", "1234567", "T7000012050002"])
def test_what_is_no_phone(printed: str) -> None:
    assert [phone for phone in find_phones(printed) if phone.separated] == []


@pytest.mark.parametrize(
    "name", ["Taste Of The World Sdn Bhd", "10 GRAM Gourmet Sbn Bhd", "ABC SDN. BHD", "ABC SDN BHO"]
)
def test_malaysian_forms_in_any_case_and_with_a_slip(name: str) -> None:
    assert names.has_latin_form(name)


def test_a_trade_word_is_seen_where_the_spaces_were_lost() -> None:
    assert names.has_trade_word("SANYUSTATIONERYSHOP")
    assert not names.has_trade_word("Bishopric")


def test_a_letter_that_cannot_be_is_put_right_in_names_and_nowhere_else() -> None:
    assert names.mended("Taste Of The WorId") == "Taste Of The World"
    assert names.mended("IBM AI II Mc1 A1") == "IBM AI II Mc1 A1"


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ("株三光商会", "(株)三光商会"),
        ("(株広島ロジスティクス", "(株)広島ロジスティクス"),
        ("新宿サービス有)", "新宿サービス(有)"),
        ("有田商店", "有田商店"),
        ("株木建設株式会社", "株木建設株式会社"),
        ("株式会社みどり", "株式会社みどり"),
        ("(株)みどり", "(株)みどり"),
        ("みどり（有）", "みどり（有）"),
    ],
)
def test_a_form_in_one_character_that_lost_a_bracket(read: str, name: str) -> None:
    assert names.mended(read) == name


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("0940/7838278", "0940/7838278"),
        ("01 24 69 62 99", "01 24 69 62 99"),
        ("(0208) 123 4567", "(0208)1234567"),
    ],
)
def test_national_numbers_of_the_west(printed: str, value: str) -> None:
    (phone,) = find_phones(printed, western=True)
    assert "".join(phone.value.split()) == "".join(value.split())
    assert phone.separated


@pytest.mark.parametrize("printed", ["1.234,56", "12/0940/783", "0,50", "007", "100 200 300"])
def test_what_is_no_national_number(printed: str) -> None:
    assert find_phones(printed, western=True) == []


@pytest.mark.parametrize(
    ("holder", "name"),
    [
        ("トクヒ)ミライ", "特定非営利活動法人ミライ"),
        ("ゼイ)ミライ", "税理士法人ミライ"),
        ("シヤ)ミライ", "一般社団法人ミライ"),
        ("シャ)ミライ", "一般社団法人ミライ"),
        ("ミライショウジ(カ", "ミライシヨウジ株式会社"),
        ("カブシキガイシャ ミライ", "株式会社ミライ"),
    ],
)
def test_a_holder_and_its_firm_have_one_core(holder: str, name: str) -> None:
    assert names.core(holder) == names.core(name)
