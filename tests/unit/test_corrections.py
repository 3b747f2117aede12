"""What people may put right, and what becomes of a result by it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from async_worker.corrections import Asked, CorrectionDesk, corrected_answers
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.stored_documents import Correction, NewCorrection
from postprocess_svc.schemas import shipped_schemas
from tests.support.stored_documents import CLERK

QUAD = ((0.0, 0.0), (9.0, 0.0), (9.0, 4.0), (0.0, 4.0))
EVIDENCE = {"text": "printed", "confidence": 0.9, "page": 1, "quad": [list(point) for point in QUAD]}
ACCOUNT = {"bank": "みずほ銀行", "branch": "渋谷支店", "type": "ordinary", "number": "1234567", "holder": "カ)サンプル"}
ITEM = {
    "description": "品",
    "quantity": 2,
    "unit": "個",
    "unit_price": 50,
    "amount": 100,
    "tax_rate_percent": 10,
}


def result(**changes: Any) -> dict[str, Any]:
    invoice = next(schema for schema in shipped_schemas() if schema.name == "invoice")
    fields: dict[str, Any] = dict.fromkeys(field.name for field in invoice.fields)
    fields |= {
        "issuer_name": {"value": "株式会社サンプル", **EVIDENCE, "partner": {"name": "x"}},
        "document_date": {"value": "2026-10-31", **EVIDENCE},
        "total_amount": {"value": 385000, "currency": "JPY", **EVIDENCE},
        "bank_accounts": [{**ACCOUNT, **EVIDENCE}],
        "line_items": [{**ITEM, **EVIDENCE}, {**ITEM, **EVIDENCE, "description": "他"}],
    }
    told = {"document_type": "invoice", "pages": [{"number": 1}], "fields": fields, "schemas": None}
    return {**told, **changes}


def check(*asked: Asked, of: dict[str, Any] | None = None, schemas: tuple[str, ...] = ("auto",)) -> list[NewCorrection]:
    document = of if of is not None else result()
    before = copy.deepcopy(document)
    desk = CorrectionDesk(document, schemas=schemas, made=(), catalogue=shipped_schemas())
    checked = [desk.check(each, f"corrections[{at}]") for at, each in enumerate(asked)]
    assert document == before
    return checked


def refusal(*asked: Asked, of: dict[str, Any] | None = None) -> str:
    with pytest.raises(InvalidRequest) as refused:
        check(*asked, of=of)
    return refused.value.detail


class TestChecking:
    @pytest.mark.parametrize(
        ("path", "value", "kind", "read", "written"),
        [
            ("issuer_name", " 株式会社見本 ", "text", {"value": "株式会社サンプル"}, {"value": "株式会社見本"}),
            ("document_date", "2026-11-01", "date", {"value": "2026-10-31"}, {"value": "2026-11-01"}),
            ("due_date", "2026-11-30", "date", None, {"value": "2026-11-30"}),
            ("total_amount", 1, "money", {"value": 385000, "currency": "JPY"}, {"value": 1, "currency": "JPY"}),
            ("total_amount", "1.00", "money", {"value": 385000, "currency": "JPY"}, {"value": 1, "currency": "JPY"}),
            ("subtotal", "350000", "money", None, {"value": 350000, "currency": "JPY"}),
            ("registration_number", "T1234567890123", "registration_number", None, {"value": "T1234567890123"}),
            ("phone", "03-1234-5678", "phone", None, {"value": "03-1234-5678"}),
            ("total_amount", None, "money", {"value": 385000, "currency": "JPY"}, None),
            ("bank_accounts.0.number", "7654321", "text", "1234567", "7654321"),
            ("bank_accounts.0.type", "savings", "account_type", "ordinary", "savings"),
            ("bank_accounts.0.branch", None, "text", "渋谷支店", None),
            ("line_items.1.amount", 120, "money", 100, 120),
            ("line_items.1.unit_price", "12.5", "money", 50, "12.5"),
            ("line_items.0.quantity", "0.5", "number", 2, "0.5"),
            ("line_items.0.tax_rate_percent", "8.0", "number", 10, 8),
            ("bank_accounts", None, "accounts", [ACCOUNT], None),
            ("line_items", [{"amount": 7}], "line_items", [ITEM, {**ITEM, "description": "他"}],
             [{**dict.fromkeys(ITEM), "amount": 7}]),
        ],
    )  # fmt: skip
    def test_a_sound_value_is_written_as_the_api_would(
        self, path: str, value: Any, kind: str, read: Any, written: Any
    ) -> None:
        (checked,) = check(Asked(path=path, value=value, page=1, quad=QUAD))
        assert (checked.path, checked.kind, checked.read, checked.value) == (path, kind, read, written)
        assert (checked.page, checked.quad, checked.schema) == (1, QUAD, None)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("issuer_name", ""),
            ("issuer_name", 7),
            ("issuer_name", "x" * 1_001),
            ("issuer_name", "a\0b"),
            ("document_date", "2026-02-30"),
            ("document_date", "31.10.2026"),
            ("document_date", "2026-W01-1"),
            ("total_amount", 1.5),
            ("total_amount", "1.5"),  # yen have no parts
            ("total_amount", True),
            ("total_amount", "1,000"),
            ("total_amount", {"value": 1}),
            ("registration_number", "T123"),
            ("phone", "nobody"),
            ("bank_accounts.0.type", "gold"),
            ("bank_accounts.0.number", None),
            ("bank_accounts", []),
            ("bank_accounts", [{"bank": "a"}]),
            ("bank_accounts", [{**ACCOUNT, "iban": "x"}]),
            ("bank_accounts", [ACCOUNT] * 1_001),
            ("bank_accounts", "none"),
            ("line_items.0.quantity", 0.5),
        ],
    )
    def test_what_the_fields_type_does_not_allow_is_refused(self, path: str, value: Any) -> None:
        assert refusal(Asked(path=path, value=value)).startswith("corrections[0].value")

    @pytest.mark.parametrize(
        "path",
        ["nonsense", "total_amount.value", "total_amount.0.value", "bank_accounts.1.number", "bank_accounts.0.iban",
         "bank_accounts.00.number", "line_items.2.amount", "fields.total_amount", "", "due_date.0.x"],
    )  # fmt: skip
    def test_a_path_that_names_nothing_is_refused(self, path: str) -> None:
        assert refusal(Asked(path=path, value="1")).startswith("corrections[0].path")

    def test_evidence_must_be_on_a_page_that_was_read(self) -> None:
        assert refusal(Asked(path="phone", value="0312345678", page=2)).startswith("corrections[0].page")
        assert refusal(Asked(path="phone", value="0312345678", quad=QUAD)).startswith("corrections[0].quad")

    def test_other_currencies_are_decimal_strings(self) -> None:
        (checked,) = check(Asked(path="total_amount", value="1980.50", currency="EUR"))
        assert checked.value == {"value": "1980.50", "currency": "EUR"}
        (checked,) = check(Asked(path="total_amount", value=1980, currency="EUR"))
        assert checked.value == {"value": "1980", "currency": "EUR"}
        assert refusal(Asked(path="phone", value="0312345678", currency="EUR")).startswith("corrections[0].currency")

    def test_a_whole_list_is_what_later_members_are_about(self) -> None:
        entries = [{"amount": 1}, {"amount": 2}, {"amount": 3}]
        _, checked = check(
            Asked(path="line_items", value=entries), Asked(path="line_items.2.description", value="third")
        )
        assert (checked.read, checked.value) == (None, "third")
        assert "3 entries" in refusal(
            Asked(path="line_items", value=entries), Asked(path="line_items.3.description", value="fourth")
        )

    def test_several_schemas_are_told_apart(self) -> None:
        both = result(fields=None, schemas={"invoice": result()["fields"], "receipt": {"phone": None}})
        (checked,) = check(Asked(path="phone", value="0312345678", schema="receipt"), of=both)
        assert (checked.schema, checked.kind) == ("receipt", "phone")
        assert "invoice, receipt" in refusal(Asked(path="phone", value="0312345678"), of=both)
        assert "schema" in refusal(Asked(path="phone", value="0312345678", schema="invoice"))
        assert "without fields" in refusal(Asked(path="phone", value="0"), of=result(fields=None))

    def test_a_schema_that_has_gone_leaves_what_the_answer_looks_like(self) -> None:
        kinds = [
            each.kind
            for each in check(
                Asked(path="total_amount", value=1),
                Asked(path="bank_accounts.0.bank", value="a"),
                Asked(path="line_items.0.unit", value="a"),
                Asked(path="document_date", value="some day"),
                schemas=("gone",),
            )
        ]
        assert kinds == ["money", "text", "text", "text"]


class TestApplying:
    def made(self, *asked: Asked, of: dict[str, Any] | None = None) -> list[Correction]:
        return [
            Correction(
                **{name: getattr(each, name) for name in NewCorrection.__dataclass_fields__},
                id=number,
                document_id="doc_1",
                by=CLERK,
                created_at=datetime(2026, 11, 29, tzinfo=UTC),
            )
            for number, each in enumerate(check(*asked, of=of))
        ]

    def test_the_latest_of_a_path_counts_and_the_result_stays(self) -> None:
        document = result()
        before = copy.deepcopy(document)
        made = self.made(
            Asked(path="total_amount", value=1),
            Asked(path="total_amount", value=2),
            Asked(path="due_date", value="2026-11-30", page=1, quad=QUAD),
            Asked(path="document_date", value=None),
            Asked(path="bank_accounts.0.number", value="7654321"),
            Asked(path="line_items", value=[{"amount": 5}]),
            Asked(path="line_items.0.description", value="five"),
        )
        fields = corrected_answers(document, made).fields
        assert document == before
        assert fields is not None
        assert fields["total_amount"] == {"value": 2, "currency": "JPY", **EVIDENCE, "corrected": True}
        assert fields["due_date"] == {
            "value": "2026-11-30", "text": None, "confidence": None, "page": 1, "quad": QUAD, "corrected": True
        }  # fmt: skip
        assert fields["document_date"] == {"value": None, **EVIDENCE, "corrected": True}
        assert fields["bank_accounts"] == [{**ACCOUNT, **EVIDENCE, "number": "7654321", "corrected": True}]
        nothing = {"text": None, "confidence": None, "page": None, "quad": None, "corrected": True}
        assert fields["line_items"] == [{**dict.fromkeys(ITEM), "amount": 5, "description": "five", **nothing}]
        assert fields["issuer_name"] == before["fields"]["issuer_name"]

    def test_a_list_that_is_not_there_can_be_given_and_taken(self) -> None:
        document = result()
        document["fields"]["bank_accounts"] = None
        given = self.made(Asked(path="bank_accounts", value=[{"number": "1"}]), of=document)
        fields = corrected_answers(document, given).fields
        assert fields is not None
        assert [entry["number"] for entry in fields["bank_accounts"]] == ["1"]
        taken = self.made(Asked(path="line_items", value=None))
        fields = corrected_answers(result(), taken).fields
        assert fields is not None
        assert fields["line_items"] is None

    def test_each_schema_has_its_own(self) -> None:
        both = result(fields=None, schemas={"invoice": result()["fields"], "receipt": {"phone": None}})
        made = self.made(Asked(path="phone", value="0312345678", schema="receipt"), of=both)
        schemas = corrected_answers(both, made).schemas
        assert schemas is not None
        assert schemas["receipt"]["phone"]["value"] == "0312345678"
        assert schemas["invoice"]["phone"] is None
