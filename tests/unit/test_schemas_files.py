"""A schema's file: what it may say, and how it is told what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.result import DocumentType
from ocr_core.contracts.schema_names import AUTO, NONE, SchemaName, parse_schema_names
from postprocess_svc.fields.candidate import FieldKind, FieldName
from postprocess_svc.fields.registry import shipped_families
from postprocess_svc.schemas import SchemasInvalid, load_schemas, shipped_schemas
from postprocess_svc.schemas.catalogue import MAX_FILE_BYTES, parse_schema
from postprocess_svc.schemas.field_files import FIELD_FILES

KINDS = shipped_families().kinds
EXPENSES = """
title = "Expense report"
document_type = "receipt"
checks = ["paid <= total", "due > day"]

[fields]
shop = { from = "issuer_name", type = "text", required = true }
total = { from = "total_amount", type = "money", currency = "JPY", min = 1, max = 1_000.5 }
paid = { from = "subtotal", type = "money" }
day = { from = "document_date", type = "date", not_before = 2020-04-01 }
due = { from = "due_date", type = "date", min_confidence = 0.9 }
"""


def problems(text: str, name: str = "a") -> list[str]:
    with pytest.raises(SchemasInvalid) as caught:
        parse_schema(name, text, kinds=KINDS)
    return list(caught.value.problems)


def test_the_shipped_schemas_have_the_fields_of_the_api_under_its_names() -> None:
    assert shipped_schemas().names == ("invoice", "other", "receipt")
    for schema in shipped_schemas():
        assert schema.document_type is not None
        assert schema.document_type.value == schema.name
        assert {field.name for field in schema.fields} >= set(FieldName)
        assert all(field.source == field.name for field in schema.fields)


def test_a_file_says_which_fields_under_which_names_and_of_which_type() -> None:
    schema = parse_schema("expenses", EXPENSES, kinds=KINDS)
    assert (schema.name, schema.title, schema.document_type) == ("expenses", "Expense report", DocumentType.RECEIPT)
    assert [(field.name, field.source, field.kind) for field in schema.fields] == [
        ("shop", "issuer_name", FieldKind.TEXT),
        ("total", "total_amount", FieldKind.MONEY),
        ("paid", "subtotal", FieldKind.MONEY),
        ("day", "document_date", FieldKind.DATE),
        ("due", "due_date", FieldKind.DATE),
    ]
    assert [field.required for field in schema.fields] == [True, False, False, False, False]
    assert schema.fields[-1].min_confidence == 0.9
    assert [check.text for check in schema.checks] == ["paid <= total", "due > day"]


def test_every_kind_of_field_can_be_asked_for() -> None:
    assert set(FIELD_FILES) == set(FieldKind)
    for field, kind in KINDS.items():
        schema = parse_schema("a", f'title = "A"\nfields.{field}.type = "{kind}"', kinds=KINDS)
        assert schema.sources == {field}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title =", "is no TOML: "),
        ("[" * 5_000, "is no TOML: "),
        ('title = "A"', "fields: is missing"),
        ('title = "A"\n[fields]', "fields: "),
        ('fields.phone.type = "phone"', "title: is missing"),
        ('title = "A"\nfields = 3', "fields: "),
        ('title = "A"\nowner = 1\nfields.phone.type = "phone"', "owner: there is no such key; there are checks, "),
        ('title = "A"\nfields.x.type = "phone"', "fields.x.from: there is no field 'x'; there are bank_accounts, "),
        ('title = "A"\nfields.X.type = "phone"', "fields.X: "),
        ('title = "A"\nfields.phone.type = "fone"', "fields.phone.type: is missing or none of accounts, "),
        ('title = "A"\nfields.phone = {}', "fields.phone.type: is missing or none of accounts, "),
        ('title = "A"\nfields.phone.type = "date"', "fields.phone.type: 'phone' is phone, not date"),
        (
            'title = "A"\nfields.phone = { type = "phone", max = 3 }',
            "fields.phone.max: there is no such key; there are from, max_length, min_confidence, one_of, pattern, ",
        ),
        ('title = "A"\nfields.phone = { type = "phone", required = "yes" }', "fields.phone.required: "),
        ('title = "A"\nfields.phone = { type = "phone", min_confidence = 1.5 }', "fields.phone.min_confidence: "),
        ('title = "A"\nfields.phone = { type = "phone", pattern = "(" }', "fields.phone.pattern: is no regular "),
        ('title = "A"\nfields.phone = { type = "phone", one_of = [] }', "fields.phone.one_of: "),
        ('title = "A"\nfields.subtotal = { type = "money", min = "1" }', "fields.subtotal.min: must be a number"),
        ('title = "A"\nfields.subtotal = { type = "money", max = nan }', "fields.subtotal.max: "),
        ('title = "A"\nfields.subtotal = { type = "money", currency = ["yen"] }', "fields.subtotal.currency[0]: "),
        ('title = "A"\nfields.due_date = { type = "date", not_after = "soon" }', "fields.due_date.not_after: "),
        ('title = "A"\nchecks = ["phone"]\nfields.phone.type = "phone"', "checks[0]: is no check; "),
        (
            'title = "A"\nchecks = ["phone == fax"]\nfields.phone.type = "phone"',
            "checks[0]: there is no field 'fax' in this schema; there are phone",
        ),
        (
            'title = "A"\nchecks = ["phone > phone"]\nfields.phone.type = "phone"',
            "checks[0]: phone cannot be compared by >",
        ),
        (
            'title = "A"\nchecks = ["due_date > subtotal"]\n[fields]\nsubtotal.type = "money"\ndue_date.type = "date"',
            "checks[0]: 'due_date' is date and 'subtotal' is money; ",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_key_and_what_would_be_right(text: str, problem: str) -> None:
    assert [told for told in problems(text) if told.startswith(problem)], problems(text)


def test_all_problems_of_a_file_are_told_at_once() -> None:
    text = 'title = "A"\n[fields]\nx = { type = "text" }\nphone = { type = "money" }\n'
    assert len(problems(text)) == 2


@pytest.mark.parametrize("name", ["auto", "none", "Invoice", "1st", "a b", "", "x" * 49, "日本"])
def test_a_file_has_the_name_of_its_schema(name: str) -> None:
    assert "named like it" in problems(EXPENSES, name)[0]


class TestTheFolder:
    def test_its_schemas_stand_beside_the_shipped_ones(self, tmp_path: Path) -> None:
        (tmp_path / "expenses.toml").write_text(EXPENSES)
        (tmp_path / "README.md").write_text("not a schema")
        assert load_schemas(tmp_path, kinds=KINDS).names == ("expenses", "invoice", "other", "receipt")

    def test_one_of_a_shipped_name_takes_its_place_in_auto_too(self, tmp_path: Path) -> None:
        (tmp_path / "receipt.toml").write_text(EXPENSES)
        schemas = load_schemas(tmp_path, kinds=KINDS)
        assert schemas.names == shipped_schemas().names
        assert schemas.named(AUTO, DocumentType.RECEIPT).title == "Expense report"
        assert schemas.named(AUTO, DocumentType.INVOICE).title == "Invoice"

    def test_the_problems_of_all_files_are_told_with_their_names(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_text("x")
        (tmp_path / "b.toml").write_bytes(b"\xff")
        (tmp_path / "c.toml").write_text("#" * (MAX_FILE_BYTES + 1))
        (tmp_path / "d.toml").mkdir()
        with pytest.raises(SchemasInvalid) as caught:
            load_schemas(tmp_path, kinds=KINDS)
        assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
            "a.toml",
            "b.toml",
            "c.toml",
            "d.toml",
        ]

    def test_a_folder_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(SchemasInvalid, match="cannot be read"):
            load_schemas(tmp_path / "gone", kinds=KINDS)


class TestNames:
    def test_several_are_separated_by_commas(self) -> None:
        assert parse_schema_names("invoice, my-own_2") == ("invoice", "my-own_2")

    @pytest.mark.parametrize(
        "text", ["", ",", "a,", "A", "a b", "a,a", "a,auto", "none,a", "a/b", ",".join("abcdefghijklmnopq")]
    )
    def test_what_is_no_list_of_names_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidRequest):
            parse_schema_names(text)

    def test_an_unknown_one_is_told_with_those_that_there_are(self) -> None:
        shipped_schemas().check((AUTO,))
        shipped_schemas().check((NONE,))
        with pytest.raises(InvalidRequest, match="no 'expenses'; there are auto, none, invoice, other, receipt"):
            shipped_schemas().check((SchemaName("invoice"), SchemaName("expenses")))
