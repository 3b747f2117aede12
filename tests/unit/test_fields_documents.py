"""Receipts, and invoices in other languages than Japanese."""

from __future__ import annotations

from ocr_core.contracts.result import FieldValue, MoneyValue
from postprocess_svc.fields import FieldsOutcome
from tests.support.fields_layout import page, read, receipt


def value(outcome: FieldsOutcome, name: str, *, at_least: float = 0.5) -> str | int | None:
    answer = outcome.fields[name]
    if answer is None:
        return None
    assert isinstance(answer, FieldValue | MoneyValue)
    return answer.value if answer.confidence >= at_least else None


def test_a_till_receipt() -> None:
    outcome = read(
        receipt(
            [
                ("スーパーあおば", "", 52),
                ("中央店", "", 30),
                "東京都中野区中央1-2-3",
                "電話03-3333-4444",
                "登録番号T1010401089234",
                "2026年10月31日(土) 18:05",
                "レジ03 責:0012",
                ("牛乳※", "¥198"),
                ("食パン※", "¥158"),
                ("洗剤", "¥398"),
                ("小計", "¥754"),
                ("(8%対象", "¥356)"),
                ("(内消費税等", "¥26)"),
                ("(10%対象", "¥398)"),
                ("(内消費税等", "¥36)"),
                ("合計", "¥754", 44),
                ("お預り", "¥1,000"),
                ("お釣り", "¥246"),
                ("合計点数", "3点"),
                "レシートNo.1234",
            ]
        )
    )
    assert value(outcome, "issuer_name") == "スーパーあおば"
    assert value(outcome, "recipient_name") is None
    assert value(outcome, "document_date") == "2026-10-31"
    assert value(outcome, "total_amount") == 754
    assert value(outcome, "subtotal") == 754
    assert value(outcome, "tax_amount") == 62
    assert value(outcome, "document_number") == "1234"
    assert value(outcome, "registration_number") == "T1010401089234"
    assert value(outcome, "phone") == "03-3333-4444"
    assert outcome.fields["bank_accounts"] is None


def test_points_and_cash_are_no_total() -> None:
    outcome = read(
        receipt(
            [
                ("ドラッグひかり", "", 48),
                "26/10/31 09:12",
                ("合計", "¥1,980"),
                ("お預り", "¥10,000", 44),
                ("お釣り", "¥8,020", 44),
                ("累計ポイント", "123,456"),
                ("ポイント対象額", "¥1,800"),
            ]
        )
    )
    assert value(outcome, "total_amount") == 1980
    assert value(outcome, "document_date") == "2026-10-31"


def test_a_handwritten_style_receipt_form() -> None:
    outcome = read(
        page(
            [
                (600, 80, "領 収 書", 50),
                (1150, 90, "No. 00123"),
                (1150, 140, "2026年 4月 1日"),
                (150, 200, "株式会社デルタ 様", 36),
                (400, 320, "¥33,000-", 56),
                (300, 420, "但し 研修受講料として"),
                (300, 470, "上記正に領収いたしました"),
                (150, 560, "内訳"),
                (150, 600, "税抜金額 30,000円"),
                (150, 640, "消費税額等(10%) 3,000円"),
                (900, 560, "一般社団法人 日本研修協会", 34),
                (900, 610, "〒100-0005 東京都千代田区丸の内1-1-1"),
                (900, 650, "TEL 03-5555-6666"),
                (900, 690, "登録番号 T8010005012345"),
            ],
            height=900,
        )
    )
    assert value(outcome, "issuer_name") == "一般社団法人 日本研修協会"
    assert value(outcome, "recipient_name") == "株式会社デルタ"
    assert value(outcome, "document_number") == "00123"
    assert value(outcome, "total_amount") == 33000
    assert value(outcome, "subtotal") == 30000
    assert value(outcome, "tax_amount") == 3000


def test_a_malaysian_receipt_with_rounding() -> None:
    outcome = read(
        receipt(
            [
                "GREEN LEAF MINIMART SDN BHD",
                "(1234567-X)",
                "NO 12, JALAN MAWAR 3/4,",
                "40150 SHAH ALAM, SELANGOR",
                "GST ID NO : 000123456789",
                "TAX INVOICE",
                "05/03/2018 10:54:21 PM",
                ("Rice 5kg", "25.90"),
                ("Sub Total", "25.93"),
                ("Rounding Adj", "0.02"),
                ("Total Rounded", "25.95"),
                ("CASH", "50.00"),
                ("CHANGE", "24.05"),
            ]
        )
    )
    assert value(outcome, "issuer_name") == "GREEN LEAF MINIMART SDN BHD"
    assert value(outcome, "document_date") == "2018-03-05", "day first, as in Malaysia"
    assert value(outcome, "total_amount") == "25.95"
    assert value(outcome, "registration_number") == "000123456789"
    total = outcome.fields["total_amount"]
    assert isinstance(total, MoneyValue)
    assert total.currency == "MYR"


def test_a_german_letter() -> None:
    outcome = read(
        page(
            [
                (150, 200, "Nordlicht Handels GmbH · Hafenstraße 5 · 20457 Hamburg", 20),
                (150, 250, "Firma"),
                (150, 290, "Bergmann KG"),
                (150, 330, "Talweg 9"),
                (150, 370, "80333 München"),
                (1000, 500, "Rechnungsdatum: 05.03.2026"),
                (150, 560, "Rechnung Nr. RE-2026/0815", 44),
                (150, 700, "Beratung"),
                (1300, 700, "1.200,00 €"),
                (1000, 900, "Summe netto"),
                (1300, 900, "1.200,00 €"),
                (1000, 940, "zzgl. 19 % MwSt."),
                (1300, 940, "228,00 €"),
                (1000, 980, "Rechnungsbetrag"),
                (1300, 980, "1.428,00 €"),
                (150, 1100, "Zahlbar bis 04.04.2026 ohne Abzug."),
                (150, 2100, "Bank: Hansebank", 24),
                (600, 2100, "IBAN: DE89 3704 0044 0532 0130 00", 24),
                (150, 2140, "Tel. +49 40 1234567", 24),
                (600, 2140, "USt-IdNr.: DE123456789", 24),
            ]
        )
    )
    assert value(outcome, "issuer_name") == "Nordlicht Handels GmbH"
    assert value(outcome, "recipient_name") == "Bergmann KG"
    assert value(outcome, "document_number") == "RE-2026/0815"
    assert value(outcome, "document_date") == "2026-03-05"
    assert value(outcome, "due_date") == "2026-04-04"
    assert value(outcome, "total_amount") == "1428.00"
    assert value(outcome, "subtotal") == "1200.00"
    assert value(outcome, "tax_amount") == "228.00"
    assert value(outcome, "registration_number") == "DE123456789"
    assert value(outcome, "phone") == "+49 40 1234567"
    listed = outcome.fields["bank_accounts"]
    assert isinstance(listed, tuple)
    assert [(a.type, a.number, a.bank) for a in listed] == [("iban", "DE89370400440532013000", "Hansebank")]


def test_an_american_invoice() -> None:
    outcome = read(
        page(
            [
                (120, 100, "Bright Works LLC", 44),
                (120, 160, "12 Main Street"),
                (120, 200, "Springfield, IL 62701"),
                (1100, 100, "INVOICE", 60),
                (120, 320, "Bill To:"),
                (120, 360, "Acme Widgets Inc."),
                (120, 400, "99 Oak Ave"),
                (1000, 320, "Invoice #"),
                (1300, 320, "INV-1042"),
                (1000, 360, "Invoice Date"),
                (1300, 360, "03/04/2026"),
                (1000, 400, "Due Date"),
                (1300, 400, "04/03/2026"),
                (120, 600, "Consulting"),
                (1300, 600, "$1,000.00"),
                (1000, 800, "Subtotal"),
                (1300, 800, "$1,000.00"),
                (1000, 840, "Sales Tax (6.25%)"),
                (1300, 840, "$62.50"),
                (1000, 880, "Balance Due"),
                (1300, 880, "$1,062.50"),
            ]
        )
    )
    assert value(outcome, "issuer_name") == "Bright Works LLC"
    assert value(outcome, "recipient_name") == "Acme Widgets Inc."
    assert value(outcome, "document_number") == "INV-1042"
    assert value(outcome, "document_date") == "2026-03-04", "month first, as in the United States"
    assert value(outcome, "due_date") == "2026-04-03"
    assert value(outcome, "total_amount") == "1062.50"
    assert value(outcome, "subtotal") == "1000.00"
    assert value(outcome, "tax_amount") == "62.50"


def test_a_french_invoice() -> None:
    outcome = read(
        page(
            [
                (120, 100, "Les Jardins SARL", 44),
                (120, 160, "3 rue des Lilas"),
                (120, 200, "69001 Lyon"),
                (120, 240, "N° TVA : FR11999999998"),
                (120, 400, "Facture n° FA-2026-12", 40),
                (120, 460, "Date de facture : 12/05/2026"),
                (120, 500, "Échéance : 11/06/2026"),
                (1000, 300, "Facturé à :"),
                (1000, 340, "Hôtel du Parc SAS"),
                (1000, 800, "Total HT"),
                (1300, 800, "1 000,00 €"),
                (1000, 840, "TVA 20 %"),
                (1300, 840, "200,00 €"),
                (1000, 880, "Total TTC"),
                (1300, 880, "1 200,00 €"),
            ]
        )
    )
    assert value(outcome, "issuer_name") == "Les Jardins SARL"
    assert value(outcome, "recipient_name") == "Hôtel du Parc SAS"
    assert value(outcome, "document_number") == "FA-2026-12"
    assert value(outcome, "document_date") == "2026-05-12"
    assert value(outcome, "due_date") == "2026-06-11"
    assert value(outcome, "total_amount") == "1200.00"
    assert value(outcome, "subtotal") == "1000.00"
    assert value(outcome, "tax_amount") == "200.00"


def test_a_number_above_all_words_is_no_item() -> None:
    outcome = read(
        receipt(
            [
                "204.05018",
                "SYARIKAT PERNIAGAAN TENGAH",
                "NO 12, JALAN BUNGA RAYA,",
                "50100 KUALA LUMPUR",
                "TEL: 03-2222 3333",
                "Date: 14/02/2026",
                ("1 x Notebook", "12.50"),
                ("Total", "RM 12.50"),
            ]
        )
    )
    assert value(outcome, "issuer_name") == "SYARIKAT PERNIAGAAN TENGAH"
    assert value(outcome, "total_amount") == "12.50"


def test_whose_name_a_label_says_is_not_the_issuers() -> None:
    outcome = read(
        receipt(
            [
                "14-02-2026",
                "TEL: 03-2222 3333",
                "Cashier: Morning Crew",
                "GST ID: 002055098368",
                ("1 x Notebook", "12.50"),
                ("Total", "RM 12.50"),
            ]
        )
    )
    assert outcome.fields["issuer_name"] is None


def test_a_shop_under_the_title_is_nobodys_branch() -> None:
    outcome = read(
        receipt(
            [
                "領収証",
                "みなとヘルスドラッグ見本店",
                "大阪府大阪市北区見本町4-5-6",
                "お取扱日 2026年6月7日",
                ("のど飴", "¥198"),
                ("合計", "¥198"),
            ]
        )
    )
    assert value(outcome, "issuer_name") == "みなとヘルスドラッグ見本店"
    assert value(outcome, "document_date") == "2026-06-07"
