"""Quantiles say how sure they are, and slopes are not bent by outliers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadtest.estimates import quantile, slope


def test_a_quantile_of_few_values_has_no_upper_bound() -> None:
    found = quantile(list(range(1, 51)), 0.99)
    assert found is not None
    assert found.value == pytest.approx(49.51)
    assert found.high is None
    assert found.low is not None


def test_no_values_have_no_quantile() -> None:
    assert quantile([], 0.5) is None


def test_the_interval_holds_the_true_quantile_as_often_as_it_says() -> None:
    draw = np.random.default_rng(11)
    true = -math.log(0.1)
    held = 0
    for _ in range(600):
        found = quantile(draw.exponential(size=300).tolist(), 0.9)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true <= found.high
    assert 0.93 <= held / 600 <= 0.995


def test_a_slope_is_found_in_noise_with_outliers() -> None:
    draw = np.random.default_rng(12)
    times_s = np.arange(0, 600, 5.0)
    values = 100 + times_s * 0.02 + draw.normal(scale=1.0, size=len(times_s))
    values[::17] += 500
    found = slope(list(times_s), list(values))
    assert found is not None
    assert found.per_hour == pytest.approx(72, rel=0.1)
    assert found.low_per_hour < 72 < found.high_per_hour
    assert found.start == pytest.approx(100, abs=1.5)


def test_the_slope_s_interval_holds_the_true_one_as_often_as_it_says() -> None:
    draw = np.random.default_rng(13)
    times_s = np.arange(40.0)
    held = 0
    for _ in range(300):
        found = slope(list(times_s), list(0.5 * times_s + draw.normal(size=40)))
        assert found is not None
        held += found.low_per_hour <= 1800 <= found.high_per_hour
    assert 0.9 <= held / 300 <= 0.99


def test_two_points_are_no_trend() -> None:
    assert slope([0.0, 1.0], [0.0, 1.0]) is None
    assert slope([1.0, 1.0, 1.0], [0.0, 1.0, 2.0]) is None
