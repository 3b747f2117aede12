from __future__ import annotations

import datetime
import random
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal

import pytest

from evaluation.generator.content import LineItem, rate_sums
from evaluation.generator.forms import daiji, date_ja, date_latin, half_width, money_ja, money_latin
from evaluation.generator.identifiers import (
    british_vat_id,
    corporate_number,
    filled,
    french_vat_id,
    german_vat_id,
    iban,
    is_corporate_number,
    is_iban,
    registration_number,
)

DAY = datetime.date(2026, 10, 3)


class Scripted(random.Random):
    """Draws a given number where any is asked for, so that a published example can be made again."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def randrange(self, *_: int) -> int:  # type: ignore[override]
        return self.number


def test_corporate_numbers_carry_the_check_digit_that_the_tax_agency_has_published() -> None:
    # The National Tax Agency's own number, and the example in its description of the check digit.
    assert corporate_number("000012050002") == "7000012050002"
    assert corporate_number("700110005901") == "8700110005901"


def test_a_changed_digit_is_no_corporate_number() -> None:
    for place in range(1, 13):
        changed = str((int("7000012050002"[place]) + 1) % 10)
        assert not is_corporate_number("7000012050002"[:place] + changed + "7000012050002"[place + 1 :])


def test_registration_numbers_are_a_t_and_a_corporate_number() -> None:
    draw = random.Random(1)  # noqa: S311
    for _ in range(200):
        number = registration_number(draw)
        assert number[0] == "T"
        assert is_corporate_number(number[1:])


def test_ibans_are_those_of_the_published_examples() -> None:
    assert iban("DE", "370400440532013000") == "DE89370400440532013000"
    assert iban("GB", "NWBK60161331926819") == "GB29NWBK60161331926819"
    assert is_iban("FR1420041010050500013M02606")
    assert not is_iban("DE88370400440532013000")


def test_vat_ids_are_those_of_the_published_examples() -> None:
    assert german_vat_id(Scripted(13669597)) == "DE136695976"
    assert french_vat_id(Scripted(30326504)) == "FR40303265045"
    assert british_vat_id(Scripted(9807806)) == "GB980780684"


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("yen", "¥12,345"),
        ("wide_yen", "￥12,345"),
        ("yen_dash", "¥12,345-"),
        ("en", "12,345円"),
        ("wide_en", "１２，３４５円"),
        ("daiji", "金壱萬弐千参百四拾五円也"),
    ],
)
def test_yen_is_printed_in_each_form(style: str, text: str) -> None:
    assert money_ja(Decimal(12345), style) == text


def test_daiji_names_tens_of_thousands_and_leaves_zeros_out() -> None:
    assert daiji(1_200_005) == "壱百弐拾萬五"
    assert daiji(30_000) == "参萬"


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("kanji", "2026年10月3日"),
        ("kanji_padded", "2026年10月03日"),
        ("slash", "2026/10/03"),
        ("era", "令和8年10月3日"),
        ("era_letter", "R8.10.3"),
        ("wide", "２０２６年１０月３日"),
        ("weekday", "2026年10月3日(土)"),
        ("vertical", "令和八年十月三日"),
    ],
)
def test_japanese_dates_are_printed_in_each_form(style: str, text: str) -> None:
    assert date_ja(DAY, style) == text


def test_the_first_year_of_an_era_is_its_origin() -> None:
    assert date_ja(datetime.date(2019, 5, 1), "era") == "令和元年5月1日"


def test_other_languages_have_their_own_dates_and_separators() -> None:
    assert date_latin(DAY, "de", "long") == "3. Oktober 2026"
    assert date_latin(datetime.date(2026, 2, 1), "fr", "long") == "1er février 2026"
    assert date_latin(DAY, "en", "us_long") == "October 3, 2026"
    assert money_latin(Decimal("1234.5"), "EUR", "eu_sign") == "1.234,50\N{NO-BREAK SPACE}€"
    assert money_latin(Decimal("1234.5"), "GBP", "us_sign") == "£1,234.50"
    assert money_latin(Decimal("1234.5"), "EUR", "fr") == "1\N{NO-BREAK SPACE}234,50"


def test_holders_in_half_width_have_their_marks_apart_and_no_small_letters() -> None:
    assert half_width("カ）ギョウザドウ") == "ｶ)ｷﾞﾖｳｻﾞﾄﾞｳ"


def test_patterns_are_filled_with_digits_and_letters_and_keep_the_rest() -> None:
    text = filled(random.Random(3), "A-##?: #")  # noqa: S311
    assert text.startswith("A-")
    assert text[2:4].isdigit()
    assert text[4].isupper()
    assert len(text) == len("A-##?: #")


@pytest.mark.parametrize(("rounding", "tax"), [(ROUND_DOWN, 99), (ROUND_HALF_UP, 100), (ROUND_UP, 100)])
def test_tax_is_rounded_once_a_rate_as_the_company_does_it(rounding: str, tax: int) -> None:
    items = [_item(333, 10), _item(333, 10), _item(333, 10), _item(1000, 8)]
    sums = rate_sums(items, discount=Decimal(0), includes_tax=False, rounding=rounding, step=Decimal(1))
    assert [(int(rate.rate_percent), int(rate.net), int(rate.tax)) for rate in sums] == [(10, 999, tax), (8, 1000, 80)]


def test_prices_with_tax_are_taken_apart_into_net_and_tax() -> None:
    (sums,) = rate_sums([_item(1080, 8)], discount=Decimal(0), includes_tax=True, rounding=ROUND_DOWN, step=Decimal(1))
    assert (sums.net, sums.tax, sums.gross) == (1000, 80, 1080)


def _item(amount: int, rate: int) -> LineItem:
    return LineItem(
        description="品",
        quantity=Decimal(1),
        unit="個",
        unit_price=Decimal(amount),
        amount=Decimal(amount),
        tax_rate_percent=Decimal(rate),
        is_reduced=rate == 8,
        date=DAY,
    )
