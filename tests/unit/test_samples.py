"""The bundled samples are what their truth says, and are whole."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from evaluation.datasets import SAMPLES_DIR, load_samples

MAX_SAMPLE_BYTES = 200_000
API_FIELDS = {
    "issuer_name",
    "recipient_name",
    "document_number",
    "document_date",
    "due_date",
    "total_amount",
    "subtotal",
    "tax_amount",
    "registration_number",
    "bank_accounts",
    "phone",
}
TRUTHS = sorted(SAMPLES_DIR.glob("*.json"))


def load(path: Any) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return truth


def check_digit(base: str) -> int:
    """The corporate number's check digit: 9 - (sum of the digits, every second one from the right doubled) mod 9.

    Source: Ministerial Ordinance on the Designation of Corporate Numbers, article 2.
    """
    weighted = sum(int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(base)))
    return 9 - weighted % 9


def test_the_check_digit_rule() -> None:
    # The National Tax Agency's own number.
    assert check_digit("000012050002") == 7


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
class TestTruth:
    def test_pdf_is_small_and_prints_every_line(self, path: Any) -> None:
        # Loading looks every line up in the PDF.
        sample = next(sample for sample in load_samples() if sample.path.stem == path.stem)
        assert sample.path.stat().st_size < MAX_SAMPLE_BYTES
        assert sample.lines is not None
        assert len(sample.lines) == len(load(path)["lines"])

    def test_names_every_field_of_the_api(self, path: Any) -> None:
        assert set(load(path)["fields"]) == API_FIELDS

    def test_registration_number_is_well_formed(self, path: Any) -> None:
        number = load(path)["fields"]["registration_number"]
        if number.startswith("T"):
            assert len(number) == 14
            assert int(number[1]) == check_digit(number[2:])

    def test_amounts_add_up(self, path: Any) -> None:
        truth = load(path)
        total, subtotal, tax = (float(truth["fields"][n]["value"]) for n in ("total_amount", "subtotal", "tax_amount"))
        # The register's prices include the tax.
        assert total == subtotal + (0 if path.stem == "register_receipt_ja" else tax)

    def test_iban_is_well_formed(self, path: Any) -> None:
        for account in load(path)["fields"]["bank_accounts"] or []:
            if account["type"] == "iban":
                moved = account["number"][4:] + account["number"][:4]
                assert int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def test_the_demo_needs_no_package_of_the_evaluation() -> None:
    program = """
import sys
for name in ("rapidocr", "openvino", "onnxruntime", "rapidfuzz", "matplotlib"):
    sys.modules[name] = None
import evaluation.demo
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
