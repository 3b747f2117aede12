"""Labelled documents as examples for the scorer: each field's candidates, and which of them are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.datasets import LabelledDocument
from evaluation.field_metrics import Value, is_same_value
from ocr_core.contracts.result import DocumentType
from postprocess_svc.classify import classify
from postprocess_svc.fields.candidate import BankDetails, Candidate, Choice, FieldKind, ItemDetails
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.registry import Picks, shipped_families
from postprocess_svc.fields.scorer import FieldModel, choose_all_by, choose_by
from postprocess_svc.lines import PageLines


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One field of one document."""

    field: str
    document: str
    group: str
    """What it has in common with others (a layout): the folds of a cross-validation never part it."""
    candidates: tuple[Candidate, ...]
    right: tuple[bool, ...]
    """Of each candidate: its value is the label's."""
    printed: bool
    """The document prints the field."""
    several: bool
    """The field may have several values, each of which stands for itself."""

    @property
    def can_be_found(self) -> bool:
        """Some candidate is right, or none is to be."""
        return any(self.right) or not self.printed


def document_examples(
    document: LabelledDocument, pages: Sequence[PageLines], models: Mapping[str, FieldModel], *, group: str
) -> Iterator[Example]:
    """Every labelled field of a document, its candidates proposed as they are in service.

    Families look at what was chosen before them, so the candidates depend on the models.

    Args:
        document: With its labels; a field that they do not name is no example.
        pages: Its lines.
        models: What chooses, by field.
        group: See ``Example.group``.
    """
    if not any(page.lines for page in pages):
        return
    document_type = classify(pages)
    context = build_context(pages, document_type=document_type or DocumentType.OTHER)
    chosen: dict[str, Choice] = {}
    for family in shipped_families():
        if family.kind is FieldKind.LINE_ITEMS:
            continue  # rows of one table, chosen together by their own arithmetic
        picks = Picks(chosen, family)
        several = family.kind is FieldKind.ACCOUNTS
        for field in family.fields:
            if field not in models:
                continue
            candidates = tuple(family.propose(field, context, picks))
            if several:
                choices = choose_all_by(models[field], candidates)
            else:
                choice = choose_by(models[field], candidates)
                choices = [] if choice is None else [choice]
            if choices:
                chosen[field] = choices[0]
            if field in document.fields:
                truth = document.fields[field]
                yield Example(
                    field=field,
                    document=document.path.name,
                    group=group,
                    candidates=candidates,
                    right=tuple(is_right(field, truth, candidate) for candidate in candidates),
                    printed=truth is not None and truth != [],
                    several=several,
                )


def is_right(field: str, truth: Value, candidate: Candidate) -> bool:
    """Whether a candidate's value is the label's, by the same comparison as the evaluation's."""
    if truth is None:
        return False
    value = candidate.value
    if isinstance(value, ItemDetails):
        return False
    if isinstance(value, BankDetails):
        account = {name: getattr(value, name) for name in ("bank", "branch", "type", "number", "holder")}
        accounts = truth if isinstance(truth, Sequence) and not isinstance(truth, str) else ()
        return any(is_same_value(field, [wanted], [account]) for wanted in accounts)
    if candidate.currency is not None:
        return is_same_value(field, truth, {"value": value, "currency": candidate.currency})
    return is_same_value(field, truth, value)
