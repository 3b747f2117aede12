"""One engine's reading of one document against its labels, and such scores added up over a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evaluation.api_reader import DocumentRead
from evaluation.datasets import LabelledDocument
from evaluation.field_metrics import NO_MATCHES, Matches, field_matches, is_all_right
from evaluation.metrics import (
    CharacterErrors,
    character_errors,
    contained_strings,
    detection_matches,
    word_matches,
)
from evaluation.ordering import PlacedText, rows_text, text_along


@dataclass(frozen=True, slots=True, kw_only=True)
class TextScore:
    """Text figures of one document; null where the labels do not allow them."""

    along_truth: CharacterErrors | None
    """With both sides in one order (``ordering.py``); where labels have no places, the engine's own order is left."""
    as_returned: CharacterErrors | None
    """The engine's own order against the label's full text: speaks of reading order as well."""
    words: Matches | None
    strings: Matches | None
    """Of the strings that must occur, for sets that label nothing else."""
    detection: Matches | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldScore:
    """Field figures of one document, by field."""

    counts: dict[str, Matches]

    @property
    def is_all_right(self) -> bool:
        """Whether every labelled field is right."""
        return is_all_right(self.counts)


def score_text(document: LabelledDocument, read: DocumentRead) -> TextScore:
    """Score what was read; labels that are all in capitals are compared in capitals."""

    def cased(text: str) -> str:
        return text.upper() if document.is_upper_case else text

    text = cased(read.text)
    truth_rows = cased(rows_text(document.lines)) if document.lines is not None else None
    # A set's full text has its true spaces, lines out of a PDF's text layer have approximate ones.
    truth_text = cased(document.full_text) if document.full_text is not None else truth_rows
    as_returned = along_truth = character_errors(truth_text, text) if truth_text is not None else None
    if document.lines is not None and truth_rows is not None:
        along_truth = character_errors(truth_rows, cased(text_along(document.lines, read.lines)))
    words = word_matches(truth_text, text) if truth_text is not None else None
    return TextScore(
        along_truth=along_truth,
        as_returned=as_returned,
        words=words,
        strings=contained_strings(document.must_contain, read.text) if document.must_contain else None,
        detection=_score_detection(document.lines, read.lines) if document.lines is not None else None,
    )


def score_fields(document: LabelledDocument, read: DocumentRead) -> FieldScore:
    """Score the fields that the labels name."""
    return FieldScore(counts=field_matches(document.fields, read.fields))


def _score_detection(truth: Sequence[PlacedText], read: Sequence[PlacedText]) -> Matches:
    pages = sorted({line.page for line in (*truth, *read)})
    return sum(
        (
            detection_matches(
                [line.quad for line in truth if line.page == page], [line.quad for line in read if line.page == page]
            )
            for page in pages
        ),
        NO_MATCHES,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of a set: the mean of its documents' values, and the value of their pooled counts."""

    mean: float
    pooled: float
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFigures:
    """Text figures of a set; null where no document has the labels."""

    accuracy: Figure | None
    """1 − CER along the truth; a document's value is at least 0."""
    accuracy_as_returned: Figure | None
    word_f1: Figure | None
    string_recall: Figure | None
    detection_hmean: Figure | None


NO_FIGURES = TextFigures(
    accuracy=None, accuracy_as_returned=None, word_f1=None, string_recall=None, detection_hmean=None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFigures:
    """Field figures of a set."""

    by_field: dict[str, Matches] = field(default_factory=dict)
    micro: Matches = NO_MATCHES
    documents: int = 0
    documents_right: int = 0


def text_figures(scores: Sequence[TextScore]) -> TextFigures:
    """Add up a set's documents."""
    return TextFigures(
        accuracy=_accuracy([score.along_truth for score in scores]),
        accuracy_as_returned=_accuracy([score.as_returned for score in scores]),
        word_f1=_f1([score.words for score in scores]),
        string_recall=_f1([score.strings for score in scores]),
        detection_hmean=_f1([score.detection for score in scores]),
    )


def field_figures(scores: Sequence[FieldScore]) -> FieldFigures:
    """Add up a set's documents; those without labelled fields are left out."""
    labelled = [score for score in scores if score.counts]
    by_field: dict[str, Matches] = {}
    for score in labelled:
        for name, counts in score.counts.items():
            by_field[name] = by_field.get(name, NO_MATCHES) + counts
    return FieldFigures(
        by_field=by_field,
        micro=sum(by_field.values(), NO_MATCHES),
        documents=len(labelled),
        documents_right=sum(score.is_all_right for score in labelled),
    )


def _accuracy(errors: Sequence[CharacterErrors | None]) -> Figure | None:
    known = [error for error in errors if error is not None]
    if not known:
        return None
    pooled = sum(known, CharacterErrors(edits=0, truth_length=0))
    mean = sum(max(0.0, 1 - error.rate) for error in known) / len(known)
    return Figure(mean=mean, pooled=1 - pooled.rate, documents=len(known))


def _f1(matches: Sequence[Matches | None]) -> Figure | None:
    known = [match for match in matches if match is not None]
    if not known:
        return None
    mean = sum(match.f1 for match in known) / len(known)
    return Figure(mean=mean, pooled=sum(known, NO_MATCHES).f1, documents=len(known))
