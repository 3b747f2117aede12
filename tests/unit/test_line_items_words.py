"""What line items are read by: headers, names of sums, numbers, counts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocess_svc.fields.line_items.counts import find_count
from postprocess_svc.fields.line_items.headers import Column, column_of, column_words
from postprocess_svc.fields.line_items.numbers import find_number, plain, split_quantity
from postprocess_svc.fields.line_items.summaries import is_discount, is_summary
from postprocess_svc.fields.values.folding import fold


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


words = st.text("品名数量単価金額合計小計値引xX×@単コ点 .,-%¥$0123456789abcDEF※", max_size=24)


@given(words)
def test_any_text_has_a_count_or_none(text: str) -> None:
    count = find_count(fold(text))
    assert count is None or (0 <= count.start < count.end <= len(fold(text)) and count.count >= 0)
