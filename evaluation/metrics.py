"""The figures, in the field's words.

Text: character error rate after NFKC and without white space; word F1 without regard to order. Detection: H-mean
at IoU >= 0.5. Fields: exact match after normalising, micro F1, share of documents with every field right.
Everything here is arithmetic on plain values; ``tests/unit/test_metrics.py`` holds hand-worked examples.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import cv2
import numpy as np
from rapidfuzz.distance import Levenshtein

Quad = Sequence[Sequence[float]]
IOU_THRESHOLD = 0.5

# One field's value: text, a number, an amount with its currency, or a list of accounts.
Value = str | int | float | Mapping[str, object] | Sequence[Mapping[str, object]] | None

AMOUNT_FIELDS = frozenset({"total_amount", "subtotal", "tax_amount"})


def without_space(text: str) -> str:
    """NFKC, and every white-space character gone."""
    return "".join(unicodedata.normalize("NFKC", text).split())


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Right answers among those given and those wanted; counts add up over documents."""

    right: int
    given: int
    wanted: int

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            right=self.right + other.right, given=self.given + other.given, wanted=self.wanted + other.wanted
        )

    @property
    def precision(self) -> float:
        """Right of those given; 1 where none was given."""
        return self.right / self.given if self.given else 1.0

    @property
    def recall(self) -> float:
        """Right of those wanted; 1 where none was wanted."""
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where nothing was wanted and nothing given."""
        return 2 * self.right / (self.given + self.wanted) if self.given + self.wanted else 1.0


NO_MATCHES = Matches(right=0, given=0, wanted=0)


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


def is_same_value(name: str, truth: Value, read: Value) -> bool:
    """Whether a field was read exactly, after normalising: NFKC, no spaces, ISO dates, plain numbers.

    Of bank accounts every one in the truth has to be read, with everything that the truth says of it; an account
    that the truth does not list does no harm, because most labels list one of several.
    """
    if name == "bank_accounts":
        return _are_accounts_found(truth, read)
    if name in AMOUNT_FIELDS:
        return _is_same_amount(truth, read)
    if isinstance(truth, str | int | float) and isinstance(read, str | int | float):
        return without_space(str(truth)) == without_space(str(read))
    return False


def field_matches(truth: Mapping[str, Value], read: Mapping[str, Value]) -> dict[str, Matches]:
    """Each labelled field's count: a wrong value is one false positive and one false negative.

    A field that the truth does not name is not judged; one that the truth names as null is not printed, so that any
    value read for it is a false positive.
    """
    counts: dict[str, Matches] = {}
    for name, wanted in truth.items():
        given = read.get(name)
        is_wanted, is_given = not _is_absent(wanted), not _is_absent(given)
        right = is_wanted and is_given and is_same_value(name, wanted, given)
        counts[name] = Matches(right=int(right), given=int(is_given), wanted=int(is_wanted))
    return counts


def is_all_right(counts: Mapping[str, Matches]) -> bool:
    """Whether every labelled field of a document is right, and nothing was read that is not printed."""
    return all(count.right == count.given == count.wanted for count in counts.values())


def parse_number(value: object) -> Decimal | None:
    """A number without currency signs and thousands separators, as the labels and the API write them: ``1,234.50``."""
    text = unicodedata.normalize("NFKC", str(value))
    digits = "".join(character for character in text if character in "0123456789.-")
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None


def _is_absent(value: Value) -> bool:
    return value is None or (isinstance(value, Sequence) and len(value) == 0)


def _is_same_amount(truth: Value, read: Value) -> bool:
    wanted = truth if isinstance(truth, Mapping) else {"value": truth}
    given = read if isinstance(read, Mapping) else {"value": read}
    currency = wanted.get("currency")
    if currency is not None and "currency" in given and given["currency"] != currency:
        return False
    number = parse_number(wanted.get("value"))
    return number is not None and number == parse_number(given.get("value"))


def _are_accounts_found(truth: Value, read: Value) -> bool:
    if not isinstance(truth, Sequence) or not isinstance(read, Sequence) or isinstance(truth, str | bytes):
        return False
    left = [account for account in read if isinstance(account, Mapping)]
    for wanted in truth:
        found = next((account for account in left if _is_same_account(wanted, account)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _is_same_account(wanted: Mapping[str, object], given: Mapping[str, object]) -> bool:
    return all(_account_part(given.get(name)) == _account_part(value) for name, value in wanted.items())


def _account_part(value: object) -> str | None:
    return None if value is None else without_space(str(value)).replace("-", "")
