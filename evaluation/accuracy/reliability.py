"""Whether confidences are worth what they say: of the answers that are 0.9 sure, nine in ten should be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One answer: how sure it was, and whether it was right."""

    confidence: float
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers with a confidence in ``[low, high)``; the last bin has 1.0 in it."""

    low: float
    high: float
    answers: int
    right: int
    confidence_sum: float

    @property
    def mean_confidence(self) -> float:
        """What the answers claim, on average; the bin's middle where there is none."""
        return self.confidence_sum / self.answers if self.answers else (self.low + self.high) / 2

    @property
    def share_right(self) -> float | None:
        """What they are worth; null where there is none."""
        return self.right / self.answers if self.answers else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Ten bins of equal width, and the expected calibration error (Naeini et al. 2015)."""

    bins: tuple[Bin, ...]
    expected_calibration_error: float | None
    """Mean over the answers of |mean confidence - share right| of their bins; null without answers."""

    @property
    def answers(self) -> int:
        """How many there are."""
        return sum(each.answers for each in self.bins)


def reliability(judgements: Iterable[Judgement]) -> Reliability:
    """Sort answers into bins."""
    members: list[list[Judgement]] = [[] for _ in range(BINS)]
    for judgement in judgements:
        members[min(BINS - 1, int(judgement.confidence * BINS))].append(judgement)
    bins = tuple(_bin(index, inside) for index, inside in enumerate(members))
    answers = sum(each.answers for each in bins)
    error = sum(abs(each.confidence_sum - each.right) for each in bins) / answers if answers else None
    return Reliability(bins=bins, expected_calibration_error=error)


def _bin(index: int, members: Sequence[Judgement]) -> Bin:
    return Bin(
        low=index / BINS,
        high=(index + 1) / BINS,
        answers=len(members),
        right=sum(member.right for member in members),
        confidence_sum=sum(member.confidence for member in members),
    )
