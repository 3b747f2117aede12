"""Judged documents added up: over a set, over each of its damage levels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.accuracy.judged import DEFAULT_THRESHOLD, THRESHOLDS, JudgedDocument
from evaluation.accuracy.line_items import LineItemMatches
from evaluation.accuracy.reliability import Judgement, Reliability, reliability
from evaluation.field_metrics import Matches
from evaluation.scores import FieldFigures, TextFigures, field_figures, text_figures

ALL_FIELDS = "all"
"""Under which the fields' pooled figures stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Documents that are right, of those that could be."""

    right: int
    of: int

    @property
    def value(self) -> float | None:
        """0 to 1; null where no document could be right."""
        return self.right / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdFigures:
    """What the fields are worth at one threshold."""

    threshold: float
    micro: Matches
    by_field: Mapping[str, Matches]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """A set, or those of its documents that have one damage level."""

    set_name: str
    damage: str | None
    """Null: all of the set."""
    levels: tuple[str, ...]
    """The damage levels in it."""
    documents: int
    text: TextFigures
    peer: TextFigures | None
    fields: FieldFigures
    """At the default threshold, as the thresholdless figures below."""
    tolerant: FieldFigures
    """With names compared by ``is_same_name``."""
    five: Share
    """Issuer, date, total, due date and accounts all right, of the documents that label all five."""
    reliability: Mapping[str, Reliability]
    """By field, and pooled under ``ALL_FIELDS``."""
    thresholds: tuple[ThresholdFigures, ...]
    line_items: LineItemMatches | None

    @property
    def name(self) -> str:
        """As a table's first column has it."""
        return self.set_name if self.damage is None else f"{self.set_name}: {self.damage}"


def figures_of(documents: Sequence[JudgedDocument]) -> list[GroupFigures]:
    """Figures of one set's documents, then of each damage level where there are several."""
    set_name = documents[0].document.set_name if documents else ""
    levels = _levels(documents)
    groups = [_group(set_name, None, documents)]
    if len(levels) > 1:
        groups += [
            _group(set_name, level, [each for each in documents if each.document.damage == level]) for level in levels
        ]
    return groups


def _levels(documents: Sequence[JudgedDocument]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.document.damage for each in documents if each.document.damage is not None))


def _group(set_name: str, damage: str | None, documents: Sequence[JudgedDocument]) -> GroupFigures:
    five = [right for right in (each.has_five_right_at(DEFAULT_THRESHOLD) for each in documents) if right is not None]
    rows = [each.line_items for each in documents if each.line_items is not None]
    peers = [each.peer for each in documents if each.peer is not None]
    return GroupFigures(
        set_name=set_name,
        damage=damage,
        levels=_levels(documents),
        documents=len(documents),
        text=text_figures([each.text for each in documents]),
        peer=text_figures(peers) if peers else None,
        fields=field_figures([each.score_at(DEFAULT_THRESHOLD) for each in documents]),
        tolerant=field_figures([each.tolerant_score_at(DEFAULT_THRESHOLD) for each in documents]),
        five=Share(right=sum(five), of=len(five)),
        reliability=_reliability(documents),
        thresholds=tuple(_at(threshold, documents) for threshold in THRESHOLDS),
        line_items=sum(rows[1:], rows[0]) if rows else None,
    )


def _at(threshold: float, documents: Sequence[JudgedDocument]) -> ThresholdFigures:
    figures = field_figures([each.score_at(threshold) for each in documents])
    return ThresholdFigures(threshold=threshold, micro=figures.micro, by_field=figures.by_field)


def _reliability(documents: Sequence[JudgedDocument]) -> dict[str, Reliability]:
    judged: dict[str, list[Judgement]] = defaultdict(list)
    for document in documents:
        for name, field in document.fields.items():
            judged[name] += field.judgements()
    pooled = [judgement for answers in judged.values() for judgement in answers]
    return {name: reliability(answers) for name, answers in {ALL_FIELDS: pooled, **judged}.items() if answers}
