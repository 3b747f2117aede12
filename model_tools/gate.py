"""The precision gate: may a faster engine stand in for the float32 model?

FP16 is not free: one PP-OCR detector fell from an H-mean of 0.81 to 0.09. So every engine answers real pages and crops
beside its float32 reference, and is refused where the answers drift. For scale, OpenVINO at 16 bits on the development
machine: see the table in ``model_repository/README.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ocr_core.contracts.tensors import CTC_BLANK_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray

MASK_THRESHOLD = 77
"""Of a probability map's bytes: PP-OCR's binarisation at 0.3, times 255, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What an engine must keep to. The smallest counts of samples keep an empty folder from passing."""

    min_mask_iou: float = 0.98
    """Of all samples together; a single small page may differ in a few pixels' rim."""
    min_mask_iou_of_a_page: float = 0.95
    min_top1_agreement: float = 0.995
    min_line_agreement: float = 0.97
    """Share of crops whose collapsed text is the same; bf16 keeps 0.980 of 300 real lines, so FP16 must do as well."""
    max_mean_confidence_drift: float = 0.01
    min_pages: int = 5
    min_crops: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measured figure, and whether it is within its threshold."""

    name: str
    value: float
    threshold: float
    passed: bool

    def __str__(self) -> str:
        """A line for a person."""
        return f"{'pass' if self.passed else 'FAIL'}  {self.name}: {self.value:.5f} (threshold {self.threshold:g})"


def at_least(name: str, value: float, threshold: float) -> Finding:
    """A figure that must not fall below; one that is no number fails."""
    return Finding(name=name, value=value, threshold=threshold, passed=value >= threshold)


def at_most(name: str, value: float, threshold: float) -> Finding:
    """A figure that must not rise above; one that is no number fails."""
    return Finding(name=name, value=value, threshold=threshold, passed=value <= threshold)


def judge_detection(
    pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]], thresholds: Thresholds
) -> list[Finding]:
    """Compare probability maps, (H, W) uint8 each: (reference, candidate) for every page."""
    shared = united = pages = 0
    worst = 1.0
    for reference, candidate in pairs:
        wanted, got = reference >= MASK_THRESHOLD, candidate >= MASK_THRESHOLD
        both, either = int(np.count_nonzero(wanted & got)), int(np.count_nonzero(wanted | got))
        shared, united, pages = shared + both, united + either, pages + 1
        worst = min(worst, both / either if either else 1.0)
    return [
        at_least("pages", pages, thresholds.min_pages),
        at_least("mask IoU over all pages", shared / united if united else float("nan"), thresholds.min_mask_iou),
        at_least("mask IoU of the worst page", worst, thresholds.min_mask_iou_of_a_page),
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Top1:
    """A recogniser's answer to one crop: (T,) class ids and (T,) probabilities."""

    class_ids: NDArray[np.int32]
    probabilities: NDArray[np.float32]


def judge_recognition(pairs: Iterable[tuple[Top1, Top1]], thresholds: Thresholds) -> list[Finding]:
    """Compare top-1 answers: (reference, candidate) for every crop."""
    crops = same_lines = steps = same_steps = 0
    drift = 0.0
    for reference, candidate in pairs:
        same = reference.class_ids == candidate.class_ids
        crops, steps = crops + 1, steps + same.size
        same_steps += int(np.count_nonzero(same))
        same_lines += collapse(reference.class_ids) == collapse(candidate.class_ids)
        drift += float(np.abs(reference.probabilities - candidate.probabilities).sum(dtype=np.float64))
    nothing = float("nan")
    return [
        at_least("crops", crops, thresholds.min_crops),
        at_least("top-1 agreement", same_steps / steps if steps else nothing, thresholds.min_top1_agreement),
        at_least("lines read the same", same_lines / crops if crops else nothing, thresholds.min_line_agreement),
        at_most("mean confidence drift", drift / steps if steps else nothing, thresholds.max_mean_confidence_drift),
    ]


def collapse(class_ids: NDArray[np.int32]) -> list[int]:
    """CTC: repeats become one, blanks go."""
    changes = np.concatenate([[True], class_ids[1:] != class_ids[:-1]])
    return [int(value) for value in class_ids[changes] if value != CTC_BLANK_ID]
