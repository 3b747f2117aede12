"""Line items: rows of the truth beside rows that were read, in the order of the page, and counted cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from evaluation.field_metrics import NO_MATCHES, Matches, is_same_value, parse_number, without_space

Row = Mapping[str, object]

PARTS = ("description", "quantity", "unit_price", "amount")
"""What is compared of a row."""
_LEAST_LIKENESS = 0.5
"""Below this, in parts alike, two rows are not the same row read wrongly but different ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItemMatches:
    """Counts that add up over documents."""

    rows: Matches = NO_MATCHES
    """Rows with every labelled part right."""
    parts: Mapping[str, Matches]
    """Each part of its own."""
    documents: int = 1
    documents_right: int = 0
    """Documents with every row right and none too many."""

    def __add__(self, other: LineItemMatches) -> LineItemMatches:
        return LineItemMatches(
            rows=self.rows + other.rows,
            parts={part: self.parts[part] + other.parts[part] for part in PARTS},
            documents=self.documents + other.documents,
            documents_right=self.documents_right + other.documents_right,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPair:
    """A row of the truth and the row that was read for it; null where there is none."""

    truth: Row | None
    truth_index: int | None
    read: Row | None

    @property
    def counts(self) -> dict[str, Matches]:
        """Each part that is judged."""
        counts = {}
        for part in [part for part in PARTS if self.truth is None or part in self.truth]:
            wanted = None if self.truth is None else self.truth[part]
            given = None if self.read is None else self.read.get(part)
            right = wanted is not None and given is not None and _is_same_part(part, wanted, given)
            counts[part] = Matches(right=int(right), given=int(given is not None), wanted=int(wanted is not None))
        return counts

    @property
    def wrong_parts(self) -> tuple[str, ...]:
        """Parts that differ; all of a row without a counterpart."""
        if self.truth is None or self.read is None:
            return PARTS
        return tuple(part for part, count in self.counts.items() if count.f1 < 1)


def sure_rows(read: Sequence[Row], threshold: float) -> tuple[Row, ...]:
    """The rows that a caller is given at a threshold; those of an engine without confidences are all given."""
    return tuple(row for row in read if not isinstance(sure := row.get("confidence"), int | float) or sure >= threshold)


def match_line_items(truth: Sequence[Row], read: Sequence[Row]) -> LineItemMatches:
    """Count rows and their parts.

    A part that a row of the truth names as null is not printed, so that a value read for it is wrong; one that it does
    not name is not judged. A row that was read and has no counterpart counts against the precision of every part that
    the truth's rows name.
    """
    judged = {part for row in truth for part in row} if truth else set(PARTS)
    parts = dict.fromkeys(PARTS, NO_MATCHES)
    right_rows = 0
    for pair in aligned_rows(truth, read):
        right_rows += not pair.wrong_parts
        for part, count in pair.counts.items():
            if part in judged:
                parts[part] = parts[part] + count
    rows = Matches(right=right_rows, given=len(read), wanted=len(truth))
    is_right = right_rows == len(read) == len(truth)
    return LineItemMatches(rows=rows, parts=parts, documents_right=int(is_right))


def _is_same_part(part: str, truth: object, answer: object) -> bool:
    if part == "description":
        return is_same_value(part, str(truth), str(answer))
    number = parse_number(truth)
    return number is not None and number == parse_number(answer)


def aligned_rows(truth: Sequence[Row], read: Sequence[Row]) -> list[RowPair]:
    """Pairs in the order of the page, chosen so that rows are as alike as can be."""
    best = [[0.0] * (len(read) + 1) for _ in range(len(truth) + 1)]
    for i, wanted in enumerate(truth, start=1):
        for j, given in enumerate(read, start=1):
            paired = best[i - 1][j - 1] + _likeness(wanted, given)
            best[i][j] = max(paired, best[i - 1][j], best[i][j - 1])
    pairs: list[RowPair] = []
    i, j = len(truth), len(read)
    while i or j:
        if i and best[i][j] == best[i - 1][j]:
            i -= 1
            pairs.append(RowPair(truth=truth[i], truth_index=i, read=None))
        elif j and best[i][j] == best[i][j - 1]:
            j -= 1
            pairs.append(RowPair(truth=None, truth_index=None, read=read[j]))
        else:
            i, j = i - 1, j - 1
            pairs.append(RowPair(truth=truth[i], truth_index=i, read=read[j]))
    return pairs[::-1]


def _likeness(wanted: Row, given: Row) -> float:
    """Parts that agree; of descriptions, how much of their text. 0 where the rows have too little in common."""
    points = 0.0
    for part in PARTS:
        truth, answer = wanted.get(part), given.get(part)
        if truth is None or answer is None:
            continue
        if part == "description":
            points += Levenshtein.normalized_similarity(without_space(str(truth)), without_space(str(answer)))
        else:
            points += _is_same_part(part, truth, answer)
    return points if points >= _LEAST_LIKENESS else 0.0
