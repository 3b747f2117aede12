"""The figures, in the field's words.

Text: character error rate after NFKC and without white space; word F1 without regard to order. Detection: H-mean
at IoU >= 0.5. (Fields: ``field_metrics.py``.)
Everything here is arithmetic on plain values; ``tests/unit/test_metrics.py`` holds hand-worked examples.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from rapidfuzz.distance import Levenshtein

from evaluation.field_metrics import Matches, without_space
from evaluation.ordering import Quad

IOU_THRESHOLD = 0.5


def words(text: str) -> list[str]:
    """NFKC, split at white space."""
    return unicodedata.normalize("NFKC", text).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterErrors:
    """Edit operations against characters of truth; counts add up over documents."""

    edits: int
    truth_length: int

    def __add__(self, other: CharacterErrors) -> CharacterErrors:
        return CharacterErrors(edits=self.edits + other.edits, truth_length=self.truth_length + other.truth_length)

    @property
    def rate(self) -> float:
        """CER: edits per character of truth; above 1 where more was read than is there."""
        if self.truth_length == 0:
            return 0.0 if self.edits == 0 else 1.0
        return self.edits / self.truth_length


def character_errors(truth: str, read: str) -> CharacterErrors:
    """Levenshtein distance after NFKC and without white space."""
    expected, found = without_space(truth), without_space(read)
    return CharacterErrors(edits=Levenshtein.distance(expected, found), truth_length=len(expected))


def word_matches(truth: str, read: str) -> Matches:
    """Words as a multiset, whatever their order."""
    expected, found = Counter(words(truth)), Counter(words(read))
    return Matches(right=(expected & found).total(), given=found.total(), wanted=expected.total())


def contained_strings(needles: Iterable[str], read: str) -> Matches:
    """Which of the strings occur in what was read, without white space; each given count equals its wanted count."""
    haystack = without_space(read)
    wanted = [without_space(needle) for needle in needles]
    right = sum(needle in haystack for needle in wanted)
    return Matches(right=right, given=len(wanted), wanted=len(wanted))


def detection_matches(truth: Sequence[Quad], read: Sequence[Quad], *, iou: float = IOU_THRESHOLD) -> Matches:
    """Quads paired one to one, best overlap first, at an IoU of at least ``iou``; ``f1`` is the H-mean."""
    overlaps = sorted(((quad_iou(truth[i], read[j]), i, j) for i, j in _touching_pairs(truth, read)), reverse=True)
    taken_truth: set[int] = set()
    taken_read: set[int] = set()
    for overlap, i, j in overlaps:
        if overlap < iou:
            break
        if i not in taken_truth and j not in taken_read:
            taken_truth.add(i)
            taken_read.add(j)
    return Matches(right=len(taken_truth), given=len(read), wanted=len(truth))


def _touching_pairs(truth: Sequence[Quad], read: Sequence[Quad]) -> list[tuple[int, int]]:
    """Indices of quads whose bounding boxes overlap; a page may have thousands of quads, few of which touch."""
    if not truth or not read:
        return []
    low_a, high_a = np.asarray(truth).min(axis=1)[:, None], np.asarray(truth).max(axis=1)[:, None]
    low_b, high_b = np.asarray(read).min(axis=1)[None], np.asarray(read).max(axis=1)[None]
    touching = ((high_a > low_b) & (high_b > low_a)).all(axis=2)
    return [(int(i), int(j)) for i, j in np.argwhere(touching)]


def quad_iou(a: Quad, b: Quad) -> float:
    """Intersection over union of two convex quads."""
    first, second = np.asarray(a, np.float32), np.asarray(b, np.float32)
    if (first.max(axis=0) < second.min(axis=0)).any() or (second.max(axis=0) < first.min(axis=0)).any():
        return 0.0
    shared = float(cv2.intersectConvexConvex(first, second)[0])
    union = float(cv2.contourArea(first)) + float(cv2.contourArea(second)) - shared
    return shared / union if union > 0 else 0.0
