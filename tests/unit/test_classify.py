"""Invoice, receipt or something else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ocr_core.contracts.result import DocumentType
from postprocess_svc.classify import classify
from tests.support.fields_layout import Placed, page, receipt


@pytest.mark.parametrize(
    ("placed", "kind"),
    [
        (
            [(600, 80, "請　求　書", 60), (100, 200, "株式会社甲 御中"), (100, 300, "合計 1,000円")],
            DocumentType.INVOICE,
        ),
        ([(600, 80, "領収書", 60), (100, 200, "山田様"), (100, 300, "¥1,000-")], DocumentType.RECEIPT),
        ([(600, 80, "御見積書", 60), (100, 200, "株式会社甲 御中"), (100, 300, "合計 1,000円")], DocumentType.OTHER),
        ([(600, 80, "INVOICE", 60), (100, 200, "Bill to: A"), (100, 300, "Total $1.00")], DocumentType.INVOICE),
        ([(600, 80, "Rechnung", 60), (100, 300, "Summe 1,00 €")], DocumentType.INVOICE),
        ([(600, 80, "Facture", 60), (100, 300, "Total TTC 1,00 €")], DocumentType.INVOICE),
        (
            [(600, 80, "仕 入 明 細 書", 60), (100, 200, "見本青果 殿"), (100, 300, "お支払額 1,000円")],
            DocumentType.OTHER,
        ),
        (
            [(600, 80, "お支払通知書", 60), (100, 200, "見本青果 殿"), (100, 300, "お支払額 1,000円")],
            DocumentType.OTHER,
        ),
        ([(100, 80, "吾輩は猫である。"), (100, 130, "名前はまだ無い。")], DocumentType.OTHER),
        ([(100, 80, "Annual report"), (100, 130, "Revenue grew again.")], DocumentType.OTHER),
        ([], DocumentType.OTHER),
    ],
)
def test_wording(placed: list[Placed], kind: DocumentType) -> None:
    assert classify([page(placed)]) is kind


def test_a_narrow_roll_with_cash_and_change_is_a_receipt_without_saying_so() -> None:
    rows = ["コンビニ", ("お茶", "¥150"), ("合計", "¥150"), ("お預り", "¥200"), ("お釣り", "¥50")]
    assert classify([receipt(rows)]) is DocumentType.RECEIPT


def test_a_tax_invoice_from_a_till_is_a_receipt() -> None:
    rows = [
        "MINI MART",
        "TAX INVOICE",
        ("Tea", "1.50"),
        ("TOTAL", "1.50"),
        ("CASH", "2.00"),
        ("CHANGE", "0.50"),
        "Thank you",
    ]
    assert classify([receipt(rows)]) is DocumentType.RECEIPT


@pytest.mark.parametrize(
    "placed",
    [
        [(400, 80, "請", 60), (600, 80, "求", 60), (800, 80, "書", 60), (100, 300, "合計 1,000円")],
        [(600, 80, "ご請求のお知らせ", 60), (100, 300, "更新契約書は署名のうえご返送ください。")],
        [(600, 80, "納入通知書", 60), (100, 300, "納期限 令和7年7月31日"), (100, 900, "領収証書")],
        [(600, 80, "授業料のお知らせ", 60), (100, 300, "納入期限 4月27日"), (100, 400, "現金は封筒に入れてください")],
        [(100, 80, "10月分の野菜代としてご請求いたします。"), (100, 200, "ご担当 甲様"), (100, 300, "合計 1,000円")],
        [(100, 80, "VAT Invoice: 26/04471"), (100, 200, "BALANCE NOW DUE"), (100, 300, "We never change our details.")],
        [(100, 80, "請求書No 1163"), (100, 200, "レジデンス帯山管理組合 様"), (100, 300, "小計 1,000")],
        [(100, 80, "Parcella n. 58/2026", 40), (100, 300, "Totale 1,00 €")],
        [(100, 80, "納品書 兼 請求書", 40), (100, 200, "下記の通り納品致しました"), (100, 300, "合計 1,000円")],
        [(100, 80, "2026年度会費納入のお願い", 40), (100, 900, "払 込 取 扱 票"), (100, 950, "通常払込料金加入者負担")],
    ],
)  # fmt: skip
def test_an_invoice_in_other_words(placed: list[Placed]) -> None:
    assert classify([page(placed)]) is DocumentType.INVOICE


def test_a_receipt_that_names_the_invoice_and_the_transfer_is_a_receipt() -> None:
    placed: list[Placed] = [
        (600, 80, "領 収 書", 60),
        (100, 200, "株式会社甲 御中"),
        (100, 300, "¥1,000-"),
        (100, 400, "上記正に領収いたしました"),
        (100, 500, "ご請求書番号 2026-10 お支払方法 銀行振込口座"),
    ]
    assert classify([page(placed)]) is DocumentType.RECEIPT


def test_a_simplified_invoice_of_a_spanish_till_is_a_receipt() -> None:
    rows = ["ESTACION DE SERVICIO", "FACTURA SIMPLIFICADA", ("TOTAL", "70,53"), ("VISA", "70,53")]
    assert classify([receipt(rows)]) is DocumentType.RECEIPT


def test_no_pages() -> None:
    assert classify([]) is DocumentType.OTHER


def test_it_can_be_imported_on_its_own() -> None:
    """The fields ask it for the document's type, so it must not ask the fields for anything."""
    subprocess.run([sys.executable, "-c", "import postprocess_svc.classify"], check=True)
