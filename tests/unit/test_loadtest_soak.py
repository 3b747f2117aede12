"""The soak's verdict: growth is told from noise, and from what settles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from loadtest.figures import read_phase
from loadtest.phase import Phase
from loadtest.soak import Trend, trends
from tests.support.load_runs import look, looks, record, sample

PHASE = Phase(name="soak", rate_per_s=1.0, load=0.8, lead_in_s=30.0, measured_s=600.0, run_out_s=0.0)
DRAW = np.random.default_rng(21)


def soak(
    folder: Path,
    *,
    memory_mib: Callable[[float], float] = lambda _: 300.0,
    descriptors: Callable[[float], float] = lambda _: 60.0,
    latency_s: Callable[[float], float] = lambda _: 0.6,
) -> dict[str, Trend]:
    noise = DRAW.normal(size=1_000)
    lines = looks(
        630.0,
        5.0,
        lambda at_s: look(
            at_s, memory_mib=memory_mib(at_s) + 3 * noise[int(at_s)], descriptors=round(descriptors(at_s))
        ),
    )
    samples = [sample(at_s, latency_s(at_s) * float(np.exp(0.3 * noise[at_s]))) for at_s in range(630)]
    found = trends(read_phase(record(folder, PHASE, samples, resources=lines)))
    return {trend.what: trend for trend in found}


def growing(found: dict[str, Trend]) -> set[str]:
    return {name for name, trend in found.items() if trend.grows}


def test_every_service_and_the_latency_are_watched(tmp_path: Path) -> None:
    found = soak(tmp_path)
    assert set(found) == {"memory, preprocess", "descriptors, preprocess", "latency, p50", "latency, p90"}


def test_a_leak_of_three_megabytes_a_minute_is_growth(tmp_path: Path) -> None:
    found = soak(tmp_path, memory_mib=lambda at_s: 300 + at_s / 20)
    assert growing(found) == {"memory, preprocess"}
    assert abs(found["memory, preprocess"].growth - 30) < 3


def test_what_settles_before_the_measured_time_is_not_growth(tmp_path: Path) -> None:
    assert growing(soak(tmp_path, memory_mib=lambda at_s: 200.0 if at_s < 25 else 300.0)) == set()


def test_a_descriptor_a_minute_is_growth(tmp_path: Path) -> None:
    assert growing(soak(tmp_path, descriptors=lambda at_s: 60 + at_s / 60)) == {"descriptors, preprocess"}


def test_latency_that_creeps_up_is_growth(tmp_path: Path) -> None:
    assert growing(soak(tmp_path, latency_s=lambda at_s: 0.6 + at_s / 1_500)) == {"latency, p50", "latency, p90"}


def test_noise_is_hardly_ever_taken_for_growth(tmp_path: Path) -> None:
    alarms = sum(bool(growing(soak(tmp_path / str(number)))) for number in range(20))
    assert alarms <= 3
