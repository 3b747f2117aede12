"""A document's answers beside its labels, read once with every confidence and judged at any threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evaluation.accuracy.line_items import LineItemMatches, match_line_items, sure_rows
from evaluation.accuracy.names import NAME_FIELDS, is_same_name
from evaluation.accuracy.reliability import Judgement
from evaluation.api_reader import ACCOUNTS, Answer, DocumentRead
from evaluation.datasets import LabelledDocument
from evaluation.field_metrics import Matches, Value, field_matches, is_same_value
from evaluation.scores import FieldScore, TextScore, score_text

DEFAULT_THRESHOLD = 0.5
"""The API's own ``min_confidence``."""
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

FIVE = ("issuer_name", "document_date", "total_amount", "due_date", "bank_accounts")
"""What a transfer needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedField:
    """One labelled field of one document."""

    name: str
    truth: Value
    answers: tuple[Answer, ...]
    """However sure."""
    is_complete: bool
    """See ``LabelledDocument``."""

    @property
    def is_printed(self) -> bool:
        """The document shows the field."""
        return self.truth is not None and self.truth != []

    def answers_at(self, threshold: float) -> tuple[Answer, ...]:
        """What is answered at a threshold."""
        return tuple(answer for answer in self.answers if answer.confidence >= threshold)

    def matches_at(self, threshold: float) -> Matches:
        """Right, given and wanted at a threshold."""
        given = self.answers_at(threshold)
        count = field_matches({self.name: self.truth}, {self.name: self._value(given)})[self.name]
        if self.is_complete and self.name == ACCOUNTS and len(given) > len(self._truths()):
            return Matches(right=0, given=count.given, wanted=count.wanted)
        return count

    def tolerant_matches_at(self, threshold: float) -> Matches:
        """The same with names compared by ``is_same_name``."""
        count = self.matches_at(threshold)
        given = self.answers_at(threshold)
        if self.name in NAME_FIELDS and given and self.is_printed and is_same_name(self.truth, given[0].value):
            return Matches(right=1, given=count.given, wanted=count.wanted)
        return count

    def is_right_at(self, threshold: float) -> bool:
        """Right, or rightly null."""
        count = self.matches_at(threshold)
        return count.right == count.given == count.wanted

    def is_right(self, answer: Answer) -> bool:
        """Whether one answer is right; an account if it is one of the truth's."""
        if self.name == ACCOUNTS:
            return any(is_same_value(ACCOUNTS, [account], [_mapping(answer.value)]) for account in self._truths())
        return self.is_printed and is_same_value(self.name, self.truth, answer.value)

    def judgements(self) -> list[Judgement]:
        """Every answer with its confidence.

        Accounts stand for themselves; where the labels do not list all, those that they do not know are left out as
        long as another answer is right.
        """
        judged = [Judgement(confidence=answer.confidence, right=self.is_right(answer)) for answer in self.answers]
        if self.name == ACCOUNTS and not self.is_complete:
            known = [judgement for judgement in judged if judgement.right]
            return known or sorted(judged, key=lambda judgement: -judgement.confidence)[:1]
        return judged

    def _value(self, answers: Sequence[Answer]) -> Value:
        if self.name == ACCOUNTS:
            return [_mapping(answer.value) for answer in answers]
        return answers[0].value if answers else None

    def _truths(self) -> Sequence[Mapping[str, object]]:
        if isinstance(self.truth, Sequence) and not isinstance(self.truth, str):
            return self.truth
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedDocument:
    """One document: what it is, what was read, and how the two compare."""

    document: LabelledDocument
    read: DocumentRead
    fields: Mapping[str, JudgedField]
    text: TextScore
    peer: TextScore | None = None
    line_items: LineItemMatches | None = None
    """Null where the labels have no rows or the engine no such field."""

    @property
    def name(self) -> str:
        """Tells the documents of a set apart."""
        return self.document.path.name

    def score_at(self, threshold: float) -> FieldScore:
        """Every labelled field's counts."""
        return self._score(lambda field: field.matches_at(threshold))

    def tolerant_score_at(self, threshold: float) -> FieldScore:
        """The same with names compared tolerantly."""
        return self._score(lambda field: field.tolerant_matches_at(threshold))

    def _score(self, count: Callable[[JudgedField], Matches]) -> FieldScore:
        return FieldScore(counts={name: count(field) for name, field in self.fields.items()})

    def wrong_at(self, threshold: float) -> list[JudgedField]:
        """Fields that are not right."""
        return [field for field in self.fields.values() if not field.is_right_at(threshold)]

    def has_five_right_at(self, threshold: float) -> bool | None:
        """Issuer, date, total, due date and accounts all right; null where the labels do not name all five."""
        if not all(name in self.fields for name in FIVE):
            return None
        return all(self.fields[name].is_right_at(threshold) for name in FIVE)


def judge(document: LabelledDocument, read: DocumentRead, *, peer: DocumentRead | None = None) -> JudgedDocument:
    """Put a reading beside the labels.

    Args:
        document: With its labels.
        read: What was read of it, with every confidence.
        peer: What another engine read.
    """
    rows = None
    if document.line_items is not None and read.line_items is not None:
        rows = match_line_items(document.line_items, sure_rows(read.line_items, DEFAULT_THRESHOLD))
    return JudgedDocument(
        document=document,
        read=read,
        fields={
            name: JudgedField(
                name=name, truth=truth, answers=read.answers.get(name, ()), is_complete=document.is_complete
            )
            for name, truth in document.fields.items()
        },
        text=score_text(document, read),
        peer=None if peer is None else score_text(document, peer),
        line_items=rows,
    )


def _mapping(value: Value) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
