"""Figures of a run: groups, targets, the record, and a run against an older one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.accuracy.comparison import compare, comparison_sections
from evaluation.accuracy.failures import failures_of
from evaluation.accuracy.figures import ALL_FIELDS, figures_of
from evaluation.accuracy.judged import THRESHOLDS, JudgedDocument, judge
from evaluation.accuracy.record import run_record
from evaluation.accuracy.tables import as_markdown, sections_of
from evaluation.accuracy.targets import target_figures
from evaluation.datasets import load_generated
from evaluation.field_metrics import Matches
from tests.unit.test_accuracy_scores import answer, judged


def document(
    name: str, phone: str | None, *, set_name: str = "generated-test", damage: str = "clean", confidence: float = 0.9
) -> JudgedDocument:
    """A document that prints the phone number 03-1."""
    made = judged({"phone": "03-1"}, {} if phone is None else {"phone": (answer(phone, confidence),)})
    labels = replace(made.document, set_name=set_name, path=Path(name), damage=damage)
    return judge(labels, made.read)


def record_of(documents: list[JudgedDocument]) -> dict[str, Any]:
    groups = figures_of(documents)
    failures = {(each.document.set_name, each.name): failures_of(each, threshold=0.5) for each in documents}
    record = run_record(documents, groups, target_figures(groups), failures, through="readings", peer="none")
    # As it comes back from the file.
    loaded: dict[str, Any] = json.loads(json.dumps(record, ensure_ascii=False))
    return loaded


class TestGroups:
    def test_a_set_is_added_up_in_total_and_by_damage(self) -> None:
        groups = figures_of(
            [document("a", "03-1"), document("b", "03-1", damage="fax"), document("c", "03-2", damage="fax")]
        )
        assert [(group.name, group.documents) for group in groups] == [
            ("generated-test", 3),
            ("generated-test: clean", 1),
            ("generated-test: fax", 2),
        ]
        assert groups[0].fields.micro == Matches(right=2, given=3, wanted=3)
        assert groups[2].fields.documents_right == 1

    def test_one_level_is_no_group_of_its_own(self) -> None:
        assert [group.name for group in figures_of([document("a", "03-1")])] == ["generated-test"]

    def test_thresholds_come_from_one_reading(self) -> None:
        (group,) = figures_of([document("a", "03-1", confidence=0.65), document("b", "03-2", confidence=0.45)])
        by_threshold = {each.threshold: each.micro for each in group.thresholds}
        assert tuple(by_threshold) == THRESHOLDS
        assert by_threshold[0.4] == Matches(right=1, given=2, wanted=2)
        assert by_threshold[0.5] == Matches(right=1, given=1, wanted=2)
        assert by_threshold[0.7] == Matches(right=0, given=0, wanted=2)

    def test_reliability_is_by_field_and_pooled(self) -> None:
        (group,) = figures_of([document("a", "03-1"), document("b", None)])
        assert set(group.reliability) == {ALL_FIELDS, "phone"}
        assert group.reliability[ALL_FIELDS].answers == 1


class TestTargets:
    def test_clean_targets_are_about_clean_documents(self) -> None:
        figures = target_figures(figures_of([document("a", "03-1"), document("b", None, damage="fax")]))
        found = {(figure.group, figure.name): figure for figure in figures}
        clean = found["generated-test: clean", "micro F1"]
        assert (clean.figure, clean.is_met) == (1.0, True)
        every = found["generated-test", "micro F1"]
        assert every.figure == pytest.approx(2 / 3)
        assert not every.is_met
        precision = found["generated-test: clean", "precision (beside: recall)"]
        assert (precision.figure, precision.beside) == (1.0, 1.0)

    def test_a_fields_figure_counts_nulls_as_misses(self) -> None:
        made = judged({"total_amount": 5}, {})
        labels = replace(made.document, set_name="sroie")
        (target,) = target_figures(figures_of([judge(labels, made.read)]))
        assert (target.name, target.figure, target.is_met) == ("total", 0.0, False)

    def test_other_sets_have_none(self) -> None:
        assert target_figures(figures_of([document("a", "03-1", set_name="samples")])) == []


class TestComparison:
    def test_says_which_documents_changed_sides(self) -> None:
        older = record_of([document("a", "03-1"), document("b", "03-9"), document("c", None), document("gone", "03-1")])
        newer = record_of([document("a", "03-2"), document("b", "03-1"), document("c", None)])
        comparison = compare(older, newer)
        (change,) = comparison.changes
        assert (change.documents, change.right_before, change.right_now) == (3, 1, 1)
        assert [(flip.file, flip.is_better, flip.kind) for flip in comparison.flips] == [
            ("a", False, "not in the text"),
            ("b", True, "not in the text"),
        ]
        assert (comparison.only_before, comparison.only_now) == (1, 0)
        text = as_markdown(comparison_sections(comparison))
        assert "| generated-test: phone | 3 | 0.333 | 0.333 | +0.000 | +1 −1 |" in text
        assert "WORSE generated-test: phone of a" in text

    def test_the_same_run_changed_nothing(self) -> None:
        run = record_of([document("a", "03-1")])
        assert "Nothing changed." in as_markdown(comparison_sections(compare(run, run)))

    def test_something_else_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not figures of version 1"):
            compare({"sets": []}, record_of([document("a", "03-1")]))


def test_the_tables_say_what_was_measured() -> None:
    documents = [document("a", "03-1"), document("b", "03-2", damage="fax")]
    groups = figures_of(documents)
    failures = [("generated-test", failure) for each in documents for failure in failures_of(each, threshold=0.5)]
    text = as_markdown(sections_of(documents, groups, target_figures(groups), failures, peer="none"))
    assert "| generated-test: fax | 1 | 0.000 | 0.000 | 0.000 |" in text
    assert "| phone | 2 | 2 | 1 | 0.500 | 0.500 | 0.500 |" in text
    assert "| generated-test: micro F1 | 2 | 0.93 | 0.500 | **missed** |" in text
    assert "| generated-test: phone | 1 | 1 |" in text


def test_generated_documents_are_a_set_named_after_their_folder(tmp_path: Path) -> None:
    quad = [[0, 0], [10, 0], [10, 5], [0, 5]]
    row = {
        "file": "files/1.png",
        "set": "generated",
        "lang": "ja",
        "damage": "fax",
        "layout": "letter",
        "fields": {"phone": None, "bank_accounts": [{"number": "1", "bank": None}]},
        "evidence": {"bank_accounts.0.number": [{"text": "1", "page": 1, "quad": quad, "quad_undamaged": quad}]},
        "lines": [{"text": "口座 1", "page": 1, "quad": quad}],
        "line_items": [{"description": "机", "amount": None}],
    }
    folder = tmp_path / "develop"
    folder.mkdir()
    (folder / "labels.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    (document,) = load_generated(folder)
    assert document.set_name == "generated-develop"
    assert document.path == folder / "files" / "1.png"
    assert (document.damage, document.layout, document.is_complete) == ("fax", "letter", True)
    assert document.fields["phone"] is None
    assert document.evidence["bank_accounts.0.number"][0].text == "1"
    assert document.lines is not None
    assert document.lines[0].page == 1
    assert document.line_items == ({"description": "机", "amount": None},)
