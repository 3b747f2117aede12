"""Total, subtotal and tax: what labels, places and arithmetic say of amounts, on pages made by hand."""

from __future__ import annotations

import pytest

from ocr_core.contracts.result import DocumentType, MoneyValue
from postprocess_svc.fields import FieldsOutcome
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.families.amounts import FAMILY
from postprocess_svc.fields.scorer import choose
from postprocess_svc.lines import PageLines
from tests.support.fields_layout import Placed, page, read, receipt
from tests.support.steps import steps


def amounts(outcome: FieldsOutcome) -> tuple[int | str | None, ...]:
    """Total, subtotal and tax, as answered at the default threshold."""
    found: list[int | str | None] = []
    for name in ("total_amount", "subtotal", "tax_amount"):
        answer = outcome.fields[name]
        sure = isinstance(answer, MoneyValue) and answer.confidence >= 0.5
        found.append(answer.value if sure and isinstance(answer, MoneyValue) else None)
    return tuple(found)


HEAD: list[Placed] = [
    (700, 120, "御請求書", 56),
    (120, 260, "株式会社アルファ商事　御中", 40),
    (1000, 300, "株式会社サンプルテック", 36),
    (1000, 395, "東京都渋谷区渋谷1-2-3"),
]


def test_a_strip_of_headers_over_a_strip_of_amounts() -> None:
    strip: list[Placed] = [
        (100, 600, "前回御請求額"),
        (340, 600, "御入金額"),
        (560, 600, "繰越金額"),
        (760, 600, "今回御買上額"),
        (1000, 600, "消費税額等"),
        (1240, 600, "今回御請求額"),
        (150, 650, "220,000"),
        (350, 650, "220,000"),
        (640, 650, "0"),
        (800, 650, "150,000"),
        (1030, 650, "15,000"),
        (1270, 650, "165,000"),
    ]
    assert amounts(read(page(HEAD + strip))) == (165000, 150000, 15000)


def test_headers_that_were_read_as_one_line_still_stand_over_their_own_amounts() -> None:
    glued: list[Placed] = [
        (120, 420, "御請求金額"),
        (420, 420, "¥150,920"),
        (900, 700, "小計(税抜) 消費税10% 税込合計"),
        (900, 745, "137,200円 13,720円 150,920円"),
    ]
    assert amounts(read(page(HEAD + glued))) == (150920, 137200, 13720)


def test_the_tax_on_what_a_rate_applies_to_is_a_tax() -> None:
    till = receipt(
        [
            "珈琲店あおい",
            "2026年10月31日 12:04",
            ("ブレンド", "¥480"),
            ("ケーキセット", "¥1,170"),
            ("お買上計", "¥1,650"),
            ("お支払合計", "¥1,650"),
            ("消費税額(10%対象)", "¥150"),
            ("お預り", "¥2,000"),
            ("お釣り", "¥350"),
        ]
    )
    assert amounts(read(till)) == (1650, 1650, 150)


def test_what_is_taxed_is_no_tax() -> None:
    till = receipt(
        [
            "給油所みなと",
            "2026年10月31日 12:04",
            ("ハイオク 26.25L", "¥4,646"),
            ("合計", "¥4,646"),
            ("消費税10%対象", "¥4,646"),
            ("内消費税等", "¥422"),
            ("現金", "¥5,000"),
            ("お釣り", "¥354"),
        ]
    )
    total, _, tax = amounts(read(till))
    assert (total, tax) == (4646, 422)


def test_a_charge_that_the_total_repeats_is_no_subtotal() -> None:
    slip = receipt(
        [
            "領収書",
            "出庫 2026/03/26 13:16",
            ("駐車料金", "¥1,770"),
            ("ご利用金額", "¥1,770"),
            ("消費税額(10%対象)", "¥161"),
            ("お預かり", "¥2,000"),
            ("お釣り", "¥230"),
        ]
    )
    assert amounts(read(slip)) == (1770, None, 161)


def test_the_amount_of_a_receipt_in_words() -> None:
    form: list[Placed] = [
        (700, 120, "領収書", 56),
        (120, 240, "青木千尋 様", 36),
        (400, 340, "金壱萬弐千九円也", 52),
        (400, 440, "但し印刷代として"),
        (400, 490, "上記金額正に領収いたしました"),
        (120, 600, "小計"),
        (420, 600, "¥11,120"),
        (120, 650, "消費税額(8%対象)"),
        (420, 650, "¥889"),
    ]
    assert amounts(read(page(form))) == (12009, 11120, 889)


def test_what_is_withheld_is_not_paid_out() -> None:
    rows: list[Placed] = [
        (120, 420, "ご請求金額"),
        (420, 420, "¥98,979"),
        (1000, 800, "小計"),
        (1300, 800, "¥100,000"),
        (1000, 850, "消費税(10%)"),
        (1300, 850, "¥10,000"),
        (1000, 900, "合計(税込)"),
        (1300, 900, "¥110,000"),
        (1000, 950, "源泉徴収税額"),
        (1300, 950, "▲¥11,021"),
        (1000, 1000, "差引御請求額"),
        (1300, 1000, "¥98,979"),
    ]
    assert amounts(read(page(HEAD + rows))) == (98979, 100000, 10000)


def test_bases_and_taxes_by_rate_without_their_sums() -> None:
    rows: list[Placed] = [
        (120, 420, "ご請求金額"),
        (420, 420, "¥21,600"),
        (1000, 800, "10%対象(税抜)"),
        (1300, 800, "¥9,818"),
        (1000, 850, "10%消費税"),
        (1300, 850, "¥981"),
        (1000, 900, "8%対象(税抜)"),
        (1300, 900, "¥10,001"),
        (1000, 950, "8%消費税"),
        (1300, 950, "¥800"),
        (1000, 1000, "合計"),
        (1300, 1000, "¥21,600"),
    ]
    total, subtotal, tax = amounts(read(page(HEAD + rows)))
    assert (total, tax) == (21600, 1781)
    assert subtotal not in {9818, 10001}


def test_amounts_that_a_note_mentions_are_none_of_the_documents() -> None:
    note: list[Placed] = [
        (700, 120, "納品書", 56),
        (120, 260, "株式会社アルファ商事　御中", 40),
        (120, 500, "品名"),
        (800, 500, "数量"),
        (120, 560, "会議用チェア"),
        (820, 560, "12"),
        (120, 610, "ラベルシール"),
        (820, 610, "30"),
        (120, 800, "次回のお届けは10月5日です。"),
    ]
    assert amounts(read(page(note))) == (None, None, None)


def test_cash_change_and_account_numbers_are_no_totals() -> None:
    till = receipt(
        [
            "THE ORION ARMS",
            ("Net sale", "30.39"),
            ("TOTAL", "GBP 36.47"),
            ("Tax", "6.08"),
            ("Cash", "40.00"),
            ("Chiange", "3.53"),
        ]
    )
    assert amounts(read(till))[0] == "36.47"
    bank: list[Placed] = [
        (120, 420, "合計"),
        (420, 420, "12,000円"),
        (120, 600, "福岡銀行 大宮出張所"),
        (120, 650, "普通預金 7178392"),
    ]
    assert amounts(read(page(HEAD + bank)))[0] == 12000


def test_the_head_of_a_column_of_items_is_no_total() -> None:
    table: list[Placed] = [
        (100, 500, "品名"),
        (700, 500, "数量"),
        (900, 500, "単価"),
        (1300, 500, "請求額"),
        (100, 550, "会場費"),
        (720, 550, "1"),
        (900, 550, "595,000"),
        (1300, 550, "595,000"),
        (100, 600, "教材費"),
        (720, 600, "1"),
        (900, 600, "5,000"),
        (1300, 600, "5,000"),
        (1000, 800, "合計"),
        (1300, 800, "600,000"),
    ]
    assert amounts(read(page(HEAD + table)))[0] == 600000


def test_a_yen_sign_that_was_read_as_a_letter() -> None:
    till = receipt(
        ["珈琲店あおい", ("ブレンド", "Y480"), ("軽食", "Y2,824"), ("合計", "V3,304"), ("(内消費税", "Y300)")]
    )
    assert amounts(read(till))[0] == 3304


def test_an_american_address_names_the_currency_that_nothing_else_names() -> None:
    invoice: list[Placed] = [
        (100, 100, "INVOICE", 48),
        (100, 200, "Highfield Services Ltd"),
        (100, 245, "135 Park Drive"),
        (100, 290, "Tampa, FL 33602"),
        (100, 400, "Invoice number 381473"),
        (100, 700, "Net value"),
        (500, 700, "24.00"),
        (100, 750, "Tax amount"),
        (500, 750, "1.44"),
        (100, 800, "Amount payable"),
        (500, 800, "25.44"),
    ]
    answer = read(page(invoice), document_type=DocumentType.INVOICE).fields["total_amount"]
    assert isinstance(answer, MoneyValue)
    assert (answer.value, answer.currency) == ("25.44", "USD")


def test_a_european_table_of_rates() -> None:
    invoice: list[Placed] = [
        (100, 100, "Rechnung Nr. 4711", 48),
        (100, 200, "Muster GmbH"),
        (100, 245, "Hauptstraße 1, 10115 Berlin"),
        (100, 500, "Beschreibung"),
        (900, 500, "Menge"),
        (1100, 500, "Einzelpreis"),
        (1400, 500, "Betrag"),
        (100, 550, "Beratung"),
        (920, 550, "10"),
        (1100, 550, "100,00 €"),
        (1400, 550, "1.000,00 €"),
        (900, 700, "Nettobetrag"),
        (1400, 700, "1.000,00 €"),
        (900, 750, "zzgl. 19 % MwSt."),
        (1400, 750, "190,00 €"),
        (900, 800, "Gesamtbetrag"),
        (1400, 800, "1.190,00 €"),
    ]
    assert amounts(read(page(invoice))) == ("1190.00", "1000.00", "190.00")


def sums(*rows: tuple[str, str], top: float = 800) -> list[Placed]:
    """Labels and their amounts at the right, a row each."""
    return [
        placed
        for at, (label, amount) in enumerate(rows)
        for placed in ((1000.0, top + 50 * at, label), (1300.0, top + 50 * at, amount))
    ]


MADE_UP = (("小計", "¥100,000"), ("消費税(10%)", "¥10,000"), ("合計", "¥110,000"))


@pytest.mark.parametrize("misread", ["¥170,000-", "¥10,000-", "¥1,110,000-"])
def test_a_total_that_subtotal_tax_and_another_total_contradict_was_misread(misread: str) -> None:
    head: list[Placed] = [*HEAD, (120, 420, "ご請求金額", 44), (420, 420, misread, 44)]
    assert amounts(read(page(head + sums(*MADE_UP)))) == (110000, 100000, 10000)


@pytest.mark.parametrize(
    ("asked", "also"),
    [
        ("¥170,000", [("送料", "¥60,000")]),
        ("¥105,000", [("値引き", "-¥5,000")]),
        ("¥170,000", [("前回ご請求額", "¥60,000")]),
        ("¥98,979", [("源泉徴収税額", "¥11,021")]),
        ("¥55,000", []),  # an instalment
    ],
)
def test_a_total_whose_difference_is_printed_or_that_is_a_part_is_not_contradicted(
    asked: str, also: list[tuple[str, str]]
) -> None:
    head: list[Placed] = [*HEAD, (120, 420, "ご請求金額", 44), (420, 420, asked, 44)]
    context = build_context([page(head + sums(*MADE_UP, *also))], document_type=DocumentType.INVOICE)
    proposed = FAMILY.propose("total_amount", context, {})
    assert int(asked.strip("¥").replace(",", "")) in [each.value for each in proposed]
    assert [each.value for each in proposed if each.features["contradicted"]] == []


WESTERN: list[Placed] = [
    (100, 100, "INVOICE", 48),
    (100, 200, "Highfield Services Ltd"),
    (100, 245, "135 Park Drive"),
    (100, 290, "Tampa, FL 33602"),
    (100, 400, "Invoice number 381473"),
]


@pytest.mark.parametrize(
    ("payment", "due"),
    [
        ("Amount paid", "Balance due"),
        ("Payment received", "Amount due"),
        ("Deposit", "Balance Due"),
        ("Paid", "Amount outstanding"),
        ("Less deposit", "Total due"),
    ],
)
@pytest.mark.parametrize(("paid", "left"), [("$600.00", "500.00"), ("$300.00", "800.00"), ("$100.00", "1000.00")])
def test_what_a_payment_leaves_is_the_amount_to_pay(payment: str, due: str, paid: str, left: str) -> None:
    rows = (("Subtotal", "$1,000.00"), ("Tax 10%", "$100.00"), ("Total", "$1,100.00"), (payment, paid))
    invoice = WESTERN + sums(*rows, (due, f"${float(left):,.2f}"))
    assert amounts(read(page(invoice), document_type=DocumentType.INVOICE)) == (left, "1000.00", "100.00")


def test_what_was_paid_in_full_is_still_the_total() -> None:
    rows = (("Subtotal", "$1,000.00"), ("Tax 10%", "$100.00"), ("Total", "$1,100.00"))
    invoice = WESTERN + sums(*rows, ("Amount paid", "$1,100.00"), ("Balance due", "$0.00"))
    assert amounts(read(page(invoice), document_type=DocumentType.INVOICE))[0] == "1100.00"


@pytest.mark.parametrize(
    ("payment", "due"), [("内金", "残金"), ("ご入金額", "差引請求額"), ("既入金額", "お支払残額"), ("前受金", "残金額")]
)
def test_what_is_left_after_an_advance(payment: str, due: str) -> None:
    invoice = HEAD + sums(*MADE_UP, (payment, "¥60,000"), (due, "¥50,000"))
    assert amounts(read(page(invoice))) == (50000, 100000, 10000)


def list_of(labels: tuple[str, ...], count: int) -> PageLines:
    """A page of so many sums, no two alike, labelled in turn."""
    rows = ((labels[at % len(labels)], f"¥{1000 + 7 * at:,}") for at in range(count))
    return page(sums(*rows), height=50 * count + 1000)


@pytest.mark.parametrize(
    "labels",
    [
        ("合計",),
        ("ご請求額",),
        ("小計",),
        ("消費税(10%)",),
        ("合計", "端数調整"),
        ("小計", "消費税", "合計", "お預り", "お釣り", "ご入金額", "源泉徴収税額", "値引"),
    ],
)
def test_four_times_as_many_sums_take_about_four_times_the_work(labels: tuple[str, ...]) -> None:
    def work(count: int) -> int:
        context = build_context([list_of(labels, count)], document_type=DocumentType.INVOICE)

        def propose() -> None:
            total = choose("total_amount", FAMILY.propose("total_amount", context, {}))
            chosen = {} if total is None else {"total_amount": total}
            for field in ("subtotal", "tax_amount"):
                FAMILY.propose(field, context, chosen)

        return steps(propose)

    assert work(720) < 5 * work(180)
