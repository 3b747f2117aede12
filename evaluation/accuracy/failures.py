"""What went wrong with a field: which step of reading it would have to be better.

::

    should be null        a value was answered that the document does not print
    not read              the document, or all of its text, was not read
    not in the text       nothing like the value was read anywhere: detection, or a label that is printed otherwise
    misread               the value's text is nowhere in our lines, but something a few edits from it is: recognition
    not found             the value's text was read, and nothing was answered: candidates
    unsure                the right value was answered, below the threshold: scoring, calibration
    wrong candidate       the value's text was read, and another was answered: scoring
    cut short or too long the answer is a part of the value, or has more than it: where candidates begin and end
    written otherwise     a name that differs in capitals or the writing of its legal form: the label, or the tolerance
    wrong format          the answer's evidence has the value, and was understood as another: parsing
    rows differ           line items: rows too few, too many, or with a wrong part
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evaluation.accuracy.judged import JudgedDocument, JudgedField
from evaluation.accuracy.line_items import Row, RowPair, aligned_rows, sure_rows
from evaluation.accuracy.names import NAME_FIELDS, is_same_name
from evaluation.accuracy.printed import Found, find_printed
from evaluation.accuracy.writings import writing_of
from evaluation.api_reader import ACCOUNTS, LINE_ITEMS, Answer
from evaluation.field_metrics import Value, is_same_value
from evaluation.ordering import PlacedText

ACCOUNT_PARTS = ("number", "bank", "branch", "type", "holder")
"""In the order in which they are looked at for what is wrong."""

LEAST_PART = 1 / 4
"""A shorter part of a value is in it by chance."""


class FailureKind(StrEnum):
    """See above."""

    SHOULD_BE_NULL = "should be null"
    NOT_READ = "not read"
    NOT_IN_TEXT = "not in the text"
    MISREAD = "misread"
    NOT_FOUND = "not found"
    UNSURE = "unsure"
    WRONG_CANDIDATE = "wrong candidate"
    WRONG_EXTENT = "cut short or too long"
    WRITTEN_OTHERWISE = "written otherwise"
    WRONG_FORMAT = "wrong format"
    ROWS_DIFFER = "rows differ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One field of one document that is not right."""

    field: str
    kind: FailureKind
    truth: Value
    answer: Answer | None
    """Ours at the threshold, or the right one below it."""
    part: str | None = None
    """Of an account: what is wrong with it."""
    read_as: str | None = None
    """The text in our lines that is the value, or nearly."""
    truth_places: tuple[PlacedText, ...] = ()
    """Where the value is printed, in pixels of the label's page."""
    read_places: tuple[PlacedText, ...] = ()
    """Where it stands in our lines, in pixels of our page."""
    answer_places: tuple[PlacedText, ...] = ()
    """Our evidence, in pixels of our page."""
    rows: tuple[RowPair, ...] = ()
    """Of line items: those that differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sought:
    """A value to be explained: a field's, or that of an account's part."""

    name: str
    truth: Value
    answer: Value
    answer_text: str | None
    """Evidence of the answer; null where nothing was answered."""
    path: str
    """Under which the labels have its evidence."""


def diagnose(judged: JudgedDocument, field: JudgedField, *, threshold: float) -> Failure:
    """Say what is wrong with a field that is not right at a threshold."""
    given = field.answers_at(threshold)
    answer = given[0] if given else None
    part = None
    if field.name == ACCOUNTS:
        sought, answer = _sought_account(field, given)
        part = sought.name
    else:
        value = None if answer is None else answer.value
        sought = _Sought(
            name=field.name,
            truth=field.truth,
            answer=value,
            answer_text=None if answer is None else answer.text,
            path=field.name,
        )
    found = None
    if sought.truth is not None:
        printed = judged.document.evidence.get(sought.path)
        printed_as = printed[0].text if printed else None
        found = find_printed(sought.name, sought.truth, judged.read.lines, printed_as=printed_as)
    kind = _kind(judged, field, sought, found, threshold=threshold)
    if kind is FailureKind.UNSURE:
        answer = next(each for each in field.answers if field.is_right(each))
    return Failure(
        field=field.name,
        kind=kind,
        truth=field.truth,
        answer=answer,
        part=part,
        read_as=None if found is None else found.text,
        truth_places=_truth_places(judged, field.name, sought),
        read_places=() if found is None else found.places,
        answer_places=() if answer is None else (PlacedText(text=answer.text, quad=answer.quad, page=answer.page),),
    )


def failures_of(judged: JudgedDocument, *, threshold: float) -> list[Failure]:
    """Every field of a document that is not right, and its line items."""
    failures = [diagnose(judged, field, threshold=threshold) for field in judged.wrong_at(threshold)]
    if judged.line_items is not None and not judged.line_items.documents_right:
        failures.append(_diagnose_line_items(judged, threshold))
    return failures


def _diagnose_line_items(judged: JudgedDocument, threshold: float) -> Failure:
    truth, read = judged.document.line_items or (), sure_rows(judged.read.line_items or (), threshold)
    rows = tuple(pair for pair in aligned_rows(truth, read) if pair.wrong_parts)
    paths = [f"{LINE_ITEMS}.{pair.truth_index}." for pair in rows if pair.truth_index is not None]
    evidence = judged.document.evidence.items()
    kind = FailureKind.ROWS_DIFFER if read else FailureKind.NOT_FOUND
    return Failure(
        field=LINE_ITEMS,
        kind=kind if truth else FailureKind.SHOULD_BE_NULL,
        truth=truth,
        answer=None,
        truth_places=tuple(place for path, places in evidence if path.startswith(tuple(paths)) for place in places),
        answer_places=tuple(_place(pair.read) for pair in rows if pair.read is not None and "quad" in pair.read),
        rows=rows,
    )


def _place(row: Row) -> PlacedText:
    where: Any = row
    return PlacedText(text=str(row.get("description")), quad=where["quad"], page=where["page"])


def _kind(
    judged: JudgedDocument, field: JudgedField, sought: _Sought, found: Found | None, *, threshold: float
) -> FailureKind:
    if sought.truth is None:
        return FailureKind.SHOULD_BE_NULL
    if not judged.read.lines:
        return FailureKind.NOT_READ
    if sought.answer_text is None and _is_right_but_unsure(field, threshold):
        return FailureKind.UNSURE
    return _kind_of_answer_at_the_place(sought, found) or _kind_of_text(sought, found)


def _kind_of_text(sought: _Sought, found: Found | None) -> FailureKind:
    if found is None:
        return FailureKind.NOT_IN_TEXT
    if not found.is_exact:
        return FailureKind.MISREAD
    return FailureKind.NOT_FOUND if sought.answer is None else FailureKind.WRONG_CANDIDATE


def _is_right_but_unsure(field: JudgedField, threshold: float) -> bool:
    return any(field.is_right(answer) for answer in field.answers if answer.confidence < threshold)


def _kind_of_answer_at_the_place(sought: _Sought, found: Found | None) -> FailureKind | None:
    """What is wrong with an answer that lies where the value does; None where it lies elsewhere, or is none.

    An answer that lacks a part which our lines lack as well was misread, not cut.
    """
    if sought.answer is None:
        return None
    if sought.name in NAME_FIELDS and is_same_name(sought.truth, sought.answer):
        return FailureKind.WRITTEN_OTHERWISE
    writing = writing_of(sought.name)
    truth = [form for form in writing.forms(sought.truth) if form]
    if writing.within:
        answer = "".join(writing.forms(sought.answer))
        is_whole_read = found is not None and found.is_exact
        if any(_is_part(form, answer) or (is_whole_read and _is_part(answer, form)) for form in truth):
            return FailureKind.WRONG_EXTENT
    evidence = list(writing.readings(sought.answer_text or ""))
    if any(form == reading or (writing.within and form in reading) for form in truth for reading in evidence):
        return FailureKind.WRONG_FORMAT
    return None


def _is_part(part: str, whole: str) -> bool:
    return part != whole and len(part) >= LEAST_PART * len(whole) and part in whole


def _truth_places(judged: JudgedDocument, field: str, sought: _Sought) -> tuple[PlacedText, ...]:
    """By the labels' evidence, else the first of the labels' lines that has the value."""
    evidence = judged.document.evidence
    places = evidence.get(sought.path) or tuple(
        place for path, places in evidence.items() if path.startswith(f"{field}.") for place in places
    )
    if places or sought.truth is None or judged.document.lines is None:
        return places
    found = find_printed(sought.name, sought.truth, judged.document.lines)
    return found.places if found is not None and found.is_exact else ()


def _sought_account(field: JudgedField, given: Sequence[Answer]) -> tuple[_Sought, Answer | None]:
    """The part that is wrong of the first account that was not read rightly, beside the answer most like it."""
    truths = list(_accounts(field.truth))
    left = list(given)
    missed = []
    for index, truth in enumerate(truths):
        same = next((answer for answer in left if is_same_value(ACCOUNTS, [truth], [_parts(answer)])), None)
        if same is None:
            missed.append((index, truth))
        else:
            left.remove(same)
    if not missed:
        surplus = left[0] if left else None
        return _Sought(name="account", truth=None, answer=None, answer_text=None, path=ACCOUNTS), surplus
    index, truth = missed[0]
    path = f"{ACCOUNTS}.{index}."
    answer = max(left, key=lambda each: _same_parts(truth, _parts(each)), default=None)
    if answer is None:
        number = str(truth["number"])
        return _Sought(name="number", truth=number, answer=None, answer_text=None, path=f"{path}number"), None
    given_parts = _parts(answer)
    part = next(part for part in ACCOUNT_PARTS if part in truth and not _is_same_part(part, truth, given_parts))
    sought = _Sought(
        name=part,
        truth=_text(truth[part]),
        answer=_text(given_parts.get(part)),
        answer_text=answer.text,
        path=f"{path}{part}",
    )
    return sought, answer


def _accounts(value: Value) -> Sequence[Mapping[str, object]]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _parts(answer: Answer) -> Mapping[str, object]:
    return answer.value if isinstance(answer.value, Mapping) else {}


def _same_parts(truth: Mapping[str, object], given: Mapping[str, object]) -> int:
    return sum(_is_same_part(part, truth, given) for part in ACCOUNT_PARTS if part in truth)


def _is_same_part(part: str, truth: Mapping[str, object], given: Mapping[str, object]) -> bool:
    return is_same_value(ACCOUNTS, [{part: truth[part]}], [given])


def _text(value: object) -> str | None:
    return None if value is None else str(value)
