"""What a document leaves in doubt is answered with doubt, or not at all; on pages made by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from ocr_core.contracts.result import DocumentType, FieldValue, MoneyValue
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.families.issuers import FAMILY as ISSUER
from postprocess_svc.fields.values.dates import find_dates
from postprocess_svc.lines import PageLines, TextLine
from postprocess_svc.schemas import answer_schema, shipped_schemas
from tests.support.fields_layout import Placed, line, page, read
from tests.support.steps import steps

HEAD: list[Placed] = [
    (700, 60, "請求書", 60),
    (1000, 180, "発行日: 2026年11月20日"),
    (100, 400, "ご請求金額 ¥110,000-", 44),
]
ADDRESS: list[Placed] = [(1000, 345, "〒150-0001 東京都渋谷区神宮前1-2-3"), (1000, 390, "TEL: 03-1234-5678")]
FROM_YAMADA: list[Placed] = [(100, 180, "みらい商事株式会社 御中", 36), (1000, 300, "株式会社山田", 34), *ADDRESS]
DOLLARS: list[Placed] = [
    (100, 60, "TAX INVOICE", 60),
    (900, 150, "Invoice No: 1001"),
    (900, 200, "Date: 03/04/2026"),
    (1000, 800, "Total"),
    (1300, 800, "$1,100.00"),
]


def lines_of(placed: list[Placed], *more: TextLine) -> PageLines:
    made = page(placed)
    return replace(made, lines=(*made.lines, *more))


def answer(name: str, lines: PageLines) -> FieldValue | None:
    """A field's answer, however unsure."""
    found = read(lines).fields[name]
    assert found is None or isinstance(found, FieldValue)
    return found


def value(name: str, lines: PageLines) -> str | int | None:
    """What the default threshold leaves of it."""
    found = answer(name, lines)
    return None if found is None or found.confidence < 0.5 else found.value


def doubted(made: TextLine, at: int, confidence: float) -> TextLine:
    """The line with one doubtful character."""
    kept = list(made.character_confidences)
    kept[at] = confidence
    return replace(made, character_confidences=tuple(kept))


def test_another_firm_that_differs_in_a_character_is_not_the_issuer() -> None:
    letterhead = line(1000, 300, "株式会社東都設備", 34, 0.95)
    elsewhere = line(100, 1500, "株式会社西都設備", 26, 0.99)
    assert value("issuer_name", lines_of([*HEAD, *ADDRESS], letterhead, elsewhere)) == "株式会社東都設備"


def test_a_doubtful_character_of_the_issuer_is_taken_from_where_it_was_read_well() -> None:
    letterhead = doubted(line(1000, 300, "株式会社東郡設備", 34, 0.95), 5, 0.5)
    elsewhere = line(100, 1500, "株式会社東都設備", 26, 0.99)
    assert value("issuer_name", lines_of([*HEAD, *ADDRESS], letterhead, elsewhere)) == "株式会社東都設備"


def test_a_doubt_elsewhere_in_the_name_lends_it_no_character() -> None:
    letterhead = doubted(line(1000, 300, "株式会社東都設備", 34, 0.95), 7, 0.5)
    elsewhere = line(100, 1500, "株式会社西都設備", 26, 0.99)
    assert value("issuer_name", lines_of([*HEAD, *ADDRESS], letterhead, elsewhere)) == "株式会社東都設備"


@pytest.mark.parametrize(
    "recipient",
    [
        [(100, 200, "ヤマダ", 34), (100, 240, "株式会社 御中", 34)],
        [(100, 200, "ヤマダ", 34), (100, 240, "株式会社", 34), (340, 240, "御中", 34)],
        [(100, 200, "ヤマダ", 34), (100, 240, "株式会社", 34), (100, 280, "御中", 34)],
    ],
)
def test_a_recipient_over_its_legal_form_is_one_name_and_leaves_the_issuer_alone(recipient: list[Placed]) -> None:
    lines = page([*HEAD, *recipient, (1000, 300, "株式会社川田", 34), *ADDRESS])
    assert (value("recipient_name", lines), value("issuer_name", lines)) == ("ヤマダ株式会社", "株式会社川田")


@pytest.mark.parametrize("form", ["株式会社 御中", "有限会社　様"])
def test_a_legal_form_alone_names_nobody(form: str) -> None:
    lines = page([*HEAD, (100, 240, form, 34), (1000, 300, "株式会社川田", 34), *ADDRESS])
    assert (answer("recipient_name", lines), value("issuer_name", lines)) == (None, "株式会社川田")


def firms(count: int, confidence: float) -> PageLines:
    placed = [
        line(
            100.0 if n % 2 else 900.0,
            20.0 + n // 2 * 40,
            f"株式会社{chr(0x4E00 + n % 97)}{chr(0x5000 + n // 97)}工業",
            20,
        )
        for n in range(count)
    ]
    unsure = [replace(one, character_confidences=(confidence,) * len(one.text)) for one in placed]
    return PageLines(number=1, width_px=1654, height_px=40 * count, lines=tuple(unsure))


@pytest.mark.parametrize("confidence", [0.98, 0.6])
def test_a_page_of_firms_costs_in_proportion_to_their_number(confidence: float) -> None:
    few, many = (build_context([firms(count, confidence)], document_type=DocumentType.INVOICE) for count in (100, 400))
    assert steps(lambda: ISSUER.propose("issuer_name", many, {})) < 5 * steps(
        lambda: ISSUER.propose("issuer_name", few, {})
    )


@pytest.mark.parametrize(
    ("printed", "doubtful", "low", "high"),
    [
        ("登録番号: T7010401056220", None, 0.9, 1.0),
        ("登録番号: T7010401056221", None, 0.5, 0.7),  # printed so: made up, or somebody's slip
        ("登録番号: T7010401056221", 0.8, 0.2, 0.4),  # misread
    ],
)
def test_a_failing_check_digit_costs_confidence(printed: str, doubtful: float | None, low: float, high: float) -> None:
    number = line(1000, 435, printed, 30)
    number = number if doubtful is None else doubted(number, 15, doubtful)
    found = answer("registration_number", lines_of([*HEAD, *FROM_YAMADA], number))
    assert found is not None
    assert low <= found.confidence <= high


@pytest.mark.parametrize(
    ("country", "date", "currency"),
    [
        (["Acme Trading Pty Ltd", "Sydney NSW 2000"], "2026-04-03", "AUD"),
        (["Acme Trading", "ABN 51 824 753 556"], "2026-04-03", "AUD"),
        (["Acme Trading Limited", "Auckland 1010, New Zealand"], "2026-04-03", "NZD"),
        (["Acme Trading Pte Ltd", "1 Orchard Road"], "2026-04-03", "SGD"),
        (["Acme Trading Inc.", "Springfield, IL 62704"], "2026-03-04", "USD"),
    ],
)
def test_the_country_says_whether_the_day_comes_first(country: list[str], date: str, currency: str) -> None:
    lines = page([*DOLLARS, *((100, 150 + 50 * n, text) for n, text in enumerate(country))])
    found, total = answer("document_date", lines), read(lines).fields["total_amount"]
    assert found is not None
    assert isinstance(total, MoneyValue)
    assert (found.value, total.currency) == (date, currency)
    assert found.confidence > 0.9


@pytest.mark.parametrize("place", ["1 Main Street", "Toronto ON M5V 2T6"])
def test_a_date_of_which_only_a_dollar_sign_says_the_order_is_never_sure(place: str) -> None:
    found = answer("document_date", page([*DOLLARS, (100, 150, "Acme Trading"), (100, 200, place)]))
    assert found is not None
    assert 0.5 < found.confidence < 0.9


@pytest.mark.parametrize(
    "label",
    "お引取期限 引渡期日 払戻期限 お引換期限 決算期日 支給予定日 返金予定日 入居予定日 返納期限 お振分期限".split(),  # noqa: SIM905
)
def test_what_is_to_be_done_by_then_is_not_always_payment(label: str) -> None:
    invoice = page([*HEAD, *FROM_YAMADA, (100, 700, f"{label}: 2026年12月15日")])
    assert value("due_date", invoice) is None
    assert value("document_date", invoice) == "2026-11-20"


def test_a_due_date_long_before_the_issue_is_not_answered() -> None:
    invoice = page([*HEAD, *FROM_YAMADA, (100, 700, "お支払期限: 2026年1月31日")])
    assert value("due_date", invoice) is None


def test_a_due_date_before_the_issue_is_refused_by_the_shipped_invoice_and_told() -> None:
    invoice = page([*HEAD, *FROM_YAMADA, (100, 700, "お支払期限: 2026年1月31日")])
    schema = shipped_schemas().named("invoice", DocumentType.INVOICE)
    answered = answer_schema(schema, read(invoice).fields, min_confidence=0.2, today=dt.date(2026, 11, 28))
    assert answered.fields["due_date"] is None
    assert [notice.code for notice in answered.warnings] == ["validation_failed"]


@pytest.mark.parametrize("printed", ["98年10月1日", "61年3月1日", "九八年十月一日"])
def test_a_short_year_of_no_time_near_ours_is_no_date(printed: str) -> None:
    assert find_dates(printed) == []
