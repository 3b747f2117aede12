"""Line items: of tables with and without headers, of receipts' rows, and what is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_core.contracts.result import DocumentType, LineItem
from postprocess_svc.fields import extract
from postprocess_svc.lines import PageLines
from postprocess_svc.schemas import answer_schema, shipped_schemas
from tests.support.fields_layout import line, receipt, width_px
from tests.support.table_layout import grid, page_of

Values = tuple[str | None, int | str | None, str | None, int | str | None, int | str | None, int | str | None]


def items_of(*pages: PageLines, document_type: DocumentType | None = None) -> tuple[LineItem, ...]:
    outcome = extract(pages, document_type=document_type, wanted=("line_items", "total_amount", "subtotal"))
    assert outcome.warnings == ()
    listed = outcome.fields["line_items"]
    if listed is None:
        return ()
    assert isinstance(listed, tuple)
    assert all(isinstance(item, LineItem) for item in listed)
    return tuple(item for item in listed if isinstance(item, LineItem) and item.confidence >= 0.5)


def values_of(items: Sequence[LineItem]) -> list[Values]:
    return [
        (item.description, item.quantity, item.unit, item.unit_price, item.amount, item.tax_rate_percent)
        for item in items
    ]


def invoice(
    rows: Sequence[Sequence[str]],
    sums: Sequence[tuple[str, str]] = (),
    *,
    title: str = "請求書",
    number: int = 1,
    ruled: bool = True,
    notes: Sequence[str] = (),
) -> PageLines:
    """A title, a table of items, its sums below at the right."""
    inner = [1200.0] if len(rows[0]) == 2 else [700.0, 900.0, 1020.0, 1240.0][: len(rows[0]) - 1]
    lines, rulings = grid(rows, xs=[150.0, *inner, 1520.0], top=500)
    bottom = max(each.quad[2][1] for each in lines) + 60
    placed = [line(150, 120, title, 60), *lines]
    for at, (label, amount) in enumerate(sums):
        placed.append(line(950, bottom + 50 * at, label, 28))
        placed.append(line(1510 - width_px(amount, 28), bottom + 50 * at, amount, 28))
    placed += [line(150, 1900 + 45 * at, note, 28) for at, note in enumerate(notes)]
    return page_of(placed, rulings if ruled else [], number=number)


JAPANESE = [
    ["品名", "数量", "単位", "単価", "金額"],
    ["会議用テーブル", "4", "台", "28,500", "114,000"],
    ["スタッキングチェア", "12", "脚", "9,800", "117,600"],
    ["配線カバー 2m", "20", "本", "480", "9,600"],
]
JAPANESE_SUMS = [("小計", "¥241,200"), ("消費税(10%)", "¥24,120"), ("合計", "¥265,320")]
JAPANESE_VALUES: list[Values] = [
    ("会議用テーブル", 4, "台", 28500, 114000, None),
    ("スタッキングチェア", 12, "脚", 9800, 117600, None),
    ("配線カバー 2m", 20, "本", 480, 9600, None),
]


@pytest.mark.parametrize("ruled", [True, False])
def test_a_japanese_invoice(ruled: bool) -> None:
    items = items_of(invoice(JAPANESE, JAPANESE_SUMS, ruled=ruled))
    assert values_of(items) == JAPANESE_VALUES
    assert min(item.confidence for item in items) > 0.9


def test_an_item_carries_its_evidence() -> None:
    first = items_of(invoice(JAPANESE, JAPANESE_SUMS, number=3))[0]
    assert first.page == 3
    assert first.text == "会議用テーブル 4 台 28,500 114,000"
    (left, top), _, (right, bottom), _ = first.quad
    assert 150 < left < right < 1520
    assert 544 < top < bottom < 590


@pytest.mark.parametrize(
    ("rows", "sums", "expected"),
    [
        (
            [
                ["Description", "Qty", "Unit price", "Amount"],
                ["Digital thermometer", "10", "84.50", "845.00"],
                ["Delivery", "1", "30.00", "30.00"],
            ],
            [("Subtotal", "$875.00"), ("Tax", "$87.50"), ("Total due", "$962.50")],
            [
                ("Digital thermometer", 10, None, "84.50", "845.00", None),
                ("Delivery", 1, None, "30.00", "30.00", None),
            ],
        ),
        (
            [
                ["Bezeichnung", "Menge", "Einzelpreis", "MwSt", "Gesamtpreis"],
                ["Zitronensäure 25 kg", "1,5 Std", "1.250,00 €", "19 %", "1.875,00 €"],
                ["Gelierzucker", "2 Stk", "1,45 €", "7 %", "2,90 €"],
            ],
            [("Nettobetrag", "1.877,90 €"), ("Umsatzsteuer", "356,45 €"), ("Rechnungsbetrag", "2.234,35 €")],
            [
                ("Zitronensäure 25 kg", "1.5", "Std", "1250.00", "1875.00", 19),
                ("Gelierzucker", 2, "Stk", "1.45", "2.90", 7),
            ],
        ),
        (
            [
                ["Désignation", "Qté", "P.U. HT", "TVA", "Montant HT"],
                ["Huile d'olive", "3", "19,80", "5,5%", "59,40"],
            ],
            [("Total HT", "59,40 €"), ("TVA", "3,27 €"), ("Net à payer", "62,67 €")],
            [("Huile d'olive", 3, None, "19.80", "59.40", "5.5")],
        ),
        (
            [["Omschrijving", "Aantal", "Prijs", "BTW", "Bedrag"], ["Oplader", "2", "14,99", "21%", "29,98"]],
            [("Subtotaal", "€ 29,98"), ("BTW 21%", "€ 6,30"), ("Te betalen", "€ 36,28")],
            [("Oplader", 2, None, "14.99", "29.98", 21)],
        ),
    ],
)
def test_other_languages(rows: list[list[str]], sums: list[tuple[str, str]], expected: list[Values]) -> None:
    assert values_of(items_of(invoice(rows, sums, title="Invoice / Rechnung"))) == expected


def test_a_table_without_a_header_is_read_by_what_multiplies() -> None:
    rows = [["Marking of the site", "5", "200.00", "1,000.00"], ["Earth excavation", "4", "150.00", "600.00"]]
    items = items_of(invoice(rows, [("Total", "$1,600.00")], title="Invoice"))
    assert values_of(items) == [
        ("Marking of the site", 5, None, "200.00", "1000.00", None),
        ("Earth excavation", 4, None, "150.00", "600.00", None),
    ]


def test_words_and_amounts_alone_are_items_if_they_add_up() -> None:
    rows = [["システム保守料", "¥30,000"], ["サーバー利用料", "¥12,500"]]
    assert [item.amount for item in items_of(invoice(rows, [("合計", "¥42,500")]))] == [30000, 12500]
    assert items_of(invoice(rows, [("合計", "¥99,999")])) == ()


def test_a_table_that_goes_on_needs_no_second_header() -> None:
    second = [["運送費", "1", "式", "5,000", "5,000"], ["設置作業", "2", "人", "15,000", "30,000"]]
    sums = [("小計", "¥276,200"), ("消費税(10%)", "¥27,620"), ("合計", "¥303,820")]
    items = items_of(invoice(JAPANESE), invoice(second, sums, title="明細", number=2))
    assert values_of(items)[3:] == [("運送費", 1, "式", 5000, 5000, None), ("設置作業", 2, "人", 15000, 30000, None)]
    assert [item.page for item in items] == [1, 1, 1, 2, 2]


def test_what_is_carried_from_page_to_page_is_no_item() -> None:
    header, *rows = JAPANESE
    first = invoice([header, *rows[:2], ["次ページへ繰越", "", "", "", "231,600"]])
    second = invoice([header, ["前ページより繰越", "", "", "", "231,600"], *rows[2:]], JAPANESE_SUMS, number=2)
    assert values_of(items_of(first, second)) == JAPANESE_VALUES


def test_headers_that_are_not_known_are_told_by_what_multiplies() -> None:
    rows = [["品名", "甲", "単位", "乙", "金額"], *JAPANESE[1:]]
    assert values_of(items_of(invoice(rows, JAPANESE_SUMS))) == JAPANESE_VALUES


def test_a_column_of_words_is_the_description_whatever_its_header_promises() -> None:
    rows = [["Position", "Stückzahl", "Preis", "Wert"], ["Pflanzarbeiten", "7", "71,90 €", "503,30 €"]]
    rows += [["Steckdose weiß", "8", "13,84 €", "110,72 €"]]
    items = items_of(invoice(rows, [("Nettobetrag", "614,02 €"), ("Rechnungsbetrag", "730,68 €")], title="Rechnung"))
    assert [(item.description, item.quantity, item.unit_price) for item in items] == [
        ("Pflanzarbeiten", 7, "71.90"),
        ("Steckdose weiß", 8, "13.84"),
    ]


def test_a_quantity_that_was_not_detected_is_what_price_and_amount_leave() -> None:
    rows = [*JAPANESE[:3], ["配送料", "", "", "9,600", "9,600"]]
    assert values_of(items_of(invoice(rows, JAPANESE_SUMS)))[-1] == ("配送料", 1, None, 9600, 9600, None)


def test_what_a_mark_means_is_no_part_of_the_last_item() -> None:
    page = invoice(JAPANESE, JAPANESE_SUMS, ruled=False)
    (bottom,) = [each.quad[2][1] for each in page.lines if each.text == "配線カバー 2m"]
    lines = [*page.lines, line(160, bottom + 4, "※は軽減税率(8%)対象品目です", 26)]
    assert [item.description for item in items_of(page_of(lines))][-1] == "配線カバー 2m"


def test_a_discount_below_the_table_does_not_part_items_from_their_sum() -> None:
    sums = [("値引", "-¥41,200"), ("小計", "¥200,000"), ("消費税(10%)", "¥20,000"), ("合計", "¥220,000")]
    items = items_of(invoice(JAPANESE, sums))
    assert values_of(items) == JAPANESE_VALUES
    assert min(item.confidence for item in items) > 0.9


def test_sums_within_the_table_are_no_items() -> None:
    rows = [
        *JAPANESE,
        ["小計", "", "", "", "241,200"],
        ["消費税 10%", "", "", "", "24,120"],
        ["合計", "", "", "", "265,320"],
    ]
    assert values_of(items_of(invoice(rows))) == JAPANESE_VALUES


def test_several_lines_of_a_description_belong_to_their_item() -> None:
    rows = [JAPANESE[0], ["会議用テーブル\n天板ホワイト", "4", "台", "28,500", "114,000"], *JAPANESE[2:]]
    assert items_of(invoice(rows, JAPANESE_SUMS))[0].description == "会議用テーブル天板ホワイト"


def test_a_price_may_have_a_part_of_a_yen_and_an_amount_may_not() -> None:
    rows = [["品名", "数量", "単価", "金額"], ["コピー用紙 A4", "1,000", "12.5", "12,500"], ["送料", "1", "500", "500"]]
    items = items_of(invoice(rows, [("合計", "¥13,000")]))
    assert values_of(items)[0] == ("コピー用紙 A4", 1000, None, "12.5", 12500, None)


@pytest.mark.parametrize(
    ("quantity", "price", "amount", "expected"),
    [("1.000", "12,00", "12,00", 1), ("1.000", "0,05", "50,00", 1000), ("2,500", "4,00", "10,00", "2.5")],
)
def test_arithmetic_says_what_a_point_before_three_digits_means(
    quantity: str, price: str, amount: str, expected: int | str
) -> None:
    rows = [["Bezeichnung", "Menge", "Einzelpreis", "Gesamtpreis"], ["Schrauben", quantity, price, amount]]
    assert items_of(invoice(rows, [("Rechnungsbetrag", f"{amount} €")], title="Rechnung"))[0].quantity == expected


class TestReducedRate:
    ROWS = (
        ["商品名", "数量", "単価", "金額"],
        ["りんご(10kg箱)※", "20", "4,200", "84,000"],
        ["にんにく※", "8", "6,500", "52,000"],
        ["運送料", "1", "10,400", "10,400"],
    )
    SUMS = (("小計", "¥146,400"), ("(8%対象", "136,000)"), ("(10%対象", "10,400)"), ("合計", "¥158,320"))
    LEGEND = ("※は軽減税率対象",)

    def test_a_mark_is_a_rate_and_no_part_of_the_name(self) -> None:
        items = items_of(invoice(self.ROWS, self.SUMS, notes=self.LEGEND))
        assert [(item.description, item.tax_rate_percent) for item in items] == [
            ("りんご(10kg箱)", 8),
            ("にんにく", 8),
            ("運送料", 10),
        ]

    def test_a_mark_that_was_not_read_is_known_by_the_sum(self) -> None:
        rows = [[cell.replace("りんご(10kg箱)※", "りんご(10kg箱)") for cell in row] for row in self.ROWS]
        items = items_of(invoice(rows, self.SUMS, notes=self.LEGEND))
        assert [item.tax_rate_percent for item in items] == [8, 8, 10]

    def test_where_the_sums_do_not_tell_the_rate_stays_open(self) -> None:
        rows = [[cell.replace("※", "") for cell in row] for row in self.ROWS]
        items = items_of(invoice(rows, self.SUMS, notes=self.LEGEND))
        assert [item.tax_rate_percent for item in items] == [None, None, None]

    def test_a_star_elsewhere_means_nothing(self) -> None:
        rows = [["Description", "Qty", "Price", "Amount"], ["Widget*", "1", "10.00", "10.00"]]
        (item,) = items_of(invoice(rows, [("Total", "$10.00")], title="Invoice"))
        assert (item.description, item.tax_rate_percent) == ("Widget*", None)


class TestReceipts:
    def test_names_at_the_left_and_amounts_at_the_right(self) -> None:
        page = receipt(
            [
                "スーパーみほん",
                "電話 03-1234-5678",
                "2026年10月5日",
                "領収証",
                ("おにぎり鮭 軽", "¥150"),
                ("緑茶500ml 軽", "¥138"),
                ("レジ袋", "¥5"),
                ("小計", "¥293"),
                ("(8%対象", "¥288)"),
                ("(10%対象", "¥5)"),
                ("合計", "¥293"),
                ("現金", "¥300"),
                ("お釣り", "¥7"),
                "軽は軽減税率対象です",
            ]
        )
        assert values_of(items_of(page)) == [
            ("おにぎり鮭", None, None, None, 150, 8),
            ("緑茶500ml", None, None, None, 138, 8),
            ("レジ袋", None, None, None, 5, 10),
        ]

    @pytest.mark.parametrize(
        "rows",
        [
            [("焼きそばパン", "¥300"), "  2コX単150"],
            ["焼きそばパン", ("2コX単150", "¥300")],
            ["焼きそばパン", ("@150 x 2", "300")],
            [("焼きそばパン @150×2個", "¥300")],
            [("焼きそばパン (2点 × ¥150)", "¥300")],
        ],
    )
    def test_quantity_and_price_stand_where_they_like(self, rows: list[str | tuple[str, str]]) -> None:
        page = receipt(
            [
                "ベーカリーみほん",
                "2026年10月5日",
                "領収証",
                ("クリームパン", "¥180"),
                *rows,
                ("牛乳", "¥120"),
                ("合計", "¥600"),
            ]
        )
        found = [(item.description, item.quantity, item.unit_price, item.amount) for item in items_of(page)]
        assert found == [("クリームパン", None, None, 180), ("焼きそばパン", 2, 150, 300), ("牛乳", None, None, 120)]

    def test_names_below_their_amounts(self) -> None:
        page = receipt(
            [
                "MR HARDWARE",
                "TAX INVOICE",
                ("9555075106825 1X 8.50", "8.50"),
                "EPOXY PUTTY",
                ("9067170 2X 2.70", "5.40"),
                "CORD TIE",
                ("Total", "RM 13.90"),
            ],
        )
        found = [(item.description, item.quantity, item.unit_price, item.amount) for item in items_of(page)]
        assert found == [("EPOXY PUTTY", 1, "8.50", "8.50"), ("CORD TIE", 2, "2.70", "5.40")]

    def test_a_number_in_the_head_is_no_item_where_the_others_add_up(self) -> None:
        page = receipt(
            ["みほん商店", "領収証", ("取引番号", "4321"), ("靴下", "¥500"), ("帽子", "¥700"), ("合計", "¥1,200")]
        )
        assert [item.description for item in items_of(page)] == ["靴下", "帽子"]

    def test_counts_before_every_name(self) -> None:
        page = receipt(
            ["SAMPLE CAFE", "Receipt", ("2 Pancakes", "17.24"), ("1 Still water", "2.88"), ("Total", "20.12")]
        )
        assert [(item.description, item.quantity, item.amount) for item in items_of(page)] == [
            ("Pancakes", 2, "17.24"),
            ("Still water", 1, "2.88"),
        ]

    def test_a_number_before_one_name_is_a_part_of_it(self) -> None:
        page = receipt(
            ["SAMPLE SHOP", "Receipt", ("7 Seas tea", "1.20"), ("Bread", "2.80"), ("Milk", "1.00"), ("Total", "5.00")]
        )
        first, *_ = items_of(page)
        assert (first.description, first.quantity) == ("7 Seas tea", None)

    def test_a_discount_of_all_at_their_end_is_none_of_them(self) -> None:
        page = receipt(
            ["みほん商店", "領収証", ("シャツ", "¥3,000"), ("靴下", "¥500"), ("値引", "-¥350"), ("合計", "¥3,150")]
        )
        assert [(item.description, item.amount) for item in items_of(page)] == [("シャツ", 3000), ("靴下", 500)]

    def test_discounts_go_off(self) -> None:
        page = receipt(
            ["みほん商店", "領収証", ("シャツ", "¥3,000"), ("会員割引", "¥300"), ("靴下", "¥500"), ("合計", "¥3,200")]
        )
        assert [(item.description, item.amount) for item in items_of(page)] == [
            ("シャツ", 3000),
            ("会員割引", -300),
            ("靴下", 500),
        ]

    def test_what_is_only_called_a_discount_does_not(self) -> None:
        page = receipt(["みほん商店", "領収証", ("お買得割引セット", "¥300"), ("靴下", "¥500"), ("合計", "¥800")])
        assert [item.amount for item in items_of(page)] == [300, 500]

    def test_what_a_receipt_is_given_for_is_no_item(self) -> None:
        page = receipt(
            [
                "領収書",
                "みほん物産株式会社 様",
                ("金額", "¥33,000-"),
                "但し 研修会場利用料として",
                "上記正に領収いたしました",
            ]
        )
        assert items_of(page) == ()


class TestNone:
    def test_a_letter(self) -> None:
        text = "Thank you for your order of last week, which we have sent by post."
        assert items_of(page_of([line(150, 300 + 45 * at, text) for at in range(15)])) == ()

    def test_a_table_of_taxes(self) -> None:
        rows = [["Tax rate", "Net", "Tax"], ["19 %", "100.00", "19.00"], ["7 %", "50.00", "3.50"]]
        assert items_of(invoice(rows, [("Total", "172.50")], title="Invoice")) == ()

    def test_numbers_of_another_kind_of_document(self) -> None:
        rows = [["Fixed assets", "1,000.00"], ["Inventories", "600.00"], ["Cash", "50.00"]]
        assert (
            items_of(invoice(rows, [("Total", "1,650.00")], title="Balance sheet"), document_type=DocumentType.OTHER)
            == ()
        )

    def test_the_answer_is_null(self) -> None:
        assert extract([page_of([line(150, 300, "請求書")])]).fields["line_items"] is None


def test_each_item_is_as_sure_as_the_caller_wants() -> None:
    sure, unsure = items_of(invoice(JAPANESE, JAPANESE_SUMS))[:2]
    found = {"line_items": (sure, replace(unsure, confidence=0.6))}
    schema = shipped_schemas().named("invoice", DocumentType.INVOICE)
    answers = {
        least: answer_schema(schema, found, min_confidence=least, today=dt.date(2026, 1, 1)).fields["line_items"]
        for least in (0.5, 0.7, 1.0)
    }
    assert [None if answer is None else len(answer) for answer in answers.values()] == [2, 1, None]  # type: ignore[arg-type]


words = st.text("品名数量単価金額合計小計値引xX×@単コ点 .,-%¥$0123456789abcDEF※", max_size=24)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(words, min_size=5, max_size=5), min_size=1, max_size=6),
    ruled=st.booleans(),
    document_type=st.sampled_from(DocumentType),
)
def test_whatever_a_table_holds_items_are_numbers_or_null(
    rows: list[list[str]], ruled: bool, document_type: DocumentType
) -> None:
    for item in items_of(invoice([JAPANESE[0], *rows], JAPANESE_SUMS, ruled=ruled), document_type=document_type):
        for value in (item.quantity, item.unit_price, item.amount, item.tax_rate_percent):
            assert value is None or isinstance(value, int) or Decimal(value).is_finite()
        assert item.description
