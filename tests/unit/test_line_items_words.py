"""What line items are read by: headers, names of sums, numbers, counts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocess_svc.fields.line_items.counts import bare_count, find_count
from postprocess_svc.fields.line_items.headers import Column, column_of, column_words
from postprocess_svc.fields.line_items.item import PrintedItem
from postprocess_svc.fields.line_items.mending import mend
from postprocess_svc.fields.line_items.numbers import find_number, plain, split_quantity
from postprocess_svc.fields.line_items.summaries import is_discount, is_summary
from postprocess_svc.fields.values.folding import fold
from tests.support.fields_layout import line


class TestWords:
    @pytest.mark.parametrize(
        ("header", "column"),
        [
            ("品 名", Column.DESCRIPTION),
            ("摘要", Column.DESCRIPTION),
            ("内容", Column.DESCRIPTION),
            ("数量(個)", Column.QUANTITY),
            ("御単価", Column.UNIT_PRICE),
            ("単価(円)", Column.UNIT_PRICE),
            ("金額(税抜)", Column.AMOUNT),
            ("税率", Column.TAX_RATE),
            ("単位", Column.UNIT),
            ("Beschreibung", Column.DESCRIPTION),
            ("Menge", Column.QUANTITY),
            ("E-Preis", Column.UNIT_PRICE),
            ("Gesamtpreis €", Column.AMOUNT),
            ("MwSt.", Column.TAX_RATE),
            ("Désignation", Column.DESCRIPTION),
            ("Qté", Column.QUANTITY),
            ("P.U. HT", Column.UNIT_PRICE),
            ("Montant HT", Column.AMOUNT),
            ("Omschrijving", Column.DESCRIPTION),
            ("Stukprijs", Column.UNIT_PRICE),
            ("Totaal excl. BTW", Column.AMOUNT),
            ("Item Description", Column.DESCRIPTION),
            ("QTY", Column.QUANTITY),
            ("Unit Price Disc.", Column.UNIT_PRICE),
            ("Total (₹)", Column.AMOUNT),
            ("Tax(%)", Column.TAX_RATE),
            ("点数", Column.QUANTITY),
            ("使用日数", Column.QUANTITY),
            ("1単位価格", Column.UNIT_PRICE),
            ("仕入単価", Column.UNIT_PRICE),
            ("御売上額", Column.AMOUNT),
            ("軽減税率", Column.TAX_RATE),
            ("納入年月日", Column.DATE),
            ("Stückzahl", Column.QUANTITY),
            ("Liefermenge", Column.QUANTITY),
            ("Listenpreis", Column.UNIT_PRICE),
            ("Zeilenbetrag", Column.AMOUNT),
            ("Cost per unit", Column.UNIT_PRICE),
            ("Kundennummer", None),
            ("振込先", None),
            ("", None),
        ],
    )
    def test_headers(self, header: str, column: Column | None) -> None:
        assert column_of(header) is column

    def test_every_column_has_words(self) -> None:
        assert set(column_words().values()) == set(Column)

    @pytest.mark.parametrize(
        "text",
        [
            "小計",
            "御合計",
            "税込総額",
            "消費税額(10%対象)",
            "(内消費税 8%)",
            "商品代金計",
            "10%対象",
            "お預り",
            "お釣り",
            "Subtotal:",
            "Total due",
            "VAT 19%",
            "Tax 15% on $112.90",
            "Zwischensumme",
            "Rechnungsbetrag",
            "Positionssumme",
            "消費税(税率10%)",
            "10%分",
            "次ページへ繰越",
            "前頁より繰越",
            "Carried forward",
            "Übertrag",
        ],
    )
    def test_sums_are_told_by_name(self, text: str) -> None:
        assert is_summary(text)

    @pytest.mark.parametrize(
        "text",
        [
            "会議用テーブル",
            "体温計",
            "置時計",
            "ルーム料金",
            "Taxi fare",
            "Totes Meer Salz",
            "Cash register rolls, 50 pieces",
            "税務相談料",
        ],
    )
    def test_items_are_not(self, text: str) -> None:
        assert not is_summary(text)

    @pytest.mark.parametrize("text", ["値引", "会員割引", "クーポン値引", "Discount 10%", "Rabatt"])
    def test_discounts(self, text: str) -> None:
        assert is_discount(text)
        assert not is_discount("靴下")


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("¥2, 700", "2700"),
            ("1.250,00 €", "1250"),
            ("$1,234.56", "1234.56"),
            ("-￥55,440", "-55440"),
            ("▲1,200", "-1200"),
            ("(12.30)", "-12.30"),
            ("1 234,56", "1234.56"),
            ("12.30-", "-12.30"),
            ("1,4500", "1.4500"),
            ("Rs 1939", "1939"),
        ],
    )
    def test_values(self, text: str, value: str) -> None:
        number = find_number(fold(text))
        assert number is not None
        assert number.value == Decimal(value)

    @pytest.mark.parametrize(
        ("text", "count", "unit"),
        [
            ("10 個", 10, "個"),
            ("3 Std", 3, "Std"),
            ("1.00 kg", 1, "kg"),
            ("12", 12, None),
            ("10 m2", 10, "m2"),
            ("８ Unit(s)", 8, "Unit(s)"),
        ],
    )
    def test_quantities_with_their_units(self, text: str, count: int, unit: str | None) -> None:
        number, found = split_quantity(text)
        assert number is not None
        assert (number.value, found) == (count, unit)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [("2.00", 2), ("1000", 1000), ("0.50", "0.5"), ("-3", -3), ("1E+3", 1000), ("5.5", "5.5")],
    )
    def test_plain_numbers(self, value: str, expected: int | str) -> None:
        assert plain(Decimal(value)) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2コX単150", (2, "コ", 150)),
            ("@1,870×2", (2, None, 1870)),
            ("2 x 1.50", (2, None, "1.50")),
            ("1点 × ¥2,860", (1, "点", 2860)),
            ("30時間×13,500", (30, "時間", 13500)),
            ("(2点)", (2, "点", None)),
            ("3点塩バターパン", (3, "点", None)),
            ("150x3", (3, None, 150)),
            ("2袋×単¥160", (2, "袋", 160)),
            ("1 @ $1.34", (1, None, "1.34")),
            ("3 x EUR 2.50", (3, None, "2.50")),
            ("1点¥740", (1, "点", None)),
            ("2点1,660", (2, "点", None)),
            ("単3電池4本", None),
            ("10% × 100", None),
            ("サンドイッチ", None),
        ],
    )
    def test_counts(self, text: str, expected: tuple[int, str | None, int | str | None] | None) -> None:
        count = find_count(fold(text))
        found = None if count is None else (count.count, count.unit, count.price)
        wanted = expected and (expected[0], expected[1], expected[2] and Decimal(expected[2]))
        assert found == wanted

    def test_a_mark_before_the_amount_multiplies_nothing(self) -> None:
        assert find_count("食パン 6枚 *\t194") is None

    @pytest.mark.parametrize(
        ("text", "name", "expected"),
        [
            ("2 Pancakes", "2 Pancakes", ("Pancakes", 2)),
            ("2x Pancakes", "2x Pancakes", ("Pancakes", 2)),
            ("生ビール\t3\t", "生ビール", ("生ビール", 3)),
            ("生ビール\t", "生ビール", None),
            ("007 Martini", "007 Martini", None),
        ],
    )
    def test_counts_without_a_unit(self, text: str, name: str, expected: tuple[str, int] | None) -> None:
        assert bare_count(text, name) == expected


class TestMending:
    SUMS = (Decimal(1150),)

    @staticmethod
    def items(*rows: tuple[int, int, int], doubted: str = "", doubt: float = 0.6) -> list[PrintedItem]:
        """Items as read; of ``doubted`` (a number as printed) each digit was read with the confidence ``doubt``."""
        return [
            PrintedItem(
                description="品",
                quantity=Decimal(quantity),
                unit_price=Decimal(price),
                amount=Decimal(amount),
                page=1,
                lines=[
                    line(100, 100, text, confidence=doubt if text == doubted else 0.98)
                    for text in ("品", str(quantity), f"{price:,}", f"{amount:,}")
                ],
            )
            for quantity, price, amount in rows
        ]

    def test_a_digit_of_the_price_where_the_amounts_add_up(self) -> None:
        items = self.items((2, 500, 1000), (3, 80, 150), doubted="80")
        mend(items, self.SUMS)
        assert items[1].unit_price == 50

    def test_a_digit_of_the_quantity_where_the_amounts_add_up(self) -> None:
        items = self.items((2, 500, 1000), (8, 50, 150), doubted="8")
        mend(items, self.SUMS)
        assert items[1].quantity == 3

    def test_a_digit_of_the_amount_where_the_product_makes_the_sum(self) -> None:
        items = self.items((2, 500, 1000), (3, 50, 180), doubted="180")
        mend(items, self.SUMS)
        assert items[1].amount == 150

    @pytest.mark.parametrize(
        ("row", "total"), [((5, 1000, 4000), 5000), ((3, 100, 200), 1200), ((2, 550, 1000), 2000), ((8, 50, 150), 1150)]
    )
    def test_a_digit_that_was_read_surely_stays_whatever_the_row_makes(
        self, row: tuple[int, int, int], total: int
    ) -> None:
        items = self.items((2, 500, 1000), row)
        mend(items, (Decimal(total),))
        assert (items[1].quantity, items[1].unit_price, items[1].amount) == row

    def test_a_doubtful_digit_that_looks_unlike_stays(self) -> None:
        items = self.items((2, 500, 1000), (5, 1000, 4000), doubted="5")
        mend(items, (Decimal(5000),))
        assert items[1].quantity == 5

    def test_a_digit_that_nobody_recognised_has_no_doubt(self) -> None:
        items = self.items((2, 500, 1000), (8, 50, 150))
        items[1].lines = [replace(each, positions=(), character_confidences=()) for each in items[1].lines]
        mend(items, self.SUMS)
        assert items[1].quantity == 8

    def test_nothing_where_no_sum_speaks_for_it(self) -> None:
        items = self.items((2, 500, 1000), (3, 50, 180), doubted="180")
        mend(items, (Decimal(2000),))
        assert items[1].amount == 180

    def test_nothing_where_more_than_a_digit_differs(self) -> None:
        items = self.items((2, 500, 1000), (1, 20, 150), doubted="20")
        mend(items, self.SUMS)
        assert (items[1].quantity, items[1].unit_price) == (1, 20)


def test_a_price_that_is_the_amount_lost_its_lone_one() -> None:
    item = PrintedItem(description="品", unit_price=Decimal(500), amount=Decimal(500), page=1, lines=[])
    item.supply_quantity()
    assert item.quantity == 1


def test_a_quantity_that_nobody_printed_is_none() -> None:
    item = PrintedItem(description="品", unit_price=Decimal(1000), amount=Decimal(4000), page=1, lines=[])
    item.supply_quantity()
    assert item.quantity is None


words = st.text("品名数量単価金額合計小計値引xX×@単コ点 .,-%¥$0123456789abcDEF※", max_size=24)


@given(words)
def test_any_text_has_a_count_or_none(text: str) -> None:
    count = find_count(fold(text))
    assert count is None or (0 <= count.start < count.end <= len(fold(text)) and count.count >= 0)
