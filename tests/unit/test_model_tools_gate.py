"""The precision gate's arithmetic, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from model_tools.gate import MASK_THRESHOLD, Thresholds, Top1, collapse, judge_detection, judge_recognition

LENIENT_COUNTS = Thresholds(min_pages=1, min_crops=1)


def _map(text_pixels: int) -> np.ndarray:
    flat = np.zeros(100, np.uint8)
    flat[:text_pixels] = MASK_THRESHOLD
    return flat.reshape(10, 10)


def _top1(ids: list[int], probability: float = 1.0) -> Top1:
    return Top1(class_ids=np.array(ids, np.int32), probabilities=np.full(len(ids), probability, np.float32))


def _by_name(findings):
    return {finding.name: finding for finding in findings}


def test_equal_maps_pass():
    findings = judge_detection([(_map(40), _map(40))], LENIENT_COUNTS)

    assert all(finding.passed for finding in findings)
    assert _by_name(findings)["mask IoU over all pages"].value == 1.0


def test_iou_is_taken_over_all_pages_and_of_the_worst():
    findings = _by_name(judge_detection([(_map(100), _map(100)), (_map(10), _map(5))], LENIENT_COUNTS))

    assert findings["mask IoU over all pages"].value == pytest.approx(105 / 110)
    assert findings["mask IoU of the worst page"].value == pytest.approx(0.5)
    assert not findings["mask IoU of the worst page"].passed


def test_a_page_without_text_on_either_side_is_no_difference():
    findings = _by_name(judge_detection([(_map(0), _map(0)), (_map(5), _map(5))], LENIENT_COUNTS))

    assert findings["mask IoU of the worst page"].value == 1.0


def test_one_byte_below_the_threshold_is_not_text():
    below = np.full((10, 10), MASK_THRESHOLD - 1, np.uint8)

    findings = _by_name(judge_detection([(_map(100), below)], LENIENT_COUNTS))

    assert findings["mask IoU over all pages"].value == 0.0


def test_no_samples_pass_nothing():
    assert not any(finding.passed for finding in judge_detection([], Thresholds())[:2])
    assert not any(finding.passed for finding in judge_recognition([], Thresholds()))


def test_top1_lines_and_drift_are_counted():
    pairs = [(_top1([1, 1, 0, 2]), _top1([1, 1, 0, 3], 0.9)), (_top1([5, 0, 5, 5]), _top1([5, 0, 5, 0]))]

    findings = _by_name(judge_recognition(pairs, LENIENT_COUNTS))

    assert findings["top-1 agreement"].value == pytest.approx(6 / 8)
    assert findings["lines read the same"].value == pytest.approx(1 / 2)
    assert findings["mean confidence drift"].value == pytest.approx(0.4 / 8)
    assert not findings["mean confidence drift"].passed


def test_a_confidence_that_is_no_number_fails():
    findings = _by_name(judge_recognition([(_top1([1]), _top1([1], float("nan")))], LENIENT_COUNTS))

    assert not findings["mean confidence drift"].passed


def test_collapse_joins_repeats_and_drops_blanks():
    assert collapse(np.array([0, 7, 7, 0, 7, 8, 8, 0], np.int32)) == [7, 7, 8]
