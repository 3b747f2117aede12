"""What was to be reached, set by set, and whether it was.

A field's figure is the share of the documents that print it whose answer is right (its recall): a null counts as a
miss, so that the figure is never above F1 for a field that every document prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evaluation.accuracy.figures import GroupFigures
from evaluation.field_metrics import NO_MATCHES

CLEAN = "clean"
GENERATED = "generated"
"""What the names of generated sets begin with."""

Measured = tuple[float, int]
"""A figure, and how many documents it is of."""
Measure = Callable[[GroupFigures], Measured | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure that is to be reached."""

    set_prefix: str
    is_clean: bool
    """Of the undamaged documents alone."""
    name: str
    at_least: float
    measure: Measure
    beside: Measure | None = None
    """Reported with it: a precision says little without its recall."""

    def is_about(self, group: GroupFigures) -> bool:
        """Whether it is this group that should reach it."""
        is_wanted = group.levels == (CLEAN,) if self.is_clean else group.damage is None
        return is_wanted and group.set_name.startswith(self.set_prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigure:
    """A target and what was reached."""

    group: str
    name: str
    at_least: float
    figure: float
    beside: float | None
    documents: int

    @property
    def is_met(self) -> bool:
        """Reached."""
        return self.figure >= self.at_least


def _micro_f1(group: GroupFigures) -> Measured | None:
    return (group.fields.micro.f1, group.fields.documents) if group.fields.documents else None


def _micro_precision(group: GroupFigures) -> Measured | None:
    return (group.fields.micro.precision, group.fields.documents) if group.fields.micro.given else None


def _micro_recall(group: GroupFigures) -> Measured | None:
    return (group.fields.micro.recall, group.fields.documents) if group.fields.micro.wanted else None


def _five(group: GroupFigures) -> Measured | None:
    return None if group.five.value is None else (group.five.value, group.five.of)


def _share_right(field: str) -> Measure:
    def share(group: GroupFigures) -> Measured | None:
        matches = group.fields.by_field.get(field, NO_MATCHES)
        return (matches.recall, matches.wanted) if matches.wanted else None

    return share


def _field(set_name: str, field: str, at_least: float, name: str) -> Target:
    return Target(set_prefix=set_name, is_clean=False, name=name, at_least=at_least, measure=_share_right(field))


TARGETS = (
    Target(set_prefix=GENERATED, is_clean=True, name="micro F1", at_least=0.98, measure=_micro_f1),
    Target(set_prefix=GENERATED, is_clean=False, name="micro F1", at_least=0.93, measure=_micro_f1),
    Target(set_prefix=GENERATED, is_clean=True, name="five right", at_least=0.90, measure=_five),
    Target(
        set_prefix=GENERATED,
        is_clean=True,
        name="precision (beside: recall)",
        at_least=0.98,
        measure=_micro_precision,
        beside=_micro_recall,
    ),
    _field("jp-receipts-synth", "total_amount", 0.95, "total"),
    _field("jp-receipts-synth", "document_date", 0.95, "date"),
    _field("sroie", "total_amount", 0.90, "total"),
    _field("sroie", "document_date", 0.95, "date"),
    _field("sroie", "issuer_name", 0.80, "issuer"),
    _field("zugferd", "document_number", 0.90, "number"),
    _field("zugferd", "document_date", 0.90, "date"),
    _field("zugferd", "total_amount", 0.90, "total"),
    _field("zugferd", "bank_accounts", 1.00, "every visible IBAN"),
)


def target_figures(groups: Sequence[GroupFigures]) -> list[TargetFigure]:
    """Every target that the groups have documents for."""
    found = []
    for target in TARGETS:
        for group in groups:
            measured = target.measure(group) if target.is_about(group) else None
            if measured is not None:
                beside = None if target.beside is None else target.beside(group)
                found.append(
                    TargetFigure(
                        group=group.name,
                        name=target.name,
                        at_least=target.at_least,
                        figure=measured[0],
                        beside=None if beside is None else beside[0],
                        documents=measured[1],
                    )
                )
    return found
