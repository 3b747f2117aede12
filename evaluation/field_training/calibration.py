"""Whether confidences mean what they say: answers sorted into bins by confidence, and how many of each are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers whose confidence lies in one tenth of the scale."""

    count: int
    confidence: float
    """Their mean; 0 where there are none."""
    right: float
    """The share of them that is right; 0 where there are none."""


def bins(confidences: Sequence[float], right: Sequence[bool], *, count: int = BINS) -> list[Bin]:
    """A reliability diagram's bins, from 0 up."""
    sorted_in: list[list[tuple[float, bool]]] = [[] for _ in range(count)]
    for confidence, is_right in zip(confidences, right, strict=True):
        sorted_in[min(count - 1, int(confidence * count))].append((confidence, is_right))
    return [
        Bin(
            count=len(answers),
            confidence=sum(confidence for confidence, _ in answers) / len(answers) if answers else 0.0,
            right=sum(is_right for _, is_right in answers) / len(answers) if answers else 0.0,
        )
        for answers in sorted_in
    ]


def calibration_error(diagram: Sequence[Bin]) -> float:
    """Expected calibration error: the mean distance between confidence and share right, by answers."""
    count = sum(part.count for part in diagram)
    return sum(part.count * abs(part.confidence - part.right) for part in diagram) / count if count else 0.0
