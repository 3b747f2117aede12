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


def test_no_pages() -> None:
    assert classify([]) is DocumentType.OTHER


def test_it_can_be_imported_on_its_own() -> None:
    """The fields ask it for the document's type, so it must not ask the fields for anything."""
    subprocess.run([sys.executable, "-c", "import postprocess_svc.classify"], check=True)
