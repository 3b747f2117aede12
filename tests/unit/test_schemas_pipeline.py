"""Schemas and families together, through the whole text pipeline: several side by side, each on its own feet."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading_codec import encode_reading
from ocr_core.contracts.schema_names import parse_schema_names
from postprocess_svc.ctc import Charsets
from postprocess_svc.fields import families as shipped_package
from postprocess_svc.fields.candidate import Candidate, Chosen, FieldFamily, FieldKind
from postprocess_svc.fields.context import DocumentContext
from postprocess_svc.fields.registry import Families, FamiliesInvalid, discover, shipped_families
from postprocess_svc.pipeline import TextPipeline
from postprocess_svc.schemas import load_schemas
from tests.unit.test_text_pipeline import CHARSET, invoice_page, reading_of

NEW_FAMILY = '''
"""The branch that is paid into: what stands before 支店."""

import re

from postprocess_svc.fields.candidate import Candidate, FieldFamily, FieldKind, span


class BranchFamily(FieldFamily):
    name = "branch"
    kind = FieldKind.TEXT
    fields = ("branch_name",)
    after = ("total_amount",)
    weights = {"branch_name": {"bias": -4.0, "shape": 6.0, "has_total": 4.0}}

    def propose(self, field, context, chosen):
        return [
            Candidate(
                value=match[1],
                evidence=(span(facts, match.start(), match.end()),),
                features={"shape": 1.0, "has_total": float("total_amount" in chosen)},
            )
            for facts in context.facts
            for match in re.finditer(r"([^ ]+)支店", facts.row.text)
        ]


FAMILY = BranchFamily()
'''
BROKEN_FAMILY = """
from postprocess_svc.fields.candidate import FieldFamily, FieldKind


class StampFamily(FieldFamily):
    name = "stamp"
    kind = FieldKind.TEXT
    fields = ("stamp",)
    weights = {"stamp": {"bias": 0.0}}

    def propose(self, field, context, chosen):
        raise RuntimeError(context.text)


FAMILY = StampFamily()
"""
EXPENSES = """
title = "Expenses"

[fields]
paid_to = { from = "branch_name", type = "text", required = true }
amount = { from = "total_amount", type = "money", currency = "JPY", max = 1_000_000 }
day = { from = "document_date", type = "date" }
"""
BROKEN_SCHEMA = """
title = "Broken by its family"

[fields]
stamp = { type = "text" }
amount = { from = "total_amount", type = "money" }
"""


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of families of one's own, outside of the project."""
    folder = tmp_path / "own_families"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "branch.py").write_text(NEW_FAMILY)
    (folder / "stamp.py").write_text(BROKEN_FAMILY)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield import_module("own_families")
    for name in [name for name in sys.modules if name.startswith("own_families")]:
        del sys.modules[name]


def pipeline_of(families: Families, folder: Path, **files: str) -> TextPipeline:
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.toml").write_text(content)
    schemas = load_schemas(folder, kinds=families.kinds)
    return TextPipeline(charsets=Charsets([CHARSET]), families=families, schemas=schemas)


def answer(pipeline: TextPipeline, schemas: str, **options: Any) -> dict[str, Any]:
    wanted = StructureOptions(schemas=parse_schema_names(schemas), **options)
    rendered = pipeline.answer(encode_reading(reading_of(invoice_page())), wanted, "req_1")
    return dict(json.loads(rendered.body))


def test_a_new_family_and_a_new_schema_are_one_file_each(own_package: ModuleType, tmp_path: Path) -> None:
    pipeline = pipeline_of(discover(shipped_package, own_package), tmp_path / "schemas", expenses=EXPENSES)
    result = answer(pipeline, "expenses")
    assert list(result["fields"]) == ["paid_to", "amount", "day"]
    assert (result["fields"]["paid_to"]["value"], result["fields"]["paid_to"]["text"]) == ("渋谷", "渋谷支店")
    assert (result["fields"]["amount"]["value"], result["fields"]["amount"]["currency"]) == (385000, "JPY")
    assert result["fields"]["day"]["value"] == "2026-10-31"
    assert result["document_type"] == "invoice", "the document is classified, whatever the schema reads it as"
    assert [warning["code"] for warning in result["warnings"]] == ["rendered_smaller"]


def test_a_family_that_fails_leaves_the_other_schemas_and_fields_intact(
    own_package: ModuleType, tmp_path: Path
) -> None:
    families = discover(shipped_package, own_package)
    pipeline = pipeline_of(families, tmp_path / "schemas", expenses=EXPENSES, broken=BROKEN_SCHEMA)
    alone = answer(pipeline, "expenses,invoice")
    beside = answer(pipeline, "expenses,broken,invoice")
    assert beside["fields"] is None
    assert list(beside["schemas"]) == ["expenses", "broken", "invoice"]
    assert beside["schemas"]["broken"]["stamp"] is None
    assert beside["schemas"]["broken"]["amount"]["value"] == 385000
    assert {name: beside["schemas"][name] for name in alone["schemas"]} == alone["schemas"]
    (warning,) = [warning for warning in beside["warnings"] if warning["code"] == "field_failed"]
    assert warning["detail"] == "the fields of 'stamp' could not be looked for"


def test_a_schema_that_fails_leaves_the_others_intact(tmp_path: Path) -> None:
    # A date family that gives no dates: every rule about dates raises.
    families = Families(_NoDates() if family.name == "dates" else family for family in shipped_families())
    fails = 'title = "F"\n[fields]\ndocument_date = { type = "date", not_in_future = true }\nphone.type = "phone"'
    pipeline = pipeline_of(families, tmp_path / "schemas", fails=fails)
    result = answer(pipeline, "fails,invoice", min_confidence=0.0)
    assert result["schemas"]["fails"] == {"document_date": None, "phone": None}
    assert result["schemas"]["invoice"]["total_amount"]["value"] == 385000
    assert result["schemas"]["invoice"]["phone"]["value"] == "03-1234-5678"
    assert [warning["detail"] for warning in result["warnings"] if warning["code"] == "schema_failed"] == [
        "the schema 'fails' could not be applied"
    ]


def test_a_rule_that_is_broken_nulls_its_field_in_its_schema_alone(tmp_path: Path) -> None:
    strict = 'title = "S"\n[fields]\ntotal_amount = { type = "money", max = 1_000, required = true }'
    result = answer(pipeline_of(shipped_families(), tmp_path / "schemas", strict=strict), "strict,invoice")
    assert result["schemas"]["strict"] == {"total_amount": None}
    assert result["schemas"]["invoice"]["total_amount"]["value"] == 385000
    told = [(w["code"], w["page"]) for w in result["warnings"]]
    assert ("validation_failed", 1) in told
    assert ("required_field_missing", None) in told


def test_an_own_schema_of_a_shipped_name_is_what_auto_takes(tmp_path: Path) -> None:
    own = 'title = "Ours"\n[fields]\namount = { from = "total_amount", type = "money" }'
    result = answer(pipeline_of(shipped_families(), tmp_path / "schemas", invoice=own), "auto")
    assert {name: value["value"] for name, value in result["fields"].items()} == {"amount": 385000}


def test_an_unknown_schema_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    pipeline = pipeline_of(shipped_families(), tmp_path / "schemas", expenses=EXPENSES.replace("branch", "issuer"))
    with pytest.raises(InvalidRequest, match="no 'expense'; there are auto, none, expenses, invoice, other, receipt"):
        answer(pipeline, "expense")


class _NoDates(FieldFamily):
    name = "dates"
    kind = FieldKind.DATE
    fields = ("document_date", "due_date")

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> list[Candidate]:
        proposed = shipped("dates").propose(field, context, chosen) if field == "document_date" else []
        return [replace(candidate, value="no date") for candidate in proposed]


class _Counted(FieldFamily):
    """A family that notes what it is asked."""

    def __init__(self, family: FieldFamily, asked: list[str]) -> None:
        self._family, self._asked = family, asked
        # Read by the class attributes' names, as of any family.
        for name in ("name", "kind", "fields", "after", "weights"):
            setattr(self, name, getattr(family, name))

    def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> list[Candidate]:
        self._asked.append(f"{field} of {context.document_type}")
        return list(self._family.propose(field, context, chosen))


def shipped(name: str) -> FieldFamily:
    return next(family for family in shipped_families() if family.name == name)


class TestOnlyWhatIsAskedFor:
    def test_families_run_once_a_kind_of_document_however_many_schemas_share_it(self, tmp_path: Path) -> None:
        asked: list[str] = []
        families = Families(_Counted(family, asked) for family in shipped_families())
        one = 'title = "1"\ndocument_type = "invoice"\n[fields]\namount = { from = "total_amount", type = "money" }'
        two = 'title = "2"\n[fields]\ndue_date.type = "date"'
        pipeline = pipeline_of(families, tmp_path / "schemas", one=one, two=two)
        answer(pipeline, "one,two")  # an invoice as it is, and as what it is taken for
        assert asked == [
            "total_amount of invoice",
            "subtotal of invoice",
            "tax_amount of invoice",
            "document_date of invoice",
            "due_date of invoice",
        ]
        asked.clear()
        answer(pipeline, "one,two,invoice,receipt")
        assert len([one for one in asked if one.endswith("of invoice")]) == len(families.kinds)
        assert len([one for one in asked if one.endswith("of receipt")]) == len(families.kinds)

    def test_an_answer_is_the_same_whatever_else_is_asked_for(self, tmp_path: Path) -> None:
        kinds = shipped_families().kinds
        files = {
            f"only_{field}": f'title = "{field}"\n[fields]\n{field} = {{ type = "{kind}" }}'
            for field, kind in kinds.items()
        }
        pipeline = pipeline_of(shipped_families(), tmp_path / "schemas", **files)
        everything = answer(pipeline, "invoice")["fields"]
        assert everything["phone"] is not None
        for field in kinds:
            assert answer(pipeline, f"only_{field}")["fields"] == {field: everything[field]}


class TestFamiliesThatCannotWorkTogether:
    def family(self, name: str, fields: tuple[str, ...], after: tuple[str, ...] = (), **own: Any) -> FieldFamily:
        weights = {field: {"bias": 0.0} for field in fields}
        body = {"name": name, "kind": FieldKind.TEXT, "fields": fields, "after": after, "weights": weights, **own}
        return type("Own", (_Counted,), {})(type("Family", (), body)(), [])

    def test_they_are_ordered_by_what_they_look_at(self) -> None:
        families = Families([self.family("a", ("x",), after=("y",)), self.family("b", ("y",))])
        assert [family.name for family in families] == ["b", "a"]
        assert [family.name for family in families.needed_for({"y"})] == ["b"]
        assert [family.name for family in families.needed_for({"x"})] == ["b", "a"]

    @pytest.mark.parametrize(
        ("families", "problem"),
        [
            ([("a", ("x",)), ("a", ("y",))], "two families are named 'a'"),
            ([("a", ("x",)), ("b", ("x",))], "'a' and 'b' both have the field 'x'"),
            ([("a", ("x",), ("z",))], "'a' comes after 'z', which no family has"),
            ([("a", ("x",), ("y",)), ("b", ("y",), ("x",))], "in a circle"),
        ],
    )
    def test_what_is_wrong_is_told(self, families: list[tuple[Any, ...]], problem: str) -> None:
        with pytest.raises(FamiliesInvalid, match=problem):
            Families(self.family(*declared) for declared in families)

    def test_a_field_without_weights_is_told(self) -> None:
        with pytest.raises(FamiliesInvalid, match="'a' brings no weights for its field 'x'"):
            Families([self.family("a", ("x",), weights={})])

    def test_a_module_whose_family_is_none_is_told(self, own_package: ModuleType) -> None:
        import_module("own_families.branch").FAMILY = "branch"  # type: ignore[attr-defined]
        with pytest.raises(FamiliesInvalid, match="is no FieldFamily"):
            discover(own_package)

    def test_a_family_sees_only_what_it_says_that_it_comes_after(self, tmp_path: Path) -> None:
        class Nosy(_Counted):
            def propose(self, field: str, context: DocumentContext, chosen: Chosen) -> list[Candidate]:
                assert "total_amount" not in list(chosen)
                assert chosen.get("total_amount") is None
                return super().propose(field, context, chosen)

        nosy = Nosy(shipped("phone"), [])
        families = Families([nosy if family.name == "phone" else family for family in shipped_families()])
        result = answer(pipeline_of(families, tmp_path / "schemas"), "invoice")
        assert result["fields"]["phone"] is None
        assert "field_failed" in [warning["code"] for warning in result["warnings"]]
